"""The node with its databases, once a session; for each test a namespace; at the end what was measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.kubernetes.cluster.cluster import ADDRESS, Cluster, Namespace, running
from tests.kubernetes.cluster.databases import Elasticsearch, MongoDB
from tests.kubernetes.cluster.measured import Measurement, Table, Timeline
from tests.kubernetes.cluster.pod_fixture import PodFixture
from tests.support.servers.real_elasticsearch import running as running_elasticsearch
from tests.support.servers.shared import shared
from tests.support.servers.wire_mongodb import running as running_mongodb

_TABLE = pytest.StashKey[Table]()
_ROWS = "lifecycle rows"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLE] = Table()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Send the measurements of a worker to the process that prints the table."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output[_ROWS] = [dataclasses.asdict(row) for row in session.config.stash[_TABLE].rows]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    for row in getattr(node, "workeroutput", {}).get(_ROWS, []):
        node.config.stash[_TABLE].add(Measurement(**row))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    table = config.stash[_TABLE]
    table.write()
    if table.rows:
        terminalreporter.section("lifecycle")
        terminalreporter.write(table.markdown())


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The node; this process is in its network until the end of the session."""
    with running() as node:
        yield node


@pytest.fixture(scope="session")
def elasticsearch(cluster: Cluster) -> Iterator[Elasticsearch]:
    """The real Elasticsearch, on the node."""
    with shared("elasticsearch", _warm_elasticsearch) as url:
        yield Elasticsearch(url)


@contextmanager
def _warm_elasticsearch() -> Iterator[str]:
    with running_elasticsearch(Elasticsearch.port, host=ADDRESS) as url:
        Elasticsearch(url).warm_up()
        yield url


@pytest.fixture(scope="session")
def mongodb(cluster: Cluster, elasticsearch: Elasticsearch) -> Iterator[MongoDB]:
    """The server that speaks MongoDB's protocol, on the node."""
    # Elasticsearch comes first in each worker, because shared servers must be entered in the same order.
    with shared("mongodb", lambda: running_mongodb(MongoDB.port, ADDRESS)) as uri:
        yield MongoDB(uri)


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """A namespace for one test. A test with the mark `alone` has the node for itself."""
    is_alone = request.node.get_closest_marker("alone") is not None
    with cluster.turn(alone=is_alone), cluster.namespace() as space:
        yield space


@pytest.fixture
def pods(namespace: Namespace, elasticsearch: Elasticsearch, pytestconfig: pytest.Config) -> PodFixture:
    """A namespace whose sidecars ship to Elasticsearch."""
    timeline = Timeline(namespace.cluster.home / "logs/containerd.log")
    return PodFixture(namespace, elasticsearch, timeline, pytestconfig.stash[_TABLE])


@pytest.fixture
def mongodb_pods(namespace: Namespace, mongodb: MongoDB, pytestconfig: pytest.Config) -> PodFixture:
    """A namespace whose sidecars ship to MongoDB."""
    timeline = Timeline(namespace.cluster.home / "logs/containerd.log")
    return PodFixture(namespace, mongodb, timeline, pytestconfig.stash[_TABLE])
