"""Converts processors of Filebeat, and the fields and tags of an input."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sidecar.convert.expressions import Untranslatable, compare, field, join, matches, negate
from sidecar.convert.model import Conversion, PipelineDraft, Reasons
from sidecar.convert.patterns import escape_pattern, from_go_layout
from sidecar.convert.source import Section, SourceNode
from sidecar.convert.variables import literal

_MESSAGE = "message"
_REASONS = Reasons({
    "ignore_missing": "a missing field is skipped",
    "ignore_failure": "a change that is impossible is skipped",
    "fail_on_error": "a change that is impossible is skipped",
    "overwrite_keys": "a field of the application stays, and is moved to `original` if the sidecar sets it",
    "add_error_key": "`error.message` says why a line was not parsed",
    "tag": "remarks name the line instead",
    "test": "see `tests` of a pipeline",
    "id": "remarks name the line instead",
    "max_depth": "see `max_depth` of the pipeline",
    "process_array": "arrays are stored as they are",
    "overwrite_fields": "a field of the application stays",
    "trim_*": "values are stored as they are",
    "mode": "an existing field stays",
})  # fmt: skip

_TYPES = {
    "integer": "integer", "long": "integer", "float": "float", "double": "float", "string": "string",
    "boolean": "boolean", "ip": "ip",
}  # fmt: skip

_NO_COUNTERPART = {
    "script": "the sidecar runs no scripts; write a custom transform in Python",
    "add_docker_metadata": "the sidecar does not ask the Docker daemon",
    "add_cloud_metadata": "the sidecar does not ask the cloud; set the fields with `add`",
    "add_process_metadata": "the sidecar does not inspect processes",
    "rate_limit": "the sidecar drops nothing to limit the rate",
    "dns": "the sidecar does not resolve names",
    "urldecode": "values are stored as they are; use an ingest pipeline",
    "registered_domain": "use an ingest pipeline",
    "decode_csv_fields": "a line with commas is read by the parser `csv`, which needs `columns`",
    "decode_xml": "XML is not parsed; use an ingest pipeline",
    "translate_sid": "the sidecar runs on Linux",
    "replace": "values are stored as they are; use `redact` to remove secrets, or an ingest pipeline",
    "truncate_fields": "see `max_line` of the pipeline, which limits a whole line",
    "extract_array": "use an ingest pipeline",
    "community_id": "use an ingest pipeline",
    "add_network_direction": "use an ingest pipeline",
    "move_fields": "name each field in `rename`",
    "uppercase": "only `lowercase` exists",
    "append": "use an ingest pipeline",
    "decode_duration": "durations are stored as they are; use an ingest pipeline",
}

_NOT_NEEDED = {
    "add_observer_metadata": "`host.name` is part of each document",
    "add_id": "the position of a line is its `_id`",
}


def add_fields_and_tags(conversion: Conversion, pipeline: PipelineDraft, section: Section) -> None:
    """Add the constant `fields` and `tags` of an input, or of all inputs."""
    fields, is_root = section.section("fields"), section.flag("fields_under_root")
    values = {}
    for name, node in fields.items():
        fields.use(name)
        values[name] = conversion.to_value(node, name)
    if values:
        pipeline.add("add", values if is_root else {"fields": values})
    if tags := section.texts("tags"):
        pipeline.add("add", {"tags": [conversion.public(tag, "tag", section.place_of("tags")) for tag in tags]})


def convert_processors(conversion: Conversion, pipeline: PipelineDraft, section: Section) -> None:
    """Convert the list `processors` in order."""
    for item in section.sections("processors"):
        _convert_item(conversion, pipeline, item)
        pipeline.explain_unused(item, _REASONS)


def _convert_item(conversion: Conversion, pipeline: PipelineDraft, item: Section) -> None:
    if "if" in item:
        pipeline.leave_out(item.place, "processors.if", "only `drop_event` may have a condition")
        item.skip()
        return
    for name in item.names():
        options = item.section(name)
        if name not in item or (name != "drop_event" and "when" in options):
            pipeline.leave_out(item.place_of(name), name, "only `drop_event` may have a condition")
            options.skip()
            continue
        if name in _NOT_NEEDED:
            options.skip()
            pipeline.note(item.place_of(name), name, _NOT_NEEDED[name])
            continue
        convert = _PROCESSORS.get(name)
        try:
            if convert is None:
                raise Untranslatable(_NO_COUNTERPART.get(name, "the sidecar has no such processor"))
            convert(conversion, pipeline, options)
        except Untranslatable as reason:
            item.use(name)
            options.skip()
            pipeline.leave_out(item.place_of(name), name, str(reason))


def _name(text: str) -> str:
    """Return the path of a field. Raise `Untranslatable` if a variable decides it."""
    name = literal(text)
    if name is None or not name:
        raise Untranslatable("the name of a field cannot be a variable")
    return name


def _drop_event(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    condition = options.section("when")
    if not condition:
        raise Untranslatable("without a condition it would drop everything")
    pipeline.transforms.append({"drop_when": to_expression(condition)})


def _drop_fields(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    names = [_name(text) for text in options.texts("fields")]
    kept = [name for name in names if not name.startswith("/")]
    if len(kept) < len(names):
        pipeline.leave_out(options.place, "drop_fields", "a pattern cannot name fields; name each of them")
    # Filebeat adds these fields itself; the sidecar does not.
    kept = [name for name in kept if name.split(".")[0] not in ("agent", "ecs", "input") and name != "log.offset"]
    if kept:
        pipeline.transforms.append({"drop_fields": kept})


def _include_fields(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    names = [_name(text) for text in options.texts("fields")]
    if names:
        pipeline.transforms.append({"keep_fields": names})


def _rename(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    for pair in options.sections("fields"):
        pipeline.add("rename", {_name(pair.text("from")): _name(pair.text("to"))})


def _copy(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    for pair in options.sections("fields"):
        pipeline.add("copy", {_name(pair.text("from")): _name(pair.text("to"))})


def _convert_types(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    for item in options.sections("fields"):
        source, target = _name(item.text("from")), item.text("to")
        kind = _TYPES.get(item.word("type"))
        if target and target != source:
            pipeline.add("copy", {source: _name(target)})
        if kind:
            pipeline.add("convert", {_name(target or source): kind})


def _lowercase(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    names = [_name(text) for text in [*options.texts("fields"), *options.texts("values")]]
    if names:
        pipeline.transforms.append({"lowercase": names})


def _add_fields(conversion: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    target = options.text("target", "fields" if "target" not in options else "")
    options.use("target")
    fields = options.section("fields")
    values = {}
    for name, node in fields.items():
        fields.use(name)
        values[name] = conversion.to_value(node, name)
    if values:
        pipeline.add("add", {_name(target): values} if target else values)


def _add_labels(conversion: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    labels = options.section("labels")
    values = {}
    for name, node in labels.items():
        labels.use(name)
        values[f"labels.{name}"] = conversion.to_value(node, name)
    pipeline.add("add", values)


def _add_tags(conversion: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    tags = [conversion.public(tag, "tag", options.place) for tag in options.texts("tags")]
    if tags:
        pipeline.add("add", {_name(options.text("target") or "tags"): tags})


def _add_kubernetes(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    if "kubernetes" not in pipeline.transforms:
        pipeline.transforms.append("kubernetes")
    options.skip()
    pipeline.note(
        options.place, "add_kubernetes_metadata", "fields come from the Downward API of the sidecar's own Pod"
    )


def _add_host(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    if "host" not in pipeline.transforms:
        pipeline.transforms.append("host")
    options.skip()


def _decode_json(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    if options.texts("fields") != [_MESSAGE]:
        raise Untranslatable("only the whole line can be parsed as JSON")
    target = options.text("target", _MESSAGE if "target" not in options else "")
    options.use("target")
    _set_parser(pipeline, {"type": "json", "target": _name(target)} if target else "json", has_fallback=True)


def _dissect(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    if options.text("field", _MESSAGE) != _MESSAGE:
        raise Untranslatable("only the whole line can be dissected")
    prefix = options.text("target_prefix", "dissect" if "target_prefix" not in options else "")
    options.use("target_prefix")
    _set_parser(pipeline, {"type": "dissect", **_dissection(options.text("tokenizer"), prefix)}, has_fallback=True)


def _dissection(tokenizer: str, prefix: str) -> dict[str, Any]:
    """Return the pattern with the prefix before each field, and the types that the tokenizer sets."""
    types: dict[str, str] = {}
    pieces = []
    for number, piece in enumerate(tokenizer.split("%{")):
        name, brace, rest = piece.partition("}")
        if number == 0 or not brace:
            pieces.append(piece)
            continue
        name, _, kind = name.partition("|")
        sign = name[:1] if name[:1] in "+?&*" and name else ""
        plain = name.removeprefix(sign).removesuffix("->")
        path = f"{prefix}.{plain}" if prefix and plain and sign not in ("?", "*", "&") else plain
        if kind and plain and _TYPES.get(kind, "string") != "string":
            types[path.split("/")[0]] = _TYPES[kind]
        pieces.append(f"{sign}{path}{'->' if name.endswith('->') else ''}}}{rest}")
    return {"pattern": "%{".join(pieces), **({"types": types} if types else {})}


def _syslog(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    if options.text("field", _MESSAGE) != _MESSAGE:
        raise Untranslatable("only the whole line can be parsed")
    options.use("format")
    zone = options.text("timezone")
    if zone and zone.lower() != "local":
        pipeline.settings["timestamp"] = {"zone": zone}
    _set_parser(pipeline, "syslog", has_fallback=True)


def _set_parser(pipeline: PipelineDraft, parser: Any, *, has_fallback: bool) -> None:
    """Set the parser of the line, or of the message in a container log file. A second parser is left out."""
    parsers = pipeline.settings.get("parser", [])
    kinds = [each.get("type") if isinstance(each, dict) else each for each in parsers]
    if parsers and all(kind in ("cri", "docker") for kind in kinds):
        if any(isinstance(each, dict) for each in parsers):
            raise Untranslatable("a line has one parser, and the input has it already")
        pipeline.settings["parser"] = [{"type": kind, "content": parser} for kind in kinds]
    elif parsers:
        raise Untranslatable("a line has one parser, and the input has it already")
    else:
        pipeline.settings["parser"] = [parser, "plain"] if has_fallback else [parser]


def _timestamp(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    timestamp: dict[str, Any] = {"field": _name(options.text("field"))}
    if layouts := options.texts("layouts"):
        timestamp["formats"] = list(dict.fromkeys(map(from_go_layout, layouts)))
    zone = options.text("timezone")
    if zone and zone.lower() != "local":
        timestamp["zone"] = zone
    target = options.text("target_field", "@timestamp")
    if target != "@timestamp":
        raise Untranslatable("a pipeline has one timestamp, which becomes `@timestamp`")
    pipeline.settings["timestamp"] = timestamp


def _fingerprint(_: Conversion, pipeline: PipelineDraft, options: Section) -> None:
    fields = [_name(text) for text in options.texts("fields")]
    target = options.text("target_field", "fingerprint")
    for name in ("method", "encoding"):
        options.use(name)
    if target.startswith("@metadata"):
        pipeline.note(options.place, "fingerprint", "the position of a line is its `_id`, so nothing is stored twice")
    elif fields:
        pipeline.transforms.append({"fingerprint": {"fields": fields, "target": _name(target)}})


Convert = Callable[[Conversion, PipelineDraft, Section], None]
_PROCESSORS: Mapping[str, Convert] = {
    "drop_event": _drop_event,
    "drop_fields": _drop_fields,
    "include_fields": _include_fields,
    "rename": _rename,
    "copy_fields": _copy,
    "convert": _convert_types,
    "lowercase": _lowercase,
    "add_fields": _add_fields,
    "add_labels": _add_labels,
    "add_tags": _add_tags,
    "add_kubernetes_metadata": _add_kubernetes,
    "add_host_metadata": _add_host,
    "decode_json_fields": _decode_json,
    "dissect": _dissect,
    "syslog": _syslog,
    "timestamp": _timestamp,
    "fingerprint": _fingerprint,
}


def to_expression(condition: Section) -> str:
    """Return a condition of Filebeat as an expression. Raise `Untranslatable` if the sidecar cannot express it."""
    parts = [_condition_part(condition, kind) for kind in condition.names()]
    return join("and", _not_empty(parts))


def _condition_part(condition: Section, kind: str) -> str:
    if kind in ("and", "or"):
        inner = condition.sections(kind)
        if not inner:
            raise Untranslatable(f"the condition `{kind}` is no list")
        return join(kind, [to_expression(each) for each in inner])
    if kind == "not":
        return negate(to_expression(condition.section(kind)))
    if kind == "has_fields":
        return join("and", _not_empty([f"exists {field(_name(name))}" for name in condition.texts(kind)]))
    test = _TESTS.get(kind)
    if test is None:
        raise Untranslatable(f"the sidecar has no condition `{kind}`")
    leaves = list(_flatten(condition.section(kind), ""))
    return join("and", _not_empty([test(path, node) for path, node in leaves]))


def _not_empty(parts: list[str]) -> list[str]:
    if not parts:
        raise Untranslatable("the condition is empty")
    return parts


def _flatten(section: Section, prefix: str) -> Iterator[tuple[str, SourceNode]]:
    """Yield path and value of each leaf. The names were divided at their dots when the file was read."""
    for name, node in section.items():
        section.use(name)
        if isinstance(node.value, Section):
            yield from _flatten(node.value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", node


def _texts_of(node: SourceNode) -> list[str]:
    nodes = node.value if isinstance(node.value, list) else [node]
    if not all(each.is_scalar for each in nodes):
        raise Untranslatable("a value of the condition is no text or number")
    return [each.text for each in nodes]


def _equals(path: str, node: SourceNode) -> str:
    if isinstance(node.value, list):
        raise Untranslatable("a value of the condition is a list")
    return compare(path, "==", node.text if isinstance(node.value, str) else _number_or_flag(node))


def _number_or_flag(node: SourceNode) -> float | bool | None:
    if isinstance(node.value, bool | int | float):
        return node.value
    raise Untranslatable("a value of the condition is no text, number or flag")


def _contains(path: str, node: SourceNode) -> str:
    texts = [literal(text) for text in _texts_of(node)]
    if None in texts:
        raise Untranslatable("a variable cannot be part of a pattern")
    return join("or", [matches(path, escape_pattern(text or "")) for text in texts])


def _regexp(path: str, node: SourceNode) -> str:
    return join("or", [matches(path, text) for text in _texts_of(node)])


_SIGNS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def _range(path: str, node: SourceNode) -> str:
    name, _, sign = path.rpartition(".")
    if sign not in _SIGNS or not name or not isinstance(node.value, int | float):
        raise Untranslatable("a range needs gt, gte, lt or lte with a number")
    return compare(name, _SIGNS[sign], node.value)


_TESTS: Mapping[str, Callable[[str, SourceNode], str]] = {
    "equals": _equals,
    "contains": _contains,
    "regexp": _regexp,
    "range": _range,
}
