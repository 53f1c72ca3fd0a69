"""Converts programs of `remap`, statement by statement. Usual statements have a counterpart; others are remarks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sidecar.convert.expressions import Untranslatable
from sidecar.convert.model import Conversion, PipelineDraft
from sidecar.convert.patterns import from_strptime, group_names, to_whole_line
from sidecar.convert.source import SourceNode
from sidecar.convert.variables import escape, literal
from sidecar.convert.vector.vrl import (
    PATH,
    Statement,
    split_statements,
    to_condition,
    to_literal,
    to_path,
    to_pattern,
)

_PARSERS = {
    "parse_json": "json", "parse_syslog": "syslog", "parse_klog": "klog", "parse_glog": "klog",
    "parse_logfmt": "logfmt", "parse_key_value": "logfmt", "parse_common_log": "apache",
    "parse_aws_alb_log": "aws_elb", "parse_linux_authorization": "syslog",
}  # fmt: skip
_RENAMING = {"parse_nginx_log", "parse_apache_log", "parse_common_log", "parse_aws_alb_log", "parse_syslog"}
"""Functions whose fields have other names than those of the parser."""

_TYPES = {
    "to_int": "integer", "int": "integer", "parse_int": "integer", "to_float": "float", "parse_float": "float",
    "to_bool": "boolean", "to_string": "string",
}  # fmt: skip
_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|[rst]'(?:[^'\\]|\\.)*'", re.DOTALL)
_MAX_BRACKETS = 10
_UNKNOWN = "this statement has no counterpart"
_CALL = re.compile(r"([a-z_][a-z_0-9]*)!?\s*\((.*)\)", re.DOTALL)
_WRAPPERS = ("object", "string", "to_string", "to_object")
_SET = re.compile(
    rf"(?P<target>\.|{PATH}|[a-z_]\w*)\s*(?:,\s*(?:err|_|error)\s*)?(?P<sign>\|?=)(?!=)\s*(?P<value>.+)", re.DOTALL
)


_IF_PARSED = re.compile(
    r"if\s+(?:\(\s*)?(?:\w+\s*[!=]=\s*null|!?(?:is_null|is_object)\(\w+\))(?:\s*\))?\s*\{(?P<body>[^{}]*)\}"
    r"(?:\s*else\s*\{[^{}]*\})?",
    re.DOTALL,
)
"""A test whether a line was parsed, which uses variables only."""


class RemapConverter:
    """Converts one program. `_pending`: parsers whose result is in a variable."""

    def __init__(self, conversion: Conversion, pipeline: PipelineDraft, node: SourceNode) -> None:
        self._conversion, self._pipeline, self._node = conversion, pipeline, node
        self._pending: dict[str, str] = {}
        self._place = node.place

    def convert(self) -> None:
        """Convert all statements."""
        program = literal(self._node.text)
        if program is None:
            program = self._node.text
        for statement in split_statements(program):
            # The program begins on the line after its name, if it has several lines.
            line = self._node.line + statement.line + ("\n" in program)
            self._place = f"{self._node.file}:{line}"
            self._convert_one(statement)

    def _convert_one(self, statement: Statement) -> None:
        try:
            for convert in _STATEMENTS:
                if convert(self, statement.text):
                    return
            raise Untranslatable(_UNKNOWN)
        except Untranslatable as reason:
            self._pipeline.leave_out(self._place, "remap", str(reason))

    def delete(self, text: str) -> bool:
        """Convert `del(.a)`."""
        match = re.fullmatch(rf"(?:_\s*=\s*)?del\(\s*({PATH})\s*(?:,\s*(?:compact:\s*)?\w+\s*)?\)", text)
        if match:
            self._pipeline.transforms.append({"drop_fields": [to_path(match[1])]})
        return match is not None

    def drop(self, text: str) -> bool:
        """Convert `if CONDITION { abort }`."""
        match = re.fullmatch(r"if\s+(.+?)\s*\{\s*abort\s*(?:\"[^\"]*\")?\s*\}", text, re.DOTALL)
        if match:
            self._pipeline.transforms.append({"drop_when": to_condition(match[1])})
        return match is not None

    def check_result(self, text: str) -> bool:
        """Convert the statements in `if err == null { … }`, because a line that is not parsed stays a message."""
        match = _IF_PARSED.fullmatch(text)
        if match:
            for statement in split_statements(match["body"]):
                self._convert_one(statement)
        return match is not None

    def log(self, text: str) -> bool:
        """Skip `log("…")`, which only writes to Vector's own log."""
        is_log = re.match(r"log!?\(", text) is not None
        if is_log:
            self._pipeline.note(self._place, "remap", "the sidecar logs nothing about single lines")
        return is_log

    def assign(self, text: str) -> bool:
        """Convert an assignment to the event, a field or a variable."""
        match = _SET.fullmatch(text)
        if match is None:
            return False
        target, value = match["target"], _without_default(match["value"].strip())
        keeps = match["sign"] == "|="
        if call := re.fullmatch(r"merge!?\(\s*\.\s*,\s*(.+)\)", value, re.DOTALL):
            keeps, value = True, call[1].strip()
        value = self._pending.get(value, value)
        is_variable = not target.startswith(".")
        if parser := self._find_parser(value, keeps=keeps or is_variable):
            if is_variable:
                self._pending[target] = value
            else:
                self._set_parser(parser, to_path(target))
        elif is_variable or target == ".":
            raise Untranslatable(_UNKNOWN)
        else:
            self._assign_field(target, value)
        return True

    def _find_parser(self, text: str, *, keeps: bool) -> Any:
        """Return the parser for a call such as `parse_json!(.message)`, or None."""
        name, arguments = _unwrap(text)
        if not name.startswith("parse_") or name in ("parse_timestamp", "parse_int", "parse_float", "parse_duration"):
            return None
        first, *others = _split_arguments(arguments)
        if _argument(first) not in (".message", ".log"):
            raise Untranslatable("only the whole line can be parsed")
        options = [re.sub(r"^(?:format|pattern)\s*:\s*", "", other) for other in others]
        if name in _RENAMING:
            self._pipeline.note(self._place, name, "the fields have names of the Elastic Common Schema")
        if name in _PARSERS:
            return _PARSERS[name]
        return _parser_with_options(name, options, keeps=keeps)

    def _set_parser(self, parser: Any, target: str) -> None:
        current = self._pipeline.settings.get("parser")
        if target and target != "message":
            if parser != "json":
                raise Untranslatable("only the parser json can put its fields under another one")
            parser = {"type": "json", "target": target}
        if current == ["cri"]:
            self._pipeline.settings["parser"] = [{"type": "cri", "content": parser}]
        elif current:
            raise Untranslatable("a line has one parser, and another statement has set it")
        else:
            self._pipeline.settings["parser"] = [parser]

    def _assign_field(self, target: str, value: str) -> None:
        path = to_path(target)
        if match := re.fullmatch(rf"del\(\s*({PATH})\s*\)", value):
            self._move(to_path(match[1]), path)
        elif re.fullmatch(PATH, value):
            self._copy(to_path(value), path)
        elif match := _CALL.fullmatch(value):
            self._call(path, match[1], _split_arguments(match[2]))
        else:
            self._add(path, to_literal(value))

    def _move(self, source: str, target: str) -> None:
        if target in ("timestamp", "@timestamp"):
            self._pipeline.settings["timestamp"] = {"field": source}
        elif source != target:
            self._pipeline.add("rename", {source: target})

    def _copy(self, source: str, target: str) -> None:
        if target in ("timestamp", "@timestamp"):
            self._pipeline.settings["timestamp"] = {"field": source}
        elif source != target:
            self._pipeline.add("copy", {source: target})

    def _add(self, path: str, value: Any) -> None:
        if isinstance(value, str):
            value = self._conversion.field_value(escape(value), path.rpartition(".")[2], self._place)
        elif isinstance(value, list):
            value = [
                self._conversion.public(escape(v), path, self._place) if isinstance(v, str) else v for v in value
            ]
        self._pipeline.add("add", {path: value})

    def _call(self, path: str, name: str, arguments: list[str]) -> None:
        """Convert an assignment of the result of a function."""
        source = _argument(arguments[0]) if arguments else ""
        if name in ("get_env_var",) and arguments:
            self._pipeline.add("add", {path: f"${{{_variable(arguments[0])}}}"})
        elif name == "get_hostname":
            self._pipeline.note(self._place, "get_hostname", "`host.name` is part of each document")
        elif name in ("parse_timestamp", "to_timestamp", "to_unix_timestamp", "from_unix_timestamp"):
            self._set_time(path, source, arguments[1:])
        elif name == "redact":
            self._redact(arguments[1:])
        elif name in ("strip_ansi_escape_codes", "strip_whitespace", "trim"):
            self._pipeline.note(self._place, name, "`strip_ansi` removes colors; other text is stored as it is")
        elif re.fullmatch(PATH, source) and (name in _TYPES or name == "downcase"):
            self._change(path, to_path(source), name)
        else:
            raise Untranslatable("this function has no counterpart")

    def _change(self, path: str, source: str, name: str) -> None:
        if path != source:
            self._pipeline.add("copy", {source: path})
        if name == "downcase":
            self._pipeline.transforms.append({"lowercase": [path]})
        else:
            self._pipeline.add("convert", {path: _TYPES[name]})

    def _set_time(self, path: str, source: str, options: list[str]) -> None:
        if not re.fullmatch(PATH, source):
            raise Untranslatable("only a field can be the time")
        timestamp: dict[str, Any] = {"field": to_path(source)}
        texts = [re.sub(r"^format\s*:\s*", "", option) for option in options if not option.startswith("timezone")]
        if texts and texts[0].startswith('"'):
            timestamp["formats"] = [from_strptime(str(to_literal(texts[0])))]
        zones = [option.partition(":")[2] for option in options if option.startswith("timezone")]
        if zones:
            timestamp["zone"] = str(to_literal(zones[0]))
        if path in ("timestamp", "@timestamp", to_path(source)):
            self._pipeline.settings["timestamp"] = timestamp
        else:
            raise Untranslatable("a pipeline has one timestamp, which becomes `@timestamp`")

    def _redact(self, options: list[str]) -> None:
        text = ", ".join(options)
        rules: list[Any] = [
            {"pattern": escape(to_pattern(found))} for found in re.findall(r"r'(?:[^'\\]|\\.)*'", text)
        ]
        if "credit_card" in text:
            rules.append("credit_card")
        if "us_social_security_number" in text:
            rules.append({"pattern": r"\b\d{3}-\d{2}-\d{4}\b"})
        if not rules:
            raise Untranslatable("only constant patterns can be redacted")
        self._pipeline.add("redact", rules)


_STATEMENTS: tuple[Callable[[RemapConverter, str], bool], ...] = (
    RemapConverter.delete,
    RemapConverter.drop,
    RemapConverter.check_result,
    RemapConverter.log,
    RemapConverter.assign,
)


def _parser_with_options(name: str, options: list[str], *, keeps: bool) -> Any:
    form = str(to_literal(options[0])) if options and options[0].startswith('"') else ""
    if name == "parse_nginx_log":
        return "nginx_error" if form == "error" else "nginx"
    if name == "parse_apache_log":
        return "apache_error" if form == "error" else "apache"
    if name == "parse_regex" and options:
        pattern = escape(to_pattern(options[0]))
        if not group_names(pattern):
            raise Untranslatable("the pattern has no named group")
        whole = to_whole_line(pattern)
        if keeps and "message" not in group_names(pattern):
            whole = f"(?P<message>{whole})"
        return {"type": "regex", "pattern": whole}
    if name == "parse_grok" and form:
        return {"type": "grok", "pattern": escape(form)}
    raise Untranslatable("the sidecar has no such parser")


def _unwrap(text: str) -> tuple[str, str]:
    """Return name and arguments of a call, without functions around it that only change its type."""
    match = _CALL.fullmatch(_without_default(text.strip()))
    while match and match[1] in _WRAPPERS and (inner := _CALL.fullmatch(_without_default(match[2].strip()))):
        match = inner
    return (match[1], match[2]) if match else ("", "")


def _argument(text: str) -> str:
    """Return the path in an argument such as `string!(.message)` or `value: .message`."""
    text = re.sub(r"^value\s*:\s*", "", _without_default(text.strip()))
    match = _CALL.fullmatch(text)
    return _argument(match[2]) if match and match[1] in _WRAPPERS else text


def _without_default(text: str) -> str:
    """Return a value without `?? default` after it, or within brackets around it."""
    for _ in range(_MAX_BRACKETS):
        if not (text.startswith("(") and text.endswith(")")) or len(_split_arguments(text[1:-1])) > 1:
            break
        text = text[1:-1].strip()
    parts = _split(text, "??")
    return parts[0].strip()


def _split_arguments(text: str) -> list[str]:
    return [part.strip() for part in _split(text, ",")]


def _split(text: str, separator: str) -> list[str]:
    """Split a text at a separator that is outside of quotes and brackets."""
    parts, depth, start, at = [], 0, 0, 0
    while at < len(text):
        if match := _TEXT.match(text, at):
            at = match.end()
            continue
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if depth == 0 and text.startswith(separator, at):
            parts.append(text[start:at])
            at = start = at + len(separator)
            continue
        at += 1
    return [*parts, text[start:]]


def _variable(text: str) -> str:
    name = to_literal(text)
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise Untranslatable("the name of the variable is no constant")
    return name
