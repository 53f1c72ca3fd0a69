"""The official client, without its asynchronous half: that takes 3 MiB of each sidecar, and nobody here uses it.

Whoever asks for `elasticsearch.AsyncElasticsearch`, a plug-in for instance, still gets it, at that moment.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import SimpleNamespace

_HALF, _NAME = "elasticsearch._async.client", "AsyncElasticsearch"


def _late(name: str) -> object:
    if name != _NAME:
        raise AttributeError(f"module 'elasticsearch' has no attribute {name!r}")
    return getattr(import_module(_HALF), name)


if "elasticsearch" in sys.modules:
    import elasticsearch
else:
    sys.modules[_HALF] = SimpleNamespace(**{_NAME: None})  # type: ignore[assignment]  # what `import` finds there
    try:
        import elasticsearch
    finally:
        del sys.modules[_HALF]
    delattr(elasticsearch, _NAME)
    elasticsearch.__getattr__ = _late  # type: ignore[method-assign]  # PEP 562

__all__ = ["elasticsearch"]
