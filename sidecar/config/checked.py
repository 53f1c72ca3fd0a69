"""Settings after their validation, with what is known only where they are validated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from sidecar.config.risks import Risk, find_risks
from sidecar.config.settings import Settings
from sidecar.config.transfer import decode_settings, encode_settings
from sidecar.lib.settings_model import mask


class CheckedSettings(msgspec.Struct, frozen=True):
    """Validated settings, and what was found about them."""

    settings: Settings
    hash: str = ""
    """A short text that differs between configurations. Secrets are masked before hashing."""

    masked: Mapping[str, Any] = {}
    """The settings with all values masked that could be secrets."""

    risks: Sequence[Risk] = ()
    """Settings that are allowed but risky."""


def describe_settings(settings: Settings, config: Path | None) -> CheckedSettings:
    """Return validated settings with what is known about them. `config`: the file that contains them."""
    return CheckedSettings(settings, hash_settings(settings), mask(settings), find_risks(settings, config))


def encode_checked(checked: CheckedSettings) -> str:
    """Return the settings, with what is known about them, as text for another process."""
    risks = [(risk.location, risk.reason) for risk in checked.risks]
    return json.dumps([encode_settings(checked.settings), checked.hash, checked.masked, risks])


def decode_checked(text: str) -> CheckedSettings:
    """Return the settings in a text of `encode_checked`, which is trusted."""
    settings, digest, masked, risks = json.loads(text)
    return CheckedSettings(decode_settings(settings), digest, masked, [Risk(*risk) for risk in risks])


def hash_settings(settings: Settings) -> str:
    """Return a short hash that differs between configurations. Secrets are masked before hashing."""
    return hashlib.sha256(json.dumps(settings.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()[:16]
