"""The sinks, and the contract that a sink keeps.

In: batches of documents. Out: what was stored, what was rejected, and the error. Sinks do not import each other; what
several of them need is in `sinks.common`.

A plug-in imports what it needs from here: `from sidecar.sinks import Sink, SinkSettings, Batch, WriteResult`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidecar.errors import Misconfigured, RequestTooLarge, Retryable
    from sidecar.model.batch import Batch, Rejection, WriteResult
    from sidecar.sinks.contract import Sink, SinkSettings

__all__ = [
    "Batch",
    "Misconfigured",
    "Rejection",
    "RequestTooLarge",
    "Retryable",
    "Sink",
    "SinkSettings",
    "WriteResult",
]

_MODULES = {
    "Batch": "sidecar.model.batch",
    "Misconfigured": "sidecar.errors",
    "Rejection": "sidecar.model.batch",
    "RequestTooLarge": "sidecar.errors",
    "Retryable": "sidecar.errors",
    "Sink": "sidecar.sinks.contract",
    "SinkSettings": "sidecar.sinks.contract",
    "WriteResult": "sidecar.model.batch",
}

if not TYPE_CHECKING:  # a type checker would take any name for one of this package

    def __getattr__(name: str) -> object:
        # Every sink imports this package, so it imports nothing itself before a name is asked for (PEP 562).
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)
