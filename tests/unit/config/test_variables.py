"""Variables in the configuration file: their values are data, and each mistake names its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.loader import load
from sidecar.config.settings import Settings
from sidecar.config.variables import replace_variables
from sidecar.errors import ConfigurationError
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings
from sidecar.sinks.sqlite import SQLiteSettings

ENVIRON = {"HOST": "es", "EMPTY": "", "ODD": "a: [b, {c}] # ${HOST} $$ \n'\"", "N": "7"}


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("${HOST}", "es"),
        ("http://${HOST}:9200/${HOST}", "http://es:9200/es"),
        ("${EMPTY}", ""),
        ("${EMPTY:-none}", "none"),
        ("${MISSING:-}", ""),
        ("${MISSING:-a b:-c?}", "a b:-c?"),
        ("${HOST:-none}", "es"),
        ("${HOST:?set it}", "es"),
        ("$${HOST}", "${HOST}"),
        ("$$$${HOST}", "$${HOST}"),
        ("$$${HOST}", "$es"),
        ("${ODD}", ENVIRON["ODD"]),
        (r"^\d+$", r"^\d+$"),
        ("costs $5, $HOST, %{HOST} and $", "costs $5, $HOST, %{HOST} and $"),
    ],
)
def test_a_text_is_expanded_as_in_compose(text: str, expanded: str) -> None:
    assert replace_variables(text, ENVIRON) == expanded


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${MISSING}", "the variable MISSING is not set; set it, or write a default, as in ${MISSING:-default}"),
        ("${EMPTY:?ask the team}", "the variable EMPTY is empty or not set: ask the team"),
        ("${MISSING:?}", "the variable MISSING is empty or not set: it is required"),
        ("${HOST", "has ${ without the name of a variable and }"),
        ("${}", "has ${ without the name of a variable and }"),
        ("${1A}", "has ${ without the name of a variable and }"),
        ("${HOST-x}", "has ${ without the name of a variable and }"),
    ],
)
def test_a_mistake_is_one_sentence_that_does_not_quote_the_text(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        replace_variables(f"secret {text}", ENVIRON)
    assert str(refused.value).startswith(problem)
    assert "secret" not in str(refused.value)


@given(st.text(st.characters(codec="utf-8")))
def test_every_text_can_be_written_and_every_value_passes_unchanged(text: str) -> None:
    assert replace_variables(text.replace("$", "$$"), {}) == text
    assert replace_variables("<${VALUE}>", {"VALUE": text}) == f"<{text}>"


class Configuration:
    """A YAML file in a folder."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "sidecar.yaml"

    def load(self, text: str, **environ: str) -> Settings:
        self.file.write_text(text)
        return load(self.file, environ)

    def problems(self, text: str, **environ: str) -> list[str]:
        with pytest.raises(ConfigurationError) as refused:
            self.load(text, **environ)
        return [problem.removeprefix(f"{self.file.parent}/") for problem in refused.value.problems]


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return Configuration(tmp_path)


def test_values_are_data_whatever_they_contain(configuration: Configuration) -> None:
    settings = configuration.load(
        """
sinks:
  out: {type: elasticsearch, hosts: "${HOST}", index: a, username: u, password: "${PASSWORD}", batch_records: "${N}"}
pipelines:
  app: {paths: ["${LOGS}"], transforms: [{add: {team: "${TEAM}", n: 5}}]}
""",
        HOST="es", PASSWORD="x}: [", N="70", LOGS="/a*/{b}, c/*.log", TEAM="${HOST}\n- a: 5",
    )  # fmt: skip
    out = settings.sinks["out"]
    assert isinstance(out, ElasticsearchSettings)
    assert out.password is not None
    assert (out.password.get_secret_value(), out.batch_records) == ("x}: [", 70)
    assert settings.pipelines["app"].paths == ("/a*/{b}, c/*.log",)
    (added,) = settings.pipelines["app"].model_dump(by_alias=True)["transforms"]
    assert added["add"] == {"team": "${HOST}\n- a: 5", "n": 5}


def test_all_unset_variables_are_named_with_their_lines(configuration: Configuration) -> None:
    assert configuration.problems("sinks:\n  out: '${A}'\npipelines:\n  app:\n    paths: ['${B:?the logs}']\n") == [
        "sidecar.yaml:2: the variable A is not set; set it, or write a default, as in ${A:-default}",
        "sidecar.yaml:5: the variable B is empty or not set: the logs",
    ]


def test_a_mistake_in_an_expanded_value_names_its_line_and_not_the_value(configuration: Configuration) -> None:
    (problem,) = configuration.problems(
        "sinks:\n  out: '${URL}'\npipelines: {app: {paths: /a}}\n", URL="elasticsearch://u:secret/x@h"
    )
    assert problem.startswith("sidecar.yaml:2: sinks.out")
    assert "secret" not in problem


def test_anchors_are_expanded_once_and_merged(configuration: Configuration) -> None:
    settings = configuration.load(
        """
sinks: {out: "sqlite:////a.db"}
pipelines:
  one: &all {paths: &paths ["/$${A}x/${A}"], max_line: 2KiB, parser: json}
  two: {<<: *all, parser: plain}
  three: {<<: [*all], paths: *paths, max_line: 3KiB}
""".replace("$${A}x", "$$x"),
        A="a",
    )
    assert {pipeline.paths for pipeline in settings.pipelines.values()} == {("/$x/a",)}
    assert [settings.pipelines[name].max_line for name in ("one", "two", "three")] == [2048, 2048, 3072]
    assert [settings.pipelines[name].parser[0].type for name in ("one", "two", "three")] == ["json", "plain", "json"]


@pytest.mark.parametrize("home", ["~", "$HOME", "${HOME}"])
def test_the_home_directory_begins_paths(
    configuration: Configuration, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("HOME", "/home/ann[1]")
    text = f"""
state_dir: "{home}/state"
sinks: {{url: "sqlite:///{home}/logs.db", path: {{type: sqlite, path: "{home}/logs.db"}}}}
pipelines: {{app: {{paths: ["{home}/*.log"], exclude: "~x", keep_links: "{home}/links"}}}}
"""
    settings: Any = configuration.load(text, HOME="/home/ann[1]")
    assert settings.state_dir == Path("/home/ann[1]/state")
    assert {sink.path for sink in settings.sinks.values()} == {Path("/home/ann[1]/logs.db")}
    assert all(isinstance(sink, SQLiteSettings) for sink in settings.sinks.values())
    assert settings.pipelines["app"].exclude == ("~x",)
    assert settings.pipelines["app"].keep_links == Path("/home/ann[1]/links")
    if home != "${HOME}":  # the value of a variable may contain a pattern
        assert settings.pipelines["app"].paths == ("/home/ann[[]1]/*.log",)
