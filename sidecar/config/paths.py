"""Where things are, for commands that do without the whole configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def default_state_directory(environ: Mapping[str, str]) -> Path:
    """`/var/lib/sidecar` where it is (or can be made) writable, else the XDG state directory of the user."""
    system = Path("/var/lib/sidecar")
    probe = system if system.exists() else system.parent
    if os.access(probe, os.W_OK | os.X_OK):
        return system
    home = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME", "~")).expanduser() / ".local/state")
    return Path(home) / "log-sidecar"


def find_state_directory(told: Path | None, environ: Mapping[str, str]) -> Path:
    """Without looking at a configuration, which may be wrong: told, `SIDECAR_STATE_DIR`, or the default."""
    named = environ.get("SIDECAR_STATE_DIR")
    return told or (Path(named) if named else default_state_directory(environ))
