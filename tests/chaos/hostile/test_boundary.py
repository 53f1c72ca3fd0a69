"""Nothing outside the volume is ever read, whatever the application replaces by a link, and whenever it does so."""

from __future__ import annotations

import gzip
import os
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import pytest

from sidecar.app.watcher import WatchedPipeline, Watchers
from sidecar.lib.roots import open_directory
from sidecar.tail.plain_file import MAX_COMPRESSION
from sidecar.tail.source import Postponed, ScanAllowance, Source, open_source
from sidecar.telemetry.events import CopyTaken, FileRefused
from sidecar.watch.directory_walk import DirectoryWalk
from sidecar.watch.scanner import FileScanner
from tests.integration.model.test_rotation import NEW, OLD, expected, lines
from tests.support.simulated_sidecar import SimulatedSidecar

KNOWN = b"ey"
SECRET = KNOWN + b"J THE SECRET\n"
NAMES = ("app.log", "app.log.1", "app", "app-1.log")


def write_secrets(folder: Path) -> Path:
    """What no document may hold, under each name that the volume has, and packed as a copy would be."""
    for below in ("", "web", "deep", "sub", "sub/deep", "one/web"):
        place = folder / below
        place.mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            (place / name).write_bytes(SECRET)
        (place / "app.log.2.gz").write_bytes(gzip.compress(SECRET))
    return folder


@dataclass(frozen=True)
class Place:
    """Something in the volume that becomes a link."""

    paths: str
    file: str
    swapped: str
    target: str = ""


PLACES = {
    "the file": Place("*.log", "app.log", "app.log", "app.log"),
    "a directory that the pattern matches": Place("*/*.log", "sub/app.log", "sub"),
    "a directory below any number of them": Place("**/*.log", "sub/deep/app.log", "sub/deep"),
    "a directory above that one": Place("**/*.log", "sub/deep/app.log", "sub"),
    "the fixed part": Place("web/*.log", "web/app.log", "web"),
    "the fixed part of a pattern for any depth": Place("web/**/*", "web/app.log", "web"),
    "the directory of a fixed name": Place("web/app.log", "web/app.log", "web"),
    "a directory above the fixed part": Place("one/web/*.log", "one/web/app.log", "one", "one"),
}


@dataclass
class LinkAttack:
    """A world that has read the known bytes of a file, and secrets beside the volume."""

    world: SimulatedSidecar
    place: Place
    secrets: Path

    def swap(self) -> None:
        path = self.world.path(self.place.swapped)
        path.rename(path.with_name(".away"))
        path.symlink_to(self.secrets / self.place.target)

    @property
    def log(self) -> Path:
        return self.world.path(self.place.file)

    def shipped(self) -> str:
        return "\n".join(self.world.messages())


def swap_while_it_runs(attack: LinkAttack) -> None:
    attack.swap()
    attack.world.live(8)


def swap_between_the_scan_and_the_opening(attack: LinkAttack) -> None:
    (attack.log.with_name("app-1.log")).write_bytes(b"new\n")
    found_files = attack.world.scanner.scan()
    attack.swap()
    attack.world.tracker.process_scan(found_files)
    attack.world.turn(6)


def swap_while_the_file_is_closed(attack: LinkAttack) -> None:
    attack.world.descriptors.limit = 1
    for tracked in attack.world.tracker.unfinished_files():
        tracked.close_if_idle()
    found_files = attack.world.scanner.scan()
    with attack.log.open("ab") as log:
        log.write(b"more\n")
    later = attack.world.scanner.scan()
    attack.swap()
    attack.world.tracker.process_scan(found_files)
    attack.world.tracker.process_scan(later)
    attack.world.turn(6)


def swap_before_a_truncation(attack: LinkAttack) -> None:
    log = os.open(attack.log, os.O_WRONLY)
    attack.swap()
    os.ftruncate(log, 0)
    os.close(log)
    attack.world.poll()
    attack.world.live(8)


def swap_after_a_truncation(attack: LinkAttack) -> None:
    found_files = attack.world.scanner.scan()
    os.truncate(attack.log, 0)
    attack.swap()
    attack.world.poll()
    attack.world.tracker.process_scan(found_files)
    attack.world.live(8)


def swap_before_a_restart(attack: LinkAttack) -> None:
    attack.world.kill()
    attack.swap()
    attack.world.start()
    attack.world.live(8)


def swap_before_a_restart_with_a_rest(attack: LinkAttack) -> None:
    attack.world.destinations["sink"].is_down = True
    with attack.log.open("ab") as log:
        log.write(b"rest\n")
    attack.world.live(1)
    swap_before_a_restart(attack)


def swap_before_a_new_configuration(attack: LinkAttack) -> None:
    attack.swap()
    assert attack.world.reload()
    attack.world.live(8)


MOMENTS = [
    swap_while_it_runs,
    swap_between_the_scan_and_the_opening,
    swap_while_the_file_is_closed,
    swap_before_a_truncation,
    swap_after_a_truncation,
    swap_before_a_restart,
    swap_before_a_restart_with_a_rest,
    swap_before_a_new_configuration,
]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_what_becomes_a_link_leads_nowhere(
    tmp_path: Path, place: Place, moment: Callable[[LinkAttack], None]
) -> None:
    world = SimulatedSidecar(tmp_path, paths=place.paths, exclude=())
    attack = LinkAttack(world, place, write_secrets(tmp_path / "secrets"))
    attack.log.parent.mkdir(parents=True, exist_ok=True)
    attack.log.write_bytes(KNOWN)
    world.live(2)
    moment(attack)
    world.scan()
    assert str(world.path(place.swapped)) in world.scanner.refused
    world.settle()
    assert "SECRET" not in attack.shipped()


@pytest.mark.parametrize("swapped", [".kept", "folder/.kept", "folder"])
def test_a_directory_for_links_or_one_above_it_that_becomes_a_link_leads_nowhere(
    tmp_path: Path, swapped: str
) -> None:
    folder = "folder" if "folder" in swapped else "."
    (tmp_path / "logs" / folder).mkdir(parents=True)
    world = SimulatedSidecar(tmp_path, paths="*.log", keep_links=folder)
    world.destinations["sink"].is_down = True
    world.write(OLD)
    world.live(1)
    kept = world.path(folder) / ".kept"
    names = [path.name for path in kept.iterdir()]
    assert names
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / ".kept").mkdir(parents=True)
    for place in (elsewhere, elsewhere / ".kept"):
        for name in names:
            (place / name).write_bytes(OLD[:2000] + SECRET)
    world.kill()
    world.path(swapped).rename(tmp_path / "away")
    world.path(swapped).symlink_to(elsewhere)
    world.path().unlink()
    world.start()
    world.settle()
    assert "SECRET" not in "\n".join(world.messages())
    assert [(elsewhere / name).exists() for name in names] == [True]


def test_a_directory_of_the_kubelet_is_followed_where_the_pattern_names_it(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="..data/*.log")
    for number in (1, 2):
        (world.logs / f"..2026_{number}").mkdir()
        (world.logs / f"..2026_{number}" / "app.log").write_text(f"of {number}\n")
        (world.logs / "..data_tmp").symlink_to(f"..2026_{number}")
        (world.logs / "..data_tmp").rename(world.logs / "..data")
        world.live(2)
    world.settle()
    assert world.messages() == ["of 1", "of 2"]


@pytest.mark.parametrize(
    "target", ["{secrets}", "../secrets", "..", ".", "../logs", "plain", "..away", "..2026/below", "..data"]
)
def test_a_directory_of_the_kubelet_that_leads_elsewhere_is_refused(tmp_path: Path, target: str) -> None:
    secrets = write_secrets(tmp_path / "secrets")
    world = SimulatedSidecar(tmp_path, paths="..data/*.log")
    for name in ("plain", "..2026/below"):
        world.path(name).mkdir(parents=True)
        (world.path(name) / "app.log").write_bytes(SECRET)
    world.path("..away").symlink_to(secrets)
    world.write(SECRET)
    world.path("..data").symlink_to(target.format(secrets=secrets))
    world.scan()
    assert world.scanner.refused
    world.settle()
    assert world.messages() == []


def test_a_link_of_the_administrator_is_followed_once(tmp_path: Path) -> None:
    secrets = write_secrets(tmp_path / "secrets")
    (tmp_path / "disk").mkdir()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "web").symlink_to(tmp_path / "disk")
    scanner = FileScanner([f"{tmp_path}/logs/web/*.log"])
    (tmp_path / "disk" / "good.log").write_text("good\n")
    assert [sighting.path for sighting in scanner.scan()] == [f"{tmp_path}/disk/good.log"]
    (tmp_path / "logs" / "web").unlink()
    (tmp_path / "logs" / "web").symlink_to(secrets)
    assert [sighting.path for sighting in scanner.scan()] == [f"{tmp_path}/disk/good.log"]


def test_a_link_that_stays_below_its_directory_may_be_switched_and_may_not_leave_it(tmp_path: Path) -> None:
    secrets = write_secrets(tmp_path / "secrets")
    logs = tmp_path / "logs"
    for number in (1, 2):
        (logs / f"releases/{number}").mkdir(parents=True)
        (logs / f"releases/{number}/app.log").write_text("good\n")
    current = logs / "current"
    current.symlink_to("releases/1")
    scanner = FileScanner([f"{current}/*.log"])
    (logs / "releases/outside").symlink_to(secrets)

    def look(target: str | Path) -> list[str]:
        current.unlink()
        current.symlink_to(target)
        return [os.path.relpath(sighting.path, logs) for sighting in scanner.scan()]

    assert look("releases/1") == ["releases/1/app.log"]
    assert look("releases/2") == ["releases/2/app.log"]
    for target in (secrets, "../secrets", "releases/outside", "releases/../../secrets", "current"):
        assert look(target) == []
        assert list(scanner.refused) == [str(logs / ("releases/outside" if "outside" in str(target) else "current"))]
    assert look("releases/2") == ["releases/2/app.log"]


def test_a_directory_that_appears_as_a_link_after_the_start_is_refused(tmp_path: Path) -> None:
    secrets = write_secrets(tmp_path / "secrets")
    scanner = FileScanner([f"{tmp_path}/volume/web/*.log"])
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "web").symlink_to(secrets)
    assert scanner.scan() == []
    assert list(scanner.refused) == [f"{tmp_path}/volume/web"]
    assert scanner.directories == {f"{tmp_path}/volume"}


def test_a_directory_that_is_made_again_or_mounted_late_is_read(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="web/*.log")
    world.live(1)
    for number in range(3):
        world.path("web").mkdir()
        world.write(b"%d\n" % number, "web/app.log")
        world.live(2)
        world.path("web").rename(tmp_path / f"away-{number}")
    world.settle()
    assert world.messages() == ["0", "1", "2"]


def test_a_directory_above_in_a_pattern_is_the_one_that_the_text_says(tmp_path: Path) -> None:
    secrets = write_secrets(tmp_path / "secrets" / "deep")
    world = SimulatedSidecar(tmp_path, paths="sub/../*.log")
    world.path("sub").symlink_to(secrets)
    world.write(b"good\n", "good.log")
    world.settle()
    assert world.messages() == ["good"]


def test_links_that_come_and_go_at_random_lead_nowhere(tmp_path: Path) -> None:
    chance = random.Random(7)
    world = SimulatedSidecar(tmp_path, paths="web/**/*.log", exclude=(), open_files=2)
    attack = LinkAttack(world, PLACES["the fixed part"], write_secrets(tmp_path / "secrets"))
    links = [world.path(name) for name in ("web", "web/sub", "web/sub/app.log", "web/app.log")]
    for _ in range(300):
        link = chance.choice(links)
        with suppress(OSError):
            if link.is_symlink():
                link.unlink()
            elif chance.random() < 0.5:
                away = tmp_path / f"away-{chance.randrange(5)}"
                shutil.rmtree(away) if away.is_dir() else away.unlink(missing_ok=True)
                link.rename(away)
                link.symlink_to(attack.secrets / ("app.log" if link.suffix else ""))
            elif not any(each.is_symlink() for each in link.parents):
                (link if not link.suffix else link.parent).mkdir(parents=True, exist_ok=True)
                with (link if link.suffix else link / "app.log").open(chance.choice(["ab", "wb"])) as log:
                    log.write(KNOWN)
        chance.choice([world.scan, world.poll, world.turn, world.turn, world.restart])()
        world.clock.at += chance.choice([0.1, 6.0])
    for link in links:
        link.unlink() if link.is_symlink() else None
    world.settle()
    assert "SECRET" not in attack.shipped()


def test_a_race_of_swaps_against_scans_leads_nowhere(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="web/*/*.log")
    attack = LinkAttack(world, PLACES["the fixed part"], write_secrets(tmp_path / "secrets"))
    world.path("web/sub").mkdir(parents=True)
    world.write(b"good\n", "web/sub/good.log")
    is_over = Event()

    def swap() -> None:
        while not is_over.is_set():
            for name, target in (("web", attack.secrets), ("web/sub", attack.secrets / "sub")):
                path = world.path(name)
                path.rename(tmp_path / "away")
                path.symlink_to(target)
                path.unlink()
                (tmp_path / "away").rename(path)

    swapping = Thread(target=swap)
    swapping.start()
    for _ in range(150):
        world.scan()
        world.turn()
    is_over.set()
    swapping.join()
    world.settle()
    assert "SECRET" not in attack.shipped()
    assert "good" in world.messages()


def test_what_is_refused_is_reached_when_it_is_no_link_any_more(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="web/*.log")
    attack = LinkAttack(world, PLACES["the fixed part"], write_secrets(tmp_path / "secrets"))
    world.path("web").mkdir()
    attack.log.write_bytes(b"one\n")
    world.live(1)
    attack.swap()
    world.live(3)
    world.path("web").unlink()
    world.path(".away").rename(world.path("web"))
    with attack.log.open("ab") as log:
        log.write(b"two\n")
    world.settle()
    assert world.messages() == ["one", "two"]


def test_what_is_refused_is_logged_once_and_counted(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="web/*.log")
    attack = LinkAttack(world, PLACES["the fixed part"], write_secrets(tmp_path / "secrets"))
    world.path("web").mkdir()
    attack.swap()
    watched = WatchedPipeline(world.scanner, world.tracker)
    watchers = Watchers([watched], world.clock, world.events.append)
    for _ in range(3):
        watchers.scan()
    refused = [event for event in world.events if isinstance(event, FileRefused)]
    assert [(event.path, "link" in event.reason) for event in refused] == [(str(world.path("web")), True)]
    assert len(watched.refused) == 1
    world.kill()


# ── what `paths` leaves out ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("banner", [b"starting\n", lines(0, 80)], ids=["few bytes", "many bytes"])
@pytest.mark.parametrize(
    "name", ["app-secret.log", "app.log.secret", "app.logs", "application.log", "app", "app.txt", "my-app.log"]
)
def test_a_file_that_only_begins_with_the_same_bytes_is_not_the_copy(
    tmp_path: Path, name: str, banner: bytes
) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log")
    world.write(banner)
    world.live(2)
    world.write(banner + b"card number 1\n", name)
    os.truncate(world.path(), 0)
    world.touched()
    world.write(b"go\n")
    world.settle()
    assert world.messages() == expected(banner, b"go\n")
    world.check_balance()


@pytest.mark.parametrize(("exclude", "is_read"), [(["*.gz"], True), (["*.gz", "app.log.1*"], False)])
@pytest.mark.parametrize("is_packed", [False, True])
def test_a_copy_that_an_exclude_names_is_not_read(
    tmp_path: Path, exclude: list[str], *, is_read: bool, is_packed: bool
) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log", exclude=exclude)
    world.destinations["sink"].is_down = True
    world.write(OLD)
    world.live(1)
    content = world.path().read_bytes()
    if is_packed:
        world.path("app.log.1.gz").write_bytes(gzip.compress(content))
    else:
        world.path("app.log.1").write_bytes(content)
    os.truncate(world.path(), 0)
    world.touched()
    world.write(NEW)
    world.settle()
    assert world.messages() == (expected(OLD, NEW) if is_read else expected(NEW))


def test_an_older_part_with_the_same_few_bytes_is_not_the_copy(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="app.log")
    world.write(b"starting\nof yesterday\n", "app.log.1")
    os.utime(world.path("app.log.1"), (1e9, 1e9))
    world.write(b"starting\n")
    world.live(2)
    os.truncate(world.path(), 0)
    world.touched()
    world.write(b"go\n")
    world.settle()
    assert world.messages() == ["go", "starting"]


def test_what_another_configuration_leaves_out_is_not_opened_after_a_restart(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log")
    world.destinations["sink"].is_down = True
    for name in ("app.log", "other.log"):
        world.write(b"%b\n" % name.encode(), name)
    world.live(1)
    world.kill()
    world.paths = ["app.log"]
    world.start()
    world.live(1)
    assert list(world.tracker.left_out) == [str(world.path("other.log"))]
    world.settle()
    assert world.messages() == ["app.log"]
    world.paths = ["*.log"]
    world.start()
    world.settle()
    assert world.messages() == ["app.log", "other.log"]


# ── compressed candidates ───────────────────────────────────────────────────────────────────────────────────

HOLE = 200 << 20
LAST = b"after the hole\n"
MANY_SCANS = 8


def truncate_sparse(world: SimulatedSidecar, size: int) -> None:
    """A file with a hole before its last line that was seen, and that is empty now."""
    world.destinations["sink"].is_down = True
    world.write(OLD)
    world.live(1)
    with world.path().open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, size // MAX_COMPRESSION)  # so much makes the size plausible
        os.truncate(file.fileno(), size - len(LAST))
        file.write(LAST)
    world.touched()
    world.live(1)
    os.truncate(world.path(), 0)
    world.touched()


def pack(content: bytes, size: int) -> bytes:
    """A gzip file of `size` bytes: the content, NUL bytes, and the last line."""
    rest = size - len(content) - len(LAST)
    whole, part = gzip.compress(bytes(1 << 20)), gzip.compress(bytes(rest % (1 << 20)))
    return gzip.compress(content) + whole * (rest >> 20) + part + gzip.compress(LAST)


def test_a_large_compressed_copy_is_compared_in_pieces_and_found(tmp_path: Path) -> None:
    world = SimulatedSidecar(tmp_path, paths="*.log")
    truncate_sparse(world, HOLE)
    world.path("app.log.1.gz").write_bytes(pack(OLD, HOLE))
    world.write(b"another\n", "other.log")
    for _ in range(5):
        world.scan()
        assert world.tracker.is_undecided
    assert {Path(tracked.name).name for tracked in world.tracker.unfinished_files()} >= {"other.log"}
    looks = 0
    while world.tracker.is_undecided and looks < MANY_SCANS:
        looks += 1
        world.scan()
    assert [Path(event.copy).name for event in world.events if isinstance(event, CopyTaken)] == ["app.log.1.gz"]
    world.kill()


@pytest.fixture
def packed(tmp_path: Path) -> Iterator[Source]:
    (tmp_path / "app.log.1.gz").write_bytes(pack(OLD, HOLE))
    source = open_source(str(tmp_path), f"{tmp_path}/app.log.1.gz")
    yield source
    source.close()


def test_a_compressed_file_that_cannot_hold_so_much_is_not_unpacked(packed: Source) -> None:
    allowance = ScanAllowance(1 << 20)
    packed.limit(allowance)
    assert not packed.has_bytes(1 << 40)
    assert allowance.left == 1 << 20


def test_what_is_unpacked_in_a_scan_is_bounded_and_goes_on_in_the_next(packed: Source) -> None:
    scans, most = 0, 32 << 20
    while True:
        allowance = ScanAllowance(most)
        packed.limit(allowance)
        scans += 1
        try:
            assert packed.pread(len(OLD[:1024]), 0) == OLD[:1024]
            assert packed.pread(64, HOLE // 2) == bytes(64)
            assert packed.has_bytes(HOLE)
        except Postponed:
            assert allowance.left > -(1 << 20)
            continue
        break
    assert scans <= 2 + 3 * HOLE // 2 // most, "half of it for the position, all of it for the size"
    packed.limit(None)
    assert not packed.has_bytes(HOLE + 1)


def test_an_archive_of_empty_parts_does_not_hold_up_a_scan(tmp_path: Path) -> None:
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(b"x") + gzip.compress(b"") * 50_000)
    source = open_source(str(tmp_path), f"{tmp_path}/app.log.1.gz")
    source.limit(ScanAllowance(32 << 20))
    with pytest.raises(Postponed):
        source.has_bytes(2)
    source.close()


def test_a_tree_with_many_arms_takes_few_descriptors(tmp_path: Path) -> None:
    before, most = len(os.listdir("/proc/self/fd")), 0
    with open_directory(str(tmp_path)) as directory:
        descent = DirectoryWalk(directory, str(tmp_path))
        folder, arms = descent.top, []
        for _ in range(150):
            for name in ("a", "b"):
                os.mkdir(name, dir_fd=descent.open(folder))
            arms.append(folder.get_child("a"))
            folder = folder.get_child("b")
        for arm in reversed(arms):
            assert os.fstat(descent.open(arm)).st_nlink == 2
            most = max(most, len(os.listdir("/proc/self/fd")))
        descent.close()
    assert most <= before + 40
    assert len(os.listdir("/proc/self/fd")) == before
