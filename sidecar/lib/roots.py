"""Reaches directories without following a link that the administrator did not make.

The application owns the volume and is not trusted: each directory in it, also one that a pattern names literally, may
be replaced by a symbolic link at any moment. So a path is walked component by component from `/`, each opened from
the descriptor of the one above it and none through a link (openat(2), `O_NOFOLLOW`).

The administrator's own links are followed once, when the configuration is read. After that only two kinds may
change: `..data`, as the kubelet writes it in a mounted volume, and a link to a directory below the one that holds it,
such as `current -> releases/7`. Neither can lead out of the directory that holds it.
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
    """A component of the path is a symbolic link that may not be followed; `filename` says which."""

    def __init__(self, path: str) -> None:
        super().__init__(errno.ELOOP, "a symbolic link where a directory is expected", path)


def enter_directory(directory: int, name: str) -> int:
    """Return a descriptor of the directory `name` in `directory`. Raise `OSError` if it is none."""
    return os.open(name, _DIRECTORY, dir_fd=directory)


def open_listing(directory: int, name: str = ".") -> int:
    """Return a descriptor through which the names in `directory`, or in the directory `name` of it, can be listed.

    Raise `OSError` if it is a link or cannot be read.
    """
    return os.open(name, _LISTING, dir_fd=directory)


@contextmanager
def open_directory(path: str) -> Iterator[int]:
    """Yield a descriptor of the directory at an absolute path that holds no link.

    Raise `LinkInPath` if it holds one after all, and `OSError` as open(2) does.
    """
    walk = _PathWalk()
    try:
        for name in parts_of(path):
            walk.enter(name)
        yield walk.directory
    finally:
        os.close(walk.directory)


def has_directory(path: str) -> bool:
    """Return whether there is a directory at this path, and no link on the way."""
    try:
        with open_directory(path):
            return True
    except OSError:
        return False


def parts_of(path: str) -> list[str]:
    """Return the components of a path."""
    return [part for part in path.split("/") if part not in ("", ".")]


class Reached(NamedTuple):
    """The deepest directory that a walk came to: its descriptor, its path, and why it went no deeper."""

    directory: int
    path: str
    error: OSError | None


class Root:
    """A directory that the administrator named: `text` as written, `path` where it was last found, without links."""

    def __init__(self, text: str, known: Callable[[], Iterable[str]] = tuple) -> None:
        """`known` returns paths without links that were read in earlier runs.

        What such a path passes through was a directory then, so a link in its place is not the administrator's.
        """
        self.text = text
        self._base, self._rest = _resolve(parts_of(text), known)
        self.path = "/".join(("", *parts_of(self._base), *(name for name, _ in self._rest))) or "/"

    @contextmanager
    def reach(self) -> Iterator[Reached]:
        """Walk to the directory, or as far as it is there. Raise `OSError` if not even `/` can be opened."""
        walk = _PathWalk()
        error: OSError | None = None
        try:
            try:
                for name in parts_of(self._base):
                    walk.enter(name)
                for name, may_be_link in self._rest:
                    walk.enter_or_follow(name) if may_be_link else walk.enter(name)
                self.path = walk.path
            except OSError as found:
                error = found
            yield Reached(walk.directory, walk.path, error)
        finally:
            os.close(walk.directory)


class Roots:
    """The directories that the administrator named in the life of this process, each resolved once."""

    def __init__(self) -> None:
        self._roots: dict[str, Root] = {}

    def find(self, text: str, known: Callable[[], Iterable[str]] = tuple) -> Root:
        """Return the directory that is written so in the configuration."""
        if text not in self._roots:
            self._roots[text] = Root(text, known)
        return self._roots[text]


class _PathWalk:
    """A walk from `/`, holding the descriptor of the directory that it has come to."""

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
        """Enter a directory, or one below this one that a link in its place names."""
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
    """Return whether a link `..data` leads where the kubelet makes it lead: to a directory next to it."""
    return len(parts) == 1 and parts[0].startswith("..") and parts[0] not in ("..", _KUBERNETES_DATA)


def _stays_below(target: str) -> bool:
    return not target.startswith("/") and ".." not in parts_of(target) and bool(parts_of(target))


def _resolve(parts: list[str], known: Callable[[], Iterable[str]]) -> tuple[str, list[tuple[str, bool]]]:
    """Return a path without links, and the components below it, each with whether it may be a link at each scan."""
    base, here = "/", "/"
    rest: list[tuple[str, bool]] = []
    for number, name in enumerate(parts):
        path = os.path.join(here, name)
        if name == _KUBERNETES_DATA:
            rest.append((name, True))
            here = os.path.realpath(path)
            continue
        try:
            target = os.readlink(path)
        except OSError:
            rest.append((name, False))
            here = path
            continue
        if any(each.startswith(f"{path}/") for each in known()):
            return base, rest + [(each, False) for each in parts[number:]]
        after = os.path.realpath(path)
        if _stays_below(target) and after == os.path.join(here, *parts_of(target)):
            rest.append((name, True))
        else:
            base, rest = after, []
        here = after
    return base, rest
