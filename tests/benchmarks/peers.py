"""Other shippers, with configurations as they run in production: offsets kept, bulks, bounded queues.

The configurations are in `tests/benchmarks/peers/`. None of these ends by itself; none says in its documents
where a line stood, so their documents are compared by what they say.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.competitors import Competitor, Job
from tests.benchmarks.workloads import WORKLOADS, Workload
from tests.support.servers.real_elasticsearch import cache

_HERE = Path(__file__).parent / "peers"
_MODULES = ("/usr/lib/*/rsyslog", "/usr/lib64/rsyslog", "/usr/lib/rsyslog")


@dataclass(frozen=True, slots=True)
class Peer:
    """Another shipper; `found` gives the program, or a sentence that says what is missing."""

    found: Callable[[], Path | str]
    command: Callable[[Path, Path, Job], list[str]]
    """The command line, of the program, its configuration and the job."""
    configurations: Mapping[str, str]
    """The file in `tests/benchmarks/peers/` for each workload that it takes part in."""
    validate: Callable[[Path, Path], list[str]]
    """The command by which the program checks a configuration without running it."""
    servers: tuple[str, ...] = ()

    def competitor(self, program: Path) -> Competitor:
        """How it takes part."""

        def command(job: Job) -> list[str]:
            template = _HERE / self.configurations[_name(job.workload)]
            file = job.state / template.name
            port = next(iter(job.ports.values()))
            text = template.read_text()
            for mark, value in (("@LOG@", job.log), ("@PORT@", port), ("@STATE@", job.state)):
                text = text.replace(mark, str(value))
            file.write_text(text)
            return self.command(program, file, job)

        def takes(workload: Workload) -> bool:
            return _name(workload) in self.configurations

        return Competitor(command, takes, ends=False, tells_offsets=False, servers=self.servers)


def _name(workload: Workload) -> str:
    return next((name for name, found in WORKLOADS.items() if found is workload), "")


def _on_path(program: str, variable: str) -> Callable[[], Path | str]:
    def found() -> Path | str:
        given = os.environ.get(variable) or shutil.which(program)
        return Path(given) if given else f"{program} is not on the PATH and {variable} does not name it"

    return found


def _rsyslog() -> Path | str:
    program = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin:/sbin")
    folders = [folder for place in _MODULES for folder in Path("/").glob(place[1:])]
    wanted = ("omelasticsearch.so", "ommongodb.so")
    if program is None or not any(all((folder / name).exists() for name in wanted) for folder in folders):
        return "rsyslog needs the Debian packages rsyslog, rsyslog-elasticsearch and rsyslog-mongodb"
    return Path(program)


def _collector() -> Path | str:
    """The OpenTelemetry collector, built once from pinned Go modules."""
    sources = sorted((_HERE / "otel").glob("*"))
    version = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / f"otelcol-bench-{version}"
    with (folder / "otelcol.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.exists():
            return program
        if shutil.which("go") is None:
            return "the OpenTelemetry collector needs Go 1.25 or newer to be built"
        command = ["go", "build", "-mod=readonly", "-trimpath", "-o", str(program), "."]
        built = subprocess.run(command, cwd=_HERE / "otel", capture_output=True, text=True)
    return f"the OpenTelemetry collector cannot be built: {built.stderr[-300:]}" if built.returncode else program


PEERS: Mapping[str, Peer] = {
    "rsyslog": Peer(
        _rsyslog,
        lambda program, file, job: [str(program), "-n", "-f", str(file), "-i", str(job.state / "pid")],
        {"json": "rsyslog-json.conf", "plain": "rsyslog-plain.conf", "json-mongodb": "rsyslog-mongodb.conf"},
        lambda program, file: [str(program), "-N1", "-f", str(file)],
    ),
    "otel-collector": Peer(
        _collector,
        lambda program, file, _: [str(program), "--config", f"file:{file}"],
        {"json": "otel-json.yaml", "nginx": "otel-nginx.yaml", "plain": "otel-plain.yaml"},
        lambda program, file: [str(program), "validate", "--config", f"file:{file}"],
        ("otlp",),
    ),
    "fluent-bit": Peer(
        _on_path("fluent-bit", "FLUENT_BIT"),
        lambda program, file, _: [str(program), "--quiet", "-c", str(file)],
        {"json": "fluent-bit-json.yaml", "nginx": "fluent-bit-nginx.yaml", "plain": "fluent-bit-plain.yaml"},
        lambda program, file: [str(program), "--dry-run", "-c", str(file)],
    ),
    "filebeat": Peer(
        _on_path("filebeat", "FILEBEAT"),
        lambda program, file, job: [str(program), "-c", str(file), "--path.data", str(job.state / "data")],
        {"json": "filebeat-json.yaml", "plain": "filebeat-plain.yaml"},
        lambda program, file: [str(program), "test", "config", "-c", str(file)],
    ),
    "vector": Peer(
        _on_path("vector", "VECTOR"),
        lambda program, file, _: [str(program), "--quiet", "--config", str(file)],
        {"json": "vector-json.yaml", "nginx": "vector-nginx.yaml", "plain": "vector-plain.yaml"},
        lambda program, file: [str(program), "validate", "--no-environment", str(file)],
    ),
}


def present() -> tuple[dict[str, Competitor], list[str]]:
    """The peers that can take part, and a sentence for each that cannot."""
    competitors, missing = {}, []
    for name, peer in PEERS.items():
        found = peer.found()
        if isinstance(found, str):
            missing.append(found)
        else:
            competitors[name] = peer.competitor(found)
    return competitors, missing
