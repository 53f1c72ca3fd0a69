"""Settings of the sinks for databases that return the result of each document."""

from __future__ import annotations

from typing import Literal

from sidecar.sinks.contract import ConcurrentSinkSettings


class DatabaseSettings(ConcurrentSinkSettings):
    """Settings of a sink for a database that returns the result of each document."""

    unknown_refusals: Literal["dead_letter", "wait"] = "dead_letter"
    """What happens to a document that the server refuses with an unknown error, while it stores other documents of
    the same index or collection. `dead_letter`: it becomes a dead letter. `wait`: its line stays in the file, and is
    sent again until it is stored."""

    @property
    def may_reject_unknown(self) -> bool:
        """Whether a document may become a dead letter because of an unknown error."""
        return self.unknown_refusals == "dead_letter"
