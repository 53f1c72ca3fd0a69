"""Caches the conversion of timestamps per second. The fraction is kept unchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Key = TypeVar("Key")
_MAX_CACHED_SECONDS = 4096

TimeAffixes = tuple[str, str]
"""RFC 3339 text before and after the fraction; ("", "") if the text is not a timestamp."""


class SecondCache(Generic[Key]):
    """Caches the result of `convert` for each key: the text of a timestamp without its fraction."""

    def __init__(self, convert: Callable[[Key], TimeAffixes]) -> None:
        self._convert_second = convert
        self._cached: dict[Key, TimeAffixes] = {}

    def convert(self, key: Key, fraction: str = "") -> str:
        """Return the timestamp, or "" if the key is not a time."""
        affixes = self._cached.get(key)
        if affixes is None:
            if len(self._cached) >= _MAX_CACHED_SECONDS:
                self._cached.clear()
            affixes = self._cached[key] = self._convert_second(key)
        head, tail = affixes
        return f"{head}.{fraction}{tail}" if fraction and head else head + tail

    def convert_all(self, keys: Sequence[Key], fractions: Sequence[str] = ()) -> list[str]:
        """Return the timestamps of several keys. Equal keys are converted once. Empty `fractions`: no timestamp has a
        fraction.
        """
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
        """Drop all conversions, because the missing year or date of a text may have changed."""
        self._cached.clear()
