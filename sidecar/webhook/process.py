"""Runs the webhook until a signal ends it."""

from __future__ import annotations

import gc
from pathlib import Path

from sidecar.app.signals import StopRequests
from sidecar.errors import ConfigurationError
from sidecar.lib.clock import SystemClock
from sidecar.telemetry.log import Log
from sidecar.webhook.events import SettingsNotValid, WebhookStopping
from sidecar.webhook.server import Webhook
from sidecar.webhook.settings_files import SettingsFiles

_FLUSH_PERIOD_S = 10.0
_DRAIN_S = 5.0
"""Time between a stop signal and the end. Services need about this long to send requests to other replicas."""


def serve(
    address: tuple[str, int], certificate: tuple[Path, Path], settings: Path | None, namespaces: Path | None
) -> None:
    """Answer requests until a signal. Raise `ConfigurationError` if the webhook cannot start."""
    clock = SystemClock()
    log = Log(clock)
    stops = StopRequests(clock)
    files = SettingsFiles(settings, namespaces, lambda reason: log.emit(SettingsNotValid(reason)))
    try:
        webhook = Webhook(address, certificate, files, clock, log.emit)
    except OSError as error:
        reason = ": ".join(filter(None, (error.filename, error.strerror))) or str(error)
        raise ConfigurationError(
            f"cannot serve on {address[0] or '*'}:{address[1]}: {reason}", location="webhook",
            hint="name a free port, and readable files of a certificate and its key",
        ) from None  # fmt: skip
    gc.enable()
    gc.freeze()
    stops.listen()
    while not stops.shutdown.wait(_FLUSH_PERIOD_S):
        log.flush_suppressed()
    log.emit(WebhookStopping(stops.reason))
    webhook.drain()
    stops.immediate.wait(_DRAIN_S)
    webhook.close()
    log.close(())
