"""Reloads the configuration when its file changes or a signal requests it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from sidecar.app.signals import Request
from sidecar.config.checked import CheckedSettings
from sidecar.config.reload_watch import ConfigFileWatch
from sidecar.config.settings import Settings
from sidecar.errors import ConfigurationError
from sidecar.lib.clock import Clock
from sidecar.telemetry import events
from sidecar.telemetry.snapshot import ConfigurationStatus


class ConfigReloader:
    """Reloads the settings, and tracks the status of the configuration.

    `load` reads the settings from all sources. `watched`: files and directories whose change is a reason to reload.
    `request` is set to request a reload.
    """

    def __init__(
        self,
        load: Callable[[], CheckedSettings],
        watched: Iterable[Path],
        request: Request,
        clock: Clock,
        emit: events.Emit,
    ) -> None:
        self._load, self._request = load, request
        self._clock, self._emit = clock, emit
        self._watches = [ConfigFileWatch(path, clock) for path in watched]
        self._state_dir = Path()
        self.status = ConfigurationStatus("", clock.now())
        self.masked: Mapping[str, Any] = {}
        """The settings in use, without values that could be secrets."""

    def load(self) -> CheckedSettings:
        """Return the settings that the sidecar starts with. Raise `ConfigurationError`."""
        checked = self._load()
        self._state_dir = checked.settings.state_directory()
        self._take(checked, ConfigurationStatus(checked.hash, self._clock.now()))
        return checked

    def is_due(self) -> bool:
        """Return whether a file has changed or a reload was requested since the last call."""
        changed = [watch for watch in self._watches if watch.has_changed()]
        is_due = bool(changed) or self._request.is_set()
        if is_due:
            self._request.clear()
        return is_due

    def poll(self, current: Settings) -> CheckedSettings | None:
        """Return the new settings if a reload is due and they differ from `current`. Report invalid settings."""
        if not self.is_due():
            return None
        try:
            checked = self._load()
            if checked.settings.state_directory() != self._state_dir:
                raise ConfigurationError(
                    "state_dir cannot change while the sidecar is running",
                    hint="restart the sidecar, or undo the change",
                )
        except ConfigurationError as error:
            self.refuse(error)
            return None
        if checked.settings != current:
            return checked
        self.status = replace(self.status, is_last_good=True)
        return None

    def accept(self, checked: CheckedSettings) -> None:
        """Record that these settings are in use."""
        taken, refused = self.status.taken + 1, self.status.refused
        self._take(checked, ConfigurationStatus(checked.hash, self._clock.now(), taken, refused))

    def refuse(self, error: ConfigurationError) -> None:
        """Report that the new settings are invalid and the previous ones stay in use."""
        self.status = replace(self.status, refused=self.status.refused + 1, is_last_good=False)
        self._emit(events.ConfigurationKept("; ".join(error.problems)))

    def _take(self, checked: CheckedSettings, status: ConfigurationStatus) -> None:
        self.masked, self.status = checked.masked, status
