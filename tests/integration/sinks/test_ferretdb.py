"""The MongoDB sink against FerretDB, a second server with the same protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from sidecar.sinks import registry
from sidecar.testing import SinkConformance, UnderTest
from tests.support.journeys import mongodb, travel
from tests.support.processes import sidecar
from tests.support.refusals import SECRET, check_result, deliver
from tests.support.servers.ferretdb_server import running

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def server_uri() -> Iterator[str]:
    with running() as uri:
        yield uri


class TestFerretDB(SinkConformance):
    @pytest.fixture
    def under_test(self, server_uri: str, database_name: str) -> UnderTest:
        def stored() -> Mapping[Any, Mapping[str, Any]]:
            with MongoClient[dict[str, Any]](server_uri) as client:
                return {item["_id"]: item for item in client[database_name]["logs"].find()}

        settings = registry.settings_for(f"{server_uri}{database_name}")
        return UnderTest(lambda: registry.create_sink(settings), stored)


REFUSED = {
    "a name with a dollar": f'{{"$f":"{SECRET}"}}',
    "a name with a dot": f'{{"f.g":"{SECRET}"}}',
    "an array in an array": f'{{"f":[["{SECRET}"]]}}',
    "a number that only a Decimal128 can hold": f'{{"f":"{SECRET}","n":12345678901234567890123}}',
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refused_document_is_a_dead_letter_and_is_not_quoted(
    kind: str, server_uri: str, database_name: str
) -> None:
    check_result(deliver(registry.create_sink(registry.settings_for(f"{server_uri}{database_name}")), REFUSED[kind]))


def test_check_names_the_product(server_uri: str, database_name: str, tmp_path: Path) -> None:
    done = sidecar("check", f"{tmp_path}/*.log", "--to", f"{server_uri}{database_name}", "--connect")
    assert "accepts documents (FerretDB)" in done.stdout, done.stderr


def test_every_line_is_stored_once_over_rotation_kill_truncation_and_restart(
    server_uri: str, database_name: str, tmp_path: Path
) -> None:
    travel(tmp_path, mongodb(server_uri, database_name))
