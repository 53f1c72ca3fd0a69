"""Secrets in files, and clients that are made anew when one of them changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from sidecar.errors import Misconfigured
from sidecar.sinks.common.credentials import ReloadingClient, read_secret


def renewed(*files: Path) -> tuple[ReloadingClient[str], list[str]]:
    closed: list[str] = []
    return ReloadingClient(list(files), lambda: "+".join(file.read_text() for file in files), closed.append), closed


def replace(file: Path, text: str) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(text)
    os.replace(fresh, file)


def test_a_secret_is_the_file_without_its_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "p").write_text(" s3cret \n")
    assert read_secret(None, tmp_path / "p") == " s3cret "
    (tmp_path / "p").write_text("\ufeffs3cret\r\n")  # as editors on Windows save it
    assert read_secret(None, tmp_path / "p") == "s3cret"
    assert read_secret(SecretStr("direct"), None) == "direct"
    assert read_secret(None, None) is None


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    client, _ = renewed(tmp_path / "missing")
    with pytest.raises(Misconfigured, match=r"missing: .*No such file"), client.lend():
        pass
    with pytest.raises(Misconfigured, match="missing"):
        read_secret(None, tmp_path / "missing")


def test_the_same_client_is_lent_until_a_file_changes(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("one")
    client, closed = renewed(tmp_path / "p")
    with client.lend() as first, client.lend() as second:
        assert first is second
    replace(tmp_path / "p", "two")
    with client.lend() as third:
        assert third == "two"
    assert closed == ["one"]


def test_an_old_client_is_closed_when_its_last_user_gives_it_back(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("one")
    client, closed = renewed(tmp_path / "p")
    with client.lend():
        replace(tmp_path / "p", "two")
        with client.lend() as new:
            assert (new, closed) == ("two", [])
    assert closed == ["one"]


def test_closing_closes_the_client_and_may_be_done_twice(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("one")
    client, closed = renewed(tmp_path / "p")
    client.close()
    with client.lend():
        pass
    client.close()
    client.close()
    assert closed == ["one"]
