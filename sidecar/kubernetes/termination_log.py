"""The last word, where `kubectl describe pod` shows it.

The kubelet makes the file before the container starts, and takes at most 4,096 bytes from it (Kubernetes
documentation, "Determine the Reason for Pod Failure").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sidecar.lib.terminal import escape_json

FILE = Path("/dev/termination-log")
_MOST = 4096


def write_termination_message(message: Mapping[str, Any], file: Path = FILE) -> None:
    """Write one line of JSON, if there is a Pod to write it for. What is too long is cut."""
    with suppress(OSError):
        if file.is_file() and not file.is_symlink():
            file.write_bytes(escape_json(json.dumps(message, ensure_ascii=False)).encode()[:_MOST])
