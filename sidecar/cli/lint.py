"""`sidecar lint`: finds mistakes in the manifests of Pods with a sidecar."""

from __future__ import annotations

import argparse
import json

from sidecar.cli.manifests import FAILURE, add_file_argument, read_files
from sidecar.cli.output import put_json_text, put_line
from sidecar.errors import ConfigurationError
from sidecar.inject.lint import Mistake, lint
from sidecar.inject.nodes import ManifestError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    add_file_argument(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a line for each mistake. Return 1 if there is one."""
    findings = [(file.path, finding) for file in read_files(options.files) for finding in _lint(file.path, file.text)]
    for path, finding in findings:
        if options.report == "json":
            put_json_text(json.dumps({"file": path, **finding._asdict()}, ensure_ascii=False))
        elif options.report == "text":
            put_line(f"{path}:{finding.line}: {finding.rule}: {finding.message}")
    return FAILURE if findings else 0


def _lint(path: str, text: str) -> list[Mistake]:
    try:
        return lint(text)
    except ManifestError as error:
        location = f"{path}, {error.location}" if error.location else path
        raise ConfigurationError(error.message, location=location, hint=error.hint) from None
