"""A suggestion is a name that was probably meant, or none."""

from __future__ import annotations

import pytest

from sidecar.lib.suggestions import suggestion_for

SETTINGS = ["state_dir", "log_level", "admin", "metrics", "limits", "dead_letters", "drain", "sinks", "pipelines"]


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("limts", SETTINGS, "limits"),
        ("pipeline", SETTINGS, "pipelines"),
        ("Sinks", SETTINGS, "sinks"),
        ("elasticsaerch", ["elasticsearch", "file"], "elasticsearch"),
        ("JSON", ["json", "plain"], "json"),
        ("TIMESTMP", ["REDISTIMESTAMP", "TIMESTAMP_ISO8601"], ""),
        ("pod", ["plain", "add"], ""),
        ("teir", ["tier", "host"], "tier"),
        ("nats", ["elasticsearch", "mongodb", "sqlite", "file", "stdout"], ""),
        ("", SETTINGS, ""),
    ],
)
def test_only_a_close_name_is_suggested(name: str, known: list[str], meant: str) -> None:
    assert suggestion_for(name, known) == (f'; did you mean "{meant}"?' if meant else "")


def test_a_common_prefix_makes_no_name_close() -> None:
    known = [f"SIDECAR_{name.upper()}" for name in SETTINGS]
    assert suggestion_for("SIDECAR_LIMTS", known, "SIDECAR_") == '; did you mean "SIDECAR_LIMITS"?'
    assert suggestion_for("SIDECAR_FOO", known, "SIDECAR_") == ""
