"""Shows clients the lines that pass through the pipelines, without slowing these down.

Without a tap, a shipper compares one attribute for each chunk. With taps, it hands over its chunks by reference, at
most `_MAX_PENDING_BYTES` for each tap. The thread that polls a tap renders and filters them, for at most a tenth of
its time. Whatever does not fit is counted and not shown.

A tap shows nothing that the sinks do not get: see `render_parsed`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import msgspec

from sidecar.lib.clock import Clock
from sidecar.lib.jsontext.nested import flatten
from sidecar.model.documents import Documents
from sidecar.model.records import RecordBatch

Stage = Literal["parsed", "transformed", "document"]
STAGES: Sequence[Stage] = get_args(Stage)

Matcher = Callable[[Sequence[str]], Sequence[bool]]
"""Returns for each text of the members of a JSON object whether it is wanted."""

HIDDEN = "[changed by a transform]"
"""What the stage `parsed` shows in place of a value that is not in the document."""

MAX_EVENTS_PER_S = 50.0
MAX_TEXT_CHARACTERS = 64 * 1024
MAX_TAPS = 2
"""Maximum number of taps that are open at once, for each kind of client."""

_BURST_EVENTS = 100
_MAX_PENDING_BYTES, _MAX_PENDING_CHUNKS = 256 * 1024, 256
_MAX_GENERATIONS = 1000
_EXPIRES_AFTER_S, _REPLACED_AFTER_S = 30.0, 3.0
"""Seconds without a poll after which a tap is closed, and after which another client may take its place."""

_MAX_RENDER_S, _PAUSE_FACTOR = 0.02, 9.0
"""Maximum time of a poll before it begins no further chunk, and the pause after it as a multiple of its time."""


class TappedChunk(NamedTuple):
    """A chunk after its stages."""

    pipeline: str
    parsed: RecordBatch
    transformed: RecordBatch
    documents: Documents


class TapEvent(NamedTuple):
    """One record at the stage that is watched."""

    pipeline: str
    path: str
    offset: int
    text: str
    """The record as a JSON object. Only its beginning if it is longer than `MAX_TEXT_CHARACTERS`."""

    is_cut: bool


class TapResult(NamedTuple):
    """What a poll returns."""

    events: Sequence[TapEvent]
    sampled_out: int
    """Records since the poll before that were neither shown nor compared with the filter."""

    unmatched: int
    """Records since the poll before that do not match the filter."""


class Tap:
    """A view of one or all pipelines. Shippers offer chunks, and one client polls."""

    def __init__(self, pipeline: str | None, stage: Stage, matcher: Matcher | None, clock: Clock) -> None:
        self._pipeline, self._stage, self._matcher, self._clock = pipeline, stage, matcher, clock
        self._lock = threading.Lock()
        self._pending: deque[tuple[TappedChunk, int]] = deque()
        """Chunks to render, each with the offset of its first line that was not offered before."""

        self._pending_bytes = self._sampled_out = 0
        self._offered: OrderedDict[int, int] = OrderedDict()
        """Generation id → offset up to which it was offered. Several sinks read the same lines, some repeatedly."""

        self._tokens, self._refilled_at = float(_BURST_EVENTS), clock.monotonic()
        self._rests_until = float("-inf")
        self.polled_at = clock.monotonic()

    def offer(self, chunk: TappedChunk) -> None:
        """Keep this chunk for the next poll if there is room. Do not wait for a poll."""
        if self._pipeline not in (None, chunk.pipeline):
            return
        source = chunk.transformed.lines.chunk
        with self._lock:
            begin = self._offered.get(source.generation.id, 0)
            if source.end <= begin:
                return
            self._offered[source.generation.id] = source.end
            self._offered.move_to_end(source.generation.id)
            if len(self._offered) > _MAX_GENERATIONS:
                self._offered.popitem(last=False)
            if self._pending_bytes >= _MAX_PENDING_BYTES or len(self._pending) >= _MAX_PENDING_CHUNKS:
                self._sampled_out += len(chunk.documents)
                return
            self._pending.append((chunk, begin))
            self._pending_bytes += len(source.data)

    def poll(self) -> TapResult:
        """Return the events since the poll before, as many as the rate allows."""
        self.polled_at = started_at = self._clock.monotonic()
        self._tokens = min(_BURST_EVENTS, self._tokens + (started_at - self._refilled_at) * MAX_EVENTS_PER_S)
        self._refilled_at = started_at
        events, unmatched, spent_s = list[TapEvent](), 0, 0.0
        while int(self._tokens) and started_at >= self._rests_until and spent_s < _MAX_RENDER_S:
            pending = self._take()
            if pending is None:
                break
            rendered = render_chunk(*pending, self._stage, self._matcher, int(self._tokens))
            self._tokens -= len(rendered.events)
            events += rendered.events
            unmatched += rendered.unmatched
            with self._lock:
                self._sampled_out += rendered.left_out
            spent_s = self._clock.monotonic() - started_at
        if spent_s:
            self._rests_until = started_at + spent_s * (1 + _PAUSE_FACTOR)
        with self._lock:
            sampled_out, self._sampled_out = self._sampled_out, 0
        return TapResult(events, sampled_out, unmatched)

    def _take(self) -> tuple[TappedChunk, int] | None:
        with self._lock:
            if not self._pending:
                return None
            chunk, begin = self._pending.popleft()
            self._pending_bytes -= len(chunk.transformed.lines.chunk.data)
            return chunk, begin


class Taps:
    """The open taps of a process, by the name that each client chose."""

    def __init__(self, clock: Clock) -> None:
        self.open: tuple[Tap, ...] = ()
        """Shippers read this for each chunk. It is replaced, never changed."""

        self._clock = clock
        self._by_name: dict[tuple[str, str], tuple[Hashable, Tap]] = {}
        self._lock = threading.Lock()

    def find(self, kind: str, name: str, view: Hashable, create: Callable[[], Tap]) -> tuple[Tap, bool] | None:
        """Return the tap of this client and whether it was opened now; None if too many of this kind are open.

        `view`: what the client wants to see. If that is not what its tap shows, the tap is replaced.
        """
        with self._lock:
            known = self._by_name.get((kind, name))
            if known is not None and known[0] == view:
                return known[1], False
            others = self._by_name if known else self._make_room(kind)
            if others is None:
                return None
            tap = create()
            self._set({**others, (kind, name): (view, tap)})
            return tap, True

    def _make_room(self, kind: str) -> Mapping[tuple[str, str], tuple[Hashable, Tap]] | None:
        """Return the taps without one of this kind that is not polled any more, if there are many; else None."""
        same = {key: tap.polled_at for key, (_, tap) in self._by_name.items() if key[0] == kind}
        if len(same) < MAX_TAPS:
            return self._by_name
        oldest = min(same, key=same.__getitem__)
        if self._clock.monotonic() - same[oldest] < _REPLACED_AFTER_S:
            return None
        return {key: value for key, value in self._by_name.items() if key != oldest}

    def end(self, kind: str, name: str) -> None:
        """Close the tap of this client, if it is open."""
        with self._lock:
            self._set({key: value for key, value in self._by_name.items() if key != (kind, name)})

    def expire(self) -> None:
        """Close the taps whose clients have gone."""
        if not self.open:
            return
        now = self._clock.monotonic()
        with self._lock:
            self._set({k: v for k, v in self._by_name.items() if now - v[1].polled_at < _EXPIRES_AFTER_S})

    def _set(self, by_name: dict[tuple[str, str], tuple[Hashable, Tap]]) -> None:
        self._by_name = by_name
        self.open = tuple(tap for _, tap in by_name.values())


class Rendered(NamedTuple):
    """The records of a chunk that are shown, and how many are not."""

    events: Sequence[TapEvent]
    left_out: int
    """Records that match, beyond the maximum."""

    unmatched: int


def render_chunk(
    chunk: TappedChunk, begin: int, stage: Stage, matcher: Matcher | None, most: int | None = None
) -> Rendered:
    """Return the records from offset `begin` on that match, evenly spread if there are more than `most`."""
    records, documents = chunk.transformed, chunk.documents
    invalid = records.lines.invalid  # they become dead letters
    wanted = [index for index, start in enumerate(documents.starts) if start >= begin and index not in invalid]
    unmatched = left_out = 0
    if matcher is None:
        wanted, left_out = _thin_out(wanted, most)
    texts = _render(chunk, stage, wanted)
    if matcher is not None:
        matches = [index for index, is_match in enumerate(matcher([text[1:-1] for text in texts])) if is_match]
        unmatched = len(texts) - len(matches)
        matches, left_out = _thin_out(matches, most)
        wanted, texts = [wanted[index] for index in matches], [texts[index] for index in matches]
    path = documents.generation.display_path
    events = [
        TapEvent(
            chunk.pipeline, path, documents.starts[index], text[:MAX_TEXT_CHARACTERS], len(text) > MAX_TEXT_CHARACTERS
        )
        for index, text in zip(wanted, texts, strict=True)
    ]
    return Rendered(events, left_out, unmatched)


def _render(chunk: TappedChunk, stage: Stage, indexes: Sequence[int]) -> list[str]:
    """Return the records with these indexes as JSON objects."""
    if stage == "transformed":
        return [f"{{{chunk.transformed.bodies[index]}}}" for index in indexes]
    texts, starts = chunk.documents.json_lines(), chunk.documents.starts
    if stage == "document":
        return [texts[index] for index in indexes]
    parsed = dict(zip(chunk.parsed.starts, chunk.parsed.bodies, strict=True))
    return [render_parsed(parsed[starts[index]], texts[index]) for index in indexes]


def render_parsed(body: str, document: str) -> str:
    """Return the parsed fields as a JSON object of dotted names, with only those values that are in the document.

    A transform may redact, hash or drop a value, under its old name or after it was renamed. So a value is shown if
    the document has it somewhere, and hidden otherwise.
    """
    stored = {_as_text(value) for value in flatten(document).values()}
    fields = [
        f"{_encode(path)}:{_encode(value if _as_text(value) in stored else HIDDEN)}"
        for path, value in flatten(f"{{{body}}}").items()
    ]
    return f"{{{','.join(fields)}}}"


def _as_text(value: object) -> str:
    """Return a value as text, so that a number equals the text that it was converted from."""
    return value if isinstance(value, str) else _encode(value)


def _encode(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _thin_out(indexes: list[int], most: int | None) -> tuple[list[int], int]:
    """Return at most this many of the indexes, evenly spread, and how many are left out."""
    if most is None or len(indexes) <= most:
        return indexes, 0
    return [indexes[number * len(indexes) // most] for number in range(most)], len(indexes) - most
