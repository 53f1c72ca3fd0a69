"""Converts parsers and multiline parsers of Fluent Bit."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sidecar.convert.expressions import Untranslatable
from sidecar.convert.model import Draft, Reasons
from sidecar.convert.patterns import from_strptime, group_names, to_duration, to_whole_line, to_zone
from sidecar.convert.source import Section
from sidecar.decode.settings import explain_unbounded

# Parsers that Fluent Bit ships, and the parsers of the sidecar that read the same lines.
_SHIPPED = {
    "apache": "apache", "apache2": "apache", "apache_error": "apache_error", "nginx": "nginx",
    "k8s-nginx-ingress": "nginx", "json": "json", "logfmt": "logfmt", "docker": "docker", "docker-daemon": "logfmt",
    "cri": "cri", "syslog-rfc5424": "syslog", "syslog-rfc3164": "syslog", "syslog-rfc3164-local": "syslog",
    "mongodb": "mongodb",
}  # fmt: skip

CONTAINERS = ("docker", "cri")
LANGUAGES = {"java": "java", "python": "python", "go": "go", "ruby": "ruby"}
"""Multiline parsers that Fluent Bit ships → presets."""

_TYPES = {"integer": "integer", "int": "integer", "float": "float", "bool": "boolean", "boolean": "boolean"}


_REASONS = Reasons(
    not_needed={
        "time_keep": "the field with the time stays in the document",
        "time_strict": "a time that cannot be read is not used",
        "skip_empty_values": "an empty value is stored as it is",
        "logfmt_no_bare_keys": "a name without a value is true",
        "types": "other types stay texts",
        "time_system_timezone": "see `timestamp.zone`",
    },
    no_counterpart={"decode_field*": "only the message of a container can be JSON within a line"},
)


_MULTILINE_REASONS = Reasons(
    {"next_state": "one pattern finds all lines after the first", "key_*": "the whole line is matched"},
    {"parser": "set `parser` of the pipeline, which sees the whole event"},
)


@dataclass
class ConvertedParser:
    """A parser of the sidecar, and how it reads the time."""

    parser: Any
    """Name, or mapping with options."""

    timestamp: dict[str, Any] = field(default_factory=dict)
    """Settings of `timestamp`."""

    first_line: str = ""
    """Pattern of the line, if it has one, to find the first line of an event."""


class ParserTable:
    """The parsers of a configuration by name, in addition to those that Fluent Bit ships."""

    def __init__(self, parsers: list[Section], multiline_parsers: list[Section]) -> None:
        self._parsers = {section.text("name"): section for section in parsers}
        self._multiline = {section.text("name"): section for section in multiline_parsers}

    def find(self, name: str, draft: Draft) -> ConvertedParser:
        """Return the parser with this name, and add remarks about its options to the draft.

        Raise `Untranslatable` if it is unknown or has no counterpart.
        """
        section = self._parsers.get(name)
        if name in CONTAINERS:
            decoded = " ".join(section.texts("decode_field_as") + section.texts("decode_field")) if section else ""
            return ConvertedParser({"type": name, "content": "json"} if "json" in decoded else name)
        if section is None:
            if name in _SHIPPED:
                return ConvertedParser(_SHIPPED[name])
            raise Untranslatable("no file defines this parser; convert a file with its definition")
        converted = _convert_parser(section)
        draft.explain_unused(section, _REASONS, f"parser {name}.")
        return converted

    def find_multiline(self, name: str, draft: Draft) -> dict[str, Any]:
        """Return the settings of `multiline`. Raise `Untranslatable` if there is no counterpart."""
        if name in LANGUAGES:
            return {"preset": LANGUAGES[name]}
        section = self._multiline.get(name)
        if section is None:
            raise Untranslatable("no file defines this multiline parser; convert a file with its definition")
        return _convert_rules(section, draft)


def _convert_parser(section: Section) -> ConvertedParser:
    kind = section.word("format")
    timestamp = _timestamp_of(section)
    types = _types_of(section)
    options = {"types": types} if types else {}
    if kind == "json":
        return ConvertedParser("json", timestamp)
    if kind == "logfmt":
        return ConvertedParser({"type": "logfmt", **options} if options else "logfmt", timestamp)
    pattern = strip_slashes(section.text("regex"))
    if kind == "regex" and pattern:
        if not group_names(pattern):
            raise Untranslatable("the pattern has no named group")
        if timestamp.get("field") not in group_names(pattern):
            timestamp = {}
        parser = {"type": "regex", "pattern": to_whole_line(pattern), **options}
        return ConvertedParser(parser, timestamp, to_whole_line(pattern))
    raise Untranslatable(
        "the sidecar has no parser for the format ltsv" if kind == "ltsv" else "its format is unknown"
    )


def strip_slashes(pattern: str) -> str:
    """Return a pattern without the slashes around it."""
    match = re.fullmatch(r"/(.*)/([imx]*)", pattern, re.DOTALL)
    return pattern if match is None else f"(?{match[2]}){match[1]}" if match[2] else match[1]


def _timestamp_of(section: Section) -> dict[str, Any]:
    text = section.text("time_format")
    key = section.text("time_key") or ("time" if text else "")
    if not key:
        return {}
    timestamp: dict[str, Any] = {"field": key}
    if text:
        timestamp["formats"] = [from_strptime(text)]
    if zone := section.text("time_offset") or section.text("time_zone"):
        timestamp["zone"] = to_zone(zone)
    return timestamp


def _types_of(section: Section) -> dict[str, str]:
    pairs = (text.partition(":") for line in section.texts("types") for text in line.split())
    return {name: _TYPES[kind] for name, _, kind in pairs if kind in _TYPES}


def _convert_rules(section: Section, draft: Draft) -> dict[str, Any]:
    """Return a pattern of the first line or of the other lines, for rules that describe states."""
    if section.word("type", "regex") != "regex":
        raise Untranslatable("only multiline parsers of the type regex join lines by patterns")
    starts, others = list[str](), list[str]()
    for state, pattern in _rules_of(section):
        (starts if state == "start_state" else others).append(strip_slashes(pattern))
    if not starts:
        raise Untranslatable("it has no rule for start_state")
    continuation = _one_of(others)
    if others and not explain_unbounded(continuation) and not _matches_anything(continuation):
        multiline = {"continuation": continuation}
        draft.note(section.place, section.text("name"), "the rules of all states after the first are one pattern")
    else:
        multiline = {"start": _one_of(starts)}
    if timeout := to_duration(section.text("flush_timeout"), "ms"):
        multiline["timeout"] = timeout
    draft.explain_unused(section, _MULTILINE_REASONS, f"multiline_parser {section.text('name')}.")
    return multiline


def _one_of(patterns: list[str]) -> str:
    return patterns[0] if len(patterns) == 1 else "|".join(f"(?:{pattern})" for pattern in patterns)


def _matches_anything(pattern: str) -> bool:
    """Return whether a pattern also matches a first line, so that it would join all lines."""
    return re.fullmatch(r"\^?\(?\.[*+]\)?\$?", pattern) is not None or pattern.startswith("^(?!")


def _rules_of(section: Section) -> list[tuple[str, str]]:
    """Return state and pattern of each rule, in the classic or the YAML form."""
    if rules := section.sections("rules"):
        for rule in rules:
            rule.use("next_state")
        return [(rule.text("state"), rule.text("regex")) for rule in rules]
    rows = [re.findall(r'"((?:[^"\\]|\\.)*)"', text) for text in section.texts("rule")]
    return [(row[0], row[1].replace('\\"', '"')) for row in rows if len(row) >= 2]
