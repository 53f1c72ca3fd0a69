"""Encodings and line ends: whatever the bytes are, the byte-level framing says where lines and events are."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sidecar.decode.framing import Framer
from sidecar.decode.multiline import EventGrouper, make_grouper
from sidecar.lib.charset import CODECS, Charset, lookup
from tests.support.builders.records import chunk

INDENT = make_grouper("indent", {}, timeout_s=2, max_lines=1000, max_bytes=1 << 20)
START = make_grouper(None, {"start": "^S"}, timeout_s=2, max_lines=1000, max_bytes=1 << 20)
END = make_grouper(None, {"end": "E$"}, timeout_s=2, max_lines=1000, max_bytes=1 << 20)

LEADS = st.sampled_from([b"\x8f", b"\x81\x30", b"\x81", b"\xfe", b"\xd8\x00", b"\x00\xd8", b"\xe2\x82", b"\x8e"])
PIECES = st.lists(st.binary(max_size=4) | LEADS | st.sampled_from([b"S", b" ", b"E", b"ab"]), max_size=5)
LINES = st.lists(PIECES.map(b"".join), min_size=1, max_size=6)
ENCODINGS = st.sampled_from([name for name in CODECS if name != "utf-16"])


def joined(lines: list[bytes], charset: Charset) -> bytes:
    """Return these bytes, each with a line end behind it that is a whole code unit."""
    padded = [line + b"x" * (len(line) % charset.width) for line in lines]
    return b"".join(line + charset.newline for line in padded)


def byte_lines(data: bytes, charset: Charset) -> list[tuple[int, bytes]]:
    """Return where each line begins, and its bytes without the line end, told by bytes alone."""
    found, begin = [], 0
    for at in range(0, len(data), charset.width):
        if data[at : at + charset.width] == charset.newline:
            found.append((begin, data[begin:at]))
            begin = at + charset.width
    return found


@settings(max_examples=600, deadline=None)
@given(lines=LINES, encoding=ENCODINGS)
@example(lines=[b"S one", b"broken \x81\x30", b"S two"], encoding="gb18030")
@example(lines=[b"S one", b"broken \x8f"], encoding="euc-jp")
def test_every_line_is_where_its_bytes_are(lines: list[bytes], encoding: str) -> None:
    charset = lookup(encoding)
    data = joined(lines, charset)
    found = Framer(keep_empty=True, charset=charset).frame(chunk(data))
    assert list(found.starts) == [at for at, _ in byte_lines(data, charset)]
    assert not any("\n" in text for text in found.texts)


@given(
    lines=st.lists(st.text(st.sampled_from("aä€\U0001f600")), min_size=1),
    encoding=ENCODINGS,
    bom=st.sampled_from(["", "\ufeff"]),
)
def test_a_line_begins_after_the_bytes_of_the_lines_before_it(lines: list[str], encoding: str, bom: str) -> None:
    charset = lookup(encoding)
    encoded = [f"{line}\n".encode(charset.name, "ignore") for line in [bom + lines[0], *lines[1:]]]
    data = b"".join(encoded)
    found = Framer(keep_empty=True, charset=charset).frame(chunk(data))
    assert list(found.starts) == [0, *accumulate(map(len, encoded))][:-1]
    assert charset.width == 1 or list(found.texts) == lines


@settings(max_examples=600, deadline=None)
@given(lines=LINES, encoding=ENCODINGS, rule=st.sampled_from([INDENT, START, END]))
@example(lines=[b"S one", b"broken \x81\x30"], encoding="gb18030", rule=START)
@example(lines=[b"S one", b"broken \x8f"], encoding="euc-jp", rule=INDENT)
@example(lines=[b"S one", b"broken \x8f"], encoding="euc-jp", rule=END)
def test_every_event_begins_and_ends_with_a_line(lines: list[bytes], encoding: str, rule: EventGrouper) -> None:
    charset = lookup(encoding)
    data = joined(lines, charset)
    begins = [at for at, _ in byte_lines(data, charset)]
    for closed in (False, True):
        events = charset.split_events(rule, data, 0, closed=closed)
        assert {*events.starts, events.complete_bytes} <= {*begins, len(data)}
    assert events.complete_bytes == len(data), "a closed event is whole"
    grouped = chunk(data, event_starts=list(events.starts), encoding=charset.name)
    found = Framer(keep_empty=True, charset=charset).frame(grouped)
    assert list(found.starts) == list(events.starts)
    for text, start, end in zip(found.texts, events.starts, [*events.starts, len(data)][1:], strict=True):
        blank = charset.normalize_newlines(data[start:end], start)
        assert text.count("\n") == blank.count(charset.newline)


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=100), encoding=ENCODINGS, end=st.integers(0, 8))
def test_a_text_that_is_cut_within_a_character_is_whole_without_the_part(text: str, encoding: str, end: int) -> None:
    charset = lookup(encoding)
    data = text.encode(charset.name, "ignore")
    cut = data[: max(0, len(data) - end)]
    for tail in (cut, cut[-64:]):
        partial = charset.count_partial_bytes(tail, len(cut) - len(tail))
        assert (
            text.encode(charset.name, "ignore")
            .decode(charset.name)
            .startswith(cut[: len(cut) - partial].decode(charset.name))
        )
        assert partial <= 3
    assert charset.count_partial_bytes(data, 0) == 0


def test_the_byte_order_mark_is_no_part_of_an_event() -> None:
    data = b"\xef\xbb\xbfS one\n two\nS three\n"
    events = lookup("utf-8").split_events(START, data, 0, closed=True)
    assert (list(events.starts), events.complete_bytes) == ([0, 14], len(data))
    assert lookup("utf-8").split_events(START, data[:9], 0).complete_bytes == 0


@settings(max_examples=300, deadline=None)
@given(lines=LINES, encoding=ENCODINGS)
def test_a_broken_character_does_not_swallow_a_line_end(lines: list[bytes], encoding: str) -> None:
    charset = lookup(encoding)
    data = joined(lines, charset)
    for errors in ("replace", "backslashreplace"):
        text = charset.decode(data, 0, errors)
        assert text.count("\n") == len(byte_lines(data, charset))
