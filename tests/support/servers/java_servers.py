"""The real Elasticsearch, OpenSearch and Kafka, from their jars on Maven Central, with launchers of our own.

They need Maven, a JDK 17, and for the newest versions a JDK 21.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import ComponentMissing

_LEAST_JDK = 17
_START_S = 240.0


def cache() -> Path:
    """Where components are kept between runs."""
    chosen = os.environ.get("LOG_SIDECAR_TEST_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "log-sidecar-tests"


def free_port(host: str = "127.0.0.1") -> int:
    """A port of this machine's address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class JavaServer:
    """One version of a server."""

    product: str
    """Name of the product; in lower case it is the folder of its sources."""

    version: str
    jdk: int
    """The least JDK that it runs on."""

    has_modules: bool
    """Whether the server is made of Java modules, and reads its plug-ins from a folder."""

    def prepare(self) -> Path:
        """Return the home of the server, made once; several processes may call it at once.

        Raise `ComponentMissing`.
        """
        folder = cache()
        folder.mkdir(parents=True, exist_ok=True)
        home = folder / f"{self._name}-{self.version}-{self._hash_inputs()}"
        with (folder / f"{self._name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not home.is_dir():
                if shutil.which("mvn") is None:
                    raise ComponentMissing(f"{self} needs Maven (Debian: maven)")
                self._build(home)
        return home

    @contextmanager
    def running(self, port: int = 0, data: Path | None = None, host: str = "127.0.0.1") -> Iterator[str]:
        """Yield the URL of a server, which is ended afterwards, or with this process if that is killed."""
        home, port = self.prepare(), port or free_port(host)
        with tempfile.TemporaryDirectory() as scratch:
            folder = data or Path(scratch)
            folder.mkdir(parents=True, exist_ok=True)
            command = [*self._command(home), host, str(port), str(free_port()), str(folder)]
            with (
                (folder / "server.out").open("wb") as log,
                subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log) as process,
            ):
                try:
                    self._wait(host, port, process, folder)
                    yield self._url(host, port)
                finally:
                    process.kill()

    def __str__(self) -> str:
        return f"{self.product} {self.version}"

    @property
    def _name(self) -> str:
        return self.product.lower()

    @property
    def _sources(self) -> Path:
        return Path(__file__).parent / self._name

    @property
    def _launcher(self) -> str:
        return f"Launcher{self.version.partition('.')[0]}"

    def _hash_inputs(self) -> str:
        """Return what the server is made of, in short: another one is made when this changes."""
        inputs = (self._sources / "pom.xml", self._sources / f"{self._launcher}.java")
        return hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()[:12]

    def _build(self, home: Path) -> None:
        with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
            jars, made = Path(scratch) / "jars", Path(scratch) / "home"
            self._run([
                "mvn", "-B", "-q", "-C", "-f", str(self._sources / "pom.xml"), f"-Dserver.version={self.version}",
                "dependency:copy-dependencies", f"-DoutputDirectory={jars}",
            ])  # fmt: skip
            modules = "modules/transport-netty4" if self.has_modules else "modules"
            for name in ("lib", modules, "plugins", "config", "classes"):
                (made / name).mkdir(parents=True)
            for jar in jars.iterdir():
                is_module = self.has_modules and jar.name.startswith(("netty-", "transport-netty4"))
                jar.rename(made / (modules if is_module else "lib") / jar.name)
            if self.has_modules:
                _unpack_module(made / modules)
            javac = _find_jdk(self, self.jdk) / "bin" / "javac"
            source = str(self._sources / f"{self._launcher}.java")
            self._run([str(javac), "-cp", f"{made}/lib/*", "-d", str(made / "classes"), source])
            made.rename(home)

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ComponentMissing(f"{self} could not be prepared: {(done.stdout + done.stderr)[-600:]}")

    def _command(self, home: Path) -> list[str]:
        java = [str(_find_jdk(self, self.jdk) / "bin" / "java"), "-Xms512m", "-Xmx512m"]
        if self.has_modules:
            paths = ["--module-path", f"{home}/lib", "--add-modules", "ALL-MODULE-PATH", "-cp", f"{home}/classes"]
            return [*java, f"-Des.path.home={home}", *paths, self._launcher]
        return [*java, f"-Dopensearch.path.home={home}", "-cp", f"{home}/classes:{home}/lib/*", self._launcher]

    def _wait(self, host: str, port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
        give_up_at = time.monotonic() + _START_S
        while time.monotonic() < give_up_at and process.poll() is None:
            if self._is_ready(host, port):
                return
            time.sleep(0.1)
        raise ComponentMissing(f"{self} did not start: {(folder / 'server.out').read_text()[-600:]}")

    def _url(self, host: str, port: int) -> str:
        return f"http://{host}:{port}"

    def _is_ready(self, host: str, port: int) -> bool:
        try:
            urllib.request.urlopen(f"http://{host}:{port}/_cluster/health?wait_for_status=yellow", timeout=5).close()
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            return False
        return True


class KafkaServer(JavaServer):
    """A broker of Kafka. A file `more.properties` in its data directory adds to its settings.

    In its text, `{listeners}`, `{advertised}` and `{protocols}` stand for those that the broker has anyway.
    """

    def _command(self, home: Path) -> list[str]:
        java = str(_find_jdk(self, self.jdk) / "bin" / "java")
        return [java, "-Xms256m", "-Xmx512m", "-cp", f"{home}/classes:{home}/lib/*", self._launcher]

    def _url(self, host: str, port: int) -> str:
        return f"{host}:{port}"

    def _is_ready(self, host: str, port: int) -> bool:
        with suppress(OSError), socket.create_connection((host, port), 1) as connection:
            connection.settimeout(5)
            connection.sendall(_ASK_VERSIONS)
            return bool(connection.recv(4))
        return False


_ASK_VERSIONS = bytes.fromhex("0000000a 0012 0000 00000001 ffff")
"""A request of Kafka's protocol: ApiVersions (18) of version 0, without the name of a client."""


SERVERS = {
    "elasticsearch8": JavaServer("Elasticsearch", "8.19.21", jdk=17, has_modules=True),
    "elasticsearch9": JavaServer("Elasticsearch", "9.5.3", jdk=21, has_modules=True),
    "opensearch2": JavaServer("OpenSearch", "2.19.3", jdk=17, has_modules=False),
    "opensearch3": JavaServer("OpenSearch", "3.2.0", jdk=21, has_modules=False),
}
"""Short name → search server."""

KAFKA = KafkaServer("Kafka", "4.1.0", jdk=17, has_modules=False)

_ALL = {**SERVERS, "kafka": KAFKA}


def _unpack_module(module: Path) -> None:
    (jar,) = module.glob("transport-netty4-*.jar")
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if name.startswith("META-INF/es-plugins/transport-netty4/") and not name.endswith("/"):
                (module / Path(name).name).write_bytes(archive.read(name))


def _find_jdk(server: JavaServer, least: int) -> Path:
    """Return the home of the oldest JDK that is new enough. Raise `ComponentMissing`."""
    homes = [Path(value) for name, value in os.environ.items() if name.startswith("JAVA_HOME")]
    if javac := shutil.which("javac"):
        homes.append(Path(javac).resolve().parents[1])
    homes += sorted(Path("/usr/lib/jvm").glob("*"))
    found = {version: home for home in reversed(homes) if (version := _version_of(home)) >= least}
    if not found:
        raise ComponentMissing(
            f"{server} needs a JDK {least} or newer: install one (Debian: openjdk-{least}-jdk-headless), "
            "or set JAVA_HOME"
        )
    return found[min(found)]


def _version_of(home: Path) -> int:
    """Return the number of a JDK, 0 if it is none."""
    try:
        lines = (home / "release").read_text().splitlines()
        version = next(line for line in lines if line.startswith("JAVA_VERSION="))
    except (OSError, StopIteration):
        return 0
    return int(version.split('"')[1].partition(".")[0]) if (home / "bin" / "javac").is_file() else 0


def main() -> int:
    """`--prepare` fetches servers, by default all; otherwise run one until its input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(_ALL)}")
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    if unknown := set(options.names) - set(_ALL):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if options.prepare:
        return _prepare(options.names or list(_ALL))
    server = _ALL[options.names[0] if options.names else "elasticsearch8"]
    try:
        with server.running(options.port, options.data) as url:
            print(url, flush=True)
            sys.stdin.read()
    except ComponentMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


def _prepare(names: list[str]) -> int:
    failed = 0
    for name in names:
        try:
            print(f"{_ALL[name]} is ready in {_ALL[name].prepare()}")
        except ComponentMissing as missing:
            print(missing, file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
