"""Makes certificates for the webhook with the `openssl` program, and prints the objects that need them."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from sidecar.errors import ConfigurationError
from sidecar.webhook.certificate import InvalidCertificate, read_end

_HINT = "install openssl, or use cert-manager (docs/how-to/webhook.md)"

_CONFIG = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-sha256")

_SECRET = """\
apiVersion: v1
kind: Secret
metadata:
  name: {service}-tls
  namespace: {namespace}
type: kubernetes.io/tls
data:
  ca.crt: {authority}
  tls.crt: {certificate}
  tls.key: {key}
"""  # noqa: S105 - a template

_CONFIGURATION = """\
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata:
  name: {service}
webhooks:
  # Pods that ask for the sidecar by a label.
  - name: pods.injection.log-sidecar
    objectSelector:
      matchLabels: {{log-sidecar/inject: "true"}}
    namespaceSelector:
      matchExpressions:
        - {{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system, kube-node-lease, {namespace}]}}
{shared}
  # Namespaces that ask for the sidecar by a label, except for Pods that refuse it.
  - name: namespaces.injection.log-sidecar
    objectSelector:
      matchExpressions:
        - {{key: log-sidecar/inject, operator: NotIn, values: ["true", "false"]}}
    namespaceSelector:
      matchLabels: {{log-sidecar/injection: enabled}}
      matchExpressions:
        - {{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system, kube-node-lease, {namespace}]}}
{shared}
"""

_SHARED = """\
    rules:
      - {{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods], scope: Namespaced}}
    matchConditions:
      - name: is-no-mirror
        expression: >-
          !has(object.metadata.annotations) || !("kubernetes.io/config.mirror" in object.metadata.annotations)
    clientConfig:
      service: {{name: {service}, namespace: {namespace}, path: /mutate}}{bundle}
    admissionReviewVersions: [v1]
    sideEffects: None
    # A Pod starts without the sidecar if the webhook is unavailable.
    failurePolicy: Ignore
    timeoutSeconds: 5
    # Another webhook may remove fields that it does not know; then this one is called again and restores them.
    reinvocationPolicy: IfNeeded
    matchPolicy: Equivalent"""


class CertificateFiles(NamedTuple):
    """The contents of the files, as PEM."""

    authority: bytes
    certificate: bytes
    key: bytes


def create_certificates(service: str, namespace: str, days: int, parent: Path | None = None) -> CertificateFiles:
    """Return a certificate for a service, its key, and the authority that issued it.

    The key of the authority is not kept, so that it cannot issue another certificate. `parent`: where a directory
    for temporary files is made. Raise `ConfigurationError` if `openssl` is missing or fails.
    """
    host = f"{service}.{namespace}.svc"
    with TemporaryDirectory(dir=parent) as folder:
        directory = Path(folder)
        names = f"DNS:{host}, DNS:{host}.cluster.local"
        (directory / "authority.cnf").write_text(_CONFIG.format(name=f"{service} authority", names=names))
        (directory / "server.cnf").write_text(_CONFIG.format(name=service, names=names))
        _openssl(
            directory, "req", "-x509", *_NEW_KEY, "-config", "authority.cnf", "-extensions", "authority",
            "-days", str(days), "-keyout", "ca.key", "-out", "ca.crt",
        )  # fmt: skip
        _openssl(directory, "req", *_NEW_KEY, "-config", "server.cnf", "-keyout", "tls.key", "-out", "tls.csr")
        _openssl(
            directory, "x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-extfile", "server.cnf", "-extensions", "server", "-sha256", "-days", str(days), "-out", "tls.crt",
        )  # fmt: skip
        return CertificateFiles(*((directory / name).read_bytes() for name in ("ca.crt", "tls.crt", "tls.key")))


def read_authority(file: Path) -> bytes:
    """Return the content of a file with certificates. Raise `ConfigurationError` if it is not one."""
    try:
        read_end(file)
        return file.read_bytes()
    except InvalidCertificate as error:
        raise ConfigurationError(str(error), hint="name the ca.crt of the Secret before") from None
    except OSError as error:
        raise ConfigurationError(
            f"cannot be read ({error.strerror})", location=str(file), hint="name the ca.crt of the Secret before"
        ) from None


def _openssl(directory: Path, *arguments: str) -> None:
    try:
        done = subprocess.run(["openssl", *arguments], cwd=directory, capture_output=True, check=False)
    except OSError as error:
        raise ConfigurationError(f"openssl cannot be started ({error.strerror})", hint=_HINT) from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").split("\n")
        raise ConfigurationError(f"openssl {arguments[0]} failed ({lines[0]})", hint=_HINT)


def render_secret(service: str, namespace: str, files: CertificateFiles) -> str:
    """Return the manifest of the Secret with the certificate."""
    encoded = {name: b64encode(value).decode() for name, value in files._asdict().items()}
    return _SECRET.format(service=service, namespace=namespace, **encoded)


def render_configuration(service: str, namespace: str, authority: bytes = b"") -> str:
    """Return the manifest that makes the API server ask the webhook. `authority`: whom it trusts, as PEM."""
    bundle = f"\n      caBundle: {b64encode(authority).decode()}" if authority else ""
    shared = _SHARED.format(service=service, namespace=namespace, bundle=bundle)
    return _CONFIGURATION.format(service=service, namespace=namespace, shared=shared)
