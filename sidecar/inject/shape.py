"""Checks that a Pod has the form on which the decisions rely. Fields that are not named here may have any value."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec

from sidecar.inject.reasons import RefusalReason, Refused

_Item = TypeVar("_Item")
_Items = Annotated[list[_Item], msgspec.Meta(max_length=1000)]
"""A list of a Pod. No real one has more items, and some decisions compare items with each other."""


class _Mount(msgspec.Struct):
    name: str
    mountPath: str  # noqa: N815 - the name of the field in Kubernetes


class _SecurityContext(msgspec.Struct):
    runAsUser: int | None = None  # noqa: N815
    runAsGroup: int | None = None  # noqa: N815
    fsGroup: int | None = None  # noqa: N815
    seLinuxOptions: dict[str, Any] | None = None  # noqa: N815
    appArmorProfile: dict[str, Any] | None = None  # noqa: N815


class _Resources(msgspec.Struct):
    requests: dict[str, Any] | None = None
    limits: dict[str, Any] | None = None


class _Container(msgspec.Struct):
    name: str
    image: str | None = None
    restartPolicy: str | None = None  # noqa: N815
    env: _Items[dict[str, Any]] | None = None
    volumeMounts: _Items[_Mount] | None = None  # noqa: N815
    securityContext: _SecurityContext | None = None  # noqa: N815
    resources: _Resources | None = None


class _Volume(msgspec.Struct):
    name: str


class _Spec(msgspec.Struct):
    containers: _Items[_Container]
    initContainers: _Items[_Container] | None = None  # noqa: N815
    volumes: _Items[_Volume] | None = None
    securityContext: _SecurityContext | None = None  # noqa: N815
    restartPolicy: str | None = None  # noqa: N815
    terminationGracePeriodSeconds: int | None = None  # noqa: N815
    nodeSelector: dict[str, Any] | None = None  # noqa: N815
    os: dict[str, Any] | None = None
    resources: _Resources | None = None


class _Metadata(msgspec.Struct):
    annotations: dict[str, Any] | None = None
    labels: dict[str, Any] | None = None


class _PodShape(msgspec.Struct):
    spec: _Spec
    metadata: _Metadata | None = None


def check_shape(pod: Any) -> None:
    """Raise Refused if a field that the decisions read has a wrong type."""
    try:
        shape = msgspec.convert(pod, _PodShape)
    except msgspec.ValidationError as error:
        raise Refused(RefusalReason.E_SHAPE, str(error)) from None
    if not shape.spec.containers:
        raise Refused(RefusalReason.E_SHAPE, "spec.containers is empty")
