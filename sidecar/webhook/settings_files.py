"""Reads the settings of the administrator and of each namespace from files, again when they change.

The file of a namespace is called after it, as in `shop.yaml`: a key of a ConfigMap in the namespace of the webhook.
So the webhook needs no access to the API, and a namespace cannot read or change what another one has.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from sidecar.errors import ConfigurationError
from sidecar.inject.reasons import RefusalReason, Refused
from sidecar.inject.settings import InjectionSettings, build_settings, extend_settings, read_values

Value = TypeVar("Value")

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_MAX_BYTES = 1 << 20


class _WatchedFile(Generic[Value]):
    """The value of one file. If its new content is not valid, the value before stays, and `error` says why."""

    def __init__(self, path: Path, read: Callable[[str], Value]) -> None:
        self._path, self._read = path, read
        self._stamp: tuple[int, ...] = ()
        self.value: Value | None = None
        self.error = ""

    def refresh(self) -> bool:
        """Read the file if it has changed. Return whether it was read. Raise `FileNotFoundError` if it is missing."""
        status = self._path.stat()
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        if stamp == self._stamp:
            return False
        self._stamp, self.error = stamp, ""
        try:
            if status.st_size > _MAX_BYTES:
                raise ConfigurationError("is too large", location=str(self._path), hint="keep it below 1 MiB")
            self.value = self._read(self._path.read_text(encoding="utf-8"))
        except ConfigurationError as error:
            self.error = str(error)
        except UnicodeDecodeError:
            self.error = f"{self._path}: is not UTF-8; convert it to UTF-8"
        return True


class SettingsFiles:
    """The settings for each namespace: those of the administrator, changed by the file of the namespace.

    `file`: None for the defaults. `namespaces`: the directory with the files of namespaces. `on_error`: called once
    with each problem of a changed file. Raises `ConfigurationError` if the file is not valid at the start.
    """

    def __init__(self, file: Path | None, namespaces: Path | None, on_error: Callable[[str], None]) -> None:
        self._directory, self._on_error = namespaces, on_error
        self._file = _WatchedFile(file, lambda text: _read_settings(text, file)) if file else None
        self._of_namespace: dict[str, _WatchedFile[dict[str, Any]]] = {}
        self._merged: dict[str, tuple[object, object, InjectionSettings]] = {}
        self._defaults = InjectionSettings()
        self.administrator()
        if self._file and self._file.value is None:
            raise ConfigurationError(self._file.error)

    @property
    def is_valid(self) -> bool:
        """Whether the current content of each file that was read is valid."""
        return not any(file.error for file in (self._file, *self._of_namespace.values()) if file)

    def administrator(self) -> InjectionSettings:
        """Return the settings of the administrator."""
        if self._file is None:
            return self._defaults
        try:
            if self._file.refresh() and self._file.error:
                self._on_error(self._file.error)
        except OSError as error:
            if self._file.value is None:
                raise ConfigurationError(
                    f"cannot be read ({error.strerror})", location=str(error.filename), hint="name a readable file"
                ) from None
        return self._file.value or self._defaults

    def of_namespace(self, namespace: str) -> InjectionSettings:
        """Return the settings for Pods of a namespace. Raise `Refused` if those of the namespace are not valid."""
        base = self.administrator()
        values = self._values(namespace)
        if values is None:
            return base
        known = self._merged.get(namespace)
        if known and known[0] is base and known[1] is values:
            return known[2]
        try:
            settings = extend_settings(base, values, f"{namespace}.yaml")
        except ConfigurationError as error:
            self._on_error(str(error))
            raise Refused(RefusalReason.E_SETTINGS, str(error)) from None
        self._merged[namespace] = (base, values, settings)
        return settings

    def _values(self, namespace: str) -> dict[str, Any] | None:
        """Return what the file of a namespace says, None if there is none."""
        if self._directory is None or not _NAMESPACE.fullmatch(namespace):
            return None
        path = self._directory / f"{namespace}.yaml"
        file = self._of_namespace.get(namespace) or _WatchedFile(path, lambda text: read_values(text, path.name))
        try:
            if file.refresh() and file.error:
                self._on_error(file.error)
        except OSError:
            self._of_namespace.pop(namespace, None)
            return None
        self._of_namespace[namespace] = file
        if file.value is None:
            raise Refused(RefusalReason.E_SETTINGS, file.error)
        return file.value


def _read_settings(text: str, path: Path) -> InjectionSettings:
    return build_settings(read_values(text, str(path)), str(path))
