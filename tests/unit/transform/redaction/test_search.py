"""The compiled searches of detectors: they find what the patterns find that they stand for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.transform.redaction.detectors import DETECTORS, SearchPattern
from sidecar.transform.redaction.search import Matcher, Text

COMPILED = [pattern for detector in DETECTORS.values() for pattern in detector.patterns if pattern.mask]
PIECES = st.sampled_from(
    ["1", "10", "25", "255", "256", "01", "0", ".", ".", ".", "192.0.2.1", "1.2.3.4", ":", "_", "a", " ", "\n", "@",
     "a.b", "-", "@x.example", "ann", "+%", "x" * 62, "\u00e4", "\u0661", "\u00b2", "\ud800", "\x01", '"',
     "\U0001f600"]
)  # fmt: skip


def test_email_addresses_and_ip_addresses_have_a_compiled_search() -> None:
    assert len(COMPILED) == 2


@pytest.mark.parametrize("pattern", COMPILED, ids=["email", "ip"])
@pytest.mark.parametrize("is_packed", [True, False])
@given(text=st.lists(PIECES, max_size=16).map("".join))
def test_a_compiled_search_replaces_what_its_pattern_does(pattern: SearchPattern, is_packed: bool, text: str) -> None:
    compiled, plain = Matcher(pattern, "0", is_packed), Matcher(replace(pattern, mask=None), "0", is_packed)
    assert compiled.redact(Text(text)).text == plain.redact(Text(text)).text


PASSWORDS = st.lists(
    st.sampled_from(
        ["password", "PassWd", "=", ":", " ", '"', "'", "x", "A\u0130", "\n", "secret", "://", "a", "@", "\u017f"]
    ),
    max_size=14,
).map("".join)


@given(PASSWORDS)
def test_texts_that_differ_in_case_keep_all_but_the_secret(text: str) -> None:
    [search] = DETECTORS["password"].patterns
    fixed, computed = (Matcher(search, replacement, is_packed=False) for replacement in ("#", lambda _: "#"))
    assert fixed.redact(Text(text)).text == computed.redact(Text(text)).text
