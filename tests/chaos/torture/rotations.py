"""How applications and their helpers rotate. Each rotates one file that nobody is writing at that moment."""

from __future__ import annotations

import gzip
import itertools
import logging.handlers
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sidecar.model.fingerprint import FINGERPRINT_BYTES, Fingerprint
from tests.support.servers import ComponentMissing

Rotate = Callable[[Path], None]


def _next(path: Path, template: str) -> Path:
    return next(
        name
        for n in itertools.count(1)
        if not (name := path.with_name(template.format(stem=path.stem, n=n))).exists()
    )


def python(path: Path) -> None:
    """`logging.handlers.RotatingFileHandler`: app.log.1 is the youngest, all others move on by one."""
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=1, backupCount=10_000, delay=True)
    handler.doRollover()
    handler.close()


def log4j(path: Path) -> None:
    """log4j's rollover without a maximum: app-1.log, app-2.log …"""
    path.rename(_next(path, "{stem}-{n}.log"))
    path.touch()


def lumberjack(path: Path) -> None:
    """Go's lumberjack: the time in the name, and a new file."""
    when = time.strftime("%Y-%m-%dT%H-%M-%S")
    path.rename(path.with_name(f"{path.stem}-{when}.{time.time_ns() // 1000 % 10**6:06}.log"))
    path.touch()


def lumberjack_compressed(path: Path) -> None:
    """The same with `Compress`: the packed copy is made beside the file, which is then removed."""
    plain = path.with_name(f"{path.stem}-{time.time_ns()}.log")
    path.rename(plain)
    path.touch()
    with plain.open("rb") as source, gzip.open(f"{plain}.gz", "wb", compresslevel=1) as packed:
        shutil.copyfileobj(source, packed)
    plain.unlink()


def deleting(path: Path) -> None:
    """Renamed and removed at once; what the sidecar has a link to (it knows the file) is the only thing left."""
    give_up_at = time.monotonic() + 60
    while path.stat().st_nlink < 2 and path.stat().st_size:
        if time.monotonic() > give_up_at:
            raise AssertionError(f"nobody keeps a link to {path}")
        time.sleep(0.02)
    path.unlink()
    path.touch()


def logrotate(*directives: str) -> Rotate:
    """The real logrotate(8) with these directives."""
    if shutil.which("logrotate", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
        raise ComponentMissing("logrotate is needed: apt-get install logrotate")

    def rotate(path: Path) -> None:
        if not path.stat().st_size:
            return
        folder = path.parent.parent / "logrotate"
        folder.mkdir(exist_ok=True)
        config = folder / f"{path.stem}.conf"
        body = "\n".join(("rotate 10000", "missingok", "nomail", *directives))
        config.write_text(f"{path} {{\n{body}\n}}\n")
        config.chmod(0o600)
        command = ["logrotate", "--force", "--state", str(folder / f"{path.stem}.state"), str(config)]
        environ = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin:/bin"}
        subprocess.run(command, check=True, capture_output=True, env=environ)

    return rotate


def once_known(rotate: Rotate) -> Rotate:
    """Only what the sidecar has come across can be told from a stranger's file, so nothing is rotated before."""

    def later(path: Path) -> None:
        give_up_at = time.monotonic() + 60
        while path.stat().st_size and not _is_known(path):
            if time.monotonic() > give_up_at:
                raise AssertionError(f"nobody has come across {path}")
            time.sleep(0.05)
        rotate(path)

    return later


def _is_known(path: Path) -> bool:
    state = path.parent.parent / "state" / "state.db"
    try:
        with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as db:
            query = "SELECT covered, fingerprint FROM generations WHERE inode = ? AND ended = '' AND moved = 0"
            lives = db.execute(query, (str(path.stat().st_ino),)).fetchall()
            head = path.read_bytes()[:FINGERPRINT_BYTES]
            return any(covered and Fingerprint(covered, digest).matches(head) for covered, digest in lives)
    except sqlite3.Error:
        return False


@dataclass(frozen=True, slots=True)
class Rotation:
    """A way to rotate.

    `all_match`: older parts match the paths of the pipeline too. `packed`: so do packed ones. `keep_links`: the
    sidecar keeps links to what is not delivered yet. `out_of_reach`: copies go where the sidecar cannot find them, so
    what was not read before a truncation is lost, and nothing else.
    """

    make: Callable[[], Rotate]
    all_match: bool = True
    packed: bool = False
    keep_links: bool = False
    out_of_reach: bool = False

    def pipeline(self, logs: Path) -> dict[str, object]:
        """The part of the configuration that goes with it."""
        pattern = "w*.log*" if self.all_match and not self.packed else "w*" if self.packed else "w?.log"
        options: dict[str, object] = {"paths": [str(logs / pattern)], "exclude": [] if self.packed else ["*.gz"]}
        if self.keep_links:
            options["keep_links"] = str(logs / ".kept")
        return options


_DATED = ("dateext", "dateformat -%Y%m%d-%s")


def _each_second(rotate: Rotate) -> Rotate:
    """logrotate's finest date is a second: nobody rotates a file twice in one."""

    def slowly(path: Path) -> None:
        time.sleep(1.05)
        rotate(path)

    return slowly


ROTATIONS = {
    "python": Rotation(lambda: python),
    "log4j": Rotation(lambda: log4j),
    "lumberjack": Rotation(lambda: lumberjack),
    "lumberjack compressed": Rotation(lambda: lumberjack_compressed, packed=True),
    "logrotate create": Rotation(lambda: logrotate("create")),
    "logrotate dateext": Rotation(lambda: _each_second(logrotate("create", *_DATED))),
    "logrotate compress": Rotation(lambda: logrotate("create", "compress"), packed=True),
    "logrotate delaycompress": Rotation(lambda: logrotate("create", "compress", "delaycompress"), packed=True),
    "logrotate copytruncate": Rotation(lambda: logrotate("copytruncate")),
    "logrotate copytruncate, copies not in paths": Rotation(
        lambda: once_known(logrotate("copytruncate")), all_match=False
    ),
    "logrotate copytruncate compress": Rotation(lambda: logrotate("copytruncate", "compress"), packed=True),
    "logrotate copytruncate, copies elsewhere": Rotation(
        lambda: once_known(logrotate("copytruncate", "olddir ../elsewhere", "createolddir 755")),
        all_match=False,
        out_of_reach=True,
    ),
    "deleted, with keep_links": Rotation(lambda: deleting, keep_links=True),
}
