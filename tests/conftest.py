"""Fixtures for the real components. They start nothing until a test asks, and once in each test process."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

from tests.support.servers import ComponentMissing
from tests.support.servers.chromium import Browser
from tests.support.servers.chromium import running as running_chromium
from tests.support.servers.real_elasticsearch import running as running_elasticsearch
from tests.support.servers.wire_mongodb import running as running_mongodb


def unavailable(missing: ComponentMissing) -> None:
    """A skip that says what is missing; in CI a failure, because there everything has to be had."""
    if os.environ.get("CI"):
        pytest.fail(str(missing))
    pytest.skip(str(missing))


@pytest.fixture(scope="session")
def elasticsearch_url() -> Iterator[str]:
    """The URL of a real Elasticsearch."""
    try:
        with running_elasticsearch() as url:
            yield url
    except ComponentMissing as missing:
        unavailable(missing)


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    """The URI of a server that speaks MongoDB's wire protocol."""
    try:
        with running_mongodb() as uri:
            yield uri
    except ComponentMissing as missing:
        unavailable(missing)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real browser without a window."""
    try:
        with running_chromium() as browser:
            yield browser
    except ComponentMissing as missing:
        unavailable(missing)


@pytest.fixture
def index_name() -> str:
    """An index that no other test uses."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
def database_name() -> str:
    """A database that no other test uses."""
    return f"test_{uuid.uuid4().hex}"
