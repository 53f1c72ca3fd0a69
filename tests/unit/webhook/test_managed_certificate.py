"""Certificates that the webhook manages: the Lease, the order of a renewal, errors of the API."""

from __future__ import annotations

import ssl
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.errors import ConfigurationError
from sidecar.telemetry.events import Event
from sidecar.testing import ManualClock
from sidecar.webhook.certificate import read_end
from sidecar.webhook.certs import render_configuration
from sidecar.webhook.kubernetes_api import ApiError, Conflict, KubernetesApi, api_of_pod
from sidecar.webhook.lease import DURATION_S, Lease
from sidecar.webhook.managed_certificate import RENEW_BEFORE_S, VALID_DAYS, ManagedCertificate, manage
from tests.support.object_server import ObjectServer, serving

LEASE = "/apis/coordination.k8s.io/v1/namespaces/logging/leases/inject"
SECRET = "/api/v1/namespaces/logging/secrets/inject-tls"
CONFIGURATION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/inject"
DAY_S = 86400


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ObjectServer]:
    configuration = yaml.safe_load(render_configuration("inject", "logging"))
    objects = {LEASE: {}, SECRET: {"type": "Opaque"}, CONFIGURATION: {"webhooks": configuration["webhooks"]}}
    with serving(tmp_path, objects) as server:
        yield server


class Replica:
    """One replica of the webhook, with the server's objects and a separate directory."""

    def __init__(self, server: ObjectServer, name: str, clock: ManualClock) -> None:
        self.server, self.clock, self.events = server, clock, list[Event]()
        self.folder = server.account / name
        self.folder.mkdir()
        self.files = (self.folder / "tls.crt", self.folder / "tls.key")
        api = KubernetesApi(server.address, server.account)
        self.seen_in_pause: list[dict[str, Any]] = []
        self.managed = ManagedCertificate(
            api, "inject", "logging", name, self.files, clock, self._pause, self.events.append
        )

    def _pause(self, seconds: float) -> None:
        self.seen_in_pause.append({"secret": secret(self.server), "bundles": bundles(self.server)})
        self.clock.advance(seconds)

    def served(self) -> str:
        """The certificate that this replica would serve. Raises `OSError` if it could not."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.files)
        return self.files[0].read_text()


def secret(server: ObjectServer) -> dict[str, bytes]:
    return {name: b64decode(value) for name, value in server.objects[SECRET].get("data", {}).items()}


def bundles(server: ObjectServer) -> set[bytes]:
    """The authorities that the API server trusts, of all webhooks."""
    hooks = server.objects[CONFIGURATION]["webhooks"]
    assert all(hook["clientConfig"]["service"]["name"] == "inject" for hook in hooks)
    return {b64decode(hook["clientConfig"].get("caBundle", "")) for hook in hooks}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime.now(UTC).timestamp())


def test_the_first_replica_makes_a_certificate_that_all_serve(server: ObjectServer, clock: ManualClock) -> None:
    first, second = Replica(server, "first", clock), Replica(server, "second", clock)
    assert not second.files[0].exists()
    assert first.managed.update()
    assert second.managed.update()
    assert first.served() == second.served()
    assert bundles(server) == {secret(server)["ca.crt"]}
    assert first.files[1].stat().st_mode & 0o777 == 0o600
    assert [event.text() for event in first.events] == [
        "inject has a new certificate for 90 days; all replicas use it within a minute"
    ]
    assert not second.events
    spec = server.objects[LEASE]["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("first", 0)
    assert {path.name for path in first.folder.iterdir()} == {"tls.crt", "tls.key"}


def test_an_update_without_a_reason_writes_nothing_but_the_lease(server: ObjectServer, clock: ManualClock) -> None:
    replica = Replica(server, "first", clock)
    replica.managed.update()
    inodes = [file.stat().st_ino for file in replica.files]
    server.requests.clear()
    clock.advance(VALID_DAYS * DAY_S - RENEW_BEFORE_S - 600)
    assert replica.managed.update()
    assert server.requests == ["GET inject-tls", "GET inject", "PUT inject", "GET inject"]
    assert [file.stat().st_ino for file in replica.files] == inodes


def test_a_certificate_is_renewed_before_it_ends_and_both_authorities_are_trusted_first(
    server: ObjectServer, clock: ManualClock
) -> None:
    replica = Replica(server, "first", clock)
    replica.managed.update()
    before = secret(server)
    clock.advance(VALID_DAYS * DAY_S - RENEW_BEFORE_S + 600)
    assert replica.managed.update()
    after = secret(server)
    assert after["tls.crt"] != before["tls.crt"]
    in_pause = replica.seen_in_pause[-1]
    assert in_pause["secret"] == before  # nobody serves the new one yet
    assert in_pause["bundles"] == {after["ca.crt"]}
    assert after["ca.crt"].endswith(before["ca.crt"])
    assert bundles(server) == {after["ca.crt"]}
    assert replica.files[0].read_bytes() == after["tls.crt"]
    assert read_end(replica.files[0]) > datetime.now(UTC).timestamp() + (VALID_DAYS - 1) * DAY_S

    # An authority that has ended is trusted no longer, and never more than two are.
    clock.advance(VALID_DAYS * DAY_S)
    replica.managed.update()
    assert secret(server)["ca.crt"].count(b"BEGIN CERTIFICATE") == 1


def test_manifests_that_are_applied_again_lose_no_trust_and_a_damaged_secret_is_replaced(
    server: ObjectServer, clock: ManualClock
) -> None:
    replica = Replica(server, "first", clock)
    replica.managed.update()
    authorities = secret(server)["ca.crt"]
    for hook in server.objects[CONFIGURATION]["webhooks"]:
        del hook["clientConfig"]["caBundle"]
    replica.managed.update()
    assert bundles(server) == {authorities}
    for name, damage in [("ca.crt", "bm90aGluZw=="), ("tls.crt", "no base64"), ("tls.crt", ""), ("tls.key", "")]:
        server.objects[SECRET]["data"][name] = damage
        assert replica.managed.update()
        assert replica.served()
        assert bundles(server) == {secret(server)["ca.crt"]}


def test_a_lease_changes_its_holder_only_when_it_was_not_renewed(server: ObjectServer, clock: ManualClock) -> None:
    api = KubernetesApi(server.address, server.account)
    first, second = (Lease(api, LEASE, name, clock) for name in ("first", "second"))
    assert first.acquire()
    for _ in range(10):
        clock.advance(DURATION_S - 1)
        assert first.acquire()
        assert not second.acquire()
    clock.wall_offset = 10 * DAY_S  # a clock that jumps frees no Lease
    assert not second.acquire()
    clock.advance(DURATION_S)
    assert second.acquire()
    assert not first.acquire()
    assert server.objects[LEASE]["spec"]["leaseTransitions"] == 1


class Overtaken(KubernetesApi):
    """An API in which another replica is always faster."""

    def replace(self, path: str, item: dict[str, Any]) -> dict[str, Any]:
        super().replace(path, {**item, "spec": {"holderIdentity": "other"}})
        return super().replace(path, item)


def test_of_two_replicas_that_take_a_lease_at_once_one_has_it(server: ObjectServer, clock: ManualClock) -> None:
    assert not Lease(Overtaken(server.address, server.account), LEASE, "slow", clock).acquire()
    assert server.objects[LEASE]["spec"]["holderIdentity"] == "other"
    api = KubernetesApi(server.address, server.account)
    stale = api.get(SECRET)
    api.replace(SECRET, stale)
    with pytest.raises(Conflict, match=r"PUT .*/inject-tls: the object was changed by another client"):
        api.replace(SECRET, stale)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "the token is not accepted"),
        (403, "the role of the webhook"),
        (404, "apply the manifests"),
        (500, "500"),
    ],
)
def test_an_error_of_the_api_says_what_to_do_and_keeps_the_certificate(
    server: ObjectServer, clock: ManualClock, status: int, reason: str
) -> None:
    replica = Replica(server, "first", clock)
    replica.managed.update()
    before = replica.served()
    server.status = status
    with pytest.raises(ApiError, match=reason):
        replica.managed.update()
    assert replica.served() == before
    server.status = 0
    assert replica.managed.update()


def test_an_api_server_that_does_not_answer_is_an_error_of_one_sentence(server: ObjectServer) -> None:
    api = KubernetesApi(server.address, server.account)
    server.close()
    with pytest.raises(ApiError, match=r"GET .*/inject-tls failed: Connection refused"):
        api.get(SECRET)
    (server.account / "token").write_text("a\nb")
    with pytest.raises(ApiError, match=r"failed: ValueError"):
        api.get(SECRET)
    (server.account / "token").unlink()
    with pytest.raises(ApiError, match=r"failed: No such file or directory"):
        api.get(SECRET)


def test_in_a_pod_errors_are_logged_and_outside_of_one_it_cannot_start(
    clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = (tmp_path / "tls.crt", tmp_path / "tls.key")
    events = list[Event]()
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigurationError, match="use --manage-certificates only in a Pod"):
        api_of_pod()
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "1")
    assert not manage("inject", "logging", files, clock, clock.advance, events.append)()
    assert "cannot manage the certificate: GET" in events[0].text()
