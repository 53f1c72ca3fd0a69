"""Random stories of an application and a sidecar, against a small model of what must be stored.

The model knows which bytes each file holds and which lines may be missing: those that a truncation, a deletion or a
replacement destroyed before they could be read. Everything else has to be there exactly once for each sink, no
line may ever be there twice or altered, and the balance has to account for every byte.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.simulated_sidecar import SimulatedSidecar, streams

SINKS = ("one", "two")
FAULTS = [
    "down",
    "half, then silence",
    "half stored, half refused for now",
    "everything, then silence",
    "one is poison",
]
MEMORY = Path("/dev/shm")


class SidecarStory(RuleBasedStateMachine):
    """A sidecar with two sinks. A subclass adds an application, and `begin`, which calls `start`."""

    exclude: Sequence[str] = ("*.gz",)
    is_restarted = False

    def start(self, paths: str, *, links: bool, few: bool, **options: Any) -> None:
        """Start the sidecar. `few`: with few open files."""
        self.folder = Path(tempfile.mkdtemp(prefix="story-"))
        self.state = Path(tempfile.mkdtemp(prefix="story-", dir=MEMORY if MEMORY.is_dir() else None))
        self.links = links
        self.world = SimulatedSidecar(
            self.folder, state=self.state, paths=paths, sinks=SINKS, keep_links=links, open_files=2 if few else 64,
            exclude=self.exclude, **options,
        )  # fmt: skip
        self.count = 0
        self.may_miss: set[int] = set()
        self.may_be_twice: set[int] = set()
        self.known: set[int] = set()
        """Inodes of files that a look has come across."""

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.world.settle()
            self.check()
        finally:
            self.world.kill()
            shutil.rmtree(self.folder)
            shutil.rmtree(self.state)

    def _may_miss(self, path: Path) -> None:
        self.may_miss |= self._numbers(path)

    @staticmethod
    def _numbers(path: Path) -> set[int]:
        return {int(n) for n in re.findall(rb"<(\d+):", path.read_bytes())}

    def _is_safe(self, path: Path) -> bool:
        """Whether the sidecar knows what is in this rotated file, or a copy of it was made of what it knows."""
        return path.stat().st_ino in self.known

    def _copy_by_halves(self, path: Path, copy: Path, *, look_between: bool) -> None:
        content = path.read_bytes()
        for part in (content[: len(content) // 2], content):
            copy.write_bytes(part)
            if look_between:
                self.scan()

    # ── the sidecar ─────────────────────────────────────────────────────────────────────────────────────────

    @rule()
    def scan(self) -> None:
        if self.world.scan():
            lives = {life.file_id.inode for life in self.world.tracker.unfinished_files()}
            # A deleted file that is still held has no part in this: its inode may be that of the next one.
            self.known |= lives & {path.lstat().st_ino for path in self.world.logs.rglob("*")}

    @rule(turns=st.integers(1, 5))
    def turn(self, turns: int) -> None:
        self.world.turn(turns)

    @rule(seconds=st.sampled_from([0.2, 1.5, 7.0]))
    def wait(self, seconds: float) -> None:
        self.world.clock.at += seconds

    @rule()
    def poll(self) -> None:
        self.world.poll()

    @rule(moments=st.integers(1, 40))
    def burn(self, moments: int) -> None:
        self.world.crash_after.left = moments

    @rule(orderly=st.booleans())
    def restart(self, *, orderly: bool) -> None:
        if orderly and not any(d.is_down for d in self.world.destinations.values()):
            self.scan()
            self.world.drain()
        self._restart()

    def _restart(self) -> None:
        self.world.restart()
        self.is_restarted = True

    @rule()
    def reload(self) -> None:
        self.world.reload()

    @rule(sink=st.sampled_from(SINKS), fault=st.sampled_from(FAULTS), times=st.integers(1, 3))
    def fail(self, sink: str, fault: str, times: int) -> None:
        self.world.destinations[sink].faults += [fault] * times

    @rule(sink=st.sampled_from(SINKS), down=st.booleans())
    def go_down(self, sink: str, *, down: bool) -> None:
        self.world.destinations[sink].is_down = down

    @rule(jump=st.sampled_from([-1e6, -3600.0, 60.0, 1e6]))
    def jump(self, jump: float) -> None:
        self.world.clock.wall_offset += jump

    # ── what must be ────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def no_id_is_used_twice(self) -> None:
        if hasattr(self, "world"):
            assert not any(d.altered for d in self.world.destinations.values())

    @invariant()
    def what_is_unsettled_is_known_without_asking_each_file(self) -> None:
        if hasattr(self, "world"):
            for shipper in self.world.shippers.values():
                settled, seen = shipper.progress()
                assert shipper.unsettled() == seen - settled

    def _unwritten(self) -> set[int]:
        """Return the numbers of the lines that the application has not finished."""
        raise NotImplementedError

    def check(self) -> None:
        whole = set(range(self.count)) - self._unwritten()
        for sink in SINKS:
            text = "\n".join(streams([*self.world.stored(sink), *self.world.dead(sink)]))
            found = Counter(int(n) for n in re.findall(r"<(\d+):x*:\1>", text))
            twice = {n for n, times in Counter(int(n) for n in re.findall(r"<(\d+):", text)).items() if times > 1}
            twice -= self.may_be_twice
            assert not twice, f"{sink}: stored twice: {sorted(twice)}"
            missing = whole - found.keys() - self.may_miss
            assert not missing, f"{sink}: lost: {sorted(missing)}"
        self.world.check_balance()


class Story(SidecarStory):
    """One application, one sidecar, two sinks."""

    @initialize(paths=st.sampled_from(["app.log*", "app.log"]), links=st.booleans(), few=st.booleans())
    def begin(self, *, paths: str, links: bool, few: bool) -> None:
        self.start(paths, links=links, few=few)
        self.all_match = paths == "app.log*"
        self.rotations = 0
        self.unfinished = ""
        self.rotated: list[Path] = []
        self.copies: set[Path] = set()

    # ── the application ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def log(self) -> Path:
        return self.world.path()

    @rule(count=st.integers(1, 40), width=st.sampled_from([0, 10, 200]), cut=st.booleans())
    def write(self, count: int, width: int, *, cut: bool) -> None:
        text = self.unfinished
        for number in range(self.count, self.count + count):
            text += self._line(number, width)
        self.count += count
        end = len(text) - 1 - width // 2 if cut else len(text)
        self.world.write(text[len(self.unfinished) : end].encode() if not self._rest else text[:end].encode())
        self._rest = cut
        self.unfinished = text[end:]

    def _line(self, number: int, width: int) -> str:
        return f"<{number}:{'x' * width}:{number}>\n"

    _rest = False

    def _whole(self) -> None:
        """The application ends its line before it lets go of the file."""
        if self.unfinished:
            self.world.write(self.unfinished.encode())
            self.unfinished, self._rest = "", False

    @precondition(lambda self: self.log.exists())
    @rule()
    def finish_the_line(self) -> None:
        self._whole()

    def _next_name(self, template: str) -> Path:
        self.rotations += 1
        return self.world.path(template.format(100 + self.rotations))

    @precondition(lambda self: self.log.exists())
    @rule(template=st.sampled_from(["app.log.{}", "app.log-2026{:04}"]))
    def rename(self, template: str) -> None:
        self._whole()
        if not self.all_match and self.log.stat().st_ino not in self.known:
            self._may_miss(self.log)
        self.rotated.append(self.log.rename(self._next_name(template)))

    @precondition(lambda self: self.log.exists())
    @rule(keep=st.integers(1, 4))
    def shift(self, keep: int) -> None:
        """Every older part moves on by one number, and those beyond `keep` are deleted."""
        self._whole()
        if not self.all_match and self.log.stat().st_ino not in self.known:
            self._may_miss(self.log)
        numbered = {int(path.name[8:]): path for path in self.rotated if path.name[8:].isdecimal()}
        for number in sorted(numbered, reverse=True):
            path = numbered[number]
            self.rotated.remove(path)
            if number >= keep:
                self._may_miss(path)
                self.known.discard(path.stat().st_ino)
                path.unlink()
            else:
                self.rotated.append(path.rename(self.world.path(f"app.log.{number + 1}")))
        self.rotated.append(self.log.rename(self.world.path("app.log.1")))

    @precondition(lambda self: self.log.exists() and self.log.stat().st_size)
    @rule(template=st.sampled_from(["app.log.{}", "app.log-2026{:04}"]), look_between=st.booleans())
    def copy_and_truncate(self, template: str, *, look_between: bool) -> None:
        self._whole()
        if not self.all_match and self.log.stat().st_ino not in self.known:
            self._may_miss(self.log)
        copy = self._next_name(template)
        self._copy_by_halves(self.log, copy, look_between=look_between)
        os.truncate(self.log, 0)
        self.world.touched()
        self.known.discard(self.log.stat().st_ino)
        self.rotated.append(copy)
        self.copies.add(copy)

    @precondition(lambda self: self.rotated)
    @rule(data=st.data())
    def pack(self, data: st.DataObject) -> None:
        plain = self.rotated.pop(data.draw(st.integers(0, len(self.rotated) - 1)))
        if not self._is_safe(plain):
            self._may_miss(plain)
        self._next_name(plain.name + "-{}.gz").write_bytes(gzip.compress(plain.read_bytes()))
        self.known.discard(plain.stat().st_ino)
        plain.unlink()

    @precondition(lambda self: self.rotated)
    @rule(data=st.data())
    def delete_a_rotated_file(self, data: st.DataObject) -> None:
        gone = self.rotated.pop(data.draw(st.integers(0, len(self.rotated) - 1)))
        self._may_miss(gone)
        self.known.discard(gone.stat().st_ino)
        gone.unlink()

    @precondition(lambda self: self.log.exists())
    @rule(how=st.sampled_from(["delete", "truncate", "replace"]))
    def destroy(self, how: str) -> None:
        self._may_miss(self.log)
        self.known.discard(self.log.stat().st_ino)
        self.unfinished, self._rest = "", False
        if how == "delete":
            self.log.unlink()
        elif how == "truncate":
            os.truncate(self.log, 0)
            self.world.touched()
        else:
            self.world.path(".new").write_bytes(b"")
            self.world.path(".new").rename(self.log)

    def _unwritten(self) -> set[int]:
        return {int(n) for n in re.findall(r"(\d+)[:>]", self.unfinished)}


def story_settings(steps: int) -> settings:
    """Settings of a story. `steps`: how many it has; STORIES and STEPS in the environment change both numbers.

    The same stories are tried each time. With STORIES they are new ones, which may be about a limit that the model
    does not know.
    """
    return settings(
        max_examples=int(os.environ.get("STORIES", "60")),
        stateful_step_count=int(os.environ.get("STEPS", steps)),
        derandomize="STORIES" not in os.environ,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


Story.TestCase.settings = story_settings(steps=40)
TestStory = Story.TestCase
