"""Writes the message that `kubectl describe pod` shows for a container that has ended.

The kubelet creates the file of this message before the container starts, and reads at most 4,096 bytes of it
(Kubernetes documentation, "Determine the Reason for Pod Failure").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sidecar.lib.terminal import escape_json

FILE = Path("/dev/termination-log")
_MAX_BYTES = 4096


def write_termination_message(message: Mapping[str, Any], file: Path = FILE) -> None:
    """Write the message as one line of JSON, if the kubelet has created the file. Cut it at 4,096 bytes."""
    with suppress(OSError):
        if file.is_file() and not file.is_symlink():
            file.write_bytes(escape_json(json.dumps(message, ensure_ascii=False)).encode()[:_MAX_BYTES])
