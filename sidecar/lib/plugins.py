"""Loads plug-ins by their entry points. A plug-in is imported when it is used first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from sidecar.errors import ConfigurationError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class PluginInfo(NamedTuple):
    """The description of a plug-in, or of a built-in sink, parser or transform."""

    name: str
    origin: str
    """Distribution and version, or `built in`."""

    summary: str
    """First line of its docstring, or the reason why it cannot be imported."""


class PluginGroup:
    """The plug-ins of one entry point group. `kind`: what messages call one of them, such as `sink`."""

    def __init__(self, group: str, kind: str) -> None:
        self._group, self._kind = group, kind

    def names(self) -> list[str]:
        """Return the names of all installed plug-ins, without importing them."""
        return [point.name for point in self._points()]

    def load(self, name: str) -> object:
        """Return the object to which the entry point with this name refers.

        Raise `LookupError` for an unknown name, `ConfigurationError` if the import fails.
        """
        for point in self._points():
            if point.name == name:
                return self._load(point)
        raise LookupError(name)

    def catalogue(self) -> Iterator[PluginInfo]:
        """Yield every installed plug-in. If one cannot be imported, its summary is the reason."""
        for point in self._points():
            try:
                summary = summary_of(self._load(point))
            except ConfigurationError as error:
                summary = error.message
            yield PluginInfo(point.name, _origin(point), summary)

    def _load(self, point: EntryPoint) -> object:
        try:
            return point.load()
        except Exception as error:  # the code of a plug-in may raise anything
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            origin = _origin(point)
            raise ConfigurationError(
                f'the {self._kind} "{point.name}"{f" of {origin}" if origin else ""} cannot be imported ({reason})',
                hint=f"install the packages that this {self._kind} needs, or another version of it",
            ) from error

    def _points(self) -> list[EntryPoint]:
        # A sidecar without plug-ins does not need this module, which needs 1 MiB.
        entry_points = import_module("importlib.metadata").entry_points
        return sorted(entry_points(group=self._group), key=lambda point: point.name)


def summary_of(plugin: object) -> str:
    """Return the first line of the docstring of a plug-in."""
    return (plugin.__doc__ or _read_docstring(plugin)).strip().partition("\n")[0]


def _read_docstring(plugin: object) -> str:
    # In the image, docstrings are removed from the byte code.
    ast, inspect, textwrap = import_module("ast"), import_module("inspect"), import_module("textwrap")
    with suppress(OSError, TypeError, SyntaxError, IndexError):
        return ast.get_docstring(ast.parse(textwrap.dedent(inspect.getsource(plugin))).body[0]) or ""
    return ""


def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else ""
