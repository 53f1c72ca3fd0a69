"""What a running sidecar says of itself over HTTP and its socket agrees with the truth and with itself."""

from __future__ import annotations

import json
import re
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.monitored import LINES, MonitoredSidecar, config, started
from tests.support.processes import ended, eventually, running, sidecar
from tests.support.servers.real_elasticsearch import free_port


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MonitoredSidecar]:
    with started(tmp_path_factory.mktemp("admin")) as running_one:
        yield running_one


def test_metrics_tell_what_became_of_every_byte(here: MonitoredSidecar) -> None:
    eventually(lambda: here.metrics()["retries_total", "app", "dead"] >= 1, "the dead sink is tried")
    found = here.metrics()
    size = here.size
    assert found["balance_bytes", "db", "stored"] == size
    assert found["balance_lines", "db", "stored"] == LINES
    assert found["balance_bytes", "db", "unsettled"] == 0
    assert found["balance_bytes", "dead", "unsettled"] == size
    assert found["read_bytes_total", "app", "db"] == size
    assert found["read_lines_total", "app", "db"] == LINES
    assert found["unparsed_lines_total", "app", "db"] == 1
    assert (found["lag_bytes", "app", "db"], found["lag_bytes", "app", "dead"]) == (0, size)
    assert found["lag_seconds", "app", "db"] == 0
    assert found["lag_seconds", "app", "dead"] > 0
    assert found["sink_state", "app", "db", "up"] == found["sink_state", "app", "dead", "retrying"] == 1
    assert found["sink_state", "app", "db", "retrying"] == 0
    assert found["write_seconds_count", "app", "db"] >= 1
    assert found["batch_documents_sum", "app", "db"] == LINES
    assert found["files", "app"] == 1
    assert found["stored_bytes_total", "app", "db"] == size == found["file_bytes", "app"]
    assert found["stored_lines_total", "app", "db"] == LINES
    assert found["parsed_lines_total", "app", "db"] == LINES - 1
    assert found["sink_last_fault", "app", "unavailable", "dead"] == 1
    assert found["sink_faults_total", "app", "unavailable", "dead"] == found["retries_total", "app", "dead"]
    assert 0 < found["volume_used_bytes", "app"] <= found["volume_limit_bytes", "app"]
    assert 0 < found["state_volume_used_bytes",] <= found["state_volume_limit_bytes",]
    assert found["config_last_reload_successful",] == 1


def test_all_metrics_have_the_prefix_and_none_has_a_file_name(here: MonitoredSidecar) -> None:
    _, text = here.get("/metrics")
    assert "app.log" not in text
    names = re.findall(r"^# HELP (\S+)", text, re.MULTILINE)
    assert len(names) == len(set(names)) > 20
    assert all(name.startswith("log_sidecar_") for name in names)


def test_metrics_are_named_as_prometheus_wants_it(here: MonitoredSidecar) -> None:
    _, text = here.get("/metrics")
    labels = set()
    for family in text_string_to_metric_families(text):
        labels |= {label for sample in family.samples for label in sample.labels}
        assert family.documentation.endswith("."), family.name
        assert re.fullmatch("[a-z_]+", family.name), family.name
        assert not re.search("milli|kilo|minutes|_(gauge|counter|histogram|total)$", family.name), family.name
        if "timestamp" in family.name:
            assert family.name.endswith("_timestamp_seconds")
    assert labels <= {
        "pipeline",
        "sink",
        "reason",
        "state",
        "what",
        "result",
        "version",
        "hash",
        "transform",
        "le",
        "loop",
    }


def test_status_says_the_same_for_people_and_for_machines(here: MonitoredSidecar) -> None:
    state = ("--state-dir", str(here.folder / "state"))
    facts = json.loads(sidecar("status", "--json", *state).stdout)
    (file,) = facts["files"]
    assert (file["size"], file["settled"]) == (here.size, {"db": here.size, "dead": 0})
    assert {each["sink"]: each["state"] for each in facts["shippers"]} == {"db": "up", "dead": "retrying"}
    shown = sidecar("status", *state, COLUMNS="160")
    assert shown.returncode == 0, shown.stderr
    for word in ("app.log", "up for", "retrying for", "not yet delivered", "127.0.0.1:9"):
        assert word in shown.stdout, shown.stdout


def test_status_of_nothing_says_so(tmp_path: Path) -> None:
    done = sidecar("status", "--state-dir", str(tmp_path))
    assert (done.returncode, "no sidecar runs with this state directory" in done.stderr) == (1, True)


def test_probes_over_http(here: MonitoredSidecar) -> None:
    assert [here.get(path)[0] for path in ("/livez", "/startupz", "/readyz", "/readyz?sinks=1")] == [
        200,
        200,
        200,
        503,
    ]


def test_only_addresses_and_localhost_are_answered(here: MonitoredSidecar) -> None:
    for host in ("localhost", "10.1.2.3:9600", "[::1]:9600", f"127.0.0.1:{here.port}"):
        assert here.get("/livez", host)[0] == 200
    for host in ("evil.example", "localhost.evil.example:80", "[evil]"):
        assert here.get("/livez", host)[0] == 403


def test_nothing_can_be_changed_over_http(here: MonitoredSidecar) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert here.get("/drain", method=method)[0] == here.get("/livez", method=method)[0] == 405
    assert here.get("/livez", method="BREW")[0] == 501
    assert here.get("/livez", method="HEAD") == (200, "")
    for path in ("/../../etc/passwd", "/..%2f..%2fetc/passwd", "//etc/passwd", "/drain", "/metrics/"):
        assert here.get(path)[0] == 404, path


def test_slow_and_many_clients_hold_nothing_up(here: MonitoredSidecar) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    with ExitStack() as stack:
        for _ in range(1000):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", here.port), timeout=5))
            client.sendall(b"GET /livez HTTP/1.1\r\nX-Marked: " + b"marked" * 100)
        assert answers(here)
        with (here.folder / "app.log").open("a") as file:
            file.write("not json either\n" * 10)
        here.size += 160
        state = ("--state-dir", str(here.folder / "state"))
        stored = f'"stored": {here.size}'
        eventually(lambda: stored in sidecar("status", "--json", *state).stdout, "the new lines are stored")
    assert answers(here)
    assert "marked" not in (here.folder / "own.log").read_text()


def answers(here: MonitoredSidecar) -> bool:
    try:
        return here.get("/livez")[0] == 200
    except OSError:
        return False


def test_garbage_is_answered_or_dropped(here: MonitoredSidecar) -> None:
    for request in (b"\0\xff\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET " + b"a" * 100_000 + b" HTTP/1.0\r\n\r\n",
                    b"GET /livez HTTP/1.0\r\n" + b"X: y\r\n" * 5000 + b"\r\n"):  # fmt: skip
        with socket.create_connection(("127.0.0.1", here.port), timeout=15) as client, suppress(OSError):
            client.sendall(request)
            client.recv(100)
    assert here.get("/livez")[0] == 200
    assert "Traceback" not in (here.folder / "own.log").read_text()


def test_a_port_in_use_is_reported_and_stops_shipping_only_if_required(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("{}\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(tmp_path / "own.log", "--config", str(config(tmp_path, port))) as process:
            eventually(lambda: '"event": "no_listener"' in (tmp_path / "own.log").read_text(), "it says so")
            ended(process)
        assert json.loads((tmp_path / "own.log").read_text().splitlines()[-1])["event"] == "balance"
        done = sidecar("run", "--config", str(config(tmp_path, port, required=True)))
    assert (done.returncode, "choose another address" in done.stderr) == (2, True)


def test_lines_that_are_no_text_are_dead_letters_with_a_reason(tmp_path: Path) -> None:
    port = free_port()
    told = json.loads(config(tmp_path, port).read_text())
    (tmp_path / "app.log").write_bytes(b"one\n\xff\ntwo\n\xfe\n")
    pipeline = next(iter(told["pipelines"].values()))
    pipeline |= {"parser": "plain", "encoding_errors": "strict"}
    (tmp_path / "strict.json").write_text(json.dumps(told))
    with running(tmp_path / "own.log", "--config", f"{tmp_path}/strict.json") as process:
        here = MonitoredSidecar(tmp_path, process, port)
        sidecar("wait-ready", "--state-dir", f"{tmp_path}/state")
        (name,) = told["pipelines"]
        eventually(lambda: here.metrics().get(("dead_letters_total", name, "invalid_text", "db")) == 2, "both count")


def test_full_dead_letters_that_may_not_be_dropped_block_the_sink_until_there_is_room(tmp_path: Path) -> None:
    port = free_port()
    told = json.loads(config(tmp_path, port).read_text())
    told["dead_letters"] = {"max_size": "1KiB", "when_full": "block"}
    told["sinks"].pop("dead")
    told["pipelines"]["app"] |= {"parser": "plain", "encoding_errors": "strict"}
    (tmp_path / "sidecar.yaml").write_text(json.dumps(told))
    log, state = tmp_path / "app.log", ("--state-dir", f"{tmp_path}/state")
    log.write_bytes(b"\xff" * 500 + b"\n")
    with running(tmp_path / "own.log", "--config", f"{tmp_path}/sidecar.yaml") as process:
        sidecar("wait-ready", *state)
        here = MonitoredSidecar(tmp_path, process, port)
        eventually(lambda: here.metrics().get(("dead_letters_total", "app", "invalid_text", "db")) == 1, "it is kept")
        found = here.metrics()
        assert found["sink_state", "app", "db", "blocked"] == 0
        used = found["dead_letters_used_bytes",]
        assert used > 500
        assert found["dead_letters_limit_bytes",] == 1024
        with log.open("ab") as file:
            file.write(b"\xff" * 500 + b"\n" + b"a good line\n")
        eventually(lambda: here.metrics()["sink_state", "app", "db", "blocked"] == 1, "nothing goes on")
        found = here.metrics()
        assert found["sink_state", "app", "db", "up"] == 0
        assert found["lag_bytes", "app", "db"] == 501 + 12
        shown = sidecar("status", *state, COLUMNS="200").stdout
        assert "blocked for" in shown
        assert "the dead letters are full" in shown
        assert "sidecar dead-letters" in shown
        assert sidecar("dead-letters", "purge", "--all", "--config", f"{tmp_path}/sidecar.yaml").returncode == 0
        here.size = log.stat().st_size
        eventually(lambda: here.metrics()["balance_bytes", "db", "unsettled"] == 0, "there is room again")
        found = here.metrics()
        assert found["sink_state", "app", "db", "blocked"] == 0
        assert found["sink_state", "app", "db", "up"] == 1
        assert found["balance_bytes", "purged", "db", "lost"] == 501
        assert found["dead_letters_used_bytes",] == pytest.approx(used, abs=50)
