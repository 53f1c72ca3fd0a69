"""The man pages describe each command and setting, and have no mistake that a formatter reports."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from sidecar.cli import COMMANDS
from sidecar.config.pipeline import PipelineSettings
from sidecar.config.settings import Settings
from tests.support.man_pages import pages
from tests.support.servers import ComponentMissing


@pytest.fixture(scope="module")
def written() -> Mapping[str, str]:
    return pages()


def test_each_command_has_a_page(written: Mapping[str, str]) -> None:
    assert set(written) == {"sidecar.1", "sidecar.yaml.5", *(f"sidecar-{name}.1" for name in COMMANDS)}
    for name in COMMANDS:
        assert [head for head in ("NAME", "OPTIONS", "EXIT STATUS", "EXAMPLES", "SEE ALSO")
                if f"\n.SH {head}\n" not in written[f"sidecar-{name}.1"]] == []  # fmt: skip


def test_the_page_of_the_configuration_has_each_setting(written: Mapping[str, str]) -> None:
    for model in (Settings, PipelineSettings):
        assert [name for name in model.model_fields if rf"\fB{name}\fR" not in written["sidecar.yaml.5"]] == []


@pytest.mark.parametrize("command", [["groff", "-man", "-ww", "-Tutf8", "-z"], ["mandoc", "-Tlint", "-Werror"]])
def test_a_formatter_finds_no_mistake(command: list[str], written: Mapping[str, str], tmp_path: Path) -> None:
    if shutil.which(command[0]) is None:
        raise ComponentMissing(f"{command[0]} is not installed")
    for name, text in written.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = [str(tmp_path / name) for name in written]
    done = subprocess.run([*command, *files], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_text_is_printed_as_it_is_written(written: Mapping[str, str], tmp_path: Path) -> None:
    if shutil.which("groff") is None:
        raise ComponentMissing("groff is not installed")
    page = written["sidecar-run.1"]
    done = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-cbou"], input=page, capture_output=True, text=True, timeout=60, check=False
    )
    assert "sidecar run '/var/log/app/*.log' --to elasticsearch://localhost:9200/logs" in done.stdout
    assert "such as elasticsearch://host:9200/logs" in " ".join(done.stdout.split())


def test_the_synopsis_is_aligned(written: Mapping[str, str]) -> None:
    usage = written["sidecar-run.1"].partition(".SH SYNOPSIS\n.nf\n")[2].partition("\n.fi")[0].splitlines()
    assert len(usage) > 2
    assert {len(line) - len(line.lstrip()) for line in usage[1:]} == {len("sidecar run ")}
