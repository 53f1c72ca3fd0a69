"""Removes what `sidecar check` would refuse from a conversion, with the reason as a remark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from sidecar.config.messages import describe_cause
from sidecar.config.pipeline import PipelineSettings
from sidecar.config.settings import Settings
from sidecar.convert.model import Conversion, Draft, PipelineDraft, SinkDraft
from sidecar.convert.variables import has_reference, replace_references
from sidecar.errors import ConfigurationError
from sidecar.sinks import registry
from sidecar.transform.expression import parse_expression

EXAMPLE_VALUES = ("1", "value", "http://localhost:9200", "5s", "true")
"""Values with which variables are tested, because their real ones are unknown."""

# Without a part of `include_lines` or `keep_fields`, lines or fields would be missing. So these are kept or left out
# as a whole: a conversion may ship more than the source, never less.
_LISTS = ("paths", "exclude", "exclude_lines", "parser")
_MERGED_KINDS = ("add", "rename", "copy", "convert", "drop_fields", "lowercase")
_TLS_SETTINGS = ("ca_file", "client_certificate_file", "client_key_file")
_PACKAGE = "not installed"
"""Part of the message about an extra that is missing on this machine. It may be installed where the sidecar runs."""

Check = Callable[[Any], None]


def drop_invalid(conversion: Conversion) -> None:
    """Remove settings that the sidecar refuses, until the rest is valid."""
    for sink in list(conversion.sinks):
        if not _drop_invalid_of_sink(sink):
            conversion.sinks.remove(sink)
            conversion.remarks += sink.remarks
    for pipeline in list(conversion.pipelines):
        _drop_invalid_of_pipeline(pipeline)
        if not pipeline.settings.get("paths"):
            conversion.pipelines.remove(pipeline)
            conversion.remarks += pipeline.remarks
    for name, value in list(conversion.settings.items()):
        if problem := _find_problem(value, _setting_check(name)):
            del conversion.settings[name]
            _refuse(conversion, conversion.file, name, problem)


def _drop_invalid_of_sink(sink: SinkDraft) -> bool:
    """Remove invalid settings of a sink. Return whether the rest is a sink."""
    while problems := _find_sink_problems(sink.settings):
        names = [name for name in problems if name in sink.settings and name != "type"]
        if "hosts" in names:  # without them there is no sink; certificates may not fit them
            problems |= dict.fromkeys(_TLS_SETTINGS, problems["hosts"])
            names = [name for name in _TLS_SETTINGS if name in sink.settings] or names
        for name in names:
            del sink.settings[name]
            _refuse(sink, sink.place, f"{sink.name}.{name}", problems[name])
        if not names:
            _refuse(sink, sink.place, sink.name, "; ".join(problems.values()))
            return False
    return True


def _find_sink_problems(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the reason by name of each setting that is wrong whatever the variables are."""
    results = [_check_sink(_with_values(settings, example)) for example in _examples_for(settings)]
    common = set(results[0]).intersection(*results[1:])
    return {name: results[0][name] for name in results[0] if name in common}


def _check_sink(settings: Mapping[str, Any]) -> dict[str, str]:
    try:
        registry.settings_for(settings)
    except ValidationError as error:
        problems = ((str((*item["loc"], "type")[0]), _reason_of(item)) for item in error.errors(include_url=False))
        return {name: reason for name, reason in problems if _PACKAGE not in reason}
    except ConfigurationError as error:
        return {error.location.split(".")[0] or "type": error.message}
    return {}


def _drop_invalid_of_pipeline(pipeline: PipelineDraft) -> None:
    for name, value in list(pipeline.settings.items()):
        check = _pipeline_check(name)
        if name in _LISTS and value:
            value = list(_keep_valid(pipeline, name, value, _item_check(name)))
            pipeline.settings[name] = value
            is_kept = bool(value)
        elif problem := _find_problem(value, check):
            _refuse(pipeline, pipeline.place, name, problem)
            is_kept = False
        else:
            is_kept = True
        if not is_kept:
            del pipeline.settings[name]
    _drop_late_changes(pipeline)
    transforms = (each for item in pipeline.transforms for each in _split_transform(pipeline, item))
    pipeline.transforms = list(_keep_valid(pipeline, "transforms", transforms, _item_check("transforms")))


def _drop_late_changes(pipeline: PipelineDraft) -> None:
    """Remove conditions and changes of fields that the sidecar adds after all transforms."""
    added: list[str] = []
    kept = []
    for item in pipeline.transforms:
        kind, value = next(iter(item.items())) if isinstance(item, dict) and item else (str(item), None)
        if kind in ("kubernetes", "host", "add"):
            added += _paths(value, "") if kind == "add" else [kind]
        elif names := [name for name in _fields_of(kind, value) if _is_below(name, added)]:
            reason = f"{names[0]} is added after all transforms, so a transform cannot use it"
            pipeline.leave_out(pipeline.place, kind, reason)
            continue
        kept.append(item)
    pipeline.transforms = kept


def _paths(value: Any, prefix: str) -> list[str]:
    if not isinstance(value, Mapping) or not value:
        return [prefix.removesuffix(".")]
    return [path for name, child in value.items() for path in _paths(child, f"{prefix}{name}.")]


def _fields_of(kind: str, value: Any) -> list[str]:
    """Return the fields that a transform reads."""
    if kind in ("drop_when", "keep_when"):
        try:
            return list(parse_expression(value).fields)
        except ValueError:
            return []
    if kind in ("rename", "copy", "convert"):
        return list(value)
    return list(value) if kind in ("drop_fields", "lowercase") else []


def _is_below(name: str, paths: list[str]) -> bool:
    return any(f"{name}.".startswith(f"{path}.") for path in paths)


def _split_transform(pipeline: PipelineDraft, item: Any) -> Iterator[Any]:
    """Yield the transform with its valid entries, so that one wrong name does not remove the others."""
    kind, value = next(iter(item.items())) if isinstance(item, dict) and len(item) == 1 else ("", None)
    if kind not in _MERGED_KINDS or not isinstance(value, dict | list):
        yield item
        return
    check = _pipeline_check("transforms")
    if isinstance(value, list):
        entries: Any = list(_keep_valid(pipeline, kind, value, lambda entry: check([{kind: [entry]}])))
    else:
        pairs = _keep_valid(pipeline, kind, value.items(), lambda pair: check([{kind: dict([pair])}]))
        entries = dict(pairs)
    if entries:
        yield {kind: entries}


def _keep_valid(draft: PipelineDraft, name: str, items: Any, check: Check) -> Iterator[Any]:
    for item in items:
        if problem := _find_problem(item, check):
            _refuse(draft, draft.place, name, problem)
        else:
            yield item


def _find_problem(value: Any, check: Check) -> str:
    """Return why the value is wrong whatever the variables in it are, or ""."""
    problem = ""
    for example in _examples_for(value):
        try:
            check(_with_values(value, example))
        except ValidationError as error:
            problem = _reason_of(error.errors(include_url=False)[0])
        else:
            return ""
    return problem


def _pipeline_check(name: str) -> Check:
    def check(value: Any) -> None:
        PipelineSettings.model_validate({"paths": ["x"], name: value})

    return check


def _item_check(name: str) -> Check:
    check = _pipeline_check(name)
    return lambda item: check([item])


def _setting_check(name: str) -> Check:
    def check(value: Any) -> None:
        sinks, pipelines = {"out": "stdout:"}, {"app": {"paths": ["x"]}}
        Settings.model_validate({"sinks": sinks, "pipelines": pipelines, name: value})

    return check


def _examples_for(value: Any) -> tuple[str, ...]:
    return EXAMPLE_VALUES if _contains_reference(value) else EXAMPLE_VALUES[:1]


def _contains_reference(value: Any) -> bool:
    if isinstance(value, str):
        return has_reference(value)
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(map(_contains_reference, children))


def _with_values(value: Any, example: str) -> Any:
    """Return the value as the sidecar reads it, with an example in place of each variable."""
    if isinstance(value, str):
        return replace_references(value, example)
    if isinstance(value, Mapping):
        return {name: _with_values(child, example) for name, child in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_with_values(child, example) for child in value)
    return value


def _reason_of(item: Any) -> str:
    return describe_cause(item).removeprefix(": ")


def _refuse(draft: Draft, place: str, what: str, problem: str) -> None:
    draft.leave_out(place, what, f"the sidecar does not accept the value: {problem}")
