"""Situations of real systems: late writes, volumes that come late, stale sizes, slow copies. Each line once."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sidecar.telemetry.events import BytesLost, FileCut, FilesGone
from tests.integration.model.test_rotation import MORE, NEW, OLD, expected, known_and_partly_delivered, lines
from tests.support.simulated_sidecar import FIRST_NOW, SimulatedSidecar

BANNER = b"".join(b"# line %d of a licence %s\n" % (n, b"-" * 60) for n in range(25))
assert len(BANNER) > 1024


def delivered(world: SimulatedSidecar, content: bytes = OLD, name: str = "app.log") -> None:
    world.write(content, name)
    world.live(4)
    assert world.messages() == expected(content)


# ── late writes ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("silence_s", [8, 60])
@pytest.mark.parametrize("how", ["rename", "delete"])
def test_lines_written_long_after_a_file_left_its_name(tmp_path: Path, how: str, silence_s: int) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log")
    delivered(world)
    with world.path().open("ab", buffering=0) as descriptor:
        world.path().rename(world.path("app.log.1")) if how == "rename" else world.path().unlink()
        world.write(NEW)
        world.live(silence_s, step=2)
        descriptor.write(MORE)
        world.live(8)
        descriptor.write(b"the last one\n")
        world.live(3)
    world.settle()
    assert world.messages() == expected(OLD, NEW, MORE, b"the last one\n")
    assert world.balance()["sink"] == {"stored": len(OLD + NEW + MORE) + 13}


@pytest.mark.parametrize("how", ["late write", "renamed back", "compressed"])
def test_a_sink_that_has_finished_a_file_reads_on_while_another_sink_is_down(tmp_path: Path, how: str) -> None:
    world = SimulatedSidecar(tmp_path, sinks=("one", "two"))
    world.destinations["one"].is_down = True
    world.write(OLD)
    world.live(1)
    rotated = world.path().rename(world.path("app.log.1"))
    world.live(60, step=1)
    if how == "renamed back":
        rotated.rename(world.path())
    world.write(NEW, "app.log" if how == "renamed back" else "app.log.1")
    if how == "compressed":
        world.path("app.log.1.gz").write_bytes(gzip.compress(rotated.read_bytes()))
        rotated.unlink()
    world.settle()
    for sink in world.destinations:
        assert world.messages(sink) == expected(OLD, NEW)
        assert world.balance()[sink] == {"stored": len(OLD + NEW)}
    world.check_balance()


def test_lines_written_into_a_finished_file_without_a_matching_name_while_the_sidecar_was_down(
    tmp_path: Path,
) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log")
    delivered(world)
    world.path().rename(world.path("app.log.1"))
    world.live(400, step=5)
    assert len(world.descriptors) == 0
    world.write(MORE, "app.log.1")
    world.live(15)
    world.kill()
    world.write(NEW, "app.log.1")
    world.settle()
    assert world.messages() == expected(OLD, MORE, NEW)


def test_a_deleted_file_is_let_go_after_the_grace_or_when_descriptors_are_short(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log", open_files=4)
    for number in range(8):
        world.write(lines(100 * number, 5), f"{number}.log")
    world.live(4)
    for number in range(8):
        world.path(f"{number}.log").unlink()
    world.live(30)
    assert len(world.descriptors) <= 4
    world.live(400, step=5)
    assert len(world.descriptors) == 0
    world.settle()


@contextmanager
def forbidden(folder: Path, directory: Path) -> Iterator[None]:
    """Act as a user who may do everything in `folder`, but not read `directory`, even if the tests run as root."""
    user = os.geteuid()
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode | 0o666 | (0o111 if path.is_dir() else 0))
    directory.chmod(0)
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        directory.chmod(0o777)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_directory_that_cannot_be_read_for_a_while_is_waited_for(*, is_restarted: bool) -> None:
    with TemporaryDirectory() as name:  # every user may enter its parents
        folder = Path(name)
        world = SimulatedSidecar(folder)
        delivered(world)
        if is_restarted:
            world.restart()
        with forbidden(folder, world.logs):
            world.live(30)
            assert world.scanner.unreadable == {str(world.logs)}
        world.write(NEW)
        world.settle()
        assert world.messages() == expected(OLD, NEW)
        assert not [event for event in world.events if isinstance(event, FilesGone | BytesLost)]


def renumber(world: SimulatedSidecar, name: str = "app.log") -> None:
    """The file system gives the file another inode number, also for its open descriptors."""
    path, renumbered = world.path(name), world.path(".renumbered")
    shutil.copy2(path, renumbered)
    for fd in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{fd}") == str(path):
                other = os.open(renumbered, os.O_RDONLY)
                os.dup2(other, int(fd), inheritable=False)
                os.close(other)
    renumbered.replace(path)


@pytest.mark.parametrize("content", [b"a line\n", OLD], ids=["small", "large"])
def test_an_inode_number_that_changes_while_the_file_is_open(tmp_path: Path, content: bytes) -> None:
    world = SimulatedSidecar(tmp_path)
    delivered(world, content)
    for number in range(3):
        renumber(world)
        world.live(2)
        world.write(lines(100 * number, 10))
        world.live(10)
    world.restart()
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(content, *(lines(100 * number, 10) for number in range(3)), NEW)


def test_an_inode_number_that_changes_while_the_file_is_closed(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log", open_files=2)
    written = [lines(1000 * number, 20) for number in range(6)]
    for number, content in enumerate(written):
        world.write(content, f"{number}.log")
    world.live(10)
    for number in range(6):
        renumber(world, f"{number}.log")
        world.write(NEW[:480], f"{number}.log")
    world.live(20)
    world.settle()
    assert world.messages() == expected(*written, *[NEW[:480]] * 6)


def test_bytes_that_a_tracked_file_has_grown_by_and_that_cannot_be_read_are_seen(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log", open_files=1)
    delivered(world, OLD)
    world.write(NEW, "other.log")
    world.live(4)
    with world.path().open("r+b") as file:
        file.write(b"PK\x03\x04")  # as if it were compressed in a way that cannot be read
    world.write(MORE)
    world.live(2)
    assert "app.log" in str(world.tracker.unreadable.reasons())
    assert world.tracker.waiting_bytes == len(MORE)


def test_content_after_a_gap_in_reserved_space_needs_no_other_change_to_be_read(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(bytes(1 << 20))
    world.live(2)
    with world.path().open("r+b") as file:
        file.write(b"one\n")
        file.seek(500_000)
        file.write(b"two\n")
    world.touched()
    world.live(4)
    assert world.messages() == ["one", "two"]


# ── power failures ──────────────────────────────────────────────────────────────────────────────────────────

WRITTEN = lines(0, 5000)
assert len(WRITTEN) == 240_000


def fail_power(world: SimulatedSidecar, lost: int, how: str) -> None:
    """The machine stops. The last blocks of the log were not written to disk, although they were delivered."""
    world.kill()
    with world.path().open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        if how == "NUL":
            file.seek(size - lost)
            file.write(bytes(lost))
        else:
            file.truncate(size - lost)
    world.touched()


@pytest.mark.parametrize("how", ["shorter", "NUL"])
@pytest.mark.parametrize("lost", [1000, 4096, 40_000])
def test_a_log_that_lost_its_end_by_a_power_failure_is_not_stored_again_as_a_whole(
    tmp_path: Path, lost: int, how: str
) -> None:
    world = SimulatedSidecar(tmp_path)
    delivered(world, WRITTEN)
    fail_power(world, lost, how)
    world.write(b"\n" + lines(9000, 100))
    world.settle()
    stored, reach = world.messages(), 4 * max(lost, 4096)
    assert set(expected(lines(9000, 100))) <= set(stored)
    assert len(stored) - len(set(stored)) <= reach // 48
    (cut,) = [event for event in world.events if isinstance(event, FileCut)]
    assert len(WRITTEN) - reach - 48 < cut.kept <= len(WRITTEN) - lost
    assert cut.read == len(WRITTEN)
    assert world.lost() == 0
    world.check_balance()
    world.restart()
    world.settle()
    assert world.messages() == stored


def test_lines_that_a_power_failure_took_before_they_were_read_are_counted(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, sinks=("sink", "slow"))
    delivered(world, WRITTEN)
    world.destinations["slow"].is_down = True
    world.write(MORE)
    world.live(4)
    fail_power(world, len(MORE) - 96, "shorter")
    world.settle()
    assert world.balance()["slow"]["lost:truncated"] == len(MORE) - 96
    assert world.lost() == len(MORE) - 96
    assert set(world.messages("slow")) == set(expected(WRITTEN, MORE[:96]))


def test_other_content_after_a_long_banner_is_no_power_failure(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    banner = lines(0, 1500)
    assert len(banner) > 64 << 10
    delivered(world, banner + lines(10_000, 3000))
    world.kill()
    world.path().write_bytes(banner + lines(50_000, 100))
    world.touched()
    world.settle()
    assert len(world.messages()) == 1500 + 3000 + 1500 + 100


@pytest.mark.parametrize("is_finished", [False, True])
def test_a_delivered_file_that_becomes_shorter_for_good_and_grows_again(tmp_path: Path, *, is_finished: bool) -> None:
    world = SimulatedSidecar(tmp_path)
    delivered(world, WRITTEN)
    if is_finished:
        world.path().rename(world.path("app.log.1"))
        world.live(20)
    name = "app.log.1" if is_finished else "app.log"
    os.truncate(world.path(name), len(WRITTEN) - 4096)
    world.touched(name)
    world.live(20)
    world.write(b"\n" + NEW, name)
    world.settle()
    stored = world.messages()
    assert len(stored) - len(set(stored)) <= 100 + 4 * 4096 // 48
    world.check_balance()


# ── identity ────────────────────────────────────────────────────────────────────────────────────────────────


def test_ids_that_were_sent_before_the_first_checkpoint_are_not_used_for_other_lines(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(BANNER + lines(0, 9))
    world.scan()
    world.turn(3)
    assert len(world.messages()) == 34
    world.kill()
    world.path().write_bytes(b"")
    world.write(BANNER + lines(50, 9))
    world.settle()
    assert world.messages() == expected(BANNER, lines(0, 9), BANNER, lines(50, 9))


def test_a_refill_with_the_same_beginning_before_the_first_checkpoint_is_no_loss(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(BANNER + lines(0, 5))
    world.scan()
    world.turn(3)
    world.path().write_bytes(b"")
    world.write(BANNER + lines(50, 9))
    world.settle()
    assert world.messages() == expected(BANNER, lines(0, 5), BANNER, lines(50, 9))
    assert world.lost() == 0


def test_read_from_end_holds_if_the_sidecar_is_killed_right_after_the_first_scan(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, from_end=True)
    world.write(OLD)
    world.scan()
    world.restart()
    world.write(NEW)
    world.live(4)
    assert world.messages() == expected(NEW)
    assert world.balance()["sink"] == {"skipped:read_from_end": len(OLD), "stored": len(NEW)}


def test_read_from_end_counts_once(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, from_end=True)
    world.write(OLD)
    world.live(3)
    world.write(MORE)
    world.live(3)
    world.kill()
    world.path().rename(world.path("app.log.1"))
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(MORE, NEW)


def change_device(world: SimulatedSidecar) -> None:
    """As a reboot does it, or another attachment of the volume."""
    world.kill()
    world.start()
    with world.store.transaction() as db:
        db.execute("UPDATE generations SET device = '123456'")
    world.restart()


def test_another_device_number_changes_nothing(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    delivered(world)
    world.path().rename(world.path("app.log.1"))
    world.write(NEW)
    world.live(10)
    change_device(world)
    world.write(b"half of ")
    world.live(9)
    world.write(b"a line\n")
    world.settle()
    assert world.messages() == expected(OLD, NEW, b"half of a line\n")
    assert world.balance()["sink"] == {"stored": len(OLD + NEW) + 15}


def test_files_that_are_equal_keep_their_names_on_another_device(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log")
    for name in ("a", "b", "c"):
        world.write(BANNER, f"{name}.log")
    world.live(4)
    change_device(world)
    for name in ("c", "b", "a"):
        world.write(b"%s line\n" % name.encode(), f"{name}.log")
    world.settle()
    assert world.messages() == expected(BANNER, BANNER, BANNER, b"a line\nb line\nc line\n")
    paths = {d["message"]: d["log"]["file"]["path"] for d in world.destinations["sink"].documents.values()}
    assert [Path(paths[f"{name} line"]).name for name in "abc"] == ["a.log", "b.log", "c.log"]


def test_a_volume_that_is_mounted_after_the_start(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    delivered(world)
    world.kill()
    world.logs.rename(tmp_path / "unmounted")
    world.logs.mkdir()
    world.start()
    world.live(30)
    world.logs.rmdir()
    (tmp_path / "unmounted").rename(world.logs)
    world.write(MORE)
    world.settle()
    assert world.messages() == expected(OLD, MORE)


def test_a_hard_link_whose_name_sorts_first_cuts_no_line(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log")
    delivered(world)
    world.path("aaa.log").hardlink_to(world.path())
    world.live(7)
    world.write(b"first half, ")
    world.live(8)
    world.restart()
    world.live(8)
    world.write(b"second half\n")
    world.settle()
    assert world.messages() == expected(OLD, b"first half, second half\n")
    assert all(
        Path(d["log"]["file"]["path"]).name == "app.log" for d in world.destinations["sink"].documents.values()
    )


# ── files that begin like another, and copies ───────────────────────────────────────────────────────────────


def test_short_lived_files_with_the_same_lines_are_all_stored(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log")
    job = b"job starts\nnothing to do\n"
    world.write(job, "job-1.log")
    world.live(3)
    for number in (2, 3, 4):
        world.write(job, f"job-{number}.log")
        world.live(2.5)
        world.path(f"job-{number}.log").unlink()
        world.live(2)
    world.write(b"job starts\n", "job-5.log")
    world.live(1)
    world.path("job-5.log").unlink()
    world.live(8)
    world.settle()
    assert world.messages() == expected(job, job, job, job, b"job starts\n")


def test_a_copy_that_takes_minutes_is_recognised(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*")
    delivered(world)
    with world.path("backup-of-it").open("wb", buffering=0) as copy:
        for start in range(0, len(OLD), 100):
            copy.write(OLD[start : start + 100])
            world.live(1, step=1)
    os.truncate(world.path(), 0)
    world.touched()
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(OLD, NEW)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_plain_copy_in_another_directory_of_the_paths(tmp_path: Path, *, is_restarted: bool) -> None:
    world = SimulatedSidecar(tmp_path, paths="**")
    delivered(world)
    world.path("saved").mkdir()
    world.path("saved/app.log").write_bytes(OLD)
    world.live(12)
    if is_restarted:
        world.restart()
    world.write(MORE)
    world.live(12)
    assert world.messages() == expected(OLD, MORE)
    with world.path("saved/app.log").open("ab") as file:
        file.write(NEW)
    world.settle()
    assert world.messages() == expected(OLD, MORE, OLD, NEW), "a copy that is written is a file of its own"
    assert world.balance()["sink"] == {"stored": len(OLD + MORE + OLD + NEW), "skipped:copy": len(OLD)}


def test_a_plain_copy_holds_what_was_not_delivered_when_its_original_is_truncated(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*")
    known_and_partly_delivered(world)
    world.path("saved.log").write_bytes(OLD + MORE)
    world.live(12)
    os.truncate(world.path(), 0)
    world.touched()
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(OLD, MORE, NEW)
    assert world.lost() == 0


# ── shorter than before ─────────────────────────────────────────────────────────────────────────────────────


def test_a_file_that_is_shorter_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    delivered(world)
    os.truncate(world.path(), len(OLD) - 1)
    world.live(2)
    world.write(b"\n" + MORE)
    world.settle()
    assert world.messages() == expected(OLD, MORE)
    assert world.lost() == 0


def test_a_file_that_was_shorter_while_unread_bytes_were_waited_for(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    known_and_partly_delivered(world)
    os.truncate(world.path(), len(OLD) + 100)
    world.destinations["sink"].is_down = False
    world.live(2)
    with world.path().open("ab") as file:
        file.write(MORE[100:])
    world.settle()
    assert world.messages() == expected(OLD, MORE)
    assert world.lost() == 0


def test_a_file_that_is_shorter_at_a_start_is_waited_for(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    delivered(world)
    world.kill()
    os.truncate(world.path(), 100)
    world.start()
    world.live(2)
    with world.path().open("ab") as file:
        file.write(OLD[100:] + MORE)
    world.settle()
    assert world.messages() == expected(OLD, MORE)


def test_a_finished_file_that_is_emptied_step_by_step_holds_nothing_new(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    delivered(world)
    world.path().rename(world.path("app.log.1"))
    world.write(NEW)
    world.live(8)
    for part in range(9, -1, -1):
        os.truncate(world.path("app.log.1"), len(OLD) * part // 10)
        world.live(1.5)
    world.path("app.log.1").unlink()
    world.settle()
    assert world.messages() == expected(OLD, NEW)


def test_a_file_that_stays_shorter_begins_again(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    delivered(world)
    os.truncate(world.path(), len(OLD) // 2)
    world.live(3)
    world.write(NEW)
    world.settle()
    assert set(expected(OLD, NEW)) == set(world.messages())


def test_a_small_file_that_is_written_again_with_the_same_line_is_stored_each_time(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    for _ in range(5):
        world.path().write_bytes(b"")
        world.write(b"job ok\n")
        world.live(3)
    world.settle()
    assert world.messages() == ["job ok"] * 5


def test_a_small_file_that_is_written_again_before_it_is_delivered_is_no_loss(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(b"job ok\n")
    world.scan()
    world.destinations["sink"].is_down = True
    world.live(3)
    world.path().write_bytes(b"")
    world.write(b"job ok\n")
    world.live(3)
    world.destinations["sink"].is_down = False
    world.settle()
    assert world.messages() == ["job ok"] * 2
    assert world.lost() == 0


# ── while the sidecar was down ──────────────────────────────────────────────────────────────────────────────


def test_a_file_that_moved_below_the_directory_of_the_pattern_is_read_on(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log")
    delivered(world)
    world.kill()
    world.write(MORE)
    world.path("old").mkdir()
    world.path().rename(world.path("old/app.log.1"))
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(OLD, MORE, NEW)
    assert not [event for event in world.events if isinstance(event, FilesGone)]


def test_a_file_that_moved_elsewhere_is_reported_with_its_last_offset(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="run/*.log")
    world.path("run").mkdir()
    delivered(world, name="run/app.log")
    world.kill()
    world.write(MORE, "run/app.log")
    world.path("run").rename(world.path("run.old"))
    world.path("run").mkdir()
    world.write(NEW, "run/app.log")
    world.settle()
    assert world.messages() == expected(OLD, NEW)
    (gone,) = [event for event in world.events if isinstance(event, FilesGone)]
    assert (Path(gone.path).name, gone.offset, gone.files) == ("app.log", len(OLD), 1)
    assert not [event for event in world.events if isinstance(event, BytesLost)]


def test_a_thousand_known_files_that_are_gone_do_not_delay_the_start(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log")
    for number in range(1000):
        world.path(f"job-{number:05}.log.gz").write_bytes(gzip.compress(b"old %d\n" % number * 100))
        world.write(b"%d begins like no other\n" % number, f"job-x{number:05}.log")
    world.live(120)
    assert len(world.messages()) == 1000
    world.kill()
    for number in range(1000):
        world.path(f"job-x{number:05}.log").unlink()
    world.write(b"hello\n", "live.log")
    world.start()
    began = time.process_time()
    world.scan()
    world.turn(4)
    assert "hello" in world.messages()
    assert time.process_time() - began < 2


# ── the balance ─────────────────────────────────────────────────────────────────────────────────────────────


def test_bytes_that_are_held_searched_or_waited_for_are_seen(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log")
    world.write(OLD)
    world.live(4)
    assert world.tracker.waiting_bytes == 0
    world.write(OLD[:480], "app-1.log")
    world.scan()
    assert world.tracker.waiting_bytes == 480, "it may be an unfinished copy"
    world.live(7)
    assert world.tracker.waiting_bytes == 0
    world.destinations["sink"].is_down = True
    world.write(MORE)
    world.live(3)
    change_device(world)
    world.path().rename(world.path("elsewhere"))
    world.scan()
    assert world.tracker.waiting_bytes == len(MORE), "its volume may come back"
    world.path("elsewhere").rename(world.path())
    world.settle()
    assert world.messages() == expected(OLD, OLD[:480], MORE)


def test_a_copy_counts_as_skipped_and_every_byte_adds_up(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log")
    delivered(world)
    world.path("saved.log").write_bytes(OLD)
    world.settle()
    assert world.balance()["sink"] == {"stored": len(OLD), "skipped:copy": len(OLD)}
    world.check_balance()


def test_files_that_are_ignored_because_of_their_age_are_seen(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log", ignore_older=3600.0)
    delivered(world, OLD)
    for name in ("a.log", "b.log"):
        world.path(name).write_bytes(MORE)
        os.utime(world.path(name), (FIRST_NOW - 7200, FIRST_NOW - 7200))
    world.live(2)
    assert world.tracker.old_bytes == 2 * len(MORE)
    assert world.messages() == expected(OLD)
    world.write(NEW, "a.log")
    world.live(4)
    assert world.tracker.old_bytes == len(MORE)
    assert world.messages() == expected(OLD, MORE, NEW)


def test_a_copy_is_not_waited_for_after_it_was_decided(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    delivered(world)
    shutil.copy(world.path(), world.path("app.log.1"))
    world.scan()
    assert world.tracker.waiting_bytes == len(OLD)
    while world.tracker.is_undecided:
        world.live(0.5)
    assert world.tracker.waiting_bytes == 0
    assert world.balance()["sink"] == {"stored": len(OLD), "skipped:copy": len(OLD)}


# ── files that are compressed slowly ────────────────────────────────────────────────────────────────────────

LONG = b"".join(b"line %d of a long file %s\n" % (n, os.urandom(60).hex().encode()) for n in range(4000))


class SlowGzip:
    """Compresses a file as logrotate does: piece by piece, then the original is deleted."""

    def __init__(self, world: SimulatedSidecar, name: str) -> None:
        self._original = world.path(name)
        self._left = self._original.read_bytes()
        self._copy = gzip.GzipFile(world.path(f"{name}.gz"), "wb", 1)

    def goes_on(self, size: int = 100_000) -> bool:
        """Compress some more bytes. Return whether there are more."""
        piece, self._left = self._left[:size], self._left[size:]
        self._copy.write(piece)
        self._copy.flush()
        return bool(self._left)

    def ends(self) -> None:
        """Complete the compressed file and delete the original."""
        while self.goes_on():
            pass
        self._copy.close()
        self._original.unlink()


def rotated(world: SimulatedSidecar) -> None:
    """A long file is delivered, and another one has its name."""
    world.write(LONG)
    world.live(4)
    world.path().rename(world.path("app.log.1"))
    world.write(NEW)
    world.live(20, step=1)
    assert world.messages() == expected(LONG, NEW)


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_finished_file_that_is_compressed_slowly_is_not_stored_again(tmp_path: Path, *, is_restarted: bool) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log*", exclude=())
    rotated(world)
    copy = SlowGzip(world, "app.log.1")
    while copy.goes_on():
        if is_restarted:
            world.restart()
        world.live(3, step=1)
    copy.ends()
    world.live(20, step=1)
    assert world.messages() == expected(LONG, NEW)
    assert world.balance()["sink"] == {"stored": len(LONG + NEW)}


def test_a_file_that_is_finished_while_it_is_compressed_is_not_stored_again(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log*", exclude=())
    world.write(LONG)
    world.live(4)
    world.path().rename(world.path("app.log.1"))
    world.write(NEW)
    world.live(1)
    copy = SlowGzip(world, "app.log.1")
    while copy.goes_on(50_000):
        world.live(3, step=1)
    copy.ends()
    world.live(20, step=1)
    assert world.messages() == expected(LONG, NEW)


def test_a_file_that_is_being_compressed_when_the_sidecar_ends_is_decided_by_the_next_run(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log*", exclude=())
    rotated(world)
    copy = SlowGzip(world, "app.log.1")
    copy.goes_on()
    world.live(1)
    world.drain()
    copy.ends()
    world.restart()
    world.live(20, step=1)
    assert world.messages() == expected(LONG, NEW)


def test_a_finished_file_that_is_copied_slowly_is_not_stored_again(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log*", exclude=())
    rotated(world)
    with world.path("app.log.2").open("ab", buffering=0) as copy:
        for start in range(0, len(LONG), 100_000):
            copy.write(LONG[start : start + 100_000])
            world.live(3, step=1)
    world.path("app.log.1").unlink()
    world.live(20, step=1)
    assert world.messages() == expected(LONG, NEW)


def test_a_new_file_that_begins_like_a_finished_one_is_delivered_as_soon_as_it_differs(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log*", exclude=())
    rotated(world)
    world.write(LONG[:2000], "app.log.2")
    world.live(1)
    world.write(b"\nit differs\n", "app.log.2")
    world.live(2)
    assert "it differs" in world.messages()


def test_a_copy_whose_unread_lines_are_read_from_it_is_compressed_slowly(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log*", exclude=())
    world.write(LONG)
    world.scan()
    world.path("app.log.1").write_bytes(LONG)
    world.path().write_bytes(NEW)
    world.touched()
    world.live(1)
    copy = SlowGzip(world, "app.log.1")
    while copy.goes_on(50_000):
        world.live(1)
    copy.ends()
    world.live(20, step=1)
    assert world.messages() == expected(LONG, NEW)


@pytest.mark.parametrize("refilled", [b"short\n", NEW])
def test_a_copy_that_was_made_while_the_sidecar_was_down_is_no_new_file(tmp_path: Path, refilled: bytes) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log*", exclude=())
    known_and_partly_delivered(world)
    world.kill()
    world.destinations["sink"].is_down = False
    content = world.path().read_bytes()
    world.path("app.log.1").write_bytes(content)
    world.path().write_bytes(refilled)
    world.touched()
    world.start()
    world.live(20, step=1)
    assert world.messages() == expected(content, refilled)
    assert "lost:truncated" not in world.balance()["sink"]


def test_a_compressed_file_is_known_although_its_inode_was_reused_before_the_next_scan(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log*", exclude=())
    rotated(world)
    world.path("app.log.1.gz").write_bytes(gzip.compress(LONG, 1))
    os.truncate(world.path("app.log.1"), 0)  # the same inode with other content, as after its reuse
    world.write(MORE, "app.log.1")
    world.live(20, step=1)
    assert world.messages() == expected(LONG, NEW, MORE)
