"""Builds records from the messages in CRI and Docker log lines: parses them, or stores them as text.

The stream (`stdout` or `stderr`) becomes the field `stream`, unless the message has a field of that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import msgspec
from msgspec.structs import replace

from sidecar.model.lines import LineBatch
from sidecar.model.records import RecordBatch
from sidecar.parse.chain import Parser
from sidecar.parse.plain import PlainTextParser, json_strings, message_bodies

STREAM = "stream"
_PARTIAL = {"partial": "true"}
_OBJECT: msgspec.json.Decoder[Any] = msgspec.json.Decoder(dict[str, msgspec.Raw])


class ContainerMessage(msgspec.Struct, frozen=True):
    """One message of a container."""

    text: str
    stream: str
    time: str
    is_whole: bool = True
    """Whether the message is complete; False if its end is missing."""

    extra_members: str = ""
    """JSON members that the container runtime adds."""


class ContainerMessages(msgspec.Struct, frozen=True):
    """The messages of a batch of lines, in columns."""

    texts: Sequence[str]
    streams: Sequence[str]
    times: Sequence[str]
    extra_members: Mapping[int, str] = {}
    """JSON members that the container runtime adds, by index of the message."""

    partial: frozenset[int] = frozenset()
    """Indexes of messages whose end is missing."""

    @classmethod
    def from_messages(cls, messages: Sequence[ContainerMessage]) -> ContainerMessages:
        """Return these messages in columns."""
        return cls(
            [message.text for message in messages],
            [message.stream for message in messages],
            [message.time for message in messages],
            {index: message.extra_members for index, message in enumerate(messages) if message.extra_members},
            frozenset(index for index, message in enumerate(messages) if not message.is_whole),
        )


class MessageParser:
    """Parses messages with the configured parser. Without one, the message is stored as text."""

    def __init__(self, parser: Parser | None = None) -> None:
        self._parser = parser or PlainTextParser()

    def parse_all(self, lines: LineBatch, messages: ContainerMessages) -> RecordBatch:
        """Return one record for each line. Every line must contain a message."""
        inner = self._parser.parse(_as_lines(lines, messages))
        bodies = self._bodies(inner, messages)
        times = [inner_time or outer_time for inner_time, outer_time in zip(inner.times, messages.times, strict=True)]
        annotations = {
            **inner.annotations,
            **{i: {**_PARTIAL, **inner.annotations.get(i, {})} for i in messages.partial},
        }
        root_names = None if inner.root_names is None or messages.extra_members else inner.root_names | {STREAM}
        return replace(
            inner,
            lines=lines,
            starts=lines.starts,
            bodies=bodies,
            times=times,
            annotations=annotations,
            root_names=root_names,
        )

    def parse_some(self, lines: LineBatch, messages: Sequence[ContainerMessage | None], error: str) -> RecordBatch:
        """Return one record for each line. A line without a message (None) fails with `error`."""
        indexes = [index for index, message in enumerate(messages) if message]
        parsed = ContainerMessages.from_messages([message for message in messages if message])
        if len(indexes) == lines.count:
            return self.parse_all(lines, parsed)
        inner = self.parse_all(lines.select(indexes), parsed)
        failed = [index for index, message in enumerate(messages) if message is None]
        rows_by_index = dict(zip(indexes, zip(inner.bodies, inner.times, strict=True), strict=True))
        rows_by_index |= {
            i: (text, "") for i, text in zip(failed, message_bodies([lines.texts[i] for i in failed]), strict=True)
        }
        rows = [rows_by_index[index] for index in range(lines.count)]
        errors = {indexes[position]: entry for position, entry in inner.errors.items()} | dict.fromkeys(failed, error)
        notes = {indexes[position]: entry for position, entry in inner.annotations.items()}
        bodies, times = [body for body, _ in rows], [time for _, time in rows]
        return RecordBatch(
            lines, lines.starts, bodies, times, errors=errors, annotations=notes, timeouts=inner.timeouts
        )

    @staticmethod
    def _bodies(inner: RecordBatch, messages: ContainerMessages) -> list[str]:
        """Return the JSON body of each record, with `stream` first."""
        stream_members = {stream: f'"{STREAM}":{text}' for stream, text in _quote(set(messages.streams))}
        if (
            inner.root_names is not None
            and STREAM not in inner.root_names
            and "" not in inner.bodies
            and not messages.extra_members
        ):
            return [
                f"{stream_members[stream]},{body}"
                for stream, body in zip(messages.streams, inner.bodies, strict=True)
            ]
        rows = enumerate(zip(messages.streams, inner.bodies, strict=True))
        return [
            _join_members((stream_members[stream], messages.extra_members.get(i, "")), body)
            for i, (stream, body) in rows
        ]


def join_events(events: Sequence[str]) -> tuple[str, list[int]]:
    """Return all lines of the events, and the index of the first line of each event; the last index is the end."""
    counts = [event.count("\n") + 1 for event in events]
    return "\n".join(events), list(accumulate(counts, initial=0))


def _quote(texts: Iterable[str]) -> list[tuple[str, str]]:
    distinct = list(texts)
    return list(zip(distinct, json_strings(distinct), strict=True))


def _join_members(added: Sequence[str], body: str) -> str:
    """Return the members of `added` and of a body. Omit a member of `added` if the body has one of that name."""
    existing = {name.partition(".")[0] for name in _OBJECT.decode(f"{{{body}}}")}
    kept = [member for member in added if member and member[1 : member.index('"', 1)] not in existing]
    return ",".join([*kept, body] if body.strip() else kept)


def _as_lines(lines: LineBatch, messages: ContainerMessages) -> LineBatch:
    """Return a batch in which each line is replaced by its message."""
    text = "\n".join([*messages.texts, ""])
    is_plain = "\r" not in text and "\0" not in text and text.count("\n") == lines.count
    if not (is_plain and all(messages.texts)) or lines.annotations or lines.invalid:
        return replace(lines, texts=messages.texts, text="", is_uniform=False)
    chunk = replace(lines.chunk, data=text.encode())
    return replace(lines, texts=messages.texts, text=text, is_uniform=True, chunk=chunk)
