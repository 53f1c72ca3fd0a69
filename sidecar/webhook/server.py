"""Serves AdmissionReviews, probes and metrics over HTTPS."""

from __future__ import annotations

import re
from pathlib import Path

from sidecar import __version__
from sidecar.admin.access import Access
from sidecar.admin.http_connections import HttpLimits, HttpServer
from sidecar.admin.http_messages import HttpRequest, Reply, RequestRefused
from sidecar.inject.reasons import Note, Refused
from sidecar.lib.clock import Clock
from sidecar.telemetry.events import Emit
from sidecar.webhook.certificate import InvalidCertificate, read_end
from sidecar.webhook.events import CertificateEnding, PodRefused, ReviewFailed, WebhookStarted
from sidecar.webhook.metrics import CONTENT_TYPE, WebhookCounters
from sidecar.webhook.review import (
    Admission,
    AdmissionRequest,
    InvalidReview,
    admit,
    encode_answer,
    read_review,
    refuse,
)
from sidecar.webhook.settings_files import SettingsFiles

MIN_VALIDITY_S = 24 * 3600.0
"""The webhook is not ready while its certificate is valid for less than this."""

_MAX_BODY_BYTES = 3 << 20
"""A Pod has at most 1.5 MiB in etcd; a review may have it twice."""

_LIMITS = HttpLimits(connections=128, timeout_s=10.0, idle_s=120.0, body_bytes=_MAX_BODY_BYTES, large_bodies=16)
"""API servers close idle connections after 90 s, so this side does not close one while a request is sent."""

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[-a-z0-9])?")


class Webhook:
    """Answers the API server until `close`. Raises `OSError` if it cannot listen or a certificate is unusable.

    `client_authority`: file with the authority of the certificate that the API server presents. None: it presents
    none, and anyone who reaches the port is answered.
    """

    def __init__(
        self, address: tuple[str, int], certificate: tuple[Path, Path], settings: SettingsFiles, clock: Clock,
        emit: Emit, client_authority: Path | None = None,
    ) -> None:  # fmt: skip
        self._certificate, self._settings, self._clock, self._emit = certificate[0], settings, clock, emit
        self._counters = WebhookCounters()
        self._is_draining, self._needs_certificate = False, client_authority is not None
        tls = Access(certificate=certificate, client_authority=client_authority).tls()
        self._server = HttpServer(*address, self._answer, _LIMITS, tls, "webhook")
        self.port = self._server.port
        """The port that it listens on, even if the configured port is 0."""
        emit(WebhookStarted(__version__, f"{address[0] or '*'}:{self.port}"))

    def drain(self) -> None:
        """Become unready, and let clients continue with another replica."""
        self._is_draining = True
        self._server.drain()

    def close(self) -> None:
        """Stop answering requests."""
        self._server.close()

    async def _answer(self, request: HttpRequest) -> Reply:
        return self._mutate(request) if request.path == "/mutate" else self._observe(request)

    def _observe(self, request: HttpRequest) -> Reply:
        if request.method not in ("GET", "HEAD"):
            raise RequestRefused(405, "only GET and HEAD are supported", {"Allow": "GET, HEAD"})
        if request.path == "/livez":
            return Reply(200, {"text": "ok"})
        if request.path == "/readyz":
            problem = self.find_problem()
            return Reply(503 if problem else 200, {"text": problem or "ready"})
        if request.path == "/metrics":
            gauges = {
                "certificate_expiry_timestamp_seconds": self._read_end(),
                "settings_valid": float(self._settings.is_valid),
            }
            return Reply(200, self._counters.render(self._server.refusals, gauges), CONTENT_TYPE)
        raise RequestRefused(404, "unknown path")

    def find_problem(self) -> str:
        """Return why the webhook is not ready, "" if it is."""
        if self._is_draining:
            return "ends"
        left_s = self._read_end() - self._clock.now()
        if left_s >= MIN_VALIDITY_S:
            return ""
        problem = f"the certificate {self._certificate} " + (
            f"ends in {left_s / 3600:.0f} hours" if left_s > 0 else "has ended or cannot be read"
        )
        self._emit(CertificateEnding(problem))
        return problem

    def _read_end(self) -> float:
        try:
            return read_end(self._certificate)
        except (OSError, InvalidCertificate):
            return 0.0

    def _mutate(self, request: HttpRequest) -> Reply:
        started_at = self._clock.monotonic()
        if request.method != "POST":
            raise RequestRefused(405, "only POST is supported", {"Allow": "POST"})
        if self._needs_certificate and not request.has_certificate:
            raise RequestRefused(403, "present a certificate of the authority in --client-ca")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise RequestRefused(415, "send an AdmissionReview as application/json")
        try:
            review = read_review(request.body)
        except InvalidReview as error:
            raise RequestRefused(400, str(error)) from None
        admission = self._admit(review) if review.is_new_pod else Admission("unchanged")
        reply = Reply(200, encode_answer(review.uid, admission))
        self._count(review, admission)
        self._counters.observe(self._clock.monotonic() - started_at)
        return reply

    def _admit(self, review: AdmissionRequest) -> Admission:
        try:
            return admit(review.object, self._settings.of_namespace(review.namespace))
        except Refused as refused:
            return refuse(review.object, refused.note, self._settings.administrator())
        except Exception as error:
            # A bug here must not keep a Pod from starting. The message could have text of the Pod.
            self._emit(ReviewFailed(type(error).__name__))
            return Admission("failed")

    def _count(self, review: AdmissionRequest, admission: Admission) -> None:
        note = admission.refusal
        self._counters.requests[admission.result, note.code.name if note else ""] += 1
        for code in {caution.code.name for caution in admission.cautions}:
            self._counters.warnings[code] += 1
        if note and not review.dryRun:
            self._emit(_refusal_event(review, note, is_denied=admission.result == "denied"))


def _refusal_event(review: AdmissionRequest, note: Note, *, is_denied: bool) -> PodRefused:
    """Return the event, with names only if they are names: a client may send anything."""
    metadata = review.object.get("metadata")
    values = metadata if isinstance(metadata, dict) else {}
    names = [review.namespace, values.get("name") or values.get("generateName")]
    namespace, pod = (name if isinstance(name, str) and _NAME.fullmatch(name) else "?" for name in names)
    return PodRefused(namespace, pod, note.code.name, is_denied)
