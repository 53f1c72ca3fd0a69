"""While files rotate and a destination fails, the page, `top`, `status` and the metrics agree with each other; at the
end they agree with the truth."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.chaos.torture.comparison import compare
from tests.chaos.torture.destinations import Elasticsearch, Sqlite, behind
from tests.chaos.torture.lines import MAX_LINE, Writer
from tests.chaos.torture.proxy import CALM, Proxy
from tests.chaos.torture.rotations import ROTATIONS
from tests.support.processes import ENVIRON, eventually, running, sidecar
from tests.support.servers.chromium import Browser, Page
from tests.support.servers.real_elasticsearch import free_port

SEED, WRITERS, LINES, PER_SECOND, ROTATION = 7, 3, 6_000, 1_500, "log4j"
KINDS = ("stored", "dead_letter", "filtered", "skipped", "lost")
View = Mapping[str, Mapping[str, float]]
"""Sink → what became of its bytes, by kind; what is not settled; lines read; 1 if it is up."""


class Watched:
    """One sidecar, seen in every way there is."""

    def __init__(self, state: Path, port: int, page: Page) -> None:
        self._state, self._url, self._page = state, f"http://127.0.0.1:{port}", page

    def status(self) -> View:
        done = sidecar("status", "--json", "--state-dir", str(self._state))
        return _of_facts(json.loads(done.stdout))

    def page_data(self) -> View:
        return _of_facts(json.loads(self._get("/status.json")))

    def metrics(self) -> View:
        found: dict[str, dict[str, float]] = {}
        for family in text_string_to_metric_families(self._get("/metrics")):
            for sample in family.samples:
                name, labels = sample.name.removeprefix("log_sidecar_"), sample.labels
                view = found.setdefault(labels.get("sink", ""), dict.fromkeys(KINDS, 0.0))
                if name == "balance_bytes":
                    view[labels["what"]] = view.get(labels["what"], 0) + sample.value
                elif name == "read_lines_total":
                    view["lines_read"] = sample.value
                elif name == "sink_state" and labels["state"] == "up":
                    view["up"] = sample.value
        return {sink: view for sink, view in found.items() if "up" in view}

    def page(self) -> View:
        """What a reader of the page sees."""
        balances = self._page.value("""
            Object.fromEntries([...document.querySelectorAll('tr[data-sink]')].map(each => [each.dataset.sink,
                Object.fromEntries([...each.querySelectorAll('td[data-kind]')].map(
                    cell => [cell.dataset.kind, Number(cell.dataset.bytes)]))]))
        """)
        sinks = self._page.value("""
            Object.fromEntries([...document.querySelectorAll('#sinks tbody tr')].map(row => {
                const text = label => row.querySelector(`[data-label="${label}"]`).textContent;
                return [row.querySelector('[data-label="sink"] span').firstChild.data,
                    {up: Number(text('state') === 'up'), lines_read: Number(text('lines read').replaceAll(',', ''))}];
            }))
        """)
        for sink, view in balances.items():
            seen = view.pop("seen")
            assert sum(view.values()) == seen, (sink, view)
            view["unsettled"] = view.pop("flight") + view.pop("unread")
            view |= sinks[sink]
        found: View = balances
        return found

    def top(self) -> str:
        """A screen of `sidecar top`."""
        command = [sys.executable, "-m", "sidecar", "top", "--every", "100ms", "--state-dir", str(self._state)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**ENVIRON, "COLUMNS": "200"}) as top:
            assert top.stdout is not None
            lines: list[str] = []
            while sum("state in" in line for line in lines) < 2:
                lines.append(top.stdout.readline())
            top.terminate()
        return "".join(lines[:-1])

    def _get(self, target: str) -> str:
        with urllib.request.urlopen(self._url + target, timeout=20) as answer:
            found: str = answer.read().decode()
        return found


def _of_facts(facts: Mapping[str, Any]) -> View:
    found = {}
    for balance in facts["balance"]:
        view = dict.fromkeys(KINDS, 0.0)
        for what, size in balance["bytes"].items():
            view[what.partition(":")[0]] += size
        (shipper,) = (each for each in facts["shippers"] if each["sink"] == balance["sink"])
        view |= {
            "unsettled": balance["unsettled"], "lines_read": shipper["counters"]["lines_read"],
            "up": float(shipper["state"] == "up"),
        }  # fmt: skip
        found[balance["sink"]] = view
    return found


@contextmanager
def application(logs: Path) -> Iterator[subprocess.Popen[str]]:
    numbers = map(str, (SEED, WRITERS, LINES, PER_SECOND))
    command = [sys.executable, "-m", "tests.chaos.torture.application", str(logs), *numbers, ROTATION]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def servers(tmp_path: Path, elasticsearch_url: str, index_name: str) -> Iterator[tuple[Sqlite, Elasticsearch, Proxy]]:
    with ExitStack() as stack:
        proxy = behind(stack, elasticsearch_url, SEED, CALM, http=True)
        yield Sqlite(tmp_path), Elasticsearch(elasticsearch_url, index_name, proxy), proxy


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.elasticsearch
def test_page_top_status_and_metrics_agree_with_each_other_and_with_the_truth(
    tmp_path: Path, browser: Browser, servers: tuple[Sqlite, Elasticsearch, Proxy]
) -> None:
    archive, search, proxy = servers
    logs, port = tmp_path / "log", free_port()
    logs.mkdir()
    told = {
        "state_dir": f"{tmp_path}/state", "admin": {"listen": f"127.0.0.1:{port}"},
        "sinks": {"archive": archive.url, "search": search.url},
        "pipelines": {"app": {**ROTATIONS[ROTATION].pipeline(logs), "parser": "plain", "max_line": MAX_LINE}},
    }  # fmt: skip
    (tmp_path / "sidecar.json").write_text(json.dumps(told))
    with ExitStack() as stack:
        stack.enter_context(running(tmp_path / "own.log", "--config", f"{tmp_path}/sidecar.json"))
        assert sidecar("wait-ready", "--state-dir", f"{tmp_path}/state").returncode == 0
        watched = Watched(tmp_path / "state", port, stack.enter_context(browser.page(f"http://127.0.0.1:{port}/")))
        proxy.down = True
        writes = stack.enter_context(application(logs))
        eventually(lambda: "retrying" in watched.top(), "the sink is down")
        while_it_fails(watched)
        proxy.down = False
        while_it_writes(watched, writes)
        assert sidecar("drain", "--timeout", "60s", "--state-dir", f"{tmp_path}/state").returncode == 0
        at_the_end(watched, logs)
    writers = [Writer(SEED, number, LINES // WRITERS) for number in range(WRITERS)]
    for destination in (archive, search):
        found = compare(writers, destination.pieces())
        assert found.is_good, found
        assert found.stored == LINES


def while_it_fails(watched: Watched) -> None:
    """All say that one sink is down and the other is not."""
    eventually(lambda: watched.page().get("archive", {}).get("up") == 1, "the page has come so far")
    for view in (watched.status(), watched.page_data(), watched.metrics(), watched.page()):
        assert {sink: each["up"] for sink, each in view.items()} == {"archive": 1, "search": 0}


def while_it_writes(watched: Watched, writes: subprocess.Popen[str]) -> None:
    """What was seen between two looks lies between them; what only grows shows who is wrong."""
    looks = 0
    while writes.poll() is None or not looks:
        before, page, metrics, after = watched.status(), watched.page_data(), watched.metrics(), watched.status()
        looks += 1
        for sink in before:
            for what in ("stored", "skipped", "lost", "lines_read"):
                values = [view[sink][what] for view in (before, page, metrics, after)]
                assert values == sorted(values), (sink, what, values)
        watched.page()  # adds up at each moment


def at_the_end(watched: Watched, logs: Path) -> None:
    """Nothing moves any more, so all have to say the same: that every byte is settled."""
    status = watched.status()
    eventually(lambda: watched.page() == status, "the page shows what status says")
    assert watched.page_data() == watched.metrics() == status
    size = sum(path.stat().st_size for path in logs.iterdir())
    for sink, view in status.items():
        assert view["stored"] + view["skipped"] == size, (sink, view, size)
        assert (view["lost"], view["dead_letter"], view["unsettled"], view["up"]) == (0, 0, 0, 1)
        assert view["lines_read"] >= LINES
        assert f"{int(view['lines_read']):,}" in watched.top()
