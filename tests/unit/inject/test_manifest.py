"""The text of manifests: what is added, that every other byte stays, and that removal gives back the same bytes."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.errors import ConfigurationError
from sidecar.inject import names
from sidecar.inject.addition import apply
from sidecar.inject.manifest import Edited, Manifest, inject, uninject
from sidecar.inject.nodes import ManifestError, parse
from sidecar.inject.plan import plan
from sidecar.inject.settings import InjectionSettings
from tests.support.pods import TABLE, Object, pods

SETTINGS = InjectionSettings(sink="elasticsearch://elasticsearch.logging:9200/logs")
OTHER = InjectionSettings(config_map="shop-logs", secret="shop-keys", profile="busy", volume_size="2Gi")
MANIFESTS = sorted((Path(__file__).parent / "manifests").iterdir())
EXAMPLES = sorted((Path(__file__).parents[3] / "examples" / "kubernetes").rglob("*.yaml"))

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: shop
spec:
  containers:
    - name: web
      image: nginx:1.27
"""


def outcomes(edited: Edited) -> list[str]:
    return [outcome.outcome for outcome in edited.outcomes]


def refusals(edited: Edited) -> list[str]:
    return [outcome.refusal.code.name for outcome in edited.outcomes if outcome.refusal]


def removed_lines(before: str, after: str) -> list[str]:
    """Return the lines of a text that the other one does not have, in the same order."""
    rest = iter(after.splitlines())
    return [line for line in before.splitlines() if line not in rest]


def check_round_trip(text: str) -> Edited:
    """Assert what holds for every text, and return the one with the sidecar."""
    edited = inject(text, SETTINGS)
    check_values(text, edited)
    assert uninject(edited.text).text == text
    again = inject(edited.text, SETTINGS)
    assert again.text == edited.text
    assert "injected" not in outcomes(again)
    upgraded = inject(edited.text, OTHER)
    assert upgraded.text == inject(text, OTHER).text
    assert uninject(upgraded.text).text == text
    return edited


def check_values(text: str, edited: Edited) -> None:
    """Assert that each Pod of the text, read as values, became what the decision about these values says."""
    for before, after, outcome in zip(Manifest(text).pods, Manifest(edited.text).pods, edited.outcomes, strict=True):
        item = before.value()
        addition = plan(item, SETTINGS, with_label=names.INJECTED in str(after.value().get("metadata")))
        is_text = outcome.refusal is not None and outcome.refusal.code.name in ("E_ALIAS", "E_FORM")
        assert after.value() == (item if is_text else apply(item, addition.insertions))
        assert is_text or outcome.refusal == addition.refusal


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_a_manifest_keeps_every_byte_and_is_restored(path: Path) -> None:
    text = path.read_bytes().decode()
    edited = check_round_trip(text)
    assert outcomes(edited)
    assert set(outcomes(edited)) == {"injected"}, edited.outcomes
    if "flow" not in path.name and path.suffix == ".yaml":
        assert removed_lines(text, edited.text) == []
    for found in Manifest(edited.text).pods:
        init = found.value()["spec"]["initContainers"]
        assert [each["restartPolicy"] for each in init if each["name"] == names.CONTAINER] == ["Always"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_that_has_the_sidecar_stays_as_it_is(path: Path) -> None:
    text = path.read_text()
    edited = check_round_trip(text)
    if "SIDECAR_MODE" in text:
        assert edited.text == text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_without_its_sidecar_gets_one(path: Path) -> None:
    """Cut the sidecar of each example by its indentation, as a text of a real shape to add one to."""
    text = without_sidecar(path.read_text())
    assert set(outcomes(check_round_trip(text))) <= {"injected"}


def without_sidecar(text: str) -> str:
    kept, skipped = [], -1
    for line in text.splitlines(keepends=True):
        indent = len(line) - len(line.lstrip())
        if line.lstrip().startswith(("- name: log-sidecar", "- {name: log-sidecar-", "- name: install-wrapper\n")):
            skipped = indent
            continue
        if skipped >= 0 and indent > skipped:
            continue
        skipped = -1
        kept.append(line)
    lines = "".join(kept).splitlines(keepends=True)
    return "".join(
        line
        for index, line in enumerate(lines)
        if line.strip() != "initContainers:" or lines[index + 1].lstrip().startswith(("- ", "#"))
    )


KINDS: dict[str, list[str]] = {
    "Pod": [],
    "PodTemplate": ["template"],
    "Deployment": ["spec", "template"],
    "StatefulSet": ["spec", "template"],
    "DaemonSet": ["spec", "template"],
    "ReplicaSet": ["spec", "template"],
    "ReplicationController": ["spec", "template"],
    "Job": ["spec", "template"],
    "CronJob": ["spec", "jobTemplate", "spec", "template"],
}


def wrapped(kind: str, item: Object) -> Object:
    """Return an object of this kind with a Pod."""
    for key in reversed(KINDS[kind]):
        item = {key: item}
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "shop"}, **item}


WRITERS: dict[str, Any] = {
    "block": lambda items: yaml.safe_dump_all(items, sort_keys=False, width=10_000),
    "wide": lambda items: yaml.safe_dump_all(items, indent=4, explicit_end=True, width=40),
    "flow": lambda items: yaml.safe_dump_all(items, default_flow_style=True, width=60),
    "mixed": lambda items: yaml.safe_dump_all(items, default_flow_style=None, explicit_start=True),
    "list": lambda items: yaml.safe_dump(
        {"apiVersion": "v1", "kind": "List", "items": items}, sort_keys=False, width=10_000
    ),
    "json": lambda items: json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent=2),
    "tabs": lambda items: json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, indent="\t"),
    "line": lambda items: json.dumps({"apiVersion": "v1", "kind": "List", "items": items}),
}


@given(
    st.lists(st.tuples(st.sampled_from(sorted(KINDS)), pods()), min_size=1, max_size=3),
    st.sampled_from(sorted(WRITERS)), st.booleans(), st.booleans(), st.data(),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_for_every_manifest(
    items: list[tuple[str, Object]], style: str, is_windows: bool, has_end: bool, data: st.DataObject
) -> None:
    text = WRITERS[style]([wrapped(kind, item) for kind, item in items])
    if style in ("block", "list"):
        text = with_comments(text, data.draw(st.integers(0, 2**32)))
    if is_windows:
        text = text.replace("\n", "\r\n")
    if not has_end:
        text = text.rstrip("\r\n")
    edited = check_round_trip(text)
    assert len(edited.outcomes) == len(items)
    if style in ("block", "list") and has_end:
        assert removed_lines(text, edited.text) == []
        assert not {"E_FORM", "E_ALIAS"} & set(refusals(edited))
    if style in ("json", "line", "tabs"):
        json.loads(edited.text)


@pytest.mark.parametrize("name", TABLE)
def test_each_row_of_the_table_in_each_kind_and_style(name: str) -> None:
    """Give each row a kind of object and a style of text, so that together they have all."""
    number, (item, _) = list(TABLE).index(name), TABLE[name]
    kind, style = sorted(KINDS)[number % len(KINDS)], sorted(WRITERS)[number % len(WRITERS)]
    edited = check_round_trip(WRITERS[style]([wrapped(kind, item)]))
    assert len(edited.outcomes) == 1


def with_comments(text: str, seed: int) -> str:
    """Put comments and blank lines between the lines, as people do."""
    lines = []
    for number, line in enumerate(text.splitlines(keepends=True)):
        choice = seed >> (number % 29) & 7
        if choice == 1:
            lines.append(f"{' ' * (len(line) - len(line.lstrip()))}# about the next line\n")
        elif choice == 2:
            lines.append("\n")
        elif (
            choice == 3
            and ": " in line
            and line.rstrip()[-1] not in "|>\\,[{"
            and "'" not in line
            and '"' not in line
        ):
            line = f"{line.rstrip()}  # said why\n"
        lines.append(line)
    return "".join(lines)


def test_text_without_a_final_newline_gets_none() -> None:
    text = POD.rstrip("\n")
    assert not check_round_trip(text).text.endswith("\n")


def test_a_null_list_is_filled_and_emptied() -> None:
    for addition in ("  volumes:\n", "  volumes: []\n", "  initContainers:  # none yet\n  restartPolicy: Always\n"):
        assert outcomes(check_round_trip(POD + addition)) == ["injected"]


REFUSED = {
    "an explicit null": (f"{POD}  volumes: null\n", "E_FORM"),
    "an alias": (f"{POD}  x: &v [{{name: a, emptyDir: {{}}}}]\n  volumes: *v\n", "E_ALIAS"),
    "a list that an alias uses": (f"{POD}  volumes: &v\n    - {{name: a, emptyDir: {{}}}}\n  x: *v\n", "E_ALIAS"),
    "a merge key": (f"x: &base {{restartPolicy: Never}}\n{POD}  <<: *base\n", "E_ALIAS"),
    "a text to the end": (f"{POD}      args:\n        - |\n          sleep 1", "E_FORM"),
    "a wrong type": (POD.replace("name: web", "name: 7"), "E_SHAPE"),
}


@pytest.mark.parametrize(("text", "code"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_extended_in_place_is_refused_and_stays(text: str, code: str) -> None:
    edited = inject(text, SETTINGS)
    assert refusals(edited) == [code]
    assert edited.text == text


READS = {
    "y": True, "N": False, "off": False, "1:30": "1:30", "3e1": 30, "30.0": 30, "-.5": -0.5, "090": 90, "0o17": 15,
    "010": 8, "1_000": 1000, "=": "=", "!Ref x": "x", "! 12": "12", "!!str 12": "12", '!!int "12"': 12, "Null": None,
    "2001-01-01": "2001-01-01", "1e400": "1e400",
    "18446744073709551615": 2**64 - 1, "1" + 25 * "0": int(1e25), "0x" + 20 * "f": "0x" + 20 * "f",
    5000 * "9": 5000 * "9",
}  # fmt: skip


@pytest.mark.parametrize("text", READS)
def test_a_scalar_is_what_kubernetes_reads(text: str) -> None:
    ((root, _),) = parse(f"a: {text}\n")
    value = root.plain()["a"]
    assert (value, type(value)) == (READS[text], type(READS[text]))


def test_a_key_is_a_text() -> None:
    ((root, _),) = parse("1: a\ny: b\n0x1f: c\n1.5: d\n")
    assert root.plain() == {"1": "a", "true": "b", "31": "c", "1.5": "d"}


WITH_ANNOTATIONS = POD.replace(
    "  name: shop\n", "  name: shop\n  annotations: {log-sidecar/logs: /srv/\U0001f98a/*.log}\n"
)
SETUP = "- name: setup\n      image: setup:1\n"
FORMS = {
    "an anchor of a mapping": POD.replace("spec:\n", "spec: &spec\n"),
    "an anchor of a list": f"{POD}  initContainers: &list\n    {SETUP}",
    "an anchor that ends with a hyphen": f"{POD}  initContainers: &list-  # why\n    {SETUP}",
    "an anchor of a list without indentation": f"{POD}  initContainers: &list\n  {SETUP.replace('      ', '    ')}",
    "tags": POD.replace("spec:\n", "spec: !!map\n").replace("- name", "- !!map\n      name"),
    "a repeated list": f"{POD}  volumes: [{{name: a}}]\n  volumes:\n    - {{name: b, emptyDir: {{}}}}\n",
    "repeated annotations": WITH_ANNOTATIONS.replace("spec:", "  annotations:\n    c: d\nspec:"),
    "a repeated Pod": f"{POD}spec:\n  containers:\n    - {{name: other, image: other:1}}\n",
    "values of JSON": '{"kind": "Pod", "spec": {"containers": [{"name": "web"}]}}\n' * 2,
    "values of JSON without a space": '{"kind": "Pod", "spec": {"containers":\t[{"name": "web"}]}}' * 2,
    "an emoji in a path": WITH_ANNOTATIONS,
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_an_unusual_form_is_extended(text: str) -> None:
    assert set(outcomes(check_round_trip(text))) == {"injected"}


def test_the_last_of_repeated_keys_counts() -> None:
    assert outcomes(inject(f"{POD}kind: ConfigMap\n", SETTINGS)) == []


def test_a_kind_that_is_not_known_is_said() -> None:
    job = "{kind: Job, metadata: {name: a}, spec: {template: {spec: {containers: [{name: web, image: web}]}}}}"
    other = (
        job.replace("Job", "TrainingJob").replace("template", "replicas: {workerTemplate").replace("}}}}", "}}}}}")
    )
    lists = f"kind: List\nitems:\n- kind: List\n  items:\n  - {job}\n- {other}\n"
    text = f"{lists}- {{kind: Rollout, spec: {{template: {{}}}}}}\n"
    edited = inject(text, SETTINGS)
    assert outcomes(edited) == ["injected", "unchanged"]
    assert str(edited.outcomes[1]) == "TrainingJob a: unchanged"
    assert [caution.code.name for caution in edited.outcomes[1].cautions] == ["W_KIND"]
    assert outcomes(inject(f"- {job}\n", SETTINGS)) == []


def test_an_annotation_outside_of_the_template_is_said() -> None:
    metadata = '{name: a, labels: {log-sidecar/inject: "true", app: a}, annotations: {log-sidecar/logs: /srv/*.log}}'
    pod = "{spec: {containers: [{name: web, image: web}]}}"
    text = f"kind: CronJob\nmetadata: {metadata}\nspec: {{jobTemplate: {{spec: {{template: {pod}}}}}}}\n"
    (outcome,) = inject(text, SETTINGS).outcomes
    place = "spec.jobTemplate.spec.template.metadata"
    assert [str(caution) for caution in outcome.cautions if caution.code.name == "W_ANNOTATION"] == [
        f"W_ANNOTATION: log-sidecar/inject has no effect here; write it in {place}.labels",
        f"W_ANNOTATION: log-sidecar/logs has no effect here; write it in {place}.annotations",
    ]


def test_labels_that_the_selector_refers_to_get_no_label() -> None:
    text = POD.replace("  name: shop\n", "  name: shop\n  labels: &labels {app: shop}\n") + "x: *labels\n"
    edited = check_round_trip(text)
    assert outcomes(edited) == ["injected"]
    assert names.INJECTED not in edited.text


def test_a_sidecar_that_was_changed_by_hand_is_not_removed_without_force() -> None:
    text = inject(POD, SETTINGS).text.replace("cpu: 20m", "cpu: 30m")
    assert refusals(uninject(text)) == refusals(inject(text, SETTINGS)) == ["E_EDITED"]
    assert uninject(text).text == inject(text, SETTINGS).text == text
    assert uninject(text, is_forced=True).text == POD
    assert inject(text, SETTINGS, is_forced=True).text == inject(POD, SETTINGS).text


def test_what_others_added_later_stays() -> None:
    text = inject(POD, SETTINGS).text
    later = text.replace("  volumes:\n", "  volumes:\n    - {name: cache, emptyDir: {}}\n")
    assert uninject(later).text == f"{POD}  volumes:\n    - {{name: cache, emptyDir: {{}}}}\n"


def test_other_objects_and_documents_stay() -> None:
    text = f"# first\n---\n{POD}---\n# nothing\n---\nkind: ConfigMap\ndata: {{a: |-\n}}".replace(
        "{a: |-\n}", "{a: b}\n"
    )
    edited = check_round_trip(text)
    assert edited.text.startswith("# first\n---\n")
    assert edited.text.endswith("---\n# nothing\n---\nkind: ConfigMap\ndata: {a: b}\n")


BROKEN = {
    "a: [1\n": "line",
    "a:\n\t- b\n": "line 2",
    f"{POD}---\nkind: Pod\n: : :\n  x\n": "line",
    "a: *missing\n": "line 1",
    "[" * 5000: "",
    "a: !!int x\n": "line 1: has a value that is no int",
    f"{POD}# \0\n": "line 9: is not valid YAML (control characters",
    f"{POD}  volumes: &own [*own]\n": "line 9: the alias *own has no anchor",
    "".join(["a: &a [x]\n", *(f"{new}: &{new} [{f'*{old}, ' * 9}]\n" for old, new in pairwise("abcdefghij"))]): (
        "has aliases that repeat more than 1,000,000 values"
    ),
    POD.replace("nginx:1.27", "{{ .Values.image }}"): "line 8: has a key that is not a text; render the template",
    f"{POD}  {{{{- toYaml . | nindent 2 }}}}\n": "expected ':'); render the template first",
}


@pytest.mark.parametrize("text", BROKEN)
def test_broken_yaml_is_an_error_with_its_line(text: str) -> None:
    with pytest.raises(ManifestError) as error:
        inject(text, SETTINGS)
    assert BROKEN[text] in str(error.value)


@given(st.text(alphabet="ab: -[]{}#&*|>'\"\n\t!%@,?", max_size=60))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ManifestError):
        assert inject(text, SETTINGS).text == text


def test_the_input_of_a_function_may_have_a_config_map_of_texts() -> None:
    values = {"sink": SETTINGS.sink, "logs": "/srv/a/*.log,/srv/b/*.log", "strict": "true", "run_as": "7"}
    text = json.dumps({"kind": "ResourceList", "functionConfig": {"kind": "ConfigMap", "data": values}})
    found = Manifest(text).settings_of_function(SETTINGS)
    assert (found.logs, found.strict, found.run_as) == (("/srv/a/*.log", "/srv/b/*.log"), True, 7)
    with pytest.raises(ConfigurationError, match="functionConfig: "):
        Manifest(text.replace('"strict": "true"', '"strict": "perhaps"')).settings_of_function(SETTINGS)


def test_the_input_of_a_kustomize_function_brings_its_settings() -> None:
    item = "".join(f"    {line}\n" for line in POD.splitlines())
    text = (
        "apiVersion: config.kubernetes.io/v1\nkind: ResourceList\n"
        "functionConfig:\n  kind: LogSidecar\n  spec: {config_map: from-function}\n"
        f"items:\n  - {item.lstrip()}"
    )
    edited = inject(text, SETTINGS)
    assert outcomes(edited) == ["injected"]
    assert "configMap: {name: from-function, optional: true}" in edited.text
