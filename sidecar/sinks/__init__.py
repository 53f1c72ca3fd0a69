"""The built-in sinks, and the contract of a sink.

In: batches of documents. Out: `WriteResult`, with the outcome of each document. Sinks do not import each other;
modules that several sinks use are in `sinks.common`.

This package is the interface for plug-ins: `from sidecar.sinks import Sink, SinkSettings, Batch, WriteResult`.
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

if not TYPE_CHECKING:  # with `__getattr__`, a type checker would accept any name

    def __getattr__(name: str) -> object:
        # Every sink imports this package, so the modules are not imported before one of the names is used (PEP 562).
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)
