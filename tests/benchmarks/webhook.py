"""How long the webhook takes for a review at a steady rate, and its memory: `python -m tests.benchmarks.webhook`.

The client is a process like an API server: a few TLS connections that stay open. Latency is measured from the first
byte of the request to the last one of the answer. It includes the work of the client and waiting for the processor.
"""

from __future__ import annotations

import argparse
import os
import random
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from typing import NamedTuple

import yaml

from tests.benchmarks.servers import as_in_image, compile_as_in_image
from tests.support.processes import eventually, memory, sidecar
from tests.support.reviews import review_of

CONNECTIONS = 4


def pod() -> dict[str, object]:
    """Return a Pod as a Deployment makes it, of about 5 kB."""
    containers = [
        {
            "name": name, "image": f"registry.example/{name}:1", "terminationMessagePath": "/dev/termination-log",
            "env": [{"name": f"VARIABLE_{number}", "value": "x" * 40} for number in range(20)],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
            "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
        }
        for name in ("web", "worker")
    ]  # fmt: skip
    return {
        "metadata": {"generateName": "shop-7d9f-", "labels": {"app": "shop"}},
        "spec": {"containers": containers, "volumes": [{"name": "token", "projected": {"sources": []}}]},
    }


class Client(threading.Thread):
    """Sends the same request at random moments with a mean rate, on one connection."""

    def __init__(
        self, connection: HTTPSConnection, path: str, body: bytes, rate: float, seconds: float,
        headers: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._connection, self._path, self._body = connection, path, body
        self._headers = {"Content-Type": "application/json", **(headers or {})}
        self._rate, self._seconds = rate, seconds
        self.latencies_s: list[float] = []

    def run(self) -> None:
        """Send requests until the time has passed."""
        chance = random.Random(id(self))
        end = due = time.monotonic()
        end += self._seconds
        while due < end:
            due += chance.expovariate(self._rate)
            time.sleep(max(0.0, due - time.monotonic()))
            started_at = time.perf_counter()
            self._connection.request("POST", self._path, self._body, self._headers)
            self._connection.getresponse().read()
            self.latencies_s.append(time.perf_counter() - started_at)

    def close(self) -> None:
        """Close the connection, which stays open until then."""
        self._connection.close()


def send(clients: Sequence[Client]) -> list[float]:
    """Let all clients send, and print how long their requests took. Return the latencies in seconds."""
    began = time.monotonic()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    took = time.monotonic() - began
    latencies = sorted(latency for client in clients for latency in client.latencies_s)
    quantiles = {q: 1000 * latencies[min(int(q * len(latencies)), len(latencies) - 1)] for q in (0.5, 0.99, 0.999)}
    print(f"{len(latencies)} requests in {took:.0f} s: {len(latencies) / took:.0f}/s; latency in ms: ", end="")
    print(", ".join(f"p{100 * q:g} {value:.2f}" for q, value in quantiles.items()))
    return latencies


def cpu_s(pid: int) -> float:
    """Return the processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> float:
    """Return the memory of a process in MiB (proc_pid_status(5), VmRSS)."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024


def anonymous(pid: int) -> float:
    """Return the memory of a process in MiB that no other one shares (proc_pid_smaps(5))."""
    return int(Path(f"/proc/{pid}/smaps_rollup").read_text().partition("Anonymous:")[2].split()[0]) / 1024


class Webhook(NamedTuple):
    """A webhook that is running."""

    pid: int
    port: int
    trust: ssl.SSLContext

    def clients(self, number: int, body: bytes, rate: float, seconds: float) -> list[Client]:
        """Return so many clients that together send so many reviews a second."""
        connections = [HTTPSConnection("localhost", self.port, context=self.trust) for _ in range(number)]
        return [Client(each, "/mutate", body, rate / number, seconds) for each in connections]


@contextmanager
def serving(folder: Path) -> Iterator[Webhook]:
    """Start a webhook with the environment of the image and of the manifests."""
    compile_as_in_image()
    done = sidecar("webhook", "certs", "--service", "localhost", "--namespace", "x")
    (secret, _) = yaml.safe_load_all(done.stdout)
    for name, value in secret["data"].items():
        (folder / name).write_bytes(b64decode(value))
    trust = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    trust.check_hostname = False
    (folder / "settings.yaml").write_text("sink: elasticsearch://elasticsearch.logging:9200/logs\n")
    command = [sys.executable, "-m", "sidecar", "webhook", "--listen", "127.0.0.1:0"]
    command += [f"--{name}={folder}/{file}" for name, file in (("cert", "tls.crt"), ("key", "tls.key"))]
    command += ["--settings", f"{folder}/settings.yaml"]
    log = folder / "log"
    environ = {**as_in_image(folder), "MALLOC_ARENA_MAX": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environ, stderr=output)
    try:
        eventually(lambda: "mutate" in log.read_text(), "it has started")
        yield Webhook(process.pid, int(log.read_text().rpartition("/mutate")[0].rpartition(":")[2]), trust)
    finally:
        process.kill()
        process.wait()


def measure(webhook: Webhook, rate: float, seconds: float) -> None:
    """Ask a webhook, and print what it took."""
    body, idle = review_of(pod()), resident(webhook.pid)
    before = cpu_s(webhook.pid)
    latencies = send(webhook.clients(CONNECTIONS, body, rate, seconds))
    spent = cpu_s(webhook.pid) - before
    print(f"reviews of {len(body)} bytes; CPU for each: {1e6 * spent / len(latencies):.0f} µs", end="; ")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    peak = memory(webhook.pid) / 2**20
    print(f"memory in MiB: idle {idle:.1f}, now {resident(webhook.pid):.1f}, peak {peak:.1f}, ", end="")
    print(f"of it anonymous {anonymous(webhook.pid):.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, serving(Path(directory)) as webhook:
        measure(webhook, options.rate, options.seconds)
