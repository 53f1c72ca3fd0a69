"""Bounds what a server may send as one reply.

The driver makes room for a reply as large as its first bytes announce: up to 48 MB before the server has introduced
itself, and up to 2 GiB afterwards, because the server says itself what its limit is. No setting of the driver bounds
that, so its function is wrapped.
"""

from __future__ import annotations

from typing import Any

import pymongo.errors
from pymongo.synchronous import pool

MAX_REPLY_BYTES = 4 << 20
"""Several times what a server says of a whole batch that is refused."""

_receive = vars(pool)["receive_message"]


class ReplyTooLarge(pymongo.errors.ProtocolError):
    """The server announces a larger reply than it may send."""


def bound_replies() -> None:
    """Let no connection of this process take a larger reply."""
    vars(pool)["receive_message"] = _receive_bounded


def _receive_bounded(connection: Any, request_id: int | None, max_message_size: int = MAX_REPLY_BYTES) -> Any:
    try:
        return _receive(connection, request_id, MAX_REPLY_BYTES)
    except pymongo.errors.ProtocolError as error:
        if "is larger than" in str(error) or "or larger" in str(error):
            raise ReplyTooLarge(str(error)) from None
        raise
