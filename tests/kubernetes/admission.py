"""What policies make of Pods on an API server, compared with what `plan` decides."""

from __future__ import annotations

import copy
import json

from sidecar.inject import names
from sidecar.inject.addition import apply
from sidecar.inject.plan import plan
from sidecar.inject.policy import Api, build_policies
from sidecar.inject.settings import InjectionSettings
from tests.kubernetes.cluster.api import ClusterError
from tests.kubernetes.cluster.cluster import Admitted, Cluster, Object, wait
from tests.kubernetes.cluster.manifests import SIDECAR, SIDECAR_IMAGE
from tests.support.pods import TABLE, pod

INDEX = "logs-policy"
SETTINGS = InjectionSettings(
    sink=f"elasticsearch://elasticsearch:9200/{INDEX}", image=SIDECAR_IMAGE, image_pull_policy="Never"
)
OTHER = InjectionSettings(
    config_map="shop-logs", secret="keys", allow_host_path=True, run_as=5000, allow=("logs",),
    logs=("web:/srv/logs/*.log", "web:/srv/logs/*.txt"),
    image="registry.example:5000/logs/sidecar:1@sha256:" + "0" * 64,
)  # fmt: skip
OPENSHIFT = InjectionSettings(
    sink=SETTINGS.sink,
    exclude=("*.gz",),
    platform="openshift",
    profile="quiet",
    listen="[::]:9600",
    suffix="b",
    limits_memory="1Gi",
)


def make_namespace(cluster: Cluster, name: str, *labels: str) -> None:
    """Make a namespace in which Pods are accepted, where no controller does so."""
    cluster.kubectl("create", "namespace", name)
    cluster.kubectl("create", "serviceaccount", "default", f"--namespace={name}")
    if labels:
        cluster.kubectl("label", "namespace", name, *labels)


class Admission:
    """Two namespaces: the policies are for all Pods of one, and for Pods with the label in the other one."""

    def __init__(self, cluster: Cluster, chosen: str, other: str, api: Api) -> None:
        self.cluster, self.chosen, self.other, self._api = cluster, chosen, other, api
        self.settings = SETTINGS

    def use(self, options: InjectionSettings) -> None:
        """Replace the policies, and wait until the API server has them."""
        self.settings = options
        self._kubectl("apply", "--filename=-")
        wait("the policy is in use", self._is_in_use)
        wait("another image is refused", lambda: self.refusal_of(taken("other:1")))

    def stop(self) -> None:
        """Delete the policies, and wait until the API server has done so."""
        self._kubectl("delete", "--filename=-", "--ignore-not-found")
        wait("the policy is gone", lambda: not image_of(self.admit(pod()).pod))

    def _is_in_use(self) -> bool:
        """Whether both policies are the new ones: a new one may refuse the image that the old one adds."""
        try:
            return image_of(self.admit(pod()).pod) == self.settings.image
        except ClusterError:
            return False

    def _kubectl(self, *arguments: str) -> None:
        items = build_policies(self.settings, self._api)
        self.cluster.kubectl(*arguments, given=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    def admit(self, item: Object) -> Admitted:
        """The Pod in the namespace that the policies are for."""
        return self.cluster.admit(self.chosen, item)

    def admit_elsewhere(self, item: Object) -> Admitted:
        """The Pod in the other namespace."""
        return self.cluster.admit(self.other, item)

    def refusal_of(self, item: Object) -> str:
        """Why the Pod is refused; empty if it is not."""
        try:
            self.admit(item)
        except ClusterError as error:
            return str(error)
        return ""


def image_of(item: Object) -> str:
    """The image of the sidecar; empty if the Pod has none."""
    inits = {each["name"]: each for each in item["spec"].get("initContainers", [])}
    return str(inits[SIDECAR]["image"]) if SIDECAR in inits else ""


def taken(image: str) -> Object:
    """A Pod whose container has the name of the sidecar."""
    return pod(container={"name": SIDECAR, "image": image})


def comparable(item: Object) -> Object:
    """How the Pod runs: without the stamp of `sidecar inject`, and the token that the API server mounts."""
    item = copy.deepcopy(item)
    item["metadata"].get("annotations", {}).pop(names.STATUS, None)
    spec = item["spec"]
    spec["volumes"] = without_token(spec["volumes"])
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        container["volumeMounts"] = without_token(container.get("volumeMounts", []))
    return {"spec": spec, **{kind: item["metadata"].get(kind) or {} for kind in ("labels", "annotations")}}


def without_token(items: list[Object]) -> list[Object]:
    return [item for item in items if not item["name"].startswith("kube-api-access-")]


def compare(admission: Admission, item: Object) -> str:
    """Assert that the Pod gets what `plan` decides. Return the warning if it gets nothing, "-" if there is none."""
    admitted, addition = admission.admit(item), plan(item, admission.settings)
    reasons = [warning for warning in admitted.warnings if "has no log-sidecar" in warning]
    if not image_of(admitted.pod):
        assert comparable(admitted.pod) == comparable(admission.admit_elsewhere(item).pod)
        assert addition.refusal or addition.outcome == "unchanged" or OUTSIDE in reasons[0]
        assert len(reasons) == (0 if addition.outcome == "unchanged" else 1)
        return reasons[0] if reasons else "-"
    assert addition.outcome == "injected", addition
    expected = admission.admit_elsewhere(apply(item, addition.insertions)).pod
    assert comparable(admitted.pod) == comparable(expected)
    cautions = {note.code.name for note in addition.cautions} & WARNINGS
    assert {code for code in WARNINGS if code in "".join(admitted.warnings)} == cautions
    return ""


def as_accepted(item: Object) -> Object:
    """The Pod with what the API server asks for: a name, and every volume that is mounted."""
    spec = {**item["spec"], "volumes": [*item["spec"].get("volumes", [])]}
    spec["volumes"].append({"name": "claim", "persistentVolumeClaim": {"claimName": "claim"}})
    return {"metadata": {**item.get("metadata", {}), "name": "shop"}, "spec": spec}


OUTSIDE = "use sidecar inject or the webhook"
WARNINGS = {"W_ANNOTATION", "W_MASK", "W_GRACE"}


def compare_table(admission: Admission) -> None:
    """Assert that each row of the table is decided as by `plan`."""
    for name, (item, expected) in TABLE.items():
        warning = compare(admission, item)
        assert expected in warning if expected else warning == "", name
