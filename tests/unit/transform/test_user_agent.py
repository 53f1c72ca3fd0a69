"""Clients by what they say of themselves."""

from __future__ import annotations

import json

import pytest

from sidecar.transform.user_agent import recognize
from tests.support.stages import documents, members

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
        "Safari 17.5|iOS 17.5|iPhone",
    ),
    (
        f"{MOZILLA} (iPad; CPU OS 17_5 like Mac OS X) {APPLE} CriOS/126.0.1 Mobile/15E148 Safari/604.1",
        "Chrome 126.0.1|iOS 17.5|iPad",
    ),
    (
        f"{MOZILLA} (Linux; Android 14; Pixel 8 Build/UQ1A) {WEBKIT} Chrome/126.0.0.0 Mobile Safari/537.36",
        "Chrome 126.0.0.0|Android 14|Pixel 8",
    ),
    (
        f"{MOZILLA} (Linux; Android 13; SM-S901B) {WEBKIT} SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
        "Samsung Internet 25.0|Android 13|SM-S901B",
    ),
    (f"{MOZILLA} (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", "Internet Explorer 11.0|Windows 7|"),
    (f"{MOZILLA} (X11; CrOS x86_64 1.0) {WEBKIT} Chrome/126.0.0.0 Safari/537.36", "Chrome 126.0.0.0|Chrome OS|"),
    (f"{MOZILLA} (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot 2.1||Spider"),
    ("curl/8.5.0", "curl 8.5.0||"),
    ("kube-probe/1.29", "kube-probe 1.29||"),
    ("python-requests/2.31.0", "python-requests 2.31.0||"),
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
    lines = [json.dumps({"user_agent": {"original": f"tool-{n}/1.0 " + "x" * (n % 3000)}}) for n in range(9000)]
    found = documents(lines, "user_agent")
    assert [item["user_agent"]["name"] for item in found] == [f"tool-{n}" for n in range(9000)]
