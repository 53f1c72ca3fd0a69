"""Documents on their way out: a bulk body that can be taken apart again, and BSON that says what the JSON said."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import bson
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.decimal128 import Decimal128

from sidecar.model.batch import Batch, Rejection
from sidecar.model.documents import BulkFraming, Documents, RenderedDocuments
from sidecar.sinks.mongodb.bson_encoder import MAX_DEPTH, Encoder
from sidecar.sinks.mongodb.sink import _ENCODER
from tests.chaos.fuzz.fuzzed_input import FuzzedInput
from tests.chaos.fuzz.parsing import framed, setup, written
from tests.support.builders.records import GENERATION

_IN_PYTHON = Encoder(_ENCODER.encode, _ENCODER.decimal, _ENCODER.errors, None)
_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(datetime_conversion=DatetimeConversion.DATETIME_AUTO)


def check(data: bytes) -> None:
    """Documents of a pipeline, and documents as no pipeline makes them, in one batch."""
    fuzzed = FuzzedInput(data)
    parts: list[Documents] = []
    for _ in range(1 + fuzzed.below(3)):
        if fuzzed.below(2):
            texts = [fuzzed.json_object() for _ in range(fuzzed.below(4))]
            parts.append(RenderedDocuments(GENERATION, range(len(texts)), texts, [""] * len(texts)))
        else:
            pipeline = setup(fuzzed)
            parts.append(pipeline.finisher.build(pipeline.parser().parse(framed(written(fuzzed)))))
    batch = Batch(parts)
    assert len(batch) == len(batch.ids) == len(batch.documents) == len(batch.event_times)
    _check_bulk(batch)
    _check_bson(batch)


def _check_bulk(batch: Batch) -> None:
    body = b"".join(batch.encode(BulkFraming('{"create":{"_id":"', '"}}\n')))
    *lines, end = body.split(b"\n")
    assert end == b""
    assert [json.loads(line) for line in lines[::2]] == [{"create": {"_id": name}} for name in batch.ids]
    assert [line.decode() for line in lines[1::2]] == batch.documents


def _check_bson(batch: Batch) -> None:
    rejected: list[Rejection] = []
    rows = _ENCODER.encode_batch(batch, "logs", rejected)
    assert sorted([*rows.indexes, *(letter.index for letter in rejected)]) == list(range(len(batch)))
    assert rows == _IN_PYTHON.encode_batch(batch, "logs", [])
    for letter in rejected:
        text = batch.documents[letter.index]
        assert letter.kind == "Overflow", f"{letter.reason}: {text}"
        assert text.count("{") + text.count("[") > MAX_DEPTH
    for index, data in zip(rows.indexes, rows.data, strict=True):
        stored = bson.decode(data, _CODEC)
        assert stored.pop("_id") == batch.ids[index]
        said = json.loads(batch.documents[index], parse_int=_Integer, parse_float=_Fraction)
        said.pop("_id", None)
        _check_same(said, stored, "")


class _Integer(str):
    """An integer as it is written."""


class _Fraction(str):
    """A number with a fraction or an exponent as it is written."""


def _check_same(said: Any, stored: Any, path: str) -> None:
    """Nothing but what docs/reference/mongodb.md says is changed."""
    if isinstance(said, dict):
        assert len(said) == len(stored), f"names were lost at {path or 'the root'}"
        for (name, inner), (kept_as, kept) in zip(said.items(), stored.items(), strict=True):
            assert kept_as.rstrip("_") == _escaped(name).replace("\0", "\\u0000").rstrip("_")
            _check_same(inner, kept, f"{path}.{name}")
    elif isinstance(said, list):
        assert len(said) == len(stored)
        for inner, kept in zip(said, stored, strict=True):
            _check_same(inner, kept, f"{path}[]")
    else:
        assert _is_same(said, stored, path), f"{path}: {said!r} became {stored!r}"


def _is_same(said: Any, stored: Any, path: str) -> bool:
    if isinstance(stored, datetime | bson.DatetimeMS):
        return path in (".@timestamp", ".event.ingested")
    found = _AS.get(type(said))
    if found is not None:
        return found(said, stored)
    return bool(stored == (_escaped(said) if isinstance(said, str) else said))


def _is_same_integer(said: str, stored: Any) -> bool:
    if isinstance(stored, int):
        return stored == int(said)
    return str(stored) == said if isinstance(stored, str) else int(Decimal128(said).to_decimal()) == int(str(stored))


def _is_same_fraction(said: str, stored: Any) -> bool:
    if isinstance(stored, float):
        return stored == float(said)
    return stored == said if isinstance(stored, str) else bool(stored == Decimal128(said))


_AS: dict[type, Callable[[str, Any], bool]] = {_Integer: _is_same_integer, _Fraction: _is_same_fraction}


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
