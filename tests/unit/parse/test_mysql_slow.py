"""mysql_slow: an event of several lines as MySQL and MariaDB write it, with its statement as the message."""

from __future__ import annotations

import pytest

from sidecar.config.pipeline import PipelineSettings
from sidecar.model.records import RecordBatch
from sidecar.pipeline.builder import build_stages
from sidecar.testing import ManualClock
from tests.support.builders.records import fields, framed_events

MYSQL = (
    "# Time: 2026-11-23T01:00:02.123456Z\n"
    "# User@Host: shop[shop] @ web-1 [203.0.113.7]  Id:    12\n"
    "# Query_time: 2.000312  Lock_time: 0.000001 Rows_sent: 1  Rows_examined: 250000\n"
    "use orders;\nSET timestamp=1795395600;\nSELECT *\n  FROM orders\n WHERE note = '# no comment';\n"
)
MARIADB = (
    "# Time: 261123  1:00:02\n"
    "# User@Host: root[root] @ localhost []\n"
    "# Thread_id: 9  Schema: orders  QC_hit: No\n"
    "# Query_time: 1.5  Lock_time: 0.0  Rows_sent: 0  Rows_examined: 0\n"
    "# Rows_affected: 5  Bytes_sent: 11\n"
    "SET timestamp=1795395600;\nDELETE FROM carts;\n"
)
SAME_SECOND = MARIADB.partition("\n")[2].replace("carts", "baskets")


def parsed(data: str) -> RecordBatch:
    pipeline = PipelineSettings.model_validate(
        {"paths": ["/slow.log"], "parser": "mysql_slow", "timestamp": {"zone": "Europe/Berlin"}}
    )
    return build_stages(pipeline, ManualClock(), "node", {}).parser.parse(framed_events(pipeline, data.encode()))


def test_an_event_of_mysql_has_its_statement_user_and_figures() -> None:
    records = parsed(MYSQL)
    assert fields(records) == [
        {
            "message": "SELECT *\n  FROM orders\n WHERE note = '# no comment';",
            "user": {"name": "shop"}, "source": {"domain": "web-1", "address": "203.0.113.7"},
            "process": {"thread": {"id": 12}},
            "mysql": {"slow": {"database": "orders", "query_time": 2.000312, "lock_time": 0.000001, "rows_sent": 1,
                               "rows_examined": 250000}},
        }
    ]  # fmt: skip
    assert list(records.times) == ["2026-11-23T01:00:02.123456Z"]


def test_events_of_mariadb_in_the_same_second_are_apart_and_have_the_time_of_the_statement() -> None:
    records = parsed(MARIADB + SAME_SECOND + MYSQL)
    assert [found["message"] for found in fields(records)][:2] == ["DELETE FROM carts;", "DELETE FROM baskets;"]
    assert list(records.times)[:2] == ["2026-11-23T01:00:00Z"] * 2
    assert list(records.starts) == [0, len(MARIADB), len(MARIADB + SAME_SECOND)]
    assert fields(records)[0]["mysql"]["slow"]["schema"] == "orders"


@pytest.mark.parametrize(
    "data", ["Time                 Id Command    Argument\n", "# Time: 2026\n", MYSQL[:120] + "\n"]
)
def test_what_is_no_event_is_a_message(data: str) -> None:
    records = parsed(data)
    assert fields(records) == [{"message": data.rstrip("\n")}]
    assert records.errors == {0: "the line is not in the format of MySQL's slow query log"}
