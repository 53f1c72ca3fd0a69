"""Lines depend on the bytes of the file alone."""

from hypothesis import given
from hypothesis import strategies as st

from sidecar.decode.framing import Framer
from sidecar.model.lines import LineBatch
from tests.support.builders.records import chunk


def framed(data: bytes, offset: int = 0, **options: object) -> LineBatch:
    framing = Framer(**options)  # type: ignore[arg-type]  # the test names the options
    return framing.frame(chunk(data, offset))


def test_ordinary_lines_stay_one_text_with_byte_offsets() -> None:
    lines = framed("ä\nbc\n".encode(), offset=10)
    assert lines.is_uniform
    assert lines.texts == ["ä", "bc"]
    assert lines.starts == [10, 13]


def test_an_empty_line_is_skipped_and_counted() -> None:
    lines = framed(b"a\n\nb\n")
    assert lines.texts == ["a", "b"]
    assert [(gap.start, gap.end, gap.reason) for gap in lines.skipped] == [(2, 3, "empty")]


def test_an_empty_line_is_kept_on_request() -> None:
    assert framed(b"a\n\nb\n", keep_empty=True).texts == ["a", "", "b"]


def test_the_carriage_return_of_a_windows_line_end_is_not_part_of_the_line() -> None:
    assert framed(b"a\r\nb\r\n").texts == ["a", "b"]


def test_nul_bytes_within_a_line_are_text() -> None:
    assert framed(b"a\nb\0c\n").texts == ["a", "b\0c"]


def test_a_byte_order_mark_is_stripped_where_the_file_begins_and_nowhere_else() -> None:
    assert framed(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n").texts == ["a", "\ufeffb"]
    assert framed(b"\xef\xbb\xbfb\n", 10).texts == ["\ufeffb"]
    assert framed(b"\xef\xbb\xbf\n").texts == []


def test_one_invalid_byte_is_replaced_and_changes_only_its_line() -> None:
    lines = framed(b"a\nb\xffc\nd\n")
    assert lines.texts == ["a", "b�c", "d"]
    assert lines.starts == [0, 2, 6]
    assert lines.replacement_count == 1


def test_the_strict_policy_names_the_lines_that_it_refuses() -> None:
    assert framed(b"a\nb\xffc\n", encoding_errors="strict").invalid == {1}


def test_a_line_that_is_too_long_keeps_its_head_and_says_how_long_it_was() -> None:
    lines = framed(b"abcdefghij\nkl\n", max_line=4)
    assert lines.texts == ["abcd", "kl"]
    assert lines.annotations == {0: {"truncated": "true", "original_bytes": "10"}}


def test_a_character_that_was_cut_in_the_middle_is_left_out() -> None:
    lines = framed("abcä\n".encode(), max_line=4)
    assert lines.texts == ["abc"]
    assert lines.replacement_count == 0


BYTES = st.binary(max_size=60) | st.lists(
    st.sampled_from([b"\n", b"\r\n", b"\0", b"a", "ä".encode(), b"\xff", b"", b"line"]), max_size=20
).map(b"".join)


@given(BYTES.map(lambda data: data + b"\n"), st.data())
def test_cutting_a_chunk_at_any_line_end_gives_the_same_lines_at_the_same_offsets(
    data: bytes, draw: st.DataObject
) -> None:
    ends = [i + 1 for i, byte in enumerate(data) if byte == 0x0A]
    middle = draw.draw(st.sampled_from(ends))
    whole, first, second = framed(data), framed(data[:middle]), framed(data[middle:], middle)
    assert whole.texts == [*first.texts] + ([*second.texts] if data[middle:] else [])
    assert whole.starts == [*first.starts] + ([*second.starts] if data[middle:] else [])


@given(BYTES.map(lambda data: data + b"\n"))
def test_each_byte_is_in_one_line_or_in_one_gap(data: bytes) -> None:
    lines = framed(data)
    begins = sorted([*lines.starts, *(gap.start for gap in lines.skipped)])
    assert begins[0] == 0
    assert len(begins) == len(set(begins))


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n\r\0\ufeff"), min_size=1), st.integers(1, 40))
def test_a_limit_never_cuts_within_a_character(text: str, limit: int) -> None:
    (line,) = framed(f"{text}\n".encode(), max_line=limit).texts or [""]
    assert text.startswith(line)
    assert len(line.encode()) <= limit
    assert len(line.encode()) > limit - 4 or line == text
