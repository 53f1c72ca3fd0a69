"""What nobody asked for is not loaded: it would take memory and time in every Pod."""

from __future__ import annotations

import subprocess
import sys

_SINK = "sidecar.cli.run, sidecar.sinks.elasticsearch.sink"


def _python(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_a_run_without_patterns_does_without_their_library() -> None:
    assert _python(f"import sys, {_SINK}; print('regex' in sys.modules)") == "False"


def test_a_process_that_ships_to_elasticsearch_does_without_the_client() -> None:
    assert _python(f"import sys, {_SINK}; print('elasticsearch' in sys.modules)") == "False"
