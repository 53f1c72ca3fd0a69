"""What nobody asked for is not loaded: it would take memory and time in every Pod."""

from __future__ import annotations

import subprocess
import sys

_SINK = "sidecar.cli.run, sidecar.sinks.elasticsearch.sink"


def _python(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_a_run_without_patterns_does_without_their_library() -> None:
    assert _python(f"import sys, {_SINK}; print('regex' in sys.modules)") == "False"


def test_the_asynchronous_half_of_the_elasticsearch_client_comes_when_it_is_asked_for() -> None:
    program = (
        f"import sys, {_SINK}, elasticsearch; print(any('elasticsearch._async' in name for name in sys.modules));"
        "from elasticsearch import AsyncElasticsearch; print(AsyncElasticsearch.__module__);"
        "print(elasticsearch.AsyncElasticsearch is AsyncElasticsearch, hasattr(elasticsearch, 'Nothing'))"
    )
    assert _python(program).split("\n") == ["False", "elasticsearch._async.client", "True False"]


def test_a_client_that_a_plug_in_has_loaded_before_is_left_as_it_is() -> None:
    program = f"import elasticsearch; kept = elasticsearch.AsyncElasticsearch; import {_SINK};"
    assert _python(f"{program} print(elasticsearch.AsyncElasticsearch is kept)") == "True"
