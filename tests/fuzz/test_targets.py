"""The targets of the fuzzer on inputs that need no fuzzer, so that they stay right."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.material import TOKENS
from tests.fuzz.targets import TARGETS

PIECES = st.lists(
    st.binary(max_size=24) | st.sampled_from([token for token in TOKENS if len(token) < 200]), max_size=16
)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=200, deadline=None)
@given(data=PIECES.map(b"".join))
def test_whatever_the_bytes_are_the_property_holds(name: str, data: bytes) -> None:
    TARGETS[name](data)
