"""Times that are converted once for each second, with the fraction as it is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")
_CACHED = 4096

Ends = tuple[str, str]
"""What stands before and after the fraction of a time as RFC 3339 has it; nothing for no time."""


class SecondCache(Generic[Key]):
    """Knows what `convert` made of what stands for a second."""

    def __init__(self, convert: Callable[[Key], Ends]) -> None:
        self._convert = convert
        self._known: dict[Key, Ends] = {}

    def one(self, key: Key, fraction: str = "") -> str:
        """The time, or "" if there is none."""
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _CACHED:
                self._known.clear()
            found = self._known[key] = self._convert(key)
        head, tail = found
        return f"{head}.{fraction}{tail}" if fraction and head else head + tail

    def all(self, keys: Sequence[Key], fractions: Sequence[str] = ()) -> list[str]:
        """The same for several, of which many are alike. With no fractions at all, none of them has one."""
        known = self._known
        if len(known) > _CACHED:
            known.clear()
        distinct = set(keys)
        for key in distinct - known.keys():
            known[key] = self._convert(key)
        if not fractions:
            whole = {key: "".join(known[key]) for key in distinct}
            return [whole[key] for key in keys]
        return [
            f"{head}.{fraction}{tail}" if fraction and head else head + tail
            for (head, tail), fraction in zip([known[key] for key in keys], fractions, strict=True)
        ]

    def clear(self) -> None:
        """From now on another second may be meant."""
        self._known.clear()
