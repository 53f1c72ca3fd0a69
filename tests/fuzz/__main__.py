"""Searches for bytes that break a property, guided by which code they reach: `python -m tests.fuzz NAME SECONDS`.

What reached new code is kept in `.fuzz/NAME/` for the next time. Bytes that break something are written to
`.fuzz/NAME-crash-…`, and `python -m tests.fuzz NAME --again FILE` tries them once more, without any fuzzer.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

_KEPT = Path(".fuzz")
_NAMES = ("framing", "parsing", "encoding")
_SLOW_S = 20
_LONGEST = 4096


def main(arguments: Sequence[str]) -> None:
    """Search until the time is over. Exit code other than 0 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("name", choices=_NAMES)
    parser.add_argument("seconds", type=int, nargs="?", default=60)
    parser.add_argument("--again", type=Path, metavar="FILE", help="try the bytes of this file")
    options = parser.parse_args(arguments)
    if options.again:
        from tests.fuzz.targets import TARGETS

        TARGETS[options.name](options.again.read_bytes())
    else:
        _search(options.name, options.seconds)


def _search(name: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["sidecar"]):
        from tests.fuzz.targets import TARGETS
    from tests.fuzz.material import TOKENS

    corpus = _KEPT / name
    corpus.mkdir(parents=True, exist_ok=True)
    words = _KEPT / f"{name}.words"
    words.write_text("".join(f'"{_escaped(token)}"\n' for token in TOKENS if 0 < len(token) < 64), encoding="ascii")
    options = [
        f"-max_total_time={seconds}", f"-dict={words}", f"-artifact_prefix={_KEPT}/{name}-", f"-timeout={_SLOW_S}",
        f"-max_len={_LONGEST}", "-len_control=10", "-print_final_stats=1", "-verbosity=1", str(corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


if __name__ == "__main__":
    main(sys.argv[1:])
