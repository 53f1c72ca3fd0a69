"""Whether what arrived is the log, the whole log and nothing but the log: asked before any speed is told."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Document = Mapping[str, Any]

_ACCESS = re.compile(r'(\S+) - (\S+) \[.+?\] "(\S+) (\S+) HTTP/(\S+)" (\d+) (\d+) "(.*?)" "(.*?)"')


def findings(log: Path, kind: str, received: bytes) -> list[str]:
    """What is wrong with the documents of a bulk stream, a sentence each; empty if each line came, once, as it is."""
    lines = dict(_offsets(log.read_bytes()))
    pairs = list(_documents(received))
    found = Counter(document["log"]["offset"] for _, document in pairs)
    ids = Counter(name for name, _ in pairs)
    unlike = [at for _, document in pairs if (at := _at(document)) in lines and not _same(kind, lines[at], document)]
    checks = (
        ("missing", [at for at in lines if at not in found]),
        ("stored twice", [at for at, times in found.items() if times > 1]),
        ("from no line of the log", [at for at in found if at not in lines]),
        ("not what the line says", unlike),
    )
    told = [f"{len(places):,} {what}, the first at byte {min(places):,}" for what, places in checks if places]
    shared = sum(1 for times in ids.values() if times > 1)
    return [*told, f"{shared:,} ids used more than once"] if shared else told


def _at(document: Document) -> int:
    at: int = document["log"]["offset"]
    return at


def _offsets(log: bytes) -> Iterator[tuple[int, str]]:
    at = 0
    for line in log.splitlines(keepends=True):
        yield at, line.decode().rstrip("\n")
        at += len(line)


def _documents(received: bytes) -> Iterator[tuple[str, Document]]:
    """(id, document) of each item."""
    lines = iter(received.splitlines())
    for action, document in zip(lines, lines, strict=True):
        yield json.loads(action)["create"]["_id"], json.loads(document)


def _same(kind: str, line: str, document: Document) -> bool:
    return _SAYS[kind](line, document)


def _as_json(line: str, document: Document) -> bool:
    said = json.loads(line)
    return said["time"] == document["@timestamp"] and all(document.get(key) == said[key] for key in said)


def _as_access(line: str, document: Document) -> bool:
    match = _ACCESS.fullmatch(line)
    assert match is not None
    address, user, method, url, version, status, size, referrer, agent = match.groups()
    http = document["http"]
    pairs = (
        (address, document["source"]["address"]),
        (user, document.get("user", {}).get("name", "-")),
        (method, http["request"]["method"]),
        (url, document["url"]["original"]),
        (version, http["version"].removeprefix("HTTP/")),
        (int(status), http["response"]["status_code"]),
        (int(size), http["response"]["body"]["bytes"]),
        (referrer, http["request"].get("referrer", "-")),
        (agent, document["user_agent"]["original"]),
    )
    return all(said == stored for said, stored in pairs)


def _as_plain(line: str, document: Document) -> bool:
    return bool(document["message"] == line)


_SAYS: dict[str, Callable[[str, Document], bool]] = {"json": _as_json, "nginx": _as_access, "plain": _as_plain}
