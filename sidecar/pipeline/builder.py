"""From the settings of a pipeline to the rooms that its lines pass."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.config.pipeline import Pipeline
from sidecar.decode.framing import Framing
from sidecar.decode.multiline import Grouping
from sidecar.document.builder import Finisher, LeafSource
from sidecar.document.error_field import aside
from sidecar.document.field_limits import Limits
from sidecar.document.future_timestamps import TimesAhead
from sidecar.document.host_fields import Host
from sidecar.document.kubernetes_fields import Kubernetes
from sidecar.document.settings import AddFields
from sidecar.document.static_fields import Add
from sidecar.lib.charset import named
from sidecar.lib.clock import Clock
from sidecar.model.records import Step
from sidecar.parse import registry as parsers
from sidecar.parse.settings import Regex, Simple
from sidecar.parse.time.timestamps import Timestamps
from sidecar.pipeline.shipper import Rooms
from sidecar.tail.reader import CHUNK, Reader
from sidecar.transform.field_settings import Convert, KubernetesFields
from sidecar.transform.field_settings import Host as HostSettings
from sidecar.transform.filters import LineFilter


def rooms_of(pipeline: Pipeline, clock: Clock, host: str, environ: Mapping[str, str], chunk: int = CHUNK) -> Rooms:
    """Return the rooms of one pipeline for one shipper, shared with no other. `chunk`: bytes read at a time."""
    finisher = Finisher(clock, host, _sources(pipeline, environ))
    charset = named(pipeline.encoding)
    framing = Framing(pipeline.max_line, pipeline.keep_empty, pipeline.encoding_errors, charset)
    parser = parsers.create(pipeline.parser, pipeline.timestamp, finisher.reserved(), clock)
    reader = Reader(pipeline.max_line, chunk, grouping=grouping_of(pipeline), clock=clock, charset=charset)
    return Rooms(reader, framing, parser, _steps(pipeline, clock), finisher)


def grouping_of(pipeline: Pipeline) -> Grouping | None:
    """What decides which lines are one event, None if each is. An event is measured in UTF-8."""
    joining = pipeline.joining()
    return joining.grouping(pipeline.max_line // named(pipeline.encoding).shrinks) if joining else None


def _sources(pipeline: Pipeline, environ: Mapping[str, str]) -> list[LeafSource]:
    """What adds the same fields to all records, in order."""
    found: list[LeafSource] = []
    for item in pipeline.enrich:
        if isinstance(item, AddFields):
            found.append(Add(item.add).leaves)
        elif isinstance(item, HostSettings):
            found.append(Host(item.host.name).leaves)
        elif isinstance(item, KubernetesFields):
            wanted = item.kubernetes
            found.append(Kubernetes(environ, labels=wanted.labels, annotations=wanted.annotations).leaves)
    return found


def _steps(pipeline: Pipeline, clock: Clock) -> list[Step]:
    """What changes records or leaves them out, in order. What simple parsers make has few fields and no levels."""
    steps = []
    if pipeline.include_lines or pipeline.exclude_lines:
        steps.append(Step("lines", LineFilter(pipeline.include_lines, pipeline.exclude_lines)))
    times = Timestamps(pipeline.timestamp.formats, pipeline.timestamp.zone, clock)
    for item in pipeline.enrich:
        if isinstance(item, Convert):
            steps.append(item.step(times.read))
        elif not isinstance(item, AddFields | HostSettings | KubernetesFields):
            steps.append(item.step())
    if not all(isinstance(parser, Simple | Regex) for parser in pipeline.parser):
        steps.append(Step("limits", Limits(pipeline.max_fields, pipeline.max_depth)))
    steps.append(Step("times", TimesAhead(clock).corrected))
    steps.append(Step("aside", aside))
    return steps
