"""`sidecar inject`, `uninject` and `lint`, and the plug-in of kubectl, as they are called."""

from __future__ import annotations

import io
import json
import os
import pty
import sys
from pathlib import Path

import pytest

from sidecar.cli import kubectl, main

SINK = ("--sink", "elasticsearch://elasticsearch.logging:9200/logs")
POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec:\n  containers:\n    - {name: web, image: nginx}\n"
REFUSED = POD.replace("{name: web, image: nginx}", "{name: log-sidecar, image: nginx}")


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "pod.yaml"
    path.write_text(POD)
    path.chmod(0o640)
    return path


def test_a_file_goes_in_and_comes_back(manifest: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["inject", str(manifest), *SINK, "--in-place"]) == 0
    assert b"log-sidecar:0.1.0" in manifest.read_bytes()
    assert manifest.stat().st_mode & 0o777 == 0o640
    assert b":1: Pod shop: injected" in capsysbinary.readouterr().err
    assert main(["inject", str(manifest), *SINK, "--check"]) == 0
    assert main(["uninject", str(manifest)]) == 0
    assert capsysbinary.readouterr().out == POD.encode()
    assert main(["uninject", "--in-place", str(manifest), "--report", "none"]) == 0
    assert manifest.read_text() == POD
    assert [path.name for path in manifest.parent.iterdir()] == ["pod.yaml"]


def test_a_byte_order_mark_and_windows_lines_stay(manifest: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    text = f"\ufeff{POD}".replace("\n", "\r\n").encode()
    manifest.write_bytes(text)
    assert main(["inject", str(manifest), *SINK, "--in-place"]) == 0
    injected = manifest.read_bytes()
    assert injected.startswith(text[:30])
    assert b"log-sidecar:0.1.0" in injected
    assert main(["inject", str(manifest), *SINK, "--check"]) == 0
    capsysbinary.readouterr()
    assert main(["uninject", str(manifest)]) == 0
    assert capsysbinary.readouterr().out == text


def test_standard_input_is_answered_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(POD.replace("\n", "\r\n").encode())))
    assert main(["inject", *SINK, "--report", "json"]) == 0
    shown = capsysbinary.readouterr()
    assert shown.out.count(b"\r\n") == shown.out.count(b"\n") > 20
    (pod,) = json.loads(shown.err)["pods"]
    assert (pod["kind"], pod["name"], pod["outcome"], pod["reason"]) == ("Pod", "shop", "injected", None)
    assert [caution["code"] for caution in pod["cautions"]] == ["W_UID"]


def test_check_and_diff_change_nothing(manifest: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["inject", str(manifest), *SINK, "--check"]) == 1
    assert capsysbinary.readouterr().out == b""
    assert main(["inject", str(manifest), *SINK, "--diff"]) == 0
    assert b"\n+  initContainers:\n" in capsysbinary.readouterr().out
    assert manifest.read_text() == POD


def test_several_files_become_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text("kind: ConfigMap")
    (tmp_path / "b.yaml").write_text("---\nkind: Secret\n")
    (tmp_path / "c.yaml").write_text("kind: Service\n")
    assert main(["inject", *(str(tmp_path / name) for name in ("a.yaml", "b.yaml", "c.yaml")), *SINK]) == 0
    assert capsys.readouterr().out == "kind: ConfigMap\n---\nkind: Secret\n---\nkind: Service\n"


def test_a_refused_pod_is_reported_and_the_others_get_their_sidecar(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pods.yaml"
    path.write_text(f"{REFUSED}---\n{POD}")
    assert main(["inject", str(path), *SINK, "--report", "json"]) == 1
    shown = capsys.readouterr()
    assert shown.out.startswith(f"{REFUSED}---\n")
    refused, injected = json.loads(shown.err)["pods"]
    assert (refused["outcome"], refused["reason"]["code"], refused["line"]) == ("refused", "E_NAME_TAKEN", 1)
    assert (injected["outcome"], injected["line"]) == ("injected", 8)


MISTAKES = [
    ("a: [1\n", SINK, "is not valid YAML"),
    (POD, ("--sink", "elasticsearch://user:pw@es:9200/logs"), "sink: has credentials"),
    (
        POD,
        ("--sink", "http://es:9200/logs"),
        "sink: is not the URL of a sink; write elasticsearch:// or opensearch://",
    ),
    (POD, ("--settings", "missing.yaml"), "missing.yaml: cannot be read"),
    (POD, ("--settings", "list.yaml"), "is not a mapping of settings"),
    (POD, ("--settings", "typo.yaml"), "unknown field `profil`"),
    (POD, ("--settings", "root.yaml"), "run_as: the sidecar does not run as root"),
    (POD, ("--settings", "listen.yaml"), "listen: is not an address such as 0.0.0.0:9600"),
    (POD, ("--settings", "disk.yaml"), "would apply to the whole Pod"),
    (POD, ("--settings", "amount.yaml"), "profiles.own.requests.cpu: is not a quantity"),
    (POD, ("--settings", "empty.yaml"), "logs: is empty; name a glob"),
    (POD, ("--settings", "relative.yaml"), "logs: web:app.log is not an absolute glob of files"),
    (POD, ("--settings", "parent.yaml"), "logs: /a/../b.log is not an absolute glob of files"),
    (POD, ("--settings", "image.yaml"), "image: is not the name of an image"),
    (POD, ("--settings", "exit.yaml"), "exit_when: is not app-exits, file=PATH or idle=10s"),
    (POD, ("--settings", "parser.yaml"), "parser: is not a list of parsers"),
]
FILES = {
    "list.yaml": "- a\n",
    "typo.yaml": "profil: busy\n",
    "root.yaml": "run_as: 0\n",
    "listen.yaml": "listen: '9600'\n",
    "amount.yaml": "profiles: {own: {requests: {cpu: some}}}\n",
    "empty.yaml": "logs: []\n",
    "relative.yaml": "logs: ['web:app.log']\n",
    "parent.yaml": "logs: [/a/../b.log]\n",
    "image.yaml": "image: ''\n",
    "exit.yaml": "exit_when: idle\n",
    "parser.yaml": "parser: ''\n",
    "disk.yaml": "profiles: {own: {requests: {cpu: 1m}, limits: {ephemeral-storage: 1Gi}}}\n",
}


@pytest.mark.parametrize(("text", "arguments", "message"), MISTAKES)
def test_a_mistake_is_one_sentence_and_nothing_is_written(
    text: str, arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        Path(name).write_text(content)
    Path("good.yaml").write_text(POD)
    Path("pod.yaml").write_text(text)
    assert main(["inject", "good.yaml", "pod.yaml", *arguments, "--in-place"]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("sidecar: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert Path("good.yaml").read_text() == POD
    assert "pw" not in shown.err


def test_a_sink_replaces_the_config_map_of_the_settings(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = manifest.with_name("settings.yaml")
    settings.write_text("config_map: shop\n")
    assert main(["inject", str(manifest), "--settings", str(settings), *SINK]) == 0
    assert SINK[1] in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main(["inject", str(manifest), *SINK, "--config-map", "shop"])


def test_a_person_at_a_terminal_is_told_to_name_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, terminal = pty.openpty()
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        assert main(["inject", *SINK]) == 2
    assert "no manifest is given; name a file" in capsys.readouterr().err


def test_lint_prints_a_line_for_each_mistake(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["inject", str(manifest), *SINK, "--in-place", "--report", "none"])
    assert main(["lint", str(manifest)]) == 0
    manifest.write_text(manifest.read_text().replace("periodSeconds: 120", "periodSeconds: 5"))
    assert main(["lint", str(manifest)]) == 1
    assert ": probe: log-sidecar: a liveness probe" in capsys.readouterr().out
    assert main(["lint", str(manifest), "--report", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["rule"] == "probe"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A kubectl that answers from files, and writes down how it was called."""
    (tmp_path / "pod.yaml").write_text(POD)
    main(["inject", str(tmp_path / "pod.yaml"), *SINK, "--in-place"])
    names = {"SIDECAR_MODE": "native"}
    sidecar = {"name": "log-sidecar", "env": [{"name": key, "value": value} for key, value in names.items()]}
    pods = [
        {"metadata": {"name": name, "namespace": "shop"}, "status": {"phase": "Running"},
         "spec": {"initContainers": [{**sidecar, "image": image}], "containers": []}}
        for name, image in [("old", "r:5000/log-sidecar:0.0.9"), ("new", "log-sidecar:0.1.0@sha256:ab")]
    ]  # fmt: skip
    pods.append({"metadata": {"name": "bare", "namespace": "shop"}, "spec": {"containers": [{"name": "a"}]}})
    (tmp_path / "pods.json").write_text(json.dumps({"kind": "List", "items": pods}))
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "kubectl"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n'
        f'case "$1" in get) cat {tmp_path}/pods.json;; exec) echo "sinks: fine";; esac\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    capsys.readouterr()
    return tmp_path


def test_the_plug_in_shows_the_status_of_each_sidecar(cluster: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kubectl.main(["status", "--context", "test", "-n", "shop"]) == 0
    assert capsys.readouterr().out.count("sinks: fine") == 2
    assert (cluster / "calls").read_text().splitlines() == [
        "get pods --context test -n shop --output json",
        "exec --context test --namespace shop old --container log-sidecar -- sidecar status",
        "exec --context test --namespace shop new --container log-sidecar -- sidecar status",
    ]


def test_the_plug_in_asks_the_same_cluster_for_each_sidecar(cluster: Path) -> None:
    given = ["--insecure-skip-tls-verify", "--as-group=admins", "-s", "https://other:6443"]
    assert kubectl.main(["status", "--selector", "app=shop", *given]) == 0
    _, *asked = (cluster / "calls").read_text().splitlines()
    assert [line.partition(" --namespace")[0] for line in asked] == [f"exec {' '.join(given)}"] * 2


def test_the_plug_in_lists_sidecars_of_another_version(cluster: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kubectl.main(["outdated", "--version", "0.1.0"]) == 1
    shown = capsys.readouterr()
    assert shown.out == "shop/old: 0.0.9 (r:5000/log-sidecar:0.0.9)\n"
    assert "1 of 2 sidecars not of version 0.1.0" in shown.err


def test_the_plug_in_runs_inject_without_a_cluster(cluster: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert kubectl.main(["lint", str(cluster / "pod.yaml")]) == 0
    assert kubectl.main(["uninject", str(cluster / "pod.yaml")]) == 0
    assert capsys.readouterr().out == POD
    assert not (cluster / "calls").exists()


def test_the_plug_in_repeats_the_reason_of_kubectl(cluster: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cluster / "bin" / "kubectl").write_text("#!/bin/sh\necho 'E1129 memcache.go' >&2; echo 'refused' >&2; exit 1\n")
    assert kubectl.main(["status"]) == 2
    expected = "kubectl log-sidecar: kubectl get pods failed: refused; try the same with kubectl\n"
    assert capsys.readouterr().err == expected


def test_the_plug_in_needs_kubectl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert kubectl.main(["status"]) == 2
    assert "install kubectl" in capsys.readouterr().err
