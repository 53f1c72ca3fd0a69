"""Who needs a file, and who is done with it?"""

from __future__ import annotations

from collections.abc import KeysView, Mapping
from typing import Protocol

from sidecar.model.checkpoint import Checkpoint, KnownFile
from sidecar.tail.tracked_file import TrackedFile


class FileSubscriber(Protocol):
    """A shipper, as far as the tracker knows it."""

    def on_growth(self, life: TrackedFile) -> None:
        """The file has grown, is closing, or has ended. Must not block."""
        ...

    def follow(self, life: TrackedFile, checkpoint: Checkpoint, *, skipped: int = 0) -> None:
        """Follow this file from the checkpoint on; `skipped` bytes before it are not wanted. Must not block."""
        ...

    def on_lost(self, remembered: KnownFile, reason: str) -> None:
        """What the sink has not settled of this generation cannot be read any more. Must not block."""
        ...


class Subscribers:
    """The shippers of one pipeline by sink, and which of them have finished a generation."""

    def __init__(self) -> None:
        self._by_sink: dict[str, FileSubscriber] = {}
        self._finished_by: dict[int, set[str]] = {}

    @property
    def sinks(self) -> KeysView[str]:
        """Return the names of all sinks."""
        return self._by_sink.keys()

    def add(self, sink: str, subscriber: FileSubscriber) -> None:
        """Notify this shipper from now on."""
        self._by_sink[sink] = subscriber

    def replace(self, subscribers: Mapping[str, FileSubscriber]) -> None:
        """Notify these shippers instead of the ones before."""
        self._by_sink = dict(subscribers)
        self._finished_by.clear()

    def follow(self, file: TrackedFile, *, skipped: int = 0) -> None:
        """Let each shipper read a file from its checkpoint on."""
        self._finished_by.pop(file.generation.id, None)
        for sink, subscriber in self._by_sink.items():
            subscriber.follow(file, file.settled[sink], skipped=skipped)

    def notify(self, file: TrackedFile) -> None:
        """Report that a file has grown, is closing, or has ended."""
        for subscriber in self._by_sink.values():
            subscriber.on_growth(file)

    def report_lost(self, known: KnownFile, reason: str) -> None:
        """Report that the rest of a generation cannot be read."""
        for subscriber in self._by_sink.values():
            subscriber.on_lost(known, reason)

    def finish(self, number: int, sink: str) -> bool:
        """Note that a sink needs no more of a generation. Return whether no sink does."""
        finished_by = self._finished_by.setdefault(number, set())
        finished_by.add(sink)
        return finished_by >= self._by_sink.keys()

    def forget(self, number: int) -> None:
        """Forget which sinks have finished a generation."""
        self._finished_by.pop(number, None)
