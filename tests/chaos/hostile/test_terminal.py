"""No command writes what a terminal obeys, whatever files, applications, servers and arguments hold."""

from __future__ import annotations

import ast
import json
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import sidecar as package
from sidecar.cli import COMMANDS
from sidecar.kubernetes import termination_log as termination
from sidecar.lib.terminal import escape_json
from tests.support.processes import ENVIRON, eventually, running, sidecar

MARK = "\x1b[5;7;35m"
"""Colours that the sidecar never uses."""

HOSTILE = (
    f"owned{MARK}\x1b]0;title\x07\x1b[2J\x1b]8;;http:e\x1b\\x\x1b]8;;\x1b\\\x1bP\x9b31m\x9d0;t\x9c\x01\x08\x0b\x0c\r\x7f\x85"
    "\u2028\u2029\u202e\u2066\u200b\ufeff\U000e0041[link=http:e]x[/link][red][/nope]:boom:"
)
IN_NAMES = HOSTILE.replace("/", "-")
NAME = os.fsencode(f"{IN_NAMES}\n.log") + b"\xff"
LONG = "x" * 50_000

OWN_SEQUENCES = re.compile(r"\x1b\[\d*(;\d+)*m|\x1b\[\d*[ABGHJK]|\x1b\[\?(25|1049|2026)[hl]|\r+(?=\n|\x1b|$)")
"""Colours, cursor moves and the alternate screen, as the screens of the sidecar need them."""


class Server(BaseHTTPRequestHandler):
    """Answers as Elasticsearch does, with words of its own."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._reply(200, {"version": {"number": f"8.0.0{HOSTILE}"}, "tagline": HOSTILE, "cluster_name": HOSTILE})

    def do_HEAD(self) -> None:
        self._reply(200, {})

    def do_PUT(self) -> None:
        self._reply(403, {"error": {"type": HOSTILE, "reason": HOSTILE}, "status": 403})

    def do_POST(self) -> None:
        lines = self.rfile.read(int(self.headers.get("Content-Length", 0))).split(b"\n")
        error = {"type": "document_parsing_exception", "reason": f"failed to parse field [{HOSTILE}{LONG}]"}
        if "/logs" not in self.path and b'"logs"' not in lines[0]:
            self._reply(403, {"error": error, "status": 403})
            return
        good, bad = {"create": {"status": 201}}, {"create": {"status": 400, "error": error}}
        items = [bad if b"refuse" in line else good for line in lines[1::2]]
        self._reply(200, {"errors": True, "items": items})

    def _reply(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for header in ("Content-Type: application/json", "X-Elastic-Product: Elasticsearch"):
            self.send_header(*header.split(": "))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is the base class's
        """Nothing is worth a line."""


class HostileFiles:
    """A sidecar that follows files with hostile names and lines, and ships them to a server with hostile words."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.state = folder, folder / "state"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        (folder / "log").mkdir()
        self.file = Path(os.fsdecode(os.fsencode(folder / "log") + b"/" + NAME))
        lines = [{"message": HOSTILE, HOSTILE: HOSTILE}, {"message": "refuse", HOSTILE: 1}, HOSTILE]
        self.file.write_text("".join(json.dumps(line) + "\n" for line in lines) + HOSTILE + "\n", newline="")
        self.plain = folder / "log" / "plain.log"
        self.plain.write_text(
            json.dumps({HOSTILE: HOSTILE}, ensure_ascii=False) + "\n" + '{"message": "plain"}\n' * 20
        )
        hosts = [f"http://127.0.0.1:{port}"]
        self.config = self.configure(
            sinks={
                "search[link=x]y[/link]": {"type": "elasticsearch", "hosts": hosts, "index": "logs"},
                "down[/nope]": {"type": "elasticsearch", "hosts": hosts, "index": "other"},
                "file": f"sqlite:///{folder}/logs.db",
            }
        )

    def configure(self, name: str = "sidecar.yaml", **settings: object) -> str:
        """A configuration with hostile names and values."""
        pipeline = {
            "paths": [f"{self.folder}/log/*"], "parser": ["json", "plain"],
            "transforms": [{"add": {f"labels.{HOSTILE}": HOSTILE}}],
        }  # fmt: skip
        whole = {
            "state_dir": str(self.state),
            "admin": {"listen": self.port},
            "pipelines": {"app[red]\u202e\x9b": pipeline},
            **settings,
        }
        (self.folder / name).write_text(json.dumps(whole))
        return str(self.folder / name)

    def is_complete(self) -> bool:
        """Whether there are dead letters, and both other sinks have said what they think."""
        found = json.loads(sidecar("status", "--json", "--state-dir", str(self.state)).stdout or "null")
        return bool(
            found and found["files"] and all(each["state"] not in ("new",) for each in found["shippers"])
            and any(each["counters"]["refusals"] for each in found["shippers"])
        )  # fmt: skip


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileFiles]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hostile = HostileFiles(tmp_path_factory.mktemp("hostile"), server.server_port)
    try:
        with running(hostile.folder / "own.log", "--config", hostile.config):
            eventually(hostile.is_complete, "everything hostile is said")
            yield hostile
    finally:
        server.shutdown()
        server.server_close()


def calls(hostile: HostileFiles) -> dict[str, list[list[str]]]:
    """How each command is called; a new command has to be added here."""
    state, file, missing = (
        ["--state-dir", str(hostile.state)],
        str(hostile.file),
        str(hostile.folder / IN_NAMES / "x"),
    )
    wrong = hostile.configure("wrong.yaml", limits={HOSTILE: 1}, sinks={"a": {"type": HOSTILE}}, log_level=HOSTILE)
    broken = hostile.folder / "broken.yaml"
    broken.write_text(f"sinks: *{HOSTILE}\n", newline="")
    tagged = hostile.folder / "tagged.yaml"
    tagged.write_text(f'"{HOSTILE}": !{HOSTILE} x\n'.replace("\r", ""), newline="")
    once = [f"{hostile.folder}/log/*", "--to", f"sqlite:///{hostile.folder}/once.db", "--once", "--parser", "json"]
    played = hostile.folder / f"demo{IN_NAMES}"  # where it has been played already
    (played / "log").mkdir(parents=True, exist_ok=True)
    copied = ["--state-dir", str(hostile.folder / "copied")]
    sidecar("run", *once, *copied)
    manifest = hostile.folder / f"pod{IN_NAMES}.yaml"
    manifest.write_text(
        f"kind: Pod\nmetadata: {{name: {json.dumps(HOSTILE)}}}\nspec: {{containers: [{json.dumps(HOSTILE)}]}}\n"
    )
    return {
        "init": [[file, "--to", f"{HOSTILE}://x", "--output", missing],
                 [missing, "--to", "stdout:", "--no-connect", "--output", f"{hostile.folder}/second.yaml"],
                 [file, "--to", "stdout:", "--no-connect", "--output", f"{hostile.folder}/first.yaml"],
                 [file, "--to", "stdout:", "--no-connect", "--output", f"{hostile.folder}/first.yaml"]],
        "run": [
            [*once, "--state-dir", f"{hostile.folder}/once", "--log-level", "debug"],
            [file, "--to", "stdout:", "--once", "--state-dir", f"{hostile.folder}/out", "--parser", "json"],
            ["--config", wrong], ["--config", missing], [file, "--to", f"{HOSTILE}://x"], ["--exit-when", HOSTILE],
            [file, "--to", f"sqlite:///{missing}", "--once", "--state-dir", missing.replace("x", "y") + "\0"],
        ],
        "check": [["--config", hostile.config, "--connect", "--try", file], ["--config", wrong],
                  ["--config", missing], ["--config", str(broken)], ["--config", str(tagged)],
                  [file, "--to", f"sqlite:///{missing}", "--connect"]],
        "setup": [["--print", "--config", hostile.config], [HOSTILE, "--config", hostile.config],
                  ["--config", wrong]],
        "config": [["show", "--config", hostile.config], ["show", "--config", wrong],
                   ["show", file, "--to", HOSTILE]],
        "convert": [[missing], [wrong], [str(broken), "--from", "filebeat"], [str(manifest), "--from", "vector"]],
        "explain": [[file, "--config", hostile.config], [file, "--parser", "json,plain", "--json"],
                    [file, "--parser", "json", "--stats"], [file, "--parser", "json", "--stats", "--json"],
                    [file, "--detect"], [file, "--detect", "--json"], [missing], [file, "--parser", HOSTILE]],
        "bench": [["--file", str(hostile.plain), "--seconds", "0.05", "--parser", "json"],
                  ["--file", file, "--seconds", "0.05", "--json"], ["--file", missing]],
        "dead-letters": [["list", *state], ["list", "--json", *state], ["show", *state], ["show", "--json", *state],
                         ["replay", "1", "--config", hostile.config], ["purge", "--sink", HOSTILE, *state],
                         ["purge", *state], ["list", "--state-dir", missing]],
        "checkpoints": [["list", *state], ["list", "--json", *state], ["list", "--state-dir", missing],
                        ["rewind", "--path", file, *copied], ["forget", "--path", file, *copied],
                        ["rewind", "--all", *state], ["forget", *state]],
        "status": [state, [*state, "--json"], ["--state-dir", missing]],
        "top": [["--every", "100ms", *state], ["--state-dir", missing]],
        "tap": [["--file", file, "--parser", "json"], ["--file", file, "--parser", "json", "--stage", "parsed"],
                ["--filter", HOSTILE, *state], [HOSTILE, *state], ["--file", missing], ["--state-dir", missing]],
        "probe": [[kind, *extra, *where] for kind in ("startup", "live", "ready") for extra in ([], ["--sinks"])
                  for where in (state, ["--state-dir", missing])],
        "drain": [["--timeout", "0.1s", *state], ["--state-dir", missing]],
        "wait-ready": [state, ["--timeout", "0s", "--state-dir", missing]],
        "wrap": [["--install", missing], [HOSTILE], ["--tombstone", missing]],
        "demo": [["--folder", str(played)]],
        "inject": [[str(manifest), "--check"], [missing], [str(broken), "--diff"], ["--settings", missing, wrong]],
        "uninject": [[str(manifest), "--check"], [missing]],
        "policy": [["--sink", HOSTILE], ["--config-map", HOSTILE], ["--settings", str(broken)]],
        "lint": [[str(manifest)], [str(manifest), "--report", "json"], [missing]],
        "webhook": [["--settings", missing], ["--settings", wrong], ["--cert", missing], ["--listen", HOSTILE],
                    ["certs", "--service", HOSTILE], ["certs", "--also-trust", missing], [HOSTILE],
                    ["--manage-certificates"]],
        "schema": [[]],
        "plugins": [[]],
        "completion": [["bash"], ["--names", "sinks"], [HOSTILE]],
        "version": [[]],
        "help": [[], ["run"], [HOSTILE]],
    }  # fmt: skip


def results(wanted: Sequence[tuple[list[str], bool, str]]) -> list[tuple[int, str]]:
    """The exit code and the output of each command."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.hostile.forked"],
        input=json.dumps(wanted), capture_output=True, text=True,
        env={**ENVIRON, "TERM": "xterm-256color", "COLUMNS": "150", "LINES": "50"}, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [(code, output) for code, output in json.loads(done.stdout)]


def obeyed(output: str, *, is_terminal: bool) -> str:
    """What a terminal would do more than show, with what stands before it."""
    rest = OWN_SEQUENCES.sub("", output) if is_terminal else output
    at = next((at for at, character in enumerate(rest) if not (character.isprintable() or character == "\n")), None)
    return MARK if MARK in output else "" if at is None else rest[max(0, at - 80) : at + 10]


@pytest.mark.parametrize("is_terminal", [False, True], ids=["pipe", "terminal"])
def test_no_command_writes_what_a_terminal_obeys(hostile: HostileFiles, is_terminal: bool) -> None:
    called = calls(hostile)
    assert list(called) == list(COMMANDS)
    wanted = [
        ([name, *arguments], is_terminal, "up for" if name == "top" and "--every" in arguments else "")
        for name, each in called.items() for arguments in each
    ]  # fmt: skip
    wanted += [([name, HOSTILE, f"--{HOSTILE}", f"{LONG}\n\udcff"], is_terminal, "") for name in COMMANDS]
    for (arguments, *_), (code, output) in zip(wanted, results(wanted), strict=True):
        assert obeyed(output, is_terminal=is_terminal) == "", f"{arguments!a} ended with {code}: {output!a}"


def test_commands_write_through_one_edge() -> None:
    """`print`, the streams and a console of rich are used by `output` and `console` alone."""
    edges = {"cli/output.py", "cli/console.py", "telemetry/log.py", "sinks/stdout.py"}
    edges |= {"__main__.py", "app/probe.py"}  # they run without the modules of the commands
    root = Path(package.__path__[0])
    found = {
        f"{file.relative_to(root)}: {ast.unparse(node)}"
        for file in root.rglob("*.py")
        if str(file.relative_to(root)) not in edges
        for node in ast.walk(ast.parse(file.read_text()))
        if _writes(node)
    }
    assert found == set()


def _writes(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == "rich.console" and any(alias.name == "Console" for alias in node.names)
    if not isinstance(node, ast.Call):
        return False
    called = ast.unparse(node.func)
    if called in ("Live", "Progress"):
        return not any(keyword.arg == "console" for keyword in node.keywords)
    return called in ("print", "rich.print", "sys.stdout.write", "sys.stderr.write", "sys.stdout.buffer.write")


def test_a_stream_that_knows_few_letters_gets_escapes(tmp_path: Path) -> None:
    folder = tmp_path / ("longer-than-a-terminal-is-wide-" * 5)
    folder.mkdir()
    name = f"{folder}/é\udcff.log"
    Path(name).write_text("{}\n")
    done = sidecar("run", name, "--to", "stdout:", "--once", "--state-dir", f"{tmp_path}/s", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    listed = sidecar("checkpoints", "list", "--state-dir", f"{tmp_path}/s", PYTHONIOENCODING="ascii:strict")
    assert (listed.returncode, "\\xe9\\xff.log" in listed.stdout) == (0, True), listed.stderr


def test_json_stays_the_same_json_without_what_a_terminal_obeys() -> None:
    value = {HOSTILE: [HOSTILE, "é😀"], "\udcff": "\ud800"}
    text = escape_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert text.replace("\n", "").isprintable()
    assert "é😀" in text
    assert json.loads(text) == {HOSTILE: [HOSTILE, "é😀"], "\\xff": "\\ud800"}


def test_documents_on_a_terminal_are_the_same_json_with_escapes(hostile: HostileFiles) -> None:
    (_, output), (_, piped) = results([
        (["run", f"{hostile.folder}/log/plain.log", "--to", "stdout:", "--once", "--parser", "json", "--state-dir",
          f"{hostile.folder}/{name}", "--log-level", "error"], name == "terminal", "")
        for name in ("terminal", "piped")
    ])  # fmt: skip
    for text in (OWN_SEQUENCES.sub("", output), piped):
        documents = [json.loads(found) for found in re.findall(r"\{.*\}", text)]
        assert (len(documents), documents[0][HOSTILE]) == (21, HOSTILE)
    assert "\x9b" in piped
    assert "\x9b" not in output


@pytest.mark.parametrize("path", ["/metrics", "/status", "/status.json", "/readyz?sinks=1", "/livez"])
def test_no_answer_over_http_holds_what_a_terminal_obeys(hostile: HostileFiles, path: str) -> None:
    try:
        answer = urllib.request.urlopen(f"http://127.0.0.1:{hostile.port}{path}", timeout=10).read()
    except urllib.error.HTTPError as refused:
        answer = refused.read()
    assert answer
    assert obeyed(answer.decode(), is_terminal=False) == ""


def test_what_the_page_gets_cannot_turn_the_direction_of_writing(hostile: HostileFiles) -> None:
    """Also after the escapes of JSON have become characters."""
    answer = urllib.request.urlopen(f"http://127.0.0.1:{hostile.port}/status.json", timeout=10).read()
    waiting, texts = [json.loads(answer)], []
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value, *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            texts.append(value)
    assert any("owned" in text for text in texts)
    assert [text for text in texts if not text.replace("\n", "").isprintable()] == []


def test_the_last_word_of_a_pod_holds_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    file = tmp_path / "termination-log"
    file.touch()
    termination.write_termination_message({"error": f"{HOSTILE}\udcff"}, file)
    assert obeyed(file.read_text(), is_terminal=False) == ""
    assert json.loads(file.read_text()) == {"error": f"{HOSTILE}\\xff"}
