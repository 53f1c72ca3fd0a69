"""From the settings of a pipeline to the rooms that its lines pass."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.config.pipeline import PipelineSettings
from sidecar.decode.framing import Framer
from sidecar.decode.multiline import EventGrouper
from sidecar.document.builder import DocumentBuilder, LeafSource
from sidecar.document.error_field import move_scalar_error
from sidecar.document.field_limits import FieldLimiter
from sidecar.document.future_timestamps import FutureTimestampGuard
from sidecar.document.host_fields import HostFields
from sidecar.document.kubernetes_fields import KubernetesFields
from sidecar.document.settings import StaticFieldsSettings
from sidecar.document.static_fields import StaticFields
from sidecar.lib.charset import lookup
from sidecar.lib.clock import Clock
from sidecar.model.records import Transform
from sidecar.parse import registry as parsers
from sidecar.parse.settings import RegexSettings, SimpleParserSettings
from sidecar.parse.time.timestamps import Timestamps
from sidecar.pipeline.stages import Stages
from sidecar.tail.reader import CHUNK, Reader
from sidecar.transform.field_settings import ConvertSettings, KubernetesFieldsSettings
from sidecar.transform.field_settings import HostSettings as HostSettings
from sidecar.transform.filters import LineFilter


def build_stages(
    pipeline: PipelineSettings, clock: Clock, host: str, environ: Mapping[str, str], chunk: int = CHUNK
) -> Stages:
    """Return the rooms of one pipeline for one shipper, shared with no other. `chunk`: bytes read at a time."""
    finisher = DocumentBuilder(clock, host, _field_sources(pipeline, environ))
    charset = lookup(pipeline.encoding)
    framing = Framer(pipeline.max_line, pipeline.keep_empty, pipeline.encoding_errors, charset)
    parser = parsers.create_parser(pipeline.parser, pipeline.timestamp, finisher.reserved(), clock)
    reader = Reader(pipeline.max_line, chunk, grouping=make_grouping(pipeline), clock=clock, charset=charset)
    return Stages(reader, framing, parser, _build_transforms(pipeline, clock), finisher)


def make_grouping(pipeline: PipelineSettings) -> EventGrouper | None:
    """What decides which lines are one event, None if each is. An event is measured in UTF-8."""
    joining = pipeline.joining()
    return joining.grouping(pipeline.max_line // lookup(pipeline.encoding).shrinks) if joining else None


def _field_sources(pipeline: PipelineSettings, environ: Mapping[str, str]) -> list[LeafSource]:
    """What adds the same fields to all records, in order."""
    found: list[LeafSource] = []
    for item in pipeline.transforms:
        if isinstance(item, StaticFieldsSettings):
            found.append(StaticFields(item.add).leaves)
        elif isinstance(item, HostSettings):
            found.append(HostFields(item.host.name).leaves)
        elif isinstance(item, KubernetesFieldsSettings):
            wanted = item.kubernetes
            found.append(KubernetesFields(environ, labels=wanted.labels, annotations=wanted.annotations).leaves)
    return found


def _build_transforms(pipeline: PipelineSettings, clock: Clock) -> list[Transform]:
    """What changes records or leaves them out, in order. What simple parsers make has few fields and no levels."""
    steps = []
    if pipeline.include_lines or pipeline.exclude_lines:
        steps.append(Transform("lines", LineFilter(pipeline.include_lines, pipeline.exclude_lines)))
    times = Timestamps(pipeline.timestamp.formats, pipeline.timestamp.zone, clock)
    for item in pipeline.transforms:
        if isinstance(item, ConvertSettings):
            steps.append(item.step(times.read))
        elif not isinstance(item, StaticFieldsSettings | HostSettings | KubernetesFieldsSettings):
            steps.append(item.step())
    if not all(isinstance(parser, SimpleParserSettings | RegexSettings) for parser in pipeline.parser):
        steps.append(Transform("limits", FieldLimiter(pipeline.max_fields, pipeline.max_depth)))
    steps.append(Transform("times", FutureTimestampGuard(clock).corrected))
    steps.append(Transform("aside", move_scalar_error))
    return steps
