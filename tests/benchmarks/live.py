"""A sidecar that is running, beside a null Elasticsearch: what it costs, and when documents come."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

from tests.benchmarks.comparison import Incomplete
from tests.benchmarks.servers import ROOT, Null, as_in_image, as_installed, null_server

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a running process costs."""

    pid: int

    def cpu_s(self) -> float:
        """CPU seconds since its start, with those of ended child processes (proc_pid_stat(5): fields 14 to 17)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS

    def resident_mib(self) -> float:
        """Resident memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def peak_mib(self) -> float:
        """The most resident memory so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def anonymous_mib(self) -> float:
        """Memory that no other process shares and no file backs, now (proc_pid_smaps_rollup(5))."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(rollup.partition("Anonymous:")[2].split()[0]) / 1024


@dataclass(frozen=True, slots=True)
class Live(Cost):
    """A running sidecar and where its documents go; `began` is the monotonic time of its start."""

    null: Null
    began: float

    def count(self) -> int:
        """Documents that have come."""
        return int(self.null.stats()["documents"])

    def wait_for(self, documents: int, limit_s: float = 300) -> float:
        """The monotonic time when so many have come. Raises `Incomplete` after `limit_s`."""
        limit = time.monotonic() + limit_s
        while (came := self.count()) < documents:
            if time.monotonic() > limit:
                raise Incomplete(f"{documents:,} lines were written, {came:,} documents have come in {limit_s:.0f} s")
            time.sleep(0.001)
        return time.monotonic()


def sidecar(*arguments: str) -> list[str]:
    """The command line of the product."""
    return [sys.executable, "-m", "sidecar", *arguments]


@contextmanager
def running(
    paths: str,
    sink: Mapping[str, Any] | None = None,
    state: Path | None = None,
    *,
    parser: str = "plain",
    server: str = "elasticsearch",
    delay_s: float = 0.0,
    tls: bool = False,
    in_image: bool = False,
) -> Iterator[Live]:
    """A sidecar over these paths with its defaults, but for `sink`; with what an earlier one has left in `state`.

    `server`: `elasticsearch` or `mongodb`. `delay_s`: seconds by which each answer is late. `tls`: whether the
    sidecar connects to Elasticsearch by TLS. `in_image`: whether it runs with the environment of the image.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        certificate, authority = Path(folder) / "certificate.pem", Path(folder) / "authority.pem"
        if tls:
            _write_certificate(certificate, authority)
        null = stack.enter_context(null_server(server, delay_s=delay_s, certificate=certificate if tls else None))
        url = f"{server}{'+https' if tls else ''}://127.0.0.1:{null.port}/logs"
        trust = {"ca_file": str(authority)} if tls else {}
        sinks = {"database": {"type": server, "url": url, **trust, **(sink or {})}}
        pipelines = {"app": {"paths": [paths], "parser": parser}}
        settings = {"state_dir": str(state or f"{folder}/state"), "sinks": sinks, "pipelines": pipelines}
        file = Path(folder) / "sidecar.yaml"
        file.write_text(json.dumps(settings))  # JSON is YAML
        began = time.monotonic()
        command = sidecar("run", "--config", str(file))
        nowhere = subprocess.DEVNULL
        environ = as_in_image(Path(folder)) if in_image else as_installed()
        with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=nowhere, stderr=nowhere) as process:
            try:
                yield Live(process.pid, null, began)
            finally:
                process.terminate()


def _write_certificate(certificate: Path, authority: Path) -> None:
    issuer = trustme.CA()
    issued = issuer.issue_cert("127.0.0.1")
    certificate.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
    issuer.cert_pem.write_to_path(authority)


def written(log: Path, a_second: float, lines: int, came: Callable[[int], None]) -> None:
    """Write so many lines a second, each flushed at once; `came` is called with the number written, in between."""
    began = time.monotonic()
    with log.open("ab", buffering=0) as out:
        for number in range(lines):
            while (left := began + number / a_second - time.monotonic()) > 0:
                came(number)
                time.sleep(min(left, 0.001))
            out.write(b"a line of the application, number %d\n" % number)
            came(number + 1)
