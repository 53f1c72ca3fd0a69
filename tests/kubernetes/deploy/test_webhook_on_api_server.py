"""The webhook and a real API server: decisions, neighbours, renewals of the certificate, the change of the holder.

Two replicas run in this process, with the rights that `deploy/webhook/self-managed` gives them. They answer only the
API server, which presents a certificate.
"""

from __future__ import annotations

import json
import re
import shutil
import ssl
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from hypothesis import Phase, given, settings

from sidecar.inject import names
from sidecar.telemetry.events import Event as LogEvent
from sidecar.testing import ManualClock
from sidecar.webhook.kubernetes_api import ApiError, Conflict, KubernetesApi
from sidecar.webhook.lease import DURATION_S
from sidecar.webhook.managed_certificate import RENEW_BEFORE_S, VALID_DAYS, ManagedCertificate
from sidecar.webhook.review import admit
from sidecar.webhook.server import Webhook
from sidecar.webhook.settings_files import SettingsFiles
from tests.kubernetes.admission import SETTINGS, as_accepted, comparable, image_of, make_namespace
from tests.kubernetes.cluster.cluster import Cluster, Object, wait
from tests.kubernetes.cluster.manifests import SIDECAR, SIDECAR_IMAGE
from tests.kubernetes.neighbours import Change, as_neighbour_sees, neighbour, strip_restart_policy
from tests.support.json_patch import apply_patch
from tests.support.pods import TABLE, pod, pods
from tests.support.reviews import review_of
from tests.support.servers.kube_apiserver import WEBHOOK_TOKEN

pytestmark = [pytest.mark.servers, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
WEBHOOK, NAMESPACE = "log-sidecar-webhook", "log-sidecar"
CHOSEN, ELSEWHERE, RESTRICTED = "chosen", "elsewhere", "restricted"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/{WEBHOOK}"
RENEWAL_S = VALID_DAYS * 86400 - RENEW_BEFORE_S + 600
"""Age at which a certificate is renewed."""


class Replica:
    """One replica of the webhook, with its files and the account of its Pod."""

    def __init__(self, cluster: Cluster, folder: Path, clock: ManualClock) -> None:
        folder.mkdir()
        self._files = (folder / "tls.crt", folder / "tls.key")
        self._client_authority = cluster.home / "admission/client-ca.crt"
        self._settings, self._clock = folder / "settings.yaml", clock
        self._settings.write_text(
            f"sink: {SETTINGS.sink}\nimage: {SETTINGS.image}\nimage_pull_policy: {SETTINGS.image_pull_policy}\n"
        )
        (folder / "token").write_text(WEBHOOK_TOKEN)
        shutil.copy(cluster.home / "pki" / "ca.crt", folder)
        access = yaml.safe_load((cluster.home / "conf/admin.kubeconfig").read_text())
        server = urlsplit(access["clusters"][0]["cluster"]["server"])
        self.name, self.events = folder.name, list[LogEvent]()
        self.api = KubernetesApi((server.hostname or "", server.port or 0), folder)
        self.managed = ManagedCertificate(
            self.api, WEBHOOK, NAMESPACE, self.name, self._files, clock, self._pause, self.events.append
        )
        self.in_pause: Callable[[], object] = bool

    def _pause(self, seconds: float) -> None:
        Event().wait(seconds)  # the time in which the API server learns of the new authority
        self.in_pause()

    def serve(self) -> Webhook:
        """Answer at a port of this machine. Every request comes on a new connection, so that it sees new files."""
        files = SettingsFiles(self._settings, None, print)
        webhook = Webhook(
            ("127.0.0.1", 0), self._files, files, self._clock, self.events.append, self._client_authority
        )  # fmt: skip
        webhook.drain()
        return webhook

    def certificate(self) -> str:
        """The certificate that it serves."""
        return self._files[0].read_text()


class Installation:
    """The webhook as installed by its manifests. The API server asks `first` about Pods with the label, and `second`
    about the Pods of a namespace with the label."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.clock = cluster, ManualClock(time.time())
        cluster.kubectl("apply", f"--kustomize={ROOT}/deploy/webhook/self-managed")
        wait("the rights are known", lambda: cluster.get("clusterrolebindings", WEBHOOK))
        self.first, self.second = (Replica(cluster, folder / name, self.clock) for name in ("first", "second"))
        wait("the first replica has a certificate", lambda: self._update(self.first))
        assert self.second.managed.update()
        self._webhooks = [self.first.serve(), self.second.serve()]
        self._route([webhook.port for webhook in self._webhooks])
        make_namespace(cluster, CHOSEN, f"{names.INJECTION}=enabled")
        make_namespace(cluster, ELSEWHERE)
        wait("both are asked", lambda: not self.unanswered())

    def _update(self, replica: Replica) -> bool:
        """Update the certificate. The API server may not know the rights yet."""
        try:
            return replica.managed.update()
        except ApiError:
            return False

    def _route(self, ports: list[int]) -> None:
        """Let the name of the Service lead to this machine, where no node has an address for it."""
        where = f"--namespace={NAMESPACE}"
        self.cluster.kubectl("delete", "service", WEBHOOK, where)
        self.cluster.kubectl("create", "service", "externalname", WEBHOOK, "--external-name=localhost", where)
        patch = [
            {"op": "replace", "path": f"/webhooks/{number}/clientConfig/service/port", "value": port}
            for number, port in enumerate(ports)
        ]
        self.cluster.kubectl(
            "patch", "mutatingwebhookconfiguration", WEBHOOK, "--type=json", "--patch", json.dumps(patch)
        )

    def close(self) -> None:
        for webhook in self._webhooks:
            webhook.close()

    def ask(self, body: bytes) -> tuple[int, bytes]:
        """The answer to a client of the webhook that is not the API server."""
        trust = ssl.create_default_context(cadata=self.trusted())
        trust.check_hostname = False
        connection = HTTPSConnection("127.0.0.1", self._webhooks[0].port, context=trust, timeout=20)
        connection.request("POST", "/mutate", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        return response.status, answer

    def unanswered(self) -> list[str]:
        """The replicas that the API server cannot ask, so that Pods start without the sidecar."""
        labelled = {**pod(), "metadata": {"name": "shop", "labels": {names.INJECT: "true"}}}
        asked = {self.first.name: (ELSEWHERE, labelled), self.second.name: (CHOSEN, pod())}
        return [name for name, question in asked.items() if not image_of(self.cluster.admit(*question).pod)]

    def secret(self) -> dict[str, str]:
        found = self.cluster.get("secrets", f"{WEBHOOK}-tls", NAMESPACE).get("data", {})
        return {name: b64decode(value).decode() for name, value in found.items()}

    def trusted(self) -> str:
        """The authorities of all entries, which are the same."""
        hooks = self.cluster.get("mutatingwebhookconfigurations", WEBHOOK)["webhooks"]
        (bundle,) = {hook["clientConfig"]["caBundle"] for hook in hooks}
        return b64decode(bundle).decode()

    def lease(self) -> Object:
        found: Object = self.cluster.get("leases", WEBHOOK, NAMESPACE)["spec"]
        return found

    @contextmanager
    def aged(self) -> Iterator[None]:
        """The certificate is due for renewal until the end of the block."""
        self.clock.wall_offset = RENEWAL_S
        yield
        self.clock.wall_offset = 0.0


@pytest.fixture(scope="module")
def installed(api_server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installed = Installation(api_server, tmp_path_factory.mktemp("replicas"))
    yield installed
    installed.close()


def codes(warnings: list[Any]) -> set[str]:
    return set(re.findall(r"\b[EW]_[A-Z_]+(?=:)", "\n".join(map(str, warnings))))


def compare(installed: Installation, item: Object) -> str:
    """Assert that the API server makes of a Pod what the decision says. Return what became of it."""
    admission = admit(item, SETTINGS)
    admitted = installed.cluster.admit(CHOSEN, item)
    expected = installed.cluster.admit(ELSEWHERE, apply_patch(item, admission.operations))
    assert comparable(admitted.pod) == comparable(expected.pod)
    assert codes(admitted.warnings) == codes([each for each in (admission.refusal, *admission.cautions) if each])
    return admission.result


def test_each_row_of_the_table_is_decided_as_by_inject(installed: Installation) -> None:
    results = [compare(installed, item) for item, _ in TABLE.values()]
    assert set(results) == {"injected", "refused", "unchanged"}
    assert results.count("injected") > 40


@given(pods())
@settings(max_examples=60, deadline=None, database=None, phases=[Phase.generate])
def test_any_pod_is_decided_as_by_inject(installed: Installation, item: Object) -> None:
    compare(installed, as_accepted(item))


def test_a_client_that_is_not_the_api_server_learns_nothing_about_a_namespace(installed: Installation) -> None:
    assert image_of(installed.cluster.admit(CHOSEN, pod()).pod)
    status, answer = installed.ask(review_of(pod(), namespace=CHOSEN))
    assert status == 403
    assert b"elasticsearch" not in answer


def test_a_pod_says_why_it_has_no_sidecar(installed: Installation) -> None:
    admitted = installed.cluster.admit(CHOSEN, pod(annotations={"logs": "/etc/*.log"}))
    assert "E_DIRECTORY" in admitted.pod["metadata"]["annotations"][names.REFUSED]


def drop_state(spec: Object) -> list[Object]:
    """Remove a volume."""
    found = [index for index, each in enumerate(spec.get("volumes", [])) if each["name"] == names.STATE]
    return [{"op": "remove", "path": f"/spec/volumes/{index}"} for index in found]


def put_proxy_after(spec: Object) -> list[Object]:
    """Add the proxy of a mesh at the end, as a mesh that does not know the sidecar."""
    proxy = {"name": "istio-proxy", "image": "proxy:1", "restartPolicy": "Always"}
    if "istio-proxy" in [each["name"] for each in spec.get("initContainers", [])]:
        return []
    return [{"op": "add", "path": "/spec/initContainers/-", "value": proxy}]


@pytest.mark.parametrize(
    ("change", "damage", "inits"),
    [
        (strip_restart_policy, "restartPolicy", [SIDECAR]),
        (drop_state, "the volume log-sidecar-state", [SIDECAR]),
        (put_proxy_after, "the place after istio-proxy", ["istio-proxy", SIDECAR]),
    ],
)
def test_what_a_neighbour_removes_or_moves_is_restored_with_a_warning(
    installed: Installation, change: Change, damage: str, inits: list[str]
) -> None:
    item = as_neighbour_sees(pod())
    with neighbour(installed.cluster, change) as changed:
        wait("the neighbour is asked", lambda: installed.cluster.admit(CHOSEN, item) and changed)
        admitted = installed.cluster.admit(CHOSEN, item)
    assert [each["name"] for each in admitted.pod["spec"]["initContainers"]] == inits
    assert {each["restartPolicy"] for each in admitted.pod["spec"]["initContainers"]} == {"Always"}
    assert names.STATE in [each["name"] for each in admitted.pod["spec"]["volumes"]]
    assert admitted.pod["metadata"]["annotations"][names.REPAIRED] == damage
    assert "W_NEIGHBOUR" in codes(admitted.warnings)


def test_a_restricted_namespace_with_default_limits_accepts_the_pod(installed: Installation) -> None:
    enforce = "pod-security.kubernetes.io/enforce=restricted"
    make_namespace(installed.cluster, RESTRICTED, f"{names.INJECTION}=enabled", enforce)
    limit = {"type": "Container", "default": {"cpu": "500m", "memory": "1Gi"}, "max": {"memory": "1Gi"}}
    limits = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "limits"}, "spec": {"limits": [limit]}}
    installed.cluster.kubectl("apply", f"--namespace={RESTRICTED}", "--filename=-", given=json.dumps(limits))
    context = {
        "runAsNonRoot": True, "runAsUser": 101, "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    item = pod(container={"securityContext": context})

    def sidecar_with_limits() -> Object | None:
        (found,) = installed.cluster.admit(RESTRICTED, item).pod["spec"]["initContainers"]
        return found if "cpu" in found["resources"]["limits"] else None

    limited = wait("the LimitRange is known", sidecar_with_limits)
    assert limited["image"] == SIDECAR_IMAGE
    assert limited["resources"]["limits"] == {"cpu": "500m", "memory": SETTINGS.resources().limits["memory"]}


def test_a_renewal_under_load_leaves_no_pod_without_a_sidecar(installed: Installation) -> None:
    first, second, before = installed.first, installed.second, installed.secret()
    assert installed.trusted() == before["ca.crt"]
    seen: list[tuple[str, str]] = []

    def look() -> None:
        seen.append((installed.secret()["tls.crt"], installed.trusted()))
        assert not installed.unanswered()

    first.in_pause = look
    with load(installed) as answers, installed.aged():
        assert first.managed.update()
        after = installed.secret()
        assert seen == [
            (before["tls.crt"], after["ca.crt"])
        ]  # both authorities are trusted before any replica changes
        assert after["ca.crt"].endswith(before["ca.crt"])
        # One replica serves the new certificate and the other one that before: two authorities.
        assert (first.certificate(), second.certificate()) == (after["tls.crt"], before["tls.crt"])
        assert not installed.unanswered()
    first.in_pause = bool
    assert second.managed.update()
    assert second.certificate() == after["tls.crt"]
    assert not installed.unanswered()
    assert answers.count([]) == len(answers) > 5
    assert installed.trusted() == after["ca.crt"]


@contextmanager
def load(installed: Installation) -> Iterator[list[list[str]]]:
    """Create Pods all the time as dry runs. Yields who was unanswered, for each."""
    answers: list[list[str]] = []
    is_over = Event()

    def create() -> None:
        while not is_over.is_set():
            answers.append(installed.unanswered())

    thread = Thread(target=create)
    thread.start()
    try:
        yield answers
    finally:
        is_over.set()
        thread.join()


def test_a_replica_takes_the_lease_only_after_its_holder_has_ended_and_then_renews(installed: Installation) -> None:
    first, second, clock = installed.first, installed.second, installed.clock
    transitions = installed.lease().get("leaseTransitions", 0)
    for _ in range(3):
        clock.advance(DURATION_S - 1)
        assert first.managed.update()
        assert second.managed.update()
        assert installed.lease()["holderIdentity"] == "first"
    clock.advance(DURATION_S)
    assert second.managed.update()
    lease = installed.lease()
    assert (lease["holderIdentity"], lease["leaseTransitions"]) == ("second", transitions + 1)
    before = installed.secret()
    with installed.aged():
        assert first.managed.update()
        assert installed.secret() == before  # only the holder renews
        assert second.managed.update()
    assert installed.secret()["tls.crt"] != before["tls.crt"]
    assert first.certificate() == before["tls.crt"]
    assert not installed.unanswered()
    assert first.managed.update()
    assert first.certificate() == second.certificate()
    assert not installed.unanswered()
    assert installed.lease()["holderIdentity"] == "second"


def test_the_account_changes_three_objects_and_no_version_that_it_has_not_read(installed: Installation) -> None:
    api = installed.first.api
    stale = api.get(LEASE)
    api.replace(LEASE, {**stale, "spec": {**stale["spec"], "leaseDurationSeconds": DURATION_S + 1}})
    with pytest.raises(Conflict, match="the object was changed by another client"):
        api.replace(LEASE, stale)
    for path in (LEASE.replace(WEBHOOK, "other"), "/api/v1/namespaces/chosen/secrets/other", "/api/v1/namespaces"):
        with pytest.raises(ApiError, match="the role of the webhook does not allow it"):
            api.get(path)
