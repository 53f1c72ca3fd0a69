"""The log events of the webhook. None has text of a Pod, except its namespace and name."""

from __future__ import annotations

from typing import ClassVar

from sidecar.telemetry.events import Event


class WebhookStarted(Event, frozen=True):
    """The webhook answers requests."""

    version: str
    address: str

    def text(self) -> str:
        return f"log-sidecar {self.version} adds sidecars at https://{self.address}/mutate"


class WebhookStopping(Event, frozen=True):
    """The webhook ends."""

    reason: str

    def text(self) -> str:
        return f"{self.reason}; ends after the requests in progress"


class PodRefused(Event, frozen=True):
    """A Pod that asked for the sidecar has none."""

    level: ClassVar[str] = "warning"
    where: str
    pod: str
    reason: str
    is_denied: bool
    """Whether the Pod was not created."""

    def text(self) -> str:
        result = "is denied" if self.is_denied else "starts without the sidecar"
        return f"{self.where}/{self.pod} {result}: {self.reason}"


class SettingsNotValid(Event, frozen=True):
    """A settings file has changed and is not valid."""

    level: ClassVar[str] = "error"
    reason: str

    def text(self) -> str:
        return f"{self.reason}; the settings before are used, or the Pods of this namespace start without the sidecar"


class CertificateEnding(Event, frozen=True):
    """The certificate ends soon, so the webhook is not ready."""

    level: ClassVar[str] = "error"
    reason: str

    def text(self) -> str:
        return f"{self.reason}; renew the certificate, so that the webhook becomes ready again"


class CertificateRenewed(Event, frozen=True):
    """This replica has made a new certificate for all."""

    service: str
    days: int

    def text(self) -> str:
        return f"{self.service} has a new certificate for {self.days} days; all replicas use it within a minute"


class CertificateNotManaged(Event, frozen=True):
    """The certificate could not be checked or renewed."""

    level: ClassVar[str] = "error"
    reason: str

    def text(self) -> str:
        return f"cannot manage the certificate: {self.reason}; it is tried again every few seconds"


class ReviewFailed(Event, frozen=True):
    """A review failed with an unexpected error."""

    level: ClassVar[str] = "error"
    reason: str

    def text(self) -> str:
        return f"a Pod starts without the sidecar: {self.reason}; this is a bug in the webhook, please report it"
