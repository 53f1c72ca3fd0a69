"""What `sidecar explain` shows is what `sidecar run` would store."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from sidecar.cli import main


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["explain", *arguments, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_sample_in_utf_16_is_cut_and_joined_as_the_reader_does_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], codec: str
) -> None:
    sample, configuration = tmp_path / "app.log", tmp_path / "sidecar.yaml"
    sample.write_bytes("\ufeff\u010a first\n  at home\nsecond \u0a0a\n".encode(codec))
    configuration.write_text(
        f"sinks: {{out: 'sqlite:///{tmp_path}/logs.db'}}\n"
        f"pipelines: {{app: {{paths: [{sample}], sinks: [out], encoding: utf-16, multiline: indent, "
        "parser: plain}}\n"
    )
    found = explained(capsys, str(sample), "--config", str(configuration))
    assert [json.loads(item["document"])["message"] for item in found] == ["\u010a first\n  at home", "second \u0a0a"]
    assert [json.loads(item["document"])["log"]["offset"] for item in found] == [0, 38]


def test_it_shows_parser_lines_fields_and_redactions_of_each_event(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample, configuration = tmp_path / "app.log", tmp_path / "sidecar.yaml"
    sample.write_text(
        '{"n":1,"deep":{"password":"secret","on":true}}\n2026-11-23 01:00:00,5 - db - INFO - a\n  b\n???\n'
    )
    configuration.write_text(
        f"sinks: {{out: 'sqlite:///{tmp_path}/logs.db'}}\n"
        f"pipelines: {{app: {{paths: [{sample}], multiline: indent, parser: [json, python], "
        "transforms: [{redact: [password]}]}}\n"
    )
    found = explained(capsys, str(sample), "--config", str(configuration))
    assert [(item["parser"], item["lines"]) for item in found] == [("json", 1), ("python", 2), ("", 1)]
    assert [item["redacted"] for item in found] == [["deep.password"], [], []]
    fields = found[0]["fields"]
    assert (fields["n"], fields["deep.on"], fields["deep.password"]) == ("integer", "boolean", "string")


def test_figures_of_a_whole_file_count_each_parser_and_show_what_none_could_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "app.log"
    file.write_text('{"time":"2026-11-23T01:00:00Z"}\n\n' * 40_000 + "???\nWARNING:shop.db:slow\n")
    (counted,) = explained(capsys, str(file), "--parser", "json,python", "--stats")
    assert counted["parsers"] == {"json": 40_000, "python": 1}
    assert (counted["events"], counted["documents"], counted["timed"]) == (40_002, 40_002, 40_000)
    assert counted["skipped"] == {"empty": 40_000}
    (unread,) = counted["samples"]
    assert (unread["offset"], unread["text"]) == (33 * 40_000, "???")
    assert counted["bytes"] == file.stat().st_size


def test_figures_of_standard_input_are_those_of_a_file_with_the_same_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, kept = tmp_path / "app.log", tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(kept))
    file.write_text('{"time":"2026-11-23T01:00:00Z"}\n\n' * 40_000 + "???\nnot ended")
    with file.open() as lines:
        monkeypatch.setattr("sys.stdin", lines)
        (piped,) = explained(capsys, "-", "--parser", "json", "--stats")
    (named,) = explained(capsys, str(file), "--parser", "json", "--stats")
    assert {**piped, "microseconds": 0} == {**named, "microseconds": 0}
    assert (piped["bytes"], piped["events"]) == (file.stat().st_size, 40_002)
    assert list(kept.iterdir()) == []


def test_standard_input_that_cannot_be_stored_is_reported_in_one_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    assert main(["explain", "--stats"]) == 2
    assert "set TMPDIR" in capsys.readouterr().err


def test_a_file_that_is_too_long_is_cut_after_a_whole_line_with_a_note(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "app.log"
    file.write_text(f"{'x' * 999_999}\n" * 17)
    assert main(["explain", str(file), "--json"]) == 0
    shown = capfd.readouterr()
    assert [len(json.loads(line)["line"]) for line in shown.out.splitlines()] == [999_999] * 16
    assert shown.err == "sidecar: only the first 16,000,000 bytes are shown; --stats reads the whole file\n"


def test_a_terminal_sees_every_script_and_no_commands(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "app.log"
    file.write_text('日本 ä \x1b[31m \x9b2J \u202e abc\n{"name":"日本 \x9b2J","\u202e":1}\n')
    for arguments in ([], ["--stats"]):
        assert main(["explain", str(file), "--parser", "json", *arguments]) == 0
        shown = capfd.readouterr().out
        assert "日本 ä" in shown
        assert not {"\x1b", "\x9b", "\u202e"} & set(shown)


def test_an_event_of_several_lines_is_shown_as_it_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "app.log"
    file.write_text("java.io.IOException: closed\n\tat c.e.Shop.order(Shop.java:42)\n")
    assert main(["explain", str(file), "--parser", "plain", "--multiline", "java"]) == 0
    first, second, third, *_ = capfd.readouterr().out.splitlines()
    assert first.split() == ["bytes", "0-61,", "2", "lines"]
    assert second.split() == ["text", "java.io.IOException:", "closed"]
    assert third.strip() == "at c.e.Shop.order(Shop.java:42)"


def test_a_line_that_is_left_out_is_shown_with_its_parser_and_the_rule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sample, configuration = tmp_path / "app.log", tmp_path / "sidecar.yaml"
    sample.write_text('{"level":"debug"}\n')
    configuration.write_text(
        f"sinks: {{out: 'sqlite:///{tmp_path}/logs.db'}}\npipelines: {{app: {{paths: [{sample}], parser: json, "
        "transforms: [{drop_when: 'level == \"debug\"'}]}}\n"
    )
    (left_out,) = explained(capsys, str(sample), "--config", str(configuration))
    assert [left_out[name] for name in ("outcome", "parser", "reason")] == ["filtered", "json", "drop_when"]


def test_it_shows_the_fields_that_each_sink_adds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample, configuration = tmp_path / "app.log", tmp_path / "sidecar.json"
    sample.write_text('{"service":{"name":"Shop"}}\n')
    stream = {"type": "elasticsearch", "hosts": ["nowhere.invalid"]}
    sinks = {
        "by_field": {**stream, "data_stream": {"dataset": "{service.name:other}"}},
        "fixed": {**stream, "data_stream": {"dataset": "app"}},
        "local": f"sqlite:///{tmp_path}/logs.db",
    }
    pipeline = {"paths": [str(sample)], "sinks": list(sinks), "parser": "json"}
    configuration.write_text(json.dumps({"sinks": sinks, "pipelines": {"app": pipeline}}))
    (found,) = explained(capsys, str(sample), "--config", str(configuration))
    shown = {"by_field": found["document"], **found["documents"]}
    streams = {name: json.loads(document).get("data_stream", {}).get("dataset") for name, document in shown.items()}
    assert streams == {"by_field": "shop", "fixed": "app", "local": None}
    assert found["target"]["by_field"] == "logs-shop-default"
    assert found["fields"]["data_stream.dataset"] == "string"
    assert main(["explain", str(sample), "--config", str(configuration)]) == 0
    assert "to local" in capsys.readouterr().out
