"""Whether what arrived is the log, the whole log and nothing but the log: asked before any speed is told."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.benchmarks.logs import ENCODINGS, EVENTS, time_of

Document = Mapping[str, Any]
Pairs = Sequence[tuple[str, Document]]

_ACCESS = re.compile(r'(\S+) - (\S+) \[.+?\] "(\S+) (\S+) HTTP/(\S+)" (\d+) (\d+) "(.*?)" "(.*?)"')
_ACCESS_NAMES = ("address", "user", "method", "url", "version", "status", "size", "referrer", "agent")
_JSON_NAMES = ("time", "level", "logger", "message", "request", "status", "took_ms", "amount", "cached", "seq")


def expected(log: Path, kind: str) -> int:
    """How many documents a log of this kind makes: one a line, or one for each event of several."""
    with log.open("rb") as lines:
        if kind in EVENTS:
            begins = re.compile(EVENTS[kind].encode())
            return sum(1 for line in lines if begins.match(line))
        return sum(chunk.count(b"\n") for chunk in iter(lambda: lines.read(1 << 22), b""))


def findings(log: Path, kind: str, says: str, pairs: Pairs) -> list[str]:
    """What is wrong with documents that tell their offsets, a sentence each; empty if each line came once."""
    lines = dict(_offsets(log.read_bytes(), kind))
    found = Counter(document["log"]["offset"] for _, document in pairs)
    ids = Counter(name for name, _ in pairs)
    same = _SAYS[says]
    unlike = [at for _, document in pairs if (at := _at(document)) in lines and not same(lines[at], document)]
    checks = (
        ("missing", [at for at in lines if at not in found]),
        ("stored twice", [at for at, times in found.items() if times > 1]),
        ("from no line of the log", [at for at in found if at not in lines]),
        ("not what the line says", unlike),
    )
    told = [f"{len(places):,} {what}, the first at byte {min(places):,}" for what, places in checks if places]
    shared = sum(1 for times in ids.values() if times > 1)
    return [*told, f"{shared:,} ids used more than once"] if shared else told


def peer_findings(log: Path, kind: str, pairs: Pairs) -> list[str]:
    """The same for documents of a peer, which tell no offsets: what the lines say is counted and compared."""
    said = Counter(_of_line(kind, line) for _, line in _offsets(log.read_bytes(), kind))
    found = Counter(_of_peer(kind, document) for _, document in pairs)
    missing, extra = said - found, found - said
    told = [f"{missing.total():,} missing, the first is {next(iter(missing))!r}"] if missing else []
    return [*told, f"{extra.total():,} too many or not what the line says"] if extra else told


def _of_line(kind: str, line: str) -> Hashable:
    if kind == "json":
        said = json.loads(line)
        return _to_the_second([said[name] for name in _JSON_NAMES])
    if kind == "nginx":
        return _access(line)
    return line


def _of_peer(kind: str, document: Document) -> Hashable:
    if kind == "json":
        return _to_the_second([document.get(name) for name in _JSON_NAMES])
    if kind == "nginx":
        return tuple(str(document.get(name)) for name in _ACCESS_NAMES)
    text: str | None = document.get("message", document.get("body"))
    return text


def _to_the_second(values: list[Any]) -> Hashable:
    """The time comes first; rsyslog makes a date of it for MongoDB, and leaves out the fraction."""
    time, *others = values
    return (f"{time:%Y-%m-%dT%H:%M:%S.%f}" if isinstance(time, datetime) else str(time))[:19], *others


def _at(document: Document) -> int:
    at: int = document["log"]["offset"]
    return at


def _offsets(log: bytes, kind: str) -> Iterator[tuple[int, str]]:
    """(offset in bytes, text) of each line, or of each event of several."""
    encoding = ENCODINGS.get(kind, "ascii")
    at = 0
    for entry in _entries(log.decode(encoding), kind):
        yield at, entry.rstrip("\n").removeprefix("\ufeff")
        at += len(entry.encode(encoding))


def _entries(log: str, kind: str) -> Iterable[str]:
    if kind not in EVENTS:
        return log.splitlines(keepends=True)
    begins = [match.start() for match in re.finditer(EVENTS[kind], log, re.MULTILINE)]
    return [log[begin:end] for begin, end in pairwise([*begins, len(log)])]


def _access(line: str) -> tuple[str, ...]:
    match = _ACCESS.fullmatch(line)
    assert match is not None
    return match.groups()


def _as_json(line: str, document: Document) -> bool:
    said = json.loads(line)
    return _same_time(said["time"], document["@timestamp"]) and all(document.get(key) == said[key] for key in said)


def _same_time(said: str, stored: str | datetime) -> bool:
    """BSON has milliseconds, in UTC."""
    if isinstance(stored, str):
        return said == stored
    return f"{stored:%Y-%m-%dT%H:%M:%S.%f}"[:23] == said[:23]


def _as_access(line: str, document: Document) -> bool:
    address, user, method, url, version, status, size, referrer, agent = _access(line)
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


def _as_regex(line: str, document: Document) -> bool:
    return _access(line) == _of_peer("nginx", document)


def _as_message(line: str, document: Document) -> bool:
    """The message stands in the line, and is not all of it: the parser has understood the line."""
    message = document["message"]
    return message in line and line != message and "sequence" in message


def _as_url(line: str, document: Document) -> bool:
    """The URL is in the line, and says its number."""
    url = document["url"]["original"]
    return url in line and "sequence" in url


def _as_text(line: str, document: Document) -> bool:
    return bool(json.loads(line)["message"] == document["message"])


def _as_redacted(line: str, document: Document) -> bool:
    """Neither secret is there any more, and what stands around them is."""
    message = document["message"]
    address = line.rsplit(" from ", 1)[1].split(" ")[0]
    is_hidden = not any(secret in message for secret in ("@shop.example", "tr0ub4dor", f" {address} "))
    return is_hidden and message[:60] == line[:60]


def _as_mixed(line: str, document: Document) -> bool:
    return _as_json(line, document) if line.startswith("{") else _as_plain(line, document)


def _as_parts(line: str, document: Document) -> bool:
    """The message is that of both lines of the container, joined."""
    first, second = line.split("\n")
    texts = (
        [json.loads(each)["log"] for each in (first, second)]
        if first.startswith("{")
        else [each.split(" ", 3)[3] for each in (first, second)]
    )
    return bool(document["message"] == "".join(texts).rstrip("\n"))


def _as_dated(line: str, document: Document) -> bool:
    """The time, which the line has in a form of its own, has been understood."""
    said = datetime.strptime(line.split(" [")[0], "%d/%b/%Y %H:%M:%S.%f")
    return _as_message(line, document) and document["@timestamp"] == f"{said:%Y-%m-%dT%H:%M:%S.%f}Z"


def _as_timed(line: str, document: Document) -> bool:
    """The time is that of the number of the line."""
    said = json.loads(line)
    return _as_message(line, document) and document["@timestamp"] == f"{time_of(said['seq']):%Y-%m-%dT%H:%M:%S.%f}Z"


_SAYS: dict[str, Callable[[str, Document], bool]] = {
    "json": _as_json,
    "nginx": _as_access,
    "plain": _as_plain,
    "traces": _as_plain,
    "regex": _as_regex,
    "message": _as_message,
    "url": _as_url,
    "text": _as_text,
    "secrets": _as_redacted,
    "mixed": _as_mixed,
    "parts": _as_parts,
    "dated": _as_dated,
    "timed": _as_timed,
}
