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
    """A parser of a plug-in as the kit sees it."""

    make: Callable[[], ParseLine]
    """Calls the factory with the options that are to be tested."""

    line: str
    """A line in the parser's format."""

    fields: Mapping[str, Any]
    """The fields that this line becomes."""

    foreign: str | None = None
    """A line that is not in its format, if there is one."""


_ODD_LINES = ("", " ", "\t", "{", "}", "\x00", "\ufeff", "ü", "\U0001f600", '"', "a=" * 1000, "x" * 100_000)


class ParserConformance:
    """Tests what every parser of a plug-in has to do. Subclasses define the fixture `under_test`."""

    def test_a_line_becomes_its_fields(self, under_test: ParserUnderTest) -> None:
        found = _parse(under_test.make(), under_test.line)
        assert found == dict(under_test.fields), (
            f"the line {under_test.line!r} became other fields than expected: {found!r} instead of "
            f"{dict(under_test.fields)!r}"
        )

    def test_the_same_line_gives_the_same_fields_again(self, under_test: ParserUnderTest) -> None:
        parse_line = under_test.make()
        first = _parse(parse_line, under_test.line)
        for other in (*_ODD_LINES, under_test.foreign or ""):
            with suppress(Exception):  # another test is for these
                parse_line(other)
        again = _parse(parse_line, under_test.line)
        assert again == first, (
            "a line may be parsed again after an error or a restart and has to give the same fields, whatever lines "
            f"came between; it gave {first!r} and then {again!r}"
        )

    def test_the_fields_can_be_written_as_json(self, under_test: ParserUnderTest) -> None:
        fields = _parse(under_test.make(), under_test.line)
        try:
            msgspec.json.encode(fields)
        except Exception as error:
            raise AssertionError(
                "fields have to be text, numbers, booleans, None, times, lists and mappings of these; "
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
                "a line in another format has to raise ValueError with the reason; "
                f"{under_test.foreign!r} raised {type(error).__name__}: {error}"
            ) from error
        else:
            raise AssertionError(
                "a line in another format has to raise ValueError, so that it is shipped as it is; "
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
                    "for a line that it cannot parse a parser raises ValueError and nothing else; "
                    f"{shorten(line)} raised {type(error).__name__}: {error}"
                ) from error


def _parse(parse_line: ParseLine, line: str) -> dict[str, Any]:
    try:
        found = parse_line(line)
    except Exception as error:
        raise AssertionError(
            f"the line {line!r} has to become fields; it raised {type(error).__name__}: {error}"
        ) from error
    assert isinstance(found, Mapping), f"a parser returns a mapping of fields; this one returned {found!r}"
    return dict(found)
