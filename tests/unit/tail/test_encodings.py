"""Files in other encodings than UTF-8, read in pieces of any size: every line once, whole, at its offset in bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sidecar.decode.framing import Framer
from sidecar.decode.multiline import make_grouper
from sidecar.lib.charset import CODECS, Charset, lookup
from sidecar.model.checkpoint import Checkpoint
from sidecar.model.file import Generation
from sidecar.model.fingerprint import NO_TAIL, OVERLAP_BYTES, OverlapDigest
from sidecar.tail.compression import find_format
from sidecar.tail.cursor import Cursor
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.reader import Reader
from sidecar.tail.source import open_source
from sidecar.tail.tracked_file import FileLocation, TrackedFile

SAMPLES = {
    "gbk": "订单已接受 \\ 表",
    "gb18030": "订单已接受 😀",
    "big5": "訂單已接受功許",
    "shift-jis": "注文を受け付けました 表示ソ十 ｱ",
    "euc-jp": "注文を受け付けました",
    "euc-kr": "주문이 접수되었습니다 똠",
    "koi8-r": "Заказ принят",
    "windows-1251": "Заказ принят",
    "iso-8859-2": "Zażółć gęślą jaźń",
    "windows-1250": "Zażółć gęślą jaźń",
}
WIDE = ("utf-16", "utf-16le", "utf-16be")
NASTY = "aä\u0a0aĊ\u0a00\u000a\u010a😀"
"""Among them characters whose bytes look like line ends: U+0A0A, U+010A and U+0A00."""


class _NoLedger:
    def extend(self, *_: object) -> None:
        """Nobody reads it."""

    add_boundary = prune_boundaries = extend


def track(path: Path, content: bytes, cuts: tuple[int, ...] = (), *, closing: bool = True) -> TrackedFile:
    path.write_bytes(content)
    place = FileLocation(str(path.parent), str(path))
    tracked = TrackedFile(
        Generation(1, "app", str(path), 0.0), open_source(place.root, place.name), place, b"", cuts,
        _NoLedger(), OpenFileLimiter(16),
    )  # fmt: skip
    tracked.size, tracked.is_last_line_complete = tracked.status().size, closing
    return tracked


def read(
    tracked: TrackedFile,
    charset: Charset,
    *,
    chunk: int = 1 << 17,
    max_line: int = 1 << 20,
    preset: str = "",
    restart: bool = False,
) -> list[tuple[int, str, dict[str, str]]]:
    """(offset, text, notes) of each line or event; the file ends with it.

    `restart`: with a new cursor at the checkpoint for each chunk.
    """
    events = (
        make_grouper(preset, {}, timeout_s=1, max_lines=100, max_bytes=max_line // charset.max_utf8_ratio)
        if preset
        else None
    )
    reader = Reader(max_line, chunk, events, charset=charset)
    framing = Framer(max_line, charset=charset)
    cursor, found = Cursor(tracked, Checkpoint(0, NO_TAIL)), []
    while (piece := reader.next_chunk(cursor)) or cursor.is_searching:
        if piece is None:
            continue
        lines = framing.frame(piece)
        found += [
            (at, text, lines.annotations.get(i, {}))
            for i, (at, text) in enumerate(zip(lines.starts, lines.texts, strict=True))
        ]
        cursor.advance(piece)
        if restart:
            before = tracked.pread(
                min(OVERLAP_BYTES, cursor.offset), cursor.offset - min(OVERLAP_BYTES, cursor.offset)
            )
            cursor = Cursor(tracked, Checkpoint(cursor.offset, OverlapDigest.from_bytes(before)))
    tracked.close()
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


def expected(texts: list[str], codec: str, mark: bytes = b"", newline: str = "\n") -> Iterator[tuple[int, str]]:
    at = 0
    for index, text in enumerate(texts):
        if text:
            yield at, text
        at += len((text + newline).encode(codec)) + (len(mark) if index == 0 else 0)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_lines_are_cut_and_decoded_at_their_offsets_in_bytes(path: Path, name: str, newline: str) -> None:
    charset = lookup(name).resolve(b"")
    texts = ["first", SAMPLES.get(name, "last one"), "", "x" * 70, SAMPLES.get(name, "end")]
    content = "".join(text + newline for text in texts).encode(charset.name)
    for chunk in (1, 7, 64, 1 << 17):
        for restart in (False, True):
            found = read(track(path, content), lookup(name), chunk=chunk, restart=restart)
            assert [(at, text) for at, text, _ in found] == list(expected(texts, charset.name, newline=newline))
            assert not any(notes for *_, notes in found)


def test_no_encoding_has_a_line_end_within_another_character() -> None:
    for codec in set(CODECS.values()) - {"utf-16", "utf-16-le", "utf-16-be"}:
        for code in range(0x11000):
            char = chr(code)
            try:
                written = char.encode(codec)
            except UnicodeEncodeError:
                continue
            assert (b"\n" in written) == (char == "\n"), (codec, code)


@settings(max_examples=200, deadline=None)
@given(
    texts=st.lists(st.text(NASTY.replace("\n", "") + "b\x00", max_size=12), min_size=1, max_size=8),
    order=st.sampled_from(["utf-16-le", "utf-16-be"]),
    mark=st.booleans(),
    chunk=st.integers(1, 40),
    restart=st.booleans(),
)
def test_utf_16_in_pieces_of_any_size(texts: list[str], order: str, mark: bool, chunk: int, restart: bool) -> None:
    texts = [text.lstrip("\0") for text in texts]
    bom = "\ufeff".encode(order) if mark else b""
    content = bom + "".join(f"{text}\n" for text in texts).encode(order)
    charset = lookup("utf-16") if mark else Charset(order)
    with tempfile.TemporaryDirectory() as folder:
        found = read(track(Path(folder, "a.log"), content), charset, chunk=chunk, restart=restart)
    assert [(at, text) for at, text, _ in found] == list(expected(texts, order, bom))


@settings(max_examples=100, deadline=None)
@given(
    content=st.binary(max_size=60), chunk=st.integers(1, 40), most=st.integers(2, 30), name=st.sampled_from([*CODECS])
)
def test_any_bytes_in_any_encoding_end_and_do_not_depend_on_the_pieces(
    content: bytes, chunk: int, most: int, name: str
) -> None:
    assume(not lookup(name).contradicts_bom(content))
    assume(find_format(content) is None)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.log")
        whole = read(track(path, content), lookup(name), max_line=most)
        assert read(track(path, content), lookup(name), chunk=chunk, max_line=most) == whole
        assert read(track(path, content), lookup(name), chunk=chunk, max_line=most, restart=True) == whole
        read(track(path, content), lookup(name), chunk=chunk, max_line=most, preset="indent")


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_half_a_character_at_the_end_is_waited_for_and_replaced_when_the_file_is_over(path: Path, order: str) -> None:
    content = "one\ntwo".encode(order)[:-1]
    assert [text for _, text, _ in read(track(path, content, closing=False), Charset(order))] == ["one"]
    closed = read(track(path, content), Charset(order))
    # The first half of a letter is NUL in the order of big-endian: it is not part of the size.
    assert closed[-1] == (8, "tw�" if order == "utf-16-le" else "tw", {"partial": "true"})


def test_what_follows_a_cut_within_a_character_is_read_at_the_right_bytes(path: Path) -> None:
    content = "one\ntwo\nthree\n".encode("utf-16-be")
    found = read(track(path, content, cuts=(13,)), Charset("utf-16-be"))
    assert [text for _, text, _ in found] == ["one", "tw�", "�", "three"]


@pytest.mark.parametrize("name", ["utf-16", "latin-1", "gb18030"])
@pytest.mark.parametrize("chunk", [8, 1 << 17])
def test_events_of_several_lines_are_found_in_any_encoding(path: Path, name: str, chunk: int) -> None:
    codec = "utf-16-le" if name == "utf-16" else name
    texts = ["one\n  at a\n  at b", "two", "three\n\tat \xf7"]
    content = "".join(f"{text}\n" for text in texts).encode(codec)
    found = read(track(path, content), lookup(name), chunk=chunk, preset="indent")
    assert [(at, text) for at, text, _ in found] == list(expected(texts, codec))


def test_an_event_that_is_too_long_is_closed_and_nothing_of_it_is_lost(path: Path) -> None:
    text = "one\n" + "  at a frame\n" * 40
    found = read(track(path, text.encode("utf-16-le")), lookup("utf-16"), chunk=16, max_line=200, preset="indent")
    assert "\n".join(text for _, text, _ in found) + "\n" == text
    assert found[0][2]["log.split"] == "true"


def test_a_line_that_is_too_long_is_cut_between_characters(path: Path) -> None:
    content = ("a" * 50 + "\nb\n").encode("utf-16-be")
    for chunk in (2, 9, 1000):
        found = read(track(path, content), Charset("utf-16-be"), chunk=chunk, max_line=21)
        assert found == [(0, "a" * 10, {"truncated": "true", "original_bytes": "100"}), (102, "b", {})]


def test_wrong_bytes_are_replaced_and_counted(path: Path) -> None:
    for name, line, shown in (("gbk", b"a\xff\xffb", "a��b"), ("windows-1252", b"a\x81b", "a�b")):
        tracked = track(path, line + b"\nok\n")
        chunk = Reader(charset=lookup(name)).next_chunk(Cursor(tracked, Checkpoint(0, NO_TAIL)))
        tracked.close()
        assert chunk
        lines = Framer(charset=lookup(name)).frame(chunk)
        assert (lines.texts, lines.replacement_count) == ([shown, "ok"], 1)
        assert Framer(charset=lookup(name), encoding_errors="strict").frame(chunk).invalid == {0}


def test_an_encoding_that_nobody_knows_is_told() -> None:
    with pytest.raises(ValueError, match="unknown encoding 'klingon'; use one of utf-8"):
        lookup("klingon")
