"""Records to documents: our fields go round the application's own text.

Where no record of a chunk uses a name of ours, the application's text is spliced between two constant texts.
Otherwise each record is looked at by itself; records without a collision come out the same to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import msgspec

from sidecar.document.field_conflicts import resolve_conflicts
from sidecar.lib.clock import Clock, iso
from sidecar.lib.jsontext.members import split_pairs
from sidecar.lib.jsontext.nested import Tree, json_string, nest, possible_root_names, render_members
from sidecar.model.documents import DOCUMENT_OVERHEAD_BYTES, Documents, RenderedDocuments, SplicedDocuments
from sidecar.model.file import Generation
from sidecar.model.records import RecordBatch
from sidecar.model.reserved_fields import RESERVED_NAMES, SIDECAR_FIELDS

LeafSource = Callable[[], dict[str, str]]
"""A transform: the leaves that it adds to every record now. It returns the same object while nothing changed."""


Notes = tuple[tuple[str, str], ...]
"""What is to be said of one record: (path, JSON text)."""


_LOG = frozenset({"log"})


_OFFSET, _INGESTED, _PATH = "\x00", "\x01", "\x02"
"""What stands for a value that is not the same in all documents; JSON text has no such character."""


_REMEMBERED = 128
"""Frames, of which each has 3 KiB."""


class _DocumentTemplate(msgspec.Struct, frozen=True):
    """The text behind the members of each record, and the names that no record may use for it to hold.

    It is constant but for the marks. Files do not have one each: of thousands it would be megabytes.

    `log_tail` and `log_close` are the text behind records whose last member is an object `log`, without its brace:
    there our fields of `log` come first. Empty where a transform adds to `log`. One of `needles` is in every record
    that uses a name of ours without escapes; `below` are the beginnings of dotted names that stand below a leaf.
    `ours` is what the text is made of, `texts` each member of it.
    """

    leaves: Mapping[str, str]
    ours: Tree
    texts: Mapping[str, str]
    tail: str
    close: str
    log_tail: str
    log_close: str
    reserved: frozenset[str]
    needles: tuple[str, ...]
    below: tuple[str, ...]

    def touches(self, key: str) -> bool:
        """Whether a member of this name at the root of a record is one of ours, or above or below one."""
        return key in self.reserved or key.startswith(self.below) or key.partition(".")[0] in RESERVED_NAMES


class DocumentBuilder:
    """Makes the documents of one pipeline. `host` is `host.name`; `sources` are the transforms, the last one wins."""

    def __init__(self, clock: Clock, host: str, sources: Sequence[LeafSource] = ()) -> None:
        self._clock = clock
        self._host = host
        self._sources = list(sources)
        self._templates: dict[Notes, tuple[list[dict[str, str]], _DocumentTemplate]] = {}

    def reserved_names(self) -> frozenset[str]:
        """Every name at the root of a record that touches a leaf of ours."""
        added = [path for source in self._sources for path in source()]
        labels = (
            ["kubernetes.labels", "kubernetes.annotations"]
            if any(path.startswith("kubernetes.") for path in added)
            else []
        )
        return possible_root_names([*SIDECAR_FIELDS, *labels, *added]) | RESERVED_NAMES

    def document_overhead(self, generation: Generation) -> int:
        """Return about how many bytes a document of this file has in addition to the fields of its record."""
        frame = self._template([source() for source in self._sources])
        return len(frame.tail) + len(frame.close) + len(generation.display_path) + DOCUMENT_OVERHEAD_BYTES

    def build(self, records: RecordBatch) -> Documents:
        """The finished documents of these records."""
        generation = records.lines.chunk.generation
        parts, now = [source() for source in self._sources], iso(self._clock.now())
        frame, path = self._template(parts), json_string(generation.display_path)
        known = records.times
        times = known if "" not in known else [time or now for time in known]
        if records.ends_with_log_object and frame.log_tail and self._may_splice(records, frame, _LOG):
            tail, close = _fill(frame.log_tail, now, path), _fill(frame.log_close, now, path)
            opened = [body[:-1] for body in records.bodies]
            return SplicedDocuments(generation, records.starts, opened, times, tail, close, known)
        if self._may_splice(records, frame):
            tail, close = _fill(frame.tail, now, path), _fill(frame.close, now, path)
            return SplicedDocuments(
                generation, records.starts, records.bodies, times, tail, close, known, records.has_own_timestamp
            )
        noted = self._templates_by_record(records, parts)
        rows = zip(records.bodies, records.starts, times, strict=True)
        texts = [
            _render(body, str(at), time, noted.get(index, frame), now, path)
            for index, (body, at, time) in enumerate(rows)
        ]
        return RenderedDocuments(generation, records.starts, texts, known)

    def _template(self, parts: list[dict[str, str]], notes: Notes = ()) -> _DocumentTemplate:
        cached = self._templates.get(notes)
        if cached and len(cached[0]) == len(parts) and all(a is b for a, b in zip(cached[0], parts, strict=True)):
            return cached[1]
        if len(self._templates) >= _REMEMBERED:
            self._templates.clear()
        frame = self._make_template(parts, notes)
        self._templates[notes] = (parts, frame)
        return frame

    def _make_template(self, parts: Sequence[Mapping[str, str]], notes: Notes) -> _DocumentTemplate:
        leaves = {"event.ingested": f'"{_INGESTED}"', "host.name": json_string(self._host)}
        for part in parts:
            leaves |= part
        leaves |= {"log.file.path": _PATH, "log.offset": _OFFSET, **dict(notes)}
        ours = nest(leaves)
        texts = {name: render_members({name: branch}) for name, branch in ours.items()}
        tail, close = f",{','.join(texts.values())}}}".split(_OFFSET)
        log_tail = log_close = ""
        log = ours["log"]
        if not isinstance(log, str) and log.keys() == {"file", "offset"}:
            others = ",".join(text for name, text in texts.items() if name != "log")
            log_tail, log_close = f",{render_members(log)}}},{others}}}".split(_OFFSET)
        return _DocumentTemplate(leaves, ours, texts, tail, close, log_tail, log_close, *_ours(tuple(leaves)))

    @staticmethod
    def _may_splice(records: RecordBatch, frame: _DocumentTemplate, apart: frozenset[str] = frozenset()) -> bool:
        if (
            records.root_names is None
            or records.errors
            or records.annotations
            or records.lines.annotations
            or "" in records.bodies
        ):
            return False
        return (records.root_names - apart).isdisjoint(frame.reserved)

    def _templates_by_record(self, records: RecordBatch, parts: list[dict[str, str]]) -> dict[int, _DocumentTemplate]:
        """The frames of those records of which something is to be said, by index."""
        of_lines, of_records, errors = records.lines.annotations, records.annotations, records.errors
        frames = {}
        for index in of_lines.keys() | of_records.keys() | errors.keys():
            notes = {**of_lines.get(index, {}), **of_records.get(index, {})}
            if index in errors:
                notes["error.message"] = json_string(errors[index])
            frames[index] = self._template(parts, tuple(notes.items()))
        return frames


def _fill(ours: str, now: str, path: str) -> str:
    """Text of ours with the time of reading, and the path as JSON, in their places."""
    return ours.replace(_INGESTED, now).replace(_PATH, path)


def _render(body: str, at: str, time: str, frame: _DocumentTemplate, now: str, path: str) -> str:
    """The document of one record."""

    def filled(ours: str) -> str:
        return _fill(ours, now, path).replace(_OFFSET, at)

    ours_first = f'{{"@timestamp":"{time}",'
    if body and "\\u" not in body and not any(needle in body for needle in frame.needles):
        return f"{ours_first}{body}{filled(frame.tail)}{at}{filled(frame.close)}"
    sorted_out = _partition(body, time, frame, filled) if body else None
    if sorted_out is None:
        leaves = {"@timestamp": f'"{time}"'} | {path: filled(value) for path, value in frame.leaves.items()}
        return f"{{{resolve_conflicts(body, leaves)}}}"
    start = "{" if sorted_out.has_time else ours_first
    if not sorted_out.moved and not sorted_out.joined:
        return f"{start}{body}{filled(frame.tail)}{at}{filled(frame.close)}"
    return f"{start}{_rejoin(sorted_out, frame, filled)}}}"


@lru_cache(maxsize=8)
def _ours(names: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    """What is reserved for these names, how each of them may begin, and how what is below one begins. The same for
    thousands of files."""
    roots = sorted({name.split(".")[0] for name in names} | {"@timestamp"})
    needles = ('"_', *(f'"{root}{behind}' for root in roots for behind in ('"', ".")))
    below = tuple(f"{leaf}." for leaf in ("@timestamp", *names))
    return possible_root_names([*names, "@timestamp"]) | RESERVED_NAMES, needles, below


class _Partition(msgspec.Struct):
    """The members of a record of which some are ours: those that stay, as text, and the values that move.

    `joined` are our objects that stand within the application's own; `has_time` says that it has the very same time.
    """

    kept: list[str]
    moved: dict[str, str | Tree]
    joined: set[str]
    has_time: bool = False


def _partition(body: str, time: str, frame: _DocumentTemplate, filled: Callable[[str], str]) -> _Partition | None:
    """What `resolve_conflicts` would do with these members, for the usual collisions; None for all others.

    Usual are names at the root, without a dot, each once: a value moves, or an object has nothing in it of ours.
    """
    found = _Partition([], {}, set())
    for key, key_text, value in split_pairs(body):
        if not frame.touches(key):
            found.kept.append(f"{key_text}:{value}")
        elif "." in key or key in found.moved or key in found.joined or (key == "@timestamp" and found.has_time):
            return None
        elif key == "@timestamp" and value == f'"{time}"':
            found.has_time = True
            found.kept.append(f"{key_text}:{value}")
        elif value.startswith("{") and isinstance(branch := frame.ours.get(key), dict):
            within = split_pairs(value[1:-1])
            if key in frame.leaves or any(name.partition(".")[0] in branch for name, _, _ in within):
                return None
            texts = [*(f"{name_text}:{inner}" for _, name_text, inner in within), filled(render_members(branch))]
            found.joined.add(key)
            found.kept.append(f"{key_text}:{{{','.join(texts)}}}")
        elif value == frame.leaves.get(key):
            return None
        else:
            found.moved[key] = value
    is_taken = found.moved and ("original" in frame.ours or '"original' in body or "\\u" in body)
    return None if is_taken else found


def _rejoin(found: _Partition, frame: _DocumentTemplate, filled: Callable[[str], str]) -> str:
    """The members that stay, ours behind them, and at the end what moved."""
    ours = [filled(text) for name, text in frame.texts.items() if name not in found.joined]
    moved = [render_members({"original": found.moved})] if found.moved else []
    return ",".join([*found.kept, *ours, *moved])
