"""The real Elasticsearch 8, from its jars on Maven Central, with a launcher of our own. Needs a JDK 17 and Maven."""

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
from contextlib import contextmanager
from pathlib import Path

from tests.support.servers import ComponentMissing

_HERE = Path(__file__).parent / "elasticsearch"
_VERSION = "8.19.21"
_HELP = "install a JDK 17 and Maven (Debian: openjdk-17-jdk-headless maven)"


def cache() -> Path:
    """Where components are kept between runs."""
    chosen = os.environ.get("LOG_SIDECAR_TEST_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "log-sidecar-tests"


def prepare() -> Path:
    """The home of the server, made once; several processes may call it at once. Raises `ComponentMissing`."""
    folder = cache()
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / f"elasticsearch-{_VERSION}-{_inputs()}"
    with (folder / "elasticsearch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.is_dir():
            for tool in ("java", "javac", "mvn"):
                if shutil.which(tool) is None:
                    raise ComponentMissing(f"Elasticsearch needs {tool}: {_HELP}")
            _build(home)
    return home


def _inputs() -> str:
    """What the server is made of, in short: another one is made when this changes."""
    contents = b"".join(path.read_bytes() for path in sorted(_HERE.iterdir()))
    return hashlib.sha256(contents).hexdigest()[:12]


def _build(home: Path) -> None:
    with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
        jars, made = Path(scratch) / "jars", Path(scratch) / "home"
        _run(
            [
                "mvn",
                "-B",
                "-q",
                "-f",
                str(_HERE / "pom.xml"),
                "dependency:copy-dependencies",
                f"-DoutputDirectory={jars}",
            ]
        )
        for name in ("lib", "modules/transport-netty4", "plugins", "config", "classes"):
            (made / name).mkdir(parents=True)
        for jar in jars.iterdir():
            is_transport = jar.name.startswith(("netty-", "transport-netty4"))
            jar.rename(made / ("modules/transport-netty4" if is_transport else "lib") / jar.name)
        _unpack_module(made / "modules/transport-netty4")
        _run(["javac", "-cp", f"{made}/lib/*", "-d", str(made / "classes"), str(_HERE / "Launcher.java")])
        made.rename(home)


def _unpack_module(module: Path) -> None:
    (jar,) = module.glob("transport-netty4-*.jar")
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if name.startswith("META-INF/es-plugins/transport-netty4/") and not name.endswith("/"):
                (module / Path(name).name).write_bytes(archive.read(name))


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ComponentMissing(f"Elasticsearch could not be prepared: {(done.stdout + done.stderr)[-600:]}")


def free_port(host: str = "127.0.0.1") -> int:
    """A port of this machine's address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(port: int = 0, data: Path | None = None, host: str = "127.0.0.1") -> Iterator[str]:
    """The URL of a server, which is ended afterwards, or with this process if that is killed."""
    home, port = prepare(), port or free_port(host)
    with tempfile.TemporaryDirectory() as scratch:
        folder = data or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            "java", "-Xms512m", "-Xmx512m", f"-Des.path.home={home}", "--module-path", str(home / "lib"),
            "--add-modules", "ALL-MODULE-PATH", "-cp", str(home / "classes"), "Launcher", host, str(port),
            str(free_port()), str(folder),
        ]  # fmt: skip
        with (
            (folder / "server.out").open("wb") as log,
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log) as process,
        ):
            try:
                _wait(f"http://{host}:{port}", process, folder)
                yield f"http://{host}:{port}"
            finally:
                process.kill()


def _wait(url: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    give_up_at = time.monotonic() + 90
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/_cluster/health?wait_for_status=yellow", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
        else:
            return
    raise ComponentMissing(f"Elasticsearch did not start: {(folder / 'server.out').read_text()[-600:]}")


def main() -> int:
    """`--prepare` fetches it; otherwise runs it until its input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--port", type=int, default=9200)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    try:
        if options.prepare:
            print(f"Elasticsearch {_VERSION} is ready in {prepare()}")
            return 0
        with running(options.port, options.data) as url:
            print(url, flush=True)
            sys.stdin.read()
    except ComponentMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
