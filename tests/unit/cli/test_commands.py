"""Mistakes with commands and their arguments are answered with what to do."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from sidecar.cli import COMMANDS, build_parser, main
from sidecar.cli.examples import EXAMPLES
from sidecar.state.database import open_database


@pytest.fixture
def state(tmp_path: Path) -> str:
    """An empty state directory."""
    open_database(tmp_path / "state", exclusive=True).close()
    return str(tmp_path / "state")


def test_without_a_command_all_of_them_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    said = capsys.readouterr().err
    assert all(command in said for command in COMMANDS)
    assert "sidecar run '/var/log/app/*.log' --to" in said


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("chek", 'unknown command "chek"; did you mean "check"?'),
        ("tail", 'unknown command "tail"; use one of init,'),
    ],
)
def test_a_misspelt_command_gets_a_suggestion(command: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command])
    assert (ended.value.code, said in capsys.readouterr().err) == (2, True)


@pytest.mark.parametrize("command", [["drain", "--timeout"], ["wait-ready", "--timeout"], ["top", "--every"]])
def test_a_wrong_duration_is_explained_with_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*command, "soon"])
    assert "'soon' is not a duration; write it as 500ms, 5s, 10m, 2h or 14d" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--config", "sidecar.yaml"],
            "--config must follow a command, as in `sidecar run --config`; `sidecar help`",
        ),
        (["run", "a.log", "--sink=stdout:"], "run: unknown option --sink; `sidecar help run` lists all"),
        (["run", "a.log", "--oncee"], 'run: unknown option --oncee; did you mean "--once"?'),
        (["run", "-c", "sidecar.yaml"], 'run: unknown option -c; did you mean "--config"?'),
        (["status", "-f", "sidecar.yaml"], "status: unknown option -f; `sidecar help status` lists all"),
        (["dead-letters", "list", "--parser", "json"], "dead-letters: unknown option --parser"),
        (["checkpoints", "list", "--multiline", "java"], "checkpoints: unknown option --multiline"),
        (["status", "extra"], "status: unknown argument extra; `sidecar help status` lists all"),
    ],
)
def test_an_argument_that_is_unknown_gets_advice(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert (ended.value.code, said in capsys.readouterr().err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check"], "write `sidecar check PATH --to URL`, or pass a configuration with --config FILE"),
        (["config", "show"], "write `sidecar config show PATH --to URL`, or pass a configuration"),
        (
            ["config", "show", "a.log"],
            "--to URL is missing; write for example `sidecar config show '/var/log/app/*.log'",
        ),
        (["dead-letters", "replay"], "write `sidecar dead-letters replay --to URL`, or pass a configuration"),
    ],
)
def test_advice_names_the_command_that_was_called(
    arguments: list[str], said: str, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--state-dir", state]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["explain"], ["explain", "empty.log"], ["explain", "--detect", "empty.log"]])
def test_an_empty_sample_is_reported(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.log").touch()
    with (tmp_path / "empty.log").open() as empty:
        monkeypatch.setattr("sys.stdin", empty)
        assert main(arguments) == 2
    place = "empty.log" if "empty.log" in arguments else "standard input"
    assert capsys.readouterr().err == f"sidecar: {place}: contains no line; choose a file with log lines\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dead-letters", "show", "999"], "no dead letter matches"),
        (["dead-letters", "replay", "--limit", "5", "--to", "stdout:"], "--limit does not work with replay"),
        (["dead-letters", "purge"], "add NUMBER, --pipeline, --sink, --kind or --path, or --all"),
        (["checkpoints", "rewind", "--path", "/nope"], "no checkpoint matches"),
        (["checkpoints", "forget"], "add --pipeline, --sink or --path, or --all"),
    ],
)
def test_a_choice_that_matches_nothing_is_an_error(
    arguments: list[str], said: str, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--state-dir", state]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("logs", "logs is a directory and matches no file; write"),
        ("app.log.gz", "app.log.gz is excluded by *.gz in pipelines.default.exclude"),
    ],
)
def test_check_warns_of_a_path_that_matches_no_file(
    tmp_path: Path, path: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "logs").mkdir()
    assert main(["check", str(tmp_path / path), "--to", "stdout:", "--state-dir", str(tmp_path)]) == 0
    assert f"warning: pipelines.default.paths: {tmp_path / said}" in capsys.readouterr().err


def test_a_table_that_no_terminal_shows_has_no_blanks_at_the_end_of_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["plugins"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 10
    assert not [line for line in lines if line != line.rstrip()]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_examples_that_it_accepts(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["help", command])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert shown.startswith(f"usage: sidecar {command} ")
    for example in EXAMPLES[command]:
        assert f"\n  {example}\n" in shown
        words = shlex.split(re.split(" [>|] ", example)[0])
        assert words[:2] == ["sidecar", command]
        assert build_parser(words[1:]).parse_args(words[1:]).command == command


def test_help_without_a_command_lists_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(f"\n    {command}" in shown for command in COMMANDS)


def test_help_for_a_misspelt_command_suggests_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "chek"]) == 2
    assert 'unknown command "chek"; did you mean "check"?' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dead-letters", "show", "x"], "NUMBER: 'x' is not a whole number; `sidecar dead-letters --help` lists the"),
        (["tap", "--limit", "many"], "--limit: 'many' is not a whole number"),
        (["drain", "--timeout", "soon"], "--timeout: 'soon' is not a duration; write it as 500ms, 5s"),
        (["run", "--onec"], 'run: unknown option --onec; did you mean "--once"?'),
    ],
)
def test_invalid_arguments_are_one_sentence(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_tap_without_a_sidecar_says_what_to_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tap", "--state-dir", str(tmp_path)]) == 1
    assert f"no sidecar runs with this state directory ({tmp_path}); pass its state" in capsys.readouterr().err
