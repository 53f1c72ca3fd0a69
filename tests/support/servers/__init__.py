"""The real components that tests run against, started by the tests themselves."""

from __future__ import annotations


class ComponentMissing(Exception):
    """A real component is not available on this machine; says what is missing and how to get it."""
