"""Runs the webhook until a signal ends it."""

from __future__ import annotations

import gc
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from sidecar.app.signals import StopRequests
from sidecar.errors import ConfigurationError
from sidecar.lib.clock import SystemClock
from sidecar.telemetry.log import Log
from sidecar.webhook.events import SettingsNotValid, WebhookStopping
from sidecar.webhook.server import Webhook
from sidecar.webhook.settings_files import SettingsFiles

_PERIOD_S = 10.0
_FIRST_CERTIFICATE_PERIOD_S = 1.0
_DRAIN_S = 5.0
"""Time between a stop signal and the end. Services need about this long to send requests to other replicas."""


class ServiceName(NamedTuple):
    """The Service whose certificate the webhook manages. Secret, Lease and configuration have names like it."""

    name: str
    namespace: str


def serve(
    address: tuple[str, int], certificate: tuple[Path, Path], settings: Path | None, namespaces: Path | None,
    service: ServiceName | None, client_authority: Path | None,
) -> None:  # fmt: skip
    """Answer requests until a signal. `service`: None if the certificate comes from outside.

    `client_authority`: None if the API server presents no certificate.

    Raise `ConfigurationError` if the webhook cannot start.
    """
    clock = SystemClock()
    log = Log(clock)
    stops = StopRequests(clock)
    files = SettingsFiles(settings, namespaces, lambda reason: log.emit(SettingsNotValid(reason)))
    update_certificate: Callable[[], bool] | None = None
    if service:
        # The client of the API costs memory, and other webhooks need none.
        managed = import_module("sidecar.webhook.managed_certificate")
        update_certificate = managed.manage(*service, certificate, clock, stops.shutdown.wait, log.emit)
    stops.listen()
    while update_certificate and not update_certificate():
        if stops.shutdown.wait(_FIRST_CERTIFICATE_PERIOD_S):
            return
    try:
        webhook = Webhook(address, certificate, files, clock, log.emit, client_authority)
    except OSError as error:
        reason = ": ".join(filter(None, (error.filename, error.strerror))) or str(error)
        raise ConfigurationError(
            f"cannot serve on {address[0] or '*'}:{address[1]}: {reason}", location="webhook",
            hint="name a free port, and readable files of certificates and their key",
        ) from None  # fmt: skip
    gc.enable()
    gc.freeze()
    while not stops.shutdown.wait(_PERIOD_S):
        log.flush_suppressed()
        if update_certificate:
            update_certificate()
    log.emit(WebhookStopping(stops.reason))
    webhook.drain()
    stops.immediate.wait(_DRAIN_S)
    webhook.close()
    log.close(())
