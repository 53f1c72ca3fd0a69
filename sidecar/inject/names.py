"""The names that the sidecar uses inside a Pod. They share one prefix, so that no application has them."""

from __future__ import annotations

CONTAINER = "log-sidecar"
COPY_CONTAINER = "log-sidecar-copy"
PREFIX = "log-sidecar-"

LOGS = "log-sidecar-logs"
STATE = "log-sidecar-state"
CONFIG = "log-sidecar-config"
SECRET = "log-sidecar-secret"  # noqa: S105 - the name of a volume
PODINFO = "log-sidecar-podinfo"
NO_TOKEN = "log-sidecar-no-token"  # noqa: S105 - the name of a volume

STATE_DIRECTORY = "/var/lib/sidecar"
CONFIG_DIRECTORY = "/etc/sidecar"
SECRET_DIRECTORY = "/etc/sidecar-secret"  # noqa: S105 - a path
PODINFO_DIRECTORY = "/etc/podinfo"
TOKEN_DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path

OWN_DIRECTORIES = (
    STATE_DIRECTORY, CONFIG_DIRECTORY, SECRET_DIRECTORY, PODINFO_DIRECTORY, TOKEN_DIRECTORY, "/bin", "/dev", "/lib",
    "/opt/sidecar", "/proc", "/run/secrets", "/sys", "/usr/bin", "/usr/lib", "/usr/local/bin", "/usr/local/lib",
)  # fmt: skip
"""Directories of the sidecar: no volume with logs may be at one of them, above or below."""

ANNOTATIONS = "log-sidecar/"
INJECT = "log-sidecar/inject"
STATUS = "log-sidecar/status"
REFUSED = "log-sidecar/refused"
REPAIRED = "log-sidecar/repaired"
INJECTED = "log-sidecar/injected"
INJECTION = "log-sidecar/injection"
EVICTABLE = "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
MESH_PROXIES = ("istio-proxy", "linkerd-proxy", "kuma-sidecar", "consul-dataplane", "envoy")
"""Native sidecars that the sidecar starts after, so that its last batch has a network when the Pod ends."""

FIELDS = {
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
    "POD_UID": "metadata.uid",
    "NODE_NAME": "spec.nodeName",
}
"""Variable of the sidecar → field of the Pod that it has."""


def is_reserved(name: object) -> bool:
    """Return whether a container or volume of this name belongs to the sidecar."""
    return isinstance(name, str) and (name == CONTAINER or name.startswith(PREFIX))
