"""Which lines are one event: presets, patterns, limits, and that the boundaries depend on the bytes alone."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from sidecar.decode.framing import Framer
from sidecar.decode.presets import PRESETS
from sidecar.decode.settings import MultilineSettings
from sidecar.lib.line_groups import LineGrouping
from sidecar.model.lines import LineBatch
from tests.support.builders.records import chunk

EVENTS = {
    "indent": ["one\n\ttwo\n   three\n", "four\n"],
    "java": [
        "2026-11-23 10:00:00 ERROR failed\n"
        "java.lang.IllegalStateException: no connection\n"
        "\tat com.example.Shop.buy(Shop.java:12)\n"
        "\t... 5 common frames omitted\n"
        "Caused by: java.io.IOException: closed\n"
        "\tat com.example.Net.read(Net.java:3)\n",
        "2026-11-23 10:00:01 INFO com.example.Shop: open\n",
        'Exception in thread "main" java.lang.Error\n\tat A.main(A.java:1)\n',
        "2026-11-23 10:00:02 INFO bye\n",
        "2026-11-23T10:00:03Z ERROR 1 --- [nio-8080-exec-1] c.e.Shop : failed, with root cause\n"
        "\njava.lang.IllegalStateException: closed\n\tat com.example.Shop.buy(Shop.java:12)\n\n",
        "2026-11-23T10:00:04Z INFO 1 --- [main] c.e.Shop : ready\n",
        "Nov 23, 2026 1:00:00 AM com.example.Shop get\nSEVERE: failed\njava.lang.IllegalStateException: closed\n"
        "\tat com.example.Shop.get(Shop.java:42)\n",
        "Nov 23, 2026 1:00:01 AM com.example.Shop get\nINFO: open\n",
        "ERROR [2026-11-23 01:00:02,123] com.example.Shop: failed\n! java.lang.IllegalStateException: closed\n"
        "! at com.example.Shop.get(Shop.java:42)\n",
    ],
    "python": [
        "2026-11-23 10:00:00,123 ERROR shop failed\n"
        "Traceback (most recent call last):\n"
        '  File "shop.py", line 3, in buy\n'
        "    connect()\n"
        '  File "net.py", line 1, in connect\n'
        "ConnectionError: refused\n"
        "\nDuring handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        '  File "shop.py", line 5, in buy\n'
        "shop.errors.SoldOut\n",
        "2026-11-23 10:00:01,000 INFO shop open\n",
        "INFO: it is not an exception\n",
        "2026-11-23 10:00:02,000 ERROR again\n"
        'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: 5\n',
        "ready\n",
    ],
    "go": [
        "2026/11/23 10:00:00 starting\n",
        "panic: runtime error: index out of range [5] with length 3\n"
        "\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:8 +0x1d\nexit status 2\n",
        "2026/11/23 10:00:01 started again\n",
        "2026-11-23T10:00:02.123Z\terror\tq.go:128\tfailed\n"
        "example.com/x.F.func3\n\t/go/x/q.go:128\nexample.com/y.(*b).G\n\t/go/y/b.go:23\n",
        "2026-11-23T10:00:03.123Z\tinfo\tok\n",
        "started.\n",
        "2026/11/23 10:00:04 http: panic serving 203.0.113.7:51234: closed\ngoroutine 19 [running]:\n"
        "net/http.(*conn).serve.func1()\n\t/usr/local/go/src/net/http/server.go:1898 +0xbe\n"
        "panic({0x6b4f60?, 0x74d0a0?})\n\t/usr/local/go/src/runtime/panic.go:770 +0x132\n",
        "2026/11/23 10:00:05 open\n",
    ],
    "ruby": [
        "app.rb:1:in `x': no (RuntimeError)\n\tfrom app.rb:5:in `<main>'\n",
        "INFO ok\n",
        "E, [2026-11-23T01:00:00.123456 #812] ERROR -- : closed (RuntimeError)\n/app/shop.rb:42:in `get'\n"
        "/app/shop.rb:7:in 'block in run'\n",
        "shop.rb:42:in 'Shop#get': closed (RuntimeError)\n",
        "F, [2026-11-23T01:00:01.123456 #812] FATAL -- : [0a1b-2c]   \n"
        "[0a1b-2c] ActionView::Template::Error (undefined method 'total' for nil):\n[0a1b-2c]     1: <h1>Order</h1>\n"
        "[0a1b-2c]   \n[0a1b-2c] app/views/orders/show.html.erb:2:in '_app_views_orders_show'\n",
        "I, [2026-11-23T01:00:02.123456 #812]  INFO -- : [0a1b-2c] open\n",
        "F, [2026-11-23T01:00:03.123456 #812] FATAL -- :   \n"
        "ActionView::Template::Error (undefined method 'total' for nil):\n    1: <h1>Order</h1>\n  \n"
        "app/views/orders/show.html.erb:2:in '_app_views_orders_show'\n"
        "actionview (8.0.1) lib/action_view/base.rb:281:in 'ActionView::Base#_run'\n",
        "F, [2026-11-23T01:00:04.123456 #812] FATAL -- :   \n",
        "ready (open)\n",
    ],
    "elixir": [
        "01:00:00.123 [info] started\n",
        "01:00:01.123 [error] GenServer Shop.Cart terminating\n** (RuntimeError) closed\n"
        "    (shop 0.1.0) lib/shop/cart.ex:42: Shop.Cart.call/3\nLast message (from #PID<0.812.0>): :checkout\n"
        "State: %Shop.Cart{\n  items: []\n}\nClient #PID<0.811.0> is alive\n\n"
        "    (stdlib 5.2) gen.erl:240: :gen.do_call/4\n",
        "01:00:02.123 [error] #PID<0.812.0> running ShopWeb.Endpoint (connection #PID<0.811.0>) terminated\n"
        "Server: localhost:4000 (http)\nRequest: GET /cart\n** (exit) an exception was raised:\n"
        "    ** (RuntimeError) closed\n        (shop 0.1.0) lib/shop.ex:42: Shop.get/1\n",
        "01:00:03.123 [error] Task #PID<0.1.0> started from #PID<0.2.0> terminating\n** (RuntimeError) closed\n"
        "    (shop 0.1.0) lib/shop.ex:42: Shop.get/1\nFunction: #Function<1.2/0 in Shop.run/0>\n    Args: []\n",
        "01:00:04.123 [info] the shop was terminated\n",
        "State: open\n",
        "Request: GET /cart\n",
    ],
    "node": [
        "TypeError: x is not a function\n    at buy (/app/shop.js:3:5)\n    at main (/app/main.js:1:1) {\n"
        "  code: 5\n}\n",
        "listening on 80\n",
        "Error: closed\n    at buy (/app/shop.js:3:5)\n",
        "2026-11-23T01:00:00.123Z error: failed\nError: closed\n    at buy (/app/shop.js:3:5)\n",
        "error: it is not an exception\n",
        "Error: nor is this\n",
        "Server listening on http://localhost:3000\n",
        "/app/cart.js:12\n    return items.reduce((sum, item) => sum + item.price, 0)\n                 ^\n\n"
        "TypeError: Cannot read properties of undefined (reading 'reduce')\n    at total (/app/cart.js:12:18) {\n"
        "  code: 'E_CART'\n}\n\nNode.js v24.11.1\n",
        "listening on 80\n",
        "node:internal/modules/cjs/loader:1215\n  throw err;\n  ^\n\nError: Cannot find module './shop'\n"
        "Require stack:\n- /app/index.js\n    at Module._load (node:internal/modules/cjs/loader:1038:27)\n\n"
        "Node.js v20.11.0\n",
        "- the shop\n",
        "file:///app/shop.mjs:3\nthrow new Error('closed')\n^\n\nError: closed\n    at file:///app/shop.mjs:3:7\n\n"
        "Node.js v22.1.0\n",
        "> shop@1.0.0 start\n",
        "bye\n",
    ],
    "dotnet": [
        "fail: Shop[0]\n      no connection\n"
        "System.InvalidOperationException: no connection\n"
        " ---> System.IO.IOException: closed\n"
        "   at Net.Read() in /app/Net.cs:line 3\n"
        "--- End of inner exception stack trace ---\n"
        "   at Shop.Buy()\n",
        "info: Shop[0]\n      open\n",
    ],
    "php": [
        "[23-Nov-2026 10:00:00 UTC] PHP Fatal error:  Uncaught Exception: no in /app/a.php:3\n"
        "Stack trace:\n#0 /app/a.php(5): buy()\n#1 {main}\n  thrown in /app/a.php on line 3\n",
        "[23-Nov-2026 10:00:01 UTC] PHP Warning:  x in /app/a.php on line 1\n"
        "[23-Nov-2026 10:00:01 UTC] PHP Stack trace:\n"
        "[23-Nov-2026 10:00:01 UTC] PHP   1. {main}() /app/a.php:0\n",
        "[23-Nov-2026 10:00:02 UTC] PHP Notice:  y\n",
        '[2026-11-23 10:00:03] local.ERROR: x {"exception":"[object] (Error(code: 0): x at /a.php:7)\n'
        "[stacktrace]\n#0 /a.php(1): b()\n#1 {main}\n\n"
        "[previous exception] [object] (Error(code: 0): y at /a.php:8)\n"
        '[stacktrace]\n#0 /a.php(1): c()\n#1 {main}\n"} \n',
        "[2026-11-23 10:00:04] local.INFO: y\n",
    ],
    "rust": [
        "2026-11-23T10:00:00Z INFO start\n",
        "thread 'main' panicked at src/main.rs:2:5:\nno connection\n"
        "stack backtrace:\n   0: rust_begin_unwind\n             at /rustc/x\n"
        "note: Some details are omitted, run with `RUST_BACKTRACE=full` for a verbose backtrace.\n",
        "thread 'w' panicked at 'old style', src/lib.rs:1:1\nnote: run with `RUST_BACKTRACE=1`\n",
        "2026-11-23T10:00:01Z INFO start\n",
    ],
    "postgresql": [
        '2026-11-23 10:00:00 UTC [12] ERROR:  relation "x" does not exist at character 15\n'
        "2026-11-23 10:00:00 UTC [12] STATEMENT:  select *\n\tfrom x\n\twhere y = 1;\n",
        "2026-11-23 10:00:01 UTC [12] LOG:  checkpoint starting: time\n",
    ],
    "mysql_slow": [
        "# Time: 2026-11-23T01:00:02.1Z\n# User@Host: a[a] @ b []  Id: 1\n# Query_time: 2.0\nSELECT 1\n  FROM a;\n",
        "# User@Host: a[a] @ b []  Id: 1\n# Query_time: 2.0\nSELECT 2;\n",
        "# Time: 261123  1:00:02\n",
        "# Time: 261123  1:00:03\n# User@Host: a[a] @ b []\n",
    ],
}


def cut(grouping: LineGrouping, data: bytes) -> list[bytes]:
    found = grouping.split_events(data, closed=True)
    return [data[begin:end] for begin, end in pairwise((*found.starts, len(data)))]


THREADS = {
    "java": [
        "10:00:00 ERROR [t1] no\njava.io.IOException: a\n\tat A.b(A.java:1)\nCaused by: x.Y\n\tat A.c(A.java:2)\n",
        "java.io.IOException: b\n\tat A.b(A.java:1)\n\n",
        "java.io.IOException: c\n\tat A.b(A.java:1)\n",
        "10:00:00 ERROR [t2] failed\njava.io.IOException: d\n\tat A.b(A.java:1)\n",
        "10:00:00 INFO [t3] ready\n",
    ],
    "python": [
        'ERROR failed\nTraceback (most recent call last):\n  File "a.py", line 1\nValueError: 1\n',
        'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: 2\n\n'
        "The above exception was the direct cause of the following exception:\n\n"
        'Traceback (most recent call last):\n  File "b.py", line 1\nKeyError: 2\n\n',
        'Traceback (most recent call last):\n  File "a.py", line 1\nValueError: 3\n',
        'Exception in thread Thread-1:\nTraceback (most recent call last):\n  File "a.py", line 1\nValueError: 4\n',
    ],
    "dotnet": [
        "fail: Shop[0]\n      no connection\nSystem.IO.IOException: closed\n   at Net.Read()\n",
        "System.IO.IOException: closed\n   at Net.Read()\n",
        "info: Shop[0]\n      open\n",
    ],
    "go": [
        "panic: a\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:8 +0x1d\nexit status 2\n",
        "2026/11/23 10:00:01 started\n",
        "panic: b\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:8 +0x1d\n",
    ],
    "rust": [
        "thread 'a' panicked at src/main.rs:2:5:\nno connection\nnote: run with `RUST_BACKTRACE=1`\n",
        "thread 'b' panicked at src/main.rs:2:5:\nno connection\n",
    ],
}


@pytest.mark.parametrize("name", THREADS)
def test_events_of_several_threads_that_follow_one_another_are_not_glued(name: str) -> None:
    rule = MultilineSettings(preset=name).make_grouper(1 << 20)
    assert cut(rule, "".join(THREADS[name]).encode()) == [event.encode() for event in THREADS[name]]


DATED = re.compile(rb"^2026-11-23 10:00:\d\d ", re.MULTILINE)


@pytest.mark.parametrize("name", ["indent", "java", "python", "go", "ruby", "elixir", "node", "dotnet", "php"])
@given(data=st.data())
def test_no_event_has_the_first_lines_of_two_threads_however_these_write(name: str, data: st.DataObject) -> None:
    """Each thread writes lines with a time, and behind some of them what its language writes of a failure."""
    traces = [event.partition("\n")[2].splitlines() for event in EVENTS[name]]
    threads = [
        [line for trace in data.draw(st.lists(st.sampled_from(traces), max_size=4)) for line in (None, *trace)]
        for _ in range(3)
    ]
    written, count = b"", 0
    while any(threads):
        line = data.draw(st.sampled_from([thread for thread in threads if thread])).pop(0)
        if line is None:
            count += 1
            written += b"2026-11-23 10:00:%02d ERROR [t1] order failed\n" % count
        else:
            written += f"{line}\n".encode()
    events = cut(MultilineSettings(preset=name).make_grouper(1 << 20), written) if written else []
    assert b"".join(events) == written
    assert [len(DATED.findall(event)) for event in events if DATED.search(event)] == [1] * count
    assert all(DATED.match(event) for event in events if DATED.search(event))


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_separates_the_messages_of_its_language(name: str) -> None:
    grouping = MultilineSettings(preset=name).make_grouper(1 << 20)
    data = "".join(EVENTS[name]).encode()
    assert cut(grouping, data) == [each.encode() for each in EVENTS[name]]
    for each in EVENTS[name]:
        assert grouping.begins_event(each.encode())


LINES = sorted({line for events in EVENTS.values() for event in events for line in event.splitlines()})


@pytest.mark.parametrize("name", PRESETS)
@example(lines=[line for line in LINES if line.startswith("panic: ")] + [""] * 3, most=2)
@given(lines=st.lists(st.sampled_from(LINES), min_size=1, max_size=30), most=st.integers(2, 12))
def test_boundaries_do_not_depend_on_what_else_is_there(name: str, lines: list[str], most: int) -> None:
    """Reading on from any boundary, with as much or as little as there is, finds the same events."""
    grouping = MultilineSettings(preset=name, max_lines=most).make_grouper(300)
    data = "".join(f"{line}\n" for line in lines).encode()
    whole = cut(grouping, data)
    ends = [match.end() for match in re.finditer(rb"\n", data)]
    at, found = 0, []
    for end in ends:
        part = grouping.split_events(data[at:end])
        found += (
            [data[at:end][a:b] for a, b in pairwise((*part.starts, part.complete_bytes))]
            if part.complete_bytes
            else []
        )
        at += part.complete_bytes
    assert found == whole[: len(found)]
    assert b"".join(found) == data[:at]
    assert cut(grouping, data[at:]) == whole[len(found) :]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"start": r"^\d"}, [b"x\n", b"1\n  a\n\n", b"2\nb\n"]),
        ({"start": "[ab]"}, [b"x\n1\n", b"  a\n\n2\n", b"b\n"]),
        ({"continuation": r"^\s|^$"}, [b"x\n", b"1\n  a\n\n", b"2\n", b"b\n"]),
        ({"end": "^$|b$"}, [b"x\n1\n  a\n\n", b"2\nb\n"]),
    ],
)
def test_custom_patterns_group_lines(rule: dict[str, str], expected: list[bytes]) -> None:
    grouping = MultilineSettings.model_validate(rule).make_grouper(1 << 20)
    assert cut(grouping, b"x\n1\n  a\n\n2\nb\n") == expected


def test_a_rule_with_an_end_pattern_holds_nothing_back() -> None:
    grouping = MultilineSettings(end=r";$").make_grouper(1 << 20)
    assert grouping.split_events(b"select\n1;\n")[:3] == ([0], 10, frozenset())
    assert grouping.split_events(b"select\n1;\nselect\n").complete_bytes == 10


def test_a_pattern_sees_one_line_and_its_beginning_only() -> None:
    grouping = MultilineSettings(start="END").make_grouper(1 << 20)
    far = b"x" * 600 + b"END\n"
    assert cut(grouping, b"a\n" + far + b"END\n") == [b"a\n" + far, b"END\n"]
    assert cut(MultilineSettings(continuation=r"a\s*b").make_grouper(1 << 20), b"a\nb\na b\n") == [
        b"a\n",
        b"b\na b\n",
    ]


@pytest.mark.parametrize(
    "pattern",
    [r"^(\w+\.?)+:", r"(a|b)*c", r"((?:x)+y?)+", r"(?P<a>.+)+x", r"(?:(?:a{1,9}){2,}b)", r"(.)\1", "(?<=x)y"],
)
def test_a_pattern_that_could_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match=r"can take|is not allowed"):
        MultilineSettings(start=pattern)


@pytest.mark.parametrize(
    "pattern",
    [r"^\d{4}-\d\d-\d\d", r"^\[", r"^(?:INFO|WARN)\b", r"\((x+)\)", r"[(a+)+]", r"^((\d+)-)?x", r"^\\1", "^年"],
)
def test_ordinary_patterns_are_accepted(pattern: str) -> None:
    assert MultilineSettings(start=pattern).start == pattern


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"preset": "cobol"}, {"start": "("}, {"start": "a", "end": "b"}, {"preset": "java", "continuation": "x"},
        {"start": "[ä]"},
    ],
)  # fmt: skip
def test_contradictory_settings_are_refused_with_the_reason(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        MultilineSettings.model_validate(wrong)


@pytest.mark.parametrize("name", PRESETS)
def test_no_line_makes_a_preset_slow(name: str) -> None:
    """Half a megabyte in one line, of everything that patterns repeat, takes no more than a moment."""
    grouping = MultilineSettings(preset=name).make_grouper(1 << 20)
    for unit in (
        b"a.", b"a", b" ", b"(", b"#1 ", b"x: ", b"thread 'x' ", b"com.a$.", b"[1] PHP ", b"\t", b"a.js", b"[1] ",
        b" terminated", b"** (", b"::A", b"a (1) a.rb:1:in ",
    ):  # fmt: skip
        data = unit * (500_000 // len(unit)) + b"\n"
        began = time.process_time()
        grouping.split_events(data + b"ok\n" + data)
        assert time.process_time() - began < 2


def lines(data: bytes, grouping: LineGrouping, **attributes: object) -> LineBatch:
    found = grouping.split_events(data[: data.rfind(b"\n") + 1], closed=True)
    return Framer().frame(chunk(data, 100, **attributes).divide(found))


def test_an_event_is_one_text_at_the_offset_of_its_first_byte() -> None:
    grouping = MultilineSettings(preset="indent").make_grouper(1 << 20)
    found = lines("ä\n  b\nc\n".encode(), grouping)
    assert (found.texts, found.starts) == (["ä\n  b", "c"], [100, 107])
    alone = lines(b"a\nb\n", grouping)
    assert (alone.is_uniform, alone.texts) == (True, ["a", "b"])


def test_carriage_returns_blank_lines_and_wrong_bytes_within_an_event() -> None:
    grouping = MultilineSettings(start="^[a-z]").make_grouper(1 << 20)
    found = lines(b"a\r\n\r\n  \xff\r\n\r\nb\r\n", grouping)
    assert found.texts == ["a\n\n  \ufffd", "b"]
    assert found.replacement_count == 1
    blank = lines(b"\n\na\n", grouping)
    assert (blank.texts, blank.starts) == (["a"], [102])
    assert [(gap.start, gap.end, gap.reason) for gap in blank.skipped] == [(100, 102, "empty")]


@pytest.mark.parametrize(
    "pattern",
    [
        r"^.*,.*,.*,.*,.*,(?:ERROR|INFO),", r".*,.*,x", r"^\w*\w*\w*\w*!", r"\s*\s*\s*x", r"^(a{0,30}){30}b",
        "^" + "a?" * 30 + "a" * 30, "^" + "(?:a|ab)" * 30 + "c", r"(?i)^[a-z]*[A-Z]*[a-z]*[A-Z]*!",
        r"^(?=.*,.*,.*,x)", r"^[^x]*[^y]*[^z]*!",
    ],
)  # fmt: skip
def test_a_pattern_that_may_try_too_many_ways_on_a_line_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="can take"):
        MultilineSettings(start=pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d{4}-\d\d-\d\d", r"^[^,]*,[^,]*,[^,]*,[^,]*,(?:ERROR|INFO),", r"^(?!\s)", ";$", ".*ERROR", r"^.*,.*,x",
        r"^\s|^Caused by:|^\.\.\. \d+ more", r"(?i)^error", r"^\w+ +\d+ \d+:\d+:\d+ \S+ \S+: ", r"^.*+,",
    ],
)  # fmt: skip
def test_common_patterns_are_accepted(pattern: str) -> None:
    assert MultilineSettings(start=pattern).start == pattern
