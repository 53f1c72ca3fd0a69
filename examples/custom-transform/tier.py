"""Which tier a customer is in, by the first letter of their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sidecar.transform.plugin import Record

TIERS = {"G": "gold", "S": "silver"}


def tier(records: Sequence[Record], /, *, field: str = "customer.id", tiers: Mapping[str, str] = TIERS) -> None:
    """`customer.tier` from the first letter of `customer.id`."""
    for record in records:
        number = record.get(field)
        if isinstance(number, str):
            record.set("customer.tier", tiers[number[:1]])
