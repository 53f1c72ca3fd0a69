"""Converts the configuration of Vector, in YAML, TOML or JSON."""

from __future__ import annotations

from sidecar.convert.kinds import SourceFile
from sidecar.convert.model import Conversion, Reasons
from sidecar.convert.source import Section
from sidecar.convert.vector.sinks import convert_sink
from sidecar.convert.vector.sources import convert_source
from sidecar.convert.vector.topology import READABLE, Route, find_routes
from sidecar.convert.vector.transforms import apply_transform
from sidecar.errors import ConfigurationError

_REASONS = Reasons(
    not_needed={
        "data_dir": "checkpoints are in `state_dir`",
        "api": "see `admin.listen` and `sidecar top`",
        "acknowledgements": "a line is settled when its sink has stored it",
        "healthchecks": "see `sidecar check --connect`",
        "log_schema": "the time is `@timestamp` and the text is `message`",
        "schema": "the fields of a document are those of the line",
        "timezone": "see `timestamp.zone` of a pipeline",
        "proxy": "the variables http_proxy and https_proxy are used; see `proxy` of the sink",
        "expire_metrics*": "metrics have a fixed number of series",
        "sources": "each of them was looked at",
    },
    no_counterpart={
        "enrichment_tables": "use an ingest pipeline",
        "secret": "set the secrets as variables or files",
        "tests": "write `tests` of a pipeline; `sidecar check` runs them",
        "provider": "the sidecar reads its configuration from a file",
    },
)


def convert(source: SourceFile) -> Conversion:
    """Return the conversion of a configuration of Vector."""
    conversion = Conversion("Vector", source.name)
    root = source.read("vector").value
    if not isinstance(root, Section):
        raise ConfigurationError("is no mapping of options", location=f"{source.name}:1")
    sources, transforms, sinks = (_components(root, name) for name in ("sources", "transforms", "sinks"))
    for name in [name for name, section in sinks.items() if section.word("type") == "blackhole"]:
        section = sinks.pop(name)
        section.skip()
        conversion.note(section.place, f"sinks.{name}", "lines that only this sink gets are not read")
    routes = find_routes(conversion, sources, transforms, sinks)
    used = {name for route in routes for name in route.sinks}
    names = {name: convert_sink(conversion, name, section) for name, section in sinks.items() if name in used}
    for name, section in sinks.items():
        if name not in used:
            conversion.leave_out(section.place, f"sinks.{name}", "no file leads to it")
    for route in routes:
        _convert_route(conversion, route, sources, transforms, names)
    _explain_unused(conversion, routes, sources, transforms)
    conversion.explain_unused(root, _REASONS)
    return conversion


def _components(root: Section, name: str) -> dict[str, Section]:
    components = {}
    section = root.section(name)
    for key, node in section.items():
        if isinstance(node.value, Section):
            section.use(key)
            components[key] = node.value
    return components


def _explain_unused(
    conversion: Conversion, routes: list[Route], sources: dict[str, Section], transforms: dict[str, Section]
) -> None:
    used = {name for route in routes for name in (route.source, *(step for step, _ in route.transforms))}
    for name, section in sources.items():
        if name not in used:
            is_file = section.word("type") in READABLE
            reason = "no sink gets its lines" if is_file else "the sidecar reads log files only"
            conversion.leave_out(section.place, f"sources.{name}", reason)
    for name, section in transforms.items():
        if name not in used:
            conversion.leave_out(section.place, f"transforms.{name}", "it is not between a file and a sink")


def _convert_route(
    conversion: Conversion, route: Route, sources: dict[str, Section], transforms: dict[str, Section],
    sinks: dict[str, str],
) -> None:  # fmt: skip
    """Add a pipeline for the way of lines from a source through transforms to sinks."""
    pipeline = convert_source(conversion, route.name, sources[route.source])
    pipeline.sinks = [sinks[name] for name in route.sinks if sinks[name]]
    for name, output in route.transforms:
        apply_transform(conversion, pipeline, name, transforms[name], output)
