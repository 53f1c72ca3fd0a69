"""Fixtures for the real components. They start nothing until a test asks, and once in each test process."""

from __future__ import annotations

import os
import uuid
from collections.abc import Generator, Iterator

import pytest

from tests.support.cleanup import OPEN
from tests.support.servers import ComponentMissing
from tests.support.servers.chromium import Browser
from tests.support.servers.chromium import running as running_chromium
from tests.support.servers.real_elasticsearch import running as running_elasticsearch
from tests.support.servers.wire_mongodb import running as running_mongodb


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """Skip a test whose fixture lacks a component."""
    yield from _skip_without_component()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Skip a test that lacks a component."""
    yield from _skip_without_component()


def _skip_without_component() -> Generator[None, None, None]:
    """Skip on `ComponentMissing`, with its reason. In CI fail, because every component is available there."""
    try:
        yield
    except ComponentMissing as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(autouse=True)
def _closed_resources() -> Iterator[None]:
    yield
    OPEN.close()


@pytest.fixture(scope="session")
def elasticsearch_url() -> Iterator[str]:
    """The URL of a real Elasticsearch."""
    with running_elasticsearch() as url:
        yield url


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    """The URI of a server that speaks MongoDB's wire protocol."""
    with running_mongodb() as uri:
        yield uri


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real browser without a window."""
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def index_name() -> str:
    """An index that no other test uses."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
def database_name() -> str:
    """A database that no other test uses."""
    return f"test_{uuid.uuid4().hex}"
