"""Reads what `kubectl get pods -o json` prints: which Pods have a sidecar, and of which version it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from sidecar.inject.plan import is_sidecar
from sidecar.inject.stamp import read_stamp


class RunningSidecar(NamedTuple):
    """The sidecar of one Pod."""

    namespace: str
    pod: str
    container: str
    image: str
    version: str
    """Version that injected it, else the tag of its image; "" if neither is known."""

    phase: str


def running_sidecars(answer: dict[str, Any]) -> Iterator[RunningSidecar]:
    """Yield the sidecar of each Pod that has one, of a list or a single Pod."""
    for pod in answer.get("items") or [answer]:
        spec, metadata = pod.get("spec") or {}, pod.get("metadata") or {}
        for container in [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]:
            if is_sidecar(container):
                image = container.get("image") or ""
                yield RunningSidecar(
                    metadata.get("namespace", ""), metadata.get("name", ""), container["name"], image,
                    _version(pod, image), (pod.get("status") or {}).get("phase", ""),
                )  # fmt: skip
                break


def _version(pod: dict[str, Any], image: str) -> str:
    # The tag first: `kubectl set image` upgrades the container and leaves the stamp.
    tag = re.search(r":([0-9][^/:@]*)(?:@|$)", image)
    stamp = read_stamp(pod)
    return tag[1] if tag else stamp.version if stamp else ""
