"""Converts the input `tail` of Fluent Bit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from sidecar.convert.expressions import Untranslatable
from sidecar.convert.fluent_bit.parsers import CONTAINERS, ParserTable
from sidecar.convert.model import Conversion, PipelineDraft, Reasons
from sidecar.convert.patterns import DEFAULT_EXCLUDE, to_duration
from sidecar.convert.source import Section
from sidecar.decode.settings import explain_unbounded

_ENCODINGS = {
    "utf-16le": "utf-16le", "utf-16be": "utf-16be", "shiftjis": "shift-jis", "sjis": "shift-jis", "gbk": "gbk",
    "gb18030": "gb18030", "big5": "big5", "win1250": "windows-1250", "win1251": "windows-1251",
    "win1252": "windows-1252", "win1253": "windows-1253", "win1254": "windows-1254", "win1255": "windows-1255",
    "win1256": "windows-1256", "auto": "utf-16",
}  # fmt: skip

_BUFFER = "lines wait in their files, and `limits.memory` limits the documents in memory"
_REASONS = Reasons(
    not_needed={
        "tag*": "pipelines replace tags",
        "alias": "the name of the pipeline identifies it",
        "db*": "checkpoints are in `state_dir`",
        "refresh_interval": "new files are found at once",
        "watcher_interval": "new files are found at once",
        "rotate_wait": "a rotated file is read to its end",
        "mem_buf_limit": _BUFFER,
        "buffer_*": "see `max_line`; the beginning of a longer line is shipped",
        "static_batch_size": _BUFFER,
        "event_batch_size": _BUFFER,
        "storage*": _BUFFER,
        "skip_long_lines": "the beginning of a line longer than `max_line` is shipped",
        "truncate_long_lines": "the beginning of a line longer than `max_line` is shipped",
        "skip_empty_lines": "empty lines are skipped",
        "path_key": "`log.file.path` is part of each document",
        "offset_key": "`log.offset` is part of each document",
        "inotify_watcher": "the sidecar uses inotify and polls as well",
        "progress_check*": "growing files are polled every 50 ms",
        "exit_on_eof": "`sidecar run --once` does that",
        "threaded*": "each pipeline and sink has its own threads",
        "docker_mode*": "parts of lines are joined by the parsers of container log files",
        "multiline_flush": "see `multiline.timeout`",
        "file_cache_advise": "the kernel decides that",
        "log_level": "`log_level` is that of the whole sidecar",
        "keep_file_handle": "every file is followed until it is delivered",
    },
    no_counterpart={
        "processors": "processors are not converted; write transforms",
        "parser_*": "one pattern finds the first line of an event, and one parser reads the event",
        "key": "the text of a line is `message`; rename it with `rename`",
    },
)


@dataclass
class Input:
    """A pipeline with the tag of its input."""

    pipeline: PipelineDraft
    tag: str
    """Tag of the records. `*` is replaced by the path, as Fluent Bit writes it."""

    raw_key: str
    """Key under which Fluent Bit has the whole line, if no parser replaces it; here it is `message`."""

    def path_of(self, key: str) -> str:
        """Return the path of a field for a key or record accessor such as `$kubernetes['pod_name']`."""
        key = key.strip()
        if key.startswith("$"):
            key = re.sub(r"\[['\"]?([^'\"\]]+)['\"]?\]", r".\1", key[1:])
        return "message" if key in (self.raw_key, "log") and self.has_message else key

    @property
    def has_message(self) -> bool:
        """Whether the documents have the whole line, or the message of a container, as `message`."""
        return kind_of(self.pipeline) in ("", "plain") or (
            is_container(self.pipeline) and not has_content(self.pipeline)
        )


def kind_of(pipeline: PipelineDraft) -> str:
    """Return the name of the first parser, or ""."""
    parsers = pipeline.settings.get("parser") or [""]
    return str(parsers[0].get("type") if isinstance(parsers[0], dict) else parsers[0])


def is_container(pipeline: PipelineDraft) -> bool:
    """Return whether the pipeline reads log files of a container runtime."""
    return kind_of(pipeline) in CONTAINERS


def has_content(pipeline: PipelineDraft) -> bool:
    """Return whether the messages of containers have a parser."""
    return any(isinstance(parser, dict) and "content" in parser for parser in pipeline.settings["parser"])


def convert_input(conversion: Conversion, section: Section, parsers: ParserTable) -> Input | None:
    """Add a pipeline for an input. Return None if it does not read files."""
    name = section.word("name")
    if name != "tail":
        conversion.leave_out(section.place, f"input {name}", "the sidecar reads log files only")
        return None
    paths = section.texts("path", ",")
    tag = section.text("tag") or "tail.0"
    pipeline = conversion.add_pipeline(section.text("alias") or _name_of(tag, paths), section.place)
    pipeline.sinks = []
    settings = pipeline.settings
    settings["paths"] = paths
    if excluded := section.texts("exclude_path", ","):
        settings["exclude"] = list(dict.fromkeys([*excluded, *DEFAULT_EXCLUDE]))
    if not section.flag("read_from_head"):
        settings["read_from"] = "end"
        pipeline.note(section.place, "read_from_head", "files that exist at the first start are read from their end")
    if (age := to_duration(section.text("ignore_older"))) and not age.startswith("0"):
        settings["ignore_older"] = age
    for option in ("unicode.encoding", "generic.encoding"):
        if encoding := section.word(option):
            settings["encoding"] = _ENCODINGS.get(encoding, encoding)
    key = section.text("key")
    if key in ("", "log", "message"):
        section.use("key")
    _convert_parsers(pipeline, section, parsers)
    result = Input(pipeline, tag.replace("*", _dotted(paths)), key or "log")
    pipeline.explain_unused(section, _REASONS)
    return result


def _dotted(paths: list[str]) -> str:
    """Return the first path as Fluent Bit writes it into a tag, with an example instead of wildcards."""
    return re.sub(r"[*?]+", "x", paths[0].lstrip("/").replace("/", ".")) if paths else "x"


def _name_of(tag: str, paths: list[str]) -> str:
    name = tag.replace("*", "").strip(".")
    if name not in ("", "tail.0"):
        return name
    path = PurePosixPath(paths[0] if paths else "")
    return "-".join(part for part in (path.parent.name, path.stem.replace("*", "").split(".")[0]) if part)


def _convert_parsers(pipeline: PipelineDraft, section: Section, parsers: ParserTable) -> None:
    names = section.texts("multiline.parser", ",")
    containers = [name for name in names if name in CONTAINERS]
    if section.flag("docker_mode"):
        containers.append("docker")
    if containers:
        pipeline.settings["parser"] = list(dict.fromkeys(containers))
    others = [name for name in names if name not in CONTAINERS]
    for name in others[:1]:
        join_lines(pipeline, name, section.place_of("multiline.parser"), parsers)
    for name in others[1:]:
        pipeline.leave_out(section.place_of("multiline.parser"), name, "a pipeline has one multiline setting")
    if section.flag("multiline") and (first := section.text("parser_firstline")):
        _join_by_first_line(pipeline, first, section.place_of("parser_firstline"), parsers)
    if (name := section.text("parser")) and not (section.flag("multiline") and "parser_firstline" in section):
        use_parser(pipeline, name, section.place_of("parser"), parsers)


def join_lines(pipeline: PipelineDraft, name: str, place: str, parsers: ParserTable) -> None:
    """Use a multiline parser of Fluent Bit."""
    try:
        if is_container(pipeline):
            raise Untranslatable("messages of container log files are joined by the runtime's marks only")
        pipeline.settings["multiline"] = parsers.find_multiline(name, pipeline)
    except Untranslatable as reason:
        pipeline.leave_out(place, f"multiline.parser {name}", str(reason))


def _join_by_first_line(pipeline: PipelineDraft, name: str, place: str, parsers: ParserTable) -> None:
    """Join lines by the parser that matches the first line of an event, and parse the event with it."""
    try:
        found = parsers.find(name, pipeline)
    except Untranslatable as reason:
        pipeline.leave_out(place, f"parser_firstline {name}", str(reason))
        return
    pattern = found.first_line
    if explain_unbounded(pattern):
        group = re.match(r"\^?\(\?P<\w+>((?:[^()\\]|\\.)+)\)", pattern)
        pattern = f"^(?:{group[1]})" if group else ""
    if not pattern:
        pipeline.leave_out(place, f"parser_firstline {name}", "its pattern is not one that can find the first line")
        return
    parser = {**found.parser, "pattern": f"(?s){found.parser['pattern'].removesuffix('$')}"}
    if not parser["pattern"].endswith((".*", ".*)")):
        parser["pattern"] += ".*"
    pipeline.settings.update({"multiline": {"start": pattern}, "parser": [parser]})
    if found.timestamp:
        pipeline.settings["timestamp"] = found.timestamp


def use_parser(pipeline: PipelineDraft, name: str, place: str, parsers: ParserTable) -> None:
    """Use a parser of Fluent Bit for the lines, or for the messages of containers."""
    try:
        found = parsers.find(name, pipeline)
        set_parser(pipeline, found.parser)
    except Untranslatable as reason:
        pipeline.leave_out(place, f"parser {name}", str(reason))
        return
    if found.timestamp:
        pipeline.settings["timestamp"] = found.timestamp


def set_parser(pipeline: PipelineDraft, parser: Any) -> None:
    """Set the parser of lines, or of container messages. Raise `Untranslatable` if there is one already."""
    current = pipeline.settings.get("parser")
    if isinstance(parser, dict) and parser["type"] == "regex" and "multiline" in pipeline.settings:
        parser = {**parser, "pattern": f"(?s){parser['pattern']}"}
    if current and is_container(pipeline) and not has_content(pipeline):
        if parser not in CONTAINERS:
            pipeline.settings["parser"] = [{"type": kind, "content": parser} for kind in current]
    elif current:
        raise Untranslatable("a line has one parser, and the input has it already")
    else:
        pipeline.settings["parser"] = [parser]
