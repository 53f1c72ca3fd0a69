"""The example on a migration page is what `sidecar convert` makes of it, and it reads the line of the page.

`python -m tests.unit.convert.test_migration_pages` writes the results.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sidecar.cli import main
from sidecar.convert.kinds import KINDS, SourceFile, convert
from sidecar.convert.variables import required_names
from sidecar.convert.writer import write

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to"
BLOCK = r"```(?:yaml|text|json)\n(.*?)```"
FILES = {
    "filebeat": "filebeat.yml",
    "fluent-bit": "fluent-bit.conf",
    "promtail": "promtail.yaml",
    "vector": "vector.yaml",
}
RESULT = re.compile(r"(<!-- result -->\n```yaml\n)(.*?)(```)", re.DOTALL)


def page_of(kind: str) -> Path:
    return HOW_TO / f"migrate-from-{kind}.md"


def block_after(mark: str, page: str) -> str:
    match = re.search(rf"<!-- {mark} -->\n{BLOCK}", page, re.DOTALL)
    assert match is not None, mark
    return match[1]


def converted(kind: str) -> str:
    source = block_after(f"example: {kind}", page_of(kind).read_text())
    return write(convert(SourceFile(Path(FILES[kind]), source), None))


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_a_page_becomes_the_result_of_the_page(kind: str) -> None:
    assert block_after("result", page_of(kind).read_text()) == converted(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_the_result_of_a_page_reads_the_line_of_the_page(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config, sample = tmp_path / "sidecar.yaml", tmp_path / "app.log"
    config.write_text(converted(kind))
    sample.write_text(block_after("line", page_of(kind).read_text()))
    for name in required_names(config.read_text().partition("sinks:")[2]):
        monkeypatch.setenv(name, "value")
    assert main(["explain", str(sample), "--config", str(config), "--json"]) == 0
    document = json.loads(json.loads(capfd.readouterr().out)["document"])
    assert document["message"] == "it is up"
    assert document["level"].lower() == "info"
    assert document["@timestamp"] == "2026-11-23T01:00:00Z"


def write_result(kind: str) -> None:
    """Write the result of a page."""
    text = converted(kind)
    page_of(kind).write_text(RESULT.sub(lambda match: match[1] + text + match[3], page_of(kind).read_text()))


if __name__ == "__main__":
    for each in KINDS:
        write_result(each)
