"""Decides whether a refusal is caused by the document, by its index or collection (the target), or by the sink.

The error of the database does not show the cause: the same errors occur for all three causes, and no list of errors
is complete. The other documents are the evidence. If the target stored some of them, the document is the cause.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from sidecar.errors import DeliveryError, Misconfigured
from sidecar.model.batch import Refusal, Rejection, WriteResult

UNIFORM_REJECTION_LIMIT = 10
"""A target is misconfigured if it refuses this many consecutive records with the same error. The sink is
misconfigured if this many targets refuse all documents before any target stores one."""

MIN_ATTEMPTS_ALONE = 3
"""Number of refusals after which a record becomes a dead letter although its target has stored no other record. Other
targets must have stored records of the batch."""

_MAX_STREAKS = 1000
"""Maximum number of targets for which refusals are counted."""


class Decision(msgspec.Struct):
    """How to treat refused records. Records that it does not mention are written again."""

    rejected: list[Rejection]
    """Records that become dead letters."""

    refusing_targets: dict[str, DeliveryError]
    """Targets that accept no documents now, and why."""

    is_about_sink: bool
    """Whether the sink as a whole is misconfigured, because `UNIFORM_REJECTION_LIMIT` targets accept no documents."""


class RefusalStreaks:
    """Counts the consecutive refused records of each target. Shared by all batches of a sink."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._refusing_targets: set[str] = set()
        """Targets that have accepted no documents since the last record was stored in any target."""

    def reset(self, written: WriteResult) -> None:
        """Reset the counts of the targets that have stored records."""
        if not written.stored:
            return
        self._refusing_targets.clear()
        if not written.stored_targets or len(self._counts) > _MAX_STREAKS:
            self._counts.clear()
        for target in ("", *written.stored_targets):
            self._counts.pop(target, None)

    def count(self, refused: Iterable[Rejection]) -> dict[str, DeliveryError]:
        """Count refused records of targets that stored none. Return the targets that are misconfigured, and why."""
        groups = defaultdict(list)
        for rejection in refused:
            groups[rejection.target].append(rejection)
        refusing: dict[str, DeliveryError] = {}
        for target, group in groups.items():
            count = self._counts.get(target, 0) + len(group)
            if count >= UNIFORM_REJECTION_LIMIT and len({rejection.kind for rejection in group}) == 1:
                refusing[target] = _uniform_error(group[0])
            else:
                self._counts[target] = count
        return refusing

    def count_targets(self, refusing: Iterable[str]) -> int:
        """Add targets that accept no documents. Return their number since the last record was stored."""
        self._refusing_targets.update(refusing)
        return len(self._refusing_targets)


class Evidence:
    """Collects the results of all attempts to write one batch, and decides how to treat refused records."""

    def __init__(self, streaks: RefusalStreaks) -> None:
        self._streaks = streaks
        self._attempts = 0
        self.has_stored = False
        """Whether an attempt has stored records of the batch."""

        self._stored_targets: set[str] = set()

    def decide(self, written: WriteResult, *, is_last: bool) -> Decision:
        """Add the result of an attempt, and decide how to treat its refused records.

        `is_last`: there is no further attempt for this batch.
        """
        self._attempts += 1
        self.has_stored = self.has_stored or bool(written.stored)
        self._stored_targets.update(written.stored_targets)
        self._streaks.reset(written)
        refusing = self._streaks.count(self._list_uncounted(written))
        refusing |= {
            each.rejection.target: each.error
            for each in written.refused
            if each.scope == "shard" or (each.scope == "target" and not self._stores_documents(each.rejection.target))
        }
        about_records = [each.rejection for each in written.refused if self._is_about_record(each, is_last)]
        rejected = [each for each in (*written.rejected, *about_records) if each.target not in refusing]
        is_about_sink = self._streaks.count_targets(refusing) >= UNIFORM_REJECTION_LIMIT and not self.has_stored
        return Decision(rejected, refusing, is_about_sink)

    def _list_uncounted(self, written: WriteResult) -> list[Rejection]:
        unclear = [each.rejection for each in written.refused if each.scope == "unclear" and self._attempts == 1]
        rejections = (*written.rejected, *unclear)
        return [each for each in rejections if not each.is_conflict and not self._stores_documents(each.target)]

    def _stores_documents(self, target: str) -> bool:
        is_known = bool(target and self._stored_targets)
        return target in self._stored_targets if is_known else self.has_stored

    def _is_about_record(self, refusal: Refusal, is_last: bool) -> bool:
        stores_others = self._stores_documents(refusal.rejection.target)
        if refusal.scope == "unclear":
            return stores_others or (self.has_stored and self._attempts >= MIN_ATTEMPTS_ALONE)
        return refusal.scope == "transient" and stores_others and is_last


def _uniform_error(example: Rejection) -> Misconfigured:
    return Misconfigured(
        f"all documents are rejected with the same error ({example.kind}: {example.reason})",
        location=example.target,
        hint="correct the mapping or the settings of the sink; the documents are sent again until then",
    )
