"""Makes and renews the certificate of the webhook in the cluster, without cert-manager.

The replica that holds the Lease writes a Secret, and the authorities that the API server trusts. Each replica copies
the Secret to its files, which the server reads again when they change.
"""

from __future__ import annotations

import binascii
import os
import socket
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

from sidecar.errors import ConfigurationError
from sidecar.inject.addition import Object
from sidecar.lib.clock import Clock
from sidecar.telemetry.events import Emit
from sidecar.webhook.certificate import InvalidCertificate, end_of
from sidecar.webhook.certs import create_certificates
from sidecar.webhook.events import CertificateNotManaged, CertificateRenewed
from sidecar.webhook.kubernetes_api import ApiError, KubernetesApi, api_of_pod
from sidecar.webhook.lease import Lease

VALID_DAYS = 90
RENEW_BEFORE_S = VALID_DAYS / 3 * 86400
TRUST_DELAY_S = 2.0
"""Time in which all API servers read a changed configuration, before a replica may serve the new certificate."""

_AUTHORITY, _CERTIFICATE, _KEY = "ca.crt", "tls.crt", "tls.key"
_END = b"-----END CERTIFICATE-----\n"


class ManagedCertificate:
    """The certificate of one service. `files`: where this replica has the certificate and its key.

    `pause`: waits for some seconds, or until the process ends.
    """

    def __init__(
        self, api: KubernetesApi, service: str, namespace: str, identity: str, files: tuple[Path, Path], clock: Clock,
        pause: Callable[[float], object], emit: Emit,
    ) -> None:  # fmt: skip
        self._api, self._clock, self._pause, self._emit = api, clock, pause, emit
        self._service, self._namespace, self._files = service, namespace, files
        self._secret = f"/api/v1/namespaces/{namespace}/secrets/{service}-tls"
        self._configuration = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{service}"
        path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{service}"
        self._lease = Lease(api, path, identity, clock)

    def update(self) -> bool:
        """Renew the certificate if it is time and this replica holds the Lease, then copy it to the files.

        Return whether there is a certificate. Raise `ApiError`, `ConfigurationError` or `OSError`; the next call
        continues. Call it every few seconds.
        """
        secret = self._api.get(self._secret)
        if self._lease.acquire():
            secret = self._maintain(secret)
        certificate, key = _read(secret, _CERTIFICATE), _read(secret, _KEY)
        if not certificate or not key:
            return False
        _write(self._files[1], key)
        _write(self._files[0], certificate)
        return True

    def _maintain(self, secret: Object) -> Object:
        left_s = _end(_read(secret, _CERTIFICATE)) - self._clock.now()
        if left_s >= RENEW_BEFORE_S and _read(secret, _KEY) and _end(_read(secret, _AUTHORITY)):
            self._trust(_read(secret, _AUTHORITY))
            return secret
        return self._renew(secret)

    def _renew(self, secret: Object) -> Object:
        """Replace the certificate and its authority. The authority before stays trusted until the next renewal."""
        made = create_certificates(self._service, self._namespace, VALID_DAYS, self._files[0].parent)
        before, end, _ = _read(secret, _AUTHORITY).partition(_END)
        authorities = made.authority + (before + end if _end(before + end) > self._clock.now() else b"")
        # First the API server trusts both, then replicas serve the new one.
        self._trust(authorities)
        self._pause(TRUST_DELAY_S)
        values = {_AUTHORITY: authorities, _CERTIFICATE: made.certificate, _KEY: made.key}
        data = {name: b64encode(value).decode() for name, value in values.items()}
        renewed = self._api.replace(self._secret, secret | {"data": data})
        self._emit(CertificateRenewed(self._service, VALID_DAYS))
        return renewed

    def _trust(self, authorities: bytes) -> None:
        """Let the API server trust exactly these. Manifests that are applied again may have removed them."""
        bundle = b64encode(authorities).decode()
        hooks = self._api.get(self._configuration).get("webhooks") or []
        stale = [hook["name"] for hook in hooks if hook["clientConfig"].get("caBundle") != bundle]
        if stale:
            changes = [{"name": name, "clientConfig": {"caBundle": bundle}} for name in stale]
            self._api.merge(self._configuration, {"webhooks": changes})


def manage(
    service: str, namespace: str, files: tuple[Path, Path], clock: Clock, pause: Callable[[float], object], emit: Emit
) -> Callable[[], bool]:
    """Return what updates the certificate in this Pod, as `ManagedCertificate.update` does. It logs errors.

    Raise `ConfigurationError` outside of a Pod.
    """
    managed = ManagedCertificate(
        api_of_pod(), service, namespace, socket.gethostname(), files, clock, pause, emit
    )  # fmt: skip

    def update() -> bool:
        try:
            return managed.update()
        except (ApiError, ConfigurationError, OSError) as error:
            emit(CertificateNotManaged(str(error)))
            return False

    return update


def _read(secret: Object, name: str) -> bytes:
    """Return a value of the Secret; nothing if it has none that can be read."""
    try:
        return b64decode((secret.get("data") or {}).get(name) or "", validate=True)
    except (binascii.Error, TypeError):
        return b""


def _end(certificates: bytes) -> float:
    """Return when the first certificate ends; 0 if there is none."""
    try:
        return end_of(certificates)
    except InvalidCertificate:
        return 0.0


def _write(file: Path, content: bytes) -> None:
    """Replace a file in one step, unless it has this content."""
    if file.exists() and file.read_bytes() == content:
        return
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    new.replace(file)
