"""Rotation of every kind, seen live or found after a restart: each line once, and every byte accounted for."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.simulated_sidecar import SimulatedSidecar


def lines(first: int, count: int, width: int = 40) -> bytes:
    return b"".join(b"%06d %s\n" % (n, b"x" * width) for n in range(first, first + count))


def expected(*pieces: bytes) -> list[str]:
    return sorted(line.decode() for piece in pieces for line in piece.splitlines())


OLD, MORE, NEW = lines(0, 300), lines(1000, 200), lines(5000, 100)


def packed(world: SimulatedSidecar, name: str, as_name: str) -> None:
    """As gzip(1) does it: the packed copy first, then the plain file goes."""
    world.path(as_name).write_bytes(gzip.compress(world.path(name).read_bytes()))
    world.path(name).unlink()


def renamed(world: SimulatedSidecar) -> None:
    world.path().rename(world.path("app.log.1"))


def dated(world: SimulatedSidecar) -> None:
    world.path().rename(world.path("app.log-20261123"))


def moved_out_of_sight(world: SimulatedSidecar) -> None:
    world.path().rename(world.path("old-app.log"))


def copied(world: SimulatedSidecar) -> None:
    world.copytruncate("app.log.1")


def copied_dated(world: SimulatedSidecar) -> None:
    world.copytruncate("app.log-20261123")


def copied_beside(world: SimulatedSidecar) -> None:
    world.copytruncate("app-1.log")


def copied_and_packed(world: SimulatedSidecar) -> None:
    world.copytruncate("app.log.1")
    packed(world, "app.log.1", "app.log.1.gz")


def renamed_and_packed(world: SimulatedSidecar) -> None:
    renamed(world)
    packed(world, "app.log.1", "app.log.1.gz")


def renamed_twice(world: SimulatedSidecar) -> None:
    renamed(world)
    world.write(MORE)
    world.path("app.log.1").rename(world.path("app.log.2"))
    world.path().rename(world.path("app.log.1"))


ROTATIONS = [
    renamed,
    dated,
    moved_out_of_sight,
    copied,
    copied_dated,
    copied_beside,
    copied_and_packed,
    renamed_and_packed,
]


@pytest.fixture(params=["app.log*", "app.log"], ids=["rotated files match", "rotated files do not match"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> SimulatedSidecar:
    return SimulatedSidecar(tmp_path, paths=request.param)


def known_and_partly_delivered(world: SimulatedSidecar) -> None:
    """The first part is delivered; the second is seen, and its destination is down."""
    world.write(OLD)
    world.live(3)
    assert world.messages() == expected(OLD)
    world.destinations["sink"].is_down = True
    world.write(MORE)
    world.live(1)


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_a_rotation_that_happens_before_the_rest_is_delivered(
    world: SimulatedSidecar, rotate: Callable[[SimulatedSidecar], None]
) -> None:
    known_and_partly_delivered(world)
    rotate(world)
    world.write(NEW)
    world.live(2)
    world.settle()
    assert world.messages() == expected(OLD, MORE, NEW)
    assert world.balance()["sink"] == {"stored": len(OLD + MORE + NEW)}


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_a_rotation_while_the_sidecar_is_down(
    world: SimulatedSidecar, rotate: Callable[[SimulatedSidecar], None]
) -> None:
    known_and_partly_delivered(world)
    world.kill()
    rotate(world)
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(OLD, MORE, NEW)
    assert world.lost() == 0


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_a_rotation_before_anything_is_delivered(
    world: SimulatedSidecar, rotate: Callable[[SimulatedSidecar], None]
) -> None:
    world.destinations["sink"].is_down = True
    world.write(OLD)
    world.live(1)
    rotate(world)
    world.write(NEW)
    world.live(2)
    world.restart()
    world.settle()
    assert world.messages() == expected(OLD, NEW)
    assert world.lost() == 0


@pytest.mark.parametrize("rotate", ROTATIONS)
def test_a_rotation_of_what_is_delivered_already(
    world: SimulatedSidecar, rotate: Callable[[SimulatedSidecar], None]
) -> None:
    world.write(OLD)
    world.live(3)
    rotate(world)
    world.live(20)
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(OLD, NEW)
    assert world.balance()["sink"] == {"stored": len(OLD + NEW)}


def test_several_rotations_while_the_sidecar_is_down(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    world.live(1)
    world.kill()
    renamed_twice(world)
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(OLD, MORE, NEW)


def test_a_rotated_file_that_is_renamed_again_after_it_was_finished_is_not_shipped_again(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    world.live(1)
    for number in range(1, 4):
        world.path("app.log" if number == 1 else f"app.log.{number - 1}").rename(world.path(f"app.log.{number}"))
        world.live(30)
        if number == 2:
            world.restart()
    world.settle()
    assert world.messages() == expected(OLD)


def test_a_finished_file_that_grows_is_read_on(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    renamed(world)
    world.live(30)
    world.write(MORE, "app.log.1")
    world.live(30)
    world.restart()
    world.write(NEW, "app.log.1")
    world.settle()
    assert world.messages() == expected(OLD, MORE, NEW)
    assert world.balance()["sink"] == {"stored": len(OLD + MORE + NEW)}


def test_the_application_goes_on_writing_into_the_old_descriptor_after_a_rename(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log")
    world.write(OLD)
    world.live(1)
    with world.path().open("ab", buffering=0) as descriptor:
        renamed(world)
        world.live(3)
        descriptor.write(MORE)
        world.write(NEW)
        world.live(3)
        descriptor.write(b"the last one\n")
    world.settle()
    assert world.messages() == expected(OLD, MORE, NEW, b"the last one\n")


def test_a_copy_that_is_still_growing_is_waited_for(world: SimulatedSidecar) -> None:
    known_and_partly_delivered(world)
    world.restart()
    copy, content = world.path("app.log.1"), world.path().read_bytes()
    for end in range(0, len(content), 3000):
        copy.write_bytes(content[:end])
        world.scan()
        world.clock.at += 0.5
    copy.write_bytes(content)
    world.scan()
    os.truncate(world.path(), 0)
    world.write(NEW)
    world.live(1)
    world.settle()
    assert world.messages() == expected(OLD, MORE, NEW)


def test_a_copy_that_is_complete_only_after_the_truncation_is_waited_for(world: SimulatedSidecar) -> None:
    known_and_partly_delivered(world)
    content = world.path().read_bytes()
    world.path("app.log.1").write_bytes(content[: len(OLD) // 2])
    os.truncate(world.path(), 0)
    world.scan()
    world.clock.at += 1
    world.path("app.log.1").write_bytes(content)
    world.settle()
    assert world.messages() == expected(OLD, MORE)


def test_a_file_that_was_refilled_beyond_its_old_size_between_two_looks(world: SimulatedSidecar) -> None:
    known_and_partly_delivered(world)
    copied(world)
    big = lines(20_000, 1000)
    world.write(big)
    world.settle()
    assert world.messages() == expected(OLD, MORE, big)
    assert world.lost() == 0


def test_a_file_that_was_refilled_to_the_same_size_between_two_looks(world: SimulatedSidecar) -> None:
    known_and_partly_delivered(world)
    copied(world)
    other = (OLD + MORE).replace(b"x", b"y")
    world.write(other)
    world.settle()
    assert world.messages() == expected(OLD, MORE, other)


def test_a_file_that_is_gone_while_it_might_have_been_a_copy_is_read_all_the_same(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    world.scan()
    world.path().unlink()
    world.restart()
    world.write(b"short\n")
    copied(world)
    world.scan()
    packed(world, "app.log.1", "app.log.1.gz")
    world.settle()
    assert "short" in world.messages()


def test_a_file_that_might_become_a_copy_is_read_at_the_end_if_it_is_none(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    world.scan()
    world.path().unlink()
    world.restart()
    world.write(b"short\n", "app.log.1")
    world.scan()
    world.tracker.finish_all()
    for shipper in world.shippers.values():
        shipper.drain()
    world.turn(10)
    assert world.messages() == ["short"]
    world.kill()


def test_what_was_truncated_without_a_copy_is_counted_and_said(world: SimulatedSidecar) -> None:
    known_and_partly_delivered(world)
    os.truncate(world.path(), 0)
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(OLD, NEW)
    assert world.balance()["sink"] == {"stored": len(OLD + NEW), "lost:truncated": len(MORE)}


def test_two_files_that_merely_begin_alike_stay_two(tmp_path: Path) -> None:
    banner = b"the same banner at every start of the application\n" * 30
    world = SimulatedSidecar(tmp_path, paths="*.log")
    world.write(banner + OLD)
    world.live(1)
    world.write(banner, "other.log")
    world.live(1)
    os.truncate(world.path(), 0)
    world.write(banner + MORE)
    world.write(NEW, "other.log")
    world.settle()
    assert world.messages() == expected(banner, OLD, banner, MORE, banner, NEW)


def test_a_longer_copy_of_itself_that_takes_the_name_is_read_on(world: SimulatedSidecar) -> None:
    world.write(OLD)
    world.live(1)
    world.destinations["sink"].is_down = True
    world.write(MORE)
    world.live(1)
    world.write(OLD + MORE + NEW, ".app.swp")
    world.path(".app.swp").rename(world.path())
    world.settle()
    assert world.messages() == expected(OLD, MORE, NEW)
    assert world.balance()["sink"] == {"stored": len(OLD + MORE + NEW)}


@pytest.mark.parametrize("meanwhile", ["nothing", "delivered", "restarted"])
def test_a_copy_of_a_log_that_has_grown_since_is_not_stored_again(tmp_path: Path, meanwhile: str) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    world.scan()
    if meanwhile == "delivered":
        world.live(2)
    if meanwhile == "restarted":
        world.restart()
    world.write(MORE)
    world.write(OLD + MORE, "app.log.saved-today")
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(OLD, MORE, NEW)
    assert world.balance()["sink"] == {"stored": len(OLD + MORE + NEW), "skipped:copy": len(OLD + MORE)}


@pytest.mark.parametrize("keep_links", [False, True])
def test_a_longer_copy_of_itself_that_takes_the_name_while_the_sidecar_is_down(
    tmp_path: Path, *, keep_links: bool
) -> None:
    world = SimulatedSidecar(tmp_path, keep_links=keep_links)
    world.write(OLD)
    world.scan()
    world.kill()
    world.write(OLD + NEW, ".app.swp")
    world.path(".app.swp").rename(world.path())
    world.settle()
    assert world.messages() == expected(OLD, NEW)
    assert world.balance()["sink"] == {"stored": len(OLD + NEW)}


@pytest.mark.parametrize("keep_links", [False, True])
def test_a_small_file_that_is_rotated_and_compressed_while_the_sidecar_is_down(
    tmp_path: Path, *, keep_links: bool
) -> None:
    world = SimulatedSidecar(tmp_path, keep_links=keep_links, exclude=())
    small = b"a line\n"
    world.write(small)
    world.scan()
    rotated = world.path().rename(world.path("app.log.1"))
    world.kill()
    world.path("app.log.1.gz").write_bytes(gzip.compress(small))
    rotated.unlink()
    world.settle()
    assert world.messages() == expected(small)


def test_of_two_copies_of_a_truncated_file_one_is_read(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    world.scan()
    world.write(OLD, "app.log.backup-of-today")
    world.copytruncate("app.log.1")
    world.settle()
    assert world.messages() == expected(OLD)
    assert world.balance()["sink"] == {"stored": len(OLD), "skipped:copy": len(OLD)}


@pytest.mark.parametrize("is_truncated", [False, True])
def test_a_longer_copy_of_a_file_that_has_changed_since_the_last_scan_is_read_on(
    tmp_path: Path, *, is_truncated: bool
) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(b"short\n")
    world.scan()
    if is_truncated:
        world.live(2)
        os.truncate(world.path(), 0)
    world.write(MORE)
    world.write(world.path().read_bytes() + NEW, ".app.swp")
    world.path(".app.swp").rename(world.path())
    world.settle()
    assert world.messages() == expected(b"short\n", MORE, NEW)


@pytest.mark.parametrize("is_delivered", [False, True])
def test_a_longer_copy_of_itself_that_is_rotated_before_it_is_seen_is_read_on(
    tmp_path: Path, *, is_delivered: bool
) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD)
    world.scan()
    if is_delivered:
        world.live(1)
    world.write(OLD + NEW, ".app.swp")
    world.path(".app.swp").rename(world.path())
    world.path().rename(world.path("app.log.1"))
    world.settle()
    assert world.messages() == expected(OLD, NEW)
    assert world.balance()["sink"] == {"stored": len(OLD + NEW)}


def test_an_editor_that_replaces_the_file_with_other_content_makes_a_new_one(world: SimulatedSidecar) -> None:
    world.write(OLD)
    world.live(1)
    changed = OLD.replace(b"000123", b"changed")
    world.write(changed, ".app.swp")
    world.path(".app.swp").rename(world.path())
    world.settle()
    assert world.messages() == expected(OLD, changed)


def test_a_sink_that_is_down_across_two_truncations_while_another_reads_on(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, sinks=("up", "down"))
    world.destinations["down"].is_down = True
    world.write(OLD)
    world.live(2)
    copied(world)
    world.live(1)
    world.write(MORE)
    world.live(2)
    world.path("app.log.1").rename(world.path("app.log.2"))
    copied(world)
    world.live(1)
    world.write(NEW)
    world.live(1)
    world.restart()
    world.live(8)
    assert world.messages("up") == expected(OLD, MORE, NEW)
    assert world.messages("down") == [""] or world.messages("down") == []
    world.settle()
    assert world.messages("down") == expected(OLD, MORE, NEW)


def test_a_deleted_file_is_read_to_its_end(world: SimulatedSidecar) -> None:
    known_and_partly_delivered(world)
    world.path().unlink()
    world.live(20)
    world.settle()
    assert world.messages() == expected(OLD, MORE)


def test_deletion_and_crash_without_links_lose_what_was_not_delivered_and_say_so(world: SimulatedSidecar) -> None:
    known_and_partly_delivered(world)
    world.path().unlink()
    world.restart()
    world.settle()
    assert world.messages() == expected(OLD)
    assert world.balance()["sink"] == {"stored": len(OLD), "lost:deleted": len(MORE)}


def test_deletion_and_crash_with_links_lose_nothing(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, keep_links=True)
    known_and_partly_delivered(world)
    world.path().unlink()
    world.restart()
    world.settle()
    assert world.messages() == expected(OLD, MORE)
    assert list((world.logs / ".kept").iterdir()) == []


def test_a_copy_is_kept_by_a_link_too(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, keep_links=True, paths="app.log")
    known_and_partly_delivered(world)
    copied(world)
    world.live(1)
    world.path("app.log.1").unlink()
    world.restart()
    world.settle()
    assert world.messages() == expected(OLD, MORE)


def test_deleted_files_are_held_within_the_budget_and_the_oldest_is_given_up(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log", deleted_files=len(MORE) + 100)
    world.destinations["sink"].is_down = True
    for name, content in (("a.log", OLD), ("b.log", MORE)):
        world.write(content, name)
        world.live(1)
        world.path(name).unlink()
    world.live(2)
    world.settle()
    assert world.messages() == expected(MORE)
    assert world.balance()["sink"] == {"stored": len(MORE), "lost:deleted": len(OLD)}


def test_more_files_than_may_be_open_are_all_read(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log", open_files=16)
    contents = [lines(1000 * n, 20) for n in range(60)]
    for round_ in (slice(0, 300), slice(300, None)):
        for n, content in enumerate(contents):
            world.write(content[round_], f"{n}.log")
        world.live(8)
        assert len(world.descriptors) <= 16
    world.path("3.log").rename(world.path("renamed.log"))
    world.path("4.log").rename(world.path("out-of-sight"))
    world.write(NEW, "renamed.log")
    world.write(NEW, "out-of-sight")
    world.settle()
    assert world.messages() == expected(*contents, NEW, NEW)


def test_hard_links_are_one_file(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log")
    world.write(OLD)
    world.path("b.log").hardlink_to(world.path())
    world.live(1)
    world.path().unlink()
    world.write(MORE, "b.log")
    world.settle()
    assert world.messages() == expected(OLD, MORE)


def test_a_packed_file_that_was_shipped_when_it_was_not_packed_is_not_shipped_again(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, exclude=())
    world.write(OLD)
    world.live(1)
    renamed(world)
    world.write(NEW)
    world.live(20)
    packed(world, "app.log.1", "app.log.1.gz")
    world.live(20)
    world.restart()
    world.path("app.log.1.gz").rename(world.path("app.log.2.gz"))
    world.settle()
    assert world.messages() == expected(OLD, NEW)


@pytest.mark.parametrize("killed", [False, True])
def test_a_packed_file_that_was_partly_shipped_is_read_on_in_the_packed_one(tmp_path: Path, *, killed: bool) -> None:
    world = SimulatedSidecar(tmp_path, exclude=())
    known_and_partly_delivered(world)
    renamed_and_packed(world)
    if killed:
        world.restart()
    world.live(3)
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(OLD, MORE, NEW)


def test_a_copy_in_the_inode_of_a_copy_that_was_deleted_just_before(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    contents = [lines(1000 * number, count) for number, count in enumerate((100, 100, 150, 80, 80, 120))]
    for number, content in enumerate(contents):
        world.write(content)
        world.live(10 if number % 2 else 1)
        if world.path("app.log.1").exists():
            world.path("app.log.1").unlink()
        copied(world)
        world.poll()
        world.live(12)
    world.settle()
    assert world.messages() == expected(*contents)


def test_a_new_file_in_the_inode_of_one_that_was_closed_and_deleted(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log", open_files=2)
    contents = []
    for number in range(12):
        contents.append(lines(1000 * number, 30))
        world.write(contents[-1], f"{number}.log")
        world.live(4)
        if number >= 6:
            world.path(f"{number - 6}.log").unlink()
    world.settle()
    assert world.messages() == expected(*contents)


def test_a_packed_file_of_its_own_is_read_on_request(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, exclude=())
    world.path("app.log.9.gz").write_bytes(gzip.compress(OLD))
    world.settle()
    assert world.messages() == expected(OLD)


def test_the_wall_clock_may_jump(world: SimulatedSidecar) -> None:
    for jump in (-86_400.0, 3 * 86_400.0, -40 * 86_400.0, 365 * 86_400.0):
        world.clock.wall_offset += jump
        world.write(lines(int(abs(jump)), 10))
        world.live(2)
        world.restart()
    world.settle()
    assert len(world.messages()) == 40
    assert len(set(world.messages())) == 40


def test_a_partial_line_that_was_shipped_at_the_end_goes_on_afterwards(world: SimulatedSidecar) -> None:
    world.write(OLD + b"half of a li")
    world.drain()
    world.write(b"ne\nthe next\n")
    world.start()
    world.settle()
    assert world.messages() == expected(OLD, b"half of a line\nthe next\n")
    pieces = [d for d in world.destinations["sink"].documents.values() if d["message"] in ("half of a li", "ne")]
    assert [("continuation" in d.get("log", {})) for d in pieces] == [False, True]


def test_a_hole_of_nul_bytes_after_a_truncation_under_a_writer_that_does_not_append(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    with world.path().open("wb", buffering=0) as writer:
        writer.write(OLD)
        world.live(2)
        copied(world)
        world.live(2)
        writer.write(NEW)
        world.touched()
        world.settle()
    assert world.messages() == expected(OLD, NEW)
    assert world.balance()["sink"] == {"stored": len(OLD + NEW), "skipped:nul": len(OLD)}


def write_at(world: SimulatedSidecar, offset: int, data: bytes) -> None:
    with world.path().open("r+b") as file:
        file.seek(offset)
        file.write(data)
    world.touched()


def test_a_file_that_begins_with_nul_bytes_comes_once_also_after_restarts(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(bytes(3000) + OLD)
    world.live(3)
    world.restart()
    world.live(3)
    world.drain()
    world.start()
    world.write(NEW)
    world.settle()
    assert world.messages() == expected(OLD, NEW)
    assert world.balance()["sink"] == {"stored": len(OLD + NEW), "skipped:nul": 3000}


def test_reserved_space_is_filled_in_several_runs_and_trimmed_at_the_end(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(bytes(1 << 20))
    lines = [f"line {number}\n".encode() for number in range(60)]
    written = 0
    for number, line in enumerate(lines):
        write_at(world, written, line)
        written += len(line)
        if number % 10 == 5:
            world.live(1)
        if number in (20, 40):
            world.drain()
            world.start()
        if number == 50:
            world.restart()
    world.live(2)
    os.truncate(world.path(), written)
    world.touched()
    world.settle()
    assert world.messages() == expected(b"".join(lines))
    assert world.balance()["sink"] == {"stored": written}
    assert not [event for event in world.events if "Lost" in type(event).__name__]


def test_a_hole_that_is_filled_a_moment_later_is_read(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(OLD + bytes(len(NEW)) + b"the last\n")
    world.live(0.5)
    write_at(world, len(OLD), NEW)
    world.settle()
    assert world.messages() == expected(OLD, NEW, b"the last\n")
    assert world.balance()["sink"] == {"stored": len(OLD + NEW) + 9}


@pytest.mark.parametrize("compress", [lzma.compress, bz2.compress])
def test_other_formats_than_gzip_are_read_once_too(tmp_path: Path, compress: Callable[[bytes], bytes]) -> None:
    world = SimulatedSidecar(tmp_path, exclude=())
    world.path("app.log.3.xz").write_bytes(compress(NEW))
    world.write(OLD)
    world.live(10)
    world.path("app.log.1.bz2").write_bytes(compress(OLD))
    world.path().unlink()
    world.write(MORE)
    world.restart()
    world.settle()
    assert world.messages() == expected(NEW, OLD, MORE)


def test_a_compressed_file_that_cannot_be_read_is_named_and_never_shipped_as_text(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, exclude=())
    world.path("app.log.zip").write_bytes(b"PK\x03\x04" + OLD)
    world.write(NEW)
    world.live(3)
    world.drain()
    assert world.messages() == expected(NEW)
    assert "compressed with zip" in str(world.tracker.unreadable.reasons())


@pytest.mark.parametrize("size", [1 << 16, 1 << 20, 1 << 28])
@pytest.mark.parametrize("before", [b"", OLD], ids=["at the beginning", "in the middle"])
def test_a_hole_that_is_jumped_over_leaves_the_file_known_after_restarts(
    tmp_path: Path, before: bytes, size: int
) -> None:
    world = SimulatedSidecar(tmp_path)
    world.write(before)
    with world.path().open("r+b") as file:
        file.seek(len(before) + size)
        file.write(MORE)
    world.live(4)
    world.restart()
    world.live(4)
    world.write(NEW)
    world.drain()
    world.start()
    world.settle()
    assert world.messages() == expected(before, MORE, NEW)
    assert world.lost() == 0
