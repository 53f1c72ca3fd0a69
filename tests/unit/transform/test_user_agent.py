"""Clients by what they say of themselves: the fields, the caches, and hostile texts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from sidecar.cli import main
from sidecar.transform.user_agent import ParseUserAgent, recognize
from tests.support.builders.records import documents, members

MOZILLA = "Mozilla/5.0"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = "(Windows NT 10.0; Win64; x64)"
EXAMPLES = [
    (f"{MOZILLA} {WINDOWS} {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "Chrome 126.0.0.0|Windows 10|"),
    (f"{MOZILLA} {WINDOWS} {WEBKIT} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.1", "Edge 126.0.1|Windows 10|"),
    (f"{MOZILLA} (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0", "Firefox 127.0|Linux|"),
    (
        f"{MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/17.4 Safari/605.1.15",
        "Safari 17.4|Mac OS X 10.15.7|Mac",
    ),
    (
        f"{MOZILLA} (iPhone; CPU iPhone OS 17_5 like Mac OS X) {APPLE} Version/17.5 Mobile/15E148 Safari/604.1",
        "Mobile Safari 17.5|iOS 17.5|iPhone",
    ),
    (
        f"{MOZILLA} (iPad; CPU OS 17_5 like Mac OS X) {APPLE} CriOS/126.0.1 Mobile/15E148 Safari/604.1",
        "Chrome Mobile iOS 126.0.1|iOS 17.5|iPad",
    ),
    (
        f"{MOZILLA} (Linux; Android 14; Pixel 8 Build/UQ1A) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36",
        "Chrome Mobile 126.0.0.0|Android 14|Pixel 8",
    ),
    (
        f"{MOZILLA} (Linux; Android 13; SM-S901B) {WEBKIT} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
        "Samsung Internet 25.0|Android 13|Samsung SM-S901B",
    ),
    (f"{MOZILLA} (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", "IE 11.0|Windows 7|"),
    (f"{MOZILLA} (X11; CrOS x86_64 1.0) {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "Chrome 126.0.0.0|Chrome OS 1.0|"),
    (f"{MOZILLA} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot 2.1||Spider"),
    ("curl/8.5.0", "curl 8.5.0||"),
    ("kube-probe/1.29", "||"),
    ("python-requests/2.31.0", "Python Requests 2.31||"),
    ("Go-http-client/1.1", "Go-http-client 1.1||"),
    ("-", "||"),
    ("", "||"),
    (MOZILLA, "||"),
]


@pytest.mark.parametrize(("text", "expected"), EXAMPLES)
def test_widespread_clients_are_told_apart(text: str, expected: str) -> None:
    found = recognize(text)
    program = f"{found.get('name', '')} {found.get('version', '')}".strip()
    system = f"{found.get('os.name', '')} {found.get('os.version', '')}".strip()
    assert f"{program}|{system}|{found.get('device.name', '')}" == expected


def test_fields_stand_beside_the_text_in_documents_of_an_access_log() -> None:
    line = '203.0.113.7 - - [23/Nov/2026:01:00:00 +0000] "GET /a HTTP/1.1" 200 512 "-" "curl/8.5.0"'
    for document in documents([line, line, "garbage"], "user_agent", parser="nginx")[:2]:
        assert document["user_agent"] == {"original": "curl/8.5.0", "name": "curl", "version": "8.5.0"}


@pytest.mark.parametrize(
    "line",
    [
        '{"user_agent":{"original":"curl/8.5.0","name":"mine"}}',
        '{"user_agent.original":"curl/8.5.0","user_agent.name":"mine"}',
        '{"user_agent.name":"mine","user_agent":{"original":"curl/8.5.0"}}',
    ],
)
def test_what_the_application_knows_itself_stays(line: str) -> None:
    (document,) = documents([line], "user_agent")
    flat = json.dumps(document)
    assert '"mine"' in flat
    assert '"name": "curl"' not in flat
    assert '"8.5.0"' in flat


@pytest.mark.parametrize(
    "line",
    ['{"user_agent":"curl/8.5.0"}', '{"user_agent":{"original":5}}', '{"user_agent":{"original":null}}', '{"a":1}'],
)
def test_a_record_without_such_a_text_is_the_same_to_the_byte(line: str) -> None:
    assert members(line, "user_agent") == line[1:-1]


def test_any_number_of_different_clients_is_remembered_within_bounds() -> None:
    transform = ParseUserAgent()
    bodies = [f'"user_agent":{{"original":"curl/{n}.0 {"x" * (n % 3000)}"}}' for n in range(3000)]
    assert all(f'"version":"{n}.0"' in transform.apply(body, print) for n, body in enumerate(bodies))
    tracemalloc.start()
    for body in bodies:
        transform.apply(body, print)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert used < 2 << 20


@pytest.mark.parametrize(
    "pattern", ["bot ", "Nokia" + "x" * 20, "Android 9; Build ", "iPhone OS 1_", "a/1.", "; ", "a"]
)
def test_the_time_for_a_hostile_client_has_a_bound(pattern: str) -> None:
    hostile = (pattern * (1 << 16))[: 1 << 16]
    recognize(hostile)
    began = time.process_time()
    for _ in range(10):
        recognize(hostile)
    assert (time.process_time() - began) / 10 < 0.02


def test_without_the_library_the_configuration_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ua_parser_rs", None)
    (tmp_path / "sidecar.yaml").write_text(
        "sinks: {out: 'stdout:'}\npipelines:\n  app:\n    paths: [/a.log]\n    transforms: [user_agent]\n"
    )
    assert main(["check", "--config", str(tmp_path / "sidecar.yaml")]) == 2
    (problem,) = capsys.readouterr().err.splitlines()
    assert problem.endswith(
        "sidecar.yaml:5: pipelines.app.transforms.0: user_agent needs a package that is not installed; "
        "run pip install 'log-sidecar[user-agent]'"
    )


def test_nothing_of_the_library_is_imported_unless_it_is_configured() -> None:
    code = "import sys, sidecar.config.settings, sidecar.pipeline.builder; print('ua_parser' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"
