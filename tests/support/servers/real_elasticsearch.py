"""The Elasticsearch that most tests use. `java_servers` has the others."""

from __future__ import annotations

from tests.support.servers.java_servers import SERVERS, cache, free_port

__all__ = ["cache", "free_port", "prepare", "running"]

prepare = SERVERS["elasticsearch8"].prepare
running = SERVERS["elasticsearch8"].running
