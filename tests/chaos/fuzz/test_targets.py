"""The targets of the fuzzer on inputs that need no fuzzer, so that they stay right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.lib.native import _native as _compiled
from sidecar.parse.settings import BUILT_IN
from sidecar.transform.registry import KINDS
from tests.chaos.fuzz import sanitized
from tests.chaos.fuzz.fuzzed_input import TOKENS
from tests.chaos.fuzz.targets import TARGETS
from tests.chaos.fuzz.transforms import SETTINGS

ROOT = Path(__file__).parents[3]
SEEDS = sorted(Path(__file__).with_name("seeds").glob("*/*"))
PIECES = st.lists(
    st.binary(max_size=24) | st.sampled_from([token for token in TOKENS if len(token) < 200]), max_size=16
)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=PIECES.map(b"".join))
def test_whatever_the_bytes_are_the_property_holds(name: str, data: bytes) -> None:
    TARGETS[name](data)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.parent.name}/{seed.name}")
def test_what_was_found_once_is_not_found_again(seed: Path) -> None:
    TARGETS[seed.parent.name](seed.read_bytes())


def test_each_parser_transform_and_compiled_function_has_a_target() -> None:
    compiled = {name for name in dir(_compiled) if not name.startswith("_")} | {"documents"}
    assert TARGETS.keys() >= {f"parser-{name}" for name in BUILT_IN}
    assert TARGETS.keys() >= {f"transform-{name}" for name in KINDS}
    assert TARGETS.keys() >= {f"native-{name}" for name in compiled}
    assert SETTINGS.keys() == KINDS.keys()


_WITH_SANITIZERS = """
import random
from tests.chaos.fuzz import sanitized
sanitized.load()
from tests.chaos.fuzz.fuzzed_input import TOKENS
from tests.chaos.fuzz.targets import NATIVE, TARGETS
for name in sorted(NATIVE):
    draw = random.Random(name)
    for _ in range(400):
        data = draw.randbytes(draw.randrange(4))
        for _ in range(9):
            data += draw.choice(TOKENS) if draw.random() < 0.5 else draw.randbytes(draw.randrange(24))
        TARGETS[name](data)
"""


def test_the_sanitizers_find_nothing_in_the_compiled_parts() -> None:
    """The same bytes each time, with AddressSanitizer and UndefinedBehaviorSanitizer compiled in."""
    sanitized.build()
    environment = sanitized.environment(sanitized.libraries())
    command = [sys.executable, "-c", _WITH_SANITIZERS]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
