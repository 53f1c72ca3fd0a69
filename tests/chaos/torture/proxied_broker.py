"""A broker of Kafka whose clients pass a proxy: one of its listeners names the proxy's address to them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.support.servers.java_servers import KAFKA, free_port

_LISTENER = """
listeners={listeners},PROXIED://127.0.0.1:%(upstream)d
advertised.listeners={advertised},PROXIED://127.0.0.1:%(proxy)d
listener.security.protocol.map={protocols},PROXIED:PLAINTEXT
"""


class ProxiedBroker(NamedTuple):
    """The address past the proxy, the port to which the proxy has to connect, and the port of the proxy."""

    address: str
    upstream: int
    proxy: int


@contextmanager
def running() -> Iterator[ProxiedBroker]:
    """Yield a broker. The proxy is not started."""
    ports = {"upstream": free_port(), "proxy": free_port()}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "more.properties").write_text(_LISTENER % ports)
        with KAFKA.running(data=Path(folder)) as address:
            yield ProxiedBroker(address, **ports)
