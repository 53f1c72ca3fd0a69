"""Reads quantities as Kubernetes writes them: `250m`, `1.5`, `64Mi`."""

from __future__ import annotations

import re
from decimal import Decimal

_QUANTITY = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_UNITS = {
    "m": Decimal("0.001"), "": Decimal(1),
    "k": Decimal(1000), "M": Decimal(1000**2), "G": Decimal(1000**3), "T": Decimal(1000**4),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
}  # fmt: skip


def parse_quantity(text: str) -> Decimal | None:
    """Return the amount, None if the text is not a quantity."""
    match = _QUANTITY.fullmatch(text)
    return Decimal(match[1]) * _UNITS[match[2] or ""] if match else None
