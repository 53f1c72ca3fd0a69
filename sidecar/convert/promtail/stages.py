"""Converts the stages of a pipeline of Promtail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sidecar.convert.expressions import Untranslatable, compare, matches
from sidecar.convert.model import Conversion, PipelineDraft, Reasons
from sidecar.convert.patterns import escape_pattern, from_go_layout, group_names, to_duration, to_whole_line
from sidecar.convert.promtail.selectors import SelectorFilter, evaluate
from sidecar.convert.source import Section
from sidecar.convert.variables import escape, literal

_REASONS = Reasons({
    "drop_counter_reason": "dropped records are counted by the name of the rule",
    "action_on_failure": "an event without a time gets the time of reading",
    "drop_malformed": "a line that is not parsed is stored as `message`",
    "pipeline_name": "remarks name the line instead",
    "action": "a line that is not dropped is kept",
    "max_partial*": "see `max_line` and `multiline.max_lines`",
})  # fmt: skip

_NO_COUNTERPART = {
    "template": "values are stored as they are; use an ingest pipeline",
    "metrics": "the sidecar makes no metrics of lines",
    "tenant": "tenants do not exist; use a field in the name of the index",
    "pack": "fields are part of the document, so nothing is packed",
    "unpack": "fields are part of the document, so nothing is packed",
    "labeldrop": "each field of a document can be searched; see `drop_fields`",
    "limit": "the sidecar drops nothing to limit the rate",
    "geoip": "use an ingest pipeline",
    "eventlogmessage": "the sidecar runs on Linux",
    "windowsevent": "the sidecar runs on Linux",
}
_NOT_NEEDED = {
    "labels": "each field of a document can be searched, so fields need not become labels",
    "structured_metadata": "each field of a document can be searched",
    "structured_metadata_drop": "see `drop_fields`",
    "labelallow": "each field of a document can be searched",
    "decolorize": "`strip_ansi` removes colors",
}
_JMES_PATH = re.compile(r"(?:[A-Za-z_][\w-]*|\"[\w@ -]+\")(?:\.(?:[A-Za-z_][\w-]*|\"[\w@ -]+\"))*")


class StageConverter:
    """Converts the stages of one pipeline in order. `labels`: static labels of its target."""

    def __init__(self, conversion: Conversion, pipeline: PipelineDraft, labels: Mapping[str, str]) -> None:
        self._conversion, self._pipeline, self._labels = conversion, pipeline, dict(labels)
        self._paths: dict[str, str] = {}
        self._replaces_line = False

    def convert_all(self, stages: Iterable[Section]) -> None:
        """Convert the stages, and add a remark for each one without a counterpart."""
        stages = list(stages)
        self._replaces_line |= any("output" in stage for stage in stages)
        for stage in stages:
            for name in stage.names():
                self._convert(stage, name)

    def _convert(self, stage: Section, name: str) -> None:
        options, place = stage.section(name), stage.place_of(name)
        stage.use(name)
        if name in _NOT_NEEDED:
            options.skip()
            self._pipeline.note(place, name, _NOT_NEEDED[name])
            return
        convert = _STAGES.get(name)
        try:
            if convert is None:
                raise Untranslatable(_NO_COUNTERPART.get(name, "the sidecar has no such stage"))
            convert(self, options)
        except Untranslatable as reason:
            options.skip()
            self._pipeline.leave_out(place, name, str(reason))
        self._pipeline.explain_unused(options, _REASONS, f"{name}.")

    @property
    def _is_container(self) -> bool:
        parser = (self._pipeline.settings.get("parser") or [""])[0]
        return (parser["type"] if isinstance(parser, dict) else parser) in ("cri", "docker")

    def _set_parser(self, parser: Any, options: Section) -> None:
        """Set the parser of the line, or of the message of a container."""
        if options.text("source") not in ("", "message", "content", "log", "output"):
            raise Untranslatable("only the whole line can be parsed, not a value of it")
        current = (self._pipeline.settings.get("parser") or [None])[0]
        if current is None:
            self._pipeline.settings["parser"] = [parser]
        elif self._is_container and not isinstance(current, dict):
            self._pipeline.settings["parser"] = [{"type": current, "content": parser}]
        else:
            raise Untranslatable("a line has one parser, and another stage has set it")

    def read_container(self, kind: str) -> None:
        """Set the parser of a container runtime."""
        if "parser" in self._pipeline.settings:
            raise Untranslatable("a line has one parser, and another stage has set it")
        self._pipeline.settings["parser"] = [kind]
        self._paths["stream"] = "stream"

    def read_json(self, options: Section) -> None:
        """Set the parser `json`, and remember where its values are."""
        self._set_parser("json", options)
        self._remember(options.section("expressions"))

    def read_logfmt(self, options: Section) -> None:
        """Set the parser `logfmt`, and remember where its values are."""
        self._set_parser("logfmt", options)
        self._remember(options.section("mapping"))

    def _remember(self, names: Section) -> None:
        for name in names.names():
            text = literal(names.text(name)) or name
            names.use(name)
            if _JMES_PATH.fullmatch(text):
                self._paths[name] = text.replace('"', "")
            else:
                self._pipeline.leave_out(names.place_of(name), name, "only a path such as a.b can select a value")

    def read_regex(self, options: Section) -> None:
        """Set the parser `regex`. The line stays the message, unless another stage replaces it."""
        pattern = options.text("expression")
        names = group_names(pattern)
        if not names:
            raise Untranslatable("the pattern has no named group")
        whole = to_whole_line(pattern)
        if "message" not in names and not self._replaces_line:
            flags = re.match(r"\(\?[imsx]+\)", whole)
            prefix = flags[0] if flags else ""
            whole = f"{prefix}(?P<message>{whole.removeprefix(prefix)})"
        self._set_parser({"type": "regex", "pattern": whole}, options)
        self._paths.update({name: name for name in names})

    def set_timestamp(self, options: Section) -> None:
        """Set the field and format of the timestamp."""
        source, layout = options.text("source"), options.text("format")
        if not source or not layout:
            raise Untranslatable("it needs a source and a format")
        layouts = [layout, *options.texts("fallback_formats")]
        timestamp: dict[str, Any] = {"field": self._paths.get(source, source)}
        timestamp["formats"] = list(dict.fromkeys(map(from_go_layout, layouts)))
        if zone := options.text("location"):
            timestamp["zone"] = zone
        if self._is_container:
            self._pipeline.note(options.place, "timestamp", "the time of the container runtime is used")
        else:
            self._pipeline.settings["timestamp"] = timestamp

    def add_labels(self, options: Section) -> None:
        """Add constant fields."""
        values = {
            f"labels.{name}": self._conversion.field_value(options.text(name), name, options.place_of(name))
            for name in options.names()
        }
        self._pipeline.add("add", values)

    def replace_line(self, options: Section) -> None:
        """Make a value the message."""
        source = options.text("source")
        path = self._paths.get(source, source)
        if path and path not in ("message", "content"):
            self._pipeline.add("rename", {path: "message"})
        elif path == "content" and "content" in self._paths:
            self._pipeline.add("rename", {"content": "message"})

    def join_lines(self, options: Section) -> None:
        """Join lines by the pattern of the first one."""
        if self._is_container:
            raise Untranslatable("messages of container log files are joined by the runtime's marks only")
        pattern = options.text("firstline")
        if not pattern:
            raise Untranslatable("it needs `firstline`")
        multiline: dict[str, Any] = {"start": pattern}
        if timeout := to_duration(options.text("max_wait_time")):
            multiline["timeout"] = timeout
        lines = options.number("max_lines")
        if lines and lines >= 2:
            multiline["max_lines"] = int(lines)
        self._pipeline.settings["multiline"] = multiline

    def drop(self, options: Section) -> None:
        """Drop lines by their text, or by a value."""
        pattern, value, sources = options.text("expression"), options.text("value"), options.texts("source")
        if "older_than" in options or "longer_than" in options:
            raise Untranslatable("lines are not dropped by age or length; see `ignore_older` and `max_line`")
        if not sources:
            if not pattern:
                raise Untranslatable("it needs an expression")
            self._filter_lines(pattern, keeps=False)
            return
        if len(sources) > 1:
            raise Untranslatable("values are not joined; compare each of them with `drop_when`")
        path = self._paths.get(sources[0], sources[0])
        self._pipeline.transforms.append(
            {
                "drop_when": compare(path, "==", value)
                if value
                else matches(path, pattern)
                if pattern
                else f"exists {path}"
            }
        )

    def _filter_lines(self, pattern: str, *, keeps: bool) -> None:
        """Drop lines that contain a match, or with `keeps` all others."""
        setting, transform = ("include_lines", "keep_when") if keeps else ("exclude_lines", "drop_when")
        if self._is_container and pattern.startswith("^"):
            self._pipeline.transforms.append({transform: matches(self._message_field(), pattern)})
        elif keeps and setting in self._pipeline.settings:
            raise Untranslatable("lines are kept if one pattern of `include_lines` matches, not all of them")
        else:
            self._pipeline.settings.setdefault(setting, []).append(pattern)

    def _message_field(self) -> str:
        """Return the field with the message of a container, to whose beginning a pattern refers."""
        if any(isinstance(parser, dict) for parser in self._pipeline.settings["parser"]):
            raise Untranslatable("a pattern with ^ sees the line of the container runtime; remove the ^")
        return "message"

    def match(self, options: Section) -> None:
        """Convert stages or a drop for lines that a selector chooses. Only static labels are known."""
        filters = evaluate(literal(options.text("selector")) or "", self._labels)
        stages = options.sections("stages")
        if filters is None:
            options.skip()
            self._pipeline.note(options.place, "match", "the selector does not choose the lines of this job")
        elif options.word("action") == "drop":
            self._drop_filtered(filters)
        elif filters:
            raise Untranslatable("stages for some lines only are not possible; use another pipeline")
        else:
            self.convert_all(stages)

    def _drop_filtered(self, filters: list[SelectorFilter]) -> None:
        """Drop the lines that pass all filters of a selector."""
        if len(filters) != 1:
            raise Untranslatable("exactly one filter of the line is possible; use `exclude_lines` or `include_lines`")
        operator, text = filters[0]
        pattern = escape(text if "~" in operator else escape_pattern(text))
        self._filter_lines(pattern, keeps=operator.startswith("!"))

    def replace(self, options: Section) -> None:
        """Redact what a pattern matches."""
        pattern = options.text("expression")
        if not pattern or options.text("source"):
            raise Untranslatable("values are not replaced; use `redact` to remove secrets, or an ingest pipeline")
        options.use("replace")
        self._pipeline.add("redact", [{"pattern": pattern}])
        self._pipeline.note(
            options.place, "replace", "the last group of the pattern becomes [REDACTED] in all fields"
        )

    def sample(self, options: Section) -> None:
        """Keep a share of the records."""
        rate = options.number("rate")
        if rate is None or not 0 < rate < 1:
            raise Untranslatable("the rate must be between 0 and 1")
        self._pipeline.transforms.append({"sample": {"rate": rate}})


_STAGES: Mapping[str, Callable[[StageConverter, Section], None]] = {
    "cri": lambda stages, _: stages.read_container("cri"),
    "docker": lambda stages, _: stages.read_container("docker"),
    "json": StageConverter.read_json,
    "logfmt": StageConverter.read_logfmt,
    "regex": StageConverter.read_regex,
    "timestamp": StageConverter.set_timestamp,
    "static_labels": StageConverter.add_labels,
    "output": StageConverter.replace_line,
    "multiline": StageConverter.join_lines,
    "drop": StageConverter.drop,
    "match": StageConverter.match,
    "replace": StageConverter.replace,
    "sampling": StageConverter.sample,
}
