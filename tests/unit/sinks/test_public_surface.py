"""What a plug-in imports is in one place, has the names that are documented, and costs nothing before it is used."""

from __future__ import annotations

from pathlib import Path

import pytest

import sidecar.sinks
from sidecar.errors import DeliveryError
from sidecar.sinks import (
    Batch,
    Misconfigured,
    Rejection,
    RequestTooLarge,
    Retryable,
    Sink,
    SinkSettings,
    WriteResult,
)
from sidecar.testing import ScriptedSink, numbered, rejected, stored

ROOT = Path(__file__).parents[3]


def test_these_names_and_no_others_are_exported() -> None:
    names = [
        "Batch",
        "Misconfigured",
        "Rejection",
        "RequestTooLarge",
        "Retryable",
        "Sink",
        "SinkSettings",
        "WriteResult",
    ]
    assert sidecar.sinks.__all__ == names
    assert all(hasattr(sidecar.sinks, name) for name in names)
    with pytest.raises(AttributeError, match="has no attribute 'Sinks'"):
        _ = sidecar.sinks.Sinks  # type: ignore[attr-defined]


def test_every_exported_name_is_in_the_readme_of_the_example() -> None:
    readme = (ROOT / "examples" / "custom-sink" / "README.md").read_text()
    assert [name for name in sidecar.sinks.__all__ if f"`{name}`" not in readme] == []


def test_the_names_are_enough_for_a_sink() -> None:
    sink: Sink = ScriptedSink([[stored, rejected]])
    batch: Batch = numbered(2)
    assert sink.write(batch) == WriteResult([0], [Rejection(1, "scripted", "as the script says")])
    assert issubclass(Retryable, DeliveryError)
    assert issubclass(RequestTooLarge, Retryable)
    assert issubclass(Misconfigured, DeliveryError)
    assert SinkSettings.model_fields["batch_records"].default == 10_000
