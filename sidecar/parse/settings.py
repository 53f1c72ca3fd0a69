"""Settings of parsers and timestamps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sidecar.errors import ConfigurationError
from sidecar.lib.conversions import FieldType
from sidecar.lib.declarations import (
    AfterValidator,
    CoreSchema,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)  # fmt: skip
from sidecar.lib.jsontext.nested import MAX_PATH_DEPTH
from sidecar.lib.settings_model import COMMAS, SHOWN, JsonSchema, SettingsModel, ShortForm, one_of
from sidecar.lib.suggestions import suggestion_for
from sidecar.lib.user_regex import compile_user_regex
from sidecar.parse.dissect import Dissection
from sidecar.parse.formats import FORMATS
from sidecar.parse.grok import ExpandedPattern, expand_pattern
from sidecar.parse.plugin import PLUGINS, ParseLine, resolve
from sidecar.parse.time.epoch import EPOCHS
from sidecar.parse.time.zones import check_zone

_WITH_CODE = {
    "plain": "any text: the whole line is the message",
    "json": "one JSON object per line",
    "regex": "named groups of a custom pattern",
    "grok": "a pattern built from named patterns, such as %{IP:source.ip}",
    "dissect": "fields between fixed texts, such as %{time} [%{level}] %{message}",
    "csv": "values separated by commas, with configured names",
    "logfmt": 'pairs such as level=info msg="it is up"',
    "cri": "container log files of containerd and CRI-O, with parts of lines joined",
    "docker": "Docker's json-file, with parts of lines joined",
    "nginx": "nginx's access log",
    "apache": "Apache's access log",
    "journald": "systemd's journal, from journalctl -o json or -o export",
}
BUILT_IN = (*_WITH_CODE, *FORMATS)
"""The names of the built-in parsers."""

WITHOUT_OPTIONS = ("plain", "nginx", "apache", "journald", *FORMATS)
"""Parsers without options: their name is enough."""


def describe_built_in() -> dict[str, str]:
    """Return the name of each built-in parser, and what it reads."""
    return {**_WITH_CODE, **{name: log_format.name for name, log_format in FORMATS.items()}}


def _validate_name(name: str) -> str:
    if name not in WITHOUT_OPTIONS:
        raise ValueError(f'"{name}" is not known{suggestion_for(name, set(BUILT_IN))}')
    return name


class SimpleParserSettings(SettingsModel):
    """A parser without options: `plain`, `nginx`, `syslog` and others."""

    type: Annotated[str, AfterValidator(_validate_name), WithJsonSchema({"enum": list(WITHOUT_OPTIONS)})]
    """Name of the parser."""


AUTO = "auto"
"""The name of the parser that is detected for each file."""


class AutoSettings(SettingsModel):
    """The parser that is detected for each file."""

    type: Literal["auto"]
    """`auto`."""


class JsonSettings(SettingsModel):
    """One JSON object per line."""

    type: Literal["json"]
    """Name of the parser."""

    target: str | None = None
    """Dotted path under which the fields are put. Default: the root of the document."""


def _validate_path(path: str) -> str:
    if not all(path.split(".")) or path.count(".") >= MAX_PATH_DEPTH:
        raise ValueError(f"{path!r} is not a field path; write for example url.path")
    return path


FieldPath = Annotated[str, AfterValidator(_validate_path)]


Types = dict[FieldPath, FieldType]


class RegexSettings(SettingsModel):
    """Named groups of a pattern become fields."""

    type: Literal["regex"]
    """Name of the parser."""

    pattern: str
    """The pattern (`regex` library, a superset of Python's `re`); it must match the whole line."""

    types: Types = Field(default_factory=dict)
    """Types by group: `integer`, `float`, `boolean`, `date`, `ip` or `string` (default). A value that cannot be
    converted stays a string, and `error.message` reports it."""

    @field_validator("pattern")
    @classmethod
    def _check_groups(cls, pattern: str) -> str:
        if not compile_user_regex(pattern).groupindex:
            raise ValueError("the pattern has no named group; add at least one, such as (?P<level>\\w+)")
        return pattern


class GrokSettings(SettingsModel):
    """A pattern that is built from named patterns."""

    type: Literal["grok"]
    """Name of the parser."""

    pattern: str
    """The pattern, with `%{NAME:field}` or `%{NAME:field:int}` for each field; it may match anywhere in the line.
    `[a][b]` and `a.b` are the same field."""

    patterns: dict[Annotated[str, Field(pattern=r"^\w+$")], str] = Field(default_factory=dict)
    """Custom patterns by name, which `pattern` and each other may use. They take precedence over built-in ones."""

    ecs_compatibility: Literal["v1", "v8", "disabled"] = "v1"
    """Field names of the built-in patterns, as in Logstash: those of the Elastic Common Schema, or with `disabled`
    the older ones, such as `clientip`."""

    types: Types = Field(default_factory=dict)
    """Types as for `regex`, in addition to those in the pattern."""

    @model_validator(mode="after")
    def _check_references(self) -> GrokSettings:
        self.expand()
        return self

    def expand(self) -> ExpandedPattern:
        """Return the pattern with all references replaced."""
        return expand_pattern(self.pattern, self.patterns, legacy=self.ecs_compatibility == "disabled")


class DissectSettings(SettingsModel):
    """Splits a line at the text between its fields."""

    type: Literal["dissect"]
    """Name of the parser."""

    pattern: str
    """The pattern, with `%{field}` for each field; it must match the whole line."""

    append_separator: str = ""
    """Text between the parts of a field with `%{+field}`."""

    types: Types = Field(default_factory=dict)
    """Types, as for `regex`."""

    @field_validator("pattern")
    @classmethod
    def _check_pattern(cls, pattern: str) -> str:
        Dissection.from_pattern(pattern)
        return pattern


class CsvSettings(SettingsModel):
    """Values separated by commas."""

    type: Literal["csv"]
    """Name of the parser."""

    columns: Annotated[tuple[FieldPath, ...], Field(min_length=1, json_schema_extra={"uniqueItems": True})]
    """Names of the values, in order; a dotted name is nested. A header in the file is not used, because reading may
    start anywhere."""

    delimiter: Annotated[str, Field(pattern=r'^[^\r\n"\x00]$')] = ","
    """One character between values, such as `;` or a tab (`"\\t"`)."""

    types: Types = Field(default_factory=dict)
    """Types by column: `integer`, `float`, `boolean`, `date`, `ip` or `string` (default). A value that cannot be
    converted stays a string, and `error.message` reports it."""

    @model_validator(mode="after")
    def _check_columns(self) -> CsvSettings:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError("duplicate column name; give each column a different name")
        for path in self.types:
            if path not in self.columns:
                raise ValueError(f"types: unknown column {path}; use one of {', '.join(self.columns)}")
        return self


class LogfmtSettings(SettingsModel):
    """Pairs of keys and values."""

    type: Literal["logfmt"]
    """Name of the parser."""

    types: Types = Field(default_factory=dict)
    """Types, as for `csv`."""


def _expand_name(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


class PluginParserSettings(SettingsModel):
    """A parser of an installed plug-in (entry point `log_sidecar.parsers`), with the options of the plug-in."""

    type: str
    """Name of the entry point."""

    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments for its factory. In the configuration they are written next to `type`."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchema:
        kind = {**one_of(PLUGINS.names()), "description": "Name of the entry point of the plug-in."}
        return {"type": "object", "properties": {"type": kind}, "required": ["type"]}

    @model_validator(mode="before")
    @classmethod
    def _collect_options(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        return {"type": given.get("type"), "options": {key: value for key, value in given.items() if key != "type"}}

    @model_validator(mode="after")
    def _check_plugin(self) -> PluginParserSettings:
        self.create()
        return self

    def create(self) -> ParseLine:
        """Return the function that parses a line. Raise `ValueError` with the reason if the plug-in returns none."""
        try:
            factory = resolve(self.type)
        except LookupError:
            known = {*BUILT_IN, *PLUGINS.names()} - {self.type}
            raise ValueError(f'"{self.type}" is not known{suggestion_for(self.type, known)}') from None
        except ConfigurationError as error:
            raise ValueError(str(error)) from error
        try:
            parse_line = factory(**self.options)
        except Exception as error:  # the code of a plug-in may raise anything
            reason = str(error) or type(error).__name__
            raise ValueError(f"{self.type} does not accept its options: {reason}") from error
        if not callable(parse_line):
            raise ValueError(f"the factory of {self.type} returned no function")
        return parse_line


def _tag_of(value: object) -> str | None:
    """Return the tag of the model for these settings, or None if they have no `type`."""
    name = value.get("type") if isinstance(value, Mapping) else getattr(value, "type", None)
    if not isinstance(name, str):
        return None
    if name in ("cri", "docker"):
        return "cri"
    if name == AUTO:
        return AUTO
    return "plain" if name in WITHOUT_OPTIONS else name if name in BUILT_IN else "own"


def _tag_of_content(value: object) -> str | None:
    tag = _tag_of(value)
    return "own" if tag in ("cri", AUTO) else tag


_LineParser = (
    Annotated[SimpleParserSettings, Tag("plain")]
    | Annotated[JsonSettings, Tag("json")]
    | Annotated[RegexSettings, Tag("regex")]
    | Annotated[GrokSettings, Tag("grok")]
    | Annotated[DissectSettings, Tag("dissect")]
    | Annotated[CsvSettings, Tag("csv")]
    | Annotated[LogfmtSettings, Tag("logfmt")]
    | Annotated[PluginParserSettings, Tag("own")]
)


def names_without_options() -> set[str]:
    """Return the names of parsers that need no options. Plug-ins are included, because they may need none."""
    return {*BUILT_IN, *PLUGINS.names()} - {"regex", "grok", "dissect", "csv"}


_NAME = ShortForm(_expand_name, schema=lambda: one_of(names_without_options()))
_NAME_OR_AUTO = ShortForm(_expand_name, schema=lambda: one_of({*names_without_options(), AUTO}))

Content = Annotated[Annotated[_LineParser, Discriminator(_tag_of_content)], _NAME]


class ContainerSettings(SettingsModel):
    """A parser for the log files of a container runtime."""

    type: Literal["cri", "docker"]
    """Name of the parser."""

    content: Content | None = None
    """Parser of the container's message, by name or with options. Default: the message is stored as `message`."""


AnyParserSettings = (
    SimpleParserSettings
    | JsonSettings
    | RegexSettings
    | GrokSettings
    | DissectSettings
    | CsvSettings
    | LogfmtSettings
    | ContainerSettings
    | PluginParserSettings
    | AutoSettings
)

_WITH_OPTIONS: Mapping[str, type[AnyParserSettings]] = {
    "json": JsonSettings,
    "regex": RegexSettings,
    "grok": GrokSettings,
    "dissect": DissectSettings,
    "csv": CsvSettings,
    "logfmt": LogfmtSettings,
    "cri": ContainerSettings,
    "docker": ContainerSettings,
    **dict.fromkeys(WITHOUT_OPTIONS, SimpleParserSettings),
}


def detected_parser(parser: str | Mapping[str, Any]) -> AnyParserSettings:
    """Return the settings of a parser that the sidecar has detected: a name, or options with a `type`.

    Raise `LookupError` or `TypeError` if only a newer version knows them.
    """
    options: dict[str, Any] = {"type": parser} if isinstance(parser, str) else dict(parser)
    if "content" in options:
        options["content"] = detected_parser(options["content"])
    if "columns" in options:
        options["columns"] = tuple(options["columns"])
    return _WITH_OPTIONS[options["type"]](**options)


JOINING = {"cri": "cri", "docker": "docker", "mysql_slow": "mysql_slow"}
"""Parsers of multiline events → the multiline preset that is their default."""

AnyParser = Annotated[
    Annotated[
        _LineParser | Annotated[ContainerSettings, Tag("cri")] | Annotated[AutoSettings, Tag(AUTO)],
        Discriminator(_tag_of),
    ],
    _NAME_OR_AUTO,
]


_DIRECTIVES = frozenset("aAbBcdefGHIjmMpSuUVwWxXyYzZ%")
"""Directives of `Strptime`."""


def _find_unknown_directive(text: str) -> str:
    """Return the first directive that `Strptime` does not know; "" if it knows all."""
    return next((f"%{letter}" for letter in re.findall("%(.?)", text, re.DOTALL) if letter not in _DIRECTIVES), "")


class TimestampSettings(SettingsModel):
    """The field with the timestamp of an event, and the format of the timestamp."""

    field: str | None = None
    """Name of the field. Default for JSON: the first of `@timestamp`, `timestamp`, `time` and `ts`."""

    formats: Annotated[tuple[str, ...], COMMAS] = ()
    """Formats, tried in order: `iso8601`, `epoch`, `epoch_ms`, `epoch_us`, `epoch_ns`, `common_log`, `date`, or a
    strptime format such as `%d/%b/%Y %H:%M:%S`. Default: `iso8601`, `epoch` and `date`."""

    zone: Annotated[str, SHOWN] = "UTC"
    """Time zone of timestamps without a zone (IANA name)."""

    zones: dict[str, Annotated[str, AfterValidator(check_zone)]] = Field(default_factory=dict)
    """Meanings of zone names in timestamps, for example `{IST: Asia/Kolkata}` or `{IST: "+05:30"}`. Unambiguous names
    such as CET are built in."""

    @field_validator("zone")
    @classmethod
    def _check_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("unknown time zone; use an IANA name such as Europe/Berlin") from error
        return zone

    @field_validator("formats")
    @classmethod
    def _check_formats(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        known = {"iso8601", "common_log", "date", *EPOCHS}
        for item in formats:
            if item not in known and "%" not in item:
                raise ValueError(
                    f"{item!r} is not a format; use one of {', '.join(sorted(known))}"
                    " or a strptime format such as %Y-%m-%d"
                )
            if item not in known and (unknown := _find_unknown_directive(item)):
                raise ValueError(
                    f"{item!r} contains {unknown}, which is not a directive of strptime; use others, such as %H"
                )
        return formats
