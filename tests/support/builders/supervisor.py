"""A supervisor on real files whose threads are not started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sidecar.app.supervisor import RunOptions, Supervisor
from sidecar.config.settings import Settings
from sidecar.kubernetes.exit_rules import NoExitRule
from sidecar.kubernetes.pod import Pod
from sidecar.telemetry.events import Event
from sidecar.testing import ManualClock


def build_settings(folder: Path, **changes: Any) -> Settings:
    """Return settings of one pipeline `app` with one sink `db`, both below `folder`."""
    return Settings.model_validate({
        "state_dir": f"{folder}/state", "sinks": {"db": f"sqlite:///{folder}/logs.db"},
        "pipelines": {"app": {"paths": [f"{folder}/log/*.log"]}}, **changes,
    })  # fmt: skip


@contextmanager
def built_supervisor(
    settings: Settings, clock: ManualClock | None = None, emitted: list[Event] | None = None
) -> Iterator[Supervisor]:
    """Yield a supervisor whose events go to `emitted`; it is closed after the block."""
    emit = [] if emitted is None else emitted
    supervisor = Supervisor(settings, RunOptions(NoExitRule(), Pod()), emit.append, clock or ManualClock(), {})
    try:
        yield supervisor
    finally:
        supervisor.close()


def scan(supervisor: Supervisor) -> None:
    """Scan once, and run each shipper once."""
    supervisor.scan()
    for shipper in supervisor.shippers:
        shipper.run_once(0.0)
