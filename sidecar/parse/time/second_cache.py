"""Caches the conversion of timestamps per second; the fraction is kept as written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")
_MAX_CACHED_SECONDS = 4096

TimeAffixes = tuple[str, str]
"""RFC 3339 text before and after the fraction; ("", "") if it is not a timestamp."""


class SecondCache(Generic[Key]):
    """Caches what `convert` returns for each second."""

    def __init__(self, convert: Callable[[Key], TimeAffixes]) -> None:
        self._convert_second = convert
        self._cached: dict[Key, TimeAffixes] = {}

    def convert(self, key: Key, fraction: str = "") -> str:
        """Return the timestamp, or "" if there is none."""
        affixes = self._cached.get(key)
        if affixes is None:
            if len(self._cached) >= _MAX_CACHED_SECONDS:
                self._cached.clear()
            affixes = self._cached[key] = self._convert_second(key)
        head, tail = affixes
        return f"{head}.{fraction}{tail}" if fraction and head else head + tail

    def convert_all(self, keys: Sequence[Key], fractions: Sequence[str] = ()) -> list[str]:
        """Return the timestamps of several keys, many of them equal. Empty `fractions`: none has a fraction."""
        cached = self._cached
        if len(cached) > _MAX_CACHED_SECONDS:
            cached.clear()
        distinct = set(keys)
        for key in distinct - cached.keys():
            cached[key] = self._convert_second(key)
        if not fractions:
            whole = {key: "".join(cached[key]) for key in distinct}
            return [whole[key] for key in keys]
        return [
            f"{head}.{fraction}{tail}" if fraction and head else head + tail
            for (head, tail), fraction in zip([cached[key] for key in keys], fractions, strict=True)
        ]

    def clear(self) -> None:
        """Forget all conversions, because the same text may mean another second."""
        self._cached.clear()
