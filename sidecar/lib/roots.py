"""Opens directories without following symbolic links of the application.

The application can write to the volume and is not trusted. It may replace any directory with a symbolic link at any
moment, even a directory in the fixed part of a pattern. So a path is walked component by component from `/`. Each
component is opened relative to the descriptor of its parent, and links are refused (openat(2), `O_NOFOLLOW`).

Links of the administrator are resolved once, when the configuration is read. Only two kinds of links are followed
later: `..data`, which the kubelet writes in a mounted volume, and a link to a directory below its parent, such as
`current -> releases/7`. Neither can lead out of its parent directory.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTING = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_KUBERNETES_DATA = "..data"


class LinkInPath(OSError):
    """A component of the path is a symbolic link that must not be followed. `filename`: its path."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ELOOP, "a symbolic link where a directory is expected", path)


def enter_directory(directory: int, name: str) -> int:
    """Return a descriptor of the directory `name` in `directory`. Raise `OSError` if it is not a directory."""
    return os.open(name, _DIRECTORY, dir_fd=directory)


def open_listing(directory: int, name: str = ".") -> int:
    """Return a descriptor to list the names in `directory`, or in its subdirectory `name`.

    Raise `OSError` if it is a link or cannot be read.
    """
    return os.open(name, _LISTING, dir_fd=directory)


@contextmanager
def open_directory(path: str) -> Iterator[int]:
    """Yield a descriptor of the directory at an absolute path without links.

    Raise `LinkInPath` if the path contains one, and `OSError` as open(2) does.
    """
    walk = _PathWalk()
    try:
        for name in parts_of(path):
            walk.enter(name)
        yield walk.directory
    finally:
        os.close(walk.directory)


def parts_of(path: str) -> list[str]:
    """Return the components of a path."""
    return [part for part in path.split("/") if part not in ("", ".")]


class Reached(NamedTuple):
    """The deepest directory that a walk has reached: descriptor, path, and the error that ended the walk."""

    directory: int
    path: str
    error: OSError | None


class Root:
    """A directory that the configuration names.

    `text`: its path as written. `path`: its last known path without links.
    """

    def __init__(self, text: str, known: Callable[[], Iterable[str]] = tuple) -> None:
        """Resolve the links of the administrator in the path.

        `known` returns the paths without links that were read in earlier runs. A component of such a path was a
        directory then. So if it is a link now, the administrator did not create it.
        """
        self.text = text
        self._base, self._rest = _resolve(parts_of(text), known)
        self.path = "/".join(("", *parts_of(self._base), *(name for name, _ in self._rest))) or "/"

    @contextmanager
    def reach(self) -> Iterator[Reached]:
        """Walk to the directory, or to its deepest existing parent. Raise `OSError` if `/` cannot be opened."""
        walk = _PathWalk()
        error: OSError | None = None
        try:
            try:
                for name in parts_of(self._base):
                    walk.enter(name)
                for name, may_be_link in self._rest:
                    walk.enter_or_follow(name) if may_be_link else walk.enter(name)
                self.path = walk.path
            except OSError as reason:
                error = reason
            yield Reached(walk.directory, walk.path, error)
        finally:
            os.close(walk.directory)


class Roots:
    """The directories that the configuration has named during this process. Each is resolved once."""

    def __init__(self) -> None:
        self._roots: dict[str, Root] = {}

    def find(self, text: str, known: Callable[[], Iterable[str]] = tuple) -> Root:
        """Return the directory for a path in the configuration."""
        if text not in self._roots:
            self._roots[text] = Root(text, known)
        return self._roots[text]


class _PathWalk:
    """A walk from `/` that holds the descriptor of its current directory."""

    def __init__(self) -> None:
        self.directory = os.open("/", _DIRECTORY)
        self._names: list[str] = []

    @property
    def path(self) -> str:
        return "/" + "/".join(self._names)

    def enter(self, name: str) -> None:
        try:
            below = enter_directory(self.directory, name)
        except NotADirectoryError:
            if _is_link(name, self.directory):
                raise LinkInPath("/" + "/".join((*self._names, name))) from None
            raise
        os.close(self.directory)
        self.directory = below
        self._names.append(name)

    def enter_or_follow(self, name: str) -> None:
        """Enter the directory `name`. If it is a symbolic link, enter its target.

        The target must be below the current directory. Raise `LinkInPath` for any other link.
        """
        if not _is_link(name, self.directory):
            self.enter(name)
            return
        target = os.readlink(name, dir_fd=self.directory)
        parts = parts_of(target)
        is_allowed = _is_kubernetes(parts) if name == _KUBERNETES_DATA else _stays_below(target)
        if not is_allowed:
            raise LinkInPath("/" + "/".join((*self._names, name)))
        device = os.fstat(self.directory).st_dev
        for part in parts:
            self.enter(part)
            if os.fstat(self.directory).st_dev != device:
                raise LinkInPath(self.path)


def _is_link(name: str, directory: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _is_kubernetes(parts: list[str]) -> bool:
    """Return whether the kubelet may have created a link `..data` with this target: a directory next to the link."""
    return len(parts) == 1 and parts[0].startswith("..") and parts[0] not in ("..", _KUBERNETES_DATA)


def _stays_below(target: str) -> bool:
    return not target.startswith("/") and ".." not in parts_of(target) and bool(parts_of(target))


def _resolve(parts: list[str], known: Callable[[], Iterable[str]]) -> tuple[str, list[tuple[str, bool]]]:
    """Return the path of a directory without links, and the components below it.

    Each component has a flag: whether it may be a link when the path is walked later.
    """
    base, current = "/", "/"
    rest: list[tuple[str, bool]] = []
    for number, name in enumerate(parts):
        path = os.path.join(current, name)
        if name == _KUBERNETES_DATA:
            rest.append((name, True))
            current = os.path.realpath(path)
            continue
        try:
            target = os.readlink(path)
        except OSError:
            rest.append((name, False))
            current = path
            continue
        if any(known_path.startswith(f"{path}/") for known_path in known()):
            return base, rest + [(known_path, False) for known_path in parts[number:]]
        resolved = os.path.realpath(path)
        if _stays_below(target) and resolved == os.path.join(current, *parts_of(target)):
            rest.append((name, True))
        else:
            base, rest = resolved, []
        current = resolved
    return base, rest
