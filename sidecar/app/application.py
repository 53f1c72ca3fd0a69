"""One run of the sidecar as a process: from its configuration to its exit code.

A configuration that cannot be used ends it, or parks it: then it waits for another one, so that in a Pod neither the
application nor its Job suffers from it. A configuration that changes while it runs is taken if it is good.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import msgspec

from sidecar.admin.health import Health, ProbeResult
from sidecar.admin.socket_server import Query, Reply, Routes, SocketAdmin
from sidecar.app import status
from sidecar.app.reload import ConfigReloader
from sidecar.app.shutdown import Shutdown
from sidecar.app.signals import StopRequests
from sidecar.app.supervisor import RunOptions, Supervisor
from sidecar.app.tuning import tune_process
from sidecar.config.admin import AdminSettings
from sidecar.config.paths import find_state_directory
from sidecar.config.risks import find_risks
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError, SidecarError, StateError
from sidecar.kubernetes import termination_log as termination
from sidecar.kubernetes.exit_rules import Never
from sidecar.kubernetes.pod import Pod
from sidecar.lib.clock import SystemClock
from sidecar.lib.settings_model import mask
from sidecar.lib.terminal import escape_json
from sidecar.pipeline.builder import hostname
from sidecar.telemetry import events
from sidecar.telemetry.heartbeats import MAIN_LOOP, Heartbeats
from sidecar.telemetry.history import History
from sidecar.telemetry.log import Log
from sidecar.telemetry.snapshot import Snapshot

ENDED, CRASHED, UNDELIVERED = 0, 1, 3


_BEAT_S = 0.5
"""The main loop has nothing to do that cannot wait so long; a signal to end wakes it at once."""


_TRY_AGAIN_S = 10.0


_DRAIN_S = 25.0


_MOST_NAMES = 5


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a run begins with.

    `load` gives the settings, again and again; `manner` how they are to be run. Both raise `ConfigurationError`.
    `config` is the file that the settings come from, if there is one, and `state_dir` where a sidecar without good
    settings can be asked. `strict`: code 3 if something could not be delivered. `park`: wait for better settings.
    """

    load: Callable[[], Settings]
    manner: Callable[[], RunOptions]
    config: Path | None
    state_dir: Callable[[], Path]
    strict: bool = False
    park: bool = False


def run(start: RunRequest) -> int:
    """Run the sidecar in this process until it is asked to end. Returns the exit code.

    Raises `StateError` or `ConfigurationError` before anything is started, unless it is to park.
    """
    run = Application(start)
    try:
        return run.until_the_end()
    except SidecarError as error:
        termination.write_termination_message({"exit": 2, "error": _one_line(error)})
        raise
    finally:
        run.close()


def run_parked(problem: str) -> int:
    """Park for what no other configuration can mend, until asked to end."""

    def refused() -> Settings:
        raise ConfigurationError(problem)

    def directory() -> Path:
        return find_state_directory(None, os.environ)

    return run(RunRequest(refused, lambda: RunOptions(Never(), Pod()), None, directory, park=True))


class _Closable(Protocol):
    """What answers until it is closed."""

    def close(self) -> None: ...


class Application:
    def __init__(self, start: RunRequest) -> None:
        self._start = start
        self._clock = SystemClock()
        self._log = Log(self._clock)
        self._stop = StopRequests(self._clock)
        self._heartbeats = Heartbeats(self._clock)
        self._health = Health(self._heartbeats)
        self._reloader = ConfigReloader(start.load, start.config, self._stop.reload, self._clock, self._log.emit)
        self._supervisor: Supervisor | None = None
        self._admin: SocketAdmin | None = None
        self._http: _Closable | None = None
        self._history: History | None = None
        self._pusher: _Closable | None = None

    def until_the_end(self) -> int:
        """From the first look at the settings to the exit code."""
        self._stop.listen()
        self._heartbeats.begin(MAIN_LOOP)
        made = self._supervised()
        if made is None:
            return ENDED
        supervisor, manner = made
        tune_process()
        self._open_admin(supervisor.state_dir)
        self._open_http(supervisor.settings.admin)
        self._health.down = lambda: status.down_sinks(supervisor)
        self._push(supervisor)
        self._warn(supervisor.settings)
        supervisor.start()
        self._health.follows = True
        self._follow(supervisor, manner)
        self._health.ends = True
        Shutdown(self._stop, manner, self._clock, self._log.emit).run(supervisor, supervisor.settings.drain.timeout)
        return self._last_word(supervisor, manner)

    def close(self) -> None:
        """Answer nobody any more."""
        if self._admin:
            self._admin.close()
        if self._http:
            self._http.close()

    # ── before anything runs ────────────────────────────────────────────────────────────────────────────────

    def _supervised(self) -> tuple[Supervisor, RunOptions] | None:
        """What is to run, and how; None if the sidecar was asked to end while it was parked.

        A signal that came before is no reason not to start: what is there is delivered all the same.
        """
        while True:
            try:
                return self._made()
            except (ConfigurationError, StateError) as error:
                if not self._start.park:
                    raise
                self._park(error)
            if not self._may_be_better():
                return None

    def _may_be_better(self) -> bool:
        """Waits until the settings have changed, or the state may be usable again. False: it is to end."""
        again_at = self._clock.monotonic() + _TRY_AGAIN_S
        while not self._stop.shutdown.wait(_BEAT_S):
            self._heartbeats.beat()
            if self._reloader.is_due() or self._clock.monotonic() >= again_at:
                return True
        return False

    def _made(self) -> tuple[Supervisor, RunOptions]:
        settings = self._reloader.load()
        manner = self._start.manner()
        self._log.least(settings.log_level)
        self._supervisor = Supervisor(settings, manner, self._log.emit, self._clock, os.environ, self._heartbeats)
        self._health.parked = ""
        return self._supervisor, manner

    def _park(self, error: SidecarError) -> None:
        problem = _one_line(error)
        if problem != self._health.parked:
            self._health.parked = problem
            self._log.emit(events.Parked(problem))
            termination.write_termination_message({"parked": problem})
        if self._admin is None:
            self._open_admin(self._start.state_dir())

    def _open_admin(self, directory: Path) -> None:
        if self._admin and self._admin.directory == directory:
            return
        if self._admin:
            self._admin.close()
        self._admin = SocketAdmin(directory, self._routes())
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._admin.open()
        except OSError as error:
            self._log.emit(events.NoSocket(error.strerror or "no reason given"))

    def _open_http(self, admin: AdminSettings) -> None:
        if admin.listen is None:
            self._history = None
            return
        host, port = admin.listen
        history = self._history = self._history or History(self._clock)
        try:
            self._http = _http_admin(admin, host, port, {**self._routes(), **self._page_routes(history)})
        except OSError as error:
            reason = ": ".join(filter(None, (error.filename, error.strerror))) or "no reason given"
            if admin.required:
                raise ConfigurationError(
                    f"nothing can listen on {host}:{port} ({reason})",
                    location="admin",
                    hint="choose another port, or mend the file",
                ) from None
            self._log.emit(events.NoListener(f"{host}:{port}", reason))

    def _push(self, supervisor: Supervisor) -> None:
        """Send the metrics from now on, if they are to be sent; imported only then."""
        if (otlp := supervisor.settings.metrics.otlp) is None:
            return

        def facts() -> Snapshot:
            return status.snapshot(supervisor, self._reloader.status, most_files=0)

        pusher = import_module("sidecar.telemetry.otlp").Pusher(
            otlp.endpoint, otlp.interval, facts, hostname(os.environ), self._log.emit
        )
        pusher.start()
        self._pusher = pusher

    def _warn(self, settings: Settings) -> None:
        for risk in find_risks(settings, self._start.config):
            self._log.emit(events.RiskySetting(risk.at, risk.reason))

    # ── while it runs ───────────────────────────────────────────────────────────────────────────────────────

    def _follow(self, supervisor: Supervisor, manner: RunOptions) -> None:
        while not (manner.once or self._stop.shutdown.wait(_BEAT_S) or supervisor.has_failed()):
            self._heartbeats.beat()
            self._log.tell_more()
            supervisor.show_progress()
            if self._history:
                self._history.watch(lambda: status.shipper_statuses(supervisor))
            if reason := manner.rule.reason(self._clock.monotonic(), supervisor.grown_at()):
                self._stop.request_shutdown(reason)
            elif settings := self._reloader.poll(supervisor.settings):
                self._apply(settings, supervisor)

    def _apply(self, settings: Settings, supervisor: Supervisor) -> None:
        before = supervisor.settings
        try:
            supervisor.change(settings)
            self._tell_elsewhere(before, supervisor)
        except ConfigurationError as error:
            self._reloader.refuse(error)
            return
        self._warn(settings)
        self._log.least(settings.log_level)
        self._reloader.accept(settings)

    def _tell_elsewhere(self, before: Settings, supervisor: Supervisor) -> None:
        """Listen and send as the settings say now. A sidecar that runs goes on also where nothing can listen."""
        admin, metrics = supervisor.settings.admin, supervisor.settings.metrics
        if admin != before.admin:
            if self._http:
                self._http.close()
            self._http = None
            self._open_http(admin.model_copy(update={"required": False}))
        if metrics != before.metrics:
            if self._pusher:
                self._pusher.close()
            self._pusher = None
            self._push(supervisor)

    # ── what is asked of it ─────────────────────────────────────────────────────────────────────────────────

    def _routes(self) -> Routes:
        def told(answer: ProbeResult) -> Reply:
            return Reply(200 if answer.good else 503, {"text": answer.text})

        return {
            "GET /startupz": lambda query: told(self._health.startup()),
            "GET /livez": lambda query: told(self._health.live()),
            "GET /readyz": lambda query: told(self._health.ready(sinks=query.get("sinks") == "1")),
            "GET /status": lambda query: self._about(_status_reply, most_files=_parse_count(query.get("files", ""))),
            "GET /metrics": lambda query: self._about(_metrics_reply, most_files=0),
            "POST /drain": self._drained,
        }

    def _page_routes(self, history: History) -> Routes:
        """Only a browser asks for these."""
        return {
            "GET /": lambda query: _import_page().render_page(),
            "GET /status.json": lambda query: self._about(self._for_the_page, most_files=_import_page().MOST_FILES),
            "GET /history.json": lambda query: Reply(200, history.told()),
        }

    def _for_the_page(self, facts: Snapshot) -> Reply:
        assert self._supervisor is not None
        settings, page = self._supervisor.settings, _import_page()
        letters = (
            status.recent_dead_letters(self._supervisor, page.MOST_LETTERS) if settings.admin.show_documents else None
        )
        reply: Reply = page.render_status(facts, mask(settings), letters)
        return reply

    def _about(self, answer: Callable[[Snapshot], Reply], *, most_files: int | None) -> Reply:
        if self._supervisor is None:
            return Reply(503, {"text": f"parked: {self._health.parked}"})
        return answer(status.snapshot(self._supervisor, self._reloader.status, most_files=most_files))

    def _drained(self, query: Query) -> Reply:
        if self._supervisor is None:
            return Reply(503, {"text": f"parked: {self._health.parked}"})
        missing = self._supervisor.wait_until_delivered(float(query.get("timeout", _DRAIN_S)))
        if missing:
            return Reply(504, {"text": f"{missing} bytes are not delivered yet"})
        return Reply(200, {"text": "everything is delivered"})

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────────────

    def _last_word(self, supervisor: Supervisor, manner: RunOptions) -> int:
        failed, down, unreadable = (
            supervisor.has_failed(),
            status.down_sinks(supervisor),
            status.unreadable_files(supervisor),
        )
        if self._pusher:
            self._pusher.close()
        balances = [status.balance_event(each) for each in status.balance(supervisor, supervisor.shippers)]
        supervisor.close()
        self._log.end(balances)
        unsettled = any(balance.unsettled for balance in balances)
        strict = self._start.strict or manner.once
        code = CRASHED if failed else UNDELIVERED if strict and (unsettled or unreadable) else ENDED
        termination.write_termination_message(_termination_message(code, balances, down, unreadable))
        return code


def _http_admin(settings: AdminSettings, host: str, port: int, routes: Routes) -> _Closable:
    """Imported only where something is to listen. Raises `OSError`."""
    tls = settings.tls
    access = import_module("sidecar.admin.access").Access(
        settings.hosts, settings.token_file, (tls.cert_file, tls.key_file) if tls else None
    )
    listener: _Closable = import_module("sidecar.admin.http_server").HttpAdmin(host, port, routes, access)
    return listener


def _import_page() -> Any:
    """Imported when somebody asks for the first time."""
    return import_module("sidecar.admin.page")


def _status_reply(facts: Snapshot) -> Reply:
    return Reply(200, escape_json(msgspec.json.encode(facts).decode()).encode() + b"\n")


def _parse_count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _metrics_reply(facts: Snapshot) -> Reply:
    """The library that writes the format is imported when somebody asks for the first time."""
    metrics = import_module("sidecar.telemetry.prometheus")
    return Reply(200, metrics.render(facts), metrics.CONTENT_TYPE)


def _termination_message(
    code: int, balances: Sequence[events.Balance], down: Sequence[str], unreadable: Sequence[str]
) -> dict[str, Any]:
    """The balance for `kubectl describe pod`; what may be long comes last."""
    message: dict[str, Any] = {"exit": code, "sinks": {}}
    for balance in balances:
        fields = msgspec.structs.asdict(balance)
        message["sinks"][fields.pop("sink")] = fields
    if down:
        message["down"] = list(down[:_MOST_NAMES])
    if unreadable:
        message["unreadable"] = [ascii(path)[1:-1] for path in unreadable[:_MOST_NAMES]]
    return message


def _one_line(error: SidecarError) -> str:
    return "; ".join(error.problems) if isinstance(error, ConfigurationError) else str(error)
