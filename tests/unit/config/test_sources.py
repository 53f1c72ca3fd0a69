"""Settings come from five sources in a fixed order, and each problem is named by its true source."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sidecar.cli import main
from sidecar.config.loader import CommandLine, load
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError

FILE = """\
limits:
  memory: 1MiB
sinks:
  out: sqlite:////nowhere/logs.db
pipelines:
  app:
    paths: [/var/log/app/*.log]
"""


class Sources:
    """A YAML file, an env file, and a directory of secrets as Kubernetes mounts it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.yaml = folder / "sidecar.yaml"
        self.env_file = folder / "sidecar.env"
        self.secrets = folder / "secrets"
        self.yaml.write_text(FILE)
        self.env_file.write_text("")
        self.secrets.mkdir()

    def mount(self, secrets: dict[str, str], number: int = 1) -> None:
        """Mount a version of a Secret: the files are links to `..data/NAME`, and `..data` is a link too."""
        version = self.secrets / f"..2026_11_28_{number}"
        version.mkdir()
        for name, value in secrets.items():
            (version / name).write_text(value)
            if not (self.secrets / name).is_symlink():
                (self.secrets / name).symlink_to(f"..data/{name}")
        link = self.secrets / "..data_tmp"
        link.symlink_to(version.name)
        link.replace(self.secrets / "..data")

    def load(self, *assignments: str, **environ: str) -> Settings:
        """Load all of them."""
        environ = {"SIDECAR_SECRETS_DIR": str(self.secrets), **environ}
        return load(self.yaml, environ, CommandLine({}, assignments, self.env_file))

    def problems(self, *assignments: str, **environ: str) -> list[str]:
        """Return what is wrong with them, with paths relative to their folder."""
        with pytest.raises(ConfigurationError) as refused:
            self.load(*assignments, **environ)
        return [problem.replace(f"{self.folder}/", "") for problem in refused.value.problems]


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return Sources(tmp_path)


def test_a_higher_source_wins_over_each_lower_one(sources: Sources) -> None:
    assert sources.load().limits.memory == 1 << 20
    sources.mount({"LIMITS__MEMORY": "2MiB\n"})
    assert sources.load().limits.memory == 2 << 20
    sources.env_file.write_text("SIDECAR_LIMITS__MEMORY=3MiB\n")
    assert sources.load().limits.memory == 3 << 20
    assert sources.load(SIDECAR_LIMITS__MEMORY="4MiB").limits.memory == 4 << 20
    assert sources.load("limits.memory=5MiB", SIDECAR_LIMITS__MEMORY="4MiB").limits.memory == 5 << 20


def test_the_last_of_two_assignments_wins(sources: Sources) -> None:
    assert sources.load("limits.memory=5MiB", "limits.memory=6MiB").limits.memory == 6 << 20


def test_mappings_of_all_sources_are_merged(sources: Sources) -> None:
    sources.mount({"LIMITS__OPEN_FILES": "64"})
    settings = sources.load("dead_letters.max_size=1GB", SIDECAR_LIMITS__DELETED_FILES="5MiB")
    assert (settings.limits.memory, settings.limits.open_files) == (1 << 20, 64)
    assert (settings.limits.deleted_files, settings.dead_letters.max_size) == (5 << 20, 10**9)


def test_a_secret_of_kubernetes_is_read_again_after_it_was_rotated(sources: Sources) -> None:
    sources.yaml.write_text(FILE.replace("sqlite:////nowhere/logs.db", "elasticsearch://ann@es:9200/logs"))
    for number, password in enumerate(("first", "second"), 1):
        sources.mount({"SINKS__OUT__PASSWORD": f"{password}\n"}, number)
        assert sources.load().sinks["out"].secrets() == [password]


@pytest.mark.parametrize("place", ["environment", "env file", "secret", "assignment"])
def test_a_password_can_be_added_to_a_sink_that_is_a_url(sources: Sources, place: str) -> None:
    sources.yaml.write_text(FILE.replace("sqlite:////nowhere/logs.db", "elasticsearch://ann@es:9200/logs"))
    assignments, environ = list[str](), dict[str, str]()
    match place:
        case "environment":
            environ["SIDECAR_SINKS__OUT__PASSWORD"] = "p"
        case "env file":
            sources.env_file.write_text("SIDECAR_SINKS__OUT__PASSWORD=p\n")
        case "secret":
            sources.mount({"SINKS__OUT__PASSWORD": "p"})
        case _:
            assignments = ["sinks.out.password=p"]
    assert sources.load(*assignments, **environ).sinks["out"].secrets() == ["p"]


def test_a_url_and_another_setting_of_the_sink_may_be_variables(sources: Sources) -> None:
    settings = sources.load(SIDECAR_SINKS__ES="elasticsearch://ann@es:9200/logs", SIDECAR_SINKS__ES__PASSWORD="p")
    assert settings.sinks["es"].destination() == "elasticsearch://es:9200/logs"
    assert settings.sinks["es"].secrets() == ["p"]


@pytest.mark.parametrize(
    ("value", "paths"),
    [
        ("/a,/b", ("/a", "/b")), ("/a, /b,", ("/a", "/b")), ("/a", ("/a",)),
        ('["/a,b", "/c"]', ("/a,b", "/c")), ("[ab]*.log", ("[ab]*.log",)),
    ],
)  # fmt: skip
def test_a_list_may_be_a_text_with_commas_or_json(sources: Sources, value: str, paths: tuple[str, ...]) -> None:
    assert sources.load(SIDECAR_PIPELINES__APP__PATHS=value).pipelines["app"].paths == paths
    assert sources.load(f"pipelines.app.paths={value}").pipelines["app"].paths == paths


def test_every_list_that_has_commas_by_type_has_them_in_yaml_too(sources: Sources) -> None:
    sources.yaml.write_text(FILE.replace("[/var/log/app/*.log]", "/a,/b\n    parser: json,plain\n    sinks: out"))
    pipeline = sources.load().pipelines["app"]
    assert (pipeline.paths, [parser.type for parser in pipeline.parser]) == (("/a", "/b"), ["json", "plain"])
    assert pipeline.sinks == ("out",)


def test_a_mistake_in_a_list_is_one_of_the_source_that_replaces_the_list(sources: Sources) -> None:
    (problem,) = sources.problems(SIDECAR_PIPELINES__APP__PATHS="file:///a,/b")
    assert problem.startswith("environment: SIDECAR_PIPELINES__APP__PATHS")
    assert "is a URL" in problem


def test_a_byte_order_mark_at_the_beginning_of_a_file_is_ignored(sources: Sources) -> None:
    sources.env_file.write_text("\ufeffSIDECAR_LOG_LEVEL=debug\n")
    sources.mount({"LIMITS__MEMORY": "\ufeff2MiB\n"})
    settings = sources.load()
    assert (settings.log_level, settings.limits.memory) == ("debug", 2 << 20)


def test_a_pattern_is_not_split_at_its_comma(sources: Sources) -> None:
    (problem,) = sources.problems("pipelines.app.include_lines=a{1,3}")
    assert problem.startswith("--set: pipelines.app.include_lines: a comma may be part of a pattern")
    assert sources.load('pipelines.app.include_lines=["a{1,3}"]').pipelines["app"].include_lines == ("a{1,3}",)
    assert sources.load("pipelines.app.include_lines=ERROR|WARN").pipelines["app"].include_lines == ("ERROR|WARN",)


def test_an_empty_variable_counts_as_not_set(sources: Sources) -> None:
    sources.env_file.write_text("SIDECAR_LIMITS__MEMORY=\nSIDECAR_STRAY=\n")
    sources.mount({"LIMITS__MEMORY": "\n"})
    assert sources.load(SIDECAR_LIMITS__MEMORY="", SIDECAR_STRAY="", SIDECAR_LOG_LEVEL="").limits.memory == 1 << 20


def test_an_empty_secrets_directory_variable_counts_as_not_set(sources: Sources) -> None:
    assert sources.load(SIDECAR_SECRETS_DIR="").limits.memory == 1 << 20


@pytest.mark.parametrize("level", ["WARN", "Warning", "warn"])
def test_a_level_may_be_written_as_other_programs_do(sources: Sources, level: str) -> None:
    assert sources.load(SIDECAR_LOG_LEVEL=level).log_level == "warning"


def test_variables_of_others_in_an_env_file_are_left_alone(sources: Sources) -> None:
    sources.env_file.write_text("# a comment\nexport OTHER=1\nSIDECAR_GRACE=30\nexport SIDECAR_LOG_LEVEL='error'\n")
    assert sources.load().log_level == "error"


WRONG = "not a size; write it as 64KiB, 16MiB or 1GB"


def test_a_problem_names_the_line_of_the_yaml_key(sources: Sources) -> None:
    sources.yaml.write_text(FILE.replace("1MiB", "lots").replace("paths:", "pahts:"))
    assert sources.problems() == [
        f"sidecar.yaml:2: limits.memory: {WRONG}",
        "sidecar.yaml:6: pipelines.app.paths is missing; add it",
        'sidecar.yaml:7: pipelines.app.pahts is not a setting; did you mean "paths"?',
    ]


def test_a_problem_names_the_variable_the_option_the_line_or_the_secret_file(sources: Sources) -> None:
    name = "SIDECAR_LIMITS__MEMORY"
    assert sources.problems(SIDECAR_LIMITS__MEMORY="lots") == [f"environment: {name}: {WRONG}"]
    assert sources.problems("limits.memory=lots") == [f"--set: limits.memory: {WRONG}"]
    sources.env_file.write_text(f"# first\n\n{name}=lots\n")
    assert sources.problems() == [f"sidecar.env:3: {name}: {WRONG}"]
    sources.env_file.write_text("")
    sources.mount({"LIMITS__MEMORY": "lots"})
    assert sources.problems() == [f"secrets/LIMITS__MEMORY: limits.memory: {WRONG}"]


def test_the_source_that_wins_is_the_one_that_is_named(sources: Sources) -> None:
    sources.yaml.write_text(FILE.replace("1MiB", "lots"))
    assert sources.load(SIDECAR_LIMITS__MEMORY="4MiB").limits.memory == 4 << 20
    assert sources.problems(SIDECAR_LIMITS__MEMORY="more") == [f"environment: SIDECAR_LIMITS__MEMORY: {WRONG}"]


def test_a_problem_inside_of_json_names_the_path_below_the_variable(sources: Sources) -> None:
    (problem,) = sources.problems(SIDECAR_PIPELINES__APP__PARSER='[{"type": "json", "targt": "a"}]')
    assert problem == 'environment: SIDECAR_PIPELINES__APP__PARSER.0.targt is not a setting; did you mean "target"?'


def test_stray_names_of_all_sources_are_reported_together(sources: Sources) -> None:
    sources.env_file.write_text("SIDECAR_LIMTS__MEMORY=1\n")
    sources.mount({"LIMTS__MEMORY": "1"})
    assert sources.problems("limts.memory=1", SIDECAR_LIMTS__MEMORY="1") == [
        '--set: limts.memory is not a setting; did you mean "limits"?',
        'environment: SIDECAR_LIMTS__MEMORY is not a setting; did you mean "SIDECAR_LIMITS"?',
        'sidecar.env:1: SIDECAR_LIMTS__MEMORY is not a setting; did you mean "SIDECAR_LIMITS"?',
        'secrets/LIMTS__MEMORY: the name of this file is not a setting; did you mean "LIMITS"?',
    ]


def test_a_sink_problem_names_the_sink_and_all_sinks_are_checked(sources: Sources) -> None:
    sources.yaml.write_text(
        FILE.replace(
            "sqlite:////nowhere/logs.db",
            "{type: elasticsearch, hosts: es, index: Logs/app}\n  bus: {type: nats}\n"
            "  db:\n    type: sqlite\n    path: /a\n    tabel: x",
        )
    )
    index, nats, table = sources.problems()
    assert index.startswith("sidecar.yaml:4: sinks.out.index is not a valid index name; use lower case")
    assert nats.startswith('sidecar.yaml:5: sinks.bus.type: there is no sink "nats"; known are elasticsearch, file,')
    assert table == 'sidecar.yaml:9: sinks.db.tabel is not a setting; did you mean "table"?'


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SINKS__OUT", "s3cretword"),
        ("SINKS__OUT", "s3cretword://ann:s3cretword@es:9200/logs"),
        ("SINKS__OUT", '{"type": "s3cretword", "s3cretkey": "s3cretword"}'),
        ("SINKS__OUT__TYPE", "s3cretword"),
        ("PIPELINES__APP__PARSER", "s3cretword"),
        ("PIPELINES__APP__PARSER", '{"type": "json", "s3cretkey": 1}'),
        ("PIPELINES__APP__TIMESTAMP__FORMATS", "s3cretword"),
        ("PIPELINES__APP__SINKS", "s3cretword"),
        ("LOG_LEVEL", "s3cretword"),
        ("PIPELINES__APP__TRANSFORMS", '[{"rename": {"a": "s3cretword..b"}}]'),
    ],
)
def test_no_value_of_a_secret_file_is_shown(sources: Sources, name: str, value: str) -> None:
    sources.mount({name: value})
    problems = sources.problems()
    assert all(problem.startswith(f"secrets/{name}: ") for problem in problems)
    assert "s3cret" not in str(problems)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("SINKS__OOUT__URL_", 'SIDECAR_SINKS__OOUT__URL_: sinks.oout: there is no sink "oout"; did you mean "out"?'),
        ("PIPELINES__APPS__PARSER", 'pipelines.apps.paths: there is no pipeline "apps"; did you mean "app"?'),
        ("PIPELINES__OTHER__PARSER", "SIDECAR_PIPELINES__OTHER__PARSER: pipelines.other.paths is missing; add it"),
        ("SINKS__OTHER__INDEX", "SIDECAR_SINKS__OTHER__INDEX: sinks.other: needs a `type` or a `url`; types are"),
    ],
)
def test_a_misspelled_sink_or_pipeline_in_a_variable_is_suggested(sources: Sources, name: str, problem: str) -> None:
    (found,) = sources.problems(**{f"SIDECAR_{name}": "plain"})
    assert found.startswith(f"environment: SIDECAR_{name}: ")
    assert problem in found


def test_an_incomplete_sink_of_the_file_is_not_called_misspelled(sources: Sources) -> None:
    sources.yaml.write_text(FILE.replace("pipelines:", "  outs: {table: x}\npipelines:"))
    (problem,) = sources.problems(SIDECAR_SINKS__OUT__TABLE="x")
    assert "sinks.outs: needs a `type` or a `url`" in problem


def test_a_secret_file_with_the_prefix_of_variables_is_explained(sources: Sources) -> None:
    sources.mount({"SIDECAR_LIMITS__MEMORY": "1MiB"})
    (problem,) = sources.problems()
    assert problem.endswith(
        "secrets/SIDECAR_LIMITS__MEMORY: the name of this file is not a setting; remove SIDECAR_ from it"
    )


def test_a_secrets_directory_that_cannot_be_read_is_a_problem(sources: Sources) -> None:
    (problem,) = sources.problems(SIDECAR_SECRETS_DIR="/no/such/directory")
    assert problem.startswith("environment: SIDECAR_SECRETS_DIR: the directory /no/such/directory cannot be read")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SIDECAR_LOG_LEVEL='debug\n", "sidecar.env:1: does not have the format NAME=VALUE"),
        (None, "sidecar.env: cannot be"),
    ],
)
def test_an_env_file_that_cannot_be_used_is_a_problem(sources: Sources, text: str | None, said: str) -> None:
    if text is None:
        sources.env_file.unlink()
    else:
        sources.env_file.write_text(text)
    (problem,) = sources.problems()
    assert problem.startswith(said)


@pytest.mark.parametrize("assignment", ["limits.memory", "=1", "limits..memory=1"])
def test_an_assignment_without_a_name_or_a_value_is_a_problem(sources: Sources, assignment: str) -> None:
    assert sources.problems(assignment) == [
        "--set: does not have the format NAME=VALUE; write for example --set limits.memory=32MiB"
    ]


def test_a_file_named_env_is_not_read_unless_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("SIDECAR_LOG_LEVEL=loud\n")
    arguments = ["check", "/a.log", "--to", "stdout:", "--state-dir", str(tmp_path)]
    assert main(arguments) == 0
    assert main([*arguments, "--env-file", ".env"]) == 2
    assert ".env:1: SIDECAR_LOG_LEVEL must be" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "explain"])
def test_commands_take_assignments(tmp_path: Path, command: str, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.log").write_text('{"a": 1}\n')
    arguments = [command, str(tmp_path / "a.log"), "--to", "stdout:", "--set", "pipelines.default.parser=json"]
    assert main([*arguments, "--state-dir", str(tmp_path)]) == 0
    assert "json" in capfd.readouterr().out


def test_settings_that_are_given_as_values_do_not_depend_on_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SIDECAR_LOG_LEVEL", "debug")
    monkeypatch.setitem(os.environ, "LOG_LEVEL", "debug")
    values = {"sinks": {"out": "stdout:"}, "pipelines": {"app": {"paths": ["/a"]}}}
    assert Settings.model_validate(values).log_level == "info"


class TestNamesThatAVariableCannotHave:
    """Names of pipelines and sinks with capitals, hyphens or dots."""

    @pytest.fixture
    def sources(self, tmp_path: Path) -> Sources:
        sources = Sources(tmp_path)
        sources.yaml.write_text(
            "sinks: {My-Search: elasticsearch://es:9200/logs}\n"
            "pipelines: {Web.App: {paths: [/a]}, other: {paths: [/b]}}\n"
        )
        return sources

    def test_a_variable_an_env_file_and_a_secret_mean_the_name_of_the_file(self, sources: Sources) -> None:
        sources.env_file.write_text("SIDECAR_PIPELINES__WEB_APP__KEEP_EMPTY=true\n")
        sources.mount({"SINKS__MY_SEARCH__PASSWORD": "s3cret", "SINKS__MY_SEARCH__USERNAME": "u"})
        settings = sources.load(SIDECAR_PIPELINES__WEB_APP__PARSER="json", SIDECAR_SINKS__MY_SEARCH__LINGER="1s")
        pipeline, sink = settings.pipelines["Web.App"], settings.sinks["My-Search"]
        assert (pipeline.parser[0].type, pipeline.keep_empty) == ("json", True)
        assert (sink.linger, sink.secrets()) == (1.0, ["s3cret"])
        assert (list(settings.pipelines), list(settings.sinks)) == (["Web.App", "other"], ["My-Search"])

    def test_a_name_as_it_is_written_comes_before_a_similar_one(self, sources: Sources) -> None:
        sources.yaml.write_text(
            "sinks: {out: 'stdout:'}\npipelines: {my-app: {paths: [/a]}, my_app: {paths: [/b]}}\n"
        )
        settings = sources.load(SIDECAR_PIPELINES__MY_APP__PARSER="json")
        assert [settings.pipelines[name].parser[0].type for name in ("my-app", "my_app")] == ["plain", "json"]

    def test_a_name_that_the_file_does_not_have_is_new(self, sources: Sources) -> None:
        settings = sources.load(SIDECAR_PIPELINES__MORE__PATHS="/c")
        assert sorted(settings.pipelines) == ["Web.App", "more", "other"]

    def test_two_names_that_fit_are_a_problem(self, sources: Sources) -> None:
        sources.yaml.write_text(
            "sinks: {out: 'stdout:'}\npipelines: {my-app: {paths: [/a]}, My.App: {paths: [/b]}}\n"
        )
        assert sources.problems(SIDECAR_PIPELINES__MY_APP__PARSER="json") == [
            "environment: SIDECAR_PIPELINES__MY_APP__PARSER can mean my-app or My.App; "
            "use --set pipelines.my-app.NAME=VALUE"
        ]

    def test_a_problem_names_the_variable(self, sources: Sources) -> None:
        assert sources.problems(SIDECAR_PIPELINES__WEB_APP__MAX_LINE="lots") == [
            "environment: SIDECAR_PIPELINES__WEB_APP__MAX_LINE: not a size; write it as 64KiB, 16MiB or 1GB"
        ]
        assert sources.problems(SIDECAR_PIPELINES__WEB_APP__PARSR="json") == [
            'environment: SIDECAR_PIPELINES__WEB_APP__PARSR is not a setting; did you mean "parser"?'
        ]
