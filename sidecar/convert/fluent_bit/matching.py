"""Decides which tags a filter or output of Fluent Bit selects."""

from __future__ import annotations

from fnmatch import fnmatchcase

from sidecar.convert.source import Section
from sidecar.lib.user_regex import compile_user_regex


def is_match(section: Section, tag: str) -> bool:
    """Return whether Match or Match_Regex selects this tag. Without either, all tags are selected."""
    glob, pattern = section.text("match"), section.text("match_regex")
    if pattern:
        try:
            return compile_user_regex(pattern).search(tag, timeout=1) is not None
        except (ValueError, TimeoutError):
            return False
    return fnmatchcase(tag, glob.replace("[", "[[]").replace("?", "[?]") or "*")
