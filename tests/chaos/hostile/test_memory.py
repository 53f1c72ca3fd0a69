"""Memory has a ceiling that holds, whatever the length of lines and whatever is added to them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sidecar.deliver.batcher import MAX_CHUNK_OVERHEAD_BYTES, BatchLimits
from sidecar.model.batch import Batch, WriteResult
from tests.benchmarks.servers import null_server
from tests.support.processes import ENVIRON
from tests.support.simulated_sidecar import Destination, SimulatedSidecar

CEILING_MIB = 96
SIZE = 1 << 20
LABELS = {f"label{number}": "v" * 60 for number in range(12)}
LOGFMT_OF_DOTS = b"a" + b".a" * 20_000 + b"=1\n"


@pytest.mark.parametrize(
    ("line", "pipeline"),
    [
        (b"x\n", {}),
        (b"\n", {}),
        (b"}\n", {"transforms": [{"add": LABELS}], "parser": "json"}),
        (b'    "k": 12345,\n', {"transforms": [{"add": LABELS}]}),
        (b"\x01" * 40 + b"\n", {}),
        (b"x\n", {"multiline": {"start": "^x"}, "transforms": [{"add": LABELS}]}),
        (b"x\0\n\0", {"encoding": "utf-16le", "transforms": [{"add": LABELS}]}),
        (LOGFMT_OF_DOTS, {"parser": "logfmt"}),
    ],
    ids=["short", "empty", "labels", "json-fragments", "escapes", "multiline", "utf-16", "dots"],
)
@pytest.mark.slow
def test_the_process_stays_below_the_ceiling(tmp_path: Path, line: bytes, pipeline: dict[str, Any]) -> None:
    (tmp_path / "app.log").write_bytes(line * (SIZE // len(line)))
    with null_server("elasticsearch") as server:
        settings = {
            "state_dir": str(tmp_path / "state"),
            "sinks": {"out": f"elasticsearch://127.0.0.1:{server.port}/logs"},
            "pipelines": {"app": {"paths": [str(tmp_path / "app.log")], **pipeline}},
        }
        (tmp_path / "sidecar.json").write_text(json.dumps(settings))
        assert peak_mib("run", "--once", "--config", str(tmp_path / "sidecar.json")) <= CEILING_MIB


_MEASURED = """
import resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "sidecar", *sys.argv[1:]], stderr=subprocess.DEVNULL)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_mib(*arguments: str) -> float:
    """The most memory that a command has taken when it ends well, in MiB (getrusage(2), `ru_maxrss`).

    A process begins with the figure of the one that it was forked from, so a small one stands between.
    """
    command = [sys.executable, "-c", _MEASURED, *arguments]
    done = subprocess.run(command, env=ENVIRON, capture_output=True, text=True, check=True)
    code, peak_kib = map(int, done.stdout.split())
    assert code == 0
    return peak_kib / 1024


@dataclass
class CountingSink(Destination):
    """A sink that remembers how many documents each batch had, and their bytes."""

    sizes: list[tuple[int, int]] = field(default_factory=list)

    def write(self, batch: Batch) -> WriteResult:
        self.sizes.append((len(batch), sum(map(len, batch.documents))))
        return super().write(batch)


def count_batches(tmp_path: Path, data: bytes, limits: BatchLimits, **options: Any) -> list[tuple[int, int]]:
    world = SimulatedSidecar(tmp_path, **options)
    sink = CountingSink(world.crash_after)
    world.destinations["sink"] = sink
    world.limits = limits
    world.write(data)
    world.restart()
    world.settle()
    assert len(sink.documents) == data.count(b"\n")
    return sink.sizes


@pytest.mark.parametrize("multiline", [None, {"start": "^x"}])
@pytest.mark.parametrize("records", [1, 7])
def test_no_batch_has_more_documents_than_batch_records(
    tmp_path: Path, records: int, multiline: dict[str, str] | None
) -> None:
    sizes = count_batches(tmp_path, b"x\n" * 300, BatchLimits(records, 64 * 1024, 0.1, 1), multiline=multiline)
    assert max(count for count, _ in sizes) == records


def test_the_bytes_of_a_batch_are_bounded_also_where_fields_make_documents_long(tmp_path: Path) -> None:
    pipeline = {"transforms": [{"add": LABELS}]}
    sizes = count_batches(tmp_path, b"x\n" * 5_000, BatchLimits(10_000, 64 * 1024, 0.1, 1), pipeline=pipeline)
    assert max(size for _, size in sizes) <= 4 * 64 * 1024


def test_a_chunk_may_have_as_many_records_as_memory_allows_and_always_one() -> None:
    limits = BatchLimits(10_000, 1 << 20, 0.1, 1)
    assert limits.chunk_records(overhead=1024, records=0) == MAX_CHUNK_OVERHEAD_BYTES // 1024
    assert limits.chunk_records(overhead=1, records=9_990) == 10
    assert limits.chunk_records(overhead=1 << 30, records=0) == 1
