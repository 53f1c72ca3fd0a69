"""What was seen of each row of the lifecycle: when containers were told to end, when they did, and the table."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


class Timeline:
    """When containers began, were told to end, and ended, by the log of containerd: to the millisecond."""

    def __init__(self, log: Path) -> None:
        self._log = log

    def began(self, container_id: str) -> float | None:
        """When the process of a container was started."""
        return self._first(rf'"StartContainer for \\"{container_id}\\" returns successfully"')

    def told(self, container_id: str) -> float | None:
        """When a container got SIGTERM."""
        return self._first(rf'"Stop container \\"{container_id}\\" with signal terminated"')

    def ended(self, container_id: str) -> float | None:
        """When the last process of a container was gone."""
        return self._first(rf'"shim disconnected" id={container_id}')

    def seconds_to_end(self, container_id: str) -> float | None:
        """From SIGTERM to the end; None if there was no such signal or it has not ended."""
        told, ended = self.told(container_id), self.ended(container_id)
        return None if told is None or ended is None else ended - told

    def _first(self, message: str) -> float | None:
        found = re.search(rf'^time="(\S{{26}})\S*Z" level=info msg={message}', self._log.read_text(), re.MULTILINE)
        return datetime.fromisoformat(found[1]).timestamp() if found else None


@dataclass(frozen=True, slots=True)
class Measurement:
    """One row of the lifecycle, as it was seen."""

    row: int
    situation: str
    mode: str
    exit_code: int | None
    phase: str
    written: int | None
    """None where the application goes on, or nobody can say."""
    stored: int
    seconds: float | None
    """From SIGTERM to the end of the sidecar; None where it was not told to end."""


@dataclass(slots=True)
class Table:
    """The measurements of a session."""

    rows: list[Measurement] = field(default_factory=list)

    def add(self, measurement: Measurement) -> None:
        """Keep a measurement."""
        self.rows.append(measurement)

    def markdown(self) -> str:
        """As a table, in the order of the rows."""
        lines = [
            "| row | situation | sidecar | exit code | Pod phase | lines written | lines stored | SIGTERM to exit |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        for one in sorted(self.rows, key=lambda one: (one.row, one.situation)):
            seconds = None if one.seconds is None else f"{one.seconds:.2f} s"
            cells = (
                one.row, one.situation, one.mode, one.exit_code, one.phase, one.written, one.stored, seconds,
            )  # fmt: skip
            lines.append("| " + " | ".join("–" if cell is None else str(cell) for cell in cells) + " |")
        return "\n".join(lines) + "\n"

    def write(self) -> None:
        """To the file that LIFECYCLE_TABLE names, if it is set."""
        chosen = os.environ.get("LIFECYCLE_TABLE")
        if chosen and self.rows:
            Path(chosen).write_text(self.markdown())
