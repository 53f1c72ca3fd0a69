"""Memory that each Pod pays for stays below a ceiling, in the environment of the image."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.benchmarks.live import running
from tests.benchmarks.measures import RETURN_S, memory_of_load
from tests.benchmarks.webhook import CONNECTIONS, pod, resident, send, serving
from tests.support.reviews import review_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.parametrize(("server", "ceiling_mib"), [("elasticsearch", 27), ("mongodb", 33)])
def test_a_sidecar_at_rest_needs_little_memory(server: str, ceiling_mib: float, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("one line\n")
    with running(f"{tmp_path}/*.log", server=server, tls=server == "elasticsearch", in_image=True) as live:
        live.wait_for(1)
        assert live.anonymous_mib() <= ceiling_mib


def test_memory_under_load_is_limited_and_returned(tmp_path: Path) -> None:
    peak, quiet = memory_of_load(100_000, tmp_path, "elasticsearch", RETURN_S)
    assert peak <= 45
    assert quiet <= 30


def test_memory_under_load_is_limited_with_mongodb(tmp_path: Path) -> None:
    peak, _ = memory_of_load(100_000, tmp_path, "mongodb", 0)
    assert peak <= 52


def test_a_webhook_needs_little_memory_and_little_more_for_each_connection(tmp_path: Path) -> None:
    body = review_of(pod())
    with serving(tmp_path) as webhook, ExitStack() as connections:
        # An API server keeps up to 25 connections open.
        for number, ceiling_mib in ((CONNECTIONS, 28.5), (25 - CONNECTIONS, 30)):
            clients = webhook.clients(number, body, rate=1000, seconds=2)
            for client in clients:
                connections.callback(client.close)
            send(clients)
            assert resident(webhook.pid) <= ceiling_mib
