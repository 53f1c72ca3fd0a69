"""Settings of the HTTP server and of pushed metrics."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Annotated
from urllib.parse import urlsplit

from sidecar.lib.declarations import AfterValidator, Field
from sidecar.lib.settings_model import COMMAS, SECRET_FILE, SHOWN, JsonSchema, LocalPath, SettingsModel, ShortForm
from sidecar.lib.units import DURATION

_ADDRESS = re.compile(r"(?P<host>[\w.-]*|\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]):(?P<port>[0-9]{1,5})", re.ASCII)


def _parse_address(value: object) -> object:
    """Return host and port of `9600` (localhost only), `127.0.0.1:9600`, `:9600` (all interfaces) or `[::1]:9600`."""
    if isinstance(value, int) or (isinstance(value, str) and value.isascii() and value.isdigit()):
        value = f"127.0.0.1:{value}"
    if not isinstance(value, str):
        return value
    match = _ADDRESS.fullmatch(value)
    if match is None or int(match["port"]) > 65535:
        raise ValueError("not an address; write it as 127.0.0.1:9600, or 0.0.0.0:9600 to listen on all interfaces")
    return (match["host"].strip("[]") or "0.0.0.0", int(match["port"]))  # noqa: S104 - the user asked for it


_ADDRESS_SCHEMA: JsonSchema = {
    "anyOf": [
        {"type": "string", "pattern": r"^(([\w.-]*|\[[0-9A-Fa-f:.]+(%[\w.-]+)?\]):)?[0-9]{1,5}$"},
        {"type": "integer", "minimum": 0, "maximum": 65535},
    ]
}


class TlsSettings(SettingsModel):
    """The certificate of the HTTP server."""

    cert_file: LocalPath
    """File with the certificate and its chain (PEM). `cert_file` and `key_file` are read again when they change."""

    key_file: Annotated[LocalPath, SECRET_FILE]
    """File with the private key of the certificate (PEM), without a password."""


class AdminSettings(SettingsModel):
    """The HTTP server for metrics, probes and the status page. A Unix socket in the state directory always exists."""

    listen: Annotated[tuple[str, int] | None, SHOWN, ShortForm(_parse_address, schema=lambda: _ADDRESS_SCHEMA)] = None
    """Address and port, such as `127.0.0.1:9600`. By default there is no HTTP server. A port alone, such as `9600`,
    listens on localhost only; probes and scrapers from outside the Pod need `0.0.0.0:9600`."""

    hosts: Annotated[tuple[str, ...], SHOWN, COMMAS] = ()
    """Host names that clients may use in addition to IP addresses and `localhost`, such as the name of a Service."""

    token_file: Annotated[LocalPath | None, SECRET_FILE] = None
    """File with a token that clients must send as `Authorization: Bearer …` or as the password of basic
    authentication. `/livez`, `/readyz` and `/startupz` need no token. The file is read again for each request."""

    tls: TlsSettings | None = None
    """Certificate of the server: `{cert_file: FILE, key_file: FILE}`. By default the server uses plain HTTP."""

    required: bool = False
    """Exit at the start if the port is in use. By default the sidecar continues without the server."""

    show_documents: bool = False
    """Show documents on the status page, after redaction: those of the newest dead letters, with the sink's error
    text, and the live view. The number of dead letters and the kind of their errors are always shown."""


def _check_endpoint(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError("not the URL of a collector; write for example http://collector:4318/v1/metrics")
    if "@" in url.netloc:
        raise ValueError("contains a user or a password; use the variable OTEL_EXPORTER_OTLP_HEADERS instead")
    try:
        is_installed = find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        is_installed = False
    if not is_installed:
        raise ValueError("needs a package that is not installed; run pip install 'log-sidecar[otlp]'")
    return value


class OtlpSettings(SettingsModel):
    """Pushes the sidecar's own metrics by OTLP over HTTP.

    Headers, compression, certificates and the timeout come from the variables `OTEL_EXPORTER_OTLP_*`.
    """

    endpoint: Annotated[str, AfterValidator(_check_endpoint)]
    """URL of the collector with its path, as in `http://collector:4318/v1/metrics`."""

    interval: Annotated[float, Field(gt=0), DURATION] = 60.0
    """Time between two pushes. Metrics are also pushed once when the sidecar exits."""


class MetricsSettings(SettingsModel):
    """Metrics that are pushed, in addition to those that can be scraped from `admin.listen`."""

    otlp: OtlpSettings | None = None
    """OpenTelemetry collector that receives the metrics; needs `pip install 'log-sidecar[otlp]'`. By default metrics
    are not pushed."""
