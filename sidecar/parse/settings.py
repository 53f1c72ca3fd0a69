"""What a pipeline can say about parsing and event times."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from sidecar.lib.conversions import Kind
from sidecar.lib.jsontext.nested import DEEPEST
from sidecar.lib.settings_model import SHOWN, SettingsModel
from sidecar.lib.user_regex import compile_user_regex
from sidecar.parse.dissect import Dissection
from sidecar.parse.grok import expand_pattern

BUILT_IN = {
    "plain": "any text: the whole line is the message",
    "json": "one JSON object a line",
    "regex": "named groups of a pattern of your own",
    "grok": "named groups of a pattern made of named ones, as %{IP:source.ip}",
    "dissect": "what stands between texts that you name, as in %{time} [%{level}] %{message}",
    "csv": "values between commas, under names of your own",
    "logfmt": 'pairs as in level=info msg="it is up"',
    "cri": "containerd's and CRI-O's files of containers, parts of lines joined",
    "docker": "Docker's json-file, parts of lines joined",
    "nginx": "nginx's combined access log",
    "apache": "Apache's common and combined access logs",
    "nginx_error": "nginx's error log",
    "apache_error": "Apache's error log",
    "syslog": "syslog, RFC 5424 or RFC 3164",
    "klog": "what Kubernetes components write",
    "python": "Python's logging",
    "log4j": "log4j, logback and Spring Boot",
    "postgresql": "PostgreSQL's server log",
    "mysql": "MySQL's and MariaDB's error log",
    "mysql_slow": "MySQL's and MariaDB's slow query log",
    "java_gc": "the JVM's unified log",
}
"""What parsers there are, and what each reads."""


class SimpleParserSettings(SettingsModel):
    """A parser without options of its own: `plain`, `nginx`, `syslog` and the like."""

    type: Literal[
        "plain", "nginx", "apache", "nginx_error", "apache_error", "syslog", "klog", "python", "log4j", "postgresql",
        "mysql", "mysql_slow", "java_gc",
    ]  # fmt: skip
    """Name of the parser."""


class JsonSettings(SettingsModel):
    """One JSON object a line."""

    type: Literal["json"]
    """Name of the parser."""

    target: str | None = None
    """Dotted path under which the fields go; at the root of the document unless told."""


def _field(path: str) -> str:
    if not all(path.split(".")) or path.count(".") >= DEEPEST:
        raise ValueError(f"{path!r} is not the path of a field; write for instance url.path")
    return path


FieldPath = Annotated[str, AfterValidator(_field)]


Types = dict[FieldPath, Kind]


class RegexSettings(SettingsModel):
    """Named groups of a pattern become fields."""

    type: Literal["regex"]
    """Name of the parser."""

    pattern: str
    """The pattern, in the syntax of Python's `re` and of the `regex` library; it has to match the whole line."""

    types: Types = Field(default_factory=dict)
    """What is no text: name of the group and `integer`, `float`, `boolean`, `date`, `ip` or `string`. What does not
    convert stays text and is told in `error.message`."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        if not compile_user_regex(pattern).groupindex:
            raise ValueError("the pattern has no named group such as (?P<level>\\w+), so it would make no field")
        return pattern


class GrokSettings(SettingsModel):
    """A pattern that is made of named ones."""

    type: Literal["grok"]
    """Name of the parser."""

    pattern: str
    """The pattern, with `%{NAME:field}` or `%{NAME:field:int}` for what becomes a field; it may match anywhere in the
    line. `[a][b]` and `a.b` are the same field."""

    patterns: dict[Annotated[str, Field(pattern=r"^\w+$")], str] = Field(default_factory=dict)
    """Patterns of your own by name, which `pattern` and each other may refer to; they win over known ones."""

    types: Types = Field(default_factory=dict)
    """What is no text, as for `regex`, beside what the pattern says itself."""

    @model_validator(mode="after")
    def _expands(self) -> GrokSettings:
        expand_pattern(self.pattern, self.patterns)
        return self


class DissectSettings(SettingsModel):
    """A line taken apart by the text between its fields."""

    type: Literal["dissect"]
    """Name of the parser."""

    pattern: str
    """The pattern, with `%{field}` for what becomes a field; it has to take the whole line."""

    append_separator: str = ""
    """What stands between the parts of a field that `%{+field}` is appended to."""

    types: Types = Field(default_factory=dict)
    """What is no text, as for `regex`."""

    @field_validator("pattern")
    @classmethod
    def _is_one(cls, pattern: str) -> str:
        Dissection.of(pattern)
        return pattern


class CsvSettings(SettingsModel):
    """Values between commas."""

    type: Literal["csv"]
    """Name of the parser."""

    columns: Annotated[tuple[FieldPath, ...], Field(min_length=1)]
    """The name of each value, in their order; a dotted one is nested. A first line with names is no help, for reading
    begins anywhere in a file."""

    delimiter: Annotated[str, Field(pattern=r'^[^\r\n"\x00]$')] = ","
    """The one character between values, as `;` or a tab (`"\\t"`)."""

    types: Types = Field(default_factory=dict)
    """What is no text: path and `integer`, `float`, `boolean`, `date`, `ip` or `string`. What does not convert stays
    text and is told in `error.message`."""

    @model_validator(mode="after")
    def _are_columns(self) -> CsvSettings:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("two columns have the same name")
        for path in self.types:
            if path not in self.columns:
                raise ValueError(f"types: there is no column {path}")
        return self


class LogfmtSettings(SettingsModel):
    """Pairs of names and values."""

    type: Literal["logfmt"]
    """Name of the parser."""

    types: Types = Field(default_factory=dict)
    """What is no text, as for `csv`."""


def _named(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


Content = Annotated[
    Annotated[
        SimpleParserSettings
        | JsonSettings
        | RegexSettings
        | GrokSettings
        | DissectSettings
        | CsvSettings
        | LogfmtSettings,
        Field(discriminator="type"),
    ],
    BeforeValidator(_named, json_schema_input_type=str | dict[str, object]),
]


class ContainerSettings(SettingsModel):
    """Files that a container runtime writes."""

    type: Literal["cri", "docker"]
    """Name of the parser."""

    content: Content | None = None
    """The parser of what the container wrote, by name or with options; it is `message` unless told."""


JOINING = {"cri": "cri", "docker": "docker", "mysql_slow": "mysql_slow"}
"""Parsers whose events are of several lines, and the preset that joins them unless another one is told."""

AnyParser = Annotated[
    Annotated[
        SimpleParserSettings
        | JsonSettings
        | RegexSettings
        | GrokSettings
        | DissectSettings
        | CsvSettings
        | LogfmtSettings
        | ContainerSettings,
        Field(discriminator="type"),
    ],
    BeforeValidator(_named, json_schema_input_type=str | dict[str, object]),
]


class TimestampSettings(SettingsModel):
    """Where the time of an event stands and how it is written."""

    field: str | None = None
    """Name of the field; for JSON `@timestamp`, `timestamp`, `time` and `ts` are tried unless told."""

    formats: tuple[str, ...] = ()
    """Tried in order: `iso8601`, `epoch`, `epoch_ms`, `epoch_us`, `epoch_ns`, `common_log`, or a strptime format such
    as `%d/%b/%Y %H:%M:%S`. ISO 8601 and epoch are tried unless told."""

    zone: Annotated[str, SHOWN] = "UTC"
    """IANA name of the zone of times that are written without one."""

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("no such zone; use an IANA name such as Europe/Berlin") from error
        return zone

    @field_validator("formats")
    @classmethod
    def _formats(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        known = {"iso8601", "epoch", "epoch_ms", "epoch_us", "epoch_ns", "common_log"}
        for item in formats:
            if item not in known and "%" not in item:
                raise ValueError(
                    f"{item!r} is no format; use one of {', '.join(sorted(known))} or strptime's %Y-%m-%d"
                )
        return formats
