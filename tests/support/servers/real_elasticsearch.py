"""The search server that most tests use: Elasticsearch 8, or the one that LOG_SIDECAR_TEST_SERVER names."""

from __future__ import annotations

import os

from tests.support.servers.java_servers import SERVERS, cache, free_port

__all__ = ["cache", "free_port", "prepare", "running", "server_name"]

server_name = os.environ.get("LOG_SIDECAR_TEST_SERVER", "elasticsearch8")
_SERVER = SERVERS[server_name]
prepare = _SERVER.prepare
running = _SERVER.running
