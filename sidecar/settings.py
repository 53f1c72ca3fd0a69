"""The configuration: one root model, read from YAML, environment and command line, with every problem said at once.

The environment wins over the file, the command line over both. A key or variable that nobody knows is an error
with "did you mean"; no secret is ever shown.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    SerializeAsAny,
    ValidationError,
    model_validator,
)

from sidecar.configuration import sources
from sidecar.configuration.places import default_state_directory
from sidecar.configuration.problems import explained
from sidecar.decode.settings import Encoding, Multiline
from sidecar.deliver import registry
from sidecar.deliver.sink import SinkSettings
from sidecar.described import SECRET_FILE, SHOWN, Described
from sidecar.enrich.settings import AnyEnricher
from sidecar.enrich.transform_settings import pattern
from sidecar.errors import ConfigurationError
from sidecar.parse.settings import JOINING, AnyParser, Timestamp
from sidecar.quantities import Duration, Size


class Limits(Described):
    """What the sidecar may take."""

    memory: Size = 16 << 20
    """Bytes that the documents of all batches may take together. It is divided among all pairs of a pipeline and a
    sink, and within a pair among its batches; a batch may have 64 KiB of log in any case."""

    open_files: Annotated[int, Field(ge=16)] = 512
    """Files that may be open at once; beyond it the least lately read ones are closed for a while."""

    volume: Size | None = None
    """What the files of each pipeline may take together, such as the `sizeLimit` of their volume: told beside what
    they take. Unless told, the size of the file system is."""

    held_deleted: Size = 256 << 20
    """Unread bytes of deleted files that each pipeline holds for its sinks; beyond it the oldest file is given up."""


def _address(value: object) -> object:
    """`9600` for this machine alone, `127.0.0.1:9600`, `:9600` for every address of this machine, `[::1]:9600`."""
    if isinstance(value, int) or (isinstance(value, str) and value.isascii() and value.isdigit()):
        value = f"127.0.0.1:{value}"
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("not an address; write it as 127.0.0.1:9600, or 0.0.0.0:9600 for every address of the Pod")
    return (host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 - what the user says


class Tls(Described):
    """The certificate of the listener; both files are read again when they change."""

    cert_file: Path
    """File with the certificate and those that lead to its root, in PEM."""

    key_file: Annotated[Path, SECRET_FILE]
    """File with the key of the certificate, in PEM, without a password."""


class Admin(Described):
    """Where metrics and probes can be had over HTTP, beside the Unix socket in the state directory."""

    listen: Annotated[
        tuple[str, int] | None, SHOWN, BeforeValidator(_address, json_schema_input_type=str | int | None)
    ] = None
    """Address and port, as in `127.0.0.1:9600`; nothing listens unless told. A port alone, as in `9600`, is that of
    this machine alone; probes and scrapers from outside of the Pod need `0.0.0.0:9600`."""

    hosts: Annotated[tuple[str, ...], SHOWN] = ()
    """Names that clients may ask for beside addresses and `localhost`, such as that of a Service."""

    token_file: Annotated[Path | None, SECRET_FILE] = None
    """File with a token that clients have to send, as `Authorization: Bearer …` or as the password of basic
    authentication; `/livez`, `/readyz` and `/startupz` are answered without. It is read again for each request."""

    tls: Tls | None = None
    """The certificate of the listener; plain HTTP unless told."""

    required: bool = False
    """Whether a port that is in use at the start ends the sidecar; it goes on without unless told."""

    show_documents: bool = False
    """Whether the page shows the newest dead letters with their documents, as the enrichers left them, and the words
    of the destination, which may repeat some of it. Their number and kind are shown always."""


def _endpoint(value: str) -> str:
    found = urlsplit(value)
    if found.scheme not in ("http", "https") or not found.hostname:
        raise ValueError("not an address of a receiver; write it as http://collector:4318/v1/metrics")
    if "@" in found.netloc:
        raise ValueError("a user or a password has no place here")
    try:
        is_there = find_spec("opentelemetry.proto") is not None
    except ModuleNotFoundError:
        is_there = False
    if not is_there:
        raise ValueError("needs a package that is not installed; pip install 'log-sidecar[otlp]'")
    return value


class Otlp(Described):
    """Where the sidecar's own metrics are sent to by OTLP over HTTP."""

    endpoint: Annotated[str, AfterValidator(_endpoint)]
    """URL of the receiver with its path, as in `http://collector:4318/v1/metrics`."""

    interval: Annotated[Duration, Field(gt=0)] = 60.0
    """How often they are sent; once more at the end."""


class Metrics(Described):
    """Metrics that are sent, beside those that can be fetched from `admin.listen`."""

    otlp: Otlp | None = None
    """Sent to a receiver of OpenTelemetry; needs `pip install 'log-sidecar[otlp]'`. Not unless told."""


class DeadLetters(Described):
    """What a destination refused, kept in the state."""

    max_size: Size = 256 << 20
    """Bytes of documents that may lie in the dead letters."""

    when_full: Literal["block", "drop_oldest"] = "block"
    """`block`: a sink whose refused documents find no place waits. `drop_oldest`: the oldest are lost and counted."""


class Drain(Described):
    """How it ends."""

    timeout: Duration | None = None
    """Seconds to read every file to its end and deliver after SIGTERM; with `--once`, seconds without progress. Two
    less than `SIDECAR_GRACE` in a Pod that says it, else 25, unless told."""


def _as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


def _preset(value: object) -> object:
    return {"preset": value} if isinstance(value, str) else value


LinePattern = Annotated[str, AfterValidator(pattern)]
AnyMultiline = str | Multiline


def _without_times(value: Any) -> Any:
    if isinstance(value, date):
        raise ValueError(f"{value} is a time to YAML; put it into quotes, as it stands in the document")
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _without_times(each)
    return value


class RuleTest(Described):
    """Lines, and the documents that they have to become; done by `sidecar check`."""

    name: str
    """What it shows, in words."""

    input: str | tuple[str, ...]
    """The text of a file, or its lines."""

    expect: Annotated[tuple[dict[str, Any], ...], BeforeValidator(_without_times)]
    """A mapping for each document, in order, with the fields that it must have, nested or with dots; null for one
    that it must not have. Other fields may be there."""

    now: AwareDatetime | None = None
    """The time at which the lines are read, as in `2026-11-24T12:00:00Z`; the present unless told. Needed where a
    time is written without its year or its day."""

    def data(self) -> bytes:
        """The input as a file in UTF-8, whose last line is whole."""
        text = self.input if isinstance(self.input, str) else "\n".join(self.input)
        return (text if text.endswith("\n") else f"{text}\n").encode()


class Pipeline(Described):
    """Which files, what their lines are, and where they go."""

    paths: Annotated[tuple[str, ...], SHOWN, Field(min_length=1)]
    """Globs; `**` stands for any number of directories. A relative one begins in the working directory."""

    exclude: Annotated[tuple[str, ...], SHOWN] = ("*.gz",)
    """Globs for names or whole paths that are left out."""

    read_from: Literal["beginning", "end"] = "beginning"
    """Where to begin in files that are there when the sidecar first sees the pipeline; later files are read whole."""

    ignore_older: Duration | None = None
    """Leave out files that were last changed longer ago than this and never read; all are read unless told."""

    keep_links: Path | None = None
    """A directory on the volume of the logs, in which each file has a hard link of ours until it is delivered: then a
    deletion and a crash together lose nothing. It has to be writable."""

    max_line: Size = 1 << 20
    """The longest line in bytes; of a longer one the head is kept, tagged `truncated`. Also the longest event of
    several lines, which is closed before the line that is too much."""

    multiline: Annotated[Multiline | None, BeforeValidator(_preset, json_schema_input_type=AnyMultiline)] = None
    """Which lines are one event: the name of a preset, or a pattern. Each line is one unless told; the parsers `cri`,
    `docker` and `mysql_slow` have presets of their own."""

    keep_empty: bool = False
    """Ship empty lines too. They are skipped and counted unless told."""

    include_lines: tuple[LinePattern, ...] = ()
    """Patterns, in the syntax of the `regex` library: only lines or events in which one of them is found are shipped.
    The others are counted as filtered."""

    exclude_lines: tuple[LinePattern, ...] = ()
    """Patterns: lines or events in which one of them is found are not shipped, and counted as filtered."""

    encoding: Annotated[Encoding, SHOWN] = "utf-8"
    """What the files are in: `utf-8`, `utf-16` (the mark at the beginning says the byte order), `utf-16le`,
    `utf-16be`, `latin-1`, `iso-8859-2`, `iso-8859-15`, `windows-1250` to `windows-1258`, `koi8-r`, `gbk`, `gb18030`,
    `big5`, `shift-jis`, `euc-jp`, `euc-kr`."""

    encoding_errors: Literal["replace", "backslashreplace", "strict"] = "replace"
    """What becomes of bytes that are no text in this encoding; `strict` sends the line to the dead letters."""

    parser: Annotated[tuple[AnyParser, ...], BeforeValidator(_as_list), Field(min_length=1)] = Field(
        default=("plain",), validate_default=True
    )
    """A parser by name or with options, or a list of them that is tried in order for each line."""

    max_fields: Annotated[int, Field(ge=1)] = 400
    """Fields with different names that one record may have; what is more goes as JSON text into the field
    `flattened`, so that one line cannot fill the mapping of an index."""

    max_depth: Annotated[int, Field(ge=1, le=64)] | None = None
    """Levels of objects that one record may have; what is deeper goes into `flattened`, too. Unless told it is for
    the database to say: Elasticsearch refuses more than 20, and the document goes to the dead letters."""

    timestamp: Timestamp = Timestamp()
    """Where the time of an event stands."""

    enrich: tuple[AnyEnricher, ...] = ()
    """What is added to each document, changed in it and taken out of it, in order: `kubernetes`,
    `{add: {name: value}}`, `{redact: [password]}`, `{rename: {old: new}}`, `{drop_when: 'level == "debug"'}`."""

    sinks: Annotated[tuple[str, ...] | None, SHOWN] = None
    """Names of the sinks that get the lines; all of them unless told."""

    tests: tuple[RuleTest, ...] = ()
    """Examples of lines with the documents that they become, which `sidecar check` tries."""

    def joining(self) -> Multiline | None:
        """What decides which lines are one event: what was said, or what a parser needs."""
        needed = (JOINING.get(parser.type) for parser in self.parser)
        preset = next(filter(None, needed), None)
        return Multiline(preset=preset) if self.multiline is None and preset else self.multiline


def _sink(value: object, info: Any) -> object:
    return registry.settings_for(value) if isinstance(value, str | dict) else value


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][^\s\x00-\x1f]*$")]
AnySink = Annotated[
    SerializeAsAny[SinkSettings], BeforeValidator(_sink, json_schema_input_type=str | dict[str, object])
]


def _not_empty(value: dict[str, Any]) -> dict[str, Any]:
    if not value:
        raise ValueError("there is none; name at least one")
    return value


class Settings(Described):
    """The whole configuration."""

    state_dir: Path | None = None
    """Directory of checkpoints, dead letters and balance. `/var/lib/sidecar` where that is writable, else
    `log-sidecar` in the user's XDG state directory."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that the sidecar writes to its own log on stderr."""

    admin: Admin = Admin()
    """Metrics and probes over HTTP."""

    metrics: Metrics = Metrics()
    """Metrics that are sent."""

    limits: Limits = Limits()
    """What the sidecar may take."""

    dead_letters: DeadLetters = DeadLetters()
    """What a destination refused, kept in the state."""

    drain: Drain = Drain()
    """How it ends."""

    sinks: Annotated[dict[Name, AnySink], AfterValidator(_not_empty)]
    """Destinations by name: a URL, or a mapping with `type` and that sink's settings."""

    pipelines: Annotated[dict[Name, Pipeline], AfterValidator(_not_empty)]
    """Pipelines by name."""

    @model_validator(mode="after")
    def _consistent(self) -> Settings:
        problems = []
        takers: dict[str, list[str]] = {name: [] for name in self.sinks}
        for name, pipeline in self.pipelines.items():
            for sink in pipeline.sinks or ():
                if sink not in self.sinks:
                    problems.append(f"pipelines.{name}.sinks: {sources.unknown('sink', sink, self.sinks)}")
            for sink in self.sinks_of(name):
                takers.get(sink, []).append(name)
        for sink, names in takers.items():
            if self.sinks[sink].single_pipeline and len(names) > 1:
                problems.append(
                    f"sinks.{sink}: a {self.sinks[sink].type} sink takes the lines of one pipeline,"
                    f" but {' and '.join(names)} name it; give each its own"
                )
        if problems:
            raise ConfigurationError("contradictions", problems=tuple(problems))
        return self

    def sinks_of(self, pipeline: str) -> tuple[str, ...]:
        """The names of the sinks that a pipeline ships to."""
        named = self.pipelines[pipeline].sinks
        return tuple(dict.fromkeys(self.sinks if named is None else named))

    def state_directory(self) -> Path:
        """The directory of the state, with its default resolved."""
        return self.state_dir or default_state_directory(os.environ)


def load(config: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings from file, environment and command line, the later ones winning.

    Raises `ConfigurationError` whose `problems` hold a sentence for each thing that is wrong.
    """
    problems: list[str] = []
    origin = str(config) if config else "the configuration"
    values = sources.from_file(config, problems) if config else {}
    if problems:
        raise ConfigurationError("the configuration cannot be read", problems=tuple(problems))
    sources.overlay(values, sources.from_environment(environ, Settings, problems))
    sources.overlay(values, overrides or {})
    return _validated(values, origin, problems)


def from_command_line(
    paths: Sequence[str], to: Sequence[str], pipeline: Mapping[str, Any], environ: Mapping[str, str],
    overrides: Mapping[str, Any],
) -> Settings:  # fmt: skip
    """The settings of a run that needs no file: one pipeline named `default`, sinks named by their URLs.

    A sink's name in the state is its URL without secrets and query, so that the order of `--to` means nothing.
    """
    problems: list[str] = []
    values = sources.from_environment(environ, Settings, problems)
    sinks: dict[str, SinkSettings] = {}
    for url in to:
        try:
            found = registry.settings_for(url)
            sinks[found.destination()] = found
        except ConfigurationError as error:
            problems.extend(f"--to: {problem}" for problem in error.problems)
        except ValidationError as error:
            problems.extend(explained(error, "--to", Settings))
    sources.overlay(values, {"pipelines": {"default": {"paths": list(paths), **pipeline}}})
    sources.overlay(values, overrides)
    values["sinks"] = {**values.get("sinks", {}), **sinks}
    if problems and not values["sinks"]:
        raise ConfigurationError("the configuration is wrong", problems=tuple(problems))
    return _validated(values, "the command line", problems)


def _validated(values: dict[str, Any], origin: str, problems: list[str]) -> Settings:
    try:
        settings = Settings.model_validate(values)
    except ConfigurationError as error:
        problems.extend(f"{origin}: {problem}" for problem in error.problems)
    except ValidationError as error:
        problems.extend(explained(error, origin, Settings))
    if problems:
        raise ConfigurationError("the configuration is wrong", problems=tuple(dict.fromkeys(problems)))
    return settings
