"""The contract of a sink: four methods, and what each result means.

A sink is called by the worker threads of one pipeline. `open` is called first, and again with back-off until it
returns. `write` is called by up to `SinkType.concurrency` threads at once. `close` is called once, after the last
`write` has returned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import msgspec
from pydantic import PositiveInt, SecretStr

from sidecar.lib.settings_model import SettingsModel
from sidecar.lib.units import Duration, Size
from sidecar.model.batch import Batch, WriteResult
from sidecar.model.documents import BulkFraming


class ProbeResult(msgspec.Struct, frozen=True):
    """What a probe learned of a destination that takes documents."""

    server: str = ""
    """Product and version, if the server tells them."""

    warnings: Sequence[str] = ()
    """A sentence for each thing that may become a problem."""


@runtime_checkable
class Sink(Protocol):
    """Stores batches of documents."""

    def open(self) -> None:
        """Prepare to write. Called again with back-off until it returns. Raise `Retryable` or `Misconfigured`."""
        ...

    def write(self, batch: Batch) -> WriteResult:
        """Write the batch, which is never empty, and return what became of each document.

        Partial success is a result, never an exception. Raise `Retryable` or `Misconfigured` if nothing is known to
        be stored. The same documents come again under the same ids.
        """
        ...

    def close(self) -> None:
        """Release everything. It never raises, and may be called before `open` has returned."""
        ...

    def probe(self) -> ProbeResult | None:
        """Try what a write needs: address, credentials, permission. Raise as `open` does; store nothing.

        Return what is worth telling of the destination, if there is anything.
        """
        ...


@runtime_checkable
class ResumableSink(Protocol):
    """A sink whose own position, such as the length of a file, is committed with the checkpoint."""

    def resume(self, token: str | None) -> None:
        """Go back to the last committed `WriteResult.resume_token`, or None. Called before each `open`.

        What was written after that token comes again.
        """
        ...

    def resume_token(self) -> str:
        """Return the sink's position now. It is committed after each `open`, before anything is written."""
        ...


@runtime_checkable
class BulkEncodingSink(Protocol):
    """A sink that sends documents with constant text around each.

    The text is added when the documents are made, so `Batch.rendered` with this framing costs next to nothing.
    """

    @property
    def envelope(self) -> BulkFraming | None:
        """The framing of most batches, None if there is none. A batch can still be rendered with another one."""
        ...


@runtime_checkable
class ReloadingSink(Protocol):
    """A sink that reads secrets or certificates from files, which may change while it waits after a failure."""

    def has_changed_files(self) -> bool:
        """Return whether a file has changed since the last attempt. Called about once a second."""
        ...


AdmitTargets = Callable[[str, Sequence[str], int], AbstractSet[str]]
"""Adds names of targets to those of a day (`2026-11-28`), up to a limit in all. Returns the names that may be used:
those of this day and of the day before. Raises `StateError`."""


@runtime_checkable
class TargetingSink(Protocol):
    """A sink whose documents may choose their index or collection, within a limit that is kept in the state."""

    @property
    def has_many_targets(self) -> bool:
        """Return whether documents go to different indexes or collections."""
        ...

    def targets(self, batch: Batch) -> Sequence[str]:
        """Return the index or collection of each document. Raise `Retryable` if a new name cannot be kept."""
        ...

    def keep_targets(self, admit: AdmitTargets) -> None:
        """Use `admit` for new names. Called once, before `open`."""
        ...


MAX_AUTO_WORKERS = 16
"""Requests in flight to one sink with `workers: auto`, if the memory allows so many."""


class SinkSettings(SettingsModel):
    """Settings of every sink. The settings of one sink inherit from these, are frozen and allow no other names."""

    type: str
    """Name of the sink as `sidecar plugins` lists it."""

    batch_records: PositiveInt = 10_000
    """Maximum number of documents in a batch. A full batch is sent at once."""

    batch_bytes: Size = 1 << 20
    """Send when this many bytes wait: bytes of log, or half of the bytes of the documents if that is more.
    `limits.memory` may lower the limit."""

    linger: Duration = 0.1
    """Time that a document waits for others before it is sent; the first one after a pause does not wait. With less
    than `0.1s`, growing files are also polled more often, up to every 20 ms."""

    def worker_range(self, concurrency: int) -> tuple[int, int]:
        """Return how many requests may be in flight to a sink that is near, and to one that answers late.

        `concurrency`: that of the type of the sink.
        """
        return concurrency, concurrency

    single_pipeline: ClassVar[bool] = False
    """Whether the sink can take the lines of one pipeline only."""

    schemes: ClassVar[tuple[str, ...]] = ()
    """URL schemes that mean this sink, without the `://`."""

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Return settings from a URL whose scheme is one of `schemes`. Raise `ConfigurationError`."""
        return cls.model_validate({"url": url})

    def warnings(self) -> list[str]:
        """Return a sentence for each setting that is allowed but risky, for `sidecar check` and each start."""
        return []

    def secrets(self) -> list[str]:
        """Return the secrets in these settings, to look for them in a file. They must never be shown."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]

    def destination(self) -> str:
        """Return where the documents go, for people and for the state, without secrets and without the query."""
        raise NotImplementedError


class ConcurrentSinkSettings(SinkSettings):
    """Settings of a sink that takes several requests at once."""

    workers: PositiveInt | Literal["auto"] = "auto"
    """Requests in flight at once. `auto`: as many as the distance needs and the sink answers without delay, up to 16
    and as `limits.memory` allows. The order in which documents are stored is not defined."""

    def worker_range(self, concurrency: int) -> tuple[int, int]:
        return (concurrency, MAX_AUTO_WORKERS) if self.workers == "auto" else (self.workers, self.workers)


class SinkType(Protocol):
    """What an entry point of the group `log_sidecar.sinks` names: usually the class of the sink itself."""

    settings: ClassVar[type[SinkSettings]]
    """The model of its settings."""

    concurrency: ClassVar[int]
    """Maximum number of `write` calls at once."""

    def __call__(self, settings: Any) -> Sink:
        """Return a sink that is not yet connected."""
        ...
