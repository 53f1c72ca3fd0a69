"""AdmissionReviews and manifests with arbitrary changes: each is refused, or gets an answer that fits the Pod."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from sidecar.inject import names
from sidecar.inject.addition import apply
from sidecar.inject.manifest import Manifest, inject, uninject
from sidecar.inject.nodes import ManifestError
from sidecar.inject.plan import plan
from sidecar.inject.settings import MAY_BE_ALLOWED, InjectionSettings
from sidecar.webhook.review import Admission, InvalidReview, admit, encode_answer, read_review
from tests.chaos.fuzz.fuzzed_input import FuzzedInput
from tests.support.reviews import admitted, response_of, review_of

_SETTINGS = (
    InjectionSettings(
        sink="elasticsearch://es:9200/logs", allow=MAY_BE_ALLOWED, allow_sinks=("kafka://k:9092/logs",)
    ),
    InjectionSettings(config_map="shop", secret="keys", allow_host_path=True, keep_image_files=True),
)
_KEYS = (
    "metadata", "annotations", "labels", "name", "spec", "containers", "initContainers", "volumes", "volumeMounts",
    "mountPath", "subPath", "emptyDir", "configMap", "hostPath", "securityContext", "runAsUser", "env", "image",
    "restartPolicy", "shareProcessNamespace", "terminationGracePeriodSeconds", "nodeSelector", "os", "hostNetwork",
    names.INJECT, names.STATUS, names.REFUSED, names.REPAIRED, names.EVICTABLE,
    *(f"log-sidecar/{name}" for name in MAY_BE_ALLOWED),
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1 << 70, 1.5, "", "/", "//", "/var/log/app", "/var/log/app/../..", "/etc", "web:/srv/*.log",
    "/var/log/**/x,/srv/*", "log-sidecar", "log-sidecar-state", names.LOGS, "istio-proxy", "true", "false", "classic",
    "app-exits", "256Mi", "9" * 30, "-web", "kafka://k:9092/logs-x", "kafka://u:p@k/logs", "\x1b[31m", "\u202e",
    "~1/~0", "\0", [], {}, [[]], [None], {"name": "log-sidecar"}, {"name": "SIDECAR_MODE"}, [{"name": "web"}],
    '{"version":"1","hash":"x","added":["metadata/labels","spec/volumes","spec/containers/web/volumeMounts"]}',
)  # fmt: skip
_POD = {
    "metadata": {"name": "shop", "labels": {"app": "shop"}, "annotations": {"team": "payments"}},
    "spec": {
        "containers": [
            {"name": "web", "image": "web:1", "volumeMounts": [{"name": "v", "mountPath": "/var/log/app"}]},
            {"name": "worker", "image": "worker:1"},
        ],
        "initContainers": [{"name": "istio-proxy", "restartPolicy": "Always"}],
        "volumes": [{"name": "v", "emptyDir": {}}],
    },
}


def _change(fuzzed: FuzzedInput, pod: Any) -> None:
    """Set, remove or add one value somewhere in a Pod."""
    place = pod
    for _ in range(fuzzed.below(7)):
        inner = list(place.values()) if isinstance(place, dict) else place
        nested = [each for each in inner if isinstance(each, dict | list)]
        if not nested:
            break
        place = fuzzed.one_of(nested)
    value = json.loads(json.dumps(fuzzed.one_of(_VALUES)))
    if isinstance(place, dict):
        what = fuzzed.below(4)
        key = fuzzed.one_of(list(place)) if place and what < 2 else fuzzed.one_of(_KEYS)
        if what == 0:
            place.pop(key, None)
        else:
            place[key] = fuzzed.text() if what == 3 else value
    elif place and fuzzed.below(3) == 0:
        del place[fuzzed.below(len(place))]
    else:
        place.insert(fuzzed.below(len(place) + 1), value)


def _pod(fuzzed: FuzzedInput) -> Any:
    """Return a Pod with changes; sometimes one that had the sidecar before."""
    pod: Any = json.loads(json.dumps(_POD))
    if fuzzed.below(2):
        pod = json.loads(json.dumps(apply(pod, plan(pod, fuzzed.one_of(_SETTINGS)).insertions)))
    while fuzzed.is_left:
        _change(fuzzed, pod)
    return pod


def check_review(data: bytes) -> None:
    """Read the bytes as a review, then review a Pod that they change."""
    with suppress(InvalidReview):
        read_review(data)
    fuzzed = FuzzedInput(data)
    options = fuzzed.one_of(_SETTINGS)
    body = review_of(_pod(fuzzed))
    try:
        request = read_review(body)
    except InvalidReview:
        return
    pod = request.object
    before = json.dumps(pod)
    admission = admit(pod, options)
    answer = encode_answer(request.uid, admission)
    assert json.dumps(pod) == before
    if not isinstance(pod, dict):
        return
    result = admitted(pod, answer)
    _check_unchanged(pod, result, admission)
    # The second call after other webhooks changes nothing, or repairs nothing twice.
    again = admit(result, options)
    assert admitted(result, encode_answer(request.uid, again)) == result or again.result == "repaired"
    response_of(answer)


def _check_unchanged(pod: dict[str, Any], result: dict[str, Any], admission: Admission) -> None:
    """Check that everything that is not of the sidecar is in the result, as it was."""
    assert pod.keys() <= result.keys()
    if admission.result not in ("injected", "repaired"):
        return
    spec, changed = pod["spec"], result["spec"]
    for key in spec.keys() - {"containers", "initContainers", "volumes", "shareProcessNamespace"}:
        assert changed[key] == spec[key]
    for kind in ("containers", "initContainers", "volumes"):
        others = [item for item in spec.get(kind) or [] if not names.is_reserved(item["name"])]
        kept = [item for item in changed.get(kind) or [] if not names.is_reserved(item["name"])]
        assert [item["name"] for item in kept] == [item["name"] for item in others]
        for before, after in zip(others, kept, strict=True):
            assert {k: v for k, v in before.items() if k != "volumeMounts"} == {
                k: v for k, v in after.items() if k != "volumeMounts"
            }


def check_manifest(data: bytes) -> None:
    """Inject into a manifest of a changed Pod: removal gives back the same text, and the patch makes the same Pod."""
    fuzzed = FuzzedInput(data)
    options = fuzzed.one_of(_SETTINGS)
    indent = fuzzed.one_of((None, 1, 2, 4))
    text = json.dumps({"kind": "Pod", **_pod(fuzzed)}, indent=indent, ensure_ascii=fuzzed.below(2) == 0)
    try:
        edited = inject(text, options)
        before, after = Manifest(text).pods, Manifest(edited.text).pods
    except ManifestError:
        return
    for old, new, outcome in zip(before, after, edited.outcomes, strict=True):
        if outcome.outcome == "injected":
            assert uninject(edited.text).text == text
            assert apply(old.value(), plan(old.value(), options).insertions) == new.value()
        elif outcome.refusal:
            assert old.value() == new.value()
            assert str(outcome.refusal)
