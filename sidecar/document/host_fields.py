"""What is known of the machine without asking anybody: names as the Elastic Common Schema has them (`host.*`)."""

from __future__ import annotations

import platform

from sidecar.lib.jsontext.nested import json_string


class HostFields:
    """Constant leaves under `host.`; `name` instead of the name that it would have."""

    def __init__(self, name: str | None = None) -> None:
        facts = {
            "host.name": name,
            "host.architecture": platform.machine(),
            "host.os.type": platform.system().lower(),
            "host.os.kernel": platform.release(),
        }
        self._leaves = {path: json_string(text) for path, text in facts.items() if text}

    def leaves(self) -> dict[str, str]:
        """Path → JSON text; the same object each time."""
        return self._leaves
