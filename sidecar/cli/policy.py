"""`sidecar policy`: prints admission policies by which the API server adds the sidecar, without another program."""

from __future__ import annotations

import argparse

from sidecar.cli.inject import add_settings_options, read_settings
from sidecar.cli.output import put_unchanged
from sidecar.inject.policy import build_policies, to_yaml


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_settings_options(parser)
    parser.add_argument(
        "--api", choices=["v1", "v1beta1"], default="v1",
        help="of MutatingAdmissionPolicy: v1 for Kubernetes 1.36 and newer (default), v1beta1 for 1.34 and 1.35",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the policies and their bindings."""
    put_unchanged(to_yaml(build_policies(read_settings(options), options.api)))
    return 0
