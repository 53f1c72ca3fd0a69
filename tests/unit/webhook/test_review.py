"""The answers of the webhook: what the API server makes of a Pod, and what it never does."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.inject import names
from sidecar.inject.manifest import Manifest, inject
from sidecar.inject.settings import InjectionSettings
from sidecar.webhook.review import (
    AdmissionRequest,
    GroupVersionKind,
    InvalidReview,
    admit,
    encode_answer,
    read_review,
)
from tests.support.json_patch import Object
from tests.support.pods import pods
from tests.support.reviews import UID, admitted, response_of, review_of
from tests.unit.inject.test_manifest import EXAMPLES, MANIFESTS, WRITERS, without_sidecar, wrapped

SETTINGS = InjectionSettings(sink="elasticsearch://elasticsearch.logging:9200/logs")
STRICT = InjectionSettings(sink=SETTINGS.sink, strict=True)


def pod(annotations: Object | None = None, **spec: Any) -> Object:
    item: Object = {"metadata": {"generateName": "shop-"}, "spec": {"containers": [{"name": "web", "image": "w:1"}]}}
    item["spec"] |= spec
    if annotations is not None:
        item["metadata"]["annotations"] = annotations
    return item


def answer(item: Object, options: InjectionSettings = SETTINGS) -> bytes:
    request = read_review(review_of(item))
    assert request.is_new_pod
    return encode_answer(request.uid, admit(request.object, options))


def test_a_pod_gets_the_sidecar_and_a_second_review_changes_nothing() -> None:
    result = admitted(pod(), answer(pod()))
    assert result["spec"]["initContainers"][0]["name"] == names.CONTAINER
    assert result["metadata"]["labels"] == {names.INJECTED: "true"}
    again = response_of(answer(result))
    assert again.keys() == {"uid", "allowed"}
    assert again["uid"] == UID


def test_fields_that_nothing_knows_stay() -> None:
    item = pod(future={"a": [1, 2.5, None, {"b": "é"}]})
    item["spec"]["containers"][0]["resizePolicy2"] = [{"x": 1}]
    item["unknown"] = "x"
    result = admitted(item, answer(item))
    assert result["spec"]["future"] == item["spec"]["future"]
    assert result["spec"]["containers"][0]["resizePolicy2"] == [{"x": 1}]
    assert result["unknown"] == "x"


def test_a_pod_that_cannot_have_it_starts_with_the_reason() -> None:
    item = pod({"log-sidecar/logs": "/etc/*.log", "a": "b"})
    response = response_of(answer(item))
    result = admitted(item, answer(item))
    assert result["metadata"]["annotations"].pop(names.REFUSED).startswith("E_DIRECTORY: ")
    assert result == item
    assert response["warnings"][0].startswith("log-sidecar: E_DIRECTORY: ")
    # The reason is written once, and goes away with what caused it.
    result = admitted(item, answer(item))
    assert admitted(result, answer(result)) == result
    result["metadata"]["annotations"]["log-sidecar/logs"] = "/srv/logs/*.log"
    mended = admitted(result, answer(result))
    assert names.REFUSED not in mended["metadata"]["annotations"]
    assert names.STATUS in mended["metadata"]["annotations"]


@pytest.mark.parametrize("metadata", [None, {}, {"name": "shop"}, {"annotations": None}, {"annotations": {}}])
def test_the_reason_is_written_whatever_metadata_the_pod_has(metadata: Object | None) -> None:
    item: Object = {"spec": {"containers": [{"name": "log-sidecar"}]}}
    if metadata is not None:
        item["metadata"] = metadata
    result = admitted(item, answer(item))
    assert result["metadata"]["annotations"][names.REFUSED].startswith("E_NAME_TAKEN")


@pytest.mark.parametrize(
    "item",
    [
        {}, {"metadata": 1, "spec": {}}, {"metadata": {"annotations": []}, "spec": None}, {"spec": {"containers": 7}},
        {"metadata": {"labels": [1]}, "spec": {"containers": [{}]}},
    ],
)  # fmt: skip
def test_what_is_no_pod_is_left_to_the_api_server(item: Object) -> None:
    assert response_of(answer(item))["warnings"][0].startswith("log-sidecar: E_SHAPE")


def test_strict_settings_deny_the_pod_with_the_reason() -> None:
    response = response_of(answer(pod({"log-sidecar/logs": "/etc/*.log"}), STRICT))
    assert response["allowed"] is False
    assert response["status"]["message"].startswith("log-sidecar: E_DIRECTORY: ")
    assert response["status"]["code"] == 403
    assert "patch" not in response
    mirror = pod({"kubernetes.io/config.mirror": "x"})
    assert admitted(mirror, answer(mirror, STRICT)) == mirror  # the kubelet runs it anyway


def test_what_a_neighbour_removed_is_restored_and_reported() -> None:
    result = admitted(pod(), answer(pod()))
    stripped = copy.deepcopy(result)
    del stripped["spec"]["initContainers"][0]["restartPolicy"]
    response = response_of(answer(stripped))
    assert "W_NEIGHBOUR" in response["warnings"][0]
    restored = admitted(stripped, answer(stripped))
    assert restored["spec"] == result["spec"]
    del restored["spec"]["initContainers"][0]["restartPolicy"]
    again = response_of(answer(restored))
    assert "patch" not in again
    assert "missing again" in again["warnings"][0]


def test_warnings_are_one_short_printable_line_each() -> None:
    hostile = "\x1b[31m\r\nX-Injected: 1\u202e" * 100
    item = pod(
        {f"log-sidecar/{hostile}{index}": "x" for index in range(50)} | {"log-sidecar/logs": f"{hostile}:/a/b"}
    )
    response = response_of(answer(item))
    assert response["warnings"]
    assert len(response["warnings"]) <= 10
    assert admitted(item, answer(item))["metadata"]["annotations"][names.REFUSED].isprintable()


@pytest.mark.parametrize(
    ("request_", "is_new_pod"),
    [
        ({}, True), ({"dryRun": True}, True), ({"operation": "UPDATE"}, False), ({"operation": "DELETE"}, False),
        ({"kind": {"group": "apps", "version": "v1", "kind": "Pod"}}, False),
        ({"kind": {"group": "", "version": "v1", "kind": "Service"}}, False),
        ({"subResource": "ephemeralcontainers"}, False), ({"object": None}, False), ({"object": "text"}, False),
    ],
)  # fmt: skip
def test_only_new_pods_are_changed(request_: Object, is_new_pod: bool) -> None:
    assert read_review(review_of(pod(), **request_)).is_new_pod is is_new_pod


INVALID = {
    "nothing": b"",
    "text": b"hello",
    "half a document": review_of(pod())[:-2],
    "a list": b"[]",
    "another version": review_of(pod()).replace(b"k8s.io/v1", b"k8s.io/v1beta1"),
    "another kind": review_of(pod()).replace(b'"AdmissionReview"', b'"ConversionReview"'),
    "no request": b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}',
    "a number as uid": review_of(pod(), uid=7),
    "bytes that are no UTF-8": review_of(pod(), namespace="x").replace(b'"x"', b'"\xff\xfe"'),
    "half a character": review_of(pod(), namespace="x").replace(b'"x"', b'"\\ud800"'),
    "a document in which it is nested": b'{"a":' * 100_000,
    "lists without end": review_of(0).replace(b'"object": 0', b'"object": ' + b"[" * 100_000 + b"]" * 100_000),
}


@pytest.mark.parametrize("body", INVALID.values(), ids=INVALID)
def test_what_is_no_review_is_refused_without_its_content(body: bytes) -> None:
    with pytest.raises(InvalidReview) as error:
        read_review(body)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 200


@pytest.mark.parametrize("depth", [100, 300, 900])
def test_a_pod_that_is_nested_deeply_is_answered(depth: int) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    body = review_of(pod(deep=0)).replace(b'"deep": 0', b'"deep": ' + deep)
    request = read_review(body)
    response = response_of(encode_answer(request.uid, admit(request.object, SETTINGS)))
    assert response["allowed"] is True


def test_a_pod_of_one_mebibyte_keeps_everything() -> None:
    item = pod({"note": "x" * 1_000_000})
    result = admitted(item, answer(item))
    assert result["metadata"]["annotations"]["note"] == "x" * 1_000_000
    assert len(answer(item)) < 8_000


def check_same_as_text(text: str, options: InjectionSettings) -> int:
    """Assert that the text and the patch make the same Pod of each object. Return the number of Pods."""
    edited = inject(text, options)
    pairs = list(zip(Manifest(text).pods, Manifest(edited.text).pods, edited.outcomes, strict=True))
    for before, after, outcome in pairs:
        item = before.value()
        if outcome.refusal:
            # Text in an unusual form can be refused, while the values have no form.
            if outcome.refusal.code.name not in ("E_FORM", "E_ALIAS"):
                written = admitted(item, answer(item, options))["metadata"]["annotations"][names.REFUSED]
                assert written.startswith(outcome.refusal.code.name)
            continue
        expected = after.value()
        if names.INJECTED not in ((expected.get("metadata") or {}).get("labels") or {}):
            continue  # labels that a selector refers to are not changed in text
        assert admitted(item, answer(item, options)) == expected
        # What the API server creates from the changed text stays as it is.
        assert admitted(expected, answer(expected, options)) == expected
    return len(pairs)


@pytest.mark.parametrize("path", [*MANIFESTS, *EXAMPLES], ids=lambda path: path.name)
def test_text_and_patch_make_the_same_pod_of_every_manifest(path: Path) -> None:
    text = path.read_bytes().decode()
    for options in (SETTINGS, InjectionSettings(config_map="shop", secret="keys", profile="busy")):
        check_same_as_text(text, options)
        if path in EXAMPLES:
            check_same_as_text(without_sidecar(text), options)


@given(st.lists(st.tuples(st.sampled_from(["Pod", "Deployment", "CronJob"]), pods()), min_size=1, max_size=2),
       st.sampled_from(["block", "flow", "json"]))  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_text_and_patch_make_the_same_pod_of_random_ones(items: list[tuple[str, Object]], style: str) -> None:
    text = WRITERS[style]([wrapped(kind, item) for kind, item in items])
    assert check_same_as_text(text, SETTINGS) == len(items)


@given(pods(), st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=4))
@settings(max_examples=60, deadline=None)
def test_no_annotation_changes_anything_but_the_sidecar(item: Object, annotations: dict[str, str]) -> None:
    hostile = {f"log-sidecar/{name}": value for name, value in annotations.items()}
    item.setdefault("metadata", {}).setdefault("annotations", {}).update(hostile)
    before = json.dumps(item)
    result = admitted(item, answer(item))
    assert json.dumps(item) == before
    added = [each for kind in ("initContainers", "containers") for each in result["spec"].get(kind, [])
             if each not in item["spec"].get(kind, []) and names.is_reserved(each["name"])]  # fmt: skip
    for container in added:
        if container["name"] == names.CONTAINER:
            assert container["image"] == SETTINGS.image
            assert container["securityContext"]["runAsUser"] != 0
    assert result["spec"].get("hostNetwork") == item["spec"].get("hostNetwork")


def test_a_request_needs_only_an_id() -> None:
    assert AdmissionRequest("x", kind=GroupVersionKind("", "Pod")).is_new_pod is False
