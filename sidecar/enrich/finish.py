"""Records to documents: our fields go round the application's own text.

Where no record of a chunk uses a name of ours, the application's text is spliced between two constant texts.
Otherwise each record is looked at by itself; records without a collision come out the same to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import msgspec

from sidecar.clock import Clock, iso
from sidecar.enrich.leaves import METADATA, merged, root_spellings
from sidecar.enrich.members import members
from sidecar.flow import Documents, Records, Spliced, Whole
from sidecar.nesting import inside, quoted, tree

LeafSource = Callable[[], dict[str, str]]
"""An enricher: the leaves that it adds to every record now. It returns the same object while nothing changed."""

OWN = ("@timestamp", "event.ingested", "log.file.path", "log.offset", "host.name")
"""The leaves that every document has."""


def is_ours(path: str) -> bool:
    """Whether this is a field that the sidecar sets itself, or below one."""
    return path.partition(".")[0] in METADATA or any(f"{path}.".startswith(f"{own}.") for own in OWN)


_LOG = frozenset({"log"})
_OFFSET, _INGESTED = "\x00", "\x01"


class _Frame(msgspec.Struct, frozen=True):
    """The constant text behind the members of each record, and the names that no record may use for it to hold.

    `log_tail` and `log_close` are the text behind records whose last member is an object `log`, without its brace:
    there our fields of `log` come first. Empty where an enricher adds to `log`. One of `needles` is in every record
    that uses a name of ours without escapes; `below` are the beginnings of dotted names that stand below a leaf.
    """

    leaves: Mapping[str, str]
    tail: str
    close: str
    log_tail: str
    log_close: str
    reserved: frozenset[str]
    needles: tuple[str, ...]
    below: tuple[str, ...]


class Finisher:
    """Makes the documents of one pipeline. `host` is `host.name`; `sources` are the enrichers, the last one wins."""

    def __init__(self, clock: Clock, host: str, sources: Sequence[LeafSource] = ()) -> None:
        self._clock = clock
        self._host = host
        self._sources = list(sources)
        self._frames: dict[str, tuple[list[dict[str, str]], _Frame]] = {}

    def reserved(self) -> frozenset[str]:
        """Every name at the root of a record that touches a leaf of ours."""
        added = [path for source in self._sources for path in source()]
        labels = (
            ["kubernetes.labels", "kubernetes.annotations"]
            if any(path.startswith("kubernetes.") for path in added)
            else []
        )
        return root_spellings([*OWN, *labels, *added]) | METADATA

    def documents(self, records: Records) -> Documents:
        """The finished documents of these records."""
        generation = records.lines.chunk.generation
        frame, now = self._frame(generation.shown), iso(self._clock.now())
        known = records.times
        times = known if "" not in known else [time or now for time in known]
        if records.ends_in_log and frame.log_tail and self._may_splice(records, frame, _LOG):
            close = frame.log_close.replace(_INGESTED, now)
            opened = [body[:-1] for body in records.members]
            return Spliced(generation, records.starts, opened, times, frame.log_tail, close, known)
        tail = frame.tail.replace(_INGESTED, now)
        if self._may_splice(records, frame):
            return Spliced(
                generation, records.starts, records.members, times, tail, frame.close, known, records.in_place
            )
        texts = [self._document(records, index, time, frame, tail, now) for index, time in enumerate(times)]
        return Whole(generation, records.starts, texts, known)

    def _frame(self, path: str) -> _Frame:
        parts = [source() for source in self._sources]
        cached = self._frames.get(path)
        if cached and len(cached[0]) == len(parts) and all(a is b for a, b in zip(cached[0], parts, strict=True)):
            return cached[1]
        if len(self._frames) >= 1024:
            self._frames.clear()
        frame = self._built(path, parts)
        self._frames[path] = (parts, frame)
        return frame

    def _built(self, path: str, parts: Sequence[Mapping[str, str]]) -> _Frame:
        leaves = {"event.ingested": f'"{_INGESTED}"', "host.name": quoted(self._host)}
        for part in parts:
            leaves |= part
        leaves |= {"log.file.path": quoted(path), "log.offset": _OFFSET}
        ours = tree(leaves)
        tail, close = f",{inside(ours)}}}".split(_OFFSET)
        log_tail = log_close = ""
        log = ours.pop("log")
        if not isinstance(log, str) and log.keys() == {"file", "offset"}:
            log_tail, log_close = f",{inside(log)}}},{inside(ours)}}}".split(_OFFSET)
        return _Frame(leaves, tail, close, log_tail, log_close, *_ours(tuple(leaves)))

    @staticmethod
    def _may_splice(records: Records, frame: _Frame, apart: frozenset[str] = frozenset()) -> bool:
        if records.names is None or records.errors or records.notes or records.lines.notes or "" in records.members:
            return False
        return (records.names - apart).isdisjoint(frame.reserved)

    @staticmethod
    def _document(records: Records, index: int, time: str, frame: _Frame, tail: str, now: str) -> str:
        body, at = records.members[index], records.starts[index]
        notes = {**records.lines.notes.get(index, {}), **records.notes.get(index, {})}
        if index in records.errors:
            notes["error.message"] = quoted(records.errors[index])
        if not notes and (start := _splice_start(body, time, frame)):
            return f"{start}{body}{tail}{at}{frame.close}"
        leaves = {"@timestamp": f'"{time}"'} | {
            path: value.replace(_INGESTED, now).replace(_OFFSET, str(at)) for path, value in frame.leaves.items()
        }
        return f"{{{merged(body, leaves | notes)}}}"


@lru_cache(maxsize=8)
def _ours(names: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    """What is reserved for these names, how each of them may begin, and how what is below one begins. The same for
    thousands of files."""
    roots = sorted({name.split(".")[0] for name in names} | {"@timestamp"})
    needles = ('"_', *(f'"{root}{behind}' for root in roots for behind in ('"', ".")))
    below = tuple(f"{leaf}." for leaf in ("@timestamp", *names))
    return root_spellings([*names, "@timestamp"]) | METADATA, needles, below


def _splice_start(body: str, time: str, frame: _Frame) -> str:
    """What stands before the application's text if it can be spliced as it is, else "".

    Of the escapes of JSON only `\\u` can spell a name of ours in another way.
    """
    if not body:
        return ""
    ours = f'{{"@timestamp":"{time}",'
    if "\\u" not in body and not any(needle in body for needle in frame.needles):
        return ours
    touching = [member for member in members(body) if _touches(member.key, frame)]
    if not touching:
        return ours
    same = len(touching) == 1 and touching[0].key == "@timestamp" and touching[0].value == f'"{time}"'
    return "{" if same else ""


def _touches(key: str, frame: _Frame) -> bool:
    return key in frame.reserved or key.startswith(frame.below) or key.partition(".")[0] in METADATA
