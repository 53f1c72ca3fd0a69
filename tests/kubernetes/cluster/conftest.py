"""The node with its databases, once a session; for each test a namespace; at the end what was measured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kubernetes.cluster.cluster import ADDRESS, Cluster, Namespace, running
from tests.kubernetes.cluster.databases import Elasticsearch, MongoDB
from tests.kubernetes.cluster.measured import Table, Timeline
from tests.kubernetes.cluster.pod_fixture import PodFixture
from tests.support.servers.real_elasticsearch import running as running_elasticsearch
from tests.support.servers.wire_mongodb import running as running_mongodb

_TABLE = pytest.StashKey[Table]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLE] = Table()


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
    with running_elasticsearch(Elasticsearch.port, host=ADDRESS) as url:
        server = Elasticsearch(url)
        server.warm_up()
        yield server


@pytest.fixture(scope="session")
def mongodb(cluster: Cluster) -> Iterator[MongoDB]:
    """The server that speaks MongoDB's protocol, on the node."""
    with running_mongodb(MongoDB.port, ADDRESS) as uri:
        yield MongoDB(uri)


@pytest.fixture(scope="session")
def logging(cluster: Cluster) -> Iterator[Namespace]:
    """The namespace `logging`, in which manifests and pages expect the databases."""
    cluster.kubectl("create", "namespace", "logging")
    yield Namespace(cluster, "logging")
    cluster.kubectl("delete", "namespace", "logging", "--wait=false")


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[Namespace]:
    """A namespace for one test."""
    with cluster.namespace() as space:
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
