"""Opens the interfaces of a running sidecar: the admin socket, the HTTP server, and the OTLP exporter of metrics.

Modules that many sidecars do not need are imported on demand: HTTP server, page, metrics and OTLP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import msgspec

from sidecar.admin.health import Health, HealthResult
from sidecar.admin.http_messages import Query, Reply, Routes
from sidecar.admin.socket_server import SocketAdmin
from sidecar.app import status
from sidecar.app.supervisor import Supervisor
from sidecar.config.admin import AdminSettings, MetricsSettings
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError
from sidecar.lib.clock import Clock
from sidecar.lib.terminal import escape_json
from sidecar.telemetry import events
from sidecar.telemetry.condition import with_condition
from sidecar.telemetry.history import History
from sidecar.telemetry.snapshot import ConfigurationStatus, Snapshot

_DRAIN_TIMEOUT_S = 25.0


class _Closable(Protocol):
    def close(self) -> None: ...


class _Listener(_Closable, Protocol):
    port: int


class Configuration(Protocol):
    """What is known about the configuration in use."""

    @property
    def status(self) -> ConfigurationStatus:
        """When it was read, and how often it has changed."""
        ...

    @property
    def masked(self) -> Mapping[str, Any]:
        """The settings, without values that could be secrets."""
        ...


class Endpoints:
    """Answers requests about the supervisor. If there is none, the replies explain why the sidecar is parked."""

    def __init__(
        self, health: Health, configuration: Configuration, host: str, clock: Clock, emit: events.Emit,
    ) -> None:  # fmt: skip
        self._health, self._configuration = health, configuration
        self._host, self._clock, self._emit = host, clock, emit
        self._supervisor: Supervisor | None = None
        self._socket: SocketAdmin | None = None
        self._http: _Listener | None = None
        self._history: History | None = None
        self._pusher: _Closable | None = None

    def open_socket(self, directory: Path) -> None:
        """Listen on the socket in this state directory, and close any other socket. Log a warning if that fails."""
        if self._socket and self._socket.directory == directory:
            return
        if self._socket:
            self._socket.close()
        self._socket = SocketAdmin(directory, self._socket_routes())
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._socket.open()
        except OSError as error:
            self._emit(events.NoSocket(error.strerror or str(error)))

    def has_socket(self) -> bool:
        """Return whether `open_socket` was called."""
        return self._socket is not None

    def open(self, supervisor: Supervisor) -> None:
        """Answer requests about this supervisor, and push its metrics.

        Raise `ConfigurationError` if the HTTP server cannot listen and `admin.required` is set.
        """
        self._supervisor = supervisor
        self._health.down_sinks = lambda: status.down_sinks(supervisor)
        self.open_socket(supervisor.state_dir)
        self._open_http(supervisor.settings.admin)
        self._start_pusher(supervisor.settings.metrics)

    def apply(self, before: Settings, after: Settings) -> None:
        """Apply the new settings. If the HTTP server cannot listen, log a warning even if `admin.required` is set."""
        if after.admin != before.admin:
            self._close_http()
            self._open_http(after.admin.model_copy(update={"required": False}))
        if after.metrics != before.metrics:
            self.stop_pushing()
            self._start_pusher(after.metrics)

    def sample(self) -> None:
        """Add the current rates and lag of each shipper to the history, if a sample is due. Close taps of clients
        that have gone.
        """
        if self._supervisor:
            self._supervisor.taps.expire()
        if self._history and (supervisor := self._supervisor):
            self._history.sample(lambda: status.shipper_statuses(supervisor))

    def stop_pushing(self) -> None:
        """Push the metrics once more, then stop pushing."""
        if self._pusher:
            self._pusher.close()
        self._pusher = None

    def close(self) -> None:
        """Stop answering requests."""
        if self._socket:
            self._socket.close()
        self._close_http()

    # ── listeners and pusher ────────────────────────────────────────────────────────────────────────────────

    def _open_http(self, admin: AdminSettings) -> None:
        if admin.listen is None:
            self._history = None
            return
        host, port = admin.listen
        history = self._history = self._history or History(self._clock)
        try:
            self._http = _listen(admin, host, port, {**self.routes(), **self._page_routes(history)})
        except OSError as error:
            # Python adds the address, which the message has anyway.
            cause = (error.strerror or "").partition(" (while attempting")[0]
            reason = ": ".join(filter(None, (error.filename, cause))) or str(error)
            if admin.required:
                raise ConfigurationError(
                    f"cannot listen on {host}:{port}: {reason}",
                    location="admin",
                    hint="correct that file" if error.filename else "choose another address with admin.listen",
                ) from None
            self._emit(events.NoListener(f"{host}:{port}", reason))
        else:
            self._emit(events.PageOpened(_page_url(host, self._http.port, is_encrypted=admin.tls is not None)))

    def _close_http(self) -> None:
        if self._http:
            self._http.close()
        self._http = None

    def _start_pusher(self, metrics: MetricsSettings) -> None:
        supervisor, otlp = self._supervisor, metrics.otlp
        if supervisor is None or otlp is None:
            return

        def read_snapshot() -> Snapshot:
            return status.snapshot(supervisor, self._configuration.status, most_files=0)

        pusher = import_module("sidecar.telemetry.otlp").Pusher(
            otlp.endpoint, otlp.interval, read_snapshot, self._host, self._emit
        )
        pusher.start()
        self._pusher = pusher

    # ── routes ──────────────────────────────────────────────────────────────────────────────────────────────

    def routes(self) -> Routes:
        """Return the routes of the socket and of the HTTP server."""
        return {
            "GET /startupz": lambda query: _probe_reply(self._health.startup()),
            "GET /livez": lambda query: _probe_reply(self._health.live()),
            "GET /readyz": lambda query: _probe_reply(self._health.ready(sinks=query.get("sinks") == "1")),
            "GET /status": lambda query: self._reply(_status_reply, most_files=_parse_count(query.get("files", ""))),
            "GET /metrics": lambda query: self._reply(_metrics_reply, most_files=0),
            "POST /drain": self._drain,
        }

    def _socket_routes(self) -> Routes:
        return {
            **self.routes(),
            "GET /tap": lambda query: self._poll_tap("socket", query),
            "POST /tap/end": self._end_tap,
        }

    def _page_routes(self, history: History) -> Routes:
        return {
            "GET /": lambda query: _import_page().render_page(),
            "GET /tap.json": lambda query: self._poll_tap("page", query),
            "GET /status.json": lambda query: self._reply(self._page_reply, most_files=_import_page().MAX_FILES),
            "GET /history.json": lambda query: Reply(200, history.as_json()),
        }

    def _reply(self, answer: Callable[[Supervisor, Snapshot], Reply], *, most_files: int | None) -> Reply:
        if self._supervisor is None:
            return self._parked_reply()
        snapshot = status.snapshot(self._supervisor, self._configuration.status, most_files=most_files)
        return answer(self._supervisor, snapshot)

    def _parked_reply(self) -> Reply:
        return Reply(503, {"text": f"parked: {self._health.parked}"})

    def _page_reply(self, supervisor: Supervisor, snapshot: Snapshot) -> Reply:
        settings, page = supervisor.settings, _import_page()
        shows = settings.admin.show_documents
        letters = status.recent_dead_letters(supervisor, page.MAX_LETTERS) if shows else None
        reply: Reply = page.render_status(snapshot, self._configuration.masked, letters)
        return reply

    def _poll_tap(self, kind: str, query: Query) -> Reply:
        supervisor = self._supervisor
        if supervisor is None:
            return self._parked_reply()
        if kind == "page" and not supervisor.settings.admin.show_documents:
            return Reply(403, {"text": "set admin.show_documents to show lines here, or use `sidecar tap`"})
        reply: Reply = import_module("sidecar.app.tap_routes").poll_tap(
            supervisor.taps, kind, query, supervisor.settings.pipelines, self._clock
        )
        return reply

    def _end_tap(self, query: Query) -> Reply:
        if self._supervisor:
            self._supervisor.taps.end("socket", query.get("name", ""))
        return Reply(200, {"text": "closed"})

    def _drain(self, query: Query) -> Reply:
        if self._supervisor is None:
            return self._parked_reply()
        undelivered = self._supervisor.wait_until_delivered(float(query.get("timeout", _DRAIN_TIMEOUT_S)))
        if undelivered:
            return Reply(504, {"text": f"{undelivered} bytes are not delivered yet; see `sidecar status`"})
        return Reply(200, {"text": "everything is delivered"})


def _listen(settings: AdminSettings, host: str, port: int, routes: Routes) -> _Listener:
    """Start an HTTP server. Raise `OSError` if it cannot listen, or if a file in its settings is unusable."""
    tls = settings.tls
    access = import_module("sidecar.admin.access").Access(
        settings.hosts, settings.token_file, (tls.cert_file, tls.key_file) if tls else None
    )
    listener: _Listener = import_module("sidecar.admin.http_server").HttpAdmin(host, port, routes, access)
    return listener


def _page_url(host: str, port: int, *, is_encrypted: bool) -> str:
    """Return the address of the page as a browser on this machine needs it."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - the user asked for it
        host = "localhost"
    return f"{'https' if is_encrypted else 'http'}://{f'[{host}]' if ':' in host else host}:{port}/"


def _import_page() -> Any:
    return import_module("sidecar.admin.page")


def _probe_reply(result: HealthResult) -> Reply:
    return Reply(200 if result.good else 503, {"text": result.text})


def _status_reply(_: Supervisor, snapshot: Snapshot) -> Reply:
    return Reply(200, escape_json(msgspec.json.encode(with_condition(snapshot)).decode()).encode() + b"\n")


def _metrics_reply(_: Supervisor, snapshot: Snapshot) -> Reply:
    metrics = import_module("sidecar.telemetry.metrics")
    return Reply(200, metrics.render(snapshot), metrics.CONTENT_TYPE)


def _parse_count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
