"""Documentation cannot rot: every setting, name and command is in it, and the README says what is true."""

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from sidecar.cli import COMMANDS, main
from sidecar.config.pipeline import RuleTest
from sidecar.convert.variables import required_names
from sidecar.decode.presets import PRESET_NAMES
from sidecar.decode.settings import MultilineSettings
from sidecar.lib.conversions import FieldType
from sidecar.lib.settings_model import field_descriptions
from sidecar.parse.settings import BUILT_IN as PARSERS
from sidecar.sinks import registry
from sidecar.transform.field_settings import HashFieldsOptions, HostOptions, KubernetesOptions, SampleOptions
from sidecar.transform.redaction.detectors import DETECTORS
from sidecar.transform.registry import KINDS
from tests.support import commands_reference, metrics_reference, supported_logs
from tests.support.settings_reference import TABLES, table_names, with_tables

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("", "docs/**", "deploy/**", "examples/**")
    for path in ROOT.glob(f"{folder}/*.md".removeprefix("/"))
)
TRANSFORMS = (ROOT / "docs" / "reference" / "transforms.md").read_text()
CONFIGURATION = (ROOT / "docs" / "reference" / "configuration.md").read_text()


def test_the_tables_of_settings_are_those_of_the_source() -> None:
    assert with_tables(CONFIGURATION) == CONFIGURATION, "run make docs"


def test_the_tables_of_commands_are_those_of_their_parsers() -> None:
    page = commands_reference.PAGE.read_text(encoding="utf-8")
    assert commands_reference.with_tables(page) == page, "run make docs"
    names = commands_reference.names_of_option_tables()
    assert sorted(commands_reference.table_names(page)) == sorted(["common options", "exit codes", *names])


def test_the_rows_of_metrics_are_those_of_the_source() -> None:
    page = metrics_reference.PAGE.read_text(encoding="utf-8")
    assert metrics_reference.with_rows(page) == page, "run make docs"
    assert sorted(metrics_reference.names_on(page)) == sorted(metrics_reference.metric_names())


def test_every_model_and_sink_has_a_table() -> None:
    first = {registry.resolve(name).settings: name for name in reversed(registry.names())}
    with_settings = [name for settings, name in first.items() if len(settings.model_fields) > 4]
    assert sorted(table_names(CONFIGURATION)) == sorted([*TABLES, *(f"sink {name}" for name in with_settings)])


@pytest.mark.parametrize("model", [*TABLES.values(), *(registry.resolve(name).settings for name in registry.names())])
def test_every_setting_has_a_meaning(model: type[BaseModel]) -> None:
    assert all(field_descriptions(model).get(name) for name in model.model_fields)


def test_every_setting_of_a_rule_test_is_documented() -> None:
    page = (ROOT / "docs" / "testing-rules.md").read_text()
    assert all(f"| `{name}` |" in page and field_descriptions(RuleTest)[name] for name in RuleTest.model_fields)


def test_every_sink_and_parser_has_its_place() -> None:
    parsers = (ROOT / "docs" / "reference" / "parsers.md").read_text()
    assert all(f"### `{name}`" in CONFIGURATION for name in registry.names())
    assert all(f"| `{name}` |" in parsers for name in [*PARSERS, *PRESET_NAMES])
    assert all(f"| `{name}` |" in CONFIGURATION for name in DETECTORS)


def test_the_setting_of_multiline_events_names_every_preset() -> None:
    assert all(f"`{name}`" in field_descriptions(MultilineSettings)["preset"] for name in PRESET_NAMES)


def test_the_page_of_supported_logs_is_that_of_the_corpus() -> None:
    assert supported_logs.PAGE.read_text(encoding="utf-8") == supported_logs.render(), "run make docs"


def test_every_transform_has_its_section() -> None:
    assert all(f"\n## `{name}`\n" in TRANSFORMS and f"](#{name})" in TRANSFORMS for name in KINDS)
    assert all(f"| `{kind}` |" in TRANSFORMS for kind in get_args(FieldType))


@pytest.mark.parametrize("model", [HashFieldsOptions, SampleOptions, HostOptions, KubernetesOptions])
def test_every_option_of_a_transform_is_documented_with_its_meaning(model: type[BaseModel]) -> None:
    explained = field_descriptions(model)
    for name in model.model_fields:
        assert f"| `{name}` |" in TRANSFORMS, f"{model.__name__}.{name}"
        assert explained.get(name), f"{model.__name__}.{name}"


def test_the_readme_is_short_and_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme
    assert "make test" in readme
    assert len(readme.splitlines()) <= 150


def test_every_test_that_the_reliability_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[^`:]+\.py)::(test_\w+)`", (ROOT / "docs" / "design" / "reliability.md").read_text())
    assert len(named) > 20
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"


def test_every_test_that_the_threat_model_names_is_there() -> None:
    rows = [line for line in (ROOT / "docs" / "threat-model.md").read_text().splitlines() if line.count(" | ") >= 4]
    assert len(rows) > 20
    guide = (ROOT / "docs" / "how-to" / "webhook.md").read_text().partition("## What it protects")[2]
    more = [line for line in guide.splitlines() if line.startswith("| ")]
    assert len(more) > 8
    for row in rows[2:] + more[2:]:
        named = re.findall(r"`(tests/[^`:]+)(?:::(test_\w+))?`", row)
        assert named, f"no test is named in: {row}"
        for path, name in named:
            assert (ROOT / path).is_file(), path
            assert not name or f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: str) -> None:
    source = ROOT / page
    text = re.sub(r"`[^`\n]+`", "``", source.read_text())  # code has no links
    for path, heading in re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)", text):
        target = (source.parent / path).resolve() if path else source
        assert target.exists(), path
        if heading and target.suffix == ".md":
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, heading


def test_the_index_links_to_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    missing = [page for page in pages if f"]({page})" not in index and not page.startswith("design/decisions/0")]
    assert missing == ["index.md"]


def test_the_architecture_has_a_row_for_each_package_and_names_modules_that_exist() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.*) \|$", (ROOT / "docs" / "design" / "architecture.md").read_text(), re.MULTILINE
    )
    package = ROOT / "sidecar"
    packages = [path.parent.name for path in package.glob("*/__init__.py")]
    assert sorted(name for name, _ in rows) == sorted([*packages, "errors"])
    for name, cells in rows:
        for module in re.findall(r"`([a-z_]+)/?`", cells.rpartition(" | ")[2]):
            assert any((package / name).glob(f"{module}*")), f"{name}: {module}"


def test_the_decisions_are_listed_and_numbered() -> None:
    folder = ROOT / "docs" / "design" / "decisions"
    listed = re.findall(r"\| \[(\d{4})\]\((\1-[a-z0-9-]+\.md)\) \| (.*) \|", (folder / "README.md").read_text())
    assert [name for _, name, _ in listed] == sorted(path.name for path in folder.glob("[0-9]*.md"))
    for number, name, title in listed:
        assert (folder / name).read_text().startswith(f"# {int(number)}. {title}\n")


def configurations() -> list[str]:
    """Every block of YAML in the documentation that is a whole configuration."""
    blocks = [
        block
        for page in PAGES
        for block in re.findall(r"^```yaml\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    ]
    return [
        block for block in blocks if re.search(r"^sinks:", block, re.M) and re.search(r"^pipelines:", block, re.M)
    ]


@pytest.mark.parametrize("configuration", configurations())
def test_every_configuration_in_the_documentation_is_valid(
    configuration: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "sidecar.yaml"
    for name in required_names(configuration):
        monkeypatch.setenv(name, "value")
    file.write_text(re.sub(r"^state_dir: .*$", f"state_dir: {tmp_path}/state", configuration, flags=re.M))
    assert main(["check", "--config", str(file)]) == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_section(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert COMMANDS[command].split(";")[0] in " ".join(shown.split())
    page = commands_reference.PAGE.read_text(encoding="utf-8")
    (section,) = (text for text in page.split("\n## ") if text.startswith(f"`{command}`\n"))
    assert section.count("<!-- generated: ") == section.count(f"<!-- generated: options of {command} -->")
