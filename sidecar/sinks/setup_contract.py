"""The contract of a sink for `sidecar setup`: what it needs on its server, such as an index template."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, runtime_checkable

import msgspec


class ServerObject(msgspec.Struct, frozen=True):
    """An object that a sink needs on its server."""

    name: str
    """Kind and name, such as `index template log-sidecar-app`."""

    request: str
    """The request that creates it, as the documentation of the server writes it: `PUT /_index_template/app`."""

    body: Mapping[str, Any]
    """The body of the request. An existing object that has all of these members is not changed."""

    note: str = ""
    """A sentence about what a change affects; "" if it takes effect at once."""


class SetupConnection(Protocol):
    """A connection to the server. Its methods raise `DeliveryError`."""

    @property
    def server(self) -> str:
        """Product and version; "" if the server does not return them."""
        ...

    def plan(self) -> Sequence[ServerObject]:
        """Return the objects that the sink needs on this server, in the order in which they are created."""
        ...

    def read(self, wanted: ServerObject) -> Mapping[str, Any] | None:
        """Return the object as the server has it, in the form of `ServerObject.body`; None if it does not exist."""
        ...

    def write(self, wanted: ServerObject) -> None:
        """Create or replace the object."""
        ...


@runtime_checkable
class PreparableSink(Protocol):
    """A sink that can create what it needs on its server."""

    def plan_setup(self) -> Sequence[ServerObject]:
        """Return the objects that the sink needs, without a connection to the server."""
        ...

    def connect_setup(self) -> AbstractContextManager[SetupConnection]:
        """Connect to the server with the credentials of the sink. Raise `DeliveryError`."""
        ...


def contains(current: Any, wanted: Any) -> bool:
    """Return whether `current` has every member of `wanted`. Servers add defaults, and return some values as text."""
    if isinstance(wanted, Mapping):
        return isinstance(current, Mapping) and all(
            name in current and contains(current[name], value) for name, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        is_list = isinstance(current, list | tuple) and len(current) == len(wanted)
        return is_list and all(map(contains, current, wanted))
    return current == wanted or _as_text(current) == _as_text(wanted)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
