"""Converts transforms of Vector: `remap`, `filter`, `route`, `sample` and others."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sidecar.convert.expressions import Untranslatable, join, negate
from sidecar.convert.model import Conversion, PipelineDraft, Reasons
from sidecar.convert.source import Section, SourceNode
from sidecar.convert.variables import literal
from sidecar.convert.vector.remap import RemapConverter
from sidecar.convert.vector.vrl import to_condition

_REASONS = Reasons({
    "inputs": "pipelines have a fixed order",
    "drop_on_*": "a change that is impossible is skipped",
    "reroute_dropped": "a change that is impossible is skipped",
    "timezone": "see `timestamp.zone` of the pipeline",
    "metric_tag_values": "the sidecar ships log lines only",
    "runtime": "there is one way to run changes",
})  # fmt: skip
_NO_COUNTERPART = {
    "lua": "the sidecar runs no scripts; write a custom transform in Python",
    "dedupe": "equal lines are separate documents; the position of a line is its `_id`",
    "reduce": "lines are joined by `multiline` only",
    "throttle": "the sidecar drops nothing to limit the rate",
    "log_to_metric": "the sidecar makes no metrics of lines",
    "aws_ec2_metadata": "set the fields with `add`",
    "tag_cardinality_limit": "the sidecar ships log lines only",
    "aggregate": "the sidecar ships log lines only",
    "window": "the sidecar keeps no lines back",
}


def apply_transform(
    conversion: Conversion, pipeline: PipelineDraft, name: str, section: Section, output: str
) -> None:
    """Add a transform to a pipeline, or a remark if it has no counterpart. `output`: which output is used."""
    kind = section.word("type")
    convert = _TRANSFORMS.get(kind)
    try:
        if convert is None:
            raise Untranslatable(_NO_COUNTERPART.get(kind, "the sidecar has no such transform"))
        convert(conversion, pipeline, section, output)
    except Untranslatable as reason:
        section.skip()
        pipeline.leave_out(section.place, f"transforms.{name}", str(reason))
    pipeline.explain_unused(section, _REASONS, f"transforms.{name}.")


def _condition(section: Section, name: str) -> str:
    """Return the condition, which may be a text, or a mapping with `source`."""
    options = section.section(name)
    if not options:
        return _from_node(section.node(name))
    if options.word("type", "vrl") not in ("vrl", "remap"):
        raise Untranslatable("only conditions in VRL are possible")
    return _from_node(options.node("source"))


def _from_node(node: SourceNode | None) -> str:
    text = literal(node.text) if node and node.is_scalar else None
    if not text:
        raise Untranslatable("the condition has a variable, or is missing")
    return to_condition(text)


def _remap(conversion: Conversion, pipeline: PipelineDraft, section: Section, output: str) -> None:
    node = section.node("source")
    if output:
        raise Untranslatable("events that a program drops have no separate way")
    if node is None or not node.is_scalar:
        raise Untranslatable("the program is in another file; convert a configuration that contains it")
    RemapConverter(conversion, pipeline, node).convert()


def _filter(_: Conversion, pipeline: PipelineDraft, section: Section, __: str) -> None:
    pipeline.transforms.append({"keep_when": _condition(section, "condition")})


def _route(_: Conversion, pipeline: PipelineDraft, section: Section, output: str) -> None:
    routes = section.section("route")
    conditions = {name: routes.node(name) for name in routes.names()}
    if output == "_unmatched":
        others = join("or", [_from_node(node) for node in conditions.values()])
        pipeline.transforms.append({"keep_when": negate(others)})
    elif output in conditions:
        pipeline.transforms.append({"keep_when": _from_node(conditions[output])})
    else:
        raise Untranslatable("an output without a condition is used")


def _exclusive_route(_: Conversion, pipeline: PipelineDraft, section: Section, output: str) -> None:
    """Keep records of one output: those that match it, and none before it."""
    before: list[str] = []
    for route in section.sections("routes"):
        condition = _condition(route, "condition")
        if route.text("name") == output:
            pipeline.transforms.append({"keep_when": join("and", [*map(negate, before), condition])})
            return
        before.append(condition)
    if output != "_unmatched" or not before:
        raise Untranslatable("an output without a condition is used")
    pipeline.transforms.append({"keep_when": negate(join("or", before))})


def _sample(_: Conversion, pipeline: PipelineDraft, section: Section, __: str) -> None:
    rate, ratio = section.number("rate"), section.number("ratio")
    share = ratio if ratio is not None else 1 / rate if rate else None
    if share is None or not 0 < share < 1:
        raise Untranslatable("the share must be between 0 and 1")
    options: dict[str, object] = {"rate": round(share, 6)}
    if key := section.text("key_field"):
        options["field"] = key.strip(".")
    pipeline.transforms.append({"sample": options})


_TRANSFORMS: Mapping[str, Callable[[Conversion, PipelineDraft, Section, str], None]] = {
    "remap": _remap,
    "filter": _filter,
    "route": _route,
    "exclusive_route": _exclusive_route,
    "sample": _sample,
    "sampler": _sample,
}
