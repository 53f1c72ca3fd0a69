"""A hostile application: does to its directory whatever it can think of, until its standard input ends.

`python -m tests.chaos.soak.attacker DIRECTORY SECRETS RULES`: SECRETS is a directory that it wants to be shipped,
RULES the file that says which calls fail (`tests/chaos/hostile/faults.c`).
"""

from __future__ import annotations

import errno
import gzip
import os
import random
import select
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_STEP_S = 0.05
_FILES = 4
_MAX_LOG = 2 << 20
_BOMB = gzip.compress(bytes(1 << 20)) * 256
"""256 MiB of NUL bytes in 256 KiB."""

_ERRORS = (errno.EIO, errno.ESTALE, errno.EACCES, errno.EINVAL, errno.ENODEV)


def _hostile_line(chance: random.Random) -> bytes:
    """One line that once cost more than it should, of up to 60 kB."""
    size = chance.choice((10, 300, 3_000, 60_000))
    escapes = b'{"error":1,"err":{"request":{"http":{"body":"' + b'\\"' * (size // 2) + b'"}}}}'
    return chance.choice(
        (
            escapes,
            b"a" + b".a" * (size // 2) + b"=1",
            b'{"a":' * min(size // 5, 900) + b"1" + b"}" * min(size // 5, 900),
            b"[" * size,
            b"<1>1 - - - - - [x " + b'a="\\"" ' * (size // 7) + b"] text",
            b"," * size,
            b"1" * size,
            b"\x1b]0;title\x07\x1b[2J\xe2\x80\xae" + b"x" * size,
            b"\xff\x81\x30\x8f" * (size // 4),
            b"\0" * size + b"x",
            b"\tat x.y(Z.java:1)" * (size // 17),
            b'{"_id":"' + b"x" * size + b'","@timestamp":"2026-11-28T00:00:00Z"}',
        )
    )


class Attacker:
    """Holds the directory and the chance; each method is one trick."""

    def __init__(self, directory: Path, secrets: Path, rules: Path, seed: int) -> None:
        self._directory, self._secrets, self._rules = directory, secrets, rules
        self._chance = random.Random(seed)
        self._tricks: list[Callable[[], None]] = [
            self.write_lines, self.write_lines, self.write_short_lines, self.swap_directory, self.swap_file,
            self.make_sparse, self.fail_calls, self.write_bad, self.make_specials, self.rotate, self.make_bomb,
            self.nest,
        ]  # fmt: skip

    def step(self) -> None:
        """One trick; what the file system refuses is no reason to stop."""
        with suppress(OSError):
            self._chance.choice(self._tricks)()

    def _log(self) -> Path:
        return self._directory / f"lines-{self._chance.randrange(_FILES)}.log"

    def _append(self, path: Path, data: bytes) -> None:
        if path.exists() and path.stat().st_size > _MAX_LOG:
            os.truncate(path, 0)
        with path.open("ab") as file:
            file.write(data)

    def write_lines(self) -> None:
        self._append(self._log(), _hostile_line(self._chance) + self._chance.choice((b"\n", b"\r\n", b"")))

    def write_short_lines(self) -> None:
        self._append(self._log(), self._chance.choice((b"x\n", b"\n", b"}\n")) * 4_000)

    def swap_directory(self) -> None:
        """The directory of a log becomes a link to the secrets, and a directory again."""
        inner, away = self._directory / "inner", self._directory / "inner.away"
        if inner.is_symlink():
            inner.unlink()
            away.rename(inner)
        else:
            inner.mkdir(exist_ok=True)
            self._append(inner / "token.log", b"SECRET?\n")
            inner.rename(away)
            inner.symlink_to(self._secrets)

    def swap_file(self) -> None:
        """A log becomes a link to a secret."""
        path = self._directory / "swapped.log"
        path.unlink(missing_ok=True)
        if self._chance.random() < 0.5:
            path.symlink_to(self._secrets / "token.log")
        else:
            path.write_bytes(b"S\n")

    def make_sparse(self) -> None:
        path = self._directory / f"sparse-{self._chance.randrange(3)}.log"
        if path.exists():
            path.unlink()
            return
        path.write_bytes(b"before\n")
        os.truncate(path, 1 << self._chance.randrange(24, 43))
        self._append(path, b"\nafter\n") if self._chance.random() < 0.5 else None

    def fail_calls(self) -> None:
        """From now on other calls fail for the bad files, or none."""
        rules = [
            f"{self._chance.choice(('open', 'stat', 'read', 'short'))} bad-{number} {self._chance.choice(_ERRORS)}\n"
            for number in range(self._chance.randrange(4))
        ]
        new = self._rules.with_suffix(".new")
        new.write_text("".join(rules))
        new.replace(self._rules)

    def write_bad(self) -> None:
        self._append(self._directory / f"bad-{self._chance.randrange(3)}.log", b"a line of a bad file\n" * 50)

    def make_specials(self) -> None:
        for name in ("fifo.log", "device.log", "loop.log"):
            (self._directory / name).unlink(missing_ok=True)
        os.mkfifo(self._directory / "fifo.log")
        (self._directory / "device.log").symlink_to("/dev/zero")
        (self._directory / "loop.log").symlink_to(self._directory)

    def rotate(self) -> None:
        log = self._log()
        match self._chance.randrange(4):
            case 0:
                log.rename(f"{log}.1")
            case 1:
                shutil.copyfile(log, f"{log}.1")
                os.truncate(log, 0)
            case 2:
                os.truncate(log, self._chance.randrange(log.stat().st_size + 1))
            case _:
                log.unlink()

    def make_bomb(self) -> None:
        path = self._log().with_suffix(".log.1.gz")
        path.unlink() if path.exists() else path.write_bytes(_BOMB)

    def nest(self) -> None:
        deep = self._directory / "deep"
        if deep.exists():
            shutil.rmtree(deep)
        else:
            (deep / "/".join("d" * self._chance.randrange(1, 200))).mkdir(parents=True)


def main(directory: Path, secrets: Path, rules: Path, seed: int = 1) -> None:
    """Play tricks until standard input ends."""
    attacker = Attacker(directory, secrets, rules, seed)
    while not select.select([sys.stdin], [], [], _STEP_S)[0]:
        attacker.step()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
