"""Limits the size of a reply of the server.

The driver allocates memory for a reply of the size in its first bytes: up to 48 MB before the handshake, and up to
2 GiB afterwards, because the handshake lets the server set the limit. The driver has no setting for a lower limit, so
its function is wrapped. Connections of other clients in this process, such as those of a plug-in, have another
`driver` name and are not limited.
"""

from __future__ import annotations

from typing import Any

import pymongo.errors
from pymongo.driver_info import DriverInfo
from pymongo.synchronous import pool

from sidecar import __version__

MAX_REPLY_BYTES = 4 << 20
"""Maximum size of a reply: several times that of a reply that refuses all documents of a batch."""

OWN_CLIENT = DriverInfo("log-sidecar", __version__)
"""The `driver` option of a client whose replies are limited."""

_receive = vars(pool)["receive_message"]


class ReplyTooLarge(pymongo.errors.ProtocolError):
    """The first bytes of a reply announce more than `MAX_REPLY_BYTES`."""


def bound_replies() -> None:
    """Limit the replies to all clients of this process whose `driver` option is `OWN_CLIENT`."""
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
