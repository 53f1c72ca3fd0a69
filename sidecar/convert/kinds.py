"""Recognises the tool that a configuration belongs to, and converts it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import NamedTuple, cast

from sidecar.convert.model import Conversion
from sidecar.convert.source import Section, SourceNode, read_toml, read_yaml
from sidecar.convert.validation import drop_invalid
from sidecar.errors import ConfigurationError

KINDS = {"filebeat": "Filebeat", "fluent-bit": "Fluent Bit", "promtail": "Promtail", "vector": "Vector"}
"""Name of the kind on the command line → name of the tool."""

_CLASSIC = re.compile(
    r"^\s*(?:\[(?:SERVICE|INPUT|FILTER|OUTPUT|PARSER|MULTILINE_PARSER|CUSTOM|PLUGINS|STREAM_TASK)\]|@(?:INCLUDE|SET)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_TOML = re.compile(r"(?:\s*(?:#[^\n]*)?\n)*\s*(?:\[\[?[\w.\"'-]+\]\]?\s*(?:#.*)?$|[\w.\"-]+\s*=\s)", re.MULTILINE)
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "filebeat": ("filebeat", "output", "processors", "setup", "path"),
    "fluent-bit": ("pipeline", "parsers", "multiline_parsers", "includes", "env"),
    "promtail": ("scrape_configs", "clients", "client", "positions", "target_config"),
    "vector": ("sources", "transforms", "data_dir", "enrichment_tables"),
}
_SEARCHED = {
    "filebeat": "`paths` below `filebeat.inputs`",
    "fluent-bit": "an input `tail` with a `path`",
    "promtail": "`__path__` below `scrape_configs`",
    "vector": "a source of type `file` that leads to a sink",
}
"""What names the log files, by kind."""

_MAX_NAMED = 3
"""Maximum number of parts that were left out and are named in an error."""

_LIST_OPTIONS = {"module", "type"}
"""Options of the items in a list of inputs or modules, as in `inputs.d` and `modules.d` of Filebeat."""


class SourceFile(NamedTuple):
    """A configuration of another tool."""

    path: Path
    """The file, whose directory is that of included files."""

    text: str
    """Content of the file."""

    @property
    def name(self) -> str:
        """Name of the file in comments."""
        return self.path.name

    @property
    def is_classic(self) -> bool:
        """Whether the text is in the classic format of Fluent Bit, with sections such as `[INPUT]`."""
        return _CLASSIC.search(self.text) is not None

    def read(self, syntax: str, *, dotted: bool = False) -> SourceNode:
        """Return the root of a YAML or TOML document."""
        is_toml = self.path.suffix.lower() == ".toml" or (
            self.path.suffix.lower() not in (".yaml", ".yml") and _TOML.match(self.text) is not None
        )
        return read_toml(self.text, self.name, syntax) if is_toml else read_yaml(
            self.text, self.name, syntax, dotted=dotted
        )  # fmt: skip


def convert(source: SourceFile, kind: str | None) -> Conversion:
    """Return the configuration of the sidecar.

    Raise `ConfigurationError` if the file is broken, or names no log files.
    """
    chosen = kind or detect(source)
    module = import_module(f"sidecar.convert.{chosen.replace('-', '_')}")
    conversion = cast(Callable[[SourceFile], Conversion], module.convert)(source)
    _complete(conversion, _SEARCHED[chosen])
    return conversion


def detect(source: SourceFile) -> str:
    """Return the kind of a configuration by its content. Raise `ConfigurationError` if it is unknown."""
    if source.is_classic:
        return "fluent-bit"
    node = source.read("filebeat", dotted=True)
    root = node.value
    if isinstance(root, list):
        items = [item.value for item in root if isinstance(item.value, Section)]
        if items and all(_LIST_OPTIONS & set(item.names()) for item in items):
            return "filebeat"
    elif isinstance(root, Section):
        if {"sinks", "pipelines"} <= set(root.names()):
            raise ConfigurationError("is already a configuration of the sidecar", location=source.name)
        if {"apiVersion", "kind"} <= set(root.names()):
            raise ConfigurationError(
                "is a manifest of Kubernetes", location=source.name, hint="pass the configuration that it contains"
            )
        counts = {kind: len(set(names) & set(root.names())) for kind, names in _OPTIONS.items()}
        best = max(counts, key=lambda kind: counts[kind])
        if counts[best]:
            return best
    missing = "none of its options is filebeat, pipeline, scrape_configs or sources"
    if not isinstance(root, Section):
        missing = "it has neither options such as `sources:` nor sections such as [INPUT]"
    raise ConfigurationError(
        f"the tool cannot be recognised, because {missing}", location=node.place,
        hint=f"if it is one of {', '.join(KINDS)}, name it with --from",
    )  # fmt: skip


def _complete(conversion: Conversion, searched: str) -> None:
    """Remove what is invalid, and make sure that there are pipelines and sinks."""
    conversion.hide_credentials()
    drop_invalid(conversion)
    if not conversion.pipelines:
        losses = {remark.place: remark.what for remark in conversion.all_remarks() if remark.is_loss}
        parts = [f"{what} ({place})" for place, what in list(losses.items())[:_MAX_NAMED]]
        raise ConfigurationError(
            f"has no input that reads log files, such as {searched}, so there is nothing to convert",
            location=conversion.file, hint=f"left out: {', '.join(parts)}" if parts else "",
        )  # fmt: skip
    if not conversion.sinks:
        sink = conversion.add_sink("out", conversion.file)
        sink.settings = {"type": "stdout"}
        sink.note(conversion.file, "", "no output has a counterpart; replace stdout with the sink that you want")
    names = [sink.name for sink in conversion.sinks]
    for pipeline in conversion.pipelines:
        if pipeline.sinks is not None:
            pipeline.sinks = [name for name in pipeline.sinks if name in names]
            if not pipeline.sinks or set(pipeline.sinks) == set(names):
                if not pipeline.sinks:
                    pipeline.note(pipeline.place, "", "its output has no counterpart, so it ships to all sinks")
                pipeline.sinks = None
    _separate_single_pipeline_sinks(conversion)


def _separate_single_pipeline_sinks(conversion: Conversion) -> None:
    """Give each pipeline a separate file, because a `file` sink accepts the lines of one pipeline only."""
    names = [sink.name for sink in conversion.sinks]
    for sink in list(conversion.sinks):
        users = [pipeline for pipeline in conversion.pipelines if sink.name in (pipeline.sinks or names)]
        if sink.settings.get("type") != "file":
            continue
        for pipeline in users[1:]:
            copy = conversion.add_sink(f"{sink.name}-{pipeline.name}", sink.place)
            path = PurePosixPath(sink.settings["path"])
            copy.settings = {
                **sink.settings,
                "path": str(path.with_name(f"{path.stem}-{pipeline.name}{path.suffix}")),
            }
            others = [name for name in pipeline.sinks or names if name != sink.name]
            pipeline.sinks = [*others, copy.name]
        if users[1:] and users[0].sinks is None:
            users[0].sinks = names
