"""Explains an installation in which files of the package `sidecar` are missing or are those of another distribution.

Another project on the package index has a package of this name, and pip overwrites files silently.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

_NAME = "log-sidecar"
_REMEDY = f"install {_NAME} in a virtual environment without them"


def explain(reason: str) -> str:
    """Return one sentence about the package that was imported: where it is, what is wrong with it, and what to do."""
    package = Path(__file__).parents[1]
    others = " and ".join(f"{each.name} {each.version}" for each in _list_others(package.name))
    if others:
        return f"{package} is not as {_NAME} installs it ({reason}), because it also has files of {others}; {_REMEDY}"
    return f"{package} is not as {_NAME} installs it ({reason}); install {_NAME} again in a virtual environment"


def _list_others(package: str) -> Iterator[Distribution]:
    for each in distributions():
        if each.name != _NAME and any(file.parts[0] == package for file in each.files or ()):
            yield each
