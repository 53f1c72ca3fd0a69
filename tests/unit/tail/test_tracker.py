"""Which file is this? Decided once for a pipeline, with real files and a real state."""

import gzip
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sidecar.errors import StateError
from sidecar.model.checkpoint import Checkpoint, CheckpointUpdate, KnownFile, NewGeneration
from sidecar.model.counts import ByteCounts
from sidecar.model.fingerprint import OverlapDigest, checksum
from sidecar.state.database import Database, open_database
from sidecar.state.ledger import Ledger
from sidecar.tail.open_files import OpenFileLimiter
from sidecar.tail.tracked_file import TrackedFile
from sidecar.tail.tracker import FileTracker
from sidecar.telemetry.events import Event
from sidecar.testing import ManualClock
from sidecar.watch.scanner import FileScanner


@dataclass
class RecordingSubscriber:
    """A shipper that only remembers what it was told."""

    adopted: list[tuple[TrackedFile, Checkpoint]] = field(default_factory=list)
    gone: list[tuple[KnownFile, str]] = field(default_factory=list)

    def on_growth(self, tracked: TrackedFile) -> None:
        pass

    def follow(self, tracked: TrackedFile, checkpoint: Checkpoint) -> None:
        self.adopted.append((tracked, checkpoint))

    def on_lost(self, known: KnownFile, reason: str) -> None:
        self.gone.append((known, reason))


class Run:
    """One run of the sidecar's following over the folder, ended as `kill -9` ends it: without a word."""

    def __init__(self, folder: Path, *, open_files: int = 16, glob: str = "*.log", **options: Any) -> None:
        self.store: Database = open_database(folder / "state")
        self.ledger = Ledger(self.store)
        self.clock = ManualClock(1_000.0)
        self.subscriber = RecordingSubscriber()
        self.events: list[Event] = []
        self.descriptors = OpenFileLimiter(open_files)
        self.scanner = FileScanner([str(folder / glob)])
        self.tracker = FileTracker(
            "app", self.ledger, self.clock, self.events.append, self.descriptors, self.scanner, **options
        )
        self.tracker.subscribe("sink", self.subscriber)
        self.scan()

    def scan(self) -> None:
        self.tracker.process_scan(self.scanner.scan())

    def settle(self, tracked: TrackedFile, offset: int) -> None:
        before = tracked.pread(min(64, offset), max(0, offset - 64))
        self.commit(tracked, Checkpoint(offset, OverlapDigest.from_bytes(before)))

    def commit(self, tracked: TrackedFile, point: Checkpoint) -> None:
        tracked.settled["sink"] = point
        self.ledger.commit(
            "app", "sink", [CheckpointUpdate(tracked.generation.id, point, tracked.size, ByteCounts())]
        )

    def killed(self) -> None:
        for tracked in self.tracker.unfinished_files():
            tracked.close()
        self.store.close()

    def generations(self) -> dict[str, int]:
        return {tracked.name: tracked.generation.id for tracked in self.tracker.unfinished_files()}


LINES = b"".join(b"line %d\n" % n for n in range(300))


def test_a_restart_takes_up_the_same_generation_at_its_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(LINES)
    first = Run(tmp_path)
    first.settle(first.tracker.unfinished_files()[0], 700)
    before = first.generations()
    first.killed()
    again = Run(tmp_path)
    assert again.generations() == before
    assert again.subscriber.adopted[0][1].offset == 700


def test_a_file_renamed_while_the_sidecar_was_down_is_read_on_under_its_new_name(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(LINES)
    first = Run(tmp_path)
    number = first.generations()[str(tmp_path / "a.log")]
    first.killed()
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    (tmp_path / "a.log").write_bytes(b"new\n")
    again = Run(tmp_path)
    assert again.generations()[str(tmp_path / "a.log.1")] == number
    assert again.generations()[str(tmp_path / "a.log")] != number
    assert not again.subscriber.gone


def test_killed_before_the_first_checkpoint_then_refilled_with_lines_of_the_same_length_is_a_new_generation(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.log").write_bytes(b"2026-11-23 one\n")
    first = Run(tmp_path)
    before = first.generations()
    first.killed()
    (tmp_path / "a.log").write_bytes(b"2026-11-23 two\n")
    again = Run(tmp_path)
    assert again.generations().keys() == before.keys()
    assert again.generations() != before
    assert again.subscriber.gone[0][1] == "truncated"


def test_a_file_refilled_behind_its_first_kilobyte_is_told_by_the_bytes_before_the_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(LINES)
    first = Run(tmp_path)
    first.settle(first.tracker.unfinished_files()[0], len(LINES))
    before = first.generations()
    first.killed()
    (tmp_path / "a.log").write_bytes(LINES[:1500] + b"y" * 10_000 + b"\n")
    assert Run(tmp_path).generations() != before


def test_a_truncation_that_is_seen_begins_a_new_generation_and_ends_the_old(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(LINES)
    run = Run(tmp_path)
    old = run.tracker.unfinished_files()[0]
    (tmp_path / "a.log").write_bytes(b"new\n")
    run.scan()
    assert old.ended == "truncated"
    assert run.generations()[str(tmp_path / "a.log")] != old.generation.id


def test_a_file_that_is_gone_after_a_restart_is_said_to_be_missing(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(LINES)
    Run(tmp_path).killed()
    (tmp_path / "a.log").unlink()
    assert [reason for _, reason in Run(tmp_path).subscriber.gone] == ["deleted"]


def test_a_volume_that_is_not_mounted_yet_does_not_mean_that_its_files_are_gone(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.log").write_bytes(LINES)
    run = Run(tmp_path, glob="logs/*.log")
    number = run.generations()[str(tmp_path / "logs" / "a.log")]
    run.killed()
    (tmp_path / "logs").rename(tmp_path / "unmounted")
    again = Run(tmp_path, glob="logs/*.log")
    assert not again.subscriber.gone
    (tmp_path / "unmounted").rename(tmp_path / "logs")
    again.scan()
    assert again.generations()[str(tmp_path / "logs" / "a.log")] == number


def test_a_rotated_file_is_finished_only_after_it_was_quiet_for_a_while(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(LINES)
    run = Run(tmp_path)
    tracked = run.tracker.unfinished_files()[0]
    with (tmp_path / "a.log").open("ab") as old:
        (tmp_path / "a.log").rename(tmp_path / "a.log.1")
        run.clock.at += 4
        old.write(b"late\n")
        old.flush()
        run.scan()
        run.clock.at += 4
        run.scan()
        too_early = tracked.is_last_line_complete
        run.clock.at += 2
        run.scan()
    assert (too_early, tracked.is_last_line_complete) == (False, True)
    assert tracked.size == len(LINES) + 5


def test_two_names_of_one_file_are_one_file(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(LINES)
    (tmp_path / "b.log").hardlink_to(tmp_path / "a.log")
    assert len(Run(tmp_path).tracker.unfinished_files()) == 1


def test_a_rename_between_the_look_and_the_opening_makes_no_second_generation(tmp_path: Path) -> None:
    run = Run(tmp_path)
    (tmp_path / "a.log").write_bytes(LINES)
    (tmp_path / "b.log").write_bytes(b"older\n")
    found_files = run.scanner.scan()

    class RotatingMeanwhile(ManualClock):
        """The application rotates while the first file, which is open, is given its generation."""

        def now(self) -> float:
            if (tmp_path / "a.log").exists():
                (tmp_path / "a.log").rename(tmp_path / "b.log")
            return super().now()

    run.tracker.context.clock = RotatingMeanwhile()
    run.tracker.process_scan(found_files)
    run.scan()
    assert [tracked.file_id.inode for tracked, _ in run.subscriber.adopted] == [(tmp_path / "b.log").stat().st_ino]


def test_reading_from_the_end_begins_behind_the_last_line_and_only_for_files_that_were_there(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"old\nhalf")
    run = Run(tmp_path, from_end=True)
    (tmp_path / "b.log").write_bytes(b"new\n")
    run.scan()
    assert [(Path(tracked.name).name, point.offset) for tracked, point in run.subscriber.adopted] == [
        ("a.log", 4),
        ("b.log", 0),
    ]


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_what_is_not_a_regular_file_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret").write_bytes(b"secret\n")
    path = tmp_path / "a.log"
    if kind == "link":
        path.symlink_to(tmp_path / "secret")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    run = Run(tmp_path)
    assert run.tracker.unfinished_files() == []
    assert set(run.scanner.refused) == (set() if kind == "folder" else {str(path)})


class Watched:
    """The ledger, and how many generations were announced whenever new ones were about to be written down."""

    def __init__(self, run: Run, *, is_full: bool = False) -> None:
        self.run, self.is_full = run, is_full
        self.begun: list[tuple[int, int]] = []
        run.tracker.context.ledger = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.run.ledger, name)

    def add_generations(self, generations: Sequence[NewGeneration]) -> None:
        if self.is_full:
            raise StateError("the state cannot be written", location="state", hint="free space")
        self.begun.append((len(generations), len(self.run.subscriber.adopted)))
        self.run.ledger.add_generations(generations)


def burst(folder: Path, files: int) -> None:
    """Files that have nothing in common."""
    for number in range(files):
        (folder / f"{number}-new.log").write_bytes(b"%d begins like no other\n" % number)


def test_many_new_files_are_written_down_together_and_none_is_announced_before_that(tmp_path: Path) -> None:
    run = Run(tmp_path, open_files=40)
    watched = Watched(run)
    burst(tmp_path, 50)
    run.scan()
    assert watched.begun == [(20, 0), (20, 20), (10, 40)]
    assert {known.generation.id for known in run.ledger.unfinished("app")} == set(run.generations().values())
    assert len(run.generations()) == 50


def test_new_files_that_cannot_be_written_down_are_followed_when_they_can(tmp_path: Path) -> None:
    run = Run(tmp_path, open_files=40)
    watched = Watched(run, is_full=True)
    burst(tmp_path, 50)
    for _ in range(3):
        with pytest.raises(StateError):
            run.scan()
    assert not run.subscriber.adopted
    (tmp_path / "10-new.log").unlink()  # one that is open already
    watched.is_full = False
    run.scan()
    assert len({tracked.name for tracked, _ in run.subscriber.adopted}) == len(run.subscriber.adopted) == 50
    assert all(tracked.size for tracked, _ in run.subscriber.adopted)


def test_large_compressed_files_of_an_earlier_run_are_compared_by_several_scans(tmp_path: Path) -> None:
    content = b"".join(b"line %d of a compressed file\n" % n for n in range(1000)) * 400
    for number in range(5):
        (tmp_path / f"{number}.log.gz").write_bytes(gzip.compress(b"%d\n" % number + content, 1))
    first = Run(tmp_path, glob="*.gz")
    first_generations = first.generations()
    for tracked in first.tracker.unfinished_files():
        while tracked.size < len(content):
            first.tracker.poll(tracked)
        whole = tracked.pread(tracked.size, 0)
        tail = OverlapDigest.from_bytes(whole[-64:])
        first.commit(tracked, Checkpoint(len(whole), tail, crc=checksum(whole, 0)))
    first.killed()
    again, undecided = Run(tmp_path, glob="*.gz"), list[bool]()
    for _ in range(5):
        undecided.append(again.tracker.is_undecided)
        again.scan()
    assert undecided[0], "a scan decompresses 32 MiB, which is less than there is"
    assert (again.generations(), undecided[-1]) == (first_generations, False)


def test_a_copy_of_a_file_that_is_as_new_is_held_all_the_same(tmp_path: Path) -> None:
    run = Run(tmp_path)
    (tmp_path / "a.log").write_bytes(LINES)
    (tmp_path / "a-1.log").write_bytes(LINES[:1000])
    run.scan()
    assert (list(run.generations()), run.tracker.is_undecided) == ([str(tmp_path / "a.log")], True)


def test_a_file_that_grew_lately_is_looked_at_without_a_sweep(tmp_path: Path) -> None:
    run = Run(tmp_path)
    burst(tmp_path, 1)
    run.scan()
    (tracked,) = run.tracker.unfinished_files()

    def grows() -> int:
        with (tmp_path / "0-new.log").open("ab") as out:
            out.write(b"more\n")
        return tracked.size + 5

    size, found = grows(), run.tracker.poll_hot()
    assert (found, tracked.size) == (True, size)
    run.clock.advance(3)
    size, found = grows(), run.tracker.poll_hot()
    assert (found, tracked.size) == (False, size - 5)
    assert (run.tracker.poll_warm(), tracked.size) == (True, size)
    assert (run.tracker.poll_hot(), run.tracker.poll_warm()) == (True, False)
    run.clock.advance(70)
    size = grows()
    assert (run.tracker.poll_hot(), run.tracker.poll_warm(), tracked.size) == (False, False, size - 5)
    run.scan()
    assert (tracked.size, run.tracker.poll_hot()) == (size, True)


def test_a_file_that_is_truncated_between_two_sweeps_begins_a_new_life_at_once(tmp_path: Path) -> None:
    run = Run(tmp_path)
    burst(tmp_path, 1)
    run.scan()
    before = run.generations()
    (tmp_path / "0-new.log").write_bytes(b"other\n")
    run.tracker.poll_hot()
    assert run.generations().keys() == before.keys()
    assert run.generations() != before


def test_when_the_newest_byte_appeared_is_known_however_often_the_file_grew(tmp_path: Path) -> None:
    run = Run(tmp_path)
    burst(tmp_path, 1)
    run.scan()
    (tracked,) = run.tracker.unfinished_files()
    for _ in range(300):
        tracked.size += 10
        run.clock.advance(1)
        tracked.record_growth(run.clock.monotonic())
        assert tracked.find_first_seen(tracked.size - 1) == run.clock.monotonic()
    assert tracked.find_first_seen(0) == 1_000.0


def test_when_a_file_grew_is_told_by_the_file_system_before_the_sidecar_saw_it(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(LINES)
    os.utime(log, (400.0, 400.0))
    run = Run(tmp_path)
    assert run.tracker.grown_at == pytest.approx(400.0)
    run.clock.advance(50)
    with log.open("ab") as file:
        file.write(LINES)
    os.utime(log, (410.0, 410.0))  # as a file server's clock may have it
    run.scan()
    assert run.tracker.grown_at == pytest.approx(1_050.0)
    run.clock.advance(10)
    os.utime(log, (420.0, 420.0))
    run.scan()
    assert run.tracker.grown_at == pytest.approx(1_050.0), "to be touched is not to grow"
    (tmp_path / "b.log").write_bytes(b"another\n")
    os.utime(tmp_path / "b.log", (9_000.0, 9_000.0))
    run.clock.advance(1)
    run.scan()
    assert run.tracker.grown_at == pytest.approx(1_061.0)


def test_the_size_of_a_file_is_recorded_when_no_checkpoint_does_it(tmp_path: Path) -> None:
    """A commit a second for the size alone would cost as much as that of the checkpoint, which contains it."""
    run = Run(tmp_path)
    burst(tmp_path, 1)
    run.scan()
    (tracked,) = run.tracker.unfinished_files()

    def grow() -> int:
        with (tmp_path / "0-new.log").open("ab") as out:
            out.write(b"more\n")
        run.clock.advance(1)
        run.scan()
        return tracked.recorded

    run.clock.advance(30)
    run.scan()
    before = tracked.recorded
    assert before == tracked.size
    assert grow() == before
    assert grow() == before + 10
    tracked.recorded = before + 15  # as by a checkpoint
    assert grow() == before + 15
    assert grow() == before + 15
    assert grow() == before + 25
    run.clock.advance(30)
    assert grow() == before + 30
    run.scan()
    with (tmp_path / "0-new.log").open("ab") as out:
        out.write(b"the last\n")
    run.tracker.finish_all()
    assert tracked.recorded == before + 39
    (known,) = run.ledger.unfinished("app")
    assert known.seen == before + 39


def test_a_copy_is_none_the_less_one_if_its_original_is_truncated_while_it_is_opened(tmp_path: Path) -> None:
    whole = b"".join(b"line %d of the application\n" % n for n in range(1_200_000))
    (tmp_path / "a.log").write_bytes(whole)
    actions: list[Callable[[], object]] = []
    run = Run(tmp_path, glob="a.log*", beat=lambda: actions.pop()() and None if actions else None)
    number = run.generations()[str(tmp_path / "a.log")]
    run.scan()
    [tracked] = run.tracker.unfinished_files()
    run.commit(tracked, Checkpoint(len(whole), OverlapDigest.from_bytes(whole[-64:]), crc=checksum(whole, 0)))
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(whole, 1))
    actions.append(lambda: os.truncate(tmp_path / "a.log", 0))
    run.scan()
    assert (actions, run.tracker.is_undecided) == ([], True), (
        "a scan decompresses 32 MiB, which is less than there is"
    )
    for _ in range(3):
        run.scan()
    assert run.generations() == {str(tmp_path / "a.log.1.gz"): number}
    run.killed()


def test_a_file_that_grows_while_its_shipper_finishes_it_is_read_on(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(LINES)
    run = Run(tmp_path)
    [tracked] = run.tracker.unfinished_files()
    run.settle(tracked, len(LINES))
    with log.open("ab") as out:
        out.write(b"written late\n")
    run.scan()  # finds the new bytes after the shipper has read all that it knew of, and before it says so
    run.subscriber.adopted.clear()
    run.tracker.finish_generation(tracked.generation.id, "sink", tracked)
    assert [(file, point.offset) for file, point in run.subscriber.adopted] == [(tracked, len(LINES))]
    assert run.tracker.unfinished_files() == [tracked]
    run.killed()


def test_the_state_knows_from_the_start_that_a_new_file_has_content(tmp_path: Path) -> None:
    run = Run(tmp_path)  # its scan makes the next one too early to record sizes
    (tmp_path / "app.log").write_bytes(LINES)
    run.scan()
    run.killed()
    [known] = Ledger(open_database(tmp_path / "state")).unfinished("app")
    assert known.seen > 0
    assert not known.is_settled(["sink"])
