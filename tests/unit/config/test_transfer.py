"""Settings that another process has validated are the same settings, in a process without pydantic as well."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.cli.settings import load_settings
from sidecar.cli.settings_worker import answer, read_options
from sidecar.config.checked import decode_checked, describe_settings
from sidecar.config.settings import Settings
from sidecar.config.transfer import decode_settings, encode_settings
from sidecar.errors import ConfigurationError
from sidecar.lib.declarations import BaseModel, SecretStr
from sidecar.lib.settings_model import SettingsModel
from sidecar.sinks import registry
from tests.support.builders.supervisor import build_settings

_CONFIGURATION: dict[str, Any] = {
    "state_dir": "/state",
    "admin": {"listen": 9600, "hosts": "sidecar"},
    "sinks": {
        "es": {
            "url": "elasticsearch+https://user:secret@es:9200/logs-%Y",
            "headers": {"x-tenant": "blue"},
            "setup": {"rollover_age": "7d"},
            "require_alias": True,
        },
        "mongo": "mongodb://mongo:27017/logs?collection=app",
        "sqlite": "sqlite:///tmp/logs.db",
    },
    "pipelines": {
        "app": {
            "paths": "/logs/*.log",
            "parser": ["json", {"type": "csv", "columns": ["a", "b"], "types": {"a": "integer"}}],
            "multiline": {"continuation": '^[\\s"\x7f]'},
            "timestamp": {"field": "time", "formats": "iso8601,epoch", "zones": {"IST": "+05:30"}},
            "transforms": [
                "kubernetes",
                {"add": {"labels": {"team": "blue"}, "when": None}},
                {"redact": [{"name": "email"}, "password"]},
                {"copy": {"a": "b"}},
                {"drop_when": 'level == "debug"'},
            ],
            "tests": [{"name": "one", "input": "{}", "expect": [{"a": 1}], "now": "2026-11-24T12:00:00Z"}],
        },
        "container": {"paths": "/c/*.log", "parser": {"type": "cri", "content": "nginx"}, "sinks": ["es"]},
    },
}

_PLAIN = """
import json, sys
from sidecar.lib.plain_settings import use_plain_settings
use_plain_settings()
from sidecar.config.transfer import decode_settings
from sidecar.config.settings import Settings
settings = decode_settings(sys.stdin.read())
app = settings.pipelines["app"]
print(json.dumps({
    "is_equal": settings == settings.model_copy(update={}) and app != settings.pipelines["container"],
    "rules": app.effective_multiline().boundary_rules(),
    "sinks": settings.sinks_of("container"),
    "password": settings.sinks["es"].password.get_secret_value(),
    "shown": f"{settings.sinks['es'].password} {settings.sinks['es'].password!r}",
    "now": app.tests[0].now.isoformat(),
    "modules": [name for name in sys.modules if name.startswith(("pydantic", "yaml", "dotenv"))],
}))
"""


def _run_plain(code: str, text: str = "") -> Any:
    command = [sys.executable, "-c", code]
    return json.loads(subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return build_settings(tmp_path, **_CONFIGURATION)


def test_decoded_settings_are_equal(settings: Settings) -> None:
    decoded = decode_settings(encode_settings(settings))
    assert decoded == settings
    assert decoded.pipelines["app"].timestamp.model_fields_set == {"field", "formats", "zones"}


def test_a_process_without_pydantic_has_the_same_settings(settings: Settings) -> None:
    multiline = settings.pipelines["app"].effective_multiline()
    assert multiline
    assert _run_plain(_PLAIN, encode_settings(settings)) == {
        "is_equal": True,
        "rules": multiline.boundary_rules(),
        "sinks": ["es"],
        "password": "secret",
        "shown": "********** SecretStr('**********')",
        "now": "2026-11-24T12:00:00+00:00",
        "modules": [],
    }


_FIELDS = """
import json
from importlib import import_module
from sidecar.lib import plain_settings
plain_settings.use_plain_settings()
from sidecar.lib.settings_model import SettingsModel
print(json.dumps({
    name: list(dict(plain_settings._defaults(getattr(import_module(module), name))))
    for module, name in %r
}))
"""


def _all_models(model: type) -> Iterator[type[BaseModel]]:
    child: type[BaseModel]
    for child in model.__subclasses__():
        if child.__module__.startswith("sidecar."):
            yield child
            yield from _all_models(child)


def test_every_class_of_settings_has_the_same_fields_without_pydantic() -> None:
    for name in registry.BUILT_IN:
        registry.settings_class(name)
    models = {model.__name__: model for model in _all_models(SettingsModel)}
    fields = _run_plain(_FIELDS % [(model.__module__, name) for name, model in models.items()])
    assert fields == {name: list(model.model_fields) for name, model in models.items()}


class Level(Enum):
    """A choice, as a plug-in may have it."""

    LOW = 1


class PluginSettings(BaseModel):
    """Settings of a plug-in, which does not know the base class of the sidecar."""

    values: dict[Any, Any]


def test_values_of_plugins_survive() -> None:
    values: dict[Any, Any] = {
        1: (Decimal("1.50"), Path("/a"), ip_address("10.0.0.1"), Level.LOW),
        "a": [
            b"\xff",
            {1, 2},
            frozenset("a"),
            date(2026, 11, 28),
            datetime(2026, 11, 28, tzinfo=UTC),
            SecretStr("x"),
        ],
        "numbers": [float("inf"), 2**80, None, True, "\udcff"],
    }
    assert decode_settings(encode_settings(PluginSettings(values=values))) == PluginSettings(values=values)


def test_a_value_that_cannot_be_passed_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a value of the type object cannot be passed"):
        encode_settings(PluginSettings(values={"a": object()}))


def test_a_class_inside_a_function_is_refused() -> None:
    class Local(BaseModel):
        pass

    with pytest.raises(ConfigurationError, match="is not at the top of its module"):
        encode_settings(Local())


def _options(**values: Any) -> dict[str, Any]:
    names = ("config", "env_file", "parser", "multiline", "state_dir", "log_level", "log_format")
    return {"paths": [], "to": [], "assignments": [], **dict.fromkeys(names), **values}


def test_the_worker_answers_with_the_settings_of_the_options(tmp_path: Path) -> None:
    config = tmp_path / "sidecar.yaml"
    config.write_text(yaml.safe_dump(_CONFIGURATION))
    config.chmod(0o644)
    given = _options(config=str(config), assignments=["limits.memory=1MiB"])
    kind, _, text = answer(read_options(json.dumps(given))).partition("\n")
    expected = load_settings(argparse.Namespace(**{**given, "config": config}), [], [])
    assert kind == "settings"
    assert decode_checked(text) == describe_settings(expected, config)
    assert decode_checked(text).risks


def test_the_worker_answers_with_the_problems() -> None:
    request = json.dumps(_options(paths=["/logs/*.log"], to=["nothing"]))
    kind, _, text = answer(read_options(request)).partition("\n")
    assert kind == "problems"
    assert "--to" in json.loads(text)[1]
