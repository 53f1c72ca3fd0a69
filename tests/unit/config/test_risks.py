"""What is allowed and risky is said: by `sidecar check`, and in the log at each start."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from sidecar.cli import main
from sidecar.config.risks import find_risks
from sidecar.config.settings import Settings

SAFE_FILES = ("password", "api_key", "token", "key", "salt", "certificate")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with secrets that only their user can read."""
    for name in SAFE_FILES:
        (tmp_path / name).write_text("0123456789abcdef")
        (tmp_path / name).chmod(0o400)
    return tmp_path


def risks(folder: Path, sink: object = "stdout:", **settings: Any) -> list[str]:
    """Where there are risks, and what they are."""
    text = json.dumps({
        "state_dir": f"{folder}/state", "sinks": {"out": sink}, "pipelines": {"app": {"paths": ["/log/*"]}},
        **settings,
    })  # fmt: skip
    found = find_risks(Settings.model_validate(json.loads(text.replace("{folder}", str(folder)))), None)
    return [f"{risk.location}: {risk.reason}" for risk in found]


SEARCH = {"type": "elasticsearch", "username": "u", "password": "p"}
UNCHECKED = "disables a part of the certificate verification"


@pytest.mark.parametrize(
    ("sink", "said"),
    [
        ({**SEARCH, "hosts": ["https://es"], "verify": False}, "sinks.out: verify is false"),
        ({**SEARCH, "hosts": ["http://es"]}, "credentials and logs are sent to es:9200 without TLS"),
        (
            {"type": "elasticsearch", "hosts": ["http://10.0.0.1"], "api_key": "a:b"},
            "sent to 10.0.0.1:9200 without TLS",
        ),
        ({"type": "elasticsearch", "hosts": ["http://es"], "api_key_file": "{folder}/api_key"}, "without TLS"),
        ("elasticsearch://u:p@localhost,es/logs", "sent to es:9200 without TLS"),
        ("mongodb://u:p@db/logs", "sent to db:27017 without TLS"),
        ("mongodb://u:p@127.0.0.1,db/logs", "sent to db:27017 without TLS"),
        ("mongodb://u:p@db/logs?tls=false", "without TLS"),
        ("mongodb+srv://u:p@db.example/logs?tls=false", "without TLS"),
        ("mongodb://db/logs?authMechanism=MONGODB-AWS", "without TLS"),
        ("mongodb://u:p@db/logs?tls=true&tlsInsecure=true", f"tlsInsecure {UNCHECKED}"),
        ("mongodb://db/logs?tlsallowinvalidcertificates=true", f"tlsAllowInvalidCertificates {UNCHECKED}"),
        ("mongodb://db/logs?tls=true&tlsAllowInvalidHostnames=true", f"tlsAllowInvalidHostnames {UNCHECKED}"),
        ("mongodb://db/logs?tls=true&tlsDisableOCSPEndpointCheck=true", f"tlsDisableOCSPEndpointCheck {UNCHECKED}"),
    ],
)
def test_a_connection_that_others_can_read_or_change_is_a_risk(folder: Path, sink: object, said: str) -> None:
    (found,) = risks(folder, sink)
    assert said in found


@pytest.mark.parametrize(
    "sink",
    [
        "elasticsearch://es/logs", "elasticsearch+https://u:p@es/logs", "elasticsearch://u:p@127.0.0.1,[::1]/logs",
        "elasticsearch://u:p@localhost/logs", "mongodb://db/logs", "mongodb://u:p@localhost/logs",
        "mongodb://u:p@%2Frun%2Fmongodb.sock/logs", "mongodb://u:p@db/logs?tls=true", "mongodb+srv://u:p@db.example/logs",
        "mongodb://u:p@db/logs?tls=true&tlsInsecure=false",
        {"type": "mongodb", "url": "mongodb://db", "username": "u", "password_file": "{folder}/password",
         "ca_file": "{folder}/certificate"},
    ],
)  # fmt: skip
def test_a_safe_connection_is_no_risk(folder: Path, sink: object) -> None:
    assert risks(folder, sink) == []


@pytest.mark.parametrize(
    ("at", "name", "settings"),
    [
        ("sinks.out.password_file", "password", {"sinks": {"out": {
            "type": "elasticsearch", "hosts": ["https://es"], "username": "u",
            "password_file": "{folder}/password"}}}),
        ("sinks.out.api_key_file", "api_key", {"sinks": {"out": {
            "type": "elasticsearch", "hosts": ["https://es"], "api_key_file": "{folder}/api_key"}}}),
        ("sinks.out.client_key_file", "key", {"sinks": {"out": {
            "type": "elasticsearch", "hosts": ["https://es"], "client_certificate_file": "{folder}/certificate",
            "client_key_file": "{folder}/key"}}}),
        ("admin.token_file", "token", {"admin": {"listen": 9600, "token_file": "{folder}/token"}}),
        ("admin.tls.key_file", "key", {"admin": {"listen": 9600, "tls": {
            "cert_file": "{folder}/certificate", "key_file": "{folder}/key"}}}),
        ("pipelines.app.transforms.0.salt_file", "salt", {"pipelines": {"app": {"paths": ["/a"], "transforms": [
            {"redact": ["email"], "action": "hash", "salt_file": "{folder}/salt"}]}}}),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("mode", "said"), [(0o444, "read by"), (0o666, "changed by"), (0o620, "changed")])
def test_a_secret_file_that_others_can_use_is_a_risk(
    folder: Path, at: str, name: str, settings: dict[str, Any], mode: int, said: str
) -> None:
    assert risks(folder, **settings) == []
    (folder / name).chmod(mode)
    (found,) = risks(folder, **settings)
    assert found.startswith(f"{at}: {folder / name} contains a secret and can be {said}")
    assert "chmod" in found


@pytest.mark.parametrize(
    ("at", "settings"),
    [
        ("sinks.out.password_file", {"sinks": {"out": {
            "type": "kafka", "brokers": "k:9092", "tls": True, "username": "u", "password_file": "{folder}/none"}}}),
        ("sinks.out.ca_file", {"sinks": {"out": {
            "type": "elasticsearch", "hosts": "https://es", "ca_file": "{folder}/none"}}}),
        ("sinks.out.url", {"sinks": {"out": "mongodb://db/logs?tls=true&tlsCAFile={folder}/none"}}),
        ("admin.tls.cert_file", {"admin": {"listen": 9600, "tls": {
            "cert_file": "{folder}/none", "key_file": "{folder}/key"}}}),
    ],
)  # fmt: skip
def test_a_file_that_is_missing_is_named(folder: Path, at: str, settings: dict[str, Any]) -> None:
    advice = "does not exist here; it must exist where the sidecar runs"
    assert risks(folder, **settings) == [f"{at}: {folder}/none {advice}"]
    (folder / "none").mkdir()
    assert risks(folder, **settings) == [f"{at}: {folder}/none is a directory; write the path of the file"]


def test_a_file_that_cannot_be_reached_is_named(folder: Path) -> None:
    file = folder / "key" / "none"
    sink = {"type": "elasticsearch", "hosts": "https://es", "ca_file": str(file)}
    (found,) = risks(folder, sink)
    assert found == f"sinks.out.ca_file: {file} cannot be read (Not a directory); check the path and its directories"


@pytest.mark.parametrize(
    ("admin", "said"),
    [
        ({"listen": "0.0.0.0:9600"}, []),
        ({"listen": "127.0.0.1:9600", "token_file": "{folder}/token", "show_documents": True}, []),
        ({"listen": "[::1]:9600", "show_documents": True}, []),
        ({"listen": "0.0.0.0:9600", "token_file": "{folder}/token"}, ["admin.token_file"]),
        ({"listen": "0.0.0.0:9600", "show_documents": True}, ["admin.show_documents"]),
        ({"listen": "0.0.0.0:9600", "token_file": "{folder}/token", "show_documents": True,
          "tls": {"cert_file": "{folder}/certificate", "key_file": "{folder}/key"}}, []),
    ],
)  # fmt: skip
def test_a_listener_that_gives_away_a_token_or_documents_is_a_risk(
    folder: Path, admin: dict[str, Any], said: list[str]
) -> None:
    assert [found.partition(":")[0] for found in risks(folder, admin=admin)] == said


@pytest.mark.parametrize(
    ("sink", "secret"),
    [
        ("elasticsearch+https://u:p%40ss@es/logs", "p@ss"),
        ({"type": "elasticsearch", "hosts": ["https://es"], "api_key": "id:k3y"}, "id:k3y"),
        ("mongodb+srv://db/logs?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:t0k", "t0k"),
    ],
)
def test_a_configuration_with_a_secret_that_others_can_read_is_a_risk(
    folder: Path, sink: object, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = folder / "sidecar.yaml"
    whole = {"state_dir": f"{folder}/state", "sinks": {"out": sink}, "pipelines": {"app": {"paths": ["/log/*"]}}}
    config.write_text(json.dumps(whole))
    for mode, is_said in ((0o600, False), (0o644, True)):
        config.chmod(mode)
        assert main(["check", "--config", str(config)]) == 0
        said = capsys.readouterr()
        assert (f"warning: sinks.out: {config} contains a secret" in said.err) == is_said
        assert secret not in said.err + said.out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away; run the tests as root")
def test_a_state_directory_that_every_user_can_change_is_a_risk_unless_it_is_of_root(folder: Path) -> None:
    (folder / "state").mkdir()
    (folder / "state").chmod(0o777)
    assert risks(folder) == []
    os.chown(folder / "state", 4242, 4242)
    assert [found.partition(":")[0] for found in risks(folder)] == ["state_dir"]
    (folder / "state").chmod(0o1777)
    assert risks(folder) == []
