"""Turns records into documents: adds the fields of the sidecar to the text of each record.

If no record of a chunk uses a reserved name, the text of each record is spliced between two constant texts. Otherwise
each record is rendered separately, and records without a conflict give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import msgspec

from sidecar.document.field_conflicts import resolve_conflicts
from sidecar.lib import native
from sidecar.lib.clock import Clock, iso
from sidecar.lib.jsontext.columns import ABSENT, MAX_NAMES, locate_all, remove_at
from sidecar.lib.jsontext.members import split_pairs
from sidecar.lib.jsontext.nested import Tree, json_string, nest, possible_root_names, render_members
from sidecar.model.documents import DOCUMENT_OVERHEAD_BYTES, Documents, RenderedDocuments, SplicedDocuments
from sidecar.model.file import Generation
from sidecar.model.records import RecordBatch
from sidecar.model.reserved_fields import RESERVED_NAMES, SIDECAR_FIELDS

LeafSource = Callable[[], dict[str, str]]
"""Returns the fields to add to every record: path → JSON text. Returns the same object until the fields change."""


Notes = tuple[tuple[str, str], ...]
"""Fields that are added to a single record, such as `truncated`: (path, JSON text)."""


_ResolvedRecord = tuple[str, str, bool]
"""The body without the values that move to `original`, the end of its document with these values, and whether the
body has the timestamp of the record."""


_LOG_NAME = frozenset({"log"})


_OFFSET_MARK, _INGESTED_MARK, _PATH_MARK = "\x00", "\x01", "\x02"
"""Placeholders for values that differ between documents. JSON text contains no such character."""


_MAX_TEMPLATES = 128
"""Maximum number of cached templates, of 3 KiB each."""


class _DocumentTemplate(msgspec.Struct, frozen=True):
    """The text after the body of each record, with placeholders for the values that differ between documents.

    All files share the templates, because one for each of thousands of files would take megabytes.
    """

    leaves: Mapping[str, str]
    """Added fields: path → JSON text."""

    added_fields: Tree
    """The added fields as nested objects."""

    texts: Mapping[str, str]
    """JSON text of each member at the root of the added fields, by name."""

    tail: str
    """Text between the body and the offset of the record."""

    close: str
    """Text after the offset."""

    log_tail: str
    """Like `tail`, for bodies that end with an object `log` whose closing brace was removed. Empty if the added
    fields of `log` are not the usual ones."""

    log_close: str
    """Like `close`, for the same bodies."""

    reserved: frozenset[str]
    """Root names that conflict with an added field."""

    needles: tuple[str, ...]
    """Every record that uses a reserved name without escapes contains one of these texts."""

    below: tuple[str, ...]
    """Prefixes of dotted names below an added field."""

    def may_conflict(self, key: str) -> bool:
        """Return whether a root member with this name may equal, contain or be contained in an added field."""
        return key in self.reserved or key.startswith(self.below) or key.partition(".")[0] in RESERVED_NAMES


class DocumentBuilder:
    """Builds the documents of one pipeline.

    `host`: value of `host.name`. `sources`: sources of added fields; a later one takes precedence.
    """

    def __init__(self, clock: Clock, host: str, sources: Sequence[LeafSource] = ()) -> None:
        self._clock = clock
        self._host = host
        self._sources = list(sources)
        self._templates: dict[Notes, tuple[list[dict[str, str]], _DocumentTemplate]] = {}

    def reserved_names(self) -> frozenset[str]:
        """Return every root name that conflicts with an added field."""
        added = [path for source in self._sources for path in source()]
        labels = (
            ["kubernetes.labels", "kubernetes.annotations"]
            if any(path.startswith("kubernetes.") for path in added)
            else []
        )
        return possible_root_names([*SIDECAR_FIELDS, *labels, *added]) | RESERVED_NAMES

    def document_overhead(self, generation: Generation) -> int:
        """Return roughly by how many bytes a document of this file (`generation`) is longer than its record."""
        template = self._template([source() for source in self._sources])
        return len(template.tail) + len(template.close) + len(generation.display_path) + DOCUMENT_OVERHEAD_BYTES

    def build(self, records: RecordBatch) -> Documents:
        """Return the documents of these records."""
        generation = records.lines.chunk.generation
        added, now = [source() for source in self._sources], iso(self._clock.now())
        template, path = self._template(added), json_string(generation.display_path)
        known_times = records.target_times or records.times
        times = records.times if "" not in records.times else [time or now for time in records.times]
        if records.ends_with_log_object and template.log_tail and self._may_splice(records, template, _LOG_NAME):
            tail, close = _fill(template.log_tail, now, path), _fill(template.log_close, now, path)
            opened = [body[:-1] for body in records.bodies]
            return SplicedDocuments(
                generation, records.starts, opened, times, tail, close, known_times, records.has_own_timestamp
            )
        if self._may_splice(records, template):
            tail, close = _fill(template.tail, now, path), _fill(template.close, now, path)
            return SplicedDocuments(
                generation, records.starts, records.bodies, times, tail, close, known_times, records.has_own_timestamp
            )
        templates = self._templates_by_record(records, added)
        resolved = _resolve_chunk(records.bodies, times, template)
        tail, close = _fill(template.tail, now, path), _fill(template.close, now, path)[:-1]
        if resolved and not templates and None not in resolved:
            bodies, endings, are_timed = zip(*resolved, strict=True)
            if len(set(are_timed)) == 1:
                return SplicedDocuments(
                    generation, records.starts, bodies, times, tail, close, known_times, are_timed[0], endings
                )
        rows = zip(records.bodies, records.starts, times, resolved, strict=True)
        texts = [
            _render(body, str(offset), time, templates.get(index, template), now, path)
            if parts is None or index in templates
            else f"{'{' if parts[2] else _timestamp_member(time)}{parts[0]}{tail}{offset}{close}{parts[1]}"
            for index, (body, offset, time, parts) in enumerate(rows)
        ]
        return RenderedDocuments(generation, records.starts, texts, known_times)

    def _template(self, parts: list[dict[str, str]], notes: Notes = ()) -> _DocumentTemplate:
        cached = self._templates.get(notes)
        if cached and len(cached[0]) == len(parts) and all(a is b for a, b in zip(cached[0], parts, strict=True)):
            return cached[1]
        if len(self._templates) >= _MAX_TEMPLATES:
            self._templates.clear()
        template = self._make_template(parts, notes)
        self._templates[notes] = (parts, template)
        return template

    def _make_template(self, parts: Sequence[Mapping[str, str]], notes: Notes) -> _DocumentTemplate:
        leaves = {"event.ingested": f'"{_INGESTED_MARK}"', "host.name": json_string(self._host)}
        for part in parts:
            leaves |= part
        leaves |= {"log.file.path": _PATH_MARK, "log.offset": _OFFSET_MARK, **dict(notes)}
        added_fields = nest(leaves)
        texts = {name: render_members({name: branch}) for name, branch in added_fields.items()}
        tail, close = f",{','.join(texts.values())}}}".split(_OFFSET_MARK)
        log_tail = log_close = ""
        log = added_fields["log"]
        if not isinstance(log, str) and log.keys() == {"file", "offset"}:
            others = ",".join(text for name, text in texts.items() if name != "log")
            log_tail, log_close = f",{render_members(log)}}},{others}}}".split(_OFFSET_MARK)
        return _DocumentTemplate(
            leaves, added_fields, texts, tail, close, log_tail, log_close, *_conflicting_names(tuple(leaves))
        )

    @staticmethod
    def _may_splice(records: RecordBatch, template: _DocumentTemplate, ignored: frozenset[str] = frozenset()) -> bool:
        if (
            records.root_names is None
            or records.errors
            or records.annotations
            or records.lines.annotations
            or "" in records.bodies
        ):
            return False
        return (records.root_names - ignored).isdisjoint(template.reserved)

    def _templates_by_record(self, records: RecordBatch, parts: list[dict[str, str]]) -> dict[int, _DocumentTemplate]:
        """Return the template of each record that has an error or additional fields (annotations), by index."""
        of_lines, of_records, errors = records.lines.annotations, records.annotations, records.errors
        templates = {}
        for index in of_lines.keys() | of_records.keys() | errors.keys():
            notes = {**of_lines.get(index, {}), **of_records.get(index, {})}
            if index in errors:
                notes["error.message"] = json_string(errors[index])
            templates[index] = self._template(parts, tuple(notes.items()))
        return templates


def _fill(text: str, now: str, path: str) -> str:
    """Replace the placeholders of the ingestion time and of the path. `path` is a JSON string."""
    return text.replace(_INGESTED_MARK, now).replace(_PATH_MARK, path)


def _timestamp_member(time: str) -> str:
    return f'{{"@timestamp":"{time}",'


def _resolve_chunk(
    bodies: Sequence[str], times: Sequence[str], template: _DocumentTemplate
) -> list[_ResolvedRecord | None]:
    """Resolve the conflicts of each record whose conflicts are plain values that move to `original`; else None."""
    data = "\n".join(bodies).encode(errors="surrogatepass")
    names = [needle for needle in template.needles if needle[-1] == '"' and native.contains(data, needle.encode())]
    if len(names) > MAX_NAMES:
        return [None] * len(bodies)
    hidden = [needle for needle in template.needles if needle[-1] != '"']
    has_hidden = native.contains_any(data, tuple(map(str.encode, hidden)))
    unclear = [needle for needle in hidden if has_hidden and needle.encode() in data]
    # One character is found several times as fast as two.
    unclear += ["\\u"] if b"\\" in data and native.contains(data, b"\\u") else []
    unclear += ['"original'] if native.contains(data, b'"original') else []
    conflicts = [_Conflict(name[1:-1], template) for name in names]

    def resolve(body: str, time: str, *places: int) -> _ResolvedRecord | None:
        if not body or any(needle in body for needle in unclear):
            return None
        return _divide(body, time, conflicts, places)

    if not conflicts:
        return (
            list(map(resolve, bodies, times))
            if unclear
            else [(body, "}", False) if body else None for body in bodies]
        )
    spans = [column for columns in locate_all(bodies, [name[1:-1] for name in names]) for column in columns]
    if len(conflicts) > 1 or unclear or conflicts[0].may_stay:
        return list(map(resolve, bodies, times, *spans))
    before = f',"original":{{{conflicts[0].key}'
    return [
        (body[: start - 1] + body[end:], f"{before}{body[value:end]}}}}}", False)
        if start > 0 and body[start - 1] == "," and body[value] == '"'
        else resolve(body, time, start, value, end)
        for body, time, start, value, end in zip(bodies, times, *spans, strict=True)
    ]


class _Conflict:
    """A root name that the sidecar uses, too."""

    def __init__(self, name: str, template: _DocumentTemplate) -> None:
        self.key = f"{json_string(name)}:"
        self.is_time = name == "@timestamp"
        self.is_object = isinstance(template.added_fields.get(name), dict)
        self.added = template.leaves.get(name)
        self.may_stay = self.is_time or self.added is not None
        """Whether a text may stay where it is, because it is the same as that of the sidecar."""


def _divide(body: str, time: str, conflicts: Sequence[_Conflict], places: Sequence[int]) -> _ResolvedRecord | None:
    """Return the body without the values that move, and these values.

    `places`: start of the key, start and end of the value for each conflict. Return None if a conflict is not simple.
    """
    moved, has_time = [], False
    for conflict, start, at, end in zip(conflicts, places[::3], places[1::3], places[2::3], strict=True):
        if start == ABSENT:
            continue
        value = body[at:end]
        if start < ABSENT or (conflict.is_object and value[0] == "{") or value == conflict.added:
            return None
        if conflict.is_time and value == f'"{time}"':
            has_time = True
        else:
            moved.append((start, end, conflict.key + value))
    if not moved:
        return body, "}", has_time
    moved.sort()
    for start, end, _ in reversed(moved):
        body = remove_at(body, start, end) or ""
    members = ",".join([member for _, _, member in moved])
    return (body, f',"original":{{{members}}}}}', has_time) if body else None


def _render(body: str, offset: str, time: str, template: _DocumentTemplate, now: str, path: str) -> str:
    """Return the document of one record."""

    def fill(text: str) -> str:
        return _fill(text, now, path).replace(_OFFSET_MARK, offset)

    timestamp = _timestamp_member(time)
    if body and "\\u" not in body and not any(needle in body for needle in template.needles):
        return f"{timestamp}{body}{fill(template.tail)}{offset}{fill(template.close)}"
    partition = _partition(body, time, template, fill) if body else None
    if partition is None:
        leaves = {"@timestamp": f'"{time}"'} | {path: fill(value) for path, value in template.leaves.items()}
        return f"{{{resolve_conflicts(body, leaves)}}}"
    start = "{" if partition.has_time else timestamp
    if not partition.moved and not partition.joined:
        return f"{start}{body}{fill(template.tail)}{offset}{fill(template.close)}"
    return f"{start}{_rejoin(partition, template, fill)}}}"


@lru_cache(maxsize=8)
def _conflicting_names(names: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...], tuple[str, ...]]:
    """Return `reserved`, `needles` and `below` of `_DocumentTemplate` for these fields.

    Cached, because thousands of files have the same fields.
    """
    roots = sorted({name.split(".")[0] for name in names} | {"@timestamp"})
    needles = ('"_', *(f'"{root}{suffix}' for root in roots for suffix in ('"', ".")))
    below = tuple(f"{leaf}." for leaf in ("@timestamp", *names))
    return possible_root_names([*names, "@timestamp"]) | RESERVED_NAMES, needles, below


class _Partition(msgspec.Struct):
    """The members of a record, divided into those that stay and those that move to `original`."""

    kept: list[str]
    """Text of the members that stay."""

    moved: dict[str, str | Tree]
    """Values that move to `original`, by name."""

    joined: set[str]
    """Names of added objects that were merged into objects of the application."""

    has_time: bool = False
    """Whether the record already has an `@timestamp` with the same text that the sidecar would add."""


def _partition(body: str, time: str, template: _DocumentTemplate, fill: Callable[[str], str]) -> _Partition | None:
    """Divide the members like `resolve_conflicts`, but faster. Return None if a conflict is not simple.

    A conflict is simple if a root name without a dot occurs once, and its value moves, or is an object that has no
    name in common with the added object.
    """
    partition = _Partition([], {}, set())
    for key, key_text, value in split_pairs(body):
        if not template.may_conflict(key):
            partition.kept.append(f"{key_text}:{value}")
        elif (
            "." in key
            or key in partition.moved
            or key in partition.joined
            or (key == "@timestamp" and partition.has_time)
        ):
            return None
        elif key == "@timestamp" and value == f'"{time}"':
            partition.has_time = True
            partition.kept.append(f"{key_text}:{value}")
        elif value.startswith("{") and isinstance(branch := template.added_fields.get(key), dict):
            inner_members = split_pairs(value[1:-1])
            if key in template.leaves or any(name.partition(".")[0] in branch for name, _, _ in inner_members):
                return None
            texts = [*(f"{name_text}:{inner}" for _, name_text, inner in inner_members), fill(render_members(branch))]
            partition.joined.add(key)
            partition.kept.append(f"{key_text}:{{{','.join(texts)}}}")
        elif value == template.leaves.get(key):
            return None
        else:
            partition.moved[key] = value
    may_have_original = "original" in template.added_fields or '"original' in body or "\\u" in body
    return None if partition.moved and may_have_original else partition


def _rejoin(partition: _Partition, template: _DocumentTemplate, fill: Callable[[str], str]) -> str:
    """Return the body: the members that stay, the added members, and `original` with the moved values."""
    added = [fill(text) for name, text in template.texts.items() if name not in partition.joined]
    moved = [render_members({"original": partition.moved})] if partition.moved else []
    return ",".join([*partition.kept, *added, *moved])
