"""Builds a pipeline from its settings: scanner, tracker, and for each sink the stages and the shipper."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import msgspec

from sidecar.config.pipeline import PipelineSettings
from sidecar.config.settings import Settings
from sidecar.decode.framing import Framer
from sidecar.decode.multiline import EventGrouper
from sidecar.decode.streams import StreamGrouper
from sidecar.deliver.batcher import EXPANSION, BatchLimits
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
from sidecar.lib.roots import Roots
from sidecar.model.records import Transform
from sidecar.parse import registry as parsers
from sidecar.parse.settings import AUTO, RegexSettings, SimpleParserSettings
from sidecar.parse.time.timestamps import Timestamps
from sidecar.parse.time.zones import Zones
from sidecar.pipeline.shipper import Shipper
from sidecar.pipeline.stages import Stages, StageSelector
from sidecar.pipeline.tap import Taps
from sidecar.sinks import registry as sinks
from sidecar.sinks.contract import IdentifiedSink, SinkSettings, TargetingSink
from sidecar.state.dead_letters import DeadLetterLimit
from sidecar.state.ledger import Ledger
from sidecar.tail.hard_links import HardLinks
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.reader import CHUNK_BYTES, Reader
from sidecar.tail.tracker import FileTracker
from sidecar.telemetry import events
from sidecar.telemetry.counters import Counters
from sidecar.telemetry.heartbeats import Heartbeats
from sidecar.transform.field_settings import ConvertSettings, KubernetesFieldsSettings
from sidecar.transform.field_settings import HostSettings as HostSettings
from sidecar.transform.filters import LineFilter
from sidecar.watch.scanner import FileScanner

_MIN_BATCH_BYTES = 64 * 1024


class SharedParts(msgspec.Struct, frozen=True):
    """The objects that all pipelines of one process share."""

    ledger: Ledger
    clock: Clock
    emit: events.Emit
    environ: Mapping[str, str]
    open_files: OpenFileLimiter
    roots: Roots
    heartbeats: Heartbeats
    taps: Taps
    counters: dict[tuple[str, str], Counters] = msgspec.field(default_factory=dict)
    """The counters of each pipeline and sink. They outlive a reload, because only a new process may count from 0."""


class PipelineParts(NamedTuple):
    """The parts of one pipeline, with one shipper for each of its sinks."""

    scanner: FileScanner
    tracker: FileTracker
    shippers: list[Shipper]
    linger_s: float
    """The smallest `linger` of the sinks of this pipeline: how long a line waits for others to fill a batch."""


def build_pipeline(
    name: str, settings: Settings, shared: SharedParts, tracker: FileTracker | None = None
) -> PipelineParts:
    """Build the pipeline `name`. `tracker`: the existing tracker if the settings are reloaded; it is reconfigured."""
    pipeline, known_paths = settings.pipelines[name], partial(shared.ledger.paths, name)
    scanner = FileScanner(pipeline.paths, pipeline.exclude, shared.roots, known_paths, shared.heartbeats.beat)
    tracker_before, tracker = tracker, tracker or _build_tracker(name, settings, shared, scanner)
    shippers = {sink: _build_shipper(name, sink, settings, shared, tracker) for sink in settings.sinks_of(name)}
    if tracker_before:
        tracker_before.reconfigure(
            shippers, scanner, ignore_older=pipeline.ignore_older, deleted_files=settings.limits.deleted_files,
            deleted_grace=settings.limits.deleted_grace, links=_build_links(pipeline, shared),
            boundaries=boundary_rules(pipeline),
        )  # fmt: skip
    else:
        for sink, shipper in shippers.items():
            tracker.subscribe(sink, shipper)
    linger_s = min((settings.sinks[sink].linger for sink in shippers), default=1.0)
    return PipelineParts(scanner, tracker, list(shippers.values()), linger_s)


def _build_tracker(name: str, settings: Settings, shared: SharedParts, scanner: FileScanner) -> FileTracker:
    pipeline = settings.pipelines[name]
    return FileTracker(
        name, shared.ledger, shared.clock, shared.emit, shared.open_files, scanner,
        from_end=pipeline.read_from == "end", charset=lookup(pipeline.encoding),
        ignore_older=pipeline.ignore_older, deleted_files=settings.limits.deleted_files,
        deleted_grace=settings.limits.deleted_grace, links=_build_links(pipeline, shared),
        boundaries=boundary_rules(pipeline), beat=shared.heartbeats.beat,
    )  # fmt: skip


def _build_links(pipeline: PipelineSettings, shared: SharedParts) -> HardLinks | None:
    return HardLinks(pipeline.keep_links, shared.roots) if pipeline.keep_links else None


def _build_shipper(
    name: str, sink_name: str, settings: Settings, shared: SharedParts, tracker: FileTracker
) -> Shipper:
    sink_settings = settings.sinks[sink_name]
    sink = sinks.create_sink(sink_settings)
    if isinstance(sink, TargetingSink):
        sink.keep_targets(partial(shared.ledger.admit_targets, sink_name))
    if isinstance(sink, IdentifiedSink):
        sink.identify(f"{name}.{sink_name}.{pod_name(shared.environ)}")
    workers = sink_settings.worker_range(sinks.resolve(sink_settings.type).concurrency)
    limits = batch_limits(settings, sink_settings, *workers)
    stages = build_stage_selector(
        name, settings.pipelines[name], shared, min(CHUNK_BYTES, limits.bytes), sink_settings.document_fields()
    )
    return Shipper(
        name, sink_name, sink, stages, limits, tracker, shared.ledger, shared.clock, shared.emit,
        heartbeats=shared.heartbeats, taps=shared.taps,
        counters=shared.counters.setdefault((name, sink_name), Counters()),
    )  # fmt: skip


def batch_limits(
    settings: Settings, sink: SinkSettings, concurrency: int, max_concurrency: int | None = None
) -> BatchLimits:
    """Return the limits of the batches for `sink`.

    Each shipper may have `concurrency` batches in flight, or up to `max_concurrency` if their documents fit into its
    memory.
    """
    # The memory is divided equally. The share of a shipper is for its batches in flight and the one being filled.
    shippers = sum(len(settings.sinks_of(name)) for name in settings.pipelines)
    share, copies = settings.limits.memory // shippers, 1 + sink.request_copies
    max_bytes = max(_MIN_BATCH_BYTES, min(sink.batch_bytes, share // ((concurrency * copies + 1) * EXPANSION)))
    in_flight_bytes = (share - max_bytes * EXPANSION) // copies
    return BatchLimits(sink.batch_records, max_bytes, sink.linger, concurrency, max_concurrency, in_flight_bytes)


def dead_letter_limit(settings: Settings) -> DeadLetterLimit:
    """Return the size limit of the dead letters, and what to do when it is reached."""
    return DeadLetterLimit(settings.dead_letters.max_size, settings.dead_letters.when_full)


def boundary_rules(pipeline: PipelineSettings) -> str:
    """Return the settings that decide event boundaries, as text. If the text changes, boundaries may differ."""
    multiline = pipeline.effective_multiline()
    grouped = f"{pipeline.max_line} {multiline.boundary_rules(pipeline.container_format())}" if multiline else ""
    if pipeline.is_auto and not multiline:
        grouped = f"{pipeline.max_line} {AUTO}"  # each file has separate rules, which never change
    return grouped if pipeline.encoding == "utf-8" else f"{pipeline.encoding} {grouped}"


def hostname(environ: Mapping[str, str]) -> str:
    """Return the name of the Kubernetes node, or of this machine outside of Kubernetes."""
    return environ.get("NODE_NAME") or socket.gethostname()


def pod_name(environ: Mapping[str, str]) -> str:
    """Return the name of the Pod, or of this machine outside of Kubernetes."""
    return environ.get("POD_NAME") or socket.gethostname()


def build_stage_selector(
    name: str, pipeline: PipelineSettings, shared: SharedParts, chunk: int = CHUNK_BYTES,
    sink_fields: Mapping[str, Any] | None = None,
) -> StageSelector:  # fmt: skip
    """Return the object that selects the stages for each file of a pipeline, for one shipper. See `build_stages`."""

    def build(settings: PipelineSettings) -> Stages:
        return build_stages(settings, shared.clock, hostname(shared.environ), shared.environ, chunk, sink_fields)

    if not pipeline.is_auto:
        return build(pipeline)
    # The detection needs the modules of all parsers, so it is imported on demand.
    auto_format = import_module("sidecar.pipeline.auto_format")
    selector: StageSelector = auto_format.AutoStages(name, pipeline, shared.ledger, shared.clock, shared.emit, build)
    return selector


def build_stages(
    pipeline: PipelineSettings, clock: Clock, host: str, environ: Mapping[str, str], chunk: int = CHUNK_BYTES,
    sink_fields: Mapping[str, Any] | None = None,
) -> Stages:  # fmt: skip
    """Return new stages for one shipper of a pipeline whose parser is not `auto`.

    `chunk`: bytes to read at a time. `sink_fields`: fields that the sink needs in every document.
    """
    sources = [*_field_sources(pipeline, environ), StaticFields(sink_fields or {}).leaves]
    finisher = DocumentBuilder(clock, host, sources)
    charset = lookup(pipeline.encoding)
    framing = Framer(
        pipeline.max_line, pipeline.keep_empty, pipeline.encoding_errors, charset, pipeline.strip_ansi == "auto"
    )
    parser = parsers.create_parser(pipeline.parser, pipeline.timestamp, finisher.reserved_names(), clock)
    reader = Reader(pipeline.max_line, chunk, grouping=make_grouping(pipeline), clock=clock, charset=charset)
    return Stages(reader, framing, parser, _build_transforms(pipeline, clock), finisher)


def make_grouping(pipeline: PipelineSettings) -> EventGrouper | StreamGrouper | None:
    """Return the object that groups lines into events, or None if each line is an event."""
    # The grouper counts bytes of UTF-8, of which an event may have fewer than bytes in its file: use a lower limit.
    multiline = pipeline.effective_multiline()
    if multiline is None:
        return None
    max_bytes = pipeline.max_line // lookup(pipeline.encoding).max_utf8_ratio
    return multiline.make_grouper(max_bytes, pipeline.container_format())


def _field_sources(pipeline: PipelineSettings, environ: Mapping[str, str]) -> list[LeafSource]:
    sources: list[LeafSource] = []
    for item in pipeline.transforms:
        if isinstance(item, StaticFieldsSettings):
            sources.append(StaticFields(item.add).leaves)
        elif isinstance(item, HostSettings):
            sources.append(HostFields(item.host.name).leaves)
        elif isinstance(item, KubernetesFieldsSettings):
            labels, annotations = item.kubernetes.labels, item.kubernetes.annotations
            sources.append(KubernetesFields(environ, labels=labels, annotations=annotations).leaves)
    return sources


def _build_transforms(pipeline: PipelineSettings, clock: Clock) -> list[Transform]:
    """Return the transforms in the order in which they are applied."""
    steps = []
    if pipeline.include_lines or pipeline.exclude_lines:
        steps.append(Transform("lines", LineFilter(pipeline.include_lines, pipeline.exclude_lines)))
    zones = Zones(pipeline.timestamp.zone, pipeline.timestamp.zones)
    times = Timestamps(pipeline.timestamp.formats, zones, clock)
    for item in pipeline.transforms:
        if isinstance(item, ConvertSettings):
            steps.append(item.create_transform(times.read))
        elif not isinstance(item, StaticFieldsSettings | HostSettings | KubernetesFieldsSettings):
            steps.append(item.create_transform())
    # The records of simple parsers have few fields and no nested fields, so they need no limits.
    if not all(isinstance(parser, SimpleParserSettings | RegexSettings) for parser in pipeline.parser):
        steps.append(Transform("limits", FieldLimiter(pipeline.max_fields, pipeline.max_depth)))
    steps.append(Transform("times", FutureTimestampGuard(clock).clear_future_times))
    steps.append(Transform("aside", move_scalar_error))
    return steps
