"""What each path answers, without a socket."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sidecar.admin.health import Health
from sidecar.admin.http_messages import Reply
from sidecar.app.endpoints import Endpoints
from sidecar.app.supervisor import Supervisor
from sidecar.errors import ConfigurationError
from sidecar.telemetry.events import Event, NoListener, NoSocket, PageOpened
from sidecar.telemetry.heartbeats import Heartbeats
from sidecar.telemetry.snapshot import ConfigurationStatus
from sidecar.testing import ManualClock
from tests.support.builders.supervisor import build_settings, built_supervisor

NOBODY_LISTENS_HERE = "203.0.113.1:9"
"""An address of no machine (RFC 5737), where bind(2) fails."""


@dataclass
class _Configuration:
    status = ConfigurationStatus("0123", 1.0)
    masked: Mapping[str, Any] = field(default_factory=dict)


class Asked:
    """Endpoints, and the replies that they give."""

    def __init__(self) -> None:
        clock = ManualClock()
        self.health, self.emitted = Health(Heartbeats(clock)), list[Event]()
        self.endpoints = Endpoints(self.health, _Configuration(), "node-1", clock, self.emitted.append)

    def ask(self, route: str, **query: str) -> Reply:
        return self.endpoints.routes()[route](query)


@pytest.fixture
def here() -> Iterator[Asked]:
    asked = Asked()
    yield asked
    asked.endpoints.close()


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with built_supervisor(build_settings(tmp_path)) as built:
        yield built


def body(reply: Reply) -> Any:
    return json.loads(reply.body) if isinstance(reply.body, bytes) else reply.body


@pytest.mark.parametrize("route", ["GET /status", "GET /metrics", "POST /drain"])
def test_a_parked_sidecar_says_why(here: Asked, route: str) -> None:
    here.health.parked = "sinks: there is none"
    reply = here.ask(route)
    assert (reply.status, body(reply)) == (503, {"text": "parked: sinks: there is none"})


def test_probes_answer_with_and_without_a_supervisor(here: Asked, supervisor: Supervisor) -> None:
    assert here.ask("GET /startupz").status == 503
    here.endpoints.open(supervisor)
    here.health.is_tailing = True
    for route in ("GET /startupz", "GET /livez", "GET /readyz"):
        assert here.ask(route).status == 200
    assert here.ask("GET /readyz", sinks="1").status == 200


def test_the_status_is_that_of_the_supervisor(here: Asked, supervisor: Supervisor) -> None:
    here.endpoints.open(supervisor)
    answer = body(here.ask("GET /status", files="0"))
    assert (answer["state_dir"], answer["configuration"]["hash"]) == (str(supervisor.state_dir), "0123")
    assert [shipper["sink"] for shipper in answer["shippers"]] == ["db"]


def test_the_metrics_are_written_for_prometheus(here: Asked, supervisor: Supervisor) -> None:
    here.endpoints.open(supervisor)
    reply = here.ask("GET /metrics")
    assert reply.status == 200
    assert isinstance(reply.body, bytes)
    assert b"# TYPE log_sidecar_" in reply.body


def test_a_state_directory_that_takes_no_socket_is_a_warning(here: Asked, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    here.endpoints.open_socket(tmp_path / "file")
    assert here.endpoints.has_socket()
    assert isinstance(here.emitted[0], NoSocket)


def test_an_address_that_is_required_and_not_available_is_an_error(here: Asked, tmp_path: Path) -> None:
    admin = {"listen": NOBODY_LISTENS_HERE, "token_file": f"{tmp_path}/token", "required": True}
    (tmp_path / "token").write_text("a-token-that-is-long-enough")
    with (
        built_supervisor(build_settings(tmp_path, admin=admin)) as required,
        pytest.raises(ConfigurationError, match=r"203\.0\.113\.1:9"),
    ):
        here.endpoints.open(required)


def test_a_running_sidecar_continues_where_it_cannot_listen(here: Asked, tmp_path: Path) -> None:
    admin = {"listen": NOBODY_LISTENS_HERE, "token_file": f"{tmp_path}/token", "required": True}
    (tmp_path / "token").write_text("a-token-that-is-long-enough")
    before, after = build_settings(tmp_path), build_settings(tmp_path, admin=admin)
    with built_supervisor(before) as supervisor:
        here.endpoints.open(supervisor)
        here.endpoints.apply(before, after)
    assert isinstance(here.emitted[-1], NoListener)
    assert here.emitted[-1].reason == "Cannot assign requested address"


@pytest.mark.parametrize(
    ("listen", "shown"), [("127.0.0.1:0", "127.0.0.1"), (":0", "localhost"), ("[::1]:0", "[::1]")]
)
def test_the_address_of_the_page_is_in_the_log(here: Asked, tmp_path: Path, listen: str, shown: str) -> None:
    with built_supervisor(build_settings(tmp_path, admin={"listen": listen})) as supervisor:
        here.endpoints.open(supervisor)
    (event,) = [event for event in here.emitted if isinstance(event, PageOpened)]
    assert re.fullmatch(rf"http://{re.escape(shown)}:\d+/", event.url)
    assert event.text() == f"the status page is at {event.url}, the metrics at {event.url}metrics"
