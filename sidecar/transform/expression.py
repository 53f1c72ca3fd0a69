"""A small language of conditions on fields, parsed once into functions; nothing of it is evaluated as Python.

    expression = and ("or" and)*                     comparison = field ("==" "!=" "<" "<=" ">" ">=") value
    and        = not ("and" not)*                               | field "in" "[" value ("," value)* "]"
    not        = "not" not | "(" expression ")"                 | field "~" text     the pattern matches in it
               | comparison                                     | "exists" field

A value is a quoted text, a number, `true`, `false` or `null`. In a text a backslash is literal, except before the
quote, so that patterns need no escaping. A comparison with a missing field is false. `!=` is the negation of `==`.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from sidecar.lib.jsontext.nested import json_string
from sidecar.lib.user_regex import Pattern, compile_user_regex

Fields = Sequence[str | None]
"""JSON text of each field in an expression; None if the record does not have it."""

Search = Callable[[Pattern, str], bool]
"""Searches a pattern in a text; raises `TimeoutError` after its time limit."""

Condition = Callable[[Fields, Search], bool]
Literal = str | float | bool | None

_MAX_CHARACTERS, _MAX_NESTING = 4096, 50
_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
          |(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.]))
          |(?P<sign>==|!=|<=|>=|[<>~()\[\],])
          |(?P<word>[A-Za-z_@][\w@\-]*(?:\.[\w@\-]+)*))""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_TEXT_ORDER: dict[str, Callable[[str, str], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_NUMBER = re.compile(r"\s*+[+-]?+(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][+-]?+\d++)?+\s*+", re.ASCII)
_BEGINS = frozenset('"-0123456789')
_CONSTANTS: dict[str, Literal] = {"true": True, "false": False, "null": None}
_WORDS = frozenset(("and", "or", "not", "in", "exists", *_CONSTANTS))
_ANY = msgspec.json.Decoder()


class ExpressionError(ValueError):
    """What is wrong with an expression, and where."""


class Expression(NamedTuple):
    """A condition, and the dotted paths of its fields in the order of its argument."""

    condition: Condition
    fields: Sequence[str]


def parse_expression(text: str) -> Expression:
    """Parse an expression. Raise `ExpressionError` with the character at which it is wrong."""
    if len(text) > _MAX_CHARACTERS:
        raise ExpressionError(f"the expression is longer than {_MAX_CHARACTERS} characters")
    return _ExpressionParser(text).parse()


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _ExpressionParser:
    """Recursive descent, with a method for each rule of the grammar above."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._next = 0
        self._depth = 0
        self._fields: list[str] = []

    def parse(self) -> Expression:
        condition = self._or()
        if self._current.kind != "end":
            raise self._error("expected `and`, `or` or the end")
        return Expression(condition, self._fields)

    def _or(self) -> Condition:
        found = [self._and()]
        while self._accept("or"):
            found.append(self._and())
        return found[0] if len(found) == 1 else lambda fields, search: any(item(fields, search) for item in found)

    def _and(self) -> Condition:
        found = [self._not()]
        while self._accept("and"):
            found.append(self._not())
        return found[0] if len(found) == 1 else lambda fields, search: all(item(fields, search) for item in found)

    def _not(self) -> Condition:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise self._error(f"nested deeper than {_MAX_NESTING} levels")
        if self._accept("not"):
            inner = self._not()
            found: Condition = lambda fields, search: not inner(fields, search)  # noqa: E731
        elif self._accept("("):
            found = self._or()
            self._expect(")")
        elif self._accept("exists"):
            field = self._field()
            found = lambda fields, _: fields[field] is not None  # noqa: E731
        else:
            found = self._comparison()
        self._depth -= 1
        return found

    def _comparison(self) -> Condition:
        field, sign = self._field(), self._current
        if self._accept("in"):
            return _is_one_of(field, self._list())
        if self._accept("~"):
            return _matches(field, self._pattern())
        if self._accept("=="):
            return _is_one_of(field, [self._value()])
        if self._accept("!="):
            same = _is_one_of(field, [self._value()])
            return lambda fields, search: not same(fields, search)
        if sign.text in _NUMBER_ORDER and self._accept(sign.text):
            return self._ordered(field, sign.text)
        raise self._error("expected ==, !=, <, <=, >, >=, ~ or `in`")

    def _ordered(self, field: int, sign: str) -> Condition:
        at = self._current
        value = self._value()
        if isinstance(value, str):
            return _is_ordered_text(field, sign, value)
        if isinstance(value, bool) or value is None:
            raise self._error("expected a number or a text", at)
        return _is_ordered_number(field, sign, value)

    def _field(self) -> int:
        """Return the index of the field among those of the expression."""
        if self._current.kind != "word" or self._current.text in _WORDS:
            raise self._error("expected the name of a field")
        name = self._advance().text
        if name not in self._fields:
            self._fields.append(name)
        return self._fields.index(name)

    def _list(self) -> list[Literal]:
        self._expect("[")
        found = [self._value()]
        while self._accept(","):
            found.append(self._value())
        self._expect("]")
        return found

    def _value(self) -> Literal:
        token = self._current
        if token.kind == "text":
            return _unquote(self._advance().text)
        if token.kind == "number":
            return float(self._advance().text)
        if token.kind == "word" and token.text in _CONSTANTS:
            return _CONSTANTS[self._advance().text]
        raise self._error("expected a text in quotes, a number, true, false or null")

    def _pattern(self) -> Pattern:
        token = self._current
        if token.kind != "text":
            raise self._error("expected a pattern in quotes")
        text = _unquote(self._advance().text)
        try:
            return compile_user_regex(text)
        except ValueError as error:
            raise self._error(str(error), token) from error

    @property
    def _current(self) -> _Token:
        return self._tokens[self._next]

    def _advance(self) -> _Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _accept(self, text: str) -> bool:
        """Consume this token if it is next, and return whether it was."""
        found = self._current.kind in ("sign", "word") and self._current.text == text
        self._next += found
        return found

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._error(f"expected {text}")

    def _error(self, what: str, at: _Token | None = None) -> ExpressionError:
        return _wrong(self._text, (at or self._current).at, what)


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    while match := _TOKEN.match(text, at):
        kind = match.lastgroup or ""
        found.append(_Token(kind, match[kind], match.start(kind)))
        at = match.end()
    rest = text[at:].lstrip()
    if rest:
        raise _wrong(text, len(text) - len(rest), "cannot be read")
    return [*found, _Token("end", "", len(text))]


def _wrong(text: str, at: int, what: str) -> ExpressionError:
    shown = f"before {text[at : at + 20]!r}" if text[at:].strip() else "at the end"
    return ExpressionError(f"at character {at + 1}, {shown}: {what}")


def _unquote(text: str) -> str:
    return text[1:-1].replace(f"\\{text[0]}", text[0])


def _is_one_of(field: int, wanted: Sequence[Literal]) -> Condition:
    texts = {item for item in wanted if isinstance(item, str)}
    spelled = {json_string(item) for item in texts}
    numbers = {item for item in wanted if isinstance(item, float)}
    constants = {name for name, item in _CONSTANTS.items() if any(item is one for one in wanted)}

    def holds(fields: Fields, _: Search) -> bool:
        value = fields[field]
        if value is None:
            return False
        if value in spelled or value in constants:
            return True
        if "\\" in value and value[0] == '"' and _plain(value) in texts:
            return True
        return bool(numbers) and _number(value) in numbers

    return holds


def _is_ordered_number(field: int, sign: str, wanted: float) -> Condition:
    order = _NUMBER_ORDER[sign]

    def holds(fields: Fields, _: Search) -> bool:
        value = fields[field]
        number = None if value is None else _number(value)
        return number is not None and order(number, wanted)

    return holds


def _is_ordered_text(field: int, sign: str, wanted: str) -> Condition:
    order = _TEXT_ORDER[sign]

    def holds(fields: Fields, _: Search) -> bool:
        value = fields[field]
        return value is not None and value[0] == '"' and order(_plain(value), wanted)

    return holds


def _matches(field: int, pattern: Pattern) -> Condition:
    def holds(fields: Fields, search: Search) -> bool:
        value = fields[field]
        return value is not None and search(pattern, _plain(value))

    return holds


def _plain(value: str) -> str:
    """Return the content of a text without quotes and escapes; another value as written."""
    if value[0] != '"':
        return value
    return str(_ANY.decode(value)) if "\\" in value else value[1:-1]


def _number(value: str) -> float | None:
    """Return a number, also from a text, because parsers store numbers of lines as text."""
    return float(text) if value[0] in _BEGINS and _NUMBER.fullmatch(text := _plain(value)) else None
