"""Bounds what a server may send as one reply.

The driver makes room for a reply as large as its first bytes announce: up to 48 MB before the server has introduced
itself, and up to 2 GiB afterwards, because the server says itself what its limit is. No setting of the driver bounds
that, so its function is wrapped. Connections of other clients in this process, such as those of a plug-in, have
another `driver` name and are left as they are.
"""

from __future__ import annotations

from typing import Any

import pymongo.errors
from pymongo.driver_info import DriverInfo
from pymongo.synchronous import pool

from sidecar import __version__

MAX_REPLY_BYTES = 4 << 20
"""Several times what a server says of a whole batch that is refused."""

OWN_CLIENT = DriverInfo("log-sidecar", __version__)
"""The `driver` of a client whose replies are bounded."""

_receive = vars(pool)["receive_message"]


class ReplyTooLarge(pymongo.errors.ProtocolError):
    """The server announces a larger reply than it may send."""


def bound_replies() -> None:
    """Let no connection of a client that is an `OWN_CLIENT` take a larger reply."""
    vars(pool)["receive_message"] = _receive_bounded


def _receive_bounded(connection: Any, request_id: int | None, max_message_size: int = MAX_REPLY_BYTES) -> Any:
    if connection.opts.driver != OWN_CLIENT:
        return _receive(connection, request_id, max_message_size)
    try:
        return _receive(connection, request_id, MAX_REPLY_BYTES)
    except pymongo.errors.ProtocolError as error:
        if "is larger than" in str(error) or "or larger" in str(error):
            raise ReplyTooLarge(str(error)) from None
        raise
