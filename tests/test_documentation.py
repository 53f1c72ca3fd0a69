"""Documentation cannot rot: every setting, name and command is in it, and the README says what is true."""

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from sidecar.cli import COMMANDS
from sidecar.config.admin import AdminSettings, MetricsSettings, OtlpSettings, TlsSettings
from sidecar.config.limits import DeadLetterSettings, DrainSettings, ResourceLimits
from sidecar.config.pipeline import PipelineSettings, RuleTest
from sidecar.config.settings import Settings
from sidecar.decode.presets import PRESETS
from sidecar.decode.settings import MultilineSettings
from sidecar.lib.conversions import Kind
from sidecar.lib.settings_model import field_descriptions
from sidecar.parse.settings import BUILT_IN as PARSERS
from sidecar.parse.settings import (
    ContainerSettings,
    CsvSettings,
    DissectSettings,
    GrokSettings,
    JsonSettings,
    LogfmtSettings,
    RegexSettings,
    TimestampSettings,
)
from sidecar.sinks import registry
from sidecar.transform.field_settings import HashFieldsOptions, HostOptions, KubernetesOptions, SampleOptions
from sidecar.transform.redaction.detectors import DETECTORS
from sidecar.transform.redaction.settings import RedactionRuleSettings, RedactSettings
from sidecar.transform.registry import KINDS

ROOT = Path(__file__).parents[1]
TRANSFORMS = (ROOT / "docs" / "reference" / "transforms.md").read_text()
CONFIGURATION = (ROOT / "docs" / "reference" / "configuration.md").read_text()
MODELS: list[type[BaseModel]] = [
    Settings,
    AdminSettings,
    TlsSettings,
    MetricsSettings,
    OtlpSettings,
    ResourceLimits,
    DeadLetterSettings,
    DrainSettings,
    PipelineSettings,
    MultilineSettings,
    RedactSettings,
    RedactionRuleSettings,
    JsonSettings,
    RegexSettings,
    GrokSettings,
    DissectSettings,
    CsvSettings,
    LogfmtSettings,
    ContainerSettings,
    TimestampSettings,
]


@pytest.mark.parametrize("model", [*MODELS, *(registry.resolve(name).settings for name in registry.names())])
def test_every_setting_is_documented_with_its_meaning(model: type[BaseModel]) -> None:
    explained = field_descriptions(model)
    for name in model.model_fields:
        assert f"`{name}`" in CONFIGURATION, f"{model.__name__}.{name}"
        assert explained.get(name), f"{model.__name__}.{name}"


def test_every_setting_of_a_rule_test_is_documented() -> None:
    page = (ROOT / "docs" / "testing-rules.md").read_text()
    assert all(f"| `{name}` |" in page and field_descriptions(RuleTest)[name] for name in RuleTest.model_fields)


def test_every_sink_and_parser_has_its_place() -> None:
    parsers = (ROOT / "docs" / "reference" / "parsers.md").read_text()
    assert all(f"### `{name}`" in CONFIGURATION for name in registry.names())
    assert all(f"| `{name}` |" in parsers for name in [*PARSERS, *PRESETS])
    assert all(f"| `{name}` |" in CONFIGURATION for name in DETECTORS)


def test_every_transform_has_its_section() -> None:
    assert all(f"\n## `{name}`\n" in TRANSFORMS and f"](#{name})" in TRANSFORMS for name in KINDS)
    assert all(f"| `{kind}` |" in TRANSFORMS for kind in get_args(Kind))


@pytest.mark.parametrize("model", [HashFieldsOptions, SampleOptions, HostOptions, KubernetesOptions])
def test_every_option_of_a_transform_is_documented_with_its_meaning(model: type[BaseModel]) -> None:
    explained = field_descriptions(model)
    for name in model.model_fields:
        assert f"| `{name}` |" in TRANSFORMS, f"{model.__name__}.{name}"
        assert explained.get(name), f"{model.__name__}.{name}"


def test_the_readme_names_the_two_commands_and_links_to_what_is_there() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme
    assert "make test" in readme
    for word in readme.replace("(", " ").replace(")", " ").split():
        if word.startswith(("docs/", "examples/", "deploy/")):
            assert (ROOT / word.rstrip(".,;`")).exists(), word


def test_every_test_that_the_reliability_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[^`:]+\.py)::(test_\w+)`", (ROOT / "docs" / "design" / "reliability.md").read_text())
    assert len(named) > 20
    for path, name in named:
        assert f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"


def test_every_test_that_the_threat_model_names_is_there() -> None:
    rows = [line for line in (ROOT / "docs" / "threat-model.md").read_text().splitlines() if line.count(" | ") >= 4]
    assert len(rows) > 20
    for row in rows[2:]:
        named = re.findall(r"`(tests/[^`:]+)(?:::(test_\w+))?`", row)
        assert named, f"no test is named in: {row}"
        for path, name in named:
            assert (ROOT / path).is_file(), path
            assert not name or f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/threat-model.md", "deploy/README.md"])
def test_pages_on_security_link_to_headings_that_are_there(page: str) -> None:
    place = ROOT / page
    for path, heading in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", place.read_text()):
        target = (place.parent / path).resolve() if path else place
        assert target.exists(), path
        if heading:
            titles = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, heading


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_what_it_does(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    from sidecar.cli import main

    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert COMMANDS[command].split(";")[0] in " ".join(capsys.readouterr().out.split())
