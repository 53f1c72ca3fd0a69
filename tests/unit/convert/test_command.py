"""`sidecar convert` recognises a file, refuses a broken one with its line, and never overwrites without asking."""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from sidecar.cli import main
from sidecar.convert.kinds import KINDS, SourceFile, detect
from tests.support.processes import ENVIRON
from tests.unit.convert.example_files import EXAMPLES, name_of

FILEBEAT = "filebeat.inputs: [{type: filestream, paths: [/var/log/a.log]}]\noutput.console: {}\n"


@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_the_tool_is_recognised_by_the_content(example: Path) -> None:
    assert detect(SourceFile(Path("configuration"), example.read_text())) == example.parent.name


BROKEN: dict[str, list[tuple[str, int | None, str | None]]] = {
    "filebeat.yml": [
        ("filebeat.inputs:\n  - type: log\n   paths: [a]\n", 3, "the indentation does not match"),
        ("a: [1, 2\nb: 3\n", 1, "no closing ]"),
        ("filebeat.inputs:\n\t- type: log\n", 2, "a tab is used"),
        ("output.console: {\n", None, ""),
        ("a: 'x\n", 1, "a quote is not closed"),
        ("? [a]\n: b\n", 1, "a list or mapping cannot be a name"),
        ("b: &b {{x}: 1}\n<<: *b\n", 1, "a list or mapping cannot be a name; put a text in brackets or braces"),
        ("--- {a: 1}\n--- {b: 2}\n", 2, "more than one document"),
        ("# notes\njust text\n", 2, "the tool cannot be recognised, because it has neither options"),
        ("\nreceivers:\n  filelog: {include: [a]}\n", 2, "none of its options is filebeat, pipeline, scrape_configs"),
        ("- a\n- b\n", 1, "the tool cannot be recognised"),
        ("filebeat.inputs: []\na: 1\na: 2\n", 3, 'the name "a" occurs twice, first in line 2'),
        ("filebeat.inputs:\n- type: log\n  type: log\n", 3, 'the name "type" occurs twice, first in line 2'),
        ("a: {b: 1, b: 2}\n", 1, 'the name "b" occurs twice, first in line 1'),
        ("filebeat.inptus: [{type: log, paths: [a]}]\n", None, "left out: filebeat.inptus (filebeat.yml:1)"),
        ("filebeat.inputs:\n- paths:\n  -\n", None, "left out: paths (filebeat.yml:2)"),
        ("", None, "is empty"),
        ("# nothing\n", None, "is empty"),
        ("sinks: {a: {}}\npipelines: {app: {}}\n", None, "is already a configuration of the sidecar"),
        ("apiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n", None, "is a manifest of Kubernetes"),
        ("output.elasticsearch: {hosts: [es]}\n", None, "has no input that reads log files"),
        ("filebeat.inputs: [{type: tcp}]\n", None, "has no input that reads log files"),
        ("filebeat.inputs: [{type: log, paths: {a: b}}]\n", None, None),
        ("a: &a [*a]\n", 1, None),
        ("a: " + "[" * 300, None, ""),
    ],
    "fluent-bit.conf": [
        ("[INPUT]\n  Name tail\n[OUTPUT\n  Name es\n", 3, "a section must be written as [NAME]"),
        ("Name tail\n[INPUT]\n", 1, "before the first section"),
        ("[INPUT]\n  Name\n", 2, "an option needs a name and a value"),
        ("@FOO bar\n[INPUT]\n", 1, "only @INCLUDE FILE and @SET NAME=VALUE are known"),
        ("@INCLUDE\n[INPUT]\n", 1, "only @INCLUDE"),
        ("[INPUT]\n  Name cpu\n", None, "has no input that reads log files"),
    ],
    "vector.toml": [
        ("[sources.a]\ntype = file\n", 2, "this is not valid TOML"),
        ('[sources.a]\ntype = "file"\ntype = "file"\n', 3, "this is not valid TOML"),
        ("[sources.a\n", 1, "this is not valid TOML"),
        ('[sources.a]\nx = """never closed\n', None, "this is not valid TOML"),
    ],
    "promtail.yaml": [
        ("scrape_configs:\n  - job_name: 'x\n", 2, "a quote is not closed"),
        ("scrape_configs: [{job_name: j, journal: {}}]\n", None, "has no input that reads log files"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "line", "reason"), [(name, *case) for name, cases in BROKEN.items() for case in cases]
)
def test_a_broken_file_is_refused_with_its_line(
    name: str, text: str, line: int | None, reason: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, result = tmp_path / name, tmp_path / "sidecar.yaml"
    file.write_text(text)
    assert main(["convert", str(file), "--output", str(result)]) == 2
    error = capsys.readouterr().err
    assert reason is None or reason in error
    assert line is None or f"{name}:{line}: " in error
    assert len(error.splitlines()) == 1
    assert not result.exists()


def test_a_message_about_a_broken_file_does_not_quote_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, text in enumerate(
        ["output.elasticsearch:\n  password marker\n  hosts: a\n", "[OUTPUT]\n marker\n", "password = marker\n"]
    ):
        file = tmp_path / f"{number}.conf"
        file.write_text(text)
        assert main(["convert", str(file)]) == 2
    assert "marker" not in capsys.readouterr().err


@pytest.mark.parametrize("data", [b"\xff\xfe\0", b"a: \xff\n", b"\0", b"x" * (2 << 20)])
def test_a_file_that_is_no_text_is_refused(data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "filebeat.yml").write_bytes(data)
    assert main(["convert", str(tmp_path / "filebeat.yml")]) == 2
    assert "filebeat.yml" in capsys.readouterr().err


def test_aliases_that_repeat_exponentially_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    (tmp_path / "filebeat.yml").write_text("\n".join(rows))
    assert main(["convert", str(tmp_path / "filebeat.yml")]) == 2
    assert "repeats aliases too often" in capsys.readouterr().err


HOSTILE = {
    "brackets": "sources: {a: {type: file, include: [/a]}}\ntransforms: {t: {type: remap, inputs: [a], source: '.x = "
    + "(" * 3000 + ")" * 3000 + "'}}\nsinks: {s: {type: console, inputs: [t]}}\n",
    "lines": "sources: {a: {type: file, include: [/a]}}\ntransforms: {t: {type: remap, inputs: [a], source: \"x"
    + "\\n" * 10_000 + "\"}}\nsinks: {s: {type: console, inputs: [t]}}\n",
    "circles": "sources: {a: {type: file, include: [/a]}}\ntransforms:\n"
    + "".join(f"  t{n}: {{type: filter, inputs: [t*], condition: exists(.a)}}\n" for n in range(20))
    + "sinks: {s: {type: console, inputs: [t1, a]}}\n",
    "references": "filebeat.inputs: [{type: log, paths: ['" + "${A}" * 10_000 + "']}]\n",
    "letters": "filebeat.inputs: [{type: log, paths: [/a], fields: {x: '" + "a" * 50_000 + "'}}]\n",
    "colons": "filebeat.inputs: [{type: log, paths: [/a], fields: {x: 'a://" + "a:" * 20_000 + "'}}]\n",
    "braces": "scrape_configs: [{static_configs: [{labels: {__path__: '" + "{a,b}" * 1000 + "'}}]}]\n",
    "conditions": "filebeat.inputs: [{type: log, paths: [/a]}]\nprocessors: [{drop_event: {when: "
    + "{not: " * 60 + "{has_fields: [a]}" + "}" * 60 + "}}]\n",
}  # fmt: skip
"""Configurations whose conversion could take very long."""


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_configuration_takes_seconds_at_most(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text)
    started_at = time.process_time()
    assert main(["convert", str(tmp_path / "x.yaml"), "--output", str(tmp_path / "out")]) in (0, 2, 3)
    assert time.process_time() - started_at < 20


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(tmp_path / "none.yml")]) == 2
    assert main(["convert", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "cannot be read (No such file or directory)" in error
    assert "cannot be read (Is a directory)" in error


def test_a_file_is_not_overwritten_without_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, result = tmp_path / "filebeat.yml", tmp_path / "sidecar.yaml"
    source.write_text(FILEBEAT)
    assert main(["convert", str(source), "--output", str(result)]) == 0
    assert "pipelines" in yaml.safe_load(result.read_text())
    assert result.stat().st_mode & 0o777 == 0o600
    result.write_text("edited")
    assert main(["convert", str(source), "--output", str(result)]) == 2
    assert "exists; overwrite it with --force" in capsys.readouterr().err
    assert result.read_text() == "edited"
    assert main(["convert", str(source), "--output", str(result), "--force"]) == 0
    assert "pipelines" in yaml.safe_load(result.read_text())
    assert main(["convert", str(source), "--output", str(tmp_path / "no" / "file")]) == 2


def test_an_error_while_writing_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    source, result = tmp_path / "filebeat.yml", tmp_path / "sidecar.yaml"
    source.write_text(FILEBEAT)
    result.write_text("edited")
    done = subprocess.run(
        [sys.executable, "-m", "sidecar", "convert", str(source), "--output", str(result), "--force"], env=ENVIRON,
        capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64)),
    )  # fmt: skip
    assert done.returncode == 2
    assert f"{result}: cannot be written (File too large); name another file with --output FILE" in done.stderr
    assert result.read_text() == "edited"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["filebeat.yml", "sidecar.yaml"]


def test_a_link_that_is_overwritten_keeps_its_target(tmp_path: Path) -> None:
    (tmp_path / "filebeat.yml").write_text(FILEBEAT)
    target, link = tmp_path / "target.yaml", tmp_path / "sidecar.yaml"
    target.write_text("edited")
    link.symlink_to(target)
    assert main(["convert", str(tmp_path / "filebeat.yml"), "--output", str(link), "--force"]) == 0
    assert link.is_symlink()
    assert "pipelines" in yaml.safe_load(target.read_text())


def test_a_device_is_not_replaced(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "filebeat.yml").write_text(FILEBEAT)
    os.mkfifo(tmp_path / "pipe")
    assert main(["convert", str(tmp_path / "filebeat.yml"), "--output", str(tmp_path / "pipe"), "--force"]) == 2
    assert "pipe: is not a regular file; name another file with --output FILE" in capsys.readouterr().err


def test_a_conversion_ships_more_rather_than_less(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "filebeat.yml"
    file.write_text(
        "filebeat.inputs: [{type: log, paths: [/a.log], include_lines: [a, 'b('], exclude_lines: [a, 'b(']}]\n"
        "processors: [{include_fields: {fields: [good, 'a..b']}}, {drop_fields: {fields: [good, 'a..b']}}]\n"
    )
    assert main(["convert", str(file)]) == 3
    (pipeline,) = yaml.safe_load(capsys.readouterr().out)["pipelines"].values()
    assert pipeline == {"paths": ["/a.log"], "exclude_lines": ["a"], "transforms": [{"drop_fields": ["good"]}]}


def test_standard_input_is_converted(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(FILEBEAT.encode())))
    assert main(["convert", "-"]) == 0
    assert "/var/log/a.log" in capsys.readouterr().out


@pytest.mark.parametrize("kind", KINDS)
def test_from_selects_the_tool(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x").write_text(FILEBEAT)
    code = main(["convert", str(tmp_path / "x"), "--from", kind])
    assert code == (0 if kind == "filebeat" else 2)
    assert kind == "filebeat" or "has no input that reads log files" in capsys.readouterr().err


def test_control_characters_of_the_source_do_not_reach_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "filebeat.yml"
    file.write_text('filebeat.inputs: [{type: log, paths: ["/a\\e[31m\\u202e.log"], "b\\e[0m\\nx: y": 1}]\n')
    assert main(["convert", str(file)]) == 3
    output = capsys.readouterr()
    assert all(line.isprintable() for line in (output.out + output.err).splitlines())
    (pipeline,) = yaml.safe_load(output.out)["pipelines"].values()
    assert pipeline["paths"] == ["/a\x1b[31m\u202e.log"]
