"""Write, rotate, kill, truncate, restart; then every line is there once, and each field is what it has to be."""

from __future__ import annotations

import json
import signal
import sqlite3
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from sidecar.testing import LogFile
from tests.support.journeys import Destination, elasticsearch, file, line, mongodb, numbers, sqlite, travel
from tests.support.processes import ended, eventually, running, sidecar
from tests.support.servers.elasticsearch_proxy import JSON, ElasticsearchProxy, Request, opened


@pytest.fixture(
    params=[
        "sqlite",
        "file",
        pytest.param("elasticsearch", marks=pytest.mark.elasticsearch),
        pytest.param("mongodb", marks=pytest.mark.mongodb),
    ]
)
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> Destination:
    if request.param == "elasticsearch":
        return elasticsearch(request.getfixturevalue("elasticsearch_url"), request.getfixturevalue("index_name"))
    if request.param == "mongodb":
        return mongodb(request.getfixturevalue("mongodb_uri"), request.getfixturevalue("database_name"))
    return {"sqlite": sqlite, "file": file}[request.param](tmp_path)


def test_every_line_is_stored_once_over_rotation_kill_truncation_and_restart(
    tmp_path: Path, destination: Destination
) -> None:
    travel(tmp_path, destination)


def test_once_reads_what_is_there_with_its_unterminated_last_line_and_ends(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text(f"{line(0)}\n{line(1)}")
    to = sqlite(tmp_path)
    arguments = ("run", f"{tmp_path}/app.log", "--parser", "json", "--to", to.url, "--once")
    done = sidecar(*arguments, "--state-dir", str(tmp_path / "state"))
    assert done.returncode == 0, done.stderr
    assert numbers(to) == [0, 1]
    with (tmp_path / "app.log").open("a") as log:
        log.write(" and the rest of it\n")
    assert sidecar(*arguments, "--state-dir", str(tmp_path / "state")).returncode == 0
    (rest,) = [document for document in to.stored() if document.get("message") == " and the rest of it"]
    assert rest["log"]["continuation"] is True


def test_several_pipelines_and_sinks_from_a_file_and_the_environment(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.log").write_text("".join(f"{line(n)}\n" for n in range(20)))
    (tmp_path / "sidecar.yaml").write_text(f"""
state_dir: {tmp_path}/state
sinks:
  one: sqlite:///{tmp_path}/one.db
  two: {{type: sqlite, path: {tmp_path}/two.db, table: lines}}
pipelines:
  a: {{paths: ["{tmp_path}/a.log"], parser: json, sinks: [one, two], transforms: [{{add: {{from: a}}}}]}}
  b: {{paths: ["{tmp_path}/b.log"], parser: plain, sinks: [two]}}
""")
    done = sidecar("run", "--config", f"{tmp_path}/sidecar.yaml", "--once", SIDECAR_PIPELINES__B__PARSER="json")
    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(tmp_path / "one.db")) as one, closing(sqlite3.connect(tmp_path / "two.db")) as two:
        assert one.execute("SELECT count(*) FROM logs").fetchone() == (20,)
        assert two.execute("SELECT count(*) FROM lines").fetchone() == (40,)
        assert two.execute("SELECT count(*) FROM lines WHERE json_extract(document, '$.from') = 'a'").fetchone() == (
            20,
        )


def test_a_dead_sink_holds_back_no_other_and_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "app.log")
    log.write(*map(line, range(50)))
    to = sqlite(tmp_path)
    (tmp_path / "sidecar.yaml").write_text(f"""
state_dir: {tmp_path}/state
drain: {{timeout: 1s}}
sinks: {{dead: "elasticsearch://127.0.0.1:1/logs", alive: "{to.url}"}}
pipelines: {{app: {{paths: ["{tmp_path}/app.log"], parser: json}}}}
""")
    own_log = tmp_path / "sidecar.log"
    with running(own_log, "--config", f"{tmp_path}/sidecar.yaml", "--strict-exit") as process:
        eventually(lambda: numbers(to) == list(range(50)), "the living sink has everything")
        assert ended(process, timeout=15) == 3
    said = [json.loads(text) for text in own_log.read_text().splitlines()]
    assert [event["sink"] for event in said if event["event"] == "sink_down"] == ["dead"]
    balances = {event["sink"]: event for event in said if event["event"] == "balance"}
    assert balances["dead"]["unsettled"] == balances["alive"]["stored"] == balances["dead"]["seen"]


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("one\n")
    arguments = (
        f"{tmp_path}/app.log",
        "--to",
        "elasticsearch://127.0.0.1:1/logs",
        "--state-dir",
        f"{tmp_path}/state",
    )
    own_log = tmp_path / "sidecar.log"
    with running(own_log, *arguments) as process:
        eventually(lambda: own_log.exists() and "sink_down" in own_log.read_text(), "it has tried")
        process.send_signal(signal.SIGINT)
        eventually(lambda: "draining" in own_log.read_text(), "it drains")
        assert ended(process, signal.SIGINT, timeout=5) == 0


def test_two_sinks_on_the_command_line_in_the_other_order_swap_nothing(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("".join(f"{line(n)}\n" for n in range(5)))
    a, b = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    common = ("run", f"{tmp_path}/app.log", "--parser", "json", "--once", "--state-dir", f"{tmp_path}/state")
    assert sidecar(*common, "--to", a, "--to", b).returncode == 0
    (tmp_path / "a.db").unlink()
    assert sidecar(*common, "--to", b, "--to", a).returncode == 0
    with closing(sqlite3.connect(tmp_path / "b.db")) as db:
        assert db.execute("SELECT count(*) FROM logs").fetchone() == (5,)


@pytest.mark.elasticsearch
def test_a_refused_document_is_a_dead_letter_until_the_mapping_is_mended_and_it_is_sent_again(
    tmp_path: Path, elasticsearch_url: str, index_name: str
) -> None:
    (tmp_path / "app.log").write_text('{"number":1}\n{"number":"secret text"}\n{"number":3}\n')
    to = elasticsearch(elasticsearch_url, index_name)
    common = ("--to", to.url, "--state-dir", f"{tmp_path}/state")
    done = sidecar("run", f"{tmp_path}/app.log", "--parser", "json", "--once", *common)
    assert done.returncode == 0, done.stderr
    assert numbers(to) == [1, 3]
    assert "secret text" not in done.stderr
    balance = json.loads(done.stderr.splitlines()[-1])
    assert balance["seen"] == balance["stored"] + balance["dead_letters"]
    assert balance["lines_dead"] == 1

    listed = sidecar("dead-letters", "list", "--json", "--state-dir", f"{tmp_path}/state")
    (letter,) = [json.loads(text) for text in listed.stdout.splitlines()]
    assert (letter["status"], letter["start"], letter["end"], letter["target"]) == (400, 13, 38, index_name)
    assert '"secret text"' in sidecar("dead-letters", "show", "--state-dir", f"{tmp_path}/state").stdout

    again = sidecar("dead-letters", "replay", *common)
    assert (again.returncode, again.stdout.strip()) == (3, "0 stored, 1 rejected again")
    urllib.request.urlopen(urllib.request.Request(f"{elasticsearch_url}/{index_name}", method="DELETE")).close()
    mended = sidecar("dead-letters", "replay", *common)
    assert (mended.returncode, mended.stdout.strip()) == (0, "1 stored, 0 rejected again")
    assert [document["number"] for document in to.stored()] == ["secret text"]
    assert sidecar("dead-letters", "list", "--json", "--state-dir", f"{tmp_path}/state").stdout == ""


class PartlyStoring(ElasticsearchProxy):
    """Stores half of the documents of the first request; `then` says what happens to the next ones, one by one.

    `half`: half of them are stored; `busy`: none of them; `down`: the request is refused. Later ones store all.
    """

    def __init__(self, then: Sequence[str]) -> None:
        super().__init__()
        self.stored: list[int] = []
        self._then = deque(["half", *then])

    def reply(self, request: Request) -> tuple[int, bytes, Mapping[str, str]]:
        what = self._then.popleft() if self._then else "all"
        if what == "down":
            return 503, b'{"error":{"type":"unavailable","reason":"not now"},"status":503}', JSON
        items = [
            self._item(json.loads(document)["number"], is_stored=what == "all" or (what == "half" and place % 2 == 0))
            for place, document in enumerate(request.body.splitlines()[1::2])
        ]
        return 200, json.dumps({"errors": True, "items": items}).encode(), JSON

    def _item(self, number: int, *, is_stored: bool) -> Mapping[str, object]:
        if is_stored:
            self.stored.append(number)
            return {"create": {"status": 201}}
        return {"create": {"status": 429, "error": {"type": "es_rejected_execution_exception", "reason": "busy"}}}


@pytest.mark.parametrize(
    "then",
    [[], ["busy", "busy"], ["down"], ["half", "down", "half"], ["busy", "down", "busy", "down"]],
    ids=", ".join,
)
def test_what_was_stored_is_not_sent_again_although_documents_have_no_id(tmp_path: Path, then: list[str]) -> None:
    server = PartlyStoring(then)
    log = LogFile(tmp_path / "app.log")
    log.write(*map(line, range(40)))
    with opened(server):
        sink = {"type": "elasticsearch", "hosts": [f"http://127.0.0.1:{server.port}"], "document_id": "none"}
        pipelines = {"app": {"paths": [str(log.path)], "parser": "json"}}
        settings = {"state_dir": f"{tmp_path}/state", "sinks": {"search": sink}, "pipelines": pipelines}
        (tmp_path / "sidecar.yaml").write_text(json.dumps(settings))
        with running(tmp_path / "own.log", "--config", f"{tmp_path}/sidecar.yaml") as process:
            eventually(lambda: len(set(server.stored)) == 40, "all are stored")
            assert ended(process) == 0
    assert sorted(server.stored) == list(range(40))


def test_dead_letters_are_purged_only_with_a_filter(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_bytes(b"good\nb\xffad\n")
    (tmp_path / "sidecar.yaml").write_text(f"""
state_dir: {tmp_path}/state
sinks: {{out: "sqlite:///{tmp_path}/logs.db"}}
pipelines: {{app: {{paths: ["{tmp_path}/app.log"], encoding_errors: strict}}}}
""")
    config = ("--config", f"{tmp_path}/sidecar.yaml")
    assert sidecar("run", *config, "--once").returncode == 0
    assert sidecar("dead-letters", "purge", *config).returncode == 2
    assert sidecar("dead-letters", "purge", *config, "--kind", "invalid_text").stdout == "1 deleted\n"
    last = json.loads(sidecar("run", *config, "--once").stderr.splitlines()[-1])
    assert (last["stored"], last["lost"], last["dead_letters"], last["seen"]) == (5, 5, 0, 10)


@pytest.mark.elasticsearch
def test_two_pipelines_over_one_file_into_one_index_store_each_line_twice_and_no_line_less(
    tmp_path: Path, elasticsearch_url: str, index_name: str
) -> None:
    log = LogFile(tmp_path / "app.log")
    log.write(*(f"line {n}" for n in range(100)))
    to = elasticsearch(elasticsearch_url, index_name)
    (tmp_path / "sidecar.yaml").write_text(f"""
state_dir: {tmp_path}/state
sinks: {{search: "{to.url}"}}
pipelines:
  one: {{paths: ["{log.path}"], transforms: [{{add: {{pipeline: one}}}}]}}
  two: {{paths: ["{log.path}"], transforms: [{{add: {{pipeline: two}}}}]}}
""")
    for _ in range(2):
        assert sidecar("run", "--config", f"{tmp_path}/sidecar.yaml", "--once").returncode == 0
        log.rotate()
        log.write("after the rotation")
    found = sorted((document["pipeline"], document["message"]) for document in to.stored())
    expected = sorted((pipeline, message) for pipeline in ("one", "two") for message in log.written[:101])
    assert found == expected


def test_dead_letters_are_handled_while_a_sidecar_runs(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "app.log")
    (tmp_path / "app.log").write_bytes(b"good\nb\xffad\n")
    (tmp_path / "sidecar.yaml").write_text(f"""
state_dir: {tmp_path}/state
sinks: {{out: "sqlite:///{tmp_path}/logs.db"}}
pipelines: {{app: {{paths: ["{tmp_path}/app.log"], encoding_errors: strict}}}}
""")
    config = ("--config", f"{tmp_path}/sidecar.yaml")
    state = ("--state-dir", f"{tmp_path}/state")
    with running(tmp_path / "own.log", *config) as process:
        eventually(
            lambda: sidecar("dead-letters", "list", "--json", *state).stdout.count("\n") == 1, "one is refused"
        )
        assert sidecar("dead-letters", "replay", *config).stdout == "1 stored, 0 rejected again\n"
        log.write("more")
        eventually(lambda: len(sqlite(tmp_path).stored()) == 3, "it goes on")
        assert ended(process) == 0
    balance = json.loads((tmp_path / "own.log").read_text().splitlines()[-1])
    assert (balance["stored"], balance["dead_letters"], balance["seen"]) == (15, 0, 15)


@pytest.mark.slow
def test_the_demonstration_ends_with_a_balance_that_adds_up() -> None:
    done = sidecar("demo", "--lines", "4000")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "written 4000 = stored 4000\nlost 0, stored twice 0" in done.stdout
