"""Converts filters of Fluent Bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sidecar.convert.expressions import Untranslatable, join, matches
from sidecar.convert.fluent_bit.inputs import (
    Input,
    has_content,
    is_container,
    join_lines,
    kind_of,
    set_parser,
    use_parser,
)
from sidecar.convert.fluent_bit.parsers import CONTAINERS, ParserTable
from sidecar.convert.model import Conversion, Reasons
from sidecar.convert.source import Section
from sidecar.convert.variables import literal

_REASONS = Reasons({
    "alias": "remarks name the line instead",
    "log_level": "`log_level` is that of the whole sidecar",
    "reserve_data": "a line has one parser; fields of the container runtime are kept",
    "preserve_key": "the fields of the parser replace the text",
    "unescape_key": "text is stored as it is",
    "kube_*": "fields come from the Downward API of the sidecar's own Pod",
    "k8s-*": "a container of the same Pod needs no annotation to change its own sidecar",
    "merge_log*": "fields of a JSON message are part of the document",
    "keep_log": "fields of a JSON message replace its text",
    "tls.*": "the sidecar does not ask the API server",
    "use_*": "the sidecar does not ask the API server",
    "dns_*": "the sidecar does not ask the API server",
    "buffer*": "the sidecar does not ask the API server",
    "cache_*": "the sidecar does not ask the API server",
    "regex_parser": "names come from the Downward API",
    "dummy_meta": "this is for tests only",
    "namespace_*": "names come from the Downward API",
    "owner_references": "names come from the Downward API",
    "mode": "one multiline setting does both",
    "emitter_*": "nothing is emitted again",
    "flush_ms": "see `multiline.timeout`",
})  # fmt: skip

_NO_COUNTERPART = {
    "lua": "the sidecar runs no scripts; write a custom transform in Python",
    "wasm": "the sidecar runs no scripts; write a custom transform in Python",
    "rewrite_tag": "tags do not exist; use pipelines with `keep_when`, or a field in the name of the index",
    "sampling": "see the transform `sample`",
    "throttle": "the sidecar drops nothing to limit the rate",
    "geoip2": "use an ingest pipeline",
    "aws": "set the fields with `add`",
    "ecs": "set the fields with `add`",
    "log_to_metrics": "the sidecar makes no metrics of lines",
    "stdout": "`sidecar explain` shows documents",
    "expect": "`tests` of a pipeline do that",
    "checklist": "use an ingest pipeline",
    "nightfall": "see `redact`",
    "tensorflow": "use another program",
}


def convert_filter(conversion: Conversion, target: Input, section: Section, parsers: ParserTable) -> None:
    """Add the transforms of a filter to a pipeline, or a remark if it has no counterpart."""
    name = section.word("name")
    section.use("match", "match_regex")
    convert = _FILTERS.get(name)
    try:
        if convert is None:
            raise Untranslatable(_NO_COUNTERPART.get(name, "the sidecar has no such filter"))
        convert(conversion, target, section, parsers)
    except Untranslatable as reason:
        section.skip()
        target.pipeline.leave_out(section.place, f"filter {name}", str(reason))
    target.pipeline.explain_unused(section, _REASONS, f"{name}.")


def _split(text: str) -> tuple[str, str]:
    key, _, value = text.strip().partition(" ")
    return key, value.strip()


def _name(target: Input, key: str) -> str:
    name = literal(key)
    if not name:
        raise Untranslatable("the name of a field cannot be a variable")
    return target.path_of(name)


def _grep(_: Conversion, target: Input, section: Section, parsers: ParserTable) -> None:
    operator = "or" if section.word("logical_op") == "or" else "and"
    wanted = [matches(_name(target, key), pattern) for key, pattern in map(_split, section.texts("regex"))]
    unwanted = [matches(_name(target, key), pattern) for key, pattern in map(_split, section.texts("exclude"))]
    if wanted:
        target.pipeline.transforms.append({"keep_when": join(operator, wanted)})
    if unwanted:
        is_and = operator == "and" and section.word("logical_op") == "and"
        target.pipeline.transforms.append({"drop_when": join("and" if is_and else "or", unwanted)})


def _modify(conversion: Conversion, target: Input, section: Section, parsers: ParserTable) -> None:
    if "condition" in section:
        raise Untranslatable("a change with a condition is not possible; only `drop_when` and `keep_when` have one")
    for option in section.names():
        for text in section.texts(option) if option in _CHANGES else ():
            _CHANGES[option](conversion, target, text, section.place_of(option))


def _rename(_: Conversion, target: Input, text: str, __: str) -> None:
    old, new = _split(text)
    target.pipeline.add("rename", {_name(target, old): _name(target, new)})


def _copy(_: Conversion, target: Input, text: str, __: str) -> None:
    old, new = _split(text)
    target.pipeline.add("copy", {_name(target, old): _name(target, new)})


def _add(conversion: Conversion, target: Input, text: str, place: str) -> None:
    key, value = _split(text)
    name = literal(key)
    if not name:
        raise Untranslatable("the name of a field cannot be a variable")
    target.pipeline.add("add", {name: conversion.field_value(value, name, place)})


def _remove(_: Conversion, target: Input, text: str, __: str) -> None:
    target.pipeline.transforms.append({"drop_fields": [_name(target, text)]})


_CHANGES: Mapping[str, Callable[[Conversion, Input, str, str], None]] = {
    "rename": _rename, "hard_rename": _rename, "copy": _copy, "hard_copy": _copy, "add": _add, "set": _add,
    "remove": _remove,
}  # fmt: skip


def _record_modifier(conversion: Conversion, target: Input, section: Section, parsers: ParserTable) -> None:
    for text in section.texts("record"):
        _add(conversion, target, text, section.place_of("record"))
    if names := [_name(target, key) for key in section.texts("remove_key")]:
        target.pipeline.transforms.append({"drop_fields": names})
    kept = [key for option in ("allowlist_key", "whitelist_key") for key in section.texts(option)]
    if kept:
        target.pipeline.transforms.append({"keep_fields": [_name(target, key) for key in kept]})


def _nest(_: Conversion, target: Input, section: Section, parsers: ParserTable) -> None:
    parent, prefix = section.text("nest_under"), section.text("add_prefix")
    names = section.texts("wildcard")
    if section.word("operation") != "nest" or not parent or any("*" in name for name in names) or not names:
        raise Untranslatable("name each field in `rename`, as in {rename: {a: parent.a}}")
    removed = section.text("remove_prefix")
    for name in names:
        target.pipeline.add("rename", {_name(target, name): f"{parent}.{prefix}{name.removeprefix(removed)}"})


def _parser(_: Conversion, target: Input, section: Section, parsers: ParserTable) -> None:
    key = target.path_of(section.text("key_name"))
    if key not in ("message", "log"):
        raise Untranslatable("only the whole line, or the message of a container, can be parsed")
    place = section.place_of("parser")
    for name in section.texts("parser"):
        if not _has_parser(target):
            use_parser(target.pipeline, name, place, parsers)
        elif is_container(target.pipeline):
            target.pipeline.leave_out(place, f"parser {name}", "a message has one parser")
        else:
            _add_parser(target, name, place, parsers)


def _has_parser(target: Input) -> bool:
    """Return whether the lines, or the messages of containers, have a parser."""
    return has_content(target.pipeline) if is_container(target.pipeline) else "parser" in target.pipeline.settings


def _add_parser(target: Input, name: str, place: str, parsers: ParserTable) -> None:
    """Append a parser for the lines that the parsers before it cannot read."""
    try:
        target.pipeline.settings["parser"].append(parsers.find(name, target.pipeline).parser)
    except Untranslatable as reason:
        target.pipeline.leave_out(place, f"parser {name}", str(reason))


def _kubernetes(_: Conversion, target: Input, section: Section, parsers: ParserTable) -> None:
    pipeline = target.pipeline
    options: dict[str, list[str]] = {}
    if not section.flag("labels", default=True):
        options["labels"] = []
    if section.flag("annotations"):
        options["annotations"] = ["*"]
    pipeline.transforms.append({"kubernetes": options} if options else "kubernetes")
    if section.flag("merge_log") and is_container(pipeline) and not has_content(pipeline):
        set_parser(pipeline, "json")
    pipeline.note(section.place, "filter kubernetes", "fields come from the Downward API of the sidecar's own Pod")


def _multiline(_: Conversion, target: Input, section: Section, parsers: ParserTable) -> None:
    names = section.texts("multiline.parser", ",")
    section.use("multiline.key_content")
    for name in names:
        if name not in CONTAINERS and "multiline" not in target.pipeline.settings:
            join_lines(target.pipeline, name, section.place_of("multiline.parser"), parsers)
        elif name not in CONTAINERS or kind_of(target.pipeline) not in CONTAINERS:
            target.pipeline.leave_out(
                section.place, f"multiline.parser {name}", "a pipeline has one multiline setting"
            )


def _type_converter(_: Conversion, target: Input, section: Section, parsers: ParserTable) -> None:
    kinds = {"int": "integer", "uint": "integer", "float": "float", "string": "string"}
    for option in ("int_key", "uint_key", "float_key", "str_key"):
        for text in section.texts(option):
            source, new, kind = [*text.split(), "", "", ""][:3]
            if kind not in kinds:
                raise Untranslatable("a field becomes an integer, a float or a string")
            if source != new:
                target.pipeline.add("copy", {_name(target, source): _name(target, new)})
            target.pipeline.add("convert", {_name(target, new): kinds[kind]})


_FILTERS: Mapping[str, Callable[[Conversion, Input, Section, ParserTable], None]] = {
    "grep": _grep,
    "modify": _modify,
    "record_modifier": _record_modifier,
    "nest": _nest,
    "parser": _parser,
    "kubernetes": _kubernetes,
    "multiline": _multiline,
    "type_converter": _type_converter,
}
