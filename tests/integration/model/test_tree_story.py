"""Random stories of several logs with similar names and beginnings, in directories that come, go and are renamed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from tests.integration.model.test_story import SINKS, SidecarStory, story_settings
from tests.support.simulated_sidecar import streams

FOLDERS = st.sampled_from(["a", "b", "c"])
NAMES = st.sampled_from(["app.log", "app.log.err.log", "app-1.log", "app-2.log"])
BANNERS = st.sampled_from([b"", b"start\n", b"=" * 300 + b"\n", b"=" * 1500 + b"\n"])
"""What some logs begin with. Two of them may hold nothing else."""

PACKED: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
COUNTS, WIDTHS = st.integers(0, 20), st.sampled_from([0, 10, 200])
SCANS, SECONDS, TURNS = st.integers(0, 3), st.sampled_from([0.2, 1.5, 7.0, 100.0]), st.integers(0, 3)

TOUCHED_BYTES = 256
"""A smaller file with a new time was probably written again, with the same bytes."""


class TreeStory(SidecarStory):
    """An application with several logs in several directories."""

    @initialize(
        paths=st.sampled_from(["*/*.log*", "**/*.log*"]), links=st.booleans(), packed=st.booleans(),
        from_end=st.booleans(),
    )  # fmt: skip
    def begin(self, *, paths: str, links: bool, packed: bool, from_end: bool) -> None:
        self.exclude = () if packed else ("*.gz", "*.bz2", "*.xz")
        self.start(paths, links=links, few=False, from_end=from_end)
        self.paths = paths
        self.is_narrow = False
        self.rotations = 0
        self.is_copied = False
        """Whether a log was rotated by copy since the last scan."""

        self.seen_at: dict[int, Path] = {}
        self.unfinished: dict[Path, bytes] = {}
        self.is_new = from_end
        """Whether what is written now may be skipped, because no scan has come across it yet."""

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.world.logs))

    def _logs(self) -> list[Path]:
        """The files that the application writes."""
        return sorted(path for path in self.world.logs.glob("[abc]/*.log") if self._is_log(path))

    @staticmethod
    def _is_log(path: Path) -> bool:
        return (
            re.fullmatch(r"app\.log|app\.log\.err\.log|app-[12]\.log", path.name) is not None
            and not path.is_symlink()
        )

    def _rotated(self) -> list[Path]:
        return sorted(
            path for path in self.world.logs.glob("[abc]/*")
            if not self._is_log(path) and path.suffix not in PACKED and path.is_file()
        )  # fmt: skip

    def _folders(self) -> list[Path]:
        return sorted(path for path in self.world.logs.glob("[abc]") if not path.is_symlink())

    def _whole(self, path: Path) -> None:
        """The application ends its line before it lets go of the file."""
        if rest := self.unfinished.pop(path, b""):
            self.world.write(rest, self._name(path))

    def _is_safe(self, path: Path) -> bool:
        """Whether the sidecar knows the file in this directory: its compressed copy is not searched in others."""
        return self.seen_at.get(path.stat().st_ino) == path and super()._is_safe(path)

    def _is_moved(self, path: Path) -> bool:
        """Whether the file got another name after the last scan. Copies are searched under the name of the scan."""
        return self.seen_at.get(path.stat().st_ino, path) != path

    def _live(self, scans: int, seconds: float, turns: int) -> None:
        for _ in range(scans):
            self.world.clock.at += seconds
            self.scan()
            self.world.turn(turns)

    @rule()
    def scan(self) -> None:
        if self.is_new:
            self.may_miss |= set(range(self.count))
        super().scan()
        if self.world.alive:
            self.is_copied = self.is_copied and self.is_narrow
            self.seen_at = {path.stat().st_ino: path for path in [*self._logs(), *self._rotated()]}
        self.is_new = self.is_new and not (self.world.alive and self.world.ledger.is_known_pipeline("app"))

    # ── the application ─────────────────────────────────────────────────────────────────────────────────────

    @rule(folder=FOLDERS, name=NAMES, banner=BANNERS, count=COUNTS, width=WIDTHS, cut=st.booleans())
    def write(self, folder: str, name: str, banner: bytes, count: int, width: int, *, cut: bool) -> None:
        path = self.world.logs / folder / name
        path.parent.mkdir(exist_ok=True)
        lines = b"".join(self._line(number, width) for number in range(self.count, self.count + count))
        self.count += count
        data = (b"" if path.exists() else banner) + self.unfinished.pop(path, b"") + lines
        end = len(data) - 1 - width // 2 if cut and count else len(data)
        self.world.write(data[:end], self._name(path))
        if data[end:]:
            self.unfinished[path] = data[end:]

    def _line(self, number: int, width: int) -> bytes:
        return f"<{number}:{'x' * width}:{number}>\n".encode()

    @precondition(lambda self: self._logs())
    @rule(data=st.data(), dated=st.booleans(), folder=st.none() | FOLDERS)
    def rename(self, data: st.DataObject, folder: str | None, *, dated: bool) -> None:
        path = data.draw(st.sampled_from(self._logs()))
        self._whole(path)
        self.rotations += 1
        name = f"{path.stem}-2026{self.rotations:04}.log" if dated else f"{path.name}.{self.rotations}"
        to = path.parent if folder is None or self.is_narrow else self.world.logs / folder
        to.mkdir(exist_ok=True)
        path.rename(to / name)

    @precondition(lambda self: self._logs() and not self.is_narrow)
    @rule(data=st.data(), folder=FOLDERS, name=NAMES)
    def move(self, data: st.DataObject, folder: str, name: str) -> None:
        """A log gets another name, under which it is written, too."""
        path = data.draw(st.sampled_from(self._logs()))
        to = self.world.logs / folder / name
        to.parent.mkdir(exist_ok=True)
        if not to.exists():
            self._whole(path)
            path.rename(to)

    @precondition(lambda self: len(self._logs()) > 1 and not self.is_narrow)
    @rule(data=st.data())
    def exchange(self, data: st.DataObject) -> None:
        first, second = data.draw(st.permutations(self._logs()))[:2]
        self._whole(first)
        self._whole(second)
        away = first.rename(self.folder / "away")
        second.rename(first)
        away.rename(second)

    @precondition(lambda self: self._rotated())
    @rule(data=st.data(), count=COUNTS, width=WIDTHS)
    def write_late(self, data: st.DataObject, count: int, width: int) -> None:
        path = data.draw(st.sampled_from(self._rotated()))
        if path.name.startswith("copy"):
            return
        numbers = range(self.count, self.count + count)
        self.count += count
        self.world.write(b"".join(self._line(number, width) for number in numbers), self._name(path))

    @precondition(lambda self: self._rotated())
    @rule(data=st.data(), suffix=st.sampled_from(sorted(PACKED)), dated=st.booleans())
    def pack(self, data: st.DataObject, suffix: str, *, dated: bool) -> None:
        path = data.draw(st.sampled_from(self._rotated()))
        if not self._is_safe(path) and self.exclude:
            self._may_miss(path)
        self.rotations += 1
        to = path.with_name(f"{path.name}-{20260000 + self.rotations}{suffix}" if dated else path.name + suffix)
        to.write_bytes(PACKED[suffix](path.read_bytes()))
        self.known.discard(path.stat().st_ino)
        path.unlink()

    @precondition(lambda self: self._logs() or self._rotated())
    @rule(data=st.data(), is_truncated=st.booleans())
    def destroy(self, data: st.DataObject, *, is_truncated: bool) -> None:
        path = data.draw(st.sampled_from([*self._logs(), *self._rotated()]))
        self._destroy(path)
        if is_truncated:
            os.truncate(path, 0)
            self.world.touched(self._name(path))
        else:
            path.unlink()

    def _destroy(self, path: Path) -> None:
        self._may_miss(path)
        self.known.discard(path.stat().st_ino)
        self.unfinished.pop(path, None)

    @precondition(lambda self: self._logs())
    @rule(data=st.data(), look_between=st.booleans())
    def copy_and_truncate(self, data: st.DataObject, *, look_between: bool) -> None:
        path = data.draw(st.sampled_from(self._logs()))
        if self._is_moved(path):
            return
        self._whole(path)
        self.rotations += 1
        copy = path.with_name(f"{path.name}.{self.rotations}")
        self._copy_by_halves(path, copy, look_between=look_between)
        os.truncate(path, 0)
        self.world.touched(self._name(path))
        self.known.discard(path.stat().st_ino)
        self.is_copied = True

    @precondition(lambda self: self._logs() or self._rotated())
    @rule(data=st.data(), at=st.sampled_from([0.0, 1.0, 4e9, 1e9]))
    def set_another_time(self, data: st.DataObject, at: float) -> None:
        path = data.draw(st.sampled_from([*self._logs(), *self._rotated()]))
        if path.stat().st_size >= TOUCHED_BYTES:
            os.utime(path, (at, at))

    # ── directories ─────────────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self._folders() and not self.is_narrow)
    @rule(data=st.data(), to=FOLDERS)
    def rename_a_folder(self, data: st.DataObject, to: str) -> None:
        folder = data.draw(st.sampled_from(self._folders()))
        if not (self.world.logs / to).exists():
            for path in [path for path in self.unfinished if path.parent == folder]:
                self._whole(path)
            folder.rename(self.world.logs / to)

    @precondition(lambda self: self._folders())
    @rule(data=st.data())
    def remove_a_folder(self, data: st.DataObject) -> None:
        folder = data.draw(st.sampled_from(self._folders()))
        for path in folder.iterdir():
            if path.suffix in PACKED:
                self.may_miss |= {int(n) for n in re.findall(rb"<(\d+):", _unpacked(path))}
            else:
                self._destroy(path)
        shutil.rmtree(folder)

    @precondition(lambda self: self._folders())
    @rule(data=st.data(), scans=SCANS, seconds=SECONDS, turns=TURNS, linked=st.booleans(), restarted=st.booleans())
    def move_a_folder_away_and_back(
        self, data: st.DataObject, scans: int, seconds: float, turns: int, *, linked: bool, restarted: bool
    ) -> None:
        folder = data.draw(st.sampled_from(self._folders()))
        if self.is_copied:
            return  # the copy of a small file of an earlier run is recognized only by the first scan
        away = folder.rename(self.folder / "away")
        linked = linked and not self.is_narrow  # else the target of the link is read
        if linked:
            folder.symlink_to(away)
        if restarted:
            self.restart(orderly=False)
        self._live(scans, seconds, turns)
        if linked:
            folder.unlink()
        away.rename(folder)

    # ── the sidecar ─────────────────────────────────────────────────────────────────────────────────────────

    @rule(folders=st.sets(FOLDERS))
    def reload_with_other_paths(self, folders: set[str]) -> None:
        self.scan()
        if not self.world.alive:
            return  # a file that has left the other paths while the sidecar was down is not followed
        self.world.set_paths([f"{folder}/*.log*" for folder in sorted(folders)] or [self.paths])
        self.is_narrow = bool(folders)

    # ── what must be ────────────────────────────────────────────────────────────────────────────────────────

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.crash_after.left = None
            self.world.set_paths([self.paths])
            self.scan()
            for name in "abc":  # else it may be a volume that is not mounted
                (self.world.logs / name).mkdir(exist_ok=True)
        super().teardown()

    def _unwritten(self) -> set[int]:
        return {int(n) for path, rest in self.unfinished.items() for n in re.findall(rb"<?(\d+)[:>]", rest)}

    def check(self) -> None:
        super().check()
        for sink in SINKS:
            for text in streams([*self.world.stored(sink), *self.world.dead(sink)]):
                numbers = [int(n) for n in re.findall(r"<(\d+):", text)]
                assert numbers == sorted(numbers), f"{sink}: out of order: {numbers}"


def _unpacked(path: Path) -> bytes:
    return {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}[path.suffix](path.read_bytes())


TreeStory.TestCase.settings = story_settings(steps=30)
TestTreeStory = TreeStory.TestCase
