"""Runs the sidecar as a process, from its configuration to its exit code.

An invalid configuration ends the sidecar, or parks it: the sidecar waits for a valid configuration, so that it does
not fail the Pod or the Job of the application. A running sidecar applies a changed configuration if it is valid.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from sidecar.admin.health import Health
from sidecar.app.endpoints import Endpoints
from sidecar.app.outcome import EXIT_OK, EXIT_REFUSED, Outcome
from sidecar.app.reload import ConfigReloader
from sidecar.app.shutdown import Shutdown
from sidecar.app.signals import StopRequests
from sidecar.app.supervisor import RunOptions, Supervisor
from sidecar.app.tuning import MemoryTrimmer, tune_process
from sidecar.config.checked import CheckedSettings
from sidecar.config.paths import find_state_directory
from sidecar.config.risks import Risk
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError, SidecarError, StateError
from sidecar.kubernetes.exit_rules import NoExitRule
from sidecar.kubernetes.pod import Pod
from sidecar.kubernetes.termination_log import write_termination_message
from sidecar.lib.clock import SystemClock
from sidecar.pipeline.builder import hostname
from sidecar.telemetry import events
from sidecar.telemetry.heartbeats import MAIN_LOOP, Heartbeats
from sidecar.telemetry.log import Log

_LOOP_S = 1.0
"""Seconds between two iterations of the main loop. A signal ends the wait."""

_PARKED_RETRY_S = 10.0
"""Seconds after which a parked sidecar tries to start again, because its state directory may be usable by then."""


class RunRequest(msgspec.Struct, frozen=True):
    """The arguments of `run`: functions that load settings and options, and flags of the command line."""

    load: Callable[[], CheckedSettings]
    """Loads the settings; also called for each reload. Raises `ConfigurationError`."""

    options: Callable[[], RunOptions]
    """Loads the options of the run. Raises `ConfigurationError`."""

    watched: tuple[Path, ...]
    """The configuration file and the directory of secrets, if there are any: a change is a reason to reload."""

    state_dir: Callable[[], Path]
    """Returns the directory in which a sidecar without valid settings opens its socket."""

    strict: bool = False
    """Whether to exit with code 3 if lines could not be delivered or a file could not be read."""

    park: bool = False
    """Whether to wait for valid settings instead of ending."""


def run(request: RunRequest) -> int:
    """Run the sidecar in this process until a signal or an exit rule ends it. Return the exit code.

    Unless `park` is set, raise `StateError` or `ConfigurationError` if it cannot start.
    """
    application = Application(request)
    try:
        return application.run()
    except SidecarError as error:
        write_termination_message({"exit": EXIT_REFUSED, "error": _one_line(error)})
        raise
    finally:
        application.close()


def run_parked(problem: str) -> int:
    """Park until a signal ends the sidecar. `problem`: the reason, which no other configuration can fix."""

    def refuse() -> CheckedSettings:
        raise ConfigurationError(problem)

    def state_dir() -> Path:
        return find_state_directory(None, os.environ)

    return run(RunRequest(refuse, lambda: RunOptions(NoExitRule(), Pod()), (), state_dir, park=True))


class Application:
    """Does the work of the main thread: builds a supervisor or parks, runs the main loop, and shuts down."""

    def __init__(self, request: RunRequest) -> None:
        self._request = request
        self._clock = SystemClock()
        self._log = Log(self._clock)
        self._stop = StopRequests(self._clock)
        self._heartbeats = Heartbeats(self._clock)
        self._health = Health(self._heartbeats)
        self._reloader = ConfigReloader(request.load, request.watched, self._stop.reload, self._clock, self._log.emit)
        self._endpoints = Endpoints(self._health, self._reloader, hostname(os.environ), self._clock, self._log.emit)

    def run(self) -> int:
        """Load the settings, run until the shutdown, and return the exit code."""
        self._stop.listen()
        self._heartbeats.begin(MAIN_LOOP)
        built = self._build_or_park()
        if built is None:
            return EXIT_OK
        supervisor, options, risks = built
        tune_process()
        self._endpoints.open(supervisor)
        self._warn_of_risks(risks)
        supervisor.start()
        self._health.is_tailing = True
        try:
            self._serve(supervisor, options)
        except StateError:
            supervisor.stop()
            raise
        self._health.is_stopping = True
        Shutdown(self._stop, options, self._clock, self._log.emit).run(supervisor, supervisor.settings.drain.timeout)
        return self._conclude(supervisor, once=options.once)

    def close(self) -> None:
        """Stop answering requests."""
        self._endpoints.close()

    # ── build or park ───────────────────────────────────────────────────────────────────────────────────────

    def _build_or_park(self) -> tuple[Supervisor, RunOptions, Sequence[Risk]] | None:
        """Return the supervisor, its options and the risks of its settings; None after a shutdown while parked."""
        # A signal that has already arrived does not prevent the start, so that existing lines are delivered.
        while True:
            try:
                return self._build()
            except (ConfigurationError, StateError) as error:
                if not self._request.park:
                    raise
                self._park(error)
            if not self._wait_for_change():
                return None

    def _build(self) -> tuple[Supervisor, RunOptions, Sequence[Risk]]:
        checked, options = self._reloader.load(), self._request.options()
        settings = checked.settings
        self._set_log(settings)
        supervisor = Supervisor(settings, options, self._log.emit, self._clock, os.environ, self._heartbeats)
        self._health.parked = ""
        return supervisor, options, checked.risks

    def _park(self, error: SidecarError) -> None:
        problem = _one_line(error)
        if problem != self._health.parked:
            self._health.parked = problem
            self._log.emit(events.Parked(problem))
            write_termination_message({"parked": problem})
        if not self._endpoints.has_socket():
            self._endpoints.open_socket(self._request.state_dir())

    def _wait_for_change(self) -> bool:
        """Wait until the configuration changes or the next attempt is due. Return False at a shutdown."""
        retry_at = self._clock.monotonic() + _PARKED_RETRY_S
        while not self._stop.shutdown.wait(_LOOP_S):
            self._heartbeats.beat()
            if self._reloader.is_due() or self._clock.monotonic() >= retry_at:
                return True
        return False

    # ── serve ───────────────────────────────────────────────────────────────────────────────────────────────

    def _serve(self, supervisor: Supervisor, options: RunOptions) -> None:
        trimmer = MemoryTrimmer(self._clock, supervisor.bytes_read)
        while not (options.once or self._stop.shutdown.wait(_LOOP_S) or supervisor.has_failed()):
            self._heartbeats.beat()
            supervisor.store.check_place()
            self._log.flush_suppressed()
            supervisor.show_progress()
            self._endpoints.sample()
            trimmer.update()
            if reason := options.rule.reason(self._clock.monotonic(), supervisor.grown_at()):
                self._stop.request_shutdown(reason)
            elif checked := self._reloader.poll(supervisor.settings):
                self._apply(checked, supervisor)

    def _apply(self, checked: CheckedSettings, supervisor: Supervisor) -> None:
        before, settings = supervisor.settings, checked.settings
        try:
            supervisor.change(settings)
            self._endpoints.apply(before, settings)
        except ConfigurationError as error:
            self._reloader.refuse(error)
            return
        self._warn_of_risks(checked.risks)
        self._set_log(settings)
        self._reloader.accept(checked)

    def _set_log(self, settings: Settings) -> None:
        self._log.set_level(settings.log_level)
        self._log.set_format(settings.log_format)

    def _warn_of_risks(self, risks: Sequence[Risk]) -> None:
        for risk in risks:
            self._log.emit(events.RiskySetting(risk.location, risk.reason))

    # ── the end ─────────────────────────────────────────────────────────────────────────────────────────────

    def _conclude(self, supervisor: Supervisor, *, once: bool) -> int:
        outcome = Outcome.from_run(supervisor, strict=self._request.strict or once)
        self._endpoints.stop_pushing()
        if outcome.exit_code == EXIT_OK:
            supervisor.forget_temporary_file()
        supervisor.close()
        self._log.close(outcome.last_events(once=once))
        write_termination_message(outcome.termination_message())
        return outcome.exit_code


def _one_line(error: SidecarError) -> str:
    return "; ".join(error.problems) if isinstance(error, ConfigurationError) else str(error)
