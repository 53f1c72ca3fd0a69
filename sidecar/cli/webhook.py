"""`sidecar webhook`: adds the sidecar to Pods when they are created, and makes certificates for that."""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from pathlib import Path

from sidecar.cli.output import put_unchanged

_DIRECTORY = Path("/etc/log-sidecar-webhook/tls")
_MAX_DAYS = 3650
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ADDRESS = re.compile(r"(?:(\[[0-9a-fA-F:]+\]|[^\[\]:]*):)?([0-9]{1,5})")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "action", choices=["serve", "certs"], nargs="?", default="serve",
        help="serve: answer the API server (default); certs: print a Secret with a new certificate, and the "
        "MutatingWebhookConfiguration that trusts it",
    )  # fmt: skip
    parser.add_argument(
        "--settings", metavar="FILE", type=Path,
        help="YAML file with the settings of injection; read again when it changes",
    )  # fmt: skip
    parser.add_argument(
        "--namespaces",
        metavar="DIR",
        type=Path,
        help="directory with the settings of namespaces, NAMESPACE.yaml; read again when they change",
    )  # fmt: skip
    parser.add_argument(
        "--listen",
        metavar="[HOST:]PORT",
        type=_address,
        default="8443",
        help="address (default: port 8443 of all addresses)",
    )
    parser.add_argument(
        "--cert", metavar="FILE", type=Path, default=_DIRECTORY / "tls.crt",
        help="certificate chain as PEM; read again when it changes (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--key", metavar="FILE", type=Path, default=_DIRECTORY / "tls.key",
        help="key of the certificate as PEM (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--client-ca", metavar="FILE", type=Path,
        help="authority as PEM; a review is answered only if the client has a certificate of it; read again when it "
        "changes",
    )  # fmt: skip
    parser.add_argument(
        "--manage-certificates", action="store_true",
        help="make and renew the certificate, with a Secret and a Lease; --cert and --key are written",
    )  # fmt: skip
    parser.add_argument(
        "--service", metavar="NAME", type=_name, default="log-sidecar-webhook",
        help="name of the Service that certificates are for (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--namespace", metavar="NAME", type=_name, default="log-sidecar",
        help="namespace of the Service (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--days", metavar="N", type=_days, default=365,
        help="with certs: days until the certificate ends (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--also-trust", metavar="FILE", type=Path,
        help="with certs: authority of the certificate before, as PEM, which is trusted until the new one is served",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Answer requests until a signal, or print certificates. Return 0."""
    if options.action == "certs":
        certs = import_module("sidecar.webhook.certs")
        files = certs.create_certificates(options.service, options.namespace, options.days)
        secret = certs.render_secret(options.service, options.namespace, files)
        authorities = files.authority + (certs.read_authority(options.also_trust) if options.also_trust else b"")
        configuration = certs.render_configuration(options.service, options.namespace, authorities)
        put_unchanged(f"{secret}---\n{configuration}")
        return 0
    process = import_module("sidecar.webhook.process")
    service = process.ServiceName(options.service, options.namespace) if options.manage_certificates else None
    certificate = options.cert, options.key
    process.serve(options.listen, certificate, options.settings, options.namespaces, service, options.client_ca)
    return 0


def _address(text: str) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(text)
    if not match or int(match[2]) > 65535:
        raise argparse.ArgumentTypeError("is not [HOST:]PORT, such as 8443 or [::]:8443")
    return (match[1] or "").strip("[]"), int(match[2])


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("is not the name of an object")
    return text


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _MAX_DAYS:
        raise argparse.ArgumentTypeError(f"is not a number from 1 to {_MAX_DAYS}")
    return int(text)
