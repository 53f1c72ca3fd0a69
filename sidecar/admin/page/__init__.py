"""The status page at `/`: one document without requests to other hosts, and the JSON that it loads.

The document is the same for every sidecar, so its policy (Content Security Policy Level 3) can allow each script and
style by its hash. The status is loaded as JSON and shown as text, so a file name cannot become markup.
"""

from __future__ import annotations

import base64
import hashlib
import heapq
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from sidecar.admin.http_messages import Reply
from sidecar.lib.terminal import escape_lines
from sidecar.model.dead_letter import DeadLetter
from sidecar.telemetry.condition import judge
from sidecar.telemetry.snapshot import FileStatus, Snapshot

_STYLES = ("vendor/uPlot.min.css", "page.css")
_SCRIPTS = ("vendor/uPlot.iife.min.js", "format.js", "charts.js", "tap.js", "page.js")
MAX_FILES = 30
MAX_LETTERS = 10
_MAX_TEXT_CHARACTERS = 4096

_HEADERS = {
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@cache
def render_page() -> Reply:
    """Return the page. It is built at the first request."""
    styles, scripts = [_read_part(name) for name in _STYLES], [_read_part(name) for name in _SCRIPTS]
    policy = "; ".join((
        "default-src 'none'",
        f"style-src {_csp_hashes(styles)}",
        f"script-src {_csp_hashes(scripts)}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ))  # fmt: skip
    text = _read_part("page.html")
    text = text.replace("<!-- styles -->", "".join(f"<style>{style}</style>\n" for style in styles))
    text = text.replace("<!-- scripts -->", "".join(f"<script>{script}</script>\n" for script in scripts))
    return Reply(200, text.encode(), "text/html; charset=utf-8", {**_HEADERS, "Content-Security-Policy": policy})


def render_status(
    snapshot: Snapshot, settings: Mapping[str, Any], letters: Sequence[tuple[int, DeadLetter]] | None
) -> Reply:
    """Return the content of the page: `sidecar status --json`, but only the files with the largest backlog.

    `files_total` is the number of all files. `settings`: the masked settings in use. `letters`: the newest dead
    letters with their numbers, None if they must not be shown.
    """
    worst = heapq.nlargest(MAX_FILES, snapshot.files, key=_backlog)
    body = {
        **msgspec.to_builtins(msgspec.structs.replace(snapshot, files=worst)),
        "condition": msgspec.to_builtins(judge(snapshot)),
        "files_total": sum(totals.files for totals in snapshot.sums),
        "settings": settings,
        "letters": None if letters is None else [_letter_as_json(number, letter) for number, letter in letters],
    }
    return Reply(200, _make_printable(body), headers=_HEADERS)


def _letter_as_json(number: int, letter: DeadLetter) -> dict[str, Any]:
    return {
        "number": number, "pipeline": letter.pipeline, "sink": letter.sink, "path": letter.path,
        "start": letter.start, "at": letter.at, "kind": letter.kind, "reason": letter.reason[:_MAX_TEXT_CHARACTERS],
        "document": letter.document[:_MAX_TEXT_CHARACTERS], "is_cut": len(letter.document) > _MAX_TEXT_CHARACTERS,
    }  # fmt: skip


def _make_printable(value: Any) -> Any:
    """Return the value with its texts escaped: a file name could reverse the direction of the text next to it."""
    if isinstance(value, Mapping):
        return {_make_printable(name): _make_printable(child) for name, child in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_make_printable, value))
    return escape_lines(value) if isinstance(value, str) else value


def _backlog(file: FileStatus) -> int:
    return max((file.size - offset for offset in file.settled.values()), default=0)


def _read_part(name: str) -> str:
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


def _csp_hashes(texts: Sequence[str]) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
