"""What another webhook removes or moves of the sidecar is restored once, and never more than what is missing."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.inject import names
from sidecar.inject.addition import Object, apply
from sidecar.inject.plan import plan
from sidecar.inject.reasons import Caution
from sidecar.inject.repair import find_damage, repair
from sidecar.inject.settings import InjectionSettings
from tests.support.json_patch import apply_patch
from tests.support.pods import pods

SETTINGS = InjectionSettings(sink="elasticsearch://elasticsearch.logging:9200/logs")


def pod(**spec: object) -> Object:
    containers = [{"name": "web", "image": "web:1"}, {"name": "worker", "image": "worker:1"}]
    return {"metadata": {"name": "shop"}, "spec": {"containers": containers, **spec}}


def injected(item: Object, options: InjectionSettings = SETTINGS) -> Object:
    return copy.deepcopy(apply(item, plan(item, options).insertions))


def strip_restart_policy(spec: Object) -> None:
    del spec["initContainers"][0]["restartPolicy"]


def drop_state(spec: Object) -> None:
    spec["volumes"] = [each for each in spec.get("volumes", []) if each["name"] != names.STATE]


def drop_all_volumes(spec: Object) -> None:
    spec.pop("volumes", None)


def drop_mount_of_the_application(spec: Object) -> None:
    spec["containers"][0]["volumeMounts"] = []


def drop_mounts(spec: Object) -> None:
    spec["initContainers"][0].pop("volumeMounts", None)


def put_proxy_after(spec: Object) -> None:
    spec["initContainers"].append({"name": "istio-proxy", "image": "proxy:1", "restartPolicy": "Always"})


DAMAGES: dict[str, Callable[[Object], None]] = {
    "restartPolicy": strip_restart_policy,
    "the volume log-sidecar-state": drop_state,
    "the volume log-sidecar-logs": drop_all_volumes,
    "the mount of log-sidecar-logs in the application": drop_mount_of_the_application,
    "its volume mounts": drop_mounts,
    "the place after istio-proxy": put_proxy_after,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_missing_is_restored_once(damage: str) -> None:
    changed = injected(pod())
    DAMAGES[damage](changed["spec"])
    assert find_damage(changed) == damage
    operations, cautions = repair(changed, SETTINGS, damage)
    assert [caution.code for caution in cautions if caution.code is not Caution.W_UID] == [Caution.W_NEIGHBOUR]
    restored = apply_patch(changed, operations)
    assert find_damage(restored) == ""
    assert restored["metadata"]["annotations"].pop(names.REPAIRED) == damage
    if damage == "the place after istio-proxy":
        assert [each["name"] for each in restored["spec"]["initContainers"]] == ["istio-proxy", names.CONTAINER]
    else:
        assert restored["spec"] == injected(pod())["spec"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_missing_again_is_only_reported(damage: str) -> None:
    changed = injected(pod())
    changed["metadata"]["annotations"][names.REPAIRED] = damage
    DAMAGES[damage](changed["spec"])
    operations, (caution,) = repair(changed, SETTINGS, find_damage(changed))
    assert operations == []
    assert (caution.code, "missing again" in caution.detail) == (Caution.W_NEIGHBOUR, True)


def set_defaults(spec: Object) -> None:
    """Do what the API server and other webhooks do to any container."""
    for container in [*spec["initContainers"], *spec["containers"]]:
        container |= {"terminationMessagePath": "/dev/termination-log", "imagePullPolicy": "Always"}
        container["image"] = f"mirror.example/{container['image']}"
        container.setdefault("env", []).append({"name": "HTTP_PROXY", "value": "http://proxy"})
        container.setdefault("resources", {})["limits"] = {"cpu": "1", "memory": "1Gi"}
    spec["initContainers"].insert(0, {"name": "istio-proxy", "restartPolicy": "Always"})
    spec["volumes"].insert(0, {"name": "token", "projected": {}})


def test_defaults_a_mirror_and_limits_are_no_damage() -> None:
    changed = injected(pod())
    set_defaults(changed["spec"])
    assert find_damage(changed) == ""
    assert plan(changed, SETTINGS).outcome == "unchanged"


def test_a_sidecar_that_a_person_wrote_is_no_damage() -> None:
    by_hand = injected(pod())
    del by_hand["metadata"]["annotations"][names.STATUS]
    drop_state(by_hand["spec"])
    assert find_damage(by_hand) == ""
    refused = injected(pod())
    drop_state(refused["spec"])
    refused["metadata"]["labels"][names.INJECT] = "false"
    assert find_damage(refused) == ""


def test_a_pod_that_cannot_have_it_any_more_stays_as_it_is() -> None:
    changed = injected(pod())
    drop_state(changed["spec"])
    operations, (caution,) = repair(changed, InjectionSettings(), find_damage(changed))
    assert operations == []
    assert "E_NO_SINK" in caution.detail


@given(pods(), st.lists(st.sampled_from([drop_state, drop_all_volumes, drop_mounts, put_proxy_after]), max_size=2))
@settings(max_examples=60, deadline=None)
def test_for_every_pod_and_damage(item: Object, damages: list[Callable[[Object], None]]) -> None:
    addition = plan(item, SETTINGS)
    if addition.refusal or "log-sidecar/mode" in (item.get("metadata") or {}).get("annotations", {}):
        return
    changed = injected(item)
    assert find_damage(changed) == ""
    for damage in damages:
        if damage is not drop_mounts or len(changed["spec"]["initContainers"]) == 1:
            damage(changed["spec"])
    if not (found := find_damage(changed)):
        return
    operations, _ = repair(changed, SETTINGS, found)
    if operations:
        restored = apply_patch(changed, operations)
        assert find_damage(restored) == ""
        assert plan(restored, SETTINGS).outcome == "unchanged"
