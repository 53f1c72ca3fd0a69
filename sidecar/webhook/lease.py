"""Decides by a Lease of Kubernetes which replica acts for all."""

from __future__ import annotations

from sidecar.lib.clock import Clock, iso
from sidecar.webhook.kubernetes_api import Conflict, KubernetesApi

DURATION_S = 60
"""The Lease is free when its holder has not renewed it for this long."""


class Lease:
    """One Lease object, which exists. `identity`: the name of this replica.

    Clocks of replicas may differ, so the time is not compared with that in the object. A Lease is free when this
    replica has seen no change of it for `DURATION_S`.
    """

    def __init__(self, api: KubernetesApi, path: str, identity: str, clock: Clock) -> None:
        self._api, self._path, self._identity, self._clock = api, path, identity, clock
        self._seen: tuple[object, object] | None = None
        self._seen_at = 0.0

    def acquire(self) -> bool:
        """Take or renew the Lease if it is free. Return whether this replica holds it. Raise `ApiError`."""
        lease = self._api.get(self._path)
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity")
        if not self._is_free(holder, spec.get("renewTime")):
            return False
        now = iso(self._clock.now())
        renewed = {"holderIdentity": self._identity, "leaseDurationSeconds": DURATION_S, "renewTime": now}
        if holder != self._identity:
            renewed |= {"acquireTime": now, "leaseTransitions": spec.get("leaseTransitions", -1) + 1}
        try:
            self._api.replace(self._path, lease | {"spec": spec | renewed})
        except Conflict:
            return False
        return True

    def _is_free(self, holder: object, renewed: object) -> bool:
        if not holder or holder == self._identity:
            return True
        if (holder, renewed) != self._seen:
            self._seen, self._seen_at = (holder, renewed), self._clock.monotonic()
        return self._clock.monotonic() - self._seen_at >= DURATION_S
