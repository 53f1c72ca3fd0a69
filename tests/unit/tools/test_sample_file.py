"""A file that is read once, for `bench` and for statistics: all of it, and nothing is recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.lib.charset import lookup
from sidecar.tail.reader import Reader
from sidecar.tools.sample_file import read_chunks


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_the_whole_file_is_read_also_if_its_last_byte_is_nul(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes("".join(f"order {number} accepted\n" for number in range(1000)).encode(encoding))
    chunks = list(read_chunks(path, Reader(charset=lookup(encoding))))
    assert b"".join(chunk.data for chunk in chunks) == path.read_bytes()
