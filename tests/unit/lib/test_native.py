"""The compiled loops and their reference in Python: the same answers to the byte, and the same refusals.

Whatever they are called with, the compiled ones answer or refuse; they never read or write where they must not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sidecar.lib.native import _native as _compiled
from sidecar.lib.native import fallback as reference

NAMES = (
    "split_lines", "strip_braces", "join_columns", "are_ipv4", "contains", "contains_any", "count_byte",
    "needs_no_escaping", "locate_members", "encode_pairs", "mask_ipv4", "mask_email",
)  # fmt: skip
TEXT = st.text(st.characters(), max_size=20)
"""Halves of surrogate pairs included."""

SHORT_BYTES = st.binary(max_size=200) | st.lists(
    st.sampled_from([b"\n", b'"', b"_", b"\\", b"a" * 63, b"\xc3\xa4"])
).map(b"".join)


class Level(IntEnum):
    """A number with a name."""

    HIGH = 3


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
def test_split_lines(data: bytes, offset: int) -> None:
    both("split_lines", data, offset)
    both("split_lines", data + b"\n", offset)


@given(st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_lines_begin_at_their_offset(texts: list[str]) -> None:
    data = "".join(f"{text}\n" for text in texts).encode()
    found, starts = _compiled.split_lines(data, 7) or ([], [])
    assert found == texts
    assert [data[at - 7 :].split(b"\n")[0].decode() for at in starts] == texts


@given(st.lists(TEXT | TEXT.map(lambda text: f"{{{text}}}"), max_size=5))
def test_strip_braces(texts: list[str]) -> None:
    both("strip_braces", texts, "{", "}")
    wrapped = [f"{{{text}}}" for text in texts]
    assert both("strip_braces", wrapped, "{", "}") == texts


@given(st.integers(0, 5).flatmap(lambda rows: st.tuples(st.just(rows), st.lists(
    TEXT | st.lists(TEXT, min_size=rows, max_size=rows)
    | st.lists(st.integers(0, 2**63 - 1), min_size=rows, max_size=rows), max_size=16,
))))  # fmt: skip
def test_join_columns(case: tuple[int, list[Any]]) -> None:
    rows, columns = case
    both("join_columns", rows, tuple(columns))


@pytest.mark.parametrize("number", [0, 9, 10, 99, 100, 10**18, 2**63 - 1])
def test_numbers_are_joined_in_full(number: int) -> None:
    assert both("join_columns", 2, ("a", [number, 7], "\n")) == b"a%d\na7\n" % number


@pytest.mark.parametrize(
    "columns",
    [([-1],), ([1, 2],), ([2**63],), (7,), (["a", 1],), ([1, "a"],), ([None],), ("a",) * 17, (["\ud800"],)],
)
def test_invalid_columns_are_refused_and_nothing_is_written(columns: tuple[Any, ...]) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        _compiled.join_columns(1, columns)


@given(
    st.lists(SHORT_BYTES | st.sampled_from([b'"log.', b"offset", b'"', b"."])).map(b"".join),
    st.binary(max_size=3) | st.sampled_from([b'"_', b"\\u", b'"log.offset.', b"a" * 64, b"a" * 130]),
)
def test_contains(data: bytes, text: bytes) -> None:
    both("contains", data, text)
    if len(text) > 1:
        assert both("contains", data + text, text) is True
        assert both("contains", data + text + data, text) is True
        both("contains", text[:-1] + data, text)


SEARCHED = [b'"_', b'"log.offset.', b'"host.name.', b"e.", b"..", b"\x00\x00", b"\xc3\xa4", b"log.", b'"', b""]


@given(
    st.lists(SHORT_BYTES | st.sampled_from([*SEARCHED, b'"log.', b"offset", b".", b"\x00", b"name."])).map(b"".join),
    st.lists(st.sampled_from(SEARCHED) | st.binary(max_size=4), max_size=12).map(tuple),
)
def test_contains_any(data: bytes, texts: tuple[bytes, ...]) -> None:
    both("contains_any", data, texts)
    if all(len(text) > 1 for text in texts):
        assert both("contains_any", data, texts) is any(text in data for text in texts)
        assert all(both("contains_any", data + text, texts) is True for text in texts)


@given(SHORT_BYTES, st.binary(min_size=1, max_size=1))
def test_count_byte(data: bytes, byte: bytes) -> None:
    both("count_byte", data, byte)
    both("count_byte", byte * 300 + data, byte)


@given(
    st.lists(
        st.lists(st.sampled_from(["0", "00", "9", "10", "99", "249", "255", "256", "1000", "", ".", "a", "٣", "\n"]),
                 min_size=3, max_size=5).map(".".join) | st.ip_addresses().map(str) | TEXT
    )
)  # fmt: skip
def test_are_ipv4(texts: list[str]) -> None:
    expected = all(re.fullmatch(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})", text)
                   and max(map(int, text.split("."))) < 256 for text in texts)  # fmt: skip
    assert both("are_ipv4", texts) == expected


BLANK = st.sampled_from(["", "", "", " ", "\t\r\n "])
KEY = st.sampled_from(["a", "b", "a.b", "ab", "ä", "", "c d", "\\u0061", '\\"', "\U0001f600"])
VALUE: st.SearchStrategy[str] = st.recursive(
    st.sampled_from(
        ["1", "-1.5e3", "true", "null", '"x"', '""', '"a:1,"', '"\\\\"', '"\\""', '"\\\\\\"ä"', '"{"', '"]"']
    )
    | TEXT.map(json.dumps),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{' , '.join(items)}]")
        | st.lists(st.tuples(KEY, inner), max_size=3).map(
            lambda rows: "{" + ",".join(f'"{key}": {value}' for key, value in rows) + "}"
        )
    ),
    max_leaves=6,
)
MEMBERS = st.lists(st.tuples(BLANK, KEY, BLANK, BLANK, VALUE, BLANK), max_size=5).map(
    lambda rows: ",".join(f'{a}"{key}"{b}:{c}{value}{d}' for a, key, b, c, value, d in rows)
)
BROKEN = st.lists(
    st.sampled_from(['"', "\\", ":", ",", "{", "}", "[", "]", " ", '"a"', "1", "ä", "\x00", "\ud800"])
).map("".join)


@given(st.lists(MEMBERS | BROKEN, max_size=4), st.lists(KEY, max_size=4).map(tuple))
def test_locate_members(texts: list[str], names: tuple[str, ...]) -> None:
    both("locate_members", texts, names)


@given(st.dictionaries(st.sampled_from(["a", "b", "ä", "c d", "\U0001f600"]), VALUE, max_size=4), BLANK)
def test_a_located_member_is_the_text_of_its_key_and_its_value(members: dict[str, str], blank: str) -> None:
    text = f"{blank},{blank}".join(f'"{name}"{blank}:{blank}{value}' for name, value in members.items())
    for name in ("a", "ä", "missing"):
        [start], [value], [end] = _compiled.locate_members([text], (name,))
        if name in members:
            assert (text[start:value].rstrip(": \t\r\n"), text[value:end]) == (f'"{name}"', members[name])
        else:
            assert (start, value, end) == (-1, -1, -1)


@pytest.mark.parametrize(
    "text",
    ['"a":1,"a":2', '"a.b":1', '"a":1,"a.b":2', '"a":1,"\\u0062":2', '"a":', '"a":1,', "a", '"a":1 2', '"a":[1'],
)
def test_a_member_that_needs_a_closer_look_is_undecided(text: str) -> None:
    assert both("locate_members", [text, '"a":1'], ("a",)) == [[-2, 0], [-2, 4], [-2, 5]]


def test_too_many_names_are_refused() -> None:
    assert both("locate_members", [""], ("a",) * 17) is ValueError
    assert both("encode_pairs", "", ("a",) * 17) is ValueError


PAIR_PIECES = st.sampled_from(
    ["a=1", "b=", "c", "a", " ", "\t", "\n", "=", '"', '\\"', "\\", 'd="e f"', "x.y=1", "x.z=2 ", "x.y.z=3", "x=",
     ".", "log.a=1", "ä=ö", "\x00", "\x1f", "\r", 'q="\\n\\\\"', "a" * 60, " k=v", "=true", "wanted=7 ",
     'wanted="8 9"', "\U0001f600"]
)  # fmt: skip
NESTED = st.sampled_from(["a=1", "wanted=2", "x.y=3", "x.z=4", 'x.w.v="5"', "x.w.u=6", "x.w=7", "flag", "b=8"])
PAIR_LINES = st.lists(PAIR_PIECES, max_size=14).map("".join) | st.lists(
    st.lists(NESTED, unique=True).map(" ".join)
).map("\n".join)
WANTED = st.lists(st.sampled_from(["wanted", "a", "x.y", "x.w.v", "ä", "", "log.a"]), max_size=4).map(tuple)


@given(PAIR_LINES, WANTED, st.integers(0, 3))
def test_encode_pairs(text: str, wanted: tuple[str, ...], missing: int) -> None:
    answer = both("encode_pairs", text, wanted)
    assert isinstance(answer, tuple)
    bodies, names, columns = answer
    for body in bodies:
        assert body is None or json.loads(f"{{{body}}}").keys() <= names
    texts = [f"[{row}]" for row in range(len(bodies))]
    values = [None if number == missing else texts for number in range(len(wanted))]
    replaced = both("encode_pairs", text, wanted, values)
    assert isinstance(replaced, tuple)
    assert replaced[1:] == (names, columns)
    assert [body is None for body in replaced[0]] == [body is None for body in bodies]


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ('a=1 b="c \\"d\\" \\\\ \\n" e= f', '"a":"1","b":"c \\"d\\" \\\\ \\n","e":"","f":true'),
        ("  a=b=c\t d=é  ", '"a":"b=c","d":"é"'),
        ("a.b=1 a.c.d=2 a.c.e=3 f.g=4 h=5", '"a":{"b":"1","c":{"d":"2","e":"3"}},"f":{"g":"4"},"h":"5"'),
        ("h=5 a.c.d=2 a.b", '"h":"5","a":{"c":{"d":"2"},"b":true}'),
        ("a.b=1 c=2 a.d=3", None), ("a=1 a.b=2", None), ("a.b=2 a=1", None), ("a.b.c=1 d=1 a.e=2", None),
        ("a=1 a=2", None), ("a=1 a", None), ("a b=1", None), ("", None), (" ", None), ('a="b"c', None),
        ('a="b', None), ('a=b"', None), ("=1", None), ('a="\\u00e4"', None), ('a="\\/"', None), ("a=\\", None),
        ("a\\=1", None), (".a=1", None), ("a.=1", None), ("a..b=1", None), ("log.a=1", None), ("log=1", '"log":"1"'),
        ("a=\x01", None), ('a="\t"', None), ("a=1\r", None), (".".join("a" * 18) + "=1", None),
        (" ".join(f"k{n}=1" for n in range(129)), None),
    ],
)  # fmt: skip
def test_lines_of_pairs_are_encoded_or_undecided(line: str, body: str | None) -> None:
    assert both("encode_pairs", f"x=1\n{line}\n", ()) == (
        ['"x":"1"', body],
        {"x"} | set(json.loads(f"{{{body}}}") if body else ()),
        [],
    )


def test_128_pairs_and_16_points_are_encoded() -> None:
    line = " ".join(f"k{n}=1" for n in range(127)) + " " + ".".join("abcdefghijklmnopq") + "=2"
    [body], _, _ = _compiled.encode_pairs(line, ())
    assert both("encode_pairs", line, ()) is not None
    assert len(json.loads(f"{{{body}}}")) == 128


@pytest.mark.parametrize("values", [[], [None, None], [[]], [["1", "2"]], [("1",)], {"a": ["1"]}, "a", [["\ud800"]]])
def test_values_that_do_not_belong_to_the_lines_are_refused(values: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        _compiled.encode_pairs("a=1\n", ("a",), values)


def test_a_wanted_value_with_a_backslash_is_undecided() -> None:
    text = 'a="\\n" b="\\n"\na="1" b="\\n"\n'
    assert both("encode_pairs", text, ("a",)) == ([None, '"a":"1","b":"\\n"'], {"a", "b"}, [["", "1"]])


SECRETS = st.lists(
    st.sampled_from(
        ["1", "10", "255", "256", "01", "0", ".", ".", ".", "192.0.2.1", "1.2.3.4", ":", "_", "a", " ", "\n", "@",
         "a.b", "-", "@x.example", "ann", "+%", "x" * 62, "ä", "\u0661", "\ud800", "\x00", "\U0001f600"]
    ), max_size=16,
).map("".join)  # fmt: skip


@given(SECRETS | TEXT, st.sampled_from(["", "0", "[REDACTED]", "ä"]))
def test_addresses_are_masked(text: str, replacement: str) -> None:
    both("mask_ipv4", text, replacement)
    both("mask_email", text, replacement)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("from 192.0.2.17, 10.0.0.1.", "from 192.0.2.X, 10.0.0.X."), ("1.2.3.4", "1.2.3.X"),
        ("1.2.3.4.5", "1.2.3.4.5"),
        ("a1.2.3.4 :1.2.3.4 .1.2.3.4", "a1.2.3.4 :1.2.3.4 .1.2.3.4"), ("1.2.3.4a 1.2.3.4_", "1.2.3.4a 1.2.3.4_"),
        ("01.2.3.4 1.2.3.04 1.2.3.256", "01.2.3.4 1.2.3.04 1.2.3.256"), ("1.2.3.4:80-1.2.3.4", "1.2.3.X:80-1.2.3.X"),
        ("ä 1.2.3.4 ä", "ä 1.2.3.X ä"), ("ä1.2.3.4", None), ("1.2.3.4ä", None), ("1.2.3.4.\u0661", None),
        ("\ud800", None),
    ],
)  # fmt: skip
def test_the_last_number_of_an_address_is_masked(text: str, masked: str | None) -> None:
    assert both("mask_ipv4", text, "X") == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("ann@shop.example, b.c+d@x.y.z.", "X, X."), ("@shop.example", "@shop.example"), ("ann@shop", "ann@shop"),
        ("a@b.c@d.e", "X@d.e"), (f"{'l' * 65}@b.c", "lX"), (f"a@{'b' * 64}.c", f"a@{'b' * 64}.c"), ("äa@b.c", "äX"),
        (f"a@b.{'c' * 64}", "Xc"), ("a@b..c", "a@b..c"), ("\ud800a@b.c", None),
    ],
)  # fmt: skip
def test_an_email_address_is_masked(text: str, masked: str | None) -> None:
    assert both("mask_email", text, "X") == masked


@given(SHORT_BYTES)
def test_needs_no_escaping(data: bytes) -> None:
    both("needs_no_escaping", data)
    for escaped in (b"\\", b"\0", b"\t", b"\x1f"):
        assert both("needs_no_escaping", data + escaped) is False


@pytest.mark.parametrize("columns", [("\ud800",), ([],), ("a", [], "\ud800")])
def test_text_that_is_in_no_row_may_hold_anything(columns: tuple[Any, ...]) -> None:
    assert both("join_columns", 0, columns) == b""


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (2**62, ("abcd",)), (2**63 - 1, ("ab",)), (2**62, ("a", "b")), (2**62, ("a",) * 16),
        (2**61, ("a", "b", "", "cd")),
    ],
)  # fmt: skip
def test_rows_that_no_memory_could_hold_are_refused(rows: int, columns: tuple[str, ...]) -> None:
    with pytest.raises(OverflowError):
        _compiled.join_columns(rows, columns)


@pytest.mark.parametrize("columns", [(), ("",), ("", "")])
def test_many_empty_rows_take_no_time(columns: tuple[str, ...]) -> None:
    assert _compiled.join_columns(2**63 - 1, columns) == b""


@pytest.mark.parametrize("item", [True, Level.HIGH])
def test_a_number_that_python_writes_differently_is_refused(item: int) -> None:
    with pytest.raises(TypeError):
        _compiled.join_columns(2, ([7, item],))


@pytest.mark.parametrize("offset", [2**63 - 1, 2**63 - 4, 2**63, -(2**63) - 1])
def test_an_offset_beyond_what_a_file_can_have_is_refused(offset: int) -> None:
    with pytest.raises(OverflowError):
        _compiled.split_lines(b"a\nb\n", offset)


def test_the_largest_offset_is_that_of_the_last_line() -> None:
    assert both("split_lines", b"a\nb\n", 2**63 - 5) == (["a", "b"], [2**63 - 5, 2**63 - 3])


class Index:
    """A number that changes what else it is given with."""

    def __init__(self, number: int, victim: list[Any]) -> None:
        self._number, self._victim = number, victim

    def __index__(self) -> int:
        self._victim.clear()
        return self._number


def test_a_column_that_changes_while_the_rows_are_counted_is_refused() -> None:
    column = ["a" * 1000] * 3
    rows: Any = Index(3, column)
    with pytest.raises(ValueError, match="an item for each row"):
        _compiled.join_columns(rows, (column,))


# No number in between: so many rows would be had, and take all memory.
ANYTHING = st.recursive(
    st.integers(-3, 3) | st.booleans() | TEXT | SHORT_BYTES
    | st.sampled_from([None, 1.5, 2**58, 2**62, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**70, Level.HIGH, object(),
                       bytearray(b"ab"), memoryview(b"ab\n"), "{", "}", "{}", b"\n", range(3), {}, Level]),
    lambda inner: st.lists(inner, max_size=4) | st.lists(inner, max_size=18).map(tuple),
    max_leaves=24,
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@given(given_=st.lists(ANYTHING, max_size=4))
def test_for_any_arguments_it_returns_the_result_of_the_fallback_or_raises(name: str, given_: list[Any]) -> None:
    try:
        answer = getattr(_compiled, name)(*given_)
    except (TypeError, ValueError, OverflowError, MemoryError):
        return
    assume(not (name == "join_columns" and given_[0] > 1000))  # those without a byte
    assert answer == getattr(reference, name)(*given_)


def test_both_have_the_same_functions() -> None:
    assert {name for name in dir(_compiled) if not name.startswith("_")} == set(NAMES)
    for name in NAMES:
        assert getattr(reference, name).__doc__
