"""Each compiled function: it answers as its reference in Python does, or refuses; the sanitizers see the rest."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import bson

from sidecar.lib.native import _native as _compiled
from sidecar.lib.native import fallback as reference
from sidecar.model.batch import Batch
from sidecar.model.documents import RenderedDocuments
from sidecar.sinks.mongodb._bson import documents
from sidecar.sinks.mongodb.bson_encoder import Encoder
from sidecar.sinks.mongodb.sink import _ENCODER
from tests.chaos.fuzz.fuzzed_input import FuzzedInput
from tests.support.builders.records import GENERATION

_IN_PYTHON = Encoder(_ENCODER.encode, _ENCODER.decimal, _ENCODER.errors, None)
_OFFSETS = (0, 7, 2**31, 2**62, 2**63 - 1, 2**63 - 5, -1, 2**64)
_ROWS = (0, 1, 2, 3, 2**63 - 30, 2**63 - 1, -1)
_ODD: tuple[Any, ...] = (None, 1.5, True, [], ["a", 1], [-1], [2**63], "\ud800", ["\ud800"], ("a",), b"a", [[]])
_MANY = 1000
_PAIR_PIECES = (
    "a=1 ", "b=", "c ", "=", '"', '\\"', "\\", 'd="e f" ', "x.y=1 ", "x.z=2 ", "x.y.z=3 ", ".", "log.", "\n", " ",
    "ä", "wanted=7 ", "a" * 70, "\t", "\0",
)  # fmt: skip


def _text(fuzzed: FuzzedInput) -> str:
    return fuzzed.piece().decode(errors=("replace", "surrogateescape")[fuzzed.below(2)])


def _bytes(fuzzed: FuzzedInput) -> bytes:
    return b"".join(fuzzed.piece() * (1 + fuzzed.below(70)) for _ in range(fuzzed.below(40)))


def _column(fuzzed: FuzzedInput, rows: int) -> Any:
    kind, rows = fuzzed.below(5), rows if 0 <= rows < _MANY else 2
    if kind == 0:
        return _text(fuzzed)
    if kind == 1:
        return [_text(fuzzed) for _ in range(rows)]
    if kind == 2:
        return [int.from_bytes(fuzzed.take(fuzzed.below(10))) for _ in range(rows)]
    return fuzzed.one_of(_ODD) if kind == 3 else [_text(fuzzed)] * fuzzed.below(4)


def _rows_and_columns(fuzzed: FuzzedInput) -> list[Any]:
    rows = fuzzed.one_of(_ROWS)
    return [rows, tuple(_column(fuzzed, rows) for _ in range(fuzzed.below(19)))]


def _wrapped(fuzzed: FuzzedInput) -> str:
    return f"{{{_text(fuzzed)}}}" if fuzzed.below(4) else _text(fuzzed)


def _address(fuzzed: FuzzedInput) -> str:
    parts = [str(fuzzed.below(300)) for _ in range(3 + fuzzed.below(3))]
    return ".".join(parts) if fuzzed.below(4) else _text(fuzzed)


_ARGUMENTS: Mapping[str, Callable[[FuzzedInput], list[Any]]] = {
    "split_lines": lambda fuzzed: [_bytes(fuzzed), fuzzed.one_of(_OFFSETS)],
    "strip_braces": lambda fuzzed: [[_wrapped(fuzzed) for _ in range(fuzzed.below(9))], "{", "}"],
    "join_columns": _rows_and_columns,
    "contains_any": lambda fuzzed: [
        _bytes(fuzzed) + (text := _bytes(fuzzed)),
        (text[fuzzed.below(200) :], *(_bytes(fuzzed) for _ in range(fuzzed.below(4)))),
    ],
    "contains": lambda fuzzed: [_bytes(fuzzed) + (text := _bytes(fuzzed)), text[fuzzed.below(200) :]],
    "are_ipv4": lambda fuzzed: [[_address(fuzzed) for _ in range(fuzzed.below(9))]],
    "count_byte": lambda fuzzed: [_bytes(fuzzed), fuzzed.take(1)],
    "needs_no_escaping": lambda fuzzed: [_bytes(fuzzed)],
    "locate_members": lambda fuzzed: [
        [fuzzed.json_object()[1:-1] if fuzzed.below(2) else _text_of(fuzzed)[1:-1] for _ in range(fuzzed.below(5))],
        tuple(fuzzed.one_of(("a", "b", "time", "message", "")) for _ in range(fuzzed.below(5))),
    ],
    "encode_pairs": lambda fuzzed: _pairs(fuzzed),
    **dict.fromkeys(
        ("mask_ipv4", "mask_email"),
        lambda fuzzed: ["".join(_address(fuzzed) + _text(fuzzed) for _ in range(fuzzed.below(9))), _text(fuzzed)],
    ),
}


def _pairs(fuzzed: FuzzedInput) -> list[Any]:
    """Return arguments of `encode_pairs`."""
    text = "".join(fuzzed.one_of(_PAIR_PIECES) if fuzzed.below(4) else _text(fuzzed) for _ in range(fuzzed.below(40)))
    wanted = tuple(fuzzed.one_of(("a", "x.y", "wanted", "ä")) for _ in range(fuzzed.below(4)))
    lines = text.count("\n") + (not text.endswith("\n") and text != "")
    values = [fuzzed.one_of((None, [_text(fuzzed)] * lines, *_ODD)) for _ in wanted]
    return [text, wanted, *((values,) if fuzzed.below(2) else ())]


def check(name: str, data: bytes) -> None:
    """Call one compiled function."""
    given = _ARGUMENTS[name](FuzzedInput(data))
    try:
        answer = getattr(_compiled, name)(*given)
    except (TypeError, ValueError, OverflowError, MemoryError):
        return
    if name != "join_columns" or given[0] < _MANY:
        assert answer == getattr(reference, name)(*given)


def check_documents(data: bytes) -> None:
    """Encode one document, of which the bytes are the text or what it is made of."""
    fuzzed = FuzzedInput(data)
    kind = fuzzed.below(4)
    text = fuzzed.json_object() if kind == 1 else _text_of(fuzzed) if kind == 2 else _left(fuzzed)
    line = text.replace("\n", "").encode(errors="replace")
    [found] = documents(b"35-0\n%b\n" % line)
    documents(data + b"\n" * (2 - data.count(b"\n") % 2))
    if found is None:
        return
    assert isinstance(json.loads(line), dict)
    assert bson.is_valid(found)
    rows = _IN_PYTHON.encode_batch(
        Batch([RenderedDocuments(GENERATION, range(1), [line.decode()], [""])]), "logs", []
    )
    assert [found[found.index(b"35-0") + 4 :]] == [each[each.index(_ID) + len(_ID) :] for each in rows.data]


_ID = RenderedDocuments(GENERATION, range(1), [""], [""]).ids()[0].encode()


def _text_of(fuzzed: FuzzedInput) -> str:
    return "{" + "".join(_text(fuzzed) for _ in range(fuzzed.below(30))) + "}"


def _left(fuzzed: FuzzedInput) -> str:
    return fuzzed.take(1 << 16).decode(errors="replace")
