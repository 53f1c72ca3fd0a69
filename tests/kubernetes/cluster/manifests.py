"""Pods for the tests: an application that writes numbered lines, and the sidecar that ships them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml

from sidecar import __version__
from tests.kubernetes.cluster.cluster import Object

Mode = Literal["native", "classic"]

SIDECAR, APP = "log-sidecar", "app"
SIDECAR_IMAGE = f"docker.io/library/log-sidecar:{__version__}"
APP_IMAGE = "docker.io/library/python:3.11-slim"
UID = 10001

_WRITER = Path(__file__).parent / "writer.py"
_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}


def configuration(sink: Object, **pipeline: Any) -> Object:
    """The ConfigMap that the Pods of `spec` mount: how the sidecar is set up, and the program of the application."""
    settings = {
        "state_dir": "/var/lib/sidecar",
        "sinks": {"store": sink},
        "pipelines": {"app": {"paths": ["/var/log/app/**/*.log"], "parser": "json", **pipeline}},
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "test"},
        "data": {"sidecar.yaml": yaml.safe_dump(settings), "writer.py": _WRITER.read_text()},
    }


def spec(mode: Mode, app: Object, *, restart: str = "Never", grace: int = 30, **sidecar: Any) -> Object:
    """The inside of a Pod with the sidecar and one application container; `sidecar` adds to the sidecar's."""
    shipping = _sidecar(mode, restart, grace) | sidecar
    containers = {
        "native": {"initContainers": [shipping | {"restartPolicy": "Always"}], "containers": [app]},
        "classic": {"containers": [shipping, app]},
    }
    return {
        "restartPolicy": restart,
        "terminationGracePeriodSeconds": grace,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "fsGroup": UID, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [
            {"name": "app-log", "emptyDir": {}},
            {"name": "state", "emptyDir": {}},
            {"name": "config", "configMap": {"name": "test"}},
        ],
        **containers[mode],
    }


def _sidecar(mode: Mode, restart: str, grace: int) -> Object:
    environ = {
        "SIDECAR_MODE": mode,
        "SIDECAR_GRACE": str(grace),
        "SIDECAR_POD_RESTART_POLICY": restart,
        "CONTAINER_NAME": APP,
    }
    return {
        "name": SIDECAR,
        "image": SIDECAR_IMAGE,
        "imagePullPolicy": "Never",
        "args": ["run", "--config", "/etc/sidecar/sidecar.yaml"],
        "env": _variables(environ),
        "resources": {"requests": {"cpu": "20m", "memory": "96Mi"}, "limits": {"cpu": "1", "memory": "192Mi"}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {**_RESTRICTED, "runAsUser": UID, "runAsGroup": UID},
        "volumeMounts": [
            {"name": "app-log", "mountPath": "/var/log/app", "readOnly": True},
            {"name": "state", "mountPath": "/var/lib/sidecar"},
            {"name": "config", "mountPath": "/etc/sidecar", "readOnly": True},
        ],
    }


def writing(*, name: str = APP, **environ: object) -> Object:
    """An application container that runs writer.py, with its settings in small letters."""
    return application("python3", "/app/writer.py", name=name, **environ)


def waiting() -> Object:
    """An application container that does nothing until it is told to end."""
    return application("sh", "-c", "trap exit TERM; sleep infinity & wait")


def application(*command: str, name: str = APP, **environ: object) -> Object:
    """An application container with a command of its own."""
    return {
        "name": name,
        "image": APP_IMAGE,
        "imagePullPolicy": "Never",
        "command": list(command),
        "env": _variables({key.upper(): str(value) for key, value in environ.items()}),
        "securityContext": {**_RESTRICTED, "runAsUser": UID + 1, "runAsGroup": UID},
        "volumeMounts": [
            {"name": "app-log", "mountPath": "/var/log/app"},
            {"name": "config", "mountPath": "/app", "readOnly": True},
        ],
    }


def pod(name: str, inside: Object) -> Object:
    """A Pod by itself."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": inside}


def job(name: str, inside: Object) -> Object:
    """A Job of one Pod that is not tried again; its Pods have the label `job-name`."""
    template = {"spec": inside}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 3 if inside["restartPolicy"] == "OnFailure" else 0, "template": template},
    }


def deployment(name: str, inside: Object) -> Object:
    """A Deployment of one Pod, with the label `app`."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": inside},
        },
    }


def _variables(environ: dict[str, str]) -> list[Object]:
    return [{"name": key, "value": value} for key, value in environ.items()]
