"""Finds settings that are allowed but risky. `sidecar check` prints them, and each start logs them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sidecar.config.admin import AdminSettings
from sidecar.config.settings import Settings
from sidecar.lib.settings_model import SECRET_FILE, SettingsModel
from sidecar.sinks.common.exposure import is_local
from sidecar.sinks.contract import SinkSettings

_ADVICE = "chmod it to 0400, or set defaultMode: 0400 for a Secret of Kubernetes (0440 with fsGroup)"


@dataclass(frozen=True, slots=True)
class Risk:
    """A risky setting."""

    location: str
    """The name of the setting."""

    reason: str
    """The risk, and what to do about it, in one sentence."""


def find_risks(settings: Settings, config: Path | None) -> list[Risk]:
    """Return the risks of these settings, and of the files that they name."""
    found = [Risk(f"sinks.{name}", reason) for name, sink in settings.sinks.items() for reason in sink.warnings()]
    return [
        *found, *_risks_of_files(settings), *_risks_of_config(settings, config), *_risks_of_listener(settings.admin),
        *_risks_of_state(settings.state_directory()),
    ]  # fmt: skip


def _risks_of_files(settings: Settings) -> Iterator[Risk]:
    for location, file, is_secret in _list_files(settings, ""):
        if reason := _explain_unreadable(file):
            yield Risk(location, reason)
        elif is_secret and (reason := _explain_mode(file)):
            yield Risk(location, f"{file} contains a secret and {reason}; {_ADVICE}")


def _explain_unreadable(file: Path) -> str:
    """Return why the file cannot be read, and what to do; "" if it can be read."""
    try:
        is_directory = stat.S_ISDIR(file.stat().st_mode)
    except FileNotFoundError:
        return f"{file} does not exist here; it must exist where the sidecar runs"
    except OSError as error:
        return f"{file} cannot be read ({error.strerror}); check the path and its directories"
    if is_directory:
        return f"{file} is a directory; write the path of the file"
    return "" if os.access(file, os.R_OK) else f"{file} cannot be read by this user; change its mode or owner"


def _risks_of_config(settings: Settings, config: Path | None) -> Iterator[Risk]:
    """Yield a risk for each sink that has a secret in the configuration file, if other users may access the file."""
    if config is None or not (reason := _explain_mode(config)):
        return
    with suppress(OSError, UnicodeError):
        text = config.read_text(encoding="utf-8")
        for name, sink in settings.sinks.items():
            if any(secret in text or quote(secret, safe="") in text for secret in sink.secrets() if secret):
                what = f"{config} contains a secret of this sink and {reason}"
                yield Risk(f"sinks.{name}", f"{what}; chmod it to 0600, or put the secret into a separate file")


def _risks_of_listener(admin: AdminSettings) -> Iterator[Risk]:
    if admin.listen is None or is_local(f"[{admin.listen[0]}]" if ":" in admin.listen[0] else admin.listen[0]):
        return
    if admin.token_file and not admin.tls:
        yield Risk("admin.token_file", "the token can be read on the network without TLS; set admin.tls")
    if admin.show_documents and not admin.token_file:
        yield Risk(
            "admin.show_documents",
            "every client of the HTTP server can read rejected documents; set admin.token_file and admin.tls",
        )


def _risks_of_state(directory: Path) -> Iterator[Risk]:
    """Yield a risk if every user can remove files from the state directory.

    A directory that belongs to root is allowed, such as an emptyDir in Kubernetes.
    """
    with suppress(OSError):
        status = directory.stat()
        if status.st_uid and status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
            yield Risk("state_dir", f"every user can remove files from {directory}; chmod it to 0700")


def _explain_mode(file: Path) -> str:
    """Return how other users may access the file; "" if they may not, or if the file does not exist."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return ""
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"can be changed by other users (mode {stat.S_IMODE(mode):04o})"
    return f"can be read by every user (mode {stat.S_IMODE(mode):04o})" if mode & stat.S_IROTH else ""


def _list_files(value: Any, location: str) -> Iterator[tuple[str, Path, bool]]:
    """Yield the setting and the path of each file that the settings name, and whether it contains a secret."""
    if isinstance(value, SettingsModel):
        for name, field in type(value).model_fields.items():
            inner = getattr(value, name)
            if name.endswith("_file") and isinstance(inner, Path):
                yield f"{location}{name}", inner, SECRET_FILE in field.metadata
            else:
                yield from _list_files(inner, f"{location}{name}.")
        if isinstance(value, SinkSettings):
            yield from ((f"{location}url", file, False) for file in value.files() if file not in vars(value).values())
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _list_files(inner, f"{location}{name}.")
    elif isinstance(value, tuple):
        for number, inner in enumerate(value):
            yield from _list_files(inner, f"{location}{number}.")
