"""The nouns that travel through the rooms, in batches: Generation, Chunk, Lines, Records, Documents, Batch, Verdict.

No noun here stands for one line. A chunk of some hundred lines is decoded, parsed, enriched and rendered as
columns, because an object or a call for each line would cost more than everything else together.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import groupby
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from sidecar import columns
from sidecar.clock import iso
from sidecar.errors import DeliveryError

Value = TypeVar("Value")

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


class FileId(msgspec.Struct, frozen=True):
    """Which file this is, whatever it is called: device, inode, and the inode's generation where it has one."""

    device: int
    inode: int
    inode_generation: int | None


class Generation(msgspec.Struct, frozen=True):
    """One life of one file in one pipeline, from creation or truncation to the next.

    `number` is drawn at random (63 bits) and never derived from content or inode; `born` is in seconds since
    the epoch; `path` is the name under which the life began and stays the same when the file is renamed.
    """

    number: int
    pipeline: str
    path: str
    born: float

    @property
    def text(self) -> str:
        """The number in base 36: the first half of every document's `_id`."""
        return _base36(self.number)

    @property
    def shown(self) -> str:
        """The path as text that any database takes: bytes that are not UTF-8 are written `\\xff`."""
        return os.fsencode(self.path).decode(errors="backslashreplace")


@lru_cache(maxsize=64)
def _base36(number: int) -> str:
    rest, digits = number, ""
    while rest:
        rest, digit = divmod(rest, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"


class Chunk(msgspec.Struct, frozen=True):
    """Bytes of whole lines from one position of one generation.

    `data` begins at byte `offset` of the file. `end` is the offset of the byte after it, larger than
    `offset + len(data)` where a line's tail was too long to be kept (`cut_bytes`) or a hole was skipped.
    `closed`: the last line has no newline and is to be taken as it is. `continuation`: the first line is the
    rest of one whose beginning was shipped before. `events`: where in `data` each event of one or several lines
    begins, None if each line is one; `split` are the indexes of events that a limit has closed. `encoding`: what the
    reader found the file to be in, "" if it did not look.
    """

    generation: Generation
    offset: int
    data: bytes
    end: int
    closed: bool = False
    continuation: bool = False
    cut_bytes: int = 0
    events: Sequence[int] | None = None
    split: frozenset[int] = frozenset()
    encoding: str = ""


class Envelope(msgspec.Struct, frozen=True):
    """What stands round each document in a request: `before` id `between` document newline. `between` ends a line."""

    before: str
    between: str


class Skipped(msgspec.Struct, frozen=True):
    """Bytes of the file that no document holds, by rule: an empty line, a hole of NUL bytes, a record that the user
    does not want."""

    start: int
    end: int
    reason: str


class Layout(msgspec.Struct, frozen=True):
    """Where the records of a chunk begin, by offset in the file, what lies between them, and where the chunk ends."""

    starts: Sequence[int]
    skipped: Sequence[Skipped]
    end: int

    def end_of(self, start: int) -> int:
        """The offset behind the bytes of the record that begins at `start`: there the next one begins, or a gap."""
        return self.ends_of([start])[0]

    def ends_of(self, starts: Iterable[int]) -> list[int]:
        """The same for several of them."""
        begins = sorted({*self.starts, *(gap.start for gap in self.skipped), self.end})
        return [begins[bisect_right(begins, start)] for start in starts]


class Lines(msgspec.Struct, frozen=True):
    """The lines of a chunk without their line ends, and the byte offset in the file at which each begins.

    Whole means that each line of the chunk is one record as it stands: valid UTF-8, no empty line, no NUL,
    no carriage return, nothing to note. Only then may a parser treat the chunk at a stroke, and only then there is
    `text`, all of it with its line ends.
    `notes` holds what is to be said of single lines in their documents: index → (path, JSON text) pairs.
    `undecodable` holds the indexes of lines that the strict policy refuses.
    """

    chunk: Chunk
    count: int
    texts: Sequence[str] = ()
    starts: Sequence[int] = ()
    text: str = ""
    whole: bool = True
    skipped: Sequence[Skipped] = ()
    notes: dict[int, dict[str, str]] = {}
    undecodable: frozenset[int] = frozenset()
    replaced: int = 0

    def layout(self) -> Layout:
        """Where everything is, without the text."""
        return Layout(self.starts, self.skipped, self.chunk.end)

    def only(self, indexes: Sequence[int]) -> Lines:
        """The lines with these indexes, renumbered from 0. What is skipped stays."""
        places = {index: place for place, index in enumerate(indexes)}
        return msgspec.structs.replace(
            self,
            count=len(indexes),
            texts=[self.texts[i] for i in indexes],
            starts=[self.starts[i] for i in indexes],
            text="",
            whole=False,
            notes=_renumbered(self.notes, places),
            undecodable=frozenset(places[i] for i in self.undecodable if i in places),
        )


def _renumbered(noted: Mapping[int, Value], places: Mapping[int, int]) -> dict[int, Value]:
    return {places[index]: value for index, value in noted.items() if index in places}


OBJECT = "error"
"""The name at the root under which some documents have an object of ours (`error.message`), and which is therefore no
text in any: in one index of Elasticsearch a field is a value or an object."""


class Records(msgspec.Struct, frozen=True):
    """Lines as fields: for each the members of a JSON object as text, without the braces.

    `times[i]` is the event time as RFC 3339 text with zone, or "" where the line has none. `names` are the
    names of all fields at the root where the parser knows them, or of those that may have to move, else None.
    `in_place`: the application wrote its time under `@timestamp` itself, so it already stands in the members.
    `errors`: index → why the line could not be parsed. `ends_in_log`: the last member of every record is an object
    `log`, not empty and without a name of ours, so that our own fields of `log` can be put at its end.
    `notes`: index → what an enricher has to say of a record, as (path, JSON text) pairs. `filtered` are the records
    that are left out because the user said so, by the name of the rule. `faults`: how many records an enricher could
    not do its work on, by its name. `timeouts`: how often a pattern took longer than it may.
    """

    lines: Lines
    starts: Sequence[int]
    members: Sequence[str]
    times: Sequence[str]
    names: frozenset[str] | None = None
    in_place: bool = False
    errors: dict[int, str] = {}
    ends_in_log: bool = False
    notes: dict[int, dict[str, str]] = {}
    filtered: Sequence[Skipped] = ()
    faults: dict[str, int] = {}
    timeouts: int = 0

    def without(self, dropped: Collection[int], rule: str) -> Records:
        """The records but for those with these indexes, renumbered from 0; `rule` is why they are left out."""
        if not dropped:
            return self
        kept = [index for index in range(len(self.starts)) if index not in dropped]
        starts = [self.starts[index] for index in sorted(dropped)]
        ends = Layout(self.starts, [*self.lines.skipped, *self.filtered], self.lines.chunk.end).ends_of(starts)
        gone = [Skipped(start, end, rule) for start, end in zip(starts, ends, strict=True)]
        places = {index: place for place, index in enumerate(kept)}
        return msgspec.structs.replace(
            self,
            lines=self.lines.only(kept),
            starts=[self.starts[i] for i in kept],
            members=[self.members[i] for i in kept],
            times=[self.times[i] for i in kept],
            errors=_renumbered(self.errors, places),
            notes=_renumbered(self.notes, places),
            filtered=[*self.filtered, *gone],
        )

    def complaining(self, complaints: Mapping[int, str], enricher: str) -> Records:
        """The same records, of which some say why an enricher could not do its work on them."""
        if not complaints:
            return self
        notes = dict(self.notes)
        for index, text in complaints.items():
            said = notes.get(index, {})
            before = msgspec.json.decode(said["error.message"], type=str) + "; " if "error.message" in said else ""
            notes[index] = {**said, "error.message": msgspec.json.encode(before + text).decode()}
        faults = {**self.faults, enricher: self.faults.get(enricher, 0) + len(complaints)}
        return msgspec.structs.replace(self, notes=notes, faults=faults)


class Step(NamedTuple):
    """One enricher of a pipeline by its name: it takes records and hands on what becomes of them."""

    name: str
    run: Callable[[Records], Records]


AROUND_EACH = 100
"""Bytes, about, of a document in addition to its fields: its time, its offset and its id."""


class Documents(Protocol):
    """Finished documents of one generation, with the positions that they came from."""

    @property
    def generation(self) -> Generation: ...

    @property
    def starts(self) -> Sequence[int]: ...

    def __len__(self) -> int: ...

    @property
    def size(self) -> int:
        """About how many bytes they take in a request."""
        ...

    def ids(self) -> list[str]:
        """The `_id` of each document: generation and offset."""
        ...

    def texts(self) -> list[str]:
        """Each document as JSON text without line ends."""
        ...

    def rendered(self, envelope: Envelope) -> bytes:
        """All documents in their envelopes, in order, as UTF-8."""
        ...

    def event_times(self) -> list[str]:
        """The event time of each document as RFC 3339 text, or "" where the line had none."""
        ...


class Spliced(msgspec.Struct, frozen=True):
    """Documents whose members are the application's own text between constant parts of ours.

    document = `{"@timestamp":"` + time + `",` + members + `tail` + offset + `close`
    (with `in_place` the application's own members hold the time, and `{` alone begins it). `times` are those
    of the documents, `known_times` those of the events: "" where the line had none.
    """

    generation: Generation
    starts: Sequence[int]
    members: Sequence[str]
    times: Sequence[str]
    tail: str
    close: str
    known_times: Sequence[str]
    in_place: bool = False

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def size(self) -> int:
        return sum(map(len, self.members)) + len(self) * (len(self.tail) + len(self.close) + AROUND_EACH)

    def ids(self) -> list[str]:
        head = self.generation.text
        return [f"{head}-{start}" for start in self.starts]

    def texts(self) -> list[str]:
        tail, close = self.tail, self.close
        if self.in_place:
            return [f"{{{body}{tail}{at}{close}" for body, at in zip(self.members, self.starts, strict=True)]
        return [
            f'{{"@timestamp":"{time}",{body}{tail}{at}{close}'
            for time, body, at in zip(self.times, self.members, self.starts, strict=True)
        ]

    def rendered(self, envelope: Envelope) -> bytes:
        head, close = f"{envelope.before}{self.generation.text}-", f"{self.close}\n"
        starts, members = list(self.starts), list(self.members)
        timed = (envelope.between + '{"@timestamp":"', list(self.times), '",')
        begun = (envelope.between + "{",) if self.in_place else timed
        return columns.rendered(len(self), (head, starts, *begun, members, self.tail, starts, close))

    def event_times(self) -> list[str]:
        return list(self.known_times)


class Whole(msgspec.Struct, frozen=True):
    """Documents that were made one by one. `known_ids` is set for documents that come from the dead letters."""

    generation: Generation
    starts: Sequence[int]
    documents: Sequence[str]
    times: Sequence[str]
    known_ids: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def size(self) -> int:
        return sum(map(len, self.documents)) + len(self) * AROUND_EACH

    def ids(self) -> list[str]:
        if self.known_ids is not None:
            return list(self.known_ids)
        head = self.generation.text
        return [f"{head}-{start}" for start in self.starts]

    def texts(self) -> list[str]:
        return list(self.documents)

    def rendered(self, envelope: Envelope) -> bytes:
        pairs = zip(self.ids(), self.documents, strict=True)
        return "".join([f"{envelope.before}{name}{envelope.between}{text}\n" for name, text in pairs]).encode()

    def event_times(self) -> list[str]:
        return list(self.times)


class Enveloped(msgspec.Struct, frozen=True):
    """Documents as the bytes of a request, made while their lines are still in the processor's cache.

    A fraction of the memory of the texts that they were made of, which are not kept.
    """

    generation: Generation
    starts: Sequence[int]
    body: bytes
    envelope: Envelope
    known_times: Sequence[str]

    @classmethod
    def of(cls, documents: Documents, envelope: Envelope) -> Enveloped:
        """The same documents in these envelopes."""
        body, times = documents.rendered(envelope), documents.event_times()
        return cls(documents.generation, documents.starts, body, envelope, times)

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def size(self) -> int:
        return len(self.body)

    def ids(self) -> list[str]:
        head = self.generation.text
        return [f"{head}-{start}" for start in self.starts]

    def texts(self) -> list[str]:
        lines_each = self.envelope.between.count("\n") + 1
        return self.body.decode().split("\n")[lines_each - 1 :: lines_each]

    def rendered(self, envelope: Envelope) -> bytes:
        return self.body if envelope == self.envelope else self._as_texts().rendered(envelope)

    def event_times(self) -> list[str]:
        return list(self.known_times)

    def _as_texts(self) -> Whole:
        return Whole(self.generation, self.starts, self.texts(), self.known_times)


class Batch(msgspec.Struct, frozen=True, dict=True):
    """What a sink is asked to write: documents of one or several generations, in the order of their lines.

    A record is known by its index, 0 ≤ index < len(batch). `targets` is set when documents go where they
    were meant to go once before (a replay); otherwise the sink decides.
    """

    parts: Sequence[Documents]
    targets: Sequence[str] | None = None

    def __len__(self) -> int:
        return self._length

    @cached_property
    def _length(self) -> int:
        return sum(len(part) for part in self.parts)

    @cached_property
    def ids(self) -> list[str]:
        """The `_id` of each document."""
        return [name for part in self.parts for name in part.ids()]

    @cached_property
    def documents(self) -> list[str]:
        """Each document as JSON text without line ends."""
        return [text for part in self.parts for text in part.texts()]

    def objects(self) -> list[dict[str, Any]]:
        """Each document as a dictionary. Of a key that was written twice the last value counts."""
        found: list[dict[str, Any]] = _OBJECTS.decode_lines("\n".join(self.documents))
        return found

    def rendered(self, envelope: Envelope) -> bytes:
        """All documents in their envelopes, in order, as UTF-8."""
        return b"".join([part.rendered(envelope) for part in self.parts])

    @cached_property
    def event_times(self) -> list[str]:
        """The event time of each document as RFC 3339 text with zone.

        A line without a time of its own takes the moment at which its generation began, so that a document
        that is sent again next day goes to the same dated index.
        """
        return [time or part_born(part) for part in self.parts for time in part.event_times()]

    def only(self, indexes: Sequence[int]) -> Batch:
        """The documents with these indexes, renumbered from 0 in the order given."""
        generations = [part.generation for part in self.parts for _ in range(len(part))]
        groups = [list(group) for _, group in groupby(indexes, key=generations.__getitem__)]
        chosen = [self._chosen(generations[group[0]], group) for group in groups]
        return Batch(chosen, None if self.targets is None else [self.targets[i] for i in indexes])

    def _chosen(self, generation: Generation, indexes: Sequence[int]) -> Whole:
        names, texts, times = self.ids, self.documents, self.event_times
        return Whole(
            generation,
            [0] * len(indexes),
            [texts[i] for i in indexes],
            [times[i] for i in indexes],
            [names[i] for i in indexes],
        )


_OBJECTS = msgspec.json.Decoder(dict[str, Any])


def part_born(part: Documents) -> str:
    """The moment at which the generation of these documents began, as RFC 3339 text in UTC."""
    return iso(part.generation.born)


class Rejection(msgspec.Struct, frozen=True):
    """One record that the destination will never take as it is.

    `kind` is the destination's own name for the error, `reason` its words, `status` its number if it has
    one, `target` the index or collection the document was meant for.
    """

    index: int
    kind: str
    reason: str
    status: int | None = None
    target: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What became of each record of a batch, by index. Fail closed: what is not mentioned is retried.

    `stored`: accepted, or found to be there already (`already` says how many were); `range(len(batch))` for all
    of them is judged at a stroke. `rejected`: will never
    be taken; goes to the dead letters. `fault`: why the others could not be taken, if the destination said.
    `diverted`: how many of those that are stored went to the fallback, because there were too many targets.
    `receipt`: a note of the sink's own that is committed with the checkpoint and handed back to `resume`.
    """

    stored: Collection[int]
    rejected: Sequence[Rejection] = ()
    fault: DeliveryError | None = None
    already: int = 0
    failure_store: int = 0
    receipt: str | None = None
    diverted: int = 0
