"""The harness tells no speed that is not true: every item is answered, and a run that loses a line is refused."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from sidecar.decode.presets import PRESET_NAMES
from sidecar.parse.settings import BUILT_IN
from sidecar.transform.registry import KINDS
from tests.benchmarks.__main__ import main
from tests.benchmarks.comparison import Entry, Incomplete
from tests.benchmarks.competitors import SIDECAR, YARDSTICK, Competitor, Job
from tests.benchmarks.logs import EVENTS, LOGS, generate
from tests.benchmarks.recorded import Recorded, describe_changes
from tests.benchmarks.servers import null_server, null_servers
from tests.benchmarks.verify import findings, peer_findings
from tests.benchmarks.workloads import PARSERS, WORKLOADS

LINES = 300


def _bulk(documents: int, ids: int | None = None) -> str:
    """The body of a bulk request."""
    return "".join(f"{json.dumps(line, separators=(',', ':'))}\n" for line in _operations(documents, ids))


def _operations(documents: int, ids: int | None = None) -> list[dict[str, Any]]:
    """A create and its document for each; ids begin again after `ids` of them."""
    pairs: Iterator[list[dict[str, Any]]] = (
        [{"create": {"_id": str(n % (ids or documents))}}, {"n": n}] for n in range(documents)
    )
    return [line for pair in pairs for line in pair]


def _sent(port: int, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """Status and decoded answer of a bulk request without a client."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("POST", "/logs/_bulk?filter_path=errors", body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def _shortened(job: Job, drop: int) -> Path:
    """A copy of the log that lacks one line."""
    lines = job.log.read_bytes().splitlines(keepends=True)
    copy = job.state / "copy.log"
    copy.write_bytes(b"".join(lines[:drop] + lines[drop + 1 :]))
    return copy


def _forgetful(job: Job) -> list[str]:
    return YARDSTICK.command(Job(job.workload, _shortened(job, LINES - 1), job.ports, job.state))


def _failing(job: Job) -> list[str]:
    return [sys.executable, "-c", "import sys; sys.exit('the disk is on fire')"]


def _stuck(job: Job) -> list[str]:
    return [sys.executable, "-c", "import time; time.sleep(600)"]


def test_the_official_client_finds_an_answer_for_every_item_of_a_bulk() -> None:
    with null_server("elasticsearch") as null, Elasticsearch(f"http://127.0.0.1:{null.port}") as client:
        for count in (1, 7, 4000):
            answer = client.bulk(index="logs", operations=_operations(count), filter_path="errors,items.*.status")
            assert not answer["errors"]
            assert answer["items"] == [{"create": {"status": 201}}] * count
        assert null.stats()["documents"] == 4008


def test_the_official_client_takes_the_null_server_for_elasticsearch() -> None:
    with null_server("elasticsearch") as null, Elasticsearch(f"http://127.0.0.1:{null.port}") as client:
        assert client.info()["version"]["number"].startswith("8.")
        assert client.cluster.health()["status"] == "green"
        assert client.ping()


def test_a_bulk_of_several_megabytes_is_counted_to_the_last_document() -> None:
    body = _bulk(200_000).encode()
    with null_server("elasticsearch") as null:
        assert len(_sent(null.port, body)[1]["items"]) == 200_000
        assert null.stats()["bytes"] == len(body)


def test_a_compressed_bulk_is_counted_by_what_is_in_it() -> None:
    body = gzip.compress(_bulk(50).encode())
    with null_server("elasticsearch") as null:
        assert len(_sent(null.port, body, {"content-encoding": "gzip"})[1]["items"]) == 50
        assert null.stats()["documents"] == 50


def test_a_bulk_that_was_cut_off_is_refused_and_not_counted() -> None:
    with null_server("elasticsearch") as null:
        assert _sent(null.port, _bulk(3).encode()[:-1])[0] == 400
        assert _sent(null.port, _bulk(3).encode() + b'{"create":{}}\n')[0] == 400
        assert null.stats()["documents"] == 0


def test_repeated_ids_are_counted_apart() -> None:
    with null_server("elasticsearch", keep=True) as null, Elasticsearch(f"http://127.0.0.1:{null.port}") as client:
        client.bulk(index="logs", operations=_operations(10, ids=8))
        ids = [name for name, _ in null.documents()]
        assert (null.stats()["documents"], len(ids), len(set(ids))) == (10, 10, 8)


@pytest.mark.parametrize("kind", [kind for kind in LOGS if kind not in EVENTS])
def test_the_same_log_is_made_again_and_no_line_of_it_twice(kind: str, tmp_path: Path) -> None:
    one, other = (generate(kind, LINES, tmp_path / name) for name in _folders(tmp_path, "one", "other"))
    assert one.read_bytes() == other.read_bytes()
    assert len(set(one.read_bytes().split(b"\n"))) == LINES + 1


def _folders(parent: Path, *names: str) -> tuple[str, ...]:
    for name in names:
        (parent / name).mkdir()
    return names


def test_a_whole_run_prints_figures_for_each_kind_and_writes_them_as_markdown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "benchmarks.md"
    options = ["--lines", str(LINES), "--runs", "1", "--cache", str(tmp_path), "--markdown", str(report)]
    assert main([*options, "--competitors", "yardstick,sidecar", "--table", "comparison"]) == 0
    printed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(printed) == 2 + len(WORKLOADS) + 3
    assert [line for line in report.read_text().splitlines() if line.startswith("| ")] == printed
    assert str(tmp_path) not in report.read_text()


@pytest.mark.parametrize(
    ("loser", "said"), [(_forgetful, "1 missing, the first at byte"), (_failing, "the disk is on fire")]
)
def test_a_run_that_loses_a_line_or_fails_gets_no_speed(
    loser: Callable[[Job], list[str]], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [
        "--lines",
        str(LINES),
        "--runs",
        "1",
        "--cache",
        str(tmp_path),
        "--only",
        "plain",
        "--table",
        "comparison",
    ]
    assert main(options, {"loser": Competitor(loser)}) == 1
    told = capsys.readouterr()
    assert said in told.err
    assert "| plain |" not in told.out


def test_a_loss_in_the_timed_run_alone_is_refused_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def loses_late(job: Job) -> list[str]:
        return _forgetful(job) if job.log.name.startswith(f"json-{LINES}-") else YARDSTICK.command(job)

    options = [
        "--lines",
        str(LINES),
        "--verified-lines",
        "50",
        "--cache",
        str(tmp_path),
        "--only",
        "json",
        "--table",
        "comparison",
    ]
    assert main(options, {"loser": Competitor(loses_late)}) == 1
    assert "300 lines or events, 299 documents, 1 missing" in capsys.readouterr().err


def test_a_run_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    log = generate("plain", LINES, tmp_path)
    with null_servers(["elasticsearch"]) as nulls, pytest.raises(Incomplete, match="had not ended after 1 s"):
        Entry("stuck", Competitor(_stuck), WORKLOADS["plain"]).run(log, nulls, limit_s=1)


def test_a_peer_that_delivers_too_little_is_given_up(tmp_path: Path) -> None:
    log = generate("plain", LINES, tmp_path)
    peer = Entry("stuck", Competitor(_stuck, ends=False), WORKLOADS["plain"])
    with null_servers(["elasticsearch"]) as nulls, pytest.raises(Incomplete, match="had not delivered everything"):
        peer.run(log, nulls, limit_s=1)


def test_every_way_in_which_documents_can_be_wrong_is_named(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\ntwo\nthree\n")
    stored = ((0, "one"), (0, "one"), (4, "TWO"), (99, "stray"))
    pairs = [("a", {"message": message, "log": {"offset": at}}) for at, message in stored]
    assert findings(log, "plain", "plain", pairs) == [
        "1 missing, the first at byte 8",
        "1 stored twice, the first at byte 0",
        "1 from no line of the log, the first at byte 99",
        "1 not what the line says, the first at byte 4",
        "1 ids used more than once",
    ]


def test_documents_of_a_peer_are_compared_with_the_lines_too(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\ntwo\nthree\n")
    assert peer_findings(log, "plain", [("", {"body": line}) for line in ("one", "two", "three")]) == []
    assert peer_findings(log, "plain", [("", {"message": line}) for line in ("one", "one", "three")]) == [
        "1 missing, the first is 'two'",
        "1 too many or not what the line says",
    ]


def test_memory_of_the_harness_does_not_count_for_the_competitor(tmp_path: Path) -> None:
    ballast = bytearray(b"x") * (300 << 20)
    log = generate("plain", LINES, tmp_path)
    nothing = Competitor(lambda _: [sys.executable, "-c", "pass"])
    with null_servers(["elasticsearch"]) as nulls:
        small = Entry("small", nothing, WORKLOADS["plain"]).run(log, nulls)
    assert len(ballast) > 0
    assert small.peak_mib < 100


@pytest.mark.parametrize("name", PARSERS)
def test_the_documents_of_each_parser_are_verified(name: str, tmp_path: Path) -> None:
    workload = PARSERS[name]
    Entry(name, SIDECAR, workload).verify(generate(workload.log, LINES, tmp_path))


def _used(pipeline: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a pipeline is made of, as (kind, name)."""
    wanted = pipeline.get("parser", [])
    for parser in wanted if isinstance(wanted, list) else [wanted]:
        yield "parser", parser if isinstance(parser, str) else parser["type"]
    yield "preset", pipeline.get("multiline", "")
    for item in pipeline.get("transforms", []):
        yield "transform", item if isinstance(item, str) else next(iter(item))


def test_each_parser_preset_and_transform_has_its_line_in_the_table() -> None:
    measured = {each for workload in PARSERS.values() for each in _used(workload.pipeline)}
    there = {("parser", name) for name in BUILT_IN} | {("preset", name) for name in PRESET_NAMES}
    assert sorted((there | {("transform", name) for name in KINDS}) - measured) == []


def test_only_ratios_that_changed_by_more_than_a_tenth_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "bench" / "recorded.json"
    Recorded(100, {"json": 1.2, "plain": 1.1, "gone": 2.0}).write(file)
    before = Recorded.read(file)
    assert describe_changes(before, Recorded(100, {"json": 1.5, "plain": 1.15, "new": 9.0})) == (
        "1 of 2 ratios changed by more than 10%\njson: 1.20 → 1.50 (+25%)"
    )
    assert describe_changes(before, Recorded(7, {})) == "not compared: recorded with 100 lines, this run has 7"
