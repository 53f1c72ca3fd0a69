"""Joined regexes: the same texts match as for each of them, and their common beginnings occur once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.parse.alternatives import join_alternatives
from sidecar.parse.formats import FORMATS

PATTERNS = [
    r"(?P<a>\d{4})-x++ [^\]]*\]", r"(?P<b>\d{4})-x++ y", r"\d{4}-x?", "a|b", "", r"[]a\]]+?b{2,}", r"[^]|]*\|",
    r"\(a\)",
    r"(?:a|(?:b)c)+d", r"(?=a)a[\w)]", r"\ufeff?é", "(?!x)x?y",
]  # fmt: skip
TEXT = st.text(st.sampled_from("0124-xy ab]|()cd\ufeffé"), max_size=8)


@given(st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=5), TEXT)
def test_a_text_matches_if_it_matches_one_of_the_patterns(patterns: list[str], text: str) -> None:
    expected = any(re.fullmatch(pattern, text) for pattern in patterns)
    assert bool(re.fullmatch(join_alternatives(patterns), text)) == expected


@pytest.mark.parametrize("name", FORMATS)
def test_the_patterns_of_a_format_match_the_same_examples_when_they_are_joined(name: str) -> None:
    form = FORMATS[name]
    for number in range(1, len(form.patterns) + 1):
        joined = re.compile(join_alternatives(form.patterns[:number]), re.DOTALL | re.ASCII)
        for line in form.examples:
            for text in (line, line[:-1], line[: len(line) // 2]):
                expected = any(re.fullmatch(p, text, re.DOTALL | re.ASCII) for p in form.patterns[:number])
                assert bool(joined.fullmatch(text)) == expected


def test_a_common_beginning_is_tried_once() -> None:
    assert join_alternatives([r"(?P<a>\d+) x", r"(?P<b>\d+) y+z", "(c)"]) == r"(?:(?:\d+) (?:x|y+z)|(c))"
