"""Finds the state directory for commands that do not read the configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sidecar.lib.home_directory import expand_home


def default_state_directory(environ: Mapping[str, str]) -> Path:
    """Return `/var/lib/sidecar` if this user can write to it or create it, else the user's XDG state directory."""
    system = Path("/var/lib/sidecar")
    probe = system if system.exists() else system.parent
    if os.access(probe, os.W_OK | os.X_OK):
        return system
    home = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".local/state")
    return Path(home) / "log-sidecar"


def find_state_directory(explicit: Path | None, environ: Mapping[str, str]) -> Path:
    """Return the first of: the explicit directory, `SIDECAR_STATE_DIR`, and the default. Read no configuration."""
    variable = environ.get("SIDECAR_STATE_DIR")
    return explicit or (Path(expand_home(variable)) if variable else default_state_directory(environ))
