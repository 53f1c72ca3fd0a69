"""Parses conditions on fields into functions. An expression is never evaluated as Python.

    expression = and ("or" and)*                     comparison = field ("==" "!=" "<" "<=" ">" ">=") value
    and        = not ("and" not)*                               | field "in" "[" value ("," value)* "]"
    not        = "not" not | "(" expression ")"                 | field "~" text     a pattern, found anywhere
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
"""Returns whether a pattern matches anywhere in a text; raises `TimeoutError` after its time limit."""

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
_NUMBER_STARTS = frozenset('"-0123456789')
_CONSTANTS: dict[str, Literal] = {"true": True, "false": False, "null": None}
_WORDS = frozenset(("and", "or", "not", "in", "exists", *_CONSTANTS))
_ANY = msgspec.json.Decoder()


class ExpressionError(ValueError):
    """The text of an expression is invalid. The message contains the position of the error."""


class Expression(NamedTuple):
    """A parsed expression."""

    condition: Condition
    fields: Sequence[str]
    """Dotted paths of the fields whose values the condition gets as its first argument, in this order."""


def parse_expression(text: str) -> Expression:
    """Parse an expression. Raise `ExpressionError` if it is invalid."""
    if len(text) > _MAX_CHARACTERS:
        raise ExpressionError(f"the expression is longer than {_MAX_CHARACTERS} characters")
    return _ExpressionParser(text).parse()


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class _ExpressionParser:
    """A recursive descent parser, with a method for each rule of the grammar above."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._next = 0
        self._depth = 0
        self._fields: list[str] = []

    def parse(self) -> Expression:
        condition = self._or()
        if self._current.kind != "end":
            raise self._error("expected `and`, `or` or the end of the expression")
        return Expression(condition, self._fields)

    def _or(self) -> Condition:
        parts = [self._and()]
        while self._accept("or"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else lambda fields, search: any(part(fields, search) for part in parts)

    def _and(self) -> Condition:
        parts = [self._not()]
        while self._accept("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else lambda fields, search: all(part(fields, search) for part in parts)

    def _not(self) -> Condition:
        self._depth += 1
        if self._depth > _MAX_NESTING:
            raise self._error(f"the expression is nested deeper than {_MAX_NESTING} levels")
        if self._accept("not"):
            inner = self._not()
            condition: Condition = lambda fields, search: not inner(fields, search)  # noqa: E731
        elif self._accept("("):
            condition = self._or()
            self._expect(")")
        elif self._accept("exists"):
            field = self._field()
            condition = lambda fields, _: fields[field] is not None  # noqa: E731
        else:
            condition = self._comparison()
        self._depth -= 1
        return condition

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
        """Return the index of the field in `Expression.fields`."""
        if self._current.kind != "word" or self._current.text in _WORDS:
            raise self._error("expected the name of a field")
        name = self._advance().text
        if name not in self._fields:
            self._fields.append(name)
        return self._fields.index(name)

    def _list(self) -> list[Literal]:
        self._expect("[")
        values = [self._value()]
        while self._accept(","):
            values.append(self._value())
        self._expect("]")
        return values

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
        """Return whether the next token has this text, and consume it if so."""
        is_next = self._current.kind in ("sign", "word") and self._current.text == text
        self._next += is_next
        return is_next

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._error(f"expected {text}")

    def _error(self, what: str, at: _Token | None = None) -> ExpressionError:
        return _error_at(self._text, (at or self._current).at, what)


def _tokens(text: str) -> list[_Token]:
    tokens, at = [], 0
    while match := _TOKEN.match(text, at):
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        at = match.end()
    remaining = text[at:].lstrip()
    if remaining:
        raise _error_at(text, len(text) - len(remaining), "this is not a field, operator or value")
    return [*tokens, _Token("end", "", len(text))]


def _error_at(text: str, at: int, what: str) -> ExpressionError:
    shown = f"before {text[at : at + 20]!r}" if text[at:].strip() else "at the end"
    return ExpressionError(f"at character {at + 1}, {shown}: {what}")


def _unquote(text: str) -> str:
    return text[1:-1].replace(f"\\{text[0]}", text[0])


def _is_one_of(field: int, literals: Sequence[Literal]) -> Condition:
    texts = {item for item in literals if isinstance(item, str)}
    json_texts = {json_string(item) for item in texts}
    numbers = {item for item in literals if isinstance(item, float)}
    constants = {name for name, item in _CONSTANTS.items() if any(item is literal for literal in literals)}

    def is_one_of(fields: Fields, _: Search) -> bool:
        value = fields[field]
        if value is None:
            return False
        if value in json_texts or value in constants:
            return True
        if "\\" in value and value[0] == '"' and _decode_text(value) in texts:
            return True
        return bool(numbers) and _read_number(value) in numbers

    return is_one_of


def _is_ordered_number(field: int, sign: str, limit: float) -> Condition:
    order = _NUMBER_ORDER[sign]

    def is_ordered(fields: Fields, _: Search) -> bool:
        value = fields[field]
        number = None if value is None else _read_number(value)
        return number is not None and order(number, limit)

    return is_ordered


def _is_ordered_text(field: int, sign: str, limit: str) -> Condition:
    order = _TEXT_ORDER[sign]

    def is_ordered(fields: Fields, _: Search) -> bool:
        value = fields[field]
        return value is not None and value[0] == '"' and order(_decode_text(value), limit)

    return is_ordered


def _matches(field: int, pattern: Pattern) -> Condition:
    def matches(fields: Fields, search: Search) -> bool:
        value = fields[field]
        return value is not None and search(pattern, _decode_text(value))

    return matches


def _decode_text(value: str) -> str:
    """Return the content of a JSON string without quotes and escapes; any other value unchanged."""
    if value[0] != '"':
        return value
    return str(_ANY.decode(value)) if "\\" in value else value[1:-1]


def _read_number(value: str) -> float | None:
    """Return the value as a number, or None if it is not one. The value may also be a text that contains one."""
    return float(text) if value[0] in _NUMBER_STARTS and _NUMBER.fullmatch(text := _decode_text(value)) else None
