"""Random stories with unusual writers and rotations: late writes, links, copies, moves, space that is reserved."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from tests.integration.model.test_story import Story, story_settings

COPY_BYTES, LONGER_BYTES = 1024, 256
"""A copy, and a longer copy of itself, is not recognized if it is smaller (docs/design/reliability.md)."""

TOUCHED_BYTES = 256
"""A smaller file with a new time was probably written again, with the same bytes."""

COUNTS, WIDTHS = st.integers(1, 20), st.sampled_from([0, 10, 200])
SCANS, SECONDS, TURNS = st.integers(0, 3), st.sampled_from([0.2, 1.5, 7.0, 100.0]), st.integers(0, 3)


class WildStory(Story):
    """One application that does what few do."""

    @initialize(
        paths=st.sampled_from(["app.log*", "app.log"]), links=st.booleans(), few=st.booleans(), gz=st.booleans()
    )
    def begin(self, *, paths: str, links: bool, few: bool, gz: bool = False) -> None:
        self.exclude = () if gz else ("*.gz",)
        super().begin(paths=paths, links=links, few=few)
        self.late: set[int] = set()
        """Lines that were written late, since the last scan."""

        self.backed_up: set[int] = set()
        """Lines in a copy that the sidecar may not have recognized yet."""

    is_back = False
    """Whether the log has its name again since the last scan."""

    is_replaced = False
    """Whether the log was replaced by a longer copy since the last scan."""

    is_unscanned = False
    """Whether this run has not seen the volume yet."""

    @rule()
    def scan(self) -> None:
        super().scan()
        is_well = self.world.alive and not self.world.crash_after.is_disk_full
        self.is_replaced = self.is_replaced and not is_well
        if is_well:
            self.late.clear()
            self.is_back = False
            self.is_unscanned = self.is_unscanned and not self.world.logs.exists()
        if is_well and not self.world.tracker.is_undecided:
            self.backed_up.clear()

    @invariant()
    def a_restart_may_come_before_a_copy_is_recognized(self) -> None:
        if hasattr(self, "world") and not self.world.alive:
            self.may_be_twice |= self.backed_up
            self.backed_up.clear()

    def _restart(self) -> None:
        self.world.kill()
        self.a_restart_may_come_before_a_copy_is_recognized()
        self.world.restart()
        self.is_restarted = self.is_unscanned = True

    def _lines(self, count: int, width: int) -> bytes:
        numbers = range(self.count, self.count + count)
        self.count += count
        return "".join(self._line(number, width) for number in numbers).encode()

    def _name(self, word: str) -> Path:
        self.rotations += 1
        return self.world.path(f"app.log.{word}{self.rotations}")

    def _known_rotated(self) -> list[Path]:
        """Files that were renamed, not copied, and that the sidecar knows."""
        return [path for path in self.rotated if path not in self.copies and self._is_safe(path)]

    def _is_finished(self, path: Path) -> bool:
        """Whether the sidecar knows this file and has finished it, because it had no name for 5 s."""
        unfinished = {file.file_id.inode for file in self.world.tracker.unfinished_files()}
        return self._is_safe(path) and path.stat().st_ino not in unfinished

    def _live(self, scans: int, seconds: float, turns: int) -> None:
        for _ in range(scans):
            self.world.clock.at += seconds
            self.scan()
            self.world.turn(turns)

    @precondition(lambda self: self._known_rotated())
    @rule(data=st.data(), count=COUNTS, width=WIDTHS)
    def write_late(self, data: st.DataObject, count: int, width: int) -> None:
        path = data.draw(st.sampled_from(self._known_rotated()))
        self.late |= set(range(self.count, self.count + count))
        self.world.write(self._lines(count, width), path.name)

    @precondition(lambda self: self.rotated)
    @rule(data=st.data())
    def pack(self, data: st.DataObject) -> None:
        if self.exclude:
            self.may_miss |= self.late  # a delivered file that is compressed is not looked for
        elif self.late:  # an archive that is longer than the delivered file is stored again
            self.may_be_twice |= {n for path in self.rotated for n in self._numbers(path)}
        super().pack(data)

    @precondition(lambda self: not self.log.exists() and self._known_rotated())
    @rule(data=st.data())
    def rename_back(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(self._known_rotated()))
        self.rotated.remove(path)
        path.rename(self.log)
        self.is_back = True

    @precondition(lambda self: self.log.exists() and self.log.stat().st_size >= LONGER_BYTES)
    @rule(count=COUNTS, width=WIDTHS)
    def replace_by_a_longer_copy(self, count: int, width: int) -> None:
        if self.is_back or self._is_finished(self.log):
            return  # the sidecar knows the content under another name, or has finished it
        self._whole()
        for path in self.world.logs.glob("app.log.link*"):
            if path.samefile(self.log):
                path.unlink()  # else the old content is also a file of its own
        new = self.world.path(".new")
        new.write_bytes(self.log.read_bytes() + self._lines(count, width))
        self.known.discard(self.log.stat().st_ino)
        new.rename(self.log)
        self.world.touched()
        self.is_replaced = True

    @precondition(lambda self: self.log.exists() and self.log.stat().st_size >= COPY_BYTES)
    @rule()
    def link(self) -> None:
        self.scan()
        if self._is_safe(self.log):
            os.link(self.log, self._name("link"))

    @precondition(lambda self: self.log.exists())
    @rule()
    def link_symbolically(self) -> None:
        self._name("symbolic").symlink_to(self.log)

    @precondition(lambda self: self.log.exists())
    @rule(scans=SCANS, seconds=SECONDS, turns=TURNS)
    def move_out_and_back(self, scans: int, seconds: float, turns: int) -> None:
        if self.is_replaced or self.is_unscanned:
            return  # a longer copy is recognized only within 5 s; a file that is missing at a start counts as gone
        away = self.log.rename(self.folder / "away")
        self._live(scans, seconds, turns)
        away.rename(self.log)

    @rule(scans=SCANS, seconds=SECONDS, turns=TURNS, how=st.sampled_from(["missing", "empty", "missing at a start"]))
    def lose_the_volume_for_a_while(self, scans: int, seconds: float, turns: int, how: str) -> None:
        if self.is_replaced or self.backed_up:
            return  # a copy, or a longer copy, is recognized only within 5 s, and by the first scan of a run
        away = self.world.logs.rename(self.folder / "volume")
        if (
            how == "empty" and not self.is_restarted
        ):  # else its files are gone: an empty mount has another device number
            self.world.logs.mkdir()
        if how == "missing at a start":
            self._restart()
        self._live(scans, seconds, turns)
        if self.world.logs.exists():
            shutil.rmtree(self.world.logs)
        away.rename(self.world.logs)

    @precondition(lambda self: self.log.exists() and self.log.stat().st_size >= COPY_BYTES)
    @rule()
    def back_up(self) -> None:
        self._whole()
        self.scan()
        if self._is_safe(self.log):
            shutil.copyfile(self.log, self._name("bak"))
            self.backed_up |= self._numbers(self.log)

    @precondition(lambda self: self.log.exists())
    @rule(space=st.sampled_from([1, 100, 4096, 100_000]), count=COUNTS, between=st.sets(st.sampled_from("abcd")))
    def reserve_space_and_fill_it(self, space: int, count: int, between: set[str]) -> None:
        self._whole()
        end = self.log.stat().st_size
        os.truncate(self.log, end + space)
        self.world.touched()
        self._live("a" in between, 0.1, "b" in between)
        data = self._lines(count, 10)
        with self.log.open("r+b") as out:
            out.seek(end)
            out.write(data)
        self.world.touched()
        self._live("c" in between, 0.1, "d" in between)
        if self.log.stat().st_size > end + len(data):
            os.truncate(self.log, end + len(data))
            self.world.touched()

    @rule(seconds=st.sampled_from([0.2, 1.5, 20.0]), times=st.integers(1, 3))
    def fill_the_disk_for_a_while(self, seconds: float, times: int) -> None:
        self.may_be_twice |= self.backed_up
        self.world.crash_after.is_disk_full = True
        self._live(times, seconds, 3)
        self.world.poll()
        self.world.crash_after.is_disk_full = False

    @rule(seconds=st.sampled_from([400.0, 7200.0]))
    def live_long(self, seconds: float) -> None:
        self.world.live(seconds, step=seconds / 10)

    @precondition(lambda self: "three" not in self.world.destinations)
    @rule()
    def add_a_sink(self) -> None:
        self.world.add_sink("three")
        self._restart()

    @precondition(lambda self: self.log.exists() and self.log.stat().st_size >= TOUCHED_BYTES)
    @rule(years=st.sampled_from([-40, -1, 50]))
    def set_another_time(self, years: int) -> None:
        at = self.log.stat().st_mtime + years * 365 * 86_400
        os.utime(self.log, (at, at))


WildStory.TestCase.settings = story_settings(steps=30)
TestWildStory = WildStory.TestCase
