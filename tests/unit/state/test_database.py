"""The state database: one user, no damage, nothing started over silently."""

import os
import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from sidecar.errors import StateError
from sidecar.model.checkpoint import Checkpoint, CheckpointUpdate, NewGeneration
from sidecar.model.counts import ByteCounts
from sidecar.model.file import FileId, Generation
from sidecar.model.fingerprint import Fingerprint, OverlapDigest
from sidecar.state.database import open_database
from sidecar.state.ledger import Ledger
from tests.support.builders.state import GENERATION, dead_letter, new_ledger


def test_a_second_sidecar_is_refused_with_a_hint(tmp_path: Path) -> None:
    first = open_database(tmp_path)
    with pytest.raises(StateError, match=r"another sidecar.*--state-dir"):
        open_database(tmp_path)
    first.close()
    open_database(tmp_path).close()


def test_files_of_the_state_are_for_their_owner_alone(tmp_path: Path) -> None:
    open_database(tmp_path / "state").close()
    for path in (tmp_path / "state").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


@pytest.mark.parametrize(
    "content", [b"", b"this is no database at all, but it was something", b"SQLite format 3\0" + b"x" * 4096]
)
def test_a_damaged_database_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state.db").write_bytes(content)
    with pytest.raises(StateError, match="damaged"):
        open_database(tmp_path)
    assert (tmp_path / "state.db").read_bytes() == content


def test_a_torn_database_is_refused(tmp_path: Path) -> None:
    store = open_database(tmp_path)
    ledger = Ledger(store)
    for number in range(2000):
        generation = Generation(number + 1, "app", f"/var/log/{number}.log", 0.0)
        ledger.add_generations([NewGeneration(generation, FileId(1, number, 1), Fingerprint.from_head(b""))])
    store.close()
    size = (tmp_path / "state.db").stat().st_size
    os.truncate(tmp_path / "state.db", size // 2)
    with pytest.raises(StateError, match="damaged"):
        open_database(tmp_path)


def test_a_state_with_a_missing_file_is_refused(tmp_path: Path) -> None:
    store = open_database(tmp_path)
    Ledger(store).add_generations([NewGeneration(GENERATION, FileId(1, 2, 3), Fingerprint.from_head(b""))])
    (tmp_path / "kept").write_bytes((tmp_path / "state.db-wal").read_bytes())
    store.close()
    (tmp_path / "state.db").unlink()
    (tmp_path / "kept").rename(tmp_path / "state.db-wal")
    with pytest.raises(StateError, match="missing"):
        open_database(tmp_path)


def test_a_torn_last_write_costs_that_commit_and_nothing_else(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    wal = tmp_path / "state.db-wal"
    whole = wal.stat().st_size
    ledger.mark_finished(GENERATION.id, 5.0, True)
    copies = {name: (tmp_path / name).read_bytes() for name in ("state.db", "state.db-wal")}
    for torn in (whole + 10, wal.stat().st_size - 1):
        other = tmp_path / f"torn-{torn}"
        other.mkdir()
        (other / "state.db").write_bytes(copies["state.db"])
        (other / "state.db-wal").write_bytes(copies["state.db-wal"][:torn])
        (known,) = Ledger(open_database(other)).unfinished("app")
        assert known.generation == GENERATION


def test_an_older_state_is_upgraded_and_keeps_what_it_knows(tmp_path: Path) -> None:
    ledger = new_ledger(tmp_path)
    ledger.commit(
        "app",
        "search",
        [CheckpointUpdate(1, Checkpoint(100, OverlapDigest.from_bytes(b"")), 100, ByteCounts(), [dead_letter(0)])],
    )
    with sqlite3.connect(tmp_path / "state.db", isolation_level=None) as db:
        db.executescript(
            "DROP TABLE positions; DROP TABLE parked; DROP TABLE targets; DROP TABLE pipelines;"
            "DROP INDEX dead_letter_sizes; DROP INDEX uncopied_dead_letters;"
            "ALTER TABLE dead_letters DROP COLUMN size; ALTER TABLE dead_letters DROP COLUMN copied;"
            "ALTER TABLE generations DROP COLUMN moved; ALTER TABLE generations DROP COLUMN created_ns;"
            "ALTER TABLE generations DROP COLUMN intent; ALTER TABLE generations DROP COLUMN intent_crc;"
            "DROP INDEX detected_formats; ALTER TABLE generations DROP COLUMN format;"
            "ALTER TABLE checkpoints DROP COLUMN crc; ALTER TABLE checkpoints DROP COLUMN marks;"
            "ALTER TABLE checkpoints DROP COLUMN waiting;"
            "PRAGMA user_version=1;"
        )
    for name in ("state.db", "state.db-wal"):
        (tmp_path / "old").mkdir(exist_ok=True)
        (tmp_path / "old" / name).write_bytes((tmp_path / name).read_bytes())
    store = open_database(tmp_path / "old")
    (known,) = Ledger(store).unfinished("app")
    assert (known.generation, known.is_in_copy, known.format) == (GENERATION, False, None)
    with store.reading() as db:
        size = len(dead_letter(0).document.encode())
        assert db.execute("SELECT size, copied FROM dead_letters").fetchone() == (size, 0)


def test_a_state_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot use the state directory"):
        open_database(Path("/proc/state"))


def test_a_state_from_a_newer_version_is_refused(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    with sqlite3.connect(tmp_path / "state.db") as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(StateError, match="newer version"):
        open_database(tmp_path)


def test_a_file_in_place_of_the_directory_is_reported_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StateError, match="cannot use the state directory"):
        open_database(tmp_path / "state")


def test_a_full_disk_is_an_error_and_nothing_half_written(tmp_path: Path) -> None:
    store = open_database(tmp_path)
    ledger = Ledger(store)
    with store.reading() as db:
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        db.execute(f"PRAGMA max_page_count={pages}")
    many = [dead_letter(start) for start in range(5000)]
    step = CheckpointUpdate(1, Checkpoint(100, OverlapDigest.from_bytes(b"")), 100, ByteCounts(), many)
    with pytest.raises(StateError, match="cannot be written"):
        ledger.commit("app", "search", [step])
    with store.reading() as db:
        assert db.execute("SELECT count(*) FROM dead_letters").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM checkpoints").fetchone() == (0,)


STRANGER = 4242

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away; run the tests as root")


@needs_root
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, STRANGER, STRANGER)
    with pytest.raises(StateError, match=rf"{tmp_path}.*belongs to user {STRANGER}.*chown"):
        open_database(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_the_state_directory_is_used_if_its_owner_is_trusted(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "there")
    open_database(tmp_path / "state").close()
    if os.geteuid() == 0:
        os.lchown(tmp_path / "state", STRANGER, STRANGER)
        with pytest.raises(StateError, match="belongs to user"):
            open_database(tmp_path / "state")


def test_a_directory_of_root_is_used_if_others_may_write_there(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    open_database(tmp_path).close()
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "name", ["lock", "state.db", "state.db-wal", "state.db-shm", "state.db-journal", "state.db.new"]
)
@pytest.mark.parametrize("planted", ["link", "dangling link", "directory", "foreign", "fifo"])
def test_files_of_another_user_are_refused_and_left_alone(tmp_path: Path, name: str, planted: str) -> None:
    state, victim = tmp_path / "state", tmp_path / "victim"
    store = open_database(state)
    if name == "state.db":
        store.close()
        (state / name).rename(victim)
    else:
        store.close()
        (state / name).unlink(missing_ok=True)
    content = victim.read_bytes() if victim.exists() else b"precious"
    if planted == "link":
        victim.write_bytes(content)
        (state / name).symlink_to(victim)
    elif planted == "dangling link":
        (state / name).symlink_to(tmp_path / "nothing")
    elif planted == "directory":
        (state / name).mkdir()
    elif planted == "fifo":
        os.mkfifo(state / name)
    else:
        (state / name).write_bytes(content)
        if os.geteuid() != 0:
            pytest.skip("only root can give files away; run the tests as root")
        os.chown(state / name, STRANGER, STRANGER)
    with pytest.raises(StateError, match=rf"state/{name}: the state is not used: it "):
        open_database(state)
    assert not (tmp_path / "nothing").exists()
    assert not victim.exists() or victim.read_bytes() == content


@pytest.mark.parametrize("how", ["removed", "replaced", "moved"])
def test_a_database_that_is_not_in_its_place_is_noticed(tmp_path: Path, how: str) -> None:
    directory = tmp_path / "state"
    database = open_database(directory)
    database.check_place()
    if how == "removed":
        shutil.rmtree(directory)
    else:
        directory.rename(tmp_path / "elsewhere")
    if how == "replaced":
        shutil.copytree(tmp_path / "elsewhere", directory)
    with pytest.raises(StateError, match="removed or replaced"):
        database.check_place()
    database.close()
