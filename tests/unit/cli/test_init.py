"""`sidecar init` writes a configuration that `check` accepts, without secrets, and never half a file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator

from sidecar.cli import main
from sidecar.config.loader import load
from sidecar.config.schema_line import SCHEMA_FILE, SCHEMA_LINE
from sidecar.errors import ConfigurationError
from sidecar.tools.init.destination import choose_destination

NGINX = '192.0.2.1 - - [28/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 612 "-" "curl/8.5"\n'
JSON = '{"time":"2026-11-28T10:00:00Z","level":"info","message":"order 7 accepted"}\n'
VERSIONS = [f"1.{minor}" for minor in range(29, 38)]


class Folder:
    """A directory in which a user calls `sidecar init`."""

    def __init__(self, path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.path, self.capfd = path, capfd

    def init(self, *arguments: str) -> tuple[int, str]:
        """Return the exit code and all that was printed."""
        code = main(["init", *arguments])
        shown = self.capfd.readouterr()
        return code, shown.out + shown.err

    def names(self) -> set[str]:
        return {entry.name for entry in self.path.iterdir()}


@pytest.fixture
def folder(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.log").write_text(NGINX * 20)
    (tmp_path / SCHEMA_FILE).write_text("{}")
    return Folder(tmp_path, capfd)


def pipeline(file: str = "sidecar.yaml") -> dict[str, Any]:
    return dict(yaml.safe_load(Path(file).read_text())["pipelines"]["app"])


def test_a_file_and_a_sink_become_a_configuration_that_check_accepts(folder: Folder) -> None:
    code, said = folder.init("app.log", "--to", "sqlite:///logs.db")
    assert code == 0
    assert "app.log: nginx: 100% read" in said.replace(" %", "%")
    assert "sqlite: accepts documents" in said
    assert f"  sidecar explain {folder.path}/app.log --config sidecar.yaml\n" in said
    assert pipeline() == {"paths": [f"{folder.path}/app.log"], "parser": "nginx"}
    assert main(["check", "--config", "sidecar.yaml", "--connect"]) == 0


def test_the_first_line_names_a_schema_that_is_next_to_the_file(folder: Folder) -> None:
    Path(SCHEMA_FILE).unlink()
    folder.init("app.log", "--to", "sqlite:///logs.db")
    text = Path("sidecar.yaml").read_text()
    assert text.splitlines()[0] == SCHEMA_LINE
    schema = json.loads(Path(SCHEMA_LINE.partition("$schema=")[2]).read_text())
    assert Draft202012Validator(schema).is_valid(yaml.safe_load(text))


def test_each_setting_in_a_comment_is_valid(folder: Folder) -> None:
    folder.init("app.log", "--to", "stdout:")
    settings = r"^( *)# (?=(?:state_dir|admin|exclude_lines|transforms):|  (?:listen:|- ))"
    Path("all.yaml").write_text(re.sub(settings, r"\1", Path("sidecar.yaml").read_text(), flags=re.MULTILINE))
    found = load(Path("all.yaml"), {})
    assert found.admin.listen is not None
    assert len(found.pipelines["app"].transforms) == 3
    assert found.pipelines["app"].exclude_lines


@pytest.mark.parametrize("arguments", [[], ["app.log"], ["--to", "stdout:"]])
def test_without_a_terminal_a_sentence_names_what_is_missing(folder: Folder, arguments: list[str]) -> None:
    code, said = folder.init(*arguments)
    assert code == 2
    assert said.count("\n") == 1
    assert ("PATH" in said.partition(" missing")[0]) == ("app.log" not in arguments)
    assert ("--to URL" in said.partition(" missing")[0]) == ("--to" not in arguments)
    assert "sidecar init '/var/log/app/*.log' --to elasticsearch://localhost:9200/logs" in said


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["missing.log", "--to", "stdout:"], "missing.log: no such file; name a file with lines"),
        ([".", "--to", "stdout:"], "it is a directory; to read the files in it, write"),
        (["app.log", "--to", "nats://h"], '--to: no sink has URLs that begin with "nats:"; known are'),
        (["app.log", "--to", "mongodb://h/db?colection=a"], 'unknown option "colection"; did you mean'),
        (["app.log", "--to", "elasticsearch://${NOT_SET}/logs"], "--to: the variable NOT_SET is not set; set it"),
        (["app.log", "--to", "stdout:", "--sample", "none.log"], "none.log: cannot be read (No such file"),
        (["app.log", "--to", "stdout:", "--output", "no/dir.yaml"], "no: is not a directory that this user"),
        (["app.log", "--to", "stdout:", "--output", "-"], "- is not the name of a file; name another file"),
        (["app.log", "--to", "stdout:", "--output", "."], ".: is a directory; name a file with --output FILE"),
        (["app.log", "--to", "sqlite:////no/dir/logs.db"], "add --no-connect"),
        (["app.log", "--kubernetes", "--to", "stdout:"], "app.log is not an absolute path; with --kubernetes, write"),
        (["/etc/app.log", "--kubernetes", "--to", "stdout:"], "/etc cannot be a volume, because a container"),
    ],
)  # fmt: skip
def test_a_mistake_writes_nothing(folder: Folder, arguments: list[str], reason: str) -> None:
    code, said = folder.init(*arguments)
    assert (code, reason in said) == (2, True), said
    assert folder.names() == {"app.log", SCHEMA_FILE}


def test_a_file_is_only_overwritten_on_request(folder: Folder) -> None:
    Path("sidecar.yaml").write_text("mine")
    code, said = folder.init("app.log", "--to", "stdout:")
    assert (code, said) == (
        2, "sidecar: sidecar.yaml: exists; overwrite it with --force, or name another file with --output FILE\n",
    )  # fmt: skip
    assert Path("sidecar.yaml").read_text() == "mine"
    assert folder.init("app.log", "--to", "stdout:", "--force")[0] == 0
    assert pipeline()["parser"] == "nginx"


def test_a_schema_that_exists_stays(folder: Folder) -> None:
    folder.init("app.log", "--to", "stdout:")
    assert Path(SCHEMA_FILE).read_text() == "{}"


def test_a_sink_that_is_down_can_be_written_on_request(folder: Folder) -> None:
    arguments = ("app.log", "--to", "mongodb://127.0.0.1:1/logs?serverSelectionTimeoutMS=100")
    assert folder.init(*arguments)[0] == 2
    assert folder.init(*arguments, "--no-connect")[0] == 0


def test_a_pattern_reads_the_files_that_match(folder: Folder) -> None:
    Path("b.log").write_text(NGINX * 3)
    Path("empty.log").touch()
    folder.init("*.log", "--to", "stdout:")
    assert pipeline() == {"paths": [f"{folder.path}/*.log"], "parser": "nginx"}


def test_files_of_different_formats_are_detected_when_they_are_read(folder: Folder) -> None:
    Path("b.log").write_text(JSON * 3)
    _, said = folder.init("*.log", "--to", "stdout:")
    assert pipeline()["parser"] == "auto"
    assert {"app.log: nginx", "b.log: json"} <= set(re.findall(r"^(?:app|b)\.log: \w+", said, re.MULTILINE))


@pytest.mark.parametrize("path", ["none/*.log", "empty.log"])
def test_without_a_line_the_format_is_detected_later(folder: Folder, path: str) -> None:
    Path("empty.log").touch()
    assert folder.init(path, "--to", "stdout:")[0] == 0
    assert pipeline()["parser"] == "auto"


def test_a_sample_stands_for_files_that_do_not_exist_yet(folder: Folder) -> None:
    assert folder.init("/var/log/none/app.log", "--sample", "app.log", "--to", "stdout:")[0] == 0
    assert pipeline() == {"paths": ["/var/log/none/app.log"], "parser": "nginx"}


@pytest.mark.parametrize(
    "name", ["a b.log", "[x]*.log", "$$a$b.log", "#a: b.log", "日本.log", "a\nb.log", "\u202ea.log"]
)
def test_any_file_name_is_read_again_as_it_is(folder: Folder, name: str) -> None:
    Path(name).write_text(JSON)
    assert folder.init(name, "--to", "stdout:")[0] == 0
    assert Path("sidecar.yaml").read_text().replace("\n", "").isprintable()
    assert main(["check", "--config", "sidecar.yaml"]) == 0
    assert "matches 1 file now" in folder.capfd.readouterr().out


SECRET = "s3cret/x@y"
QUOTED = "s3cret%2Fx%40y"


@pytest.mark.parametrize(
    "url",
    [
        f"elasticsearch://shipper:{QUOTED}@127.0.0.1:1/logs",
        f"elasticsearch+https://127.0.0.1:1/logs?api_key={QUOTED}&compress=true",
        f"opensearch://u:{QUOTED}@127.0.0.1:1,127.0.0.2:2/logs",
        f"mongodb://u:{QUOTED}@127.0.0.1:1/shop?collection=app&authSource=admin",
        f"mongodb+srv://u:{QUOTED}@example.invalid/shop",
        f"kafka+ssl://u:{QUOTED}@127.0.0.1:1/logs",
    ],
)
def test_a_secret_becomes_a_variable_with_the_same_meaning(folder: Folder, url: str) -> None:
    code, said = folder.init("app.log", "--to", url, "--no-connect")
    assert code == 0, said
    text = Path("sidecar.yaml").read_text()
    assert not [part for part in (SECRET, QUOTED) if part in text + said]
    (variable,) = set(re.findall(r"\$\{(\w+)\}", text))
    assert f"set the environment variable {variable}\n" in said
    (sink,) = load(Path("sidecar.yaml"), {variable: SECRET}).sinks.values()
    wanted = choose_destination(url, {}).settings
    assert sink.secrets() == wanted.secrets() == [SECRET]
    assert sink.destination() == wanted.destination()
    assert {**sink.model_dump(), "url": ""} == {**wanted.model_dump(), "url": ""}
    with pytest.raises(ConfigurationError) as refused:
        load(Path("sidecar.yaml"), {})
    assert f"the variable {variable} is not set" in refused.value.problems[0]


def test_a_variable_in_the_url_stays_one(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ES_PASSWORD", "logs")
    url = "elasticsearch://u:${ES_PASSWORD}@127.0.0.1:1/logs"
    assert folder.init("app.log", "--to", url, "--no-connect")[0] == 0
    assert yaml.safe_load(Path("sidecar.yaml").read_text())["sinks"] == {"elasticsearch": url}


def test_a_secret_that_cannot_become_a_variable_is_refused(folder: Folder) -> None:
    url = f"mongodb://127.0.0.1:1/logs?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:{QUOTED}"
    code, said = folder.init("app.log", "--to", url, "--no-connect")
    assert (code, "contains a secret that init cannot keep out of the file" in said, SECRET in said) == (
        2,
        True,
        False,
    )
    assert folder.names() == {"app.log", SCHEMA_FILE}


def manifest(folder: Folder, *arguments: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return the ConfigMap, the specification of the Pod, and what was printed."""
    code, said = folder.init("--kubernetes", *arguments)
    assert code == 0, said
    assert main(["lint", "kubernetes.yaml"]) == 0
    configuration, deployment = yaml.safe_load_all(Path("kubernetes.yaml").read_text())
    return configuration, deployment["spec"]["template"]["spec"], said


def test_the_manifest_has_a_native_sidecar_that_harms_no_pod(folder: Folder) -> None:
    configuration, pod, _ = manifest(folder, "/var/log/app/*.log", "--sample", "app.log", "--to", "stdout:")
    for item in yaml.safe_load_all(Path("kubernetes.yaml").read_text()):
        for version in VERSIONS:
            kubernetes_validate.validate(item, version, strict=True)
    (sidecar,), (app,) = pod["initContainers"], pod["containers"]
    env = {item["name"]: item.get("value") for item in sidecar["env"]}
    assert sidecar["restartPolicy"] == "Always"
    assert env["SIDECAR_GRACE"] == str(pod["terminationGracePeriodSeconds"])
    assert (env["SIDECAR_MODE"], env["SIDECAR_ON_CONFIG_ERROR"]) == ("native", "park")
    assert env["CONTAINER_NAME"] == app["name"]
    assert "ephemeral-storage" not in sidecar["resources"]["limits"]  # it would limit the disk of the whole Pod
    assert "cpu" not in sidecar["resources"]["limits"]
    assert {volume["name"].startswith("log-sidecar-") for volume in pod["volumes"]} == {True}
    assert sidecar["image"].partition(":")[2]
    assert pod["automountServiceAccountToken"] is pod["enableServiceLinks"] is False
    assert sidecar["livenessProbe"]["periodSeconds"] >= 60
    assert "runAsUser" not in sidecar["securityContext"]  # OpenShift chooses one
    assert {mount["mountPath"]: mount.get("readOnly") for mount in sidecar["volumeMounts"]}["/var/log/app"] is True
    assert {mount["mountPath"]: mount.get("readOnly") for mount in app["volumeMounts"]} == {"/var/log/app": None}
    Path("inner.yaml").write_text(configuration["data"]["sidecar.yaml"])
    settings = load(Path("inner.yaml"), {name: value or "x" for name, value in env.items()})
    assert settings.pipelines["app"].parser[0].type == "nginx"
    assert len(settings.pipelines["app"].transforms) == 1


def test_a_secret_in_the_manifest_is_a_key_of_a_secret(folder: Folder) -> None:
    url = f"elasticsearch://u:{QUOTED}@es.invalid:9200/logs"
    _, pod, said = manifest(folder, "/var/log/app/*.log", "--to", url, "--no-connect")
    (variable,) = [item for item in pod["initContainers"][0]["env"] if "secretKeyRef" in item.get("valueFrom", {})]
    assert variable["name"] == "ELASTICSEARCH_PASSWORD"
    text = Path("kubernetes.yaml").read_text()
    key = variable["valueFrom"]["secretKeyRef"]["key"]
    assert f"kubectl create secret generic log-sidecar-secret --from-file={key}=FILE" in text
    assert SECRET not in text + said
    assert QUOTED not in text + said


@pytest.mark.parametrize(
    ("arguments", "directory", "warning"),
    [
        (["/var/log/app/**/*.log", "/var/log/app/b.log"], "/var/log/app", ""),
        (["/var/log/*/a.log"], "/var/log", "The empty volume hides what the image of the"),
        (["/data/a b,{c}/*.log"], "/data/a b,{c}", ""),
        (["/logs/a.log", "--to", "elasticsearch://localhost/logs", "--no-connect"], "/logs", "localhost is the Pod"),
        (["/logs/a.log", "--to", "sqlite:////tmp/logs.db"], "/logs", "The documents are deleted with the Pod"),
    ],
)  # fmt: skip
def test_the_containers_share_the_directory_of_the_files(
    folder: Folder, arguments: list[str], directory: str, warning: str
) -> None:
    to = [] if "--to" in arguments else ["--to", "stdout:"]
    _, pod, said = manifest(folder, *arguments, *to)
    for container in (*pod["initContainers"], *pod["containers"]):
        (path,) = [each["mountPath"] for each in container["volumeMounts"] if each["name"] == "log-sidecar-logs"]
        assert path == directory
    assert f"warning: {warning}" in said if warning else "warning" not in said


def test_a_pod_may_reach_a_sink_that_this_machine_does_not(folder: Folder) -> None:
    url = "mongodb://127.0.0.1:1/logs?serverSelectionTimeoutMS=100"
    assert "this machine does not reach the sink, but the Pod may" in manifest(folder, "/logs/*.log", "--to", url)[2]
