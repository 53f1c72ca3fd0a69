"""One search, in a process that `python -m tests.chaos.fuzz` starts, with the sanitizers for compiled code."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

from tests.chaos.fuzz import sanitized

KEPT = Path(".fuzz")
SEEDS = Path(__file__).with_name("seeds")
_SLOW_S = 20
_LONGEST = 4096
_MEMORY_MB = 4096


def main() -> None:
    """Search until the time is over, or try one file. Exit code other than 0 if something was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--again", type=Path)
    parser.add_argument("--sanitized", action="store_true")
    options = parser.parse_args()
    if options.sanitized:
        sanitized.load()
    if options.again:
        from tests.chaos.fuzz.targets import TARGETS  # noqa: PLC0415 - after the sanitized library

        TARGETS[options.name](options.again.read_bytes())
    else:
        _search(options.name, options.seconds, is_compiled=options.sanitized)


def _search(name: str, seconds: int, *, is_compiled: bool) -> None:
    """Compiled code says by itself what is reached; of the rest, Python is looked at."""
    import atheris  # noqa: PLC0415 - to repeat an input needs no fuzzer

    with nullcontext() if is_compiled else atheris.instrument_imports(include=["sidecar"]):
        from tests.chaos.fuzz.targets import TARGETS  # noqa: PLC0415 - instrumented as it is imported
    from tests.chaos.fuzz.fuzzed_input import TOKENS  # noqa: PLC0415 - it imports what has to be instrumented

    corpus = KEPT / name
    corpus.mkdir(parents=True, exist_ok=True)
    words = KEPT / f"{name}.words"
    words.write_text("".join(f'"{_escaped(token)}"\n' for token in TOKENS if 0 < len(token) < 64), encoding="ascii")
    options = [
        f"-max_total_time={seconds}", f"-dict={words}", f"-artifact_prefix={KEPT}/{name}-", f"-timeout={_SLOW_S}",
        f"-max_len={_LONGEST}", "-len_control=10", f"-rss_limit_mb={_MEMORY_MB}", "-print_final_stats=1",
        "-verbosity=0", str(corpus), *(str(seeds) for seeds in [SEEDS / name] if seeds.is_dir()),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options], TARGETS[name])
    atheris.Fuzz()


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


if __name__ == "__main__":
    main()
