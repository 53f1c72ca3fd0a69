"""From the settings of a pipeline to the rooms that its lines pass."""

from __future__ import annotations

from collections.abc import Mapping

from sidecar.clock import Clock
from sidecar.decode.framing import Framing
from sidecar.enrich.add import Add
from sidecar.enrich.finish import Finisher, LeafSource
from sidecar.enrich.kubernetes import Kubernetes
from sidecar.enrich.redact import Redactor
from sidecar.enrich.settings import Redact
from sidecar.parse import registry as parsers
from sidecar.read.reader import Reader
from sidecar.settings import Pipeline
from sidecar.shipper import Rooms


def rooms_of(pipeline: Pipeline, clock: Clock, host: str, environ: Mapping[str, str]) -> Rooms:
    """The rooms of one pipeline for one shipper; nothing in them is shared with another."""
    sources: list[LeafSource] = []
    redactors: list[Redactor] = []
    for item in pipeline.enrich:
        if isinstance(item, Redact):
            redactors.append(item.redactor())
        else:
            sources.append(Kubernetes(environ).leaves if item == "kubernetes" else Add(item.add).leaves)
    finisher = Finisher(clock, host, sources)
    framing = Framing(pipeline.max_line, pipeline.keep_empty, pipeline.encoding_errors)
    parser = parsers.create(pipeline.parser, pipeline.timestamp, finisher.reserved(), clock)
    grouping = pipeline.multiline.grouping(pipeline.max_line) if pipeline.multiline else None
    return Rooms(Reader(pipeline.max_line, grouping=grouping, clock=clock), framing, parser, redactors, finisher)
