"""The format of any bytes, and the configuration that is written for it."""

from __future__ import annotations

from typing import Any

import yaml

from sidecar.config.pipeline import PipelineSettings
from sidecar.config.variables import replace_variables
from sidecar.testing import ManualClock
from sidecar.tools.detect import detect_format
from sidecar.tools.yaml_text import escape_values, format_yaml


def check(data: bytes) -> None:
    """Written settings are printable, valid, and are read again as they were detected."""
    detected = detect_format(data, ManualClock())
    if detected is None:
        return
    text = format_yaml(escape_values(detected.proposal.pipeline))
    assert text.replace("\n", "").isprintable()
    read_again = _replace(yaml.safe_load(text))
    assert read_again == detected.proposal.pipeline
    PipelineSettings(paths=("/a.log",), **read_again)
    assert all(comment and "\n" not in comment for comment in detected.comments())


def _replace(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _replace(item) for name, item in value.items()}
    if isinstance(value, list):
        return list(map(_replace, value))
    return replace_variables(value, {}) if isinstance(value, str) else value
