"""Notifies the shippers of a pipeline, and tracks which of them have finished a generation."""

from __future__ import annotations

from collections.abc import KeysView, Mapping
from typing import Protocol

from sidecar.model.checkpoint import Checkpoint, KnownFile
from sidecar.tail.tracked_file import TrackedFile


class FileSubscriber(Protocol):
    """The methods of a shipper that the tracker calls. None of them may block."""

    def on_growth(self, file: TrackedFile) -> None:
        """Handle a file that has grown, is complete, or has ended."""
        ...

    def follow(self, file: TrackedFile, checkpoint: Checkpoint) -> None:
        """Read this file from the checkpoint on."""
        ...

    def on_lost(self, known: KnownFile, reason: str) -> None:
        """Handle a generation whose unsettled content can no longer be read."""
        ...


class Subscribers:
    """The shippers of one pipeline, by sink, and which of them have finished a generation."""

    def __init__(self) -> None:
        self._by_sink: dict[str, FileSubscriber] = {}
        self._finished_by: dict[int, set[str]] = {}

    @property
    def sinks(self) -> KeysView[str]:
        """The names of all sinks."""
        return self._by_sink.keys()

    def add(self, sink: str, subscriber: FileSubscriber) -> None:
        """Notify this shipper from now on."""
        self._by_sink[sink] = subscriber

    def replace(self, subscribers: Mapping[str, FileSubscriber]) -> None:
        """Notify these shippers from now on, instead of the previous ones."""
        self._by_sink = dict(subscribers)
        self._finished_by.clear()

    def follow(self, file: TrackedFile) -> None:
        """Tell each shipper to read a file from its checkpoint on."""
        self._finished_by.pop(file.generation.id, None)
        for sink, subscriber in self._by_sink.items():
            subscriber.follow(file, file.settled[sink])

    def follow_again(self, file: TrackedFile) -> None:
        """Tell the shippers that have finished a file which has grown since to read the rest of it."""
        for sink in self._finished_by.pop(file.generation.id, set()) & self._by_sink.keys():
            self._by_sink[sink].follow(file, file.settled[sink])

    def notify(self, file: TrackedFile) -> None:
        """Tell all shippers that a file has grown, is complete, or has ended."""
        for subscriber in self._by_sink.values():
            subscriber.on_growth(file)

    def report_lost(self, known: KnownFile, reason: str) -> None:
        """Tell all shippers that the unsettled content of a generation can no longer be read."""
        for subscriber in self._by_sink.values():
            subscriber.on_lost(known, reason)

    def finish(self, number: int, sink: str) -> bool:
        """Record that a sink has finished a generation. Return whether all sinks have."""
        finished_by = self._finished_by.setdefault(number, set())
        finished_by.add(sink)
        return finished_by >= self._by_sink.keys()

    def forget(self, number: int) -> None:
        """Drop the record of which sinks have finished a generation."""
        self._finished_by.pop(number, None)
