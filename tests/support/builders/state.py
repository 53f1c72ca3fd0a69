"""A ledger with one generation, and dead letters of it."""

from pathlib import Path

from sidecar.model.checkpoint import NewGeneration
from sidecar.model.dead_letter import DeadLetter
from sidecar.model.file import FileId, Generation
from sidecar.model.fingerprint import Fingerprint
from sidecar.state.database import open_database
from sidecar.state.ledger import Ledger

GENERATION = Generation(2**62 + 5, "app", "/var/log/app/a.log", 1_000.0)
"""Its id needs nearly all 63 bits."""


def dead_letter(start: int, document: str = "{}", sink: str = "search") -> DeadLetter:
    """Return a dead letter of the generation, for the record at this offset."""
    return DeadLetter(
        "app", sink, GENERATION.id, GENERATION.path, start, start + 10, f"id-{start}", "logs", document, "", 400,
        "mapping", "no", 5.0,
    )  # fmt: skip


def new_ledger(directory: Path) -> Ledger:
    """Return the ledger of a new database that knows the generation."""
    ledger = Ledger(open_database(directory))
    ledger.add_generations([NewGeneration(GENERATION, FileId(1, 2, None), Fingerprint.from_head(b"head"))])
    return ledger
