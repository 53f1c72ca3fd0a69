"""Writes a file as a whole: it gets its name only when it is complete, so that an error leaves no half of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sidecar.errors import ConfigurationError

_ANOTHER_NAME = "name another file with --output FILE"


def check_new_file(path: Path, *, may_replace: bool) -> None:
    """Raise `ConfigurationError` if `new_file` would refuse this path."""
    if path.name == str(path) == "-":
        raise ConfigurationError("- is not the name of a file", hint=_ANOTHER_NAME)
    if path.is_dir():
        raise ConfigurationError("is a directory", location=str(path), hint="name a file with --output FILE")
    if path.exists() and not path.is_file():
        raise ConfigurationError("is not a regular file", location=str(path), hint=_ANOTHER_NAME)
    if os.path.lexists(path) and not may_replace:
        raise _exists(path)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigurationError(
            "is not a directory that this user can write to", location=str(path.parent), hint=_ANOTHER_NAME
        )


@contextmanager
def new_file(path: Path, *, may_replace: bool, mode: int = 0o666, hint: str = _ANOTHER_NAME) -> Iterator[Path]:
    """Yield an empty temporary file next to `path`, which becomes `path` if the block ends without an error.

    A symbolic link that is replaced keeps its target: the file that it leads to is written.
    """
    check_new_file(path, may_replace=may_replace)
    target = path.resolve()
    new = target.with_name(f".{target.name}.{os.urandom(4).hex()}.new")
    try:
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        yield new
        if may_replace:
            new.replace(target)
        else:
            os.link(new, target)  # unlike a rename, it never replaces a file that has appeared in the meantime
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise ConfigurationError(f"cannot be written ({error.strerror})", location=str(path), hint=hint) from error
    finally:
        new.unlink(missing_ok=True)


def _exists(path: Path) -> ConfigurationError:
    return ConfigurationError(
        "exists", location=str(path), hint="overwrite it with --force, or name another file with --output FILE"
    )
