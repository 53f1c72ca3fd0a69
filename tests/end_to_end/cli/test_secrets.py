"""No secret of the configuration is shown: types decide, and a new setting is hidden until it says otherwise."""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import SecretStr

from sidecar.cli import main
from sidecar.config.settings import Settings
from sidecar.lib.settings_model import SettingsModel, mask
from sidecar.sinks import registry
from tests.support.processes import eventually, running, sidecar

MARK = "s3cr3t-m4rk"

SHOWN = {
    "AdminSettings.hosts", "AdminSettings.listen", "ConcurrentSinkSettings.type", "DataStreamSettings.dataset",
    "DataStreamSettings.namespace", "DataStreamSettings.type", "DatabaseSettings.type", "DeadLetterSettings.to",
    "ElasticsearchSettings.aws_region", "ElasticsearchSettings.routing", "KafkaSettings.brokers",
    "KafkaSettings.positions_topic", "KafkaSettings.topic", "KafkaSettings.transactional_id_prefix",
    "KafkaSettings.username", "MongoDBSetupSettings.indexes", "TimeSeriesSettings.meta_field",
    "ElasticsearchSettings.cloud_id",
    "ElasticsearchSettings.hosts", "ElasticsearchSettings.index",
    "ElasticsearchSettings.pipeline", "ElasticsearchSettings.username", "MongoDBSettings.collection",
    "MongoDBSettings.database", "MongoDBSettings.username", "MongoDBSettings.write_concern",
    "MultilineSettings.preset", "PipelineSettings.encoding", "PipelineSettings.exclude", "PipelineSettings.paths",
    "PipelineSettings.sinks", "PluginParserSettings.type", "SQLiteSettings.table", "SinkSettings.type",
    "SimpleParserSettings.type", "TimestampSettings.zone",
}  # fmt: skip
"""Texts that the page shows. Whatever else is a text could hold a secret."""


def models(base: type[SettingsModel] = SettingsModel) -> Iterator[type[SettingsModel]]:
    """All settings of the sidecar that are imported."""
    for each in base.__subclasses__():
        if each.__module__.startswith("sidecar."):
            yield each
        yield from models(each)


def planted(annotation: Any) -> Any:
    """A value of this type with the mark in it; None where it can hold no text."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if annotation is SecretStr:
        return SecretStr(MARK)
    if annotation in (str, Any):
        return MARK
    if origin is Literal:
        return None
    if origin is dict:
        return {"name": planted(parts[1])}
    found = next(filter(None, map(planted, parts)), None)
    return [found] if origin is tuple and found else found


def test_no_text_is_shown_unless_its_type_says_so() -> None:
    known = [Settings, *(registry.resolve(name).settings for name in registry.names())]
    assert set(known) <= set(models())
    seen, hidden = set[str](), set[str]()
    for model in models():
        for name, field in model.model_fields.items():
            if value := planted(field.annotation):
                settings = model.model_construct(**{**dict.fromkeys(model.model_fields), name: value})
                text = json.dumps(mask(settings))
                (seen if MARK in text else hidden).add(f"{model.__name__}.{name}")
    assert seen == SHOWN
    assert {
        "MongoDBSettings.url",
        "StaticFieldsSettings.add",
        "PluginSettings.options",
        "PluginParserSettings.options",
        "GrokSettings.pattern",
    } <= hidden


def configuration(folder: Path, port: int) -> Mapping[str, object]:
    """Secrets wherever a configuration may have some."""
    options = f"authMechanismProperties=AWS_SESSION_TOKEN:{MARK}&tlsCertificateKeyFilePassword={MARK}&appName={MARK}"
    return {
        "state_dir": f"{folder}/state", "admin": {"listen": port},
        "metrics": {"otlp": {"endpoint": f"http://127.0.0.1:1/v1/metrics?api-key={MARK}", "interval": "0.2s"}},
        "sinks": {
            "aws": f"mongodb://127.0.0.1:1/logs?authMechanism=MONGODB-AWS&{options}",
            "user": f"mongodb://u:{MARK}@127.0.0.1:1/logs",
            "basic": f"elasticsearch://u:{MARK}@127.0.0.1:2/logs",
            "host": {"type": "elasticsearch", "hosts": [f"http://u:{MARK}@127.0.0.1:2"]},
            "key": {"type": "elasticsearch", "hosts": ["http://127.0.0.1:2"], "api_key": f"id:{MARK}"},
            "proxy": {"type": "elasticsearch", "hosts": ["http://127.0.0.1:2"], "proxy": f"http://u:{MARK}@127.0.0.1:2"},
            "db": f"sqlite:///{folder}/logs.db",
        },
        "pipelines": {"app": {
            "paths": [f"{folder}/app.log"], "exclude_lines": [MARK],
            "transforms": [{"add": {"labels.api-key": MARK, "note": MARK}}, {"redact": [{"pattern": f"x{MARK}"}]}],
        }},
    }  # fmt: skip


def test_no_secret_is_in_anything_that_a_sidecar_says(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config, state = tmp_path / "sidecar.yaml", f"{tmp_path}/state"
    config.write_text(json.dumps(configuration(tmp_path, port)))
    (tmp_path / "app.log").write_text("line\n")
    own_log = tmp_path / "own.log"
    with running(own_log, "--config", str(config)):
        eventually(lambda: "metrics_not_sent" in own_log.read_text(), "all have failed once")
        said = {
            path: urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).read().decode()
            for path in ("/status.json", "/status", "/metrics", "/history.json", "/readyz")
        }
        for command in (["status"], ["status", "--json"], ["probe", "ready", "--sinks"]):
            said[" ".join(command)] = sidecar(*command, "--state-dir", state).stdout
        tap = sidecar("tap", "--config", str(config), "--file", f"{tmp_path}/app.log", "--stage", "parsed")
        said["tap"] = tap.stdout + tap.stderr
    for command in (
        ["check", "--config", str(config)],
        ["check", "--config", str(config), "--connect"],
        ["config", "show", "--config", str(config)],
    ):
        done = sidecar(*command)
        said[" ".join(command)] = done.stdout + done.stderr
    written = tmp_path / "init.yaml"
    done = sidecar("init", f"{tmp_path}/app.log", "--to", f"mongodb://u:{MARK}@127.0.0.1:1/logs", "--no-connect",
                   "--output", str(written))  # fmt: skip
    said["init"] = done.stdout + done.stderr + written.read_text()
    said["log"] = own_log.read_text()
    assert {name: text for name, text in said.items() if MARK in text or not text} == {}
    assert "labels.api-key" in said["/status.json"]


@pytest.mark.parametrize(
    "text",
    [f"password: *{MARK}", f"password: !{MARK} x", f"password: !x!{MARK} x", f'a: "{MARK}', f"a: !!binary {MARK}",
     f"sinks: {{a: {{type: mongodb, url: 'mongodb://h/d', passwort: {MARK}}}}}",
     f"sinks: {{a: 'mongodb://u:{MARK}@h:x/d'}}", f"sinks: {{a: 'mongodb://u:p@{MARK}@h:9:9/d'}}",
     f"sinks: {{a: {{type: elasticsearch, hosts: h, api_key: [{MARK}]}}}}",
     f"sinks: {{a: {{type: elasticsearch, hosts: h, password: {MARK}}}}}",
     f"sinks: {{a: 'elasticsearch://u:{MARK}@h:x/d'}}", f"sinks: {{a: ':{MARK}'}}", f"sinks: {MARK}"],
)  # fmt: skip
def test_no_error_about_a_configuration_shows_a_secret(tmp_path: Path, text: str) -> None:
    (tmp_path / "sidecar.yaml").write_text(text)
    done = sidecar("check", "--config", f"{tmp_path}/sidecar.yaml")
    assert (done.returncode, MARK in done.stdout + done.stderr) == (2, False), done.stderr


OTHER_TOOLS = {
    "filebeat.yml": f"""
filebeat.inputs: [{{type: log, paths: [/a.log], fields: {{api_token: {MARK}, url: "http://u:{MARK}@h/"}}}}]
cloud.auth: u:{MARK}
output.elasticsearch: {{hosts: ["http://u:{MARK}@h:9200/?token={MARK}"], username: u, password: "${{P:{MARK}}}",
  api_key: {MARK}, proxy_url: "http://u:{MARK}@p", headers: {{X: {MARK}}}, parameters: {{key: "secret={MARK}"}}}}
output.redis: {{password: {MARK}, hosts: ["{MARK}"]}}
processors: [{{script: {{source: "{MARK}"}}}}, {{drop_event.when.equals.token: {MARK}}}]
unknown: {{password: {MARK}, list: [{MARK}]}}
""",
    "fluent-bit.conf": f"""
@SET password={MARK}
[INPUT]
    Name tail
    Path /a.log
    Unknown {MARK}
[FILTER]
    Name modify
    Match *
    Add secret_key {MARK}
[OUTPUT]
    Name es
    Match *
    HTTP_User u
    HTTP_Passwd ${{password}}
    Cloud_Auth u:{MARK}
[OUTPUT]
    Name http
    Match *
    header Authorization Bearer {MARK}
""",
    "promtail.yaml": f"""
clients: [{{url: "http://u:{MARK}@loki", bearer_token: {MARK}, basic_auth: {{password: {MARK}}}}}]
scrape_configs:
  - static_configs: [{{labels: {{__path__: /a.log, api_key: {MARK}}}}}]
    pipeline_stages: [{{static_labels: {{token: {MARK}}}}}, {{tenant: {{value: {MARK}}}}}]
""",
    "vector.yaml": f"""
sources: {{a: {{type: file, include: [/a.log]}}, b: {{type: http_server, auth: {{password: {MARK}}}}}}}
transforms: {{t: {{type: remap, inputs: [a], source: '.token = "{MARK}"'}}}}
sinks:
  s:
    {{type: elasticsearch, inputs: [t], endpoints: ["http://u:{MARK}@h"], query: {{token: {MARK}}},
    auth: {{strategy: basic, user: u, password: {MARK}}}, request: {{headers: {{Authorization: "Bearer {MARK}"}}}}}}
  d: {{type: datadog_logs, inputs: [t], default_api_key: {MARK}}}
""",
}
"""Configurations of other tools with secrets wherever they may have some."""


@pytest.mark.parametrize("name", OTHER_TOOLS)
def test_no_secret_of_another_tool_is_in_a_converted_configuration(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(OTHER_TOOLS[name])
    assert main(["convert", f"{tmp_path}/{name}"]) == 3
    said = capsys.readouterr()
    assert "pipelines:" in said.out
    assert MARK not in said.out + said.err
