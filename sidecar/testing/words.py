"""Shortens values for the messages of the conformance kits."""

from __future__ import annotations


def shorten(value: object) -> str:
    """Return the value as text of at most 200 characters."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
