"""Splits programs in VRL into statements, and converts conditions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from sidecar.convert.expressions import Untranslatable, compare, field, join, matches, negate
from sidecar.convert.patterns import escape_pattern
from sidecar.convert.variables import escape

_COMMENT = re.compile(r"#[^\n]*")
_WORD = re.compile(r"\"(?:[^\"\\]|\\.)*\"|[rst]'(?:[^'\\]|\\.)*'|#[^\n]*|[\w ]+(?<![rst])", re.DOTALL)
"""A text, a comment, or other characters that mean nothing alone."""

_MAX_PROGRAM, _WINDOW = 64 << 10, 500
_OPEN, _CLOSE = "([{", ")]}"
_CONTINUES = ("??", "|", "&&", "||", "}", ")", "]", "else", "+", ".")

PATH = r'\.(?:[A-Za-z_@][\w@]*|"[^"\\\n]+")(?:\.(?:[A-Za-z_@][\w@]*|"[^"\\\n]+"))*'
"""A path such as `.a."b-c"`, as a pattern."""

_MAX_DEPTH = 40


class Statement(NamedTuple):
    """A statement with its line in the program, from 0."""

    text: str
    line: int


def split_statements(program: str) -> Iterator[Statement]:
    """Yield the statements of a program, without comments. Raise `Untranslatable` if it is too long."""
    if len(program) > _MAX_PROGRAM:
        raise Untranslatable("the program is too long")
    depth, at, line, first = 0, 0, 0, 0
    pieces: list[str] = []
    while at < len(program):
        match = _WORD.match(program, at)
        piece = match[0] if match else program[at]
        is_comment = piece.startswith("#")
        is_end = piece == ";" or (piece == "\n" and not _is_continued(program, at))
        depth += (piece in _OPEN) - (piece in _CLOSE)
        if not pieces and not piece.isspace():
            first = line
        if is_end and depth <= 0:
            yield from _make_statement(pieces, first)
            pieces = []
        elif not is_comment and (pieces or not piece.isspace()):
            pieces.append(piece)
        line += piece.count("\n")
        at += len(piece)
    yield from _make_statement(pieces, first)


def _make_statement(pieces: list[str], line: int) -> Iterator[Statement]:
    if text := "".join(pieces).strip():
        yield Statement(text, line)


def _is_continued(program: str, at: int) -> bool:
    """Return whether the line after this line end continues the statement."""
    before, after = program[max(0, at - _WINDOW) : at].rstrip(), program[at : at + _WINDOW].lstrip()
    if before.endswith(("=", "??", "||", "&&", "+", "|", ",")):
        return True
    return after.startswith(_CONTINUES) and not re.match(rf"{PATH}\s*(?:\|?=)|\.\s*(?:,|\|?=)", after)


def to_path(text: str) -> str:
    """Return a path of VRL as the path of a field."""
    names = re.findall(r'[A-Za-z_@][\w@]*|"[^"\\\n]+"', text)
    return ".".join(name.strip('"') for name in names)


def to_literal(text: str) -> Any:
    """Return a constant: a text, number, flag, null or list. Raise `Untranslatable` if it is none."""
    text = text.strip()
    if re.fullmatch(r"[rs]'(?:[^'\\]|\\.)*'", text, re.DOTALL):
        return text[2:-1]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise Untranslatable("only constants can be assigned") from None
    if isinstance(value, dict):
        raise Untranslatable("an object cannot be assigned; name each field")
    return value


def to_pattern(text: str) -> str:
    """Return the pattern of a literal such as `r'\\d+'`."""
    match = re.fullmatch(r"r'((?:[^'\\]|\\.)*)'", text.strip(), re.DOTALL)
    if match is None:
        raise Untranslatable("only a constant pattern is possible")
    return match[1].replace(r"\'", "'")


_TOKEN = re.compile(
    rf"\s*(?:(?P<path>{PATH})|(?P<literal>\"(?:[^\"\\]|\\.)*\"|[rs]'(?:[^'\\]|\\.)*'|-?\d+(?:\.\d+)?|true\b|false\b|null\b)"
    r"|(?P<sign>==|!=|<=|>=|<|>|&&|\|\||\?\?|!(?!=)|[(),\[\]])|(?P<word>[a-z_][a-z_0-9]*)!?)",
    re.DOTALL,
)
_CONVERSIONS = ("string", "to_string", "int", "to_int", "float", "to_float", "bool", "to_bool", "downcase", "trim")


def to_condition(text: str) -> str:
    """Return a condition of VRL as an expression. Raise `Untranslatable` if the sidecar cannot express it."""
    return _ConditionParser(_COMMENT.sub("", text)).parse()


class _ConditionParser:
    """A recursive descent parser for the conditions that the sidecar can express."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text.strip()))
        self._at = 0
        self._depth = 0

    def parse(self) -> str:
        expression = self._or()
        if self._at < len(self._tokens):
            raise Untranslatable("the condition cannot be read")
        return expression

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _accept(self, sign: str) -> bool:
        is_next = self._peek() == ("sign", sign)
        self._at += is_next
        return is_next

    def _expect(self, sign: str) -> None:
        if not self._accept(sign):
            raise Untranslatable("the condition cannot be read")

    def _or(self) -> str:
        parts = [self._and()]
        while self._accept("||"):
            parts.append(self._and())
        return join("or", parts)

    def _and(self) -> str:
        parts = [self._not()]
        while self._accept("&&"):
            parts.append(self._not())
        return join("and", parts)

    def _not(self) -> str:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise Untranslatable("the condition is nested too deeply")
        try:
            if self._accept("!"):
                return negate(self._not())
            if self._peek() == ("sign", "(") and not self._is_value_in_brackets():
                self._at += 1
                inner = self._or()
                self._expect(")")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _is_value_in_brackets(self) -> bool:
        """Return whether brackets enclose a value with a default, as in `(to_int(.status) ?? 0)`."""
        depth = 0
        for at in range(self._at, len(self._tokens)):
            sign = self._tokens[at][1]
            depth += (sign == "(") - (sign == ")")
            if depth == 0:
                following = self._tokens[at + 1 : at + 2]
                return bool(following) and following[0][1] in ("==", "!=", "<", "<=", ">", ">=")
        return False

    def _comparison(self) -> str:
        kind, text = self._peek()
        if kind == "word" and text in _TESTS:
            self._at += 1
            return self._test(text)
        path = self._value()
        _, sign = self._next()
        if sign not in ("==", "!=", "<", "<=", ">", ">="):
            self._at -= 1
            return compare(path, "==", True)
        kind, text = self._next()
        if kind != "literal":
            raise Untranslatable("only a comparison with a constant is possible")
        value = to_literal(text)
        return compare(path, sign, escape(value) if isinstance(value, str) else value)

    def _value(self) -> str:
        """Return the path of a field, which may be converted and have a default."""
        if self._accept("("):
            path = self._value()
            self._expect(")")
        else:
            kind, text = self._next()
            if kind == "word" and text in _CONVERSIONS:
                self._expect("(")
                path = self._value()
                self._expect(")")
            elif kind == "path":
                path = field(to_path(text))
            else:
                raise Untranslatable("only fields can be compared")
        if self._accept("??"):
            self._next()
        return path

    def _test(self, name: str) -> str:
        self._expect("(")
        if name == "includes":
            return self._includes()
        path = self._value()
        if name == "exists":
            self._expect(")")
            return f"exists {path}"
        if name in ("is_null", "is_nullish"):
            self._expect(")")
            return compare(path, "==", None) if name == "is_null" else f"not exists {path}"
        self._expect(",")
        _, text = self._next()
        if self._accept(","):
            raise Untranslatable("a test has no options")
        self._expect(")")
        if name == "match":
            return matches(path, escape(to_pattern(text)))
        pattern = escape_pattern(str(to_literal(text)))
        before, after = _TESTS[name]
        return matches(path, escape(f"{before}{pattern}{after}"))

    def _includes(self) -> str:
        self._expect("[")
        values = []
        while not self._accept("]"):
            kind, text = self._next()
            if kind != "literal":
                raise Untranslatable("only constants can be listed")
            values.append(text)
            self._accept(",")
        self._expect(",")
        path = self._value()
        self._expect(")")
        literals = [to_literal(text) for text in values]
        return join("or", [compare(path, "==", escape(v) if isinstance(v, str) else v) for v in literals] or ["null"])


_TESTS = {
    "exists": ("", ""),
    "match": ("", ""),
    "contains": ("", ""),
    "starts_with": ("^", ""),
    "ends_with": ("", "$"),
    "is_null": ("", ""),
    "is_nullish": ("", ""),
    "includes": ("", ""),
}
"""Functions that return a flag → what a pattern for the same test has before and after the text."""


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.end() == at:
            if not text[at:].strip():
                return
            raise Untranslatable("the condition cannot be read")
        kind = match.lastgroup or ""
        yield kind, match[kind]
        at = match.end()
