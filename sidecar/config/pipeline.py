"""Settings of one pipeline."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from sidecar.config.shell_syntax import GlobPattern
from sidecar.config.transforms import AnyTransform
from sidecar.config.transforms import names_without_options as names_of_transforms
from sidecar.decode.container_lines import CONTAINER_FORMATS
from sidecar.decode.presets import PRESET_NAMES
from sidecar.decode.settings import Encoding, MultilineSettings
from sidecar.lib.declarations import (
    AfterValidator,
    AwareDatetime,
    Field,
)
from sidecar.lib.settings_model import (
    COMMAS,
    SHOWN,
    SOME_COMMAS,
    LocalPath,
    OnlyEntry,
    SettingsModel,
    ShortForm,
    one_of,
    some_of,
    split_commas,
)
from sidecar.lib.units import Duration, Size
from sidecar.parse.settings import AUTO, JOINING, AnyParser, TimestampSettings, names_without_options
from sidecar.transform.field_settings import validate_pattern


def _as_list(value: object) -> object:
    """Return a list of parsers, for a text with commas or for one mapping."""
    parsers = split_commas(value)
    return parsers if isinstance(parsers, list | tuple) else [parsers]


_ONLY_PARSER = OnlyEntry(_as_list, schema=lambda: some_of(names_without_options(), alone=AUTO), alone=AUTO)


def _check_auto(parsers: tuple[AnyParser, ...]) -> tuple[AnyParser, ...]:
    if len(parsers) > 1 and any(parser.type == AUTO for parser in parsers):
        raise ValueError("auto detects all parsers of a file, so it must be the only one; remove the others")
    return parsers


def _as_patterns(value: object) -> object:
    """Return a list of patterns. A text is one pattern. Reject a comma, which could be part of it or separate two."""
    if isinstance(value, str):
        if "," in value:
            raise ValueError("a comma may be part of a pattern or separate two; write a list, as in ['a{1,3}', 'b']")
        return [value]
    return value


_PATTERNS = ShortForm(_as_patterns, schema=lambda: {"type": "string", "pattern": "^[^,]*$"})


def _expand_preset(value: object) -> object:
    return {"preset": value} if isinstance(value, str) else value


_NAMED_PRESET = ShortForm(_expand_preset, schema=lambda: one_of(PRESET_NAMES))


_NAMED_TRANSFORMS = ShortForm(split_commas, schema=lambda: some_of(names_of_transforms(), alone=""))


LinePattern = Annotated[str, AfterValidator(validate_pattern)]


class RuleTest(SettingsModel):
    """A test of a pipeline: lines and the documents that they become. `sidecar check` runs it."""

    name: str
    """Description of the test, which is printed if the test fails."""

    input: str | tuple[str, ...]
    """The text of a file, or its lines."""

    expect: tuple[dict[str, Any], ...]
    """A mapping for each document, in order, with the fields that the document must have, nested or with dots. The
    value null means that the field must be absent. The document may have other fields."""

    now: AwareDatetime | None = None
    """The time at which the lines are read, such as `2026-11-24T12:00:00Z`; by default the current time. Needed if a
    timestamp is written without its year or day."""

    def data(self) -> bytes:
        """Return the input as a UTF-8 file with a newline after the last line."""
        text = self.input if isinstance(self.input, str) else "\n".join(self.input)
        return (text if text.endswith("\n") else f"{text}\n").encode()


class PipelineSettings(SettingsModel):
    """Which files to tail, how to parse them, and which sinks get the lines."""

    paths: Annotated[tuple[GlobPattern, ...], SHOWN, Field(min_length=1), SOME_COMMAS]
    """Globs of the files to tail; `**` matches any number of directories. A relative glob starts in the working
    directory."""

    exclude: Annotated[tuple[GlobPattern, ...], SHOWN, COMMAS] = ("*.gz", "*.xz", "*.bz2", "*.zst")
    """Globs of the file names or full paths that are not tailed."""

    read_from: Literal["beginning", "end"] = "beginning"
    """Where to start in files that exist when the pipeline runs for the first time. Files that are created later are
    read from the beginning."""

    ignore_older: Duration | None = None
    """Skip files that were never read and were last changed longer ago than this. By default no file is skipped. The
    balance counts their bytes as `skipped:ignore_older`."""

    keep_links: LocalPath | None = None
    """Directory on the volume of the logs, in which the sidecar keeps a hard link to each file until it is delivered.
    Then no line is lost if a file is deleted and the sidecar crashes. The directory must be writable."""

    max_line: Size = 1 << 20
    """Maximum bytes of a line. The beginning of a longer line is kept and tagged `truncated`. The limit also applies
    to a multiline event, which ends before the line that would exceed it."""

    multiline: Annotated[MultilineSettings | None, _NAMED_PRESET] = None
    """How lines are joined to events: the name of a preset, or a pattern. By default each line is one event, except
    that the parsers `cri`, `docker` and `mysql_slow` imply a preset."""

    keep_empty: bool = False
    """Ship empty lines. By default they are skipped and counted."""

    include_lines: Annotated[tuple[LinePattern, ...], _PATTERNS] = ()
    """Patterns in the syntax of the `regex` library. Only lines or events that contain a match are shipped; the
    others are counted as filtered."""

    exclude_lines: Annotated[tuple[LinePattern, ...], _PATTERNS] = ()
    """Patterns in the syntax of the `regex` library. Lines or events that contain a match are not shipped and are
    counted as filtered."""

    encoding: Annotated[Encoding, SHOWN] = "utf-8"
    """Encoding of the files: `utf-8`, `utf-16` (the BOM at the beginning gives the byte order), `utf-16le`,
    `utf-16be`, `latin-1`, `iso-8859-2`, `iso-8859-15`, `windows-1250` to `windows-1258`, `koi8-r`, `gbk`, `gb18030`,
    `big5`, `shift-jis`, `euc-jp`, `euc-kr`."""

    encoding_errors: Literal["replace", "backslashreplace", "strict"] = "replace"
    """How bytes are handled that are invalid in this encoding. With `strict`, a line with such bytes becomes a dead
    letter."""

    strip_ansi: Annotated[Literal["auto", "never"], SHOWN] = "auto"
    """`auto` removes the escape sequences for colors that a program writes for a terminal, before a line is joined
    or parsed."""

    parser: Annotated[tuple[AnyParser, ...], Field(min_length=1), AfterValidator(_check_auto), _ONLY_PARSER] = Field(
        default=("plain",), validate_default=True
    )
    """Parser by name or with options, or a list of parsers that are tried in order for each line. `auto` detects the
    parser for each file from its first events. It also detects `multiline` and `timestamp` if they are not set."""

    max_fields: Annotated[int, Field(ge=1)] = 400
    """Maximum number of distinct field names in a record. Further fields are stored as JSON text in the field
    `flattened`, so that one line cannot fill the mapping of an index."""

    max_depth: Annotated[int, Field(ge=1, le=64)] | None = None
    """Maximum number of nested levels in a record. Deeper objects are stored in `flattened`. By default the sink sets
    the limit: Elasticsearch rejects more than 20 levels, and the document becomes a dead letter."""

    timestamp: TimestampSettings = TimestampSettings()
    """Field and format of the timestamp of an event."""

    transforms: Annotated[tuple[AnyTransform, ...], _NAMED_TRANSFORMS] = ()
    """Changes to each record, in order: `kubernetes`, `{add: {name: value}}`, `{redact: [password]}`, `{rename: {old:
    new}}`, `{drop_when: 'level == "debug"'}`."""

    sinks: Annotated[Annotated[tuple[str, ...], Field(min_length=1)] | None, SHOWN, SOME_COMMAS] = None
    """Names of the sinks that get the lines. All sinks by default."""

    tests: tuple[RuleTest, ...] = ()
    """Tests of this pipeline: lines and the documents that they must become. `sidecar check` runs them."""

    @property
    def is_auto(self) -> bool:
        """Whether the parser is detected for each file."""
        return self.parser[0].type == AUTO

    def effective_multiline(self) -> MultilineSettings | None:
        """Return how lines are joined: as configured, else by the preset that a parser implies, else None."""
        implied = (JOINING.get(parser.type) for parser in self.parser)
        preset = next(filter(None, implied), None)
        return MultilineSettings(preset=preset) if self.multiline is None and preset else self.multiline

    def container_format(self) -> str | None:
        """Return the container log format that a parser reads, or None. Its messages are joined by stream."""
        return next((parser.type for parser in self.parser if parser.type in CONTAINER_FORMATS), None)
