"""Configurations of other tools, and what they become.

`python -m tests.unit.convert.example_files` writes the results.
"""

from __future__ import annotations

from pathlib import Path

from sidecar.convert.kinds import SourceFile, convert
from sidecar.convert.writer import write

FOLDER = Path(__file__).with_name("examples")
EXAMPLES = sorted(
    path for path in FOLDER.glob("*/[0-9]*.*") if path.suffix != ".inc" and path.parent.name != "expected"
)
"""The examples of all tools, in the order of their difficulty."""


def name_of(example: Path) -> str:
    """Return the tool and the name of an example."""
    return f"{example.parent.name}/{example.stem}"


def expected_file(example: Path) -> Path:
    """Return the file with the expected result of an example."""
    return FOLDER / "expected" / example.parent.name / f"{example.stem}.yaml"


def convert_text(example: Path) -> str:
    """Return what an example becomes."""
    return write(convert(SourceFile(example, example.read_text()), None))


if __name__ == "__main__":
    for each in EXAMPLES:
        expected_file(each).parent.mkdir(parents=True, exist_ok=True)
        expected_file(each).write_text(convert_text(each))
