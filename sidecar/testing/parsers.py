"""The conformance kit for parsers of plug-ins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from sidecar.parse.plugin import ParseLine
from sidecar.testing.words import shorten


@dataclass(frozen=True)
class ParserUnderTest:
    """The parser under test, with a line and its expected fields."""

    make: Callable[[], ParseLine]
    """Returns a new parser with the options to test."""

    line: str
    """A line in the format of the parser."""

    fields: Mapping[str, Any]
    """The expected fields of this line."""

    foreign: str | None = None
    """A line in another format; None if the parser accepts every line."""


_ODD_LINES = ("", " ", "\t", "{", "}", "\x00", "\ufeff", "ü", "\U0001f600", '"', "a=" * 1000, "x" * 100_000)


class ParserConformance:
    """Tests the rules that every parser must follow. Subclasses define the fixture `under_test`."""

    def test_a_line_becomes_its_fields(self, under_test: ParserUnderTest) -> None:
        found = _parse(under_test.make(), under_test.line)
        assert found == dict(under_test.fields), (
            f"the line {under_test.line!r} must become {dict(under_test.fields)!r}; the parser returned {found!r}"
        )

    def test_the_same_line_gives_the_same_fields_again(self, under_test: ParserUnderTest) -> None:
        parse_line = under_test.make()
        first = _parse(parse_line, under_test.line)
        for other in (*_ODD_LINES, under_test.foreign or ""):
            with suppress(Exception):  # another test is for these
                parse_line(other)
        again = _parse(parse_line, under_test.line)
        assert again == first, (
            "a line may be parsed again after an error or a restart, so it must give the same fields even if the "
            f"parser has seen other lines since; it gave {first!r} and then {again!r}"
        )

    def test_the_fields_can_be_written_as_json(self, under_test: ParserUnderTest) -> None:
        fields = _parse(under_test.make(), under_test.line)
        try:
            msgspec.json.encode(fields)
        except Exception as error:
            raise AssertionError(
                "fields must be text, numbers, booleans, None, times, lists and mappings of these; "
                f"{fields!r} cannot be written as JSON ({error})"
            ) from error

    def test_a_line_in_another_format_raises_value_error(self, under_test: ParserUnderTest) -> None:
        if under_test.foreign is None:
            return
        try:
            found = under_test.make()(under_test.foreign)
        except ValueError as error:
            reason = str(error)
        except Exception as error:
            raise AssertionError(
                "a line in another format must raise ValueError with the reason; "
                f"{under_test.foreign!r} raised {type(error).__name__}: {error}"
            ) from error
        else:
            raise AssertionError(
                "a line in another format must raise ValueError, so that it is shipped unparsed; "
                f"{under_test.foreign!r} became {found!r}"
            )
        assert reason, (
            "the ValueError for a line in another format has no text; say why the line cannot be parsed, because the "
            "document has it in `error.message`"
        )

    def test_no_line_makes_it_fail(self, under_test: ParserUnderTest) -> None:
        parse_line = under_test.make()
        for line in _ODD_LINES:
            try:
                parse_line(line)
            except ValueError:
                continue
            except Exception as error:
                raise AssertionError(
                    "for a line that it cannot parse, a parser must raise ValueError and no other exception; "
                    f"{shorten(line)} raised {type(error).__name__}: {error}"
                ) from error


def _parse(parse_line: ParseLine, line: str) -> dict[str, Any]:
    try:
        found = parse_line(line)
    except Exception as error:
        raise AssertionError(
            f"the parser must return fields for the line {line!r}; it raised {type(error).__name__}: {error}"
        ) from error
    assert isinstance(found, Mapping), f"a parser returns a mapping of fields; this one returned {found!r}"
    return dict(found)
