"""What a configuration of another tool becomes: pipelines, sinks, and remarks about what is different."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from sidecar.convert.secrets import find_credentials, has_password_in_url, names_secret
from sidecar.convert.source import Section, SourceNode, UnusedOption
from sidecar.convert.variables import has_reference, is_reference, variable_name

_MAX_NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment in the result about something in the source."""

    place: str
    """File and line."""

    what: str
    """The option or section."""

    reason: str
    """Why it is not in the result, or what is different."""

    is_loss: bool
    """Whether something is left out that the source wants."""


@dataclass
class Draft:
    """A part of the result, with remarks about it."""

    remarks: list[Remark] = field(default_factory=list, kw_only=True)
    """Remarks in the order of the source."""

    def leave_out(self, place: str, what: str, reason: str) -> None:
        """Record that something is not in the result."""
        self.remarks.append(Remark(place, what, reason, is_loss=True))

    def note(self, place: str, what: str, reason: str) -> None:
        """Record that something needs no counterpart, or behaves differently."""
        self.remarks.append(Remark(place, what, reason, is_loss=False))

    def explain_unused(self, section: Section, reasons: Reasons, prefix: str = "") -> None:
        """Add a remark for each option of the section that was not used."""
        for option in section.unused(prefix):
            reasons.apply(self, option)


@dataclass(frozen=True)
class Reasons:
    """Reasons by name of an option. A name may be a glob."""

    not_needed: Mapping[str, str]
    """Options whose purpose the sidecar fulfils without a setting."""

    no_counterpart: Mapping[str, str] = field(default_factory=dict)
    """Options that the sidecar does not have."""

    default: str = "the sidecar has no such option"
    """Reason for all other options."""

    def apply(self, draft: Draft, option: UnusedOption) -> None:
        """Add the remark about an option."""
        if reason := _look_up(self.not_needed, option.name):
            draft.note(option.place, option.path, reason)
            return
        reason = _look_up(self.no_counterpart, option.name)
        draft.leave_out(option.place, option.path, reason or self._default_for(option))

    def _default_for(self, option: UnusedOption) -> str:
        if option.is_variable:
            return "a variable decides its value, so set it by hand"
        return "its value has another type than expected" if option.is_mistyped else self.default


def _look_up(reasons: Mapping[str, str], name: str) -> str:
    return next((reason for glob, reason in reasons.items() if fnmatchcase(name, glob)), "")


@dataclass
class PipelineDraft(Draft):
    """A pipeline of the result."""

    name: str
    """Name of the pipeline."""

    place: str
    """File and line of the input."""

    settings: dict[str, Any] = field(default_factory=dict)
    """Settings by name, except `transforms` and `sinks`."""

    transforms: list[Any] = field(default_factory=list)
    """Items of `transforms`."""

    sinks: list[str] | None = None
    """Names of sinks; None means all of them."""

    is_discarded: bool = False
    """Whether an output of the source discards the lines. Another output may store them nevertheless."""

    overrides: dict[str, str] = field(default_factory=dict)
    """Settings of the sink, such as `index`, that only this pipeline needs."""

    def add(self, kind: str, value: Any) -> None:
        """Append a transform; fields of the same kind as the last transform are merged into it."""
        last = self.transforms[-1] if self.transforms else None
        if isinstance(last, dict) and kind in last and kind in ("add", "rename", "convert") and value:
            repeats = last[kind].keys() & value.keys()
            chains = kind == "rename" and set(last[kind].values()) & value.keys()
            if not repeats and not chains:
                last[kind].update(value)
                return
        if value:
            self.transforms.append({kind: value})


@dataclass
class SinkDraft(Draft):
    """A sink of the result."""

    name: str
    """Name of the sink."""

    place: str
    """File and line of the output."""

    settings: dict[str, Any] = field(default_factory=dict)
    """Settings by name."""


@dataclass
class Conversion(Draft):
    """The result of a conversion."""

    tool: str
    """Name of the tool."""

    file: str
    """Name of the source file."""

    settings: dict[str, Any] = field(default_factory=dict)
    """Settings at the top level, such as `log_level`."""

    pipelines: list[PipelineDraft] = field(default_factory=list)
    sinks: list[SinkDraft] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    """Variables that replace secrets: name → where the source has the secret."""

    def add_pipeline(self, name: str, place: str) -> PipelineDraft:
        """Append a pipeline, with a name that no other one has."""
        pipeline = PipelineDraft(_free_name(name, "logs", [each.name for each in self.pipelines]), place)
        self.pipelines.append(pipeline)
        return pipeline

    def add_sink(self, name: str, place: str) -> SinkDraft:
        """Append a sink, with a name that no other one has."""
        sink = SinkDraft(_free_name(name, "out", [each.name for each in self.sinks]), place)
        self.sinks.append(sink)
        return sink

    def all_remarks(self) -> list[Remark]:
        """Return the remarks of all parts."""
        parts: Iterable[Draft] = (self, *self.sinks, *self.pipelines)
        return [remark for part in parts for remark in part.remarks]

    def secret(self, text: str, name: str, place: str) -> str:
        """Return a reference to a variable for a secret. A reference of the source stays, without its default."""
        variable = is_reference(text) or variable_name(re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").upper())
        if is_reference(text) is None:
            while self.variables.get(variable, place) != place:
                variable += "_2"
            self.variables[variable] = place
        return f"${{{variable}}}"

    def public(self, text: str, name: str, place: str) -> str:
        """Return the text, or a reference to a variable if it contains credentials."""
        return self.secret(text, name, place) if find_credentials(text) else text

    def field_value(self, text: str, name: str, place: str) -> str:
        """Return the text of a field, or a reference to a variable if its name or content says that it is secret."""
        is_mixed = has_reference(text) and is_reference(text) is None
        if names_secret(name) and not is_mixed:
            return self.secret(text, name, place)
        return self.public(text, name, place)

    def hide_credentials(self) -> None:
        """Replace each text that still contains a URL with a password, whatever option it comes from."""
        for sink in self.sinks:
            sink.settings = self._hide(sink.settings, sink.name, sink.place)
        for pipeline in self.pipelines:
            pipeline.settings = self._hide(pipeline.settings, pipeline.name, pipeline.place)
            pipeline.transforms = self._hide(pipeline.transforms, pipeline.name, pipeline.place)

    def _hide(self, value: Any, name: str, place: str) -> Any:
        if isinstance(value, dict):
            return {key: self._hide(child, f"{name}_{key}", place) for key, child in value.items()}
        if isinstance(value, list):
            return [self._hide(child, name, place) for child in value]
        return self.secret(value, name, place) if isinstance(value, str) and has_password_in_url(value) else value

    def to_value(self, node: SourceNode, name: str) -> Any:
        """Return a value of the source without secrets. `name`: name of the field."""
        if isinstance(node.value, list):
            return [self.to_value(item, name) for item in node.value]
        if isinstance(node.value, Section):
            return {key: self.to_value(child, key) for key, child in node.value.items()}
        if node.value is None:
            return None
        text = self.field_value(node.text, name, node.place)
        return text if text != node.text or isinstance(node.value, str) else node.value


def _free_name(text: str, default: str, taken: Iterable[str]) -> str:
    base = re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-._")[:_MAX_NAME_LENGTH].strip("-._") or default
    known, name, number = set(taken), base, 1
    while name in known:
        number += 1
        name = f"{base}-{number}"
    return name
