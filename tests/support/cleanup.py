"""Close what helpers of tests open, at the end of the test."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Protocol, TypeVar


class _Closable(Protocol):
    def close(self) -> object: ...


Resource = TypeVar("Resource", bound=_Closable)

OPEN = ExitStack()
"""What the running test has open; a fixture closes it after each test."""


def close_after_test(resource: Resource) -> Resource:
    """Close the resource at the end of the running test. Return it."""
    OPEN.callback(resource.close)
    return resource
