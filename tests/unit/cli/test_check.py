"""What the user gets for a configuration: good, wrong, or wrong in several ways at once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sidecar.cli import main
from sidecar.tools.schema import build_schema

GOOD = """
state_dir: {folder}/state
sinks: {{out: "sqlite:///{folder}/logs.db"}}
pipelines: {{app: {{paths: ["/var/log/app/*.log"]}}}}
"""


class Configuration:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.capsys, self.monkeypatch = folder, capsys, monkeypatch

    def problems(self, text: str, **environ: str) -> list[str]:
        """The sentences that `sidecar check` says of this file, with exit code 2; [] with 0."""
        (self.folder / "sidecar.yaml").write_text(
            text.replace("{folder}", str(self.folder)).replace("{{", "{").replace("}}", "}")
        )
        for name, value in environ.items():
            self.monkeypatch.setenv(name, value)
        code = main(["check", "--config", str(self.folder / "sidecar.yaml")])
        said = self.capsys.readouterr().err.splitlines()
        assert code == (2 if said else 0)
        return [line.removeprefix("sidecar: ").replace(f"{self.folder}/", "") for line in said]


@pytest.fixture
def configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Configuration:
    return Configuration(tmp_path, capsys, monkeypatch)


def test_a_valid_configuration_has_no_problems(configuration: Configuration) -> None:
    assert configuration.problems(GOOD) == []


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        ("paths:", "pahts:", 'pipelines.app.pahts is not a setting; did you mean "paths"?'),
        ("state_dir:", "state_dri:", 'state_dri is not a setting; did you mean "state_dir"?'),
        ("sqlite:///", "sqlit:///", 'no sink has URLs that begin with "sqlit:"; did you mean "sqlite"?'),
        ('paths: ["/var/log/app/*.log"]', 'paths: ["/a"], parser: jsn', '"jsn" is not known; did you mean "json"?'),
        ('paths: ["/var/log/app/*.log"]', 'paths: ["/a"], max_line: lots', "max_line: not a size"),
        ('paths: ["/var/log/app/*.log"]', 'paths: ["/a"], keep_empty: 7', "keep_empty must be true or false"),
        ('paths: ["/var/log/app/*.log"]', "paths: []", "paths needs at least one entry"),
        (
            'paths: ["/var/log/app/*.log"]',
            'paths: ["/a"], sinks: [oot]',
            'there is no sink "oot"; did you mean "out"?',
        ),
        (
            'paths: ["/var/log/app/*.log"]',
            "paths: [/a], parser: {type: regex, pattern: '(?P<a>x'}",
            "pattern: the pattern does not compile: missing )",
        ),
        ('paths: ["/var/log/app/*.log"]', "paths: [/a], timestamp: {zone: Europe/Berlim}", "unknown time zone"),
        (
            'paths: ["/var/log/app/*.log"]',
            "paths: [/a], transforms: [{{add: {{log.offset: 1}}}}]",
            "pipelines.app.transforms.0.add: log.offset is set by the sidecar",
        ),
        ('paths: ["/var/log/app/*.log"]', "paths: [/a], transforms: [kubernets]", "transforms"),
        (
            'paths: ["/var/log/app/*.log"]',
            "paths: [/a], parser: [plain, {{type: json, targt: a}}]",
            'pipelines.app.parser.1.targt is not a setting; did you mean "target"?',
        ),
        ("app: {{", "mysql: {{limit: 1, ", "pipelines.mysql.limit is not a setting"),
        (
            "state_dir: {folder}/state",
            "state_dir: a\nstate_dir: b",
            '3: the key "state_dir" occurs twice; remove one',
        ),
        ("state_dir: {folder}/state", "state_dir: [", "no closing ]"),
    ],
)
def test_each_mistake_is_one_sentence_that_says_where_and_what(
    configuration: Configuration, wrong: str, right: str, said: str
) -> None:
    assert wrong in GOOD
    problems = configuration.problems(GOOD.replace(wrong, right))
    assert [problem for problem in problems if said in problem]
    assert all(re.match(r"sidecar\.yaml:\d+: ", problem) for problem in problems)
    assert "pydantic" not in str(problems)


def test_all_mistakes_are_reported_together(configuration: Configuration) -> None:
    text = GOOD.replace("paths:", "pahts:").replace("state_dir:", "state_dri:")
    assert len(configuration.problems(text, SIDECAR_LIMTS__MEMORY="1MiB")) == 4


def test_a_stray_variable_is_an_error_unless_kubernetes_sets_it(configuration: Configuration) -> None:
    kubernetes = {"SIDECAR_SERVICE_HOST": "10.0.0.1", "SIDECAR_PORT_80_TCP": "x", "SIDECAR_GRACE": "30"}
    assert configuration.problems(GOOD, **kubernetes) == []
    (problem,) = configuration.problems(GOOD, SIDECAR_STATE_DRI="/x")
    assert problem == 'environment: SIDECAR_STATE_DRI is not a setting; did you mean "SIDECAR_STATE_DIR"?'


def test_the_environment_wins_over_the_file(configuration: Configuration) -> None:
    assert configuration.problems(GOOD.replace("/logs.db", "/a.db"), SIDECAR_SINKS__OUT__PATH="/nowhere/b.db") == []
    main(["check", "--config", str(configuration.folder / "sidecar.yaml")])
    assert "/nowhere/b.db" in configuration.capsys.readouterr().out


def test_a_file_sink_takes_the_lines_of_one_pipeline(configuration: Configuration) -> None:
    text = GOOD.replace("sqlite:///", "file:///").replace('*.log"]}', '*.log"]}}, b: {{paths: [/b]}')
    (problem,) = configuration.problems(text)
    assert "sinks.out: a file sink accepts the lines of one pipeline only, but app and b use it" in problem


@pytest.mark.parametrize(
    "url",
    [
        "elasticsearch://ann:s3cret@es:9200/logs",
        "elasticsearch://ann:s3cret@es:port/logs",
        "mongodb://ann:s3cret@h/db?colection=c",
    ],
)
def test_no_secret_is_ever_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str) -> None:
    main(["check", "/a.log", "--to", url, "--state-dir", str(tmp_path)])
    said = capsys.readouterr()
    assert "s3cret" not in said.out + said.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "write `sidecar run PATH --to URL`, or pass a configuration"),
        (["run", "/a.log"], "--to URL is missing"),
        (["run", "--to", "stdout:"], "PATH is missing"),
        (["run", "/a.log", "--to", "stdout:", "--config", "x"], "cannot be combined with --config"),
        (["check", "--config", "/no/such/file"], "/no/such/file: cannot be read (No such file or directory)"),
        (["check", "/a", "--to", "stdout:", "--to", "sqlite:nonsense"], "--to: URL 2: "),
    ],
)
def test_wrong_usage_ends_with_2_and_a_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main([*arguments, "--state-dir", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


def test_an_unknown_command_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["rum"])
    assert ended.value.code == 2
    assert "run" in capsys.readouterr().err


def test_check_connect_reports_why_a_sink_is_unavailable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--to", "elasticsearch://127.0.0.1:1/logs", "--to", f"sqlite:///{tmp_path}/x.db"]
    assert main(["check", "/a.log", *options, "--connect", "--state-dir", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert "127.0.0.1:1" in said.err
    assert "accepts documents" in said.out


def test_check_warns_of_a_write_concern_that_can_lose_documents(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "/a.log", "--to", "mongodb://h/db?w=1", "--state-dir", str(tmp_path)]) == 0
    assert "write_concern: majority" in capsys.readouterr().err


def test_explain_shows_documents_ids_targets_and_what_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.log").write_text('{"time":"2026-11-23T23:30:00-01:00","n":64.40}\n\nbroken\n')
    arguments = [
        "explain",
        str(tmp_path / "a.log"),
        "--parser",
        "json",
        "--to",
        "elasticsearch://h/logs-%Y.%m.%d",
        "--json",
    ]
    assert main(arguments) == 0
    first, empty, broken = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["offset"], first["end"], first["id"]) == (0, 47, "0-0")
    assert '"n":64.40' in first["document"]
    assert list(first["target"].values()) == ["logs-2026.11.24"]
    assert (empty["outcome"], empty["reason"]) == ("skipped", "empty")
    assert broken["error"] == "the line is not one JSON object"


def test_the_schema_knows_every_sink_and_every_setting_of_a_pipeline() -> None:
    found, left_out = build_schema()
    assert left_out == []
    assert {"sink_elasticsearch", "sink_mongodb", "sink_sqlite", "sink_file", "sink_stdout"} <= found["$defs"].keys()
    assert "paths" in found["$defs"]["PipelineSettings"]["properties"]
    assert all("description" in item for item in found["$defs"]["PipelineSettings"]["properties"].values())


def test_plugins_lists_what_is_built_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins"]) == 0
    said = capsys.readouterr().out
    assert all(
        name in said for name in ("elasticsearch", "mongodb", "sqlite", "file", "stdout", "nginx", "kubernetes")
    )


def test_the_number_of_files_that_each_path_matches_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.log", "b.log", "b.log.gz"):
        (tmp_path / name).touch()
    (tmp_path / "directory.log").mkdir()
    assert main(["check", f"{tmp_path}/*.log*", f"{tmp_path}/b.log", f"{tmp_path}/none", "--to", "stdout:"]) == 0
    shown = capsys.readouterr().out
    assert f"    {tmp_path}/*.log* matches 2 files now\n" in shown
    assert f"    {tmp_path}/b.log matches 1 file now\n" in shown
    assert f"    {tmp_path}/none matches 0 files now\n" in shown


@pytest.mark.parametrize(
    ("sink", "shown"),
    [
        ("elasticsearch://es/logs/app", " (index app, path of the gateway /logs)"),
        ("{type: elasticsearch, hosts: ['http://es/a', 'http://es2/b'], data_stream: {dataset: shop} }",
         " (data stream logs-shop-default, path of the gateway /a, /b)"),
        ("elasticsearch://es/app", ""),
        ("mongodb://db/logs", ""),
    ],
)  # fmt: skip
def test_what_is_taken_for_the_path_of_a_gateway_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sink: str, shown: str
) -> None:
    text = GOOD.replace('"sqlite:///{folder}/logs.db"', sink).replace("{folder}", str(tmp_path))
    (tmp_path / "sidecar.yaml").write_text(text.replace("{{", "{").replace("}}", "}"))
    assert main(["check", "--config", str(tmp_path / "sidecar.yaml")]) == 0
    [line] = [line for line in capsys.readouterr().out.splitlines() if "to out" in line]
    assert ("(" in line) == bool(shown)
    assert line.endswith(shown)
