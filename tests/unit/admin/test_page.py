"""What the page is made of: one document with a strict policy, and facts without secrets."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from sidecar.admin.page import render_page, render_status
from sidecar.model.dead_letter import DeadLetter
from sidecar.telemetry.counters import Counters
from sidecar.telemetry.snapshot import (
    BalanceStatus,
    ConfigurationStatus,
    FileStatus,
    FileTotals,
    ShipperStatus,
    Snapshot,
)


def text() -> str:
    body = render_page().body
    assert isinstance(body, bytes)
    return body.decode()


def facts(files: int) -> Snapshot:
    shipper = ShipperStatus("app", "db", "http://db", "up", 0.0, "", "", 0, 0.0, 0, Counters())
    followed = [
        FileStatus("app", f"/log/{n}", 1000 + n, {"db": 1000, "other": n if n < 30 else n + 1}, True, False)
        for n in range(files)
    ]
    return Snapshot(
        "1", 0, 10, 1, "/state", [shipper], followed, [FileTotals("app", files, 0, 0, 0)],
        [BalanceStatus("db", {}, {}, 0)], "notifications", 0, 0, 0, 0, 0, 0, [], ConfigurationStatus("", 0),
    )  # fmt: skip


def shown(files: int = 1, letters: list[tuple[int, DeadLetter]] | None = None) -> dict[str, Any]:
    body = render_status(facts(files), {}, letters).body
    found: dict[str, Any] = json.loads(json.dumps(body))
    return found


def test_the_content_security_policy_allows_only_what_is_in_the_page() -> None:
    policy = render_page().headers["Content-Security-Policy"]
    for name in ("style", "script"):
        parts = re.findall(f"<{name}>(.*?)</{name}>", text(), re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(part.encode()).digest()).decode() for part in parts]
        named = " ".join(f"'sha256-{digest}'" for digest in digests)
        assert f"{name}-src {named};" in policy
    for rule in ("default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe" not in policy
    assert render_page().headers["Referrer-Policy"] == "no-referrer"


def test_the_page_loads_nothing_from_elsewhere_and_builds_no_markup_from_data() -> None:
    ours = re.sub(r"<(script|style)>[^<]*uPlot \(v.*?</\1>", "", text(), flags=re.DOTALL)
    attributes = re.findall(r"(?:src|href|action)\s*=\s*[\"']([^\"']*)", ours)
    assert [value for value in attributes if not value.startswith(("#", "data:"))] == []
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|\bon\w+\s*=\s*[\"']", ours)


def test_the_files_that_are_furthest_behind_are_shown_and_the_others_counted() -> None:
    found = shown(files=100)
    assert (len(found["files"]), found["files_total"]) == (30, 100)
    assert all(file["size"] - min(file["settled"].values()) == 1000 for file in found["files"])


def test_dead_letters_are_shown_only_if_allowed_and_their_documents_are_cut() -> None:
    letter = DeadLetter("app", "db", 1, "/log/a", 0, 9, "1-0", "logs", "x" * 10_000, "", 400, "strict", "why", 5.0)
    assert shown()["letters"] is None
    (found,) = shown(letters=[(7, letter)])["letters"]
    assert (found["number"], len(found["document"]), found["is_cut"]) == (7, 4096, True)


def test_bidirectional_marks_are_escaped_on_the_page() -> None:
    letter = DeadLetter("app", "db", 1, "/log/\u202egnp", 0, 9, "1-0", "logs", "{}", "", 400, "strict", "\x9b", 5.0)
    (found,) = shown(letters=[(7, letter)])["letters"]
    assert (found["path"], found["reason"]) == ("/log/\\u202egnp", "\\x9b")
