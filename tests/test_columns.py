"""The compiled loops and their reference in Python: the same answers to the byte, and the same refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.columns import _compiled, reference

NAMES = ("lines", "unwrapped", "rendered", "holds", "counted", "is_unescaped")
TEXT = st.text(max_size=20)
SHORT_BYTES = st.binary(max_size=200) | st.lists(
    st.sampled_from([b"\n", b'"', b"_", b"\\", b"a" * 63, b"\xc3\xa4"])
).map(b"".join)


def outcome(function: Callable[..., Any], *given_: object) -> object:
    """The answer, or the class of the refusal."""
    try:
        return function(*given_)
    except (ValueError, TypeError, OverflowError) as error:
        return type(error)


def both(name: str, *given_: object) -> object:
    """What both answer, which has to be the same."""
    answer = outcome(getattr(_compiled, name), *given_)
    assert answer == outcome(getattr(reference, name), *given_), (name, given_)
    return answer


@given(SHORT_BYTES, st.integers(0, 2**62))
def test_lines(data: bytes, offset: int) -> None:
    both("lines", data, offset)
    both("lines", data + b"\n", offset)


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_lines_begin_where_they_stand_in_the_bytes(texts: list[str]) -> None:
    data = "".join(f"{text}\n" for text in texts).encode()
    found, starts = _compiled.lines(data, 7) or ([], [])
    assert found == texts
    assert [data[at - 7 :].split(b"\n")[0].decode() for at in starts] == texts


@given(st.lists(TEXT | TEXT.map(lambda text: f"{{{text}}}"), max_size=5))
def test_unwrapped(texts: list[str]) -> None:
    if any("\ud800" <= each <= "\udfff" for text in texts for each in text):
        return  # no text that came from a file has half a surrogate pair
    both("unwrapped", texts, "{", "}")
    wrapped = [f"{{{text}}}" for text in texts]
    assert both("unwrapped", wrapped, "{", "}") == texts


@given(st.integers(0, 5).flatmap(lambda rows: st.tuples(st.just(rows), st.lists(
    TEXT | st.lists(TEXT, min_size=rows, max_size=rows)
    | st.lists(st.integers(0, 2**63 - 1), min_size=rows, max_size=rows), max_size=16,
))))  # fmt: skip
def test_rendered(case: tuple[int, list[Any]]) -> None:
    rows, columns = case
    both("rendered", rows, tuple(columns))


@pytest.mark.parametrize("number", [0, 9, 10, 99, 100, 10**18, 2**63 - 1])
def test_numbers_are_rendered_in_full(number: int) -> None:
    assert both("rendered", 2, ("a", [number, 7], "\n")) == b"a%d\na7\n" % number


@pytest.mark.parametrize(
    "columns",
    [([-1],), ([1, 2],), ([2**63],), (7,), (["a", 1],), ([1, "a"],), ([None],), ("a",) * 17, (["\ud800"],)],
)
def test_columns_that_are_none_are_refused_and_nothing_is_written(columns: tuple[Any, ...]) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        _compiled.rendered(1, columns)


@given(
    st.lists(SHORT_BYTES | st.sampled_from([b'"log.', b"offset", b'"', b"."])).map(b"".join),
    st.binary(max_size=3) | st.sampled_from([b'"_', b"\\u", b'"log.offset.', b"a" * 64, b"a" * 130]),
)
def test_holds(data: bytes, text: bytes) -> None:
    both("holds", data, text)
    if len(text) > 1:
        assert both("holds", data + text, text) is True
        assert both("holds", data + text + data, text) is True
        both("holds", text[:-1] + data, text)


@given(SHORT_BYTES, st.binary(min_size=1, max_size=1))
def test_counted(data: bytes, byte: bytes) -> None:
    both("counted", data, byte)
    both("counted", byte * 300 + data, byte)


@given(SHORT_BYTES)
def test_is_unescaped(data: bytes) -> None:
    both("is_unescaped", data)
    for escaped in (b"\\", b"\0", b"\t", b"\x1f"):
        assert both("is_unescaped", data + escaped) is False


def test_both_have_the_same_functions() -> None:
    assert {name for name in dir(_compiled) if not name.startswith("_")} == set(NAMES)
    for name in NAMES:
        assert getattr(reference, name).__doc__
