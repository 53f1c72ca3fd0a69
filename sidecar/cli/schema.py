"""`sidecar schema`: prints the JSON Schema of the configuration, with the settings of every installed sink."""

from __future__ import annotations

import argparse

from sidecar.cli.output import put_error, put_json
from sidecar.tools.schema import build_schema


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the schema, and to stderr the reason for each sink that is not included."""
    schema, problems = build_schema()
    for problem in problems:
        put_error(problem)
    put_json(schema, indent=2)
    return 0
