"""Recognizes names of rotated files: `app.log` becomes `app.log.1`, `app.log-20261128.gz` or `app-20261128.log`."""

from __future__ import annotations

import os
import re
from functools import lru_cache

COMPRESSED = (".gz", ".xz", ".bz2", ".zst")
"""Extensions of compressed files that can be read."""

_WORDS = "old|bak|backup|prev|previous|orig|save|saved|rotated|archived|copy|tmp"
_ADDED = rf"(?i:[-._+:]{{1,2}}(?:\d+(?:T\d+)?Z?|{_WORDS}))"
"""A separator, followed by a number, a part of a date or time, or one of the words."""

_END = r"\Z"
_SUFFIX = re.compile(rf"{_ADDED}+\Z")
_COMPRESSION = re.compile(r"\.(?:gz|bz2|xz|zst|lz4|zip)\Z")


def is_rotation_of(original: str, name: str) -> bool:
    """Return whether a rotation may rename the path `original` to the path `name`, in the same directory."""
    folder, _, before = original.rpartition("/")  # faster than os.path: there may be thousands of names
    other, _, made = name.rpartition("/")
    is_made = folder == other and _pattern(before).fullmatch(made) is not None
    return is_made and made not in (before, _base(before))


def find_originals(name: str) -> list[str]:
    """Return the paths that a rotation may have renamed to the path `name`, and `name` itself."""
    folder, made = os.path.split(name)
    plain = _COMPRESSION.sub("", made)
    base = _SUFFIX.sub("", plain)
    stem, dot, extension = base.rpartition(".")
    found = [made, plain, base, f"{_SUFFIX.sub('', stem)}{dot}{extension}"]
    return [os.path.join(folder, each) for each in dict.fromkeys(found) if each]


@lru_cache(maxsize=4096)
def _pattern(original: str) -> re.Pattern[str]:
    """Return a pattern for the names that a rotation makes from this name, or from the original of this name."""
    base = _base(original)
    stem, dot, extension = base.rpartition(".")
    names = [re.escape(base)]
    if stem:
        names.append(rf"{re.escape(stem)}{_ADDED}+{re.escape(dot + extension)}")
    return re.compile(rf"(?:{'|'.join(names)}){_ADDED}*(?:{_COMPRESSION.pattern.removesuffix(_END)})?")


def _base(name: str) -> str:
    return _SUFFIX.sub("", _COMPRESSION.sub("", name)) or name
