"""What stands inside the lines of a container runtime: messages, given to a parser of their own if that is wanted.

The stream that a message was written to becomes `stream`, unless the message has a field of that name itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
    """One message; `is_whole` says that its end is there, too. `more` are members that the runtime adds."""

    text: str
    stream: str
    time: str
    is_whole: bool = True
    more: str = ""


class ContainerMessages(msgspec.Struct, frozen=True):
    """The messages of some lines as columns. `more` are members that the runtime adds; `partial`: whose end is
    missing."""

    texts: Sequence[str]
    streams: Sequence[str]
    times: Sequence[str]
    more: Mapping[int, str] = {}
    partial: frozenset[int] = frozenset()

    @classmethod
    def of(cls, messages: Sequence[ContainerMessage]) -> ContainerMessages:
        """The same in columns."""
        return cls(
            [message.text for message in messages],
            [message.stream for message in messages],
            [message.time for message in messages],
            {index: message.more for index, message in enumerate(messages) if message.more},
            frozenset(index for index, message in enumerate(messages) if not message.is_whole),
        )


class MessageParser:
    """What reads the messages: a parser, or nothing but `message`."""

    def __init__(self, parser: Parser | None = None) -> None:
        self._parser = parser or PlainTextParser()

    def records(self, lines: LineBatch, found: ContainerMessages) -> RecordBatch:
        """The records of lines that all hold a message."""
        inner = self._parser.parse(_inside(lines, found))
        members = self._members(inner, found)
        times = [own or outer for own, outer in zip(inner.times, found.times, strict=True)]
        notes = {**inner.annotations, **{i: {**_PARTIAL, **inner.annotations.get(i, {})} for i in found.partial}}
        names = None if inner.root_names is None or found.more else inner.root_names | {STREAM}
        return replace(
            inner,
            lines=lines,
            starts=lines.starts,
            bodies=members,
            times=times,
            annotations=notes,
            root_names=names,
        )

    def mixed(self, lines: LineBatch, messages: Sequence[ContainerMessage | None], error: str) -> RecordBatch:
        """The records of lines of which some hold no message; those are messages themselves, with this error."""
        places = [index for index, message in enumerate(messages) if message]
        found = ContainerMessages.of([message for message in messages if message])
        if len(places) == lines.count:
            return self.records(lines, found)
        inner = self.records(lines.select(places), found)
        failed = [index for index, message in enumerate(messages) if message is None]
        both = dict(zip(places, zip(inner.bodies, inner.times, strict=True), strict=True))
        both |= {
            i: (text, "") for i, text in zip(failed, message_bodies([lines.texts[i] for i in failed]), strict=True)
        }
        rows = [both[index] for index in range(lines.count)]
        errors = {places[at]: said for at, said in inner.errors.items()} | dict.fromkeys(failed, error)
        notes = {places[at]: said for at, said in inner.annotations.items()}
        members, times = [body for body, _ in rows], [time for _, time in rows]
        return RecordBatch(
            lines, lines.starts, members, times, errors=errors, annotations=notes, timeouts=inner.timeouts
        )

    @staticmethod
    def _members(inner: RecordBatch, found: ContainerMessages) -> list[str]:
        """The members of each record, ours in front."""
        heads = {stream: f'"{STREAM}":{text}' for stream, text in _quote(set(found.streams))}
        if (
            inner.root_names is not None
            and STREAM not in inner.root_names
            and "" not in inner.bodies
            and not found.more
        ):
            return [f"{heads[s]},{body}" for s, body in zip(found.streams, inner.bodies, strict=True)]
        rows = enumerate(zip(found.streams, inner.bodies, strict=True))
        return [_join_members((heads[stream], found.more.get(i, "")), body) for i, (stream, body) in rows]


def _quote(texts: Iterable[str]) -> list[tuple[str, str]]:
    listed = list(texts)
    return list(zip(listed, json_strings(listed), strict=True))


def _join_members(ours: Sequence[str], body: str) -> str:
    """Members of ours, each with one name, before those of a message, without what it has itself."""
    has = {name.partition(".")[0] for name in _OBJECT.decode(f"{{{body}}}")}
    kept = [member for member in ours if member and member[1 : member.index('"', 1)] not in has]
    return ",".join([*kept, body] if body.strip() else kept)


def _inside(lines: LineBatch, found: ContainerMessages) -> LineBatch:
    """The messages as lines, which a parser may treat at a stroke if the lines round them could be."""
    text = "\n".join([*found.texts, ""])
    is_plain = "\r" not in text and "\0" not in text and text.count("\n") == lines.count
    if not (lines.is_uniform and is_plain and all(found.texts)):
        return replace(lines, texts=found.texts, text="", is_uniform=False)
    return replace(lines, texts=found.texts, text=text, chunk=replace(lines.chunk, data=text.encode()))
