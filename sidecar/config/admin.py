"""Settings of the HTTP server and of pushed metrics."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
)

from sidecar.config.shell_syntax import LocalPath
from sidecar.lib.settings_model import COMMAS, SECRET_FILE, SHOWN, SettingsModel
from sidecar.lib.units import Duration


def _parse_address(value: object) -> object:
    """`9600` for this machine alone, `127.0.0.1:9600`, `:9600` for every address of this machine, `[::1]:9600`."""
    if isinstance(value, int) or (isinstance(value, str) and value.isascii() and value.isdigit()):
        value = f"127.0.0.1:{value}"
    if not isinstance(value, str):
        return value
    host, colon, port = value.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError("not an address; write it as 127.0.0.1:9600, or 0.0.0.0:9600 for every address of the Pod")
    return (host.strip("[]") or "0.0.0.0", int(port))  # noqa: S104 - what the user says


class TlsSettings(SettingsModel):
    """The certificate of the listener; both files are read again when they change."""

    cert_file: LocalPath
    """File with the certificate and those that lead to its root, in PEM."""

    key_file: Annotated[LocalPath, SECRET_FILE]
    """File with the key of the certificate, in PEM, without a password."""


class AdminSettings(SettingsModel):
    """Where metrics and probes can be had over HTTP, beside the Unix socket in the state directory."""

    listen: Annotated[
        tuple[str, int] | None, SHOWN, BeforeValidator(_parse_address, json_schema_input_type=str | int | None)
    ] = None
    """Address and port, as in `127.0.0.1:9600`; nothing listens unless told. A port alone, as in `9600`, is that of
    this machine alone; probes and scrapers from outside of the Pod need `0.0.0.0:9600`."""

    hosts: Annotated[tuple[str, ...], SHOWN, COMMAS] = ()
    """Names that clients may ask for beside addresses and `localhost`, such as that of a Service."""

    token_file: Annotated[LocalPath | None, SECRET_FILE] = None
    """File with a token that clients have to send, as `Authorization: Bearer …` or as the password of basic
    authentication; `/livez`, `/readyz` and `/startupz` are answered without. It is read again for each request."""

    tls: TlsSettings | None = None
    """The certificate of the listener; plain HTTP unless told."""

    required: bool = False
    """Whether a port that is in use at the start ends the sidecar; it goes on without unless told."""

    show_documents: bool = False
    """Whether the page shows the newest dead letters with their documents, as the transforms left them, and the words
    of the destination, which may repeat some of it. Their number and kind are shown always."""


def _check_endpoint(value: str) -> str:
    found = urlsplit(value)
    if found.scheme not in ("http", "https") or not found.hostname:
        raise ValueError("not an address of a receiver; write it as http://collector:4318/v1/metrics")
    if "@" in found.netloc:
        raise ValueError("a user or a password has no place here")
    try:
        is_there = find_spec("opentelemetry.proto") is not None
    except ModuleNotFoundError:
        is_there = False
    if not is_there:
        raise ValueError("needs a package that is not installed; pip install 'log-sidecar[otlp]'")
    return value


class OtlpSettings(SettingsModel):
    """Where the sidecar's own metrics are sent to by OTLP over HTTP."""

    endpoint: Annotated[str, AfterValidator(_check_endpoint)]
    """URL of the receiver with its path, as in `http://collector:4318/v1/metrics`."""

    interval: Annotated[Duration, Field(gt=0)] = 60.0
    """How often they are sent; once more at the end."""


class MetricsSettings(SettingsModel):
    """Metrics that are sent, beside those that can be fetched from `admin.listen`."""

    otlp: OtlpSettings | None = None
    """Sent to a receiver of OpenTelemetry; needs `pip install 'log-sidecar[otlp]'`. Not unless told."""
