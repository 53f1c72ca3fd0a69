"""Limits the number of indexes or collections that documents can create.

A name with a field or a date depends on the application, which could cause a new index with every line. So a new name
is stored in the state before the first document is sent to it, up to `max_targets` names a day. Documents with
further names are sent to a fallback: the name with the defaults for missing fields and the day on which the sidecar
first saw the file. The fallback depends on the file only, so a document that is sent again goes to the same target.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

import msgspec

from sidecar.errors import Retryable, StateError
from sidecar.lib.clock import Clock
from sidecar.model.batch import Batch, WriteResult
from sidecar.sinks.common.target_name import TargetTemplate
from sidecar.sinks.contract import AdmitTargets


class BatchTargets(msgspec.Struct, frozen=True):
    """The targets of a batch. `names`: one name for all documents, or one for each. `diverted`: indexes of the
    documents that are sent to the fallback.
    """

    names: str | Sequence[str]
    diverted: frozenset[int] = frozenset()

    def name_of(self, index: int) -> str:
        """Return the target of the document with this index."""
        return self.names if isinstance(self.names, str) else self.names[index]

    def select(self, indexes: Sequence[int]) -> str | Sequence[str]:
        """Return the target names of these documents."""
        return self.names if isinstance(self.names, str) else [self.names[index] for index in indexes]

    def count(self, result: WriteResult) -> WriteResult:
        """Return the result with `stored_targets`, and with how many stored documents went to the fallback."""
        stored = [i for i in result.stored if i not in result.dropped]
        targets = {self.name_of(i) for i in (stored[:1] if isinstance(self.names, str) else stored)}
        diverted = sum(i in self.diverted for i in stored) if self.diverted else 0
        return msgspec.structs.replace(result, diverted=diverted, stored_targets=targets)


class TargetLimiter:
    """Chooses the target of each document, with at most `limit` new names a day (UTC)."""

    def __init__(self, template: TargetTemplate, limit: int, clock: Clock) -> None:
        self._template, self._limit, self._clock = template, limit, clock
        self._admit: AdmitTargets = _InMemoryTargets().admit
        self._day, self._admitted = "", set[str]()
        self._lock = threading.Lock()

    @property
    def has_many_targets(self) -> bool:
        """Whether the target depends on the document: its name has a date or a field."""
        return self._template.fixed is None

    def keep(self, admit: AdmitTargets) -> None:
        """Store new names with `admit` from now on, instead of in memory."""
        self._admit = admit

    def route(self, batch: Batch) -> BatchTargets:
        """Return the target of each document. Raise `Retryable` if a new name cannot be stored in the state."""
        names = self._template.for_batch(batch)
        if self._template.fixed is not None or batch.targets is not None:
            return BatchTargets(names)
        wanted = [names] if isinstance(names, str) else list(dict.fromkeys(names))
        refused = self._find_refused(wanted)
        if not refused:
            return BatchTargets(names)
        targets = [names] * len(batch) if isinstance(names, str) else names
        fallbacks = list(self._fallbacks(batch))
        diverted = frozenset(i for i, name in enumerate(targets) if name in refused and name != fallbacks[i])
        return BatchTargets([fallbacks[i] if i in diverted else name for i, name in enumerate(targets)], diverted)

    def _find_refused(self, wanted: Sequence[str]) -> AbstractSet[str]:
        with self._lock:
            day = datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%d")
            if day != self._day:
                self._day, self._admitted = day, set()
            if not self._admitted.issuperset(wanted):
                try:
                    self._admitted |= self._admit(day, wanted, self._limit) & set(wanted)
                except StateError as error:
                    raise Retryable(error.message, location=error.location, hint=error.hint) from error
            return set(wanted) - self._admitted

    def _fallbacks(self, batch: Batch) -> Iterator[str]:
        """Yield the fallback name of each document."""
        for part in batch.parts:
            name = self._template.render(datetime.fromtimestamp(part.generation.created_at, UTC))
            yield from [name] * len(part)


class RoutedSink:
    """Base class of the sinks with indexes or collections; implements `TargetingSink`."""

    _limiter: TargetLimiter

    @property
    def has_many_targets(self) -> bool:
        """Whether documents may go to different indexes or collections."""
        return self._limiter.has_many_targets

    def targets(self, batch: Batch) -> list[str]:
        """Return the index or collection of each document."""
        names = self._limiter.route(batch).names
        return [names] * len(batch) if isinstance(names, str) else list(names)

    def keep_targets(self, admit: AdmitTargets) -> None:
        """Store new names with `admit` from now on."""
        self._limiter.keep(admit)


class _InMemoryTargets:
    """Keeps the names of the current day in memory, for a sink that is used without a state directory."""

    def __init__(self) -> None:
        self._day, self._names = "", set[str]()

    def admit(self, day: str, names: Sequence[str], limit: int) -> AbstractSet[str]:
        if day != self._day:
            self._day, self._names = day, set()
        new = [name for name in names if name not in self._names]
        self._names.update(new[: max(0, limit - len(self._names))])
        return self._names
