"""Fields of the host, with the names of the Elastic Common Schema (`host.*`)."""

from __future__ import annotations

import platform

from sidecar.lib.jsontext.nested import json_string


class HostFields:
    """Constant fields below `host.`; `name` replaces `host.name`."""

    def __init__(self, name: str | None = None) -> None:
        values = {
            "host.name": name,
            "host.architecture": platform.machine(),
            "host.os.type": platform.system().lower(),
            "host.os.kernel": platform.release(),
        }
        self._leaves = {path: json_string(text) for path, text in values.items() if text}

    def leaves(self) -> dict[str, str]:
        """Return the fields: path → JSON text. Always return the same object."""
        return self._leaves
