"""Compares the objects that a sink needs on its server with those that the server has."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sidecar.sinks.setup_contract import ServerObject, SetupConnection, contains


@dataclass(frozen=True, slots=True)
class Comparison:
    """An object that a sink needs, and the same object on the server."""

    wanted: ServerObject
    current: Mapping[str, Any] | None
    """The object on the server; None if it does not exist."""

    @property
    def is_satisfied(self) -> bool:
        """Whether the server has all that is wanted. It may have more."""
        return self.current is not None and contains(self.current, self.wanted.body)

    def difference(self) -> Iterator[str]:
        """Yield the lines of a unified diff from the object on the server to the one that replaces it."""
        before = [] if self.current is None else _lines(self.current)
        yield from list(difflib.unified_diff(before, _lines(self.wanted.body), n=2, lineterm=""))[2:]


def compare(connection: SetupConnection) -> list[Comparison]:
    """Return each object that the sink needs, compared with the server. Raise `DeliveryError`."""
    return [Comparison(wanted, connection.read(wanted)) for wanted in connection.plan()]


def _lines(body: Mapping[str, Any]) -> list[str]:
    return json.dumps(body, indent=2, ensure_ascii=False, sort_keys=True, default=str).splitlines()
