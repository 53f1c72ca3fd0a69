"""What it costs that ids stay once across a rollover (`look_up_sent`): `python -m tests.benchmarks.sent_ids`.

While requests succeed: requests and bytes of a batch with and without it, and instructions of the check. After a
request whose outcome is unknown: requests, bytes and time of the look-up, by the indexes of the data stream.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sidecar.errors import Retryable
from sidecar.lib.clock import SystemClock
from sidecar.model.batch import Batch
from sidecar.sinks.common.target_limit import BatchTargets
from sidecar.sinks.elasticsearch.sent_ids import IdSearch, SentIds
from sidecar.sinks.elasticsearch.sink import ElasticsearchSettings, ElasticsearchSink
from tests.benchmarks.linear.counter import Counter
from tests.benchmarks.logs import generate
from tests.benchmarks.report import machine
from tests.support.builders.batches import batch_of, generation
from tests.support.data_streams import LosingGateway, make_streams, roll_over
from tests.support.servers.elasticsearch_proxy import Request, opened
from tests.support.servers.real_elasticsearch import running

HEADER = (
    "| indexes | a batch is stored in | look-up, all stored | look-up, none stored | requests | bytes sent | "
    "bytes received, all stored |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)
_STREAM = {"type": "logs", "dataset": "app", "namespace": "default"}
_NAME = "logs-app-default"
_INSTRUCTIONS = re.compile(r"^instructions: (\d+)$", re.MULTILINE)
_COUNTER = Path(__file__).parent / "linear" / "counter.c"


@dataclass
class CountingGateway(LosingGateway):
    """Counts the bytes of requests and answers, without their headers."""

    sent: int = 0
    received: int = 0

    def reply(self, request: Request) -> tuple[int, bytes, Mapping[str, str]]:
        answer = super().reply(request)
        self.sent += len(request.body)
        self.received += len(answer[1])
        return answer


def connect(url: str, *, looks_up: bool = True) -> ElasticsearchSink:
    """Return a sink for the data stream."""
    return ElasticsearchSink(settings_for(url, looks_up=looks_up))


def settings_for(url: str, *, looks_up: bool = True) -> ElasticsearchSettings:
    given = {"hosts": [url], "data_stream": _STREAM, "look_up_sent": looks_up}
    return ElasticsearchSettings.model_validate(given)


def new_batch(documents: Sequence[str]) -> Batch:
    """Return the documents as a batch of a file that the process itself has discovered."""
    return batch_of(*documents, of=generation(born=time.time() + 60))


def documents_of(batch_bytes: int, folder: Path) -> list[str]:
    """Return as many documents as a batch of this many bytes of log holds."""
    lines = generate("json", 10_000, folder).read_text().splitlines()
    count = 0
    while count < len(lines) and batch_bytes > 0:
        batch_bytes -= len(lines[count]) + 1
        count += 1
    return [json.dumps({"@timestamp": "2026-11-28T01:00:00Z", **json.loads(line)}) for line in lines[:count]]


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def compare_good_case(url: str, documents: Sequence[str]) -> None:
    """Print the requests and bytes of ten batches that are stored, with and without the look-up."""
    for looks_up in (True, False):
        gateway = CountingGateway(url)
        with opened(gateway):
            sink = connect(f"http://127.0.0.1:{gateway.port}", looks_up=looks_up)
            for _ in range(10):
                sink.write(new_batch(documents))
            sink.close()
        print(f"look_up_sent: {json.dumps(looks_up)}: {len(gateway.requests)} requests with {gateway.sent:,} bytes "
              f"for 10 batches", flush=True)  # fmt: skip


def lose_answer(url: str, documents: Sequence[str]) -> CountingGateway:
    """Let a gateway lose the answer to a batch that was stored, and send the batch again."""
    gateway = CountingGateway(url, losses=1)
    with opened(gateway):
        sink, batch = connect(f"http://127.0.0.1:{gateway.port}"), new_batch(documents)
        with suppress(Retryable):
            sink.write(batch)
        gateway.requests.clear()
        gateway.sent = gateway.received = 0
        assert sink.write(batch).duplicates == len(documents)
        sink.close()
    return gateway


def measure(url: str, indexes: int, documents: Sequence[str], runs: int) -> str:
    """Return a line of the table for the stream as it is."""
    sink, search = connect(url), IdSearch(settings_for(url))
    stored, found, missed = [], [], []

    def expect(ids: Collection[str], count: int) -> None:
        assert len(search.find(_NAME, ids)) == count

    for _ in range(runs):
        batch = new_batch(documents)
        stored.append(seconds(partial(sink.write, batch)))
        found.append(seconds(partial(expect, batch.ids, len(documents))))
        unknown = new_batch(documents).ids
        missed.append(seconds(partial(expect, unknown, 0)))
    sink.close()
    gateway = lose_answer(url, documents)
    shown = [f"{statistics.median(each) * 1000:.0f} ms" for each in (stored, found, missed)]
    counts = [str(len(gateway.requests)), f"{gateway.sent:,}", f"{gateway.received:,}"]
    return f"| {' | '.join([str(indexes), *shown, *counts])} |"


def count_instructions(documents: Sequence[str], library: Path, folder: Path) -> int:
    """Return the instructions of the check of one batch, none of whose documents was sent before."""
    sent = SentIds(lambda target, ids: [], 3 << 20, SystemClock())
    counter, batch, routed = Counter(library, folder), new_batch(documents), BatchTargets(_NAME)
    return min(counter.count(lambda: sent.find_stored(batch, routed)) for _ in range(20))


def count_under_valgrind(batch_bytes: int, folder: Path) -> int:
    """Run `count_instructions` in a process whose instructions are counted."""
    library = folder / "counter.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(_COUNTER)], check=True)
    done = subprocess.run(
        ["valgrind", "-q", "--tool=massif", "--time-unit=i", "--massif-out-file=/dev/null", sys.executable, "-m",
         "tests.benchmarks.sent_ids", "--batch-bytes", str(batch_bytes), "--counter", str(library)],
        env={**os.environ, "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = _INSTRUCTIONS.search(done.stdout)
    assert found, done.stdout + done.stderr
    return int(found[1])


def main(arguments: Sequence[str]) -> int:
    """Print what was measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sent_ids", description=__doc__)
    parser.add_argument("--indexes", type=int, action="append", help="indexes of the stream; 1, 10 and 50 by default")
    parser.add_argument("--documents", type=int, default=8_000, help="documents of each index before the measurement")
    parser.add_argument("--runs", type=int, default=10, help="look-ups of each kind; the median is shown")
    parser.add_argument("--batch-bytes", type=int, default=1 << 20, help="bytes of log in a batch")
    parser.add_argument("--counter", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        documents = documents_of(options.batch_bytes, Path(folder))
        if options.counter:
            print(f"instructions: {count_instructions(documents, options.counter, Path(folder))}")
            return 0
        print(f"{machine()}; {len(documents):,} documents in a batch", flush=True)
        print(
            f"check of a batch: {count_under_valgrind(options.batch_bytes, Path(folder)):,} instructions", flush=True
        )
    with running() as url:
        make_streams(url, _NAME)
        print(HEADER, flush=True)
        sink, has = connect(url), 0
        for indexes in options.indexes or (1, 10, 50):
            while has < indexes:
                if has:
                    roll_over(url, _NAME)
                for _ in range(max(1, options.documents // len(documents))):
                    sink.write(new_batch(documents))
                has += 1
                if has == 1:
                    measure(url, 1, documents, options.runs)  # the first requests of a new server are slow
            print(measure(url, indexes, documents, options.runs), flush=True)
        sink.close()
        compare_good_case(url, documents)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
