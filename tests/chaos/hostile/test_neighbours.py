"""A hostile application next to a well-behaved one; `python -m tests.chaos.soak.hostile` does it for half an hour."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.soak.hostile import MAX_MEMORY_MIB, soak


@pytest.mark.slow
def test_a_hostile_application_takes_nothing_from_a_well_behaved_one(tmp_path: Path) -> None:
    found = soak(tmp_path, seconds=15)
    assert found.hostile > 0, "its lines are shipped as well"
    assert (len(found.stored), found.stored.total()) == (found.written, found.written)
    assert (found.secrets, found.not_alive, found.exit_code) == (0, 0, 0)
    assert found.peak_mib <= MAX_MEMORY_MIB
