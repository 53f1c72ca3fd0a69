"""Renders the objects of Kubernetes: a Deployment with the sidecar next to an application, and its configuration."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from textwrap import indent
from urllib.parse import urlsplit

from sidecar import __version__
from sidecar.errors import ConfigurationError
from sidecar.tools.init.configuration import Starter, render_configuration

_PLAIN = re.compile(r"[\w/.-]+", re.ASCII)
_WILDCARD = re.compile(r"[*?\[]")
_OF_THE_IMAGE = frozenset(
    ("/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin",
     "/sys", "/usr", "/var", "/var/lib")
)  # fmt: skip
"""Directories that an application needs from its image, so that no volume may cover them."""

_OF_THE_SIDECAR = ("/etc/sidecar", "/etc/podinfo", "/var/lib/sidecar")
_LOGS_OF_IMAGES = frozenset(("/var/log", "/var/log/nginx", "/var/log/apache2", "/usr/local/tomcat/logs"))
"""Log directories that images often contain with files or links, which an empty volume hides."""

_TEMPLATE = """\
# An application with log-sidecar in one Pod. Change the image of the application and, if your registry has another
# name for it, the image of the sidecar.
{remarks}
#   kubectl apply -f FILE
#   kubectl logs deploy/app -c log-sidecar
apiVersion: v1
kind: ConfigMap
metadata:
  name: log-sidecar-config
data:
  sidecar.yaml: |
{configuration}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
spec:
  replicas: 1
  selector:
    matchLabels: {{app.kubernetes.io/name: app}}
  template:
    metadata:
      labels: {{app.kubernetes.io/name: app}}
    spec:
      # The time for both to stop, in which the sidecar delivers the last lines. SIGTERM should end the application.
      terminationGracePeriodSeconds: 30
      # Neither container needs the API of Kubernetes. Remove it if your application does.
      automountServiceAccountToken: false
      enableServiceLinks: false
      # Lets the sidecar read files of the application that only their group may read. On OpenShift remove fsGroup.
      securityContext:
        fsGroup: 10001
      initContainers:
        # A native sidecar (Kubernetes 1.29 and newer): it starts before the application and ends after it.
        - name: log-sidecar
          image: log-sidecar:{version}
          imagePullPolicy: IfNotPresent
          restartPolicy: Always
          env:
            - {{name: SIDECAR_CONFIG, value: /etc/sidecar/sidecar.yaml}}
            - {{name: SIDECAR_MODE, value: native}}
            # The same number as terminationGracePeriodSeconds.
            - {{name: SIDECAR_GRACE, value: "30"}}
            # With an invalid configuration the sidecar waits for a valid one. The application starts in any case.
            - {{name: SIDECAR_ON_CONFIG_ERROR, value: park}}
            - {{name: CONTAINER_NAME, value: app}}
            - name: POD_NAME
              valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}
            - name: POD_NAMESPACE
              valueFrom: {{fieldRef: {{fieldPath: metadata.namespace}}}}
            - name: POD_UID
              valueFrom: {{fieldRef: {{fieldPath: metadata.uid}}}}
            - name: NODE_NAME
              valueFrom: {{fieldRef: {{fieldPath: spec.nodeName}}}}
{environment}\
          livenessProbe:
            exec: {{command: [sidecar, probe, live]}}
            periodSeconds: 60
            timeoutSeconds: 10
          resources:
            requests: {{cpu: 20m, memory: 64Mi, ephemeral-storage: 64Mi}}
            # A limit of ephemeral-storage would limit the disk of the whole Pod. A limit of cpu would delay the last
            # lines when the Pod ends.
            limits: {{memory: 192Mi}}
          terminationMessagePolicy: FallbackToLogsOnError
          # The user is that of the image, 10001. On OpenShift it is one of the namespace.
          securityContext:
            runAsNonRoot: true
            seccompProfile: {{type: RuntimeDefault}}
            readOnlyRootFilesystem: true
            allowPrivilegeEscalation: false
            capabilities: {{drop: [ALL]}}
          volumeMounts:
            - {{name: log-sidecar-logs, mountPath: {directory}, readOnly: true}}
            - {{name: log-sidecar-state, mountPath: /var/lib/sidecar}}
            - {{name: log-sidecar-config, mountPath: /etc/sidecar, readOnly: true}}
            - {{name: log-sidecar-podinfo, mountPath: /etc/podinfo, readOnly: true}}
      containers:
        - name: app
          image: registry.example/app:1.0
          volumeMounts:
            - {{name: log-sidecar-logs, mountPath: {directory}}}
      volumes:
        # The buffer while the sink is down. Kubernetes evicts the Pod if the logs exceed this size.
        - name: log-sidecar-logs
          emptyDir: {{sizeLimit: 1Gi}}
        # Checkpoints and dead letters.
        - name: log-sidecar-state
          emptyDir: {{sizeLimit: 512Mi}}
        - name: log-sidecar-config
          configMap: {{name: log-sidecar-config}}
        - name: log-sidecar-podinfo
          downwardAPI:
            items:
              - {{path: labels, fieldRef: {{fieldPath: metadata.labels}}}}
"""

_VARIABLE = """\
            - name: {variable}
              valueFrom: {{secretKeyRef: {{name: log-sidecar-secret, key: {key}}}}}
"""


def render_manifest(starter: Starter) -> str:
    """Return the manifest. Raise `ConfigurationError` if the logs cannot be on a volume of the Pod."""
    variables = starter.destination.variables()
    files = "".join(f" --from-file={_key(name)}=FILE" for name in variables)
    secret = ["Create the Secret before:", f"  kubectl create secret generic log-sidecar-secret{files}"]
    directory = log_directory(starter.paths)
    remarks = [*(secret if variables else ()), *warnings(starter)]
    return _TEMPLATE.format(
        remarks="\n".join(["#", *(f"# {remark}" for remark in remarks), *(["#"] if remarks else [])]),
        configuration=indent(render_configuration(starter), "    ").rstrip("\n"),
        version=__version__,
        environment="".join(_VARIABLE.format(variable=name, key=_key(name)) for name in variables),
        directory=directory if _PLAIN.fullmatch(directory) else json.dumps(directory),
    )


def log_directory(patterns: Sequence[str]) -> str:
    """Return the directory that the containers share: the deepest one that contains all files.

    Raise `ConfigurationError` if there is none, or if the application needs it from its image.
    """
    relative = [pattern for pattern in patterns if not pattern.startswith("/")]
    if relative:
        raise ConfigurationError(
            f"{relative[0]} is not an absolute path",
            location="PATH",
            hint="with --kubernetes, write the path in the container of the application, such as /var/log/app/*.log",
        )
    directory = os.path.commonpath([_fixed_part(os.path.normpath(pattern)) for pattern in patterns])
    if directory in _OF_THE_IMAGE or directory.startswith(_OF_THE_SIDECAR):
        raise ConfigurationError(
            f"{directory} cannot be a volume, because a container needs it from its image",
            location="PATH",
            hint="let the application write its logs to a directory without other files, such as /var/log/app",
        )
    return directory


def _fixed_part(pattern: str) -> str:
    parts = PurePosixPath(pattern).parts
    fixed = next((index for index, part in enumerate(parts) if _WILDCARD.search(part)), len(parts) - 1)
    return str(PurePosixPath(*parts[: max(1, fixed)]))


def warnings(starter: Starter) -> Iterator[str]:
    """Yield a sentence for each choice that is often a mistake in a Pod."""
    directory = log_directory(starter.paths)
    if directory in _LOGS_OF_IMAGES:
        yield f"The empty volume hides what the image of the application has in {directory}."
    setting = starter.destination.setting
    if _host(setting if isinstance(setting, str) else setting["url"]) in ("localhost", "127.0.0.1", "::1"):
        yield "localhost is the Pod itself. Write the name of a Service, such as elasticsearch.logging."
    if starter.destination.settings.type in ("file", "sqlite"):
        yield "The documents are deleted with the Pod, unless their directory is on a volume that is kept."


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _key(variable: str) -> str:
    return variable.lower().replace("_", "-")
