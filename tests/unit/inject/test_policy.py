"""The policies as objects. What they do is tested on a real API server: tests/kubernetes/cluster/test_policy.py."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from sidecar.errors import ConfigurationError
from sidecar.inject import names
from sidecar.inject.cel import CelWriter
from sidecar.inject.policy import Api, build_policies, repository_of, to_yaml
from sidecar.inject.settings import PROFILES, InjectionSettings

SETTINGS = InjectionSettings(sink="elasticsearch://elasticsearch.logging:9200/logs")
OTHER = InjectionSettings(config_map="logs", secret="keys", run_as=5000, logs=("web:/srv/a/*.log", "web:/srv/a/b/*"))
VERSIONS: list[tuple[Api, str]] = [("v1beta1", "1.34"), ("v1beta1", "1.35"), ("v1", "1.36"), ("v1", "1.37")]


@pytest.mark.parametrize("options", [SETTINGS, OTHER])
@pytest.mark.parametrize(("api", "version"), VERSIONS)
def test_every_object_is_valid_by_the_strict_schema(options: InjectionSettings, api: Api, version: str) -> None:
    objects = build_policies(options, api)
    assert [item["kind"].removesuffix("Binding") for item in objects] == (
        ["MutatingAdmissionPolicy"] * 3 + ["ValidatingAdmissionPolicy"] * 8
    )
    for item in objects:
        kubernetes_validate.validate(item, version, strict=True)


def test_the_text_is_read_as_the_same_objects() -> None:
    objects = build_policies(SETTINGS, "v1")
    text = to_yaml(objects)
    assert list(yaml.safe_load_all(text)) == objects
    assert "expression: |-\n" in text
    assert not re.search(r"[&*]id0", text)


def expressions(value: Any) -> list[str]:
    """Return all expressions of an object."""
    if isinstance(value, list):
        return [text for item in value for text in expressions(item)]
    if not isinstance(value, dict):
        return []
    own = [
        text for key, text in value.items() if key in ("expression", "messageExpression") and isinstance(text, str)
    ]
    return own + [text for item in value.values() for text in expressions(item)]


@pytest.mark.parametrize("options", [SETTINGS, OTHER])
def test_each_variable_is_defined_before_it_is_used(options: InjectionSettings) -> None:
    for item in build_policies(options, "v1"):
        known = set[str]()
        for variable in item["spec"].get("variables", []):
            assert set(re.findall(r"variables\.(\w+)", variable["expression"])) <= known, variable["name"]
            known.add(variable["name"])
        for text in expressions(item):
            assert set(re.findall(r"variables\.(\w+)", text)) <= known
            assert "zz" not in text


def test_an_error_of_an_expression_refuses_no_foreign_pod() -> None:
    policies = {
        item["metadata"]["name"]: item["spec"]["failurePolicy"]
        for item in build_policies(SETTINGS, "v1")
        if "failurePolicy" in item["spec"]
    }
    refusing = policies.pop("log-sidecar-image")
    assert policies == dict.fromkeys(("log-sidecar", "log-sidecar-present", "log-sidecar-advice"), "Ignore")
    assert refusing == "Fail"


def test_a_policy_that_may_refuse_pods_has_one_reason_for_it() -> None:
    validations = {
        item["metadata"]["name"]: len(item["spec"]["validations"])
        for item in build_policies(SETTINGS, "v1")
        if "validations" in item["spec"]
    }
    assert validations == {"log-sidecar-present": 1, "log-sidecar-advice": 3, "log-sidecar-image": 1}


def test_nothing_is_added_in_namespaces_of_the_system() -> None:
    bindings = [item for item in build_policies(SETTINGS, "v1") if item["kind"] == "MutatingAdmissionPolicyBinding"]
    for binding in bindings:
        (excluded,) = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
        assert (excluded["operator"], "kube-system" in excluded["values"]) == ("NotIn", True)


IMPOSSIBLE: list[tuple[InjectionSettings, str]] = [
    (InjectionSettings(), "name no sink and no ConfigMap"),
    (InjectionSettings(sink=SETTINGS.sink, mode="classic"), "native sidecars only"),
    (InjectionSettings(sink=SETTINGS.sink, keep_image_files=True), "cannot copy"),
    (InjectionSettings(sink="elasticsearch://elasticsearch:9200", suffix="shop"), "suffix needs a sink"),
    (InjectionSettings(sink=SETTINGS.sink, logs=("/srv/a/*.log", "/srv/b/*.log")), "one directory of one container"),
    (InjectionSettings(sink=SETTINGS.sink, logs=("a:/srv/*.log", "b:/srv/*.log")), "one directory of one container"),
]


@pytest.mark.parametrize(("options", "message"), IMPOSSIBLE)
def test_settings_that_no_policy_can_follow_are_refused(options: InjectionSettings, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        build_policies(options, "v1")


def test_the_page_for_many_pods_has_the_sums_of_the_profiles() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/roll-out.md").read_text()
    for name in ("usual", "quiet"):
        requests = PROFILES[name].requests
        memory, cpu = (int(re.sub("[a-zA-Z]", "", requests[kind])) for kind in ("memory", "cpu"))
        assert f"with `{name}`{' reserve' * (name == 'usual')} {1000 * memory / 1024:.0f} GiB and {cpu} cores" in page
    agent_mib, quiet_mib = 200, int(PROFILES["quiet"].requests["memory"].removesuffix("Mi"))
    assert f"requests {agent_mib}Mi" in page
    assert f"at the {ORDINALS[agent_mib // quiet_mib + 1]} Pod" in page


ORDINALS = {3: "third", 4: "fourth", 5: "fifth", 6: "sixth", 7: "seventh"}

IMAGES = {
    "log-sidecar": "log-sidecar",
    "log-sidecar:0.1.0": "log-sidecar",
    "registry:5000/logs/sidecar": "registry:5000/logs/sidecar",
    "registry:5000/logs/sidecar:1": "registry:5000/logs/sidecar",
    "registry.example/sidecar:1@sha256:00": "registry.example/sidecar",
}


@pytest.mark.parametrize("image", IMAGES)
def test_the_repository_of_an_image(image: str) -> None:
    assert repository_of(image) == IMAGES[image]


def test_values_become_expressions_of_their_type() -> None:
    writer = CelWriter({"xx": "variables.x"})
    value = {"name": 'a"xx', "ready": True, "items": [{"uid": 7}], "labels": {"b": "xx"}, "empty": ""}
    kind = "Object.spec.thing"
    assert writer.write(value, kind) == (
        'Object.spec.thing{\n  name: "a\\"" + variables.x,\n  ready: true,\n'
        '  items: [Object.spec.thing.items{uid: 7}],\n  labels: {"b": variables.x},\n  empty: ""\n}'
    )


def test_a_value_of_the_settings_stays_a_text() -> None:
    hostile = '"}] + [JSONPatch{op: "remove", path: "/spec/containers/0"}] + [{"'
    options = InjectionSettings(sink=SETTINGS.sink, exclude=(hostile,), parser=hostile)
    (mutation, *_) = build_policies(options, "v1")
    text = mutation["spec"]["mutations"][0]["jsonPatch"]["expression"]
    assert json.dumps(json.dumps([hostile])) in text
    (parser,) = (each for each in mutation["spec"]["variables"] if each["name"] == "parser")
    assert json.dumps(hostile) in parser["expression"]
    assert names.CONTAINER in text
