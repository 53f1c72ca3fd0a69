"""The kinds of logs of this folder, and their documents without what differs between two runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
_YEARLESS = re.compile(r'^\{"@timestamp":"(\d{4})(-\d\d-\d\dT\d\d:\d\d:\d\d)')
_YEAR = re.compile(rb"20\d\d|1\.?\d{9}|\d/26\b")
_PLACEHOLDER = re.compile(r"\{year\}(-\d\d-\d\dT\d\d:\d\d:\d\d)")


@dataclass(frozen=True)
class Kind:
    """One kind of log: what a program wrote, how a pipeline reads it, and the documents that come out."""

    name: str

    @property
    def folder(self) -> Path:
        return HERE / self.name

    @property
    def log(self) -> bytes:
        """What the program wrote."""
        return (self.folder / "input.log").read_bytes()

    @property
    def pipeline(self) -> dict[str, Any]:
        """The settings of a pipeline but for `paths` and `sinks`."""
        found: dict[str, Any] = yaml.safe_load((self.folder / "pipeline.yaml").read_text())
        return found

    @property
    def parsers(self) -> set[str]:
        """Names of the parsers that it is read by."""
        wanted = self.pipeline.get("parser", "plain")
        each = wanted if isinstance(wanted, list) else [wanted]
        return {item if isinstance(item, str) else item["type"] for item in each}

    def expected(self, now: datetime) -> list[str]:
        """The documents, by offset, as they are stored at this time."""
        lines = (self.folder / "expected.ndjson").read_text(encoding="utf-8").split("\n")
        return [_PLACEHOLDER.sub(lambda found: dated(found[1], now), line) for line in lines if line]

    @property
    def refused(self) -> dict[str, dict[int, int]]:
        """By database: the offset of each document that it refuses for what it is, and its code."""
        path = self.folder / "refused.yaml"
        return yaml.safe_load(path.read_text()) if path.exists() else {}

    def record(self, documents: Iterable[str]) -> None:
        """Make these the expected ones. A year that does not stand in the lines of an event becomes `{year}`."""
        found = list(documents)
        bounds = [*map(offset_of, found), len(self.log)]
        for place, document in enumerate(found):
            lines = self.log[bounds[place] : bounds[place + 1]].replace(b"\0", b"")
            if not _YEAR.search(lines):
                found[place] = _YEARLESS.sub(r'{"@timestamp":"{year}\2', document)
        (self.folder / "expected.ndjson").write_text("".join(f"{line}\n" for line in found), encoding="utf-8")


def all_kinds() -> list[Kind]:
    """Each folder that has a log."""
    return [Kind(path.parent.name) for path in sorted(HERE.glob("*/input.log"))]


def dated(rest: str, now: datetime) -> str:
    """A time without its year (`-11-23T01:00:00`) in the last year in which it is not over a day ahead of `now`."""
    year = now.year + 1
    while datetime.fromisoformat(f"{year}{rest}").replace(tzinfo=UTC) > now + timedelta(hours=24):
        year -= 1
    return f"{year}{rest}"


def offset_of(document: str) -> int:
    """Where the event of a document begins in its file."""
    return int(json.loads(document, parse_float=str)["log"]["offset"])


def without_what_differs(document: str) -> str:
    """The text of a document without the time at which it was read, the machine and the path; all else to the byte.

    Where the event has no time of its own, `@timestamp` is the time at which it was read, and becomes `{read}`.
    """
    found = json.loads(document, parse_float=str)
    ingested = f'"ingested":{json.dumps(found["event"]["ingested"])}'
    name = f'"name":{json.dumps(found["host"]["name"])}'
    path = f'"path":{json.dumps(found["log"]["file"]["path"], ensure_ascii=False)}'
    text = document.replace(f'{{"@timestamp":{ingested.partition(":")[2]}', '{"@timestamp":"{read}"', 1)
    for ours, alone in ((ingested, "event"), (name, "host"), (path, "file")):
        whole = f'"{alone}":{{{ours}}}'
        text = _without(text, whole if whole in text else ours)
    return text


def _without(text: str, member: str) -> str:
    """The last one of these members goes, with one comma beside it: what is ours stands behind what is not."""
    before, _, after = text.rpartition(member)
    return before + after[1:] if after.startswith(",") else before.removesuffix(",") + after
