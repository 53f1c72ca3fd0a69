"""Where a line comes from: the Pod by the Downward API, and the machine."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

from sidecar.document.kubernetes_fields import KubernetesFields
from tests.support.builders.records import documents

LABELS = 'app="shop"\napp.kubernetes.io/name="shop"\nsecret="x"\n'
ANNOTATIONS = 'example.com/team="payments"\nkubernetes.io/config.seen="2026"\n'


def podinfo(folder: Path, labels: str = LABELS, annotations: str = ANNOTATIONS) -> Path:
    """As the kubelet writes it: another file in the place of the old one."""
    for name, text in (("labels", labels), ("annotations", annotations)):
        (folder / "new").write_text(text)
        os.replace(folder / "new", folder / name)
    return folder


def test_labels_are_chosen_by_name_or_glob_and_annotations_only_if_asked_for(tmp_path: Path) -> None:
    folder = podinfo(tmp_path)
    assert list(KubernetesFields({}, folder).leaves()) == ["kubernetes.labels"]
    chosen = KubernetesFields({"POD_NAME": "p"}, folder, ["app*"], ["example.com/*"]).leaves()
    assert json.loads(chosen["kubernetes.labels"]) == {"app": "shop", "app_kubernetes_io/name": "shop"}
    assert json.loads(chosen["kubernetes.annotations"]) == {"example_com/team": "payments"}
    assert chosen["kubernetes.pod.name"] == '"p"'
    assert KubernetesFields({}, folder, [], ["*"]).leaves().keys() == {"kubernetes.annotations"}


def test_annotations_are_read_again_when_they_change_and_only_then(tmp_path: Path) -> None:
    source = KubernetesFields({}, podinfo(tmp_path), [], ["example.com/team"])
    first = source.leaves()
    assert source.leaves() is first
    podinfo(tmp_path, annotations='example.com/team="orders"\n')
    assert json.loads(source.leaves()["kubernetes.annotations"]) == {"example_com/team": "orders"}
    second = source.leaves()
    podinfo(tmp_path, annotations='example.com/team="orders"\nother="x"\n')
    assert source.leaves() is second, "what nobody asked for changes nothing"
    (tmp_path / "annotations").unlink()
    assert source.leaves() == {}


def test_facts_of_the_machine_are_added_and_its_name_can_be_another() -> None:
    (document,) = documents(['{"a":1}'], "host")
    assert document["host"] == {
        "name": "web-1",
        "architecture": platform.machine(),
        "os": {"type": "linux", "kernel": platform.release()},
    }
    (named,) = documents(['{"host":{"name":"theirs","ip":"::1"}}'], {"host": {"name": "ours"}})
    assert (named["host"]["name"], named["host"]["ip"]) == ("ours", "::1")
    assert named["original"]["host"]["name"] == "theirs"
