"""Converts sources of Vector: `file` and `kubernetes_logs`."""

from __future__ import annotations

from typing import Any

from sidecar.convert.model import Conversion, PipelineDraft, Reasons
from sidecar.convert.patterns import DEFAULT_EXCLUDE, to_duration
from sidecar.convert.source import Section

_POD_LOGS = "/var/log/pods/*/*/*.log"
_REASONS = Reasons(
    not_needed={
        "fingerprint": "files are recognised by content, inode and birth",
        "*_key": "`log.file.path`, `log.offset` and `host.name` are part of each document",
        "glob_minimum_cooldown_ms": "new files are found at once",
        "max_read_bytes": "all files are read at the same time",
        "oldest_first": "all files are read at the same time",
        "rotate_wait*": "a rotated file is read to its end",
        "ignore_checkpoints": "see `sidecar checkpoints rewind`",
        "ignore_not_found": "a file that is missing is waited for",
        "internal_metrics": "metrics have no label for each file",
        "data_dir": "checkpoints are in `state_dir`",
        "acknowledgements": "a line is settled when its sink has stored it",
        "multi_line_timeout": "see `multiline.timeout`",
        "self_node_name": "fields come from the Downward API of the sidecar's own Pod",
        "*annotation_fields": "fields come from the Downward API of the sidecar's own Pod",
        "use_apiserver_cache": "the sidecar does not ask the API server",
        "auto_partial_merge": "parts of lines are joined",
        "timezone": "times of the container runtime have a zone",
    },
    no_counterpart={
        "remove_after*": "the sidecar never deletes files",
        "line_delimiter": "lines end with a newline",
        "extra_*_selector": "a sidecar reads the files of one Pod; write their paths",
        "exclude_paths_glob_patterns": "write the paths of the files",
        "include_paths_glob_patterns": "write the paths of the files",
    },
)
_ENCODINGS = {"utf-16le": "utf-16le", "utf-16be": "utf-16be", "iso-8859-1": "latin-1", "latin1": "latin-1"}


def convert_source(conversion: Conversion, name: str, section: Section) -> PipelineDraft:
    """Add a pipeline for a source of files."""
    pipeline = conversion.add_pipeline(name, section.place)
    settings = pipeline.settings
    if section.word("type") == "kubernetes_logs":
        settings.update({"paths": [_POD_LOGS], "parser": ["cri"]})
        pipeline.transforms.append("kubernetes")
        pipeline.leave_out(
            section.place, f"sources.{name}",
            "the sidecar does not ask the API server; write the paths of the files that it should read",
        )  # fmt: skip
    else:
        settings["paths"] = section.texts("include")
    if excluded := [*section.texts("exclude"), *section.texts("exclude_paths_glob_patterns")]:
        settings["exclude"] = list(dict.fromkeys([*excluded, *DEFAULT_EXCLUDE]))
    if section.word("read_from") == "end" or section.flag("start_at_beginning", default=True) is False:
        settings["read_from"] = "end"
    section.use("read_from")
    for option in ("ignore_older_secs", "ignore_older"):
        if seconds := section.number(option):
            settings["ignore_older"] = to_duration(f"{seconds}s") or seconds
    if size := section.number("max_line_bytes"):
        settings["max_line"] = int(size)
    if encoding := section.section("encoding").word("charset"):
        settings["encoding"] = _ENCODINGS.get(encoding, encoding)
    if "multiline" in section:
        _convert_multiline(pipeline, section.section("multiline"))
    pipeline.explain_unused(section, _REASONS, f"sources.{name}.")
    return pipeline


def _convert_multiline(pipeline: PipelineDraft, options: Section) -> None:
    """Convert a mode with its condition. Only the conditions decide; `start_pattern` is the first line's."""
    mode, condition = options.word("mode"), options.text("condition_pattern")
    start = options.text("start_pattern")
    if not condition:
        pipeline.leave_out(options.place, "multiline", "it has no condition_pattern")
        options.skip()
        return
    multiline: dict[str, Any]
    if mode == "halt_before":
        multiline = {"start": condition}
    elif mode == "continue_through":
        multiline = {"continuation": condition}
    elif mode == "halt_with":
        multiline = {"end": condition}
    elif mode == "continue_past":
        multiline = {"end": f"^(?!.*(?:{condition}))"}
    else:
        pipeline.leave_out(options.place, "multiline", "its mode is unknown")
        options.skip()
        return
    if start not in ("", condition):
        pipeline.note(options.place, "multiline.start_pattern", "`condition_pattern` alone decides where events end")
    if timeout := options.number("timeout_ms"):
        multiline["timeout"] = to_duration(f"{timeout}ms") or "2s"
    pipeline.settings["multiline"] = multiline
