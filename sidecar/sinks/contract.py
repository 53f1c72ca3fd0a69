"""The contract of a sink: four methods, and what each outcome means.

Who calls: one courier for each pipeline × sink, from its worker threads. `open` is called first, and again
with back-off until it returns; `write` may be called by as many threads at once as `Sink.concurrency` says;
`close` once, after the last `write` has returned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from pydantic import PositiveInt, SecretStr

from sidecar.lib.settings_model import SettingsModel
from sidecar.lib.units import Duration, Size
from sidecar.model.batch import Batch, WriteResult
from sidecar.model.documents import BulkFraming


@runtime_checkable
class Sink(Protocol):
    """Stores batches of documents."""

    def open(self) -> None:
        """Get ready to write; called again with back-off until it returns. Raise `Retryable` or `Misconfigured`."""
        ...

    def write(self, batch: Batch) -> WriteResult:
        """Write the batch, which is never empty, and say what became of each record.

        Partial success is in the verdict, never in an exception. `Retryable` and `Misconfigured` mean that nothing
        is known to be stored; the same records come again under the same ids.
        """
        ...

    def close(self) -> None:
        """Let go of everything. Never raises, and may be called without `open` having returned."""
        ...

    def probe(self) -> None:
        """Try what a write needs (address, credentials, permission) and nothing more; raises as `open` does."""
        ...


@runtime_checkable
class ResumableSink(Protocol):
    """A sink that keeps its own position, such as the length of a file, with the checkpoint."""

    def resume(self, receipt: str | None) -> None:
        """Called before each `open` with the last committed `WriteResult.receipt`, None if there never was one.

        What was written after that receipt comes again, so the sink goes back to it.
        """
        ...

    def receipt(self) -> str:
        """Where the sink is now. Committed after each `open`, before anything is written."""
        ...


@runtime_checkable
class BulkEncodingSink(Protocol):
    """A sink that wants documents with constant text round them, to send them so or to make something else of them.

    They are put into it as soon as they are made: `Batch.rendered` of this envelope then costs next to nothing.
    """

    @property
    def envelope(self) -> BulkFraming | None:
        """That of most batches, None if there is none; a batch may still be asked for anything else."""
        ...


AdmitTargets = Callable[[str, Sequence[str], int], AbstractSet[str]]
"""Keeps as many of these names for this day (`2026-11-28`) as there is room for, which is so many in all, and returns
those that may be used: all names of this day and of the day before. Raises `StateError`."""


@runtime_checkable
class TargetLimitingSink(Protocol):
    """A sink whose documents choose where they go, within a limit that outlives the process."""

    def keep_targets(self, admit: AdmitTargets) -> None:
        """Use `admit` for new names. Called once, before `open`."""
        ...


class SinkSettings(SettingsModel):
    """What every sink can be told. A sink's own settings inherit from this and are frozen and closed."""

    type: str
    """Name of the sink as `sidecar plugins` lists it."""

    batch_records: PositiveInt = 10_000
    """Send when this many documents wait. No batch has more."""

    batch_bytes: Size = 1 << 20
    """Send when this many bytes wait: bytes of log, or half of the bytes of the documents where that is more.
    `limits.memory` may make it less."""

    linger: Duration = 0.1
    """Seconds that a document waits for others before it is sent; the first one after silence never waits. With less
    than `0.1s` a file that grows is looked at sooner, too, down to every 20 ms."""

    single_pipeline: ClassVar[bool] = False
    """Whether the sink can take the lines of one pipeline only."""

    schemes: ClassVar[tuple[str, ...]] = ()
    """URL schemes that mean this sink, without the `://`."""

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Settings from a URL whose scheme is one of `schemes`. Raises `ConfigurationError`."""
        return cls.model_validate({"url": url})

    def warnings(self) -> list[str]:
        """Return a sentence for each setting that is allowed but risky, for `sidecar check` and each start."""
        return []

    def secrets(self) -> list[str]:
        """Return the secrets that the settings hold, to look for them in a file; never to be shown."""
        values = (getattr(self, name) for name in type(self).model_fields)
        return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]

    def destination(self) -> str:
        """Where the documents go, for people and for the state: never with a secret or a query."""
        raise NotImplementedError


class SinkType(Protocol):
    """What an entry point of the group `log_sidecar.sinks` names: usually the class of the sink itself."""

    settings: ClassVar[type[SinkSettings]]
    """The model of its settings."""

    concurrency: ClassVar[int]
    """How many `write` calls may be under way at once."""

    def __call__(self, settings: Any) -> Sink:
        """A sink that is not yet connected."""
        ...
