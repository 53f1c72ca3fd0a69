"""The policies of `sidecar policy` on a real API server: a Pod gets what `inject` adds, or a warning says why not."""

from __future__ import annotations

import copy
import json
import ssl
import urllib.error
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from hypothesis import Phase, given, settings

from sidecar.inject import names
from sidecar.inject.addition import apply
from sidecar.inject.plan import plan
from sidecar.inject.policy import build_policies
from sidecar.inject.settings import InjectionSettings
from tests.kubernetes.cluster.cluster import Admitted, Cluster, KubectlFailed, Namespace, Object, wait
from tests.kubernetes.cluster.databases import Elasticsearch, endpoint, service
from tests.kubernetes.cluster.manifests import APP, SIDECAR, SIDECAR_IMAGE, configuration, deployment, job, writing
from tests.support.pods import TABLE, pod, pods

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

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
    sink=SETTINGS.sink, exclude=("*.gz",), platform="openshift", profile="quiet", suffix="b", limits_memory="1Gi"
)


class Admission:
    """Two namespaces: the policies are for all Pods of one, and for Pods with the label in the other one."""

    def __init__(self, cluster: Cluster, chosen: Namespace, other: Namespace) -> None:
        self.cluster, self.chosen, self.other = cluster, chosen, other
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
        except urllib.error.HTTPError:
            return False

    def _kubectl(self, *arguments: str) -> None:
        items = build_policies(self.settings, "v1beta1")
        self.cluster.kubectl(*arguments, given=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))

    def admit(self, item: Object) -> Admitted:
        """The Pod in the namespace that the policies are for."""
        return self.cluster.admit(self.chosen.name, item)

    def admit_elsewhere(self, item: Object) -> Admitted:
        """The Pod in the other namespace."""
        return self.cluster.admit(self.other.name, item)

    def refusal_of(self, item: Object) -> str:
        """Why the Pod is refused; empty if it is not."""
        try:
            self.admit(item)
        except urllib.error.HTTPError as error:
            return str(json.load(error)["message"])
        return ""


@pytest.fixture(scope="module")
def admission(cluster: Cluster) -> Iterator[Admission]:
    with cluster.namespace() as chosen, cluster.namespace() as other:
        cluster.kubectl("label", "namespace", chosen.name, f"{names.INJECTION}=enabled")
        admission = Admission(cluster, chosen, other)
        yield admission
        admission.stop()


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


OUTSIDE = "use sidecar inject or the webhook"
WARNINGS = {"W_ANNOTATION", "W_MASK", "W_GRACE"}


def test_each_row_of_the_table_is_decided_as_by_inject(admission: Admission) -> None:
    admission.use(SETTINGS)
    for name, (item, expected) in TABLE.items():
        said = compare(admission, item)
        assert expected in said if expected else said == "", name


@pytest.mark.parametrize("options", [OTHER, OPENSHIFT])
def test_other_settings_make_other_policies(admission: Admission, options: InjectionSettings) -> None:
    admission.use(options)
    said = [compare(admission, item) for item, _ in TABLE.values()]
    assert said.count("") > 20


@given(pods())
@settings(max_examples=80, deadline=None, database=None, phases=[Phase.generate])
def test_any_pod_is_decided_as_by_inject(admission: Admission, item: Object) -> None:
    if admission.settings is not SETTINGS:
        admission.use(SETTINGS)
    compare(admission, as_accepted(item))


def as_accepted(item: Object) -> Object:
    """The Pod with what the API server asks for: a name, and every volume that is mounted."""
    spec = {**item["spec"], "volumes": [*item["spec"].get("volumes", [])]}
    spec["volumes"].append({"name": "claim", "persistentVolumeClaim": {"claimName": "claim"}})
    return {"metadata": {**item.get("metadata", {}), "name": "shop"}, "spec": spec}


def test_elsewhere_a_pod_needs_the_label(admission: Admission) -> None:
    admission.use(SETTINGS)
    bare = admission.admit_elsewhere(pod())
    assert (image_of(bare.pod), bare.warnings) == ("", [])
    labelled = pod()
    labelled["metadata"]["labels"] = {names.INJECT: "true"}
    for admitted in (admission.admit_elsewhere(labelled), admission.admit(labelled)):
        assert image_of(admitted.pod) == SIDECAR_IMAGE
        assert [each["name"] for each in admitted.pod["spec"]["initContainers"]] == [SIDECAR]


def test_a_webhook_that_removes_the_restart_policy_is_corrected(admission: Admission) -> None:
    admission.use(SETTINGS)
    item = pod()
    item["metadata"]["labels"] = {"old-client": "true"}
    with stripping(admission.cluster) as stripped:
        wait("the webhook was called", lambda: admission.admit(item) and stripped)
        admitted = admission.admit(item)
    assert [each["restartPolicy"] for each in admitted.pod["spec"]["initContainers"]] == ["Always"]
    assert admitted.warnings == []


@contextmanager
def stripping(cluster: Cluster) -> Iterator[list[str]]:
    """A webhook that acts as old clients do, which do not know the field. Yields the names of the Pods it changed."""
    stripped: list[str] = []

    class Strip(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
            inits = request["object"]["spec"].get("initContainers", [])
            paths = [
                f"/spec/initContainers/{n}/restartPolicy" for n, each in enumerate(inits) if "restartPolicy" in each
            ]
            patch = json.dumps([{"op": "remove", "path": path} for path in paths]).encode()
            stripped.extend(each["name"] for each in inits)
            answer = {"uid": request["uid"], "allowed": True, "patchType": "JSONPatch", "patch": encoded(patch)}
            body = json.dumps(
                {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer}
            ).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    keys = cluster.home / "pki"
    server = ThreadingHTTPServer(("127.0.0.1", 0), Strip)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "server.crt", keys / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    authority = encoded((keys / "ca.crt").read_bytes())
    configuration = webhook(f"https://127.0.0.1:{server.server_address[1]}/", authority)
    cluster.kubectl("apply", "--filename=-", given=json.dumps(configuration))
    try:
        yield stripped
    finally:
        cluster.kubectl("delete", "--filename=-", given=json.dumps(configuration))
        server.shutdown()
        server.server_close()


def encoded(data: bytes) -> str:
    return b64encode(data).decode()


def webhook(url: str, authority: str) -> Object:
    """The configuration of a webhook for Pods with the label `old-client`."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
    called = {
        "name": "strip.example.com",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Ignore",
        "clientConfig": {"url": url, "caBundle": authority},
        "rules": [rule],
        "objectSelector": {"matchLabels": {"old-client": "true"}},
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "old-client"},
        "webhooks": [called],
    }


REPOSITORY = SIDECAR_IMAGE.rpartition(":")[0]


def test_the_name_of_the_sidecar_is_for_its_image(admission: Admission) -> None:
    admission.use(SETTINGS)
    for image in (f"{REPOSITORY}:9", f"{REPOSITORY}@sha256:{'0' * 64}", REPOSITORY):
        assert admission.refusal_of(taken(image)) == ""
    for image in ("log-sidecar:0.1.0", f"{REPOSITORY}-other:1", f"other.example/{REPOSITORY}:1"):
        assert f"must have an image of {REPOSITORY}" in admission.refusal_of(taken(image))


def application(**environ: int) -> Object:
    """The inside of a Pod that knows no sidecar: an application that writes a file, and no volume for it."""
    container = writing(name=APP, **environ)
    container["volumeMounts"] = [{"name": "config", "mountPath": "/app", "readOnly": True}]
    return {"containers": [container], "volumes": [{"name": "config", "configMap": {"name": "test"}}]}


@pytest.mark.elasticsearch
def test_unchanged_manifests_ship_their_logs(admission: Admission, elasticsearch: Elasticsearch) -> None:
    admission.use(SETTINGS)
    namespace = admission.chosen
    namespace.apply(configuration({}), service(elasticsearch), endpoint(elasticsearch))
    namespace.apply(deployment("shop", application(rate=200)))
    namespace.apply(job("count", {**application(lines=300), "restartPolicy": "Never"}))

    def stored(owner: str) -> list[int]:
        found = elasticsearch.documents(INDEX)
        return sorted(each["number"] for each in found if each["kubernetes"]["pod"]["name"].startswith(f"{owner}-"))

    wait("the lines of the Job are stored", lambda: len(stored("count")) >= 300)
    (finished,) = namespace.pods(job_name="count")
    namespace.wait_for_pod(finished.name, "is over", lambda it: it.phase == "Succeeded")
    assert stored("count") == list(range(300))

    (running,) = namespace.pods(app="shop")
    with pytest.raises(KubectlFailed, match="must have an image of"):
        namespace.cluster.kubectl(
            "set", "image", f"pod/{running.name}", f"{SIDECAR}=other:1", f"--namespace={namespace.name}"
        )
    admission.stop()
    before = len(stored("shop"))
    wait("lines are stored without the policies", lambda: len(stored("shop")) >= before + 100)
    seen = namespace.pod(running.name)
    assert [seen.container(name)["restartCount"] for name in (APP, SIDECAR)] == [0, 0]
