"""The contract of a sink: its methods, when each is called, and the meaning of each result.

The threads of one pipeline call a sink. They call `open` first, and again with back-off until it succeeds. Several
threads may call `write` at once (see `SinkType.concurrency`). `close` is called once, after the last `write` has
returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import msgspec

from sidecar.lib.declarations import PositiveInt, SecretStr
from sidecar.lib.settings_model import SettingsModel
from sidecar.lib.units import Duration, Size
from sidecar.model.batch import Batch, WriteResult
from sidecar.model.documents import BulkFraming


class ProbeResult(msgspec.Struct, frozen=True):
    """The result of a probe that succeeded."""

    server: str = ""
    """Product and version; "" if the server does not return them."""

    warnings: Sequence[str] = ()
    """A sentence for each property of the server or target that may cause errors later."""


@runtime_checkable
class Sink(Protocol):
    """Stores batches of documents."""

    def open(self) -> None:
        """Prepare to write. Raise `Retryable` or `Misconfigured`; the sidecar calls it again after a pause."""
        ...

    def write(self, batch: Batch) -> WriteResult:
        """Write the batch, which is never empty, and return the outcome of each document.

        Partial success is a result, never an exception. Raise `Retryable` or `Misconfigured` if no document is known
        to be stored; the documents are sent again later with the same ids.
        """
        ...

    def close(self) -> None:
        """Release all resources. Must not raise, and may be called even if `open` has not succeeded."""
        ...

    def probe(self) -> ProbeResult | None:
        """Test all that a write needs, such as address, credentials and permission, without storing a document.

        Raise `Retryable` or `Misconfigured` if a write would fail. Return a description of the server, or None.
        """
        ...


@runtime_checkable
class ResumableSink(Protocol):
    """A sink that has a position, such as the length of a file, which is committed together with the checkpoint."""

    def resume(self, token: str | None) -> None:
        """Go back to the position of `token`, the last committed `WriteResult.resume_token`. Called before `open`.

        None: no token was committed. Documents that were written after this position are sent again.
        """
        ...

    def resume_token(self) -> str:
        """Return a token for the current position. It is committed after each `open`, before the first write."""
        ...


@runtime_checkable
class IdentifiedSink(Protocol):
    """A sink that writes under a name, by which the server tells one writer from another."""

    def identify(self, name: str) -> None:
        """Write under this name: pipeline, sink and Pod, separated by dots. Called once, before `resume`.

        A replay of dead letters writes under another name than the running sidecar, and without `resume`.
        """
        ...


@runtime_checkable
class BulkEncodingSink(Protocol):
    """A sink that sends constant text before and after each document.

    The text is added when the documents are built. So `Batch.encode` with this framing costs almost nothing.
    """

    @property
    def envelope(self) -> BulkFraming | None:
        """The framing of most batches, or None. A batch can still be encoded with another framing."""
        ...


@runtime_checkable
class CompressingSink(Protocol):
    """A sink that can send compressed documents."""

    @property
    def compress(self) -> bool | Literal["auto"]:
        """Whether documents are compressed when they are built. `auto`: while the sink answers late."""
        ...


@runtime_checkable
class ReloadingSink(Protocol):
    """A sink that reads secrets or certificates from files. When one changes, a failed write is retried at once."""

    def has_changed_files(self) -> bool:
        """Return whether a file has changed since the last attempt. Called about once a second."""
        ...


AdmitTargets = Callable[[str, Sequence[str], int], AbstractSet[str]]
"""Records new target names for a day (`2026-11-28`), up to a maximum number for that day. Returns the names that may
be used: those recorded for this day and for the day before. Raises `StateError`."""


@runtime_checkable
class TargetingSink(Protocol):
    """A sink in which each document may have a different index or collection. New ones are recorded in the state."""

    @property
    def has_many_targets(self) -> bool:
        """Whether documents may go to different indexes or collections."""
        ...

    def targets(self, batch: Batch) -> Sequence[str]:
        """Return the index or collection of each document. Raise `Retryable` if a new name cannot be recorded."""
        ...

    def keep_targets(self, admit: AdmitTargets) -> None:
        """Record new names with `admit` from now on. Called once, before `open`."""
        ...


MAX_AUTO_WORKERS = 16
"""Maximum number of requests in flight to one sink with `workers: auto`, if `limits.memory` allows it."""


class SinkSettings(SettingsModel):
    """Settings of every sink. The settings of a sink inherit from this class; they are frozen and forbid unknown
    names.
    """

    type: str
    """Name of the sink, as listed by `sidecar plugins`."""

    batch_records: PositiveInt = 10_000
    """Maximum number of documents in a batch. A full batch is sent at once."""

    batch_bytes: Size = 1 << 20
    """Send a batch when this many bytes wait: the size of its log text, or half the size of its documents if that is
    larger. `limits.memory` may lower the limit."""

    linger: Duration = 0.1
    """Maximum time that a document waits for others before the batch is sent; the first one after a pause does not
    wait. With less than `0.1s`, growing files are also polled more often, up to every 20 ms."""

    def worker_range(self, concurrency: int) -> tuple[int, int]:
        """Return the limits of requests in flight: for a sink that answers quickly, and for one that answers slowly.

        `concurrency`: `SinkType.concurrency` of the sink.
        """
        return concurrency, concurrency

    @property
    def request_copies(self) -> int:
        """Number of additional copies of the documents of a batch in memory while the batch is written."""
        return 1

    single_pipeline: ClassVar[bool] = False
    """Whether only one pipeline may use the sink."""

    schemes: ClassVar[tuple[str, ...]] = ()
    """URL schemes of this sink, without `://`."""

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Return the settings in a URL with one of `schemes`. Raise `ConfigurationError` if the URL is not valid."""
        return cls.model_validate({"url": url})

    def document_fields(self) -> Mapping[str, Any]:
        """Return the fields that the sink needs in every document: dotted path → value."""
        return {}

    def complete_document(self, document: str, target: str) -> str:
        """Return a document with the fields that the sink adds when it writes, because they depend on the target."""
        return document

    def warnings(self) -> list[str]:
        """Return a sentence for each risky setting. `sidecar check` prints them, and each start logs them."""
        return []

    def secrets(self) -> list[str]:
        """Return the secrets in these settings, to search a configuration file for them. Never log or print them."""
        return [value.get_secret_value() for value in vars(self).values() if isinstance(value, SecretStr)]

    def files(self) -> list[Path]:
        """Return the files with secrets and certificates that the sink reads."""
        return [value for name, value in vars(self).items() if name.endswith("_file") and isinstance(value, Path)]

    def destination(self) -> str:
        """Return server and target as a URL without secrets and query, for messages and for the state."""
        raise NotImplementedError

    def explain_destination(self) -> str:
        """Return what a part of `destination` means if a reader may take it for something else; "" if none is."""
        return ""


class ConcurrentSinkSettings(SinkSettings):
    """Settings of a sink that accepts several requests at once."""

    workers: PositiveInt | Literal["auto"] = "auto"
    """Maximum number of requests in flight. `auto`: adapts between 2 and 16 to how fast the sink answers, and
    `limits.memory` may lower it. The order in which documents are stored is not defined."""

    def worker_range(self, concurrency: int) -> tuple[int, int]:
        return (concurrency, MAX_AUTO_WORKERS) if self.workers == "auto" else (self.workers, self.workers)


class SinkType(Protocol):
    """The class or function that an entry point of the group `log_sidecar.sinks` refers to, usually the class of the
    sink.
    """

    settings: ClassVar[type[SinkSettings]]
    """The class of the settings of the sink."""

    concurrency: ClassVar[int]
    """Maximum number of `write` calls at once."""

    def __call__(self, settings: Any) -> Sink:
        """Return a sink that is not yet connected."""
        ...
