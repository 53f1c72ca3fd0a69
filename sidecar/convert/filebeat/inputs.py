"""Converts inputs of Filebeat: `filestream`, `log` and `container`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from sidecar.convert.filebeat.processors import add_fields_and_tags, convert_processors
from sidecar.convert.model import Conversion, PipelineDraft, Reasons
from sidecar.convert.patterns import DEFAULT_EXCLUDE, to_duration, to_glob
from sidecar.convert.source import Section
from sidecar.convert.variables import literal

_DISCOVERED = re.compile(r"\$\{DATA_\w*(?::[-?][^}]*)?\}", re.ASCII)
_CONTAINER_PATHS = ["/var/log/containers/*.log"]

_ENCODINGS = {
    "plain": "", "utf-8": "", "latin1": "latin-1", "utf-16be": "utf-16be", "utf-16le": "utf-16le",
    "utf-16be-bom": "utf-16", "utf-16le-bom": "utf-16", "utf-16-bom": "utf-16", "hz-gb-2312": "",
    "iso8859-2": "iso-8859-2", "iso8859-15": "iso-8859-15", "koi8r": "koi8-r", "windows1250": "windows-1250",
    "windows1251": "windows-1251", "windows1252": "windows-1252",
}  # fmt: skip

_FOLLOWED = "every file is followed until it is delivered and gone"
REASONS = Reasons(
    not_needed={
        "id": "the name of the pipeline identifies it in the state",
        "close*": _FOLLOWED,
        "clean_*": "the state forgets files that are gone",
        "harvester_*": "see `limits.open_files`",
        "scan_frequency": "new files are found at once",
        "backoff*": "growing files are polled every 50 ms",
        "prospector": "files are recognised by content, inode and birth, whatever scanner options say",
        "check_interval": "new files are found at once",
        "fingerprint": "files are recognised by content, inode and birth",
        "file_identity": "files are recognised by content, inode and birth",
        "recursive_glob*": "`**` matches any number of directories",
        "ignore_inactive": "`ignore_older` and `read_from` decide that",
        "take_over": "a pipeline has one state for all its files",
        "publisher_pipeline": "`host.name` is part of each document",
        "buffer_size": "the sidecar chooses the size of its buffer",
        "scan*": "the order of files does not matter, because all are read at the same time",
        "max_procs": "a sidecar uses one process",
        "enable_*": "this is how the sidecar works",
    },
    no_counterpart={
        "symlinks": "links in the directories of logs are not followed",
        "delete": "the sidecar never deletes files",
        "rotation": "rotations are recognised without options",
        "compression": "set `exclude: []` to read compressed files",
        "keep_null": "null values are stored as the application wrote them",
        "pipeline": "only an output for Elasticsearch has an ingest pipeline",
        "index": "only an output for Elasticsearch has an index",
    },
)


def convert_input(conversion: Conversion, section: Section) -> None:
    """Add a pipeline for an input, or a remark if it does not read files."""
    kind = section.word("type") or section.word("input_type", "log")
    if not section.flag("enabled", default=True):
        conversion.note(section.place, f"input {kind}", "it is disabled")
        section.skip()
        return
    if kind not in ("log", "filestream", "container", "docker"):
        conversion.leave_out(section.place, f"input {kind}", "the sidecar reads log files only")
        section.skip()
        return
    paths = section.texts("paths") or (_CONTAINER_PATHS if kind == "container" else [])
    if kind == "docker":
        ids = section.section("containers").texts("ids") or ["*"]
        paths = [f"/var/lib/docker/containers/{name}/*.log" for name in ids]
    pipeline = conversion.add_pipeline(section.text("id") or _name_of(paths), section.place)
    pipeline.settings["paths"] = paths
    convert_file_options(pipeline, section)
    if kind in ("container", "docker"):
        _read_containers(pipeline, section, ["docker"] if kind == "docker" else [])
    _convert_parsers(pipeline, section)
    add_fields_and_tags(conversion, pipeline, section)
    convert_processors(conversion, pipeline, section)
    pipeline.overrides = {name: section.text(name) for name in ("index", "pipeline") if section.text(name)}
    pipeline.explain_unused(section, REASONS)


def convert_provider(conversion: Conversion, provider: Section) -> None:
    """Add a pipeline for each input of a provider that discovers containers. The conditions have no counterpart."""
    defaults = provider.section("hints").section("default_config")
    templates = [each for template in provider.sections("templates") for each in template.sections("config")]
    inputs = [each for each in [*templates, *([defaults] if defaults else [])] if "module" not in each]
    for section in inputs:
        first = len(conversion.pipelines)
        convert_input(conversion, section)
        for pipeline in conversion.pipelines[first:]:
            # ${data.kubernetes.container.id} is a property of a container that was discovered.
            paths = [_DISCOVERED.sub("*", path) for path in pipeline.settings["paths"]]
            pipeline.settings["paths"] = [re.sub(r"\*+", "*", path) for path in paths]
    kind = provider.text("type")
    provider.skip()
    reason = "a sidecar reads the files of one Pod; write their paths into a pipeline"
    conversion.leave_out(provider.place, f"autodiscover {kind}", reason)


def _name_of(paths: list[str]) -> str:
    """Return a name for a pipeline by the first path: `/var/log/nginx/access.log*` becomes `nginx-access`."""
    path = PurePosixPath(re.sub(r"\$\{[^}]*\}", "", paths[0]) if paths else "")
    parts = [part for part in (path.parent.name, path.name.split(".")[0]) if part.strip("*/") not in ("", "log")]
    return "-".join(part.replace("*", "") for part in parts)


def convert_file_options(pipeline: PipelineDraft, section: Section) -> None:
    """Convert the options that say which files and lines are read."""
    settings = pipeline.settings
    _convert_excluded_files(pipeline, section)
    for name in ("include_lines", "exclude_lines"):
        if patterns := section.texts(name):
            settings[name] = patterns
    if section.flag("tail_files"):
        settings["read_from"] = "end"
    age = section.text("ignore_older")
    if age and (duration := to_duration(age)) and not duration.startswith("0"):
        settings["ignore_older"] = duration
    encoding = section.word("encoding")
    if _ENCODINGS.get(encoding, encoding):
        settings["encoding"] = _ENCODINGS.get(encoding, encoding)
    for name in ("max_bytes", "message_max_bytes"):
        if size := section.text(name):
            settings["max_line"] = int(size) if size.isdecimal() else size


def _convert_excluded_files(pipeline: PipelineDraft, section: Section) -> None:
    scanner = section.section("prospector").section("scanner")
    globs = []
    for options, name in ((section, "exclude_files"), (scanner, "exclude_files")):
        for pattern in options.texts(name):
            glob = to_glob(literal(pattern) or "")
            if glob is None:
                pipeline.leave_out(
                    options.place_of(name), name, "only patterns that equal a glob, such as \\.gz$, work"
                )
            else:
                globs.append(glob)
    if scanner.texts("include_files"):
        pipeline.leave_out(
            scanner.place_of("include_files"), "include_files", "write the names of the files into `paths`"
        )
    if globs:
        pipeline.settings["exclude"] = list(dict.fromkeys([*globs, *DEFAULT_EXCLUDE]))


def _read_containers(pipeline: PipelineDraft, section: Section, formats: list[str]) -> None:
    """Set the parser of container log files, and the stream."""
    chosen = section.word("format", "auto")
    if chosen in ("docker", "cri"):
        formats = [chosen]
    pipeline.settings["parser"] = formats or ["cri", "docker"]
    stream = section.word("stream", "all")
    if stream in ("stdout", "stderr"):
        pipeline.transforms.append({"keep_when": f'stream == "{stream}"'})


def _convert_parsers(pipeline: PipelineDraft, section: Section) -> None:
    """Convert `multiline` and `json` of the input `log`, and `parsers` of `filestream`."""
    if "multiline" in section:
        convert_multiline(pipeline, section.section("multiline"))
    if "json" in section:
        _read_json(
            pipeline, section.section("json"), "json" if not section.section("json").flag("keys_under_root") else ""
        )
    for parser in section.sections("parsers"):
        _convert_parser(pipeline, parser)


def _convert_parser(pipeline: PipelineDraft, parser: Section) -> None:
    if "container" in parser:
        _read_containers(pipeline, parser.section("container"), [])
    if "multiline" in parser:
        convert_multiline(pipeline, parser.section("multiline"))
    if "ndjson" in parser:
        options = parser.section("ndjson")
        _read_json(pipeline, options, options.text("target"))
    if "syslog" in parser:
        zone = parser.section("syslog").text("timezone")
        set_content(pipeline, "syslog")
        if zone and zone.lower() != "local":
            pipeline.settings["timestamp"] = {"zone": zone}
        parser.section("syslog").use("format")
    if "include_message" in parser:
        patterns = parser.section("include_message").texts("patterns")
        pipeline.settings["include_lines"] = [*pipeline.settings.get("include_lines", []), *patterns]


def _read_json(pipeline: PipelineDraft, options: Section, target: str) -> None:
    parser: Any = {"type": "json", "target": target} if target else "json"
    set_content(pipeline, parser)
    if not options.flag("add_error_key") and not is_container(pipeline):
        pipeline.settings["parser"] = [parser, "plain"]
    options.flag("overwrite_keys")
    options.flag("expand_keys")
    key = options.text("message_key")
    if key and key != "message":
        pipeline.add("rename", {f"{target}.{key}" if target else key: "message"})
    for name in ("ignore_decoding_error", "max_depth", "process_array"):
        options.use(name)


def is_container(pipeline: PipelineDraft) -> bool:
    """Return whether the pipeline reads log files of a container runtime."""
    return any(_kind_of(parser) in ("cri", "docker") for parser in pipeline.settings.get("parser", ()))


def _kind_of(parser: Any) -> str:
    return str(parser.get("type") if isinstance(parser, dict) else parser)


def set_content(pipeline: PipelineDraft, parser: Any) -> None:
    """Set the parser of the lines, or of the messages in container log files."""
    if is_container(pipeline):
        kinds = map(_kind_of, pipeline.settings["parser"])
        pipeline.settings["parser"] = [{"type": kind, "content": parser} for kind in kinds]
    else:
        pipeline.settings["parser"] = [parser]


def convert_multiline(pipeline: PipelineDraft, options: Section) -> None:
    """Convert a multiline pattern of Filebeat."""
    kind, pattern = options.word("type", "pattern"), options.text("pattern")
    if is_container(pipeline):
        pipeline.leave_out(
            options.place, "multiline", "messages of container log files are joined by the runtime's marks only"
        )
        options.skip()
        return
    if kind != "pattern" or not pattern:
        pipeline.leave_out(
            options.place, "multiline", "only patterns join lines; use `start`, `continuation` or `end`"
        )
        options.skip()
        return
    negate, after = options.flag("negate"), options.word("match", "after") != "before"
    if after:
        multiline: dict[str, Any] = {"start" if negate else "continuation": pattern}
    else:
        multiline = {
            "end": pattern if negate else f"^(?!.*(?:{pattern}))" if pattern[0] != "^" else f"^(?!{pattern[1:]})"
        }
    if timeout := to_duration(options.text("timeout")):
        multiline["timeout"] = timeout
    lines = options.number("max_lines")
    if lines and lines >= 2:
        multiline["max_lines"] = int(lines)
    pipeline.settings["multiline"] = multiline
