"""`kubectl log-sidecar`: a plug-in that needs only kubectl. It acts with the rights of the person who calls it."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from sidecar import __version__
from sidecar.cli import main as run_sidecar
from sidecar.cli import output
from sidecar.errors import ConfigurationError
from sidecar.inject.fleet import RunningSidecar, running_sidecars

_OFFLINE = ("inject", "uninject", "lint")
_USAGE = 2
_WITHOUT_VALUE = ("--insecure-skip-tls-verify", "--disable-compression")
_CONNECTION = (
    "--as", "--as-group", "--as-uid", "--as-user-extra", "--cache-dir", "--certificate-authority",
    "--client-certificate", "--client-key", "--cluster", "--context", "--kubeconfig", "--request-timeout", "--server",
    "-s", "--tls-server-name", "--token", "--user", *_WITHOUT_VALUE,
)  # fmt: skip
"""Options of kubectl that every command of it takes."""

_EPILOG = """\
All other options, such as --namespace, --all-namespaces and --selector, are passed to kubectl.

examples:
  kubectl log-sidecar inject deployment.yaml --sink elasticsearch://elasticsearch.logging:9200/logs
  kubectl log-sidecar status --namespace shop
  kubectl log-sidecar outdated --all-namespaces
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the plug-in. Return 0, 1 if a sidecar is outdated or its status is not known, or 2 for wrong usage."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] and arguments[0] in _OFFLINE:
        return run_sidecar(arguments)
    output.make_streams_lenient()
    parser = argparse.ArgumentParser(
        prog="kubectl log-sidecar", epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Shows and changes the log sidecars of Pods.",
    )  # fmt: skip
    parser.add_argument(
        "command", choices=[*_OFFLINE, "status", "outdated"],
        help="inject, uninject, lint: as `sidecar`; status: of each sidecar; outdated: sidecars of another version",
    )  # fmt: skip
    parser.add_argument("pod", nargs="?", help="one Pod; all Pods of the namespace by default")
    parser.add_argument(
        "--version", metavar="VERSION", default=__version__, help="with outdated: version to compare with"
    )
    options, for_kubectl = parser.parse_known_args(arguments)
    try:
        sidecars = _list_sidecars([*([options.pod] if options.pod else []), *for_kubectl])
        return (
            _show_status(sidecars, for_kubectl)
            if options.command == "status"
            else _outdated(sidecars, options.version)
        )
    except ConfigurationError as error:
        output.put_note(f"kubectl log-sidecar: {error}")
        return _USAGE


def _kubectl(arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["kubectl", *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        raise ConfigurationError(
            f"kubectl cannot be started ({error.strerror})", hint="install kubectl, and add it to PATH"
        ) from None


def _list_sidecars(arguments: Sequence[str]) -> list[RunningSidecar]:
    done = _kubectl(["get", "pods", *arguments, "--output", "json"])
    if done.returncode:
        # The last line has the reason; those before it are the log of a library.
        reason = done.stderr.strip().rpartition("\n")[2]
        raise ConfigurationError(f"kubectl get pods failed: {reason}", hint="try the same with kubectl")
    answer: dict[str, Any] = json.loads(done.stdout)
    return list(running_sidecars(answer))


def _connection(arguments: Sequence[str]) -> list[str]:
    """Return the options that say which cluster is meant, and by whom."""
    kept = []
    for index, argument in enumerate(arguments):
        name, is_joined, _ = argument.partition("=")
        if name in _CONNECTION:
            kept += [argument] if is_joined or name in _WITHOUT_VALUE else list(arguments[index : index + 2])
    return kept


def _show_status(sidecars: Sequence[RunningSidecar], arguments: Sequence[str]) -> int:
    failures = 0
    for sidecar in sidecars:
        place = ["--namespace", sidecar.namespace, sidecar.pod, "--container", sidecar.container]
        done = _kubectl(["exec", *_connection(arguments), *place, "--", "sidecar", "status"])
        failures += done.returncode != 0
        output.put_line(f"{sidecar.namespace}/{sidecar.pod} ({sidecar.image}, {sidecar.phase})")
        output.put_lines((done.stdout or done.stderr).rstrip("\n"))
        output.put_line()
    if not sidecars:
        output.put_note("kubectl log-sidecar: no Pod has a sidecar; name another namespace, or --all-namespaces")
    return int(failures > 0)


def _outdated(sidecars: Sequence[RunningSidecar], version: str) -> int:
    """List the Pods whose sidecar is of another version."""
    outdated = [sidecar for sidecar in sidecars if sidecar.version != version]
    for sidecar in outdated:
        output.put_line(f"{sidecar.namespace}/{sidecar.pod}: {sidecar.version or 'unknown'} ({sidecar.image})")
    output.put_note(f"{len(outdated)} of {output.count_of(len(sidecars), 'sidecar')} not of version {version}")
    return int(bool(outdated))


if __name__ == "__main__":
    sys.exit(main())
