"""`sidecar explain --detect` proposes what a person would have written, and what `sidecar check` accepts."""

from __future__ import annotations

import io
import json
import re
import time
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.cli import main
from sidecar.config.schema_line import SCHEMA_LINE
from sidecar.decode.presets import PRESETS
from sidecar.parse.settings import BUILT_IN, JOINING
from sidecar.pipeline.detection import LANGUAGE_PATTERNS, PARSERS, propose
from sidecar.testing import ManualClock
from tests.corpus.kinds import HERE as CORPUS

LATER_LEVELS = [
    ("[1795395600] shopd[812:0] info: start of service", "shopd[812:0]", "info"),
    ("2026-11-23T01:00:00.123456+0000 shop (a.0) 42 : orders [INF] up", "shop (a.0) 42 : orders", "INF"),
    ("[2026-11-23 01:00:00.123][1][warning] slow", "[1]", "warning"),
    ("2026-11-23 01:00:00 shop/login: Info: Login: user=<ann>", "shop/login:", "Info"),
    ("2026-11-23 01:00:00.123+0000: 812/7: error : no domain", "812/7:", "error"),
    (
        "2026-11-23 01:00:00.123 [Broker-0] [zb-1] [Exporter] WARN  shop.Orders - slow",
        "[Broker-0] [zb-1] [Exporter]",
        "WARN",
    ),
    ("2026-11-23 01:00:00.123 | orders | WARN | slow", "orders", "WARN"),
    ("[2026-11-23 01:00:00] orders <warn> slow", "orders", "warn"),
]


@pytest.mark.parametrize(("line", "context", "level"), LATER_LEVELS)
def test_a_level_after_other_text_is_found_in_a_layout_that_no_parser_reads(
    line: str, context: str, level: str
) -> None:
    proposed = propose(f"{line}\n".encode() * 4, ManualClock(1795395600.0))
    assert (proposed.times, proposed.levels) == (1.0, 1.0)
    match = re.match(proposed.pipeline["parser"]["pattern"], line)
    assert match
    assert (match["context"], match["level"]) == (context, level)
    assert line.endswith(match["message"])


@pytest.mark.parametrize(
    ("line", "parser"),
    [
        ("2026-11-23 01:00:00 1Ab2cD-0001Ab-Cd <= ann@shop.example H=mx [203.0.113.7] P=esmtp S=512", "mail"),
        ("2026-11-23 01:00:00.123 WARNING (MainThread) [homeassistant.loader] We found an integration", "python"),
        ("2026-11-23 01:00:00 UTC [12] LOG process up: PgBouncer 1.22", "postgresql"),
        ("11/23/2026 01:00:00;0100;PBS_Server;Job;42.srv-1;enqueuing into workq, state 1 hop 1", "daemons"),
        ("[2026-11-23T01:00:00Z INFO ] started", "rust"),
        ("2026-11-23 01:00:00,123:DEBUG:certbot._internal.main:certbot version: 2.9.0", "python"),
        ("Nov 23 01:00:00 Installed: curl-8.5.0-1.el9.x86_64", "dpkg"),
        ("2026-11-23T01:00:00.123456+00:00 [warning] clientid: c1, msg: authorization_failed", "elixir"),
        ("2026-11-23 01:00:00.123 [warning] slow query", "elixir"),
        ("2026-11-23 01:00:00 [warning  ] slow query", "python"),
        (
            "11/23/2026 01:00:00.12 \tw3wp.exe (0x1A2C)    \t0x0B0C\tSearch   \tQuery   \tac3iq\tHigh  \tslow\t ",
            "dotnet",
        ),
    ],
)
def test_a_layout_is_not_read_by_a_parser_that_would_take_its_words_for_fields(line: str, parser: str) -> None:
    assert propose(f"{line}\n".encode() * 4, ManualClock(1795395600.0)).parser == parser


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("shop 2026-11-23 01:00:00.123 INFO: open", "2026-11-23 01:00:00.123"),
        ("Mon, 23 Nov 2026 01:00:00 +0000 [ERROR] closed", "Mon, 23 Nov 2026 01:00:00 +0000"),
        ("2026-11-23_01:00:00.12345 open", "2026-11-23_01:00:00.12345"),
        ("orders 23-Nov-2026 01:00:00 +0100 open", "23-Nov-2026 01:00:00 +0100"),
        ("orders 23/Nov/2026:01:00:00 UTC open", "23/Nov/2026:01:00:00 UTC"),
        ("orders 23.11.2026 01:00:00 CET open", "23.11.2026 01:00:00 CET"),
        ("2026-11-23 01:00:00 Europe/Berlin open", "2026-11-23 01:00:00 Europe/Berlin"),
    ],
)
def test_a_pattern_takes_the_whole_time_and_no_empty_text_for_a_field(line: str, time: str) -> None:
    proposed = propose(f"{line}\n".encode() * 4, ManualClock(1795395600.0))
    match = re.match(proposed.pipeline["parser"]["pattern"], line)
    assert match
    assert (match["time"], proposed.times) == (time, 1.0)
    assert all(text is None or text.strip() for text in match.groupdict().values())


def test_a_later_line_without_a_level_is_read_too() -> None:
    line = "2026-11-23 01:00:00.123 [Broker-0] [zb-1] WARN  slow"
    proposed = propose(f"{line}\n".encode() * 4, ManualClock(1795395600.0))
    match = re.match(proposed.pipeline["parser"]["pattern"], "2026-11-23 01:00:01.123 closed")
    assert match
    assert (match["time"], match["level"], match["message"]) == ("2026-11-23 01:00:01.123", None, "closed")


def test_a_log_of_zeek_has_the_names_of_its_fields() -> None:
    head = b"#separator \\x09\n#fields\tts\tuid\tid.orig_h\n#types\ttime\tstring\taddr\n"
    proposed = propose(head + b"1795395600.123456\tCUM0\t192.0.2.7\n" * 40, ManualClock(1795395600.0))
    assert proposed.pipeline["parser"][0]["columns"] == ["ts", "uid", "id.orig_h"]
    assert proposed.times == 1.0


CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9}+)?+"
ISO = rf"\d{{4}}-\d\d-\d\d[T ]{CLOCK}"
EXPECTED: dict[str, dict[str, Any]] = {
    "apache-access": {"parser": "apache"},
    "apache-error": {"parser": "apache_error"},
    "nginx-access": {"parser": "nginx"},
    "nginx-main": {"parser": "nginx"},
    "apache-vhosts": {"parser": "nginx"},
    "python-werkzeug": {"parser": "apache"},
    "haproxy-http": {"parser": "haproxy"},
    "squid-access": {"parser": "squid"},
    "aws-elb": {"parser": "aws_elb"},
    "coredns": {"parser": ["coredns", "plain"]},
    "auditd": {"parser": "auditd"},
    "tomcat-catalina": {"multiline": "java", "parser": "log4j"},
    "ruby-logger": {"multiline": "ruby", "parser": "ruby"},
    "nginx-error": {"parser": "nginx_error"},
    "klog": {"multiline": "indent", "parser": "klog"},
    "log4j2": {"multiline": "java", "parser": "log4j"},
    "python-logging": {"multiline": "python", "parser": "python"},
    "postgresql": {"multiline": "postgresql", "parser": "postgresql"},
    "java-gc": {"parser": "java_gc"},
    "syslog-3164": {"parser": "syslog"},
    "heroku-router-logfmt": {"parser": "logfmt"},
    "containerd-two-streams": {"parser": {"type": "cri", "content": "log4j"}, "multiline": "java"},
    "containerd-cri-json": {"parser": {"type": "cri", "content": "json"}},
    "docker-json-in-json": {"parser": {"type": "docker", "content": "json"}},
    "aws-cloudtrail": {"parser": "json", "timestamp": {"field": "eventTime"}},
    "caddy-json": {"parser": "json"},
    "go-panic": {"multiline": "go", "parser": ["go", "plain"]},
    "spring-boot": {"multiline": "java", "parser": ["log4j", "plain"]},
    "dotnet-console": {"multiline": "dotnet", "parser": ["dotnet", "plain"]},
    "rust-env-logger": {"multiline": "rust", "parser": ["rust", "plain"]},
    "php-error-log": {"multiline": "php", "parser": "php"},
    "php-monolog": {"multiline": "php", "parser": "php"},
    "python-uvicorn": {"multiline": "python", "parser": "python"},
    "gunicorn": {"multiline": "python", "parser": ["python", "nginx"]},
    "rails-json-mixed": {"parser": ["json", "plain"], "multiline": "ruby"},
    "redis": {"parser": "redis", "multiline": "indent"},
    "kafka": {"multiline": {"start": r"^\[?\d{4}-\d\d-\d\d[T ]"}, "parser": "log4j"},
    "rabbitmq": {"parser": "rabbitmq"},
    "aws-lambda": {"parser": "plain"},
    "kernel-dmesg": {"parser": "dmesg", "multiline": "indent"},
    "journald-json": {"parser": "journald"},
    "node-stack": {"parser": "plain", "multiline": "node"},
    "json-and-text": {"parser": ["json", "nginx", "python", "plain"]},
    "json-pretty": {"parser": ["json", "plain"], "multiline": {"continuation": r"^[\s}]"}},
    "mysql-slow": {"parser": ["mysql_slow", "plain"]},
    "mysql-error": {"parser": ["mysql", "plain"]},
    "syslog-5424": {"parser": ["syslog", "plain"]},
    "encoding-utf-16": {"encoding": "utf-16", "parser": ["json", "plain"]},
}


def proposal(file: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["explain", "--detect", "--json", str(file)]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("kind", EXPECTED)
def test_a_log_is_recognised_by_its_lines(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = proposal(CORPUS / kind / "input.log", capsys)["configuration"]["pipelines"]["app"]
    assert {name: value for name, value in pipeline.items() if name != "paths"} == EXPECTED[kind]


def pipeline_of(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> dict[str, Any]:
    file = tmp_path / "app.log"
    file.write_text(text)
    found: dict[str, Any] = proposal(file, capsys)["configuration"]["pipelines"]["app"]
    return {name: value for name, value in found.items() if name != "paths"}


def test_columns_of_csv_are_named_by_the_first_line_and_one_of_them_is_the_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "id;placed_at;total\n1;22.11.2026 10:00:00;64.40\n2;23.11.2026 10:00:00;1.00\n"
    assert pipeline_of(tmp_path, capsys, text) == {
        "parser": {"type": "csv", "columns": ["id", "placed_at", "total"], "delimiter": ";"},
        "timestamp": {"field": "placed_at"},
    }


def test_sentences_with_commas_are_not_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pipeline_of(tmp_path, capsys, "I came, saw, went\nthen, later, slept\n") == {"parser": "plain"}


@pytest.mark.parametrize(
    ("values", "timestamp"),
    [
        (['"logged_at":"23.11.2026 01:00:00"'], {"field": "logged_at"}),
        (['"when":"23-11-2026 01:00:00"'], {"field": "when", "formats": ["%d-%m-%Y %H:%M:%S"]}),
        (
            ['"when":"02/11/2026 01:00:00"'],
            {"field": "when", "formats": ["%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S"]},
        ),
        (['"date":"11/23/2026 01:00:00 PM"'], {"field": "date", "formats": ["%m/%d/%Y %I:%M:%S %p"]}),
        (['"when":"2026-11-23 01:00:00"'] * 2 + ['"when":"never"'], {"field": "when"}),
        (['"elapsed_time":12', '"elapsed_time":1200'], None),
        (['"uptime":0.5,"stamp":1795395600', '"uptime":1.5,"stamp":1795395601'], {"field": "stamp"}),
    ],
)
def test_a_time_under_another_name_is_found_by_its_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], values: list[str], timestamp: dict[str, Any] | None
) -> None:
    text = "".join(f'{{"n":{number},{value}}}\n' for number, value in enumerate(values))
    assert pipeline_of(tmp_path, capsys, text).get("timestamp") == timestamp


def test_a_few_json_lines_among_text_get_a_parser(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "the disk is almost full\n" * 30 + '{"level":"info"}\n'
    assert pipeline_of(tmp_path, capsys, text) == {"parser": ["json", "plain"]}


@pytest.mark.parametrize(
    "line",
    [
        b"\tat " + b"a.js:1" * 10_000,
        b"  at a(" + b".java:1" * 9_000,
        b"#1 " + b".php(1" * 9_000,
        b" at " + b":1" * 30_000,
    ],
)
def test_a_long_line_that_resembles_a_stack_trace_is_not_slow(line: bytes) -> None:
    began = time.process_time()
    propose(line + b"\n", ManualClock())
    assert time.process_time() - began < 5


def test_for_standard_input_the_paths_are_to_be_filled_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"level":"info"}\n')))
    assert main(["explain", "--detect", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["configuration"]["pipelines"]["app"]["paths"] == ["/var/log/app/*.log"]


@pytest.mark.parametrize("option", [("--to", "stdout:"), ("--parser", "json")])
def test_options_that_detection_ignores_are_refused(
    option: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "--detect", *option]) == 2
    assert "remove --parser, --multiline, --to and --config" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["log4j2", "containerd-cri-json", "json-and-text", "encoding-utf-16"])
def test_what_is_proposed_passes_the_check_and_shows_three_documents(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "--detect", str(CORPUS / kind / "input.log")]) == 0
    block, documents = capfd.readouterr()
    assert documents.count("\ndocument") + documents.startswith("document") == 3
    file = tmp_path / "sidecar.yaml"
    file.write_text(block)
    assert yaml.safe_load(block)["pipelines"]["app"]["paths"]
    assert main(["check", "--config", str(file)]) == 0


def test_an_empty_file_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.log").touch()
    assert main(["explain", "--detect", str(tmp_path / "empty.log")]) == 2
    assert "contains no line" in capsys.readouterr().err


def test_every_parser_and_preset_is_tried_or_needs_options() -> None:
    need_options = {"regex", "grok", "dissect", "csv", "plain"}
    assert frozenset(BUILT_IN) <= {*PARSERS, *need_options}
    assert frozenset(PRESETS) <= {*LANGUAGE_PATTERNS, *JOINING.values(), "indent"}


def test_an_unknown_format_gets_its_times_and_levels_and_loses_no_text(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = ["23 Nov 2026 01:00:00.5 WARN  [main] slow", "\tat once", "23 Nov 2026 01:00:01 it is: ready"]
    (tmp_path / "app.log").write_text("".join(f"{line}\n" for line in lines))
    found = proposal(tmp_path / "app.log", capfd)
    assert found["confidence"] == 1
    rules = tmp_path / "sidecar.yaml"
    rules.write_text(json.dumps(found["configuration"]))
    assert main(["explain", str(tmp_path / "app.log"), "--config", str(rules), "--json"]) == 0
    documents = [json.loads(json.loads(line)["document"]) for line in capfd.readouterr().out.splitlines()]
    assert [(each["@timestamp"], each.get("level"), each["message"]) for each in documents] == [
        ("2026-11-23T01:00:00.5Z", "WARN", "[main] slow\n\tat once"),
        ("2026-11-23T01:00:01Z", None, "it is: ready"),
    ]


@pytest.mark.parametrize(
    ("line", "time", "level"),
    [
        ("2026-11-23T01:00:0{}Z info server: listening", "2026-11-23T01:00:00Z", "info"),
        ("2026-11-23T01:00:0{}Z req-81 worker-3: done", "2026-11-23T01:00:00Z", None),
        ("2026-327T01:00:0{}:INFO:hello", "2026-11-23T01:00:00Z", "INFO"),
        ("2026-11-23 01:00:0{} [ INFO] hello", "2026-11-23T01:00:00Z", "INFO"),
        ("23-11-2026 01:00:0{} <info>: hello", "2026-11-23T01:00:00Z", "info"),
        ("23.11.2026 01:00:0{} INFO hello", "2026-11-23T01:00:00Z", "INFO"),
        ("11/23/2026 1:00:0{} AM INFO hello", "2026-11-23T01:00:00Z", "INFO"),
        ("[INFO] 2026-11-23 01:00:0{},123 hello", "2026-11-23T01:00:00.123Z", "INFO"),
        ("179539560{} INFO hello", "2026-11-23T01:00:00Z", "INFO"),
        ("@40000000674126060000000{} hello", None, None),
        ("Mon Nov 23 01:00:0{} 2026 hello", "2026-11-23T01:00:00Z", None),
        ("2026.11.23 01:00:0{}.123456 [ 1 ] {{}} <Information> hello", "2026-11-23T01:00:00.123456Z", "information"),
        ("[pid: 8|app: 0] 192.0.2.1 () [Mon Nov 23 01:00:0{} 2026] POST /u", "2026-11-23T01:00:00Z", None),
        ("\x1b[2m2026-11-23T01:00:0{}.112Z\x1b[0m \x1b[32m INFO\x1b[0m shop: up", "2026-11-23T01:00:00.112Z", "info"),
        ('2026-11-23 01:00:0{}.123 UTC,"u","db",12,LOG', "2026-11-23T01:00:00.123Z", None),
    ],
)
def test_the_time_and_the_level_are_read_wherever_they_are(
    line: str, time: str | None, level: str | None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "app.log").write_text("".join(line.format(second) + "\n" for second in range(4)))
    assert main(["explain", "--detect", str(tmp_path / "app.log")]) == 0
    (tmp_path / "sidecar.yaml").write_text(capfd.readouterr().out)
    assert main(["explain", str(tmp_path / "app.log"), "--config", str(tmp_path / "sidecar.yaml"), "--json"]) == 0
    documents = [json.loads(json.loads(shown)["document"]) for shown in capfd.readouterr().out.splitlines()]
    assert len(documents) == 4
    assert time is None or documents[0]["@timestamp"] == time
    assert documents[0].get("level", documents[0]["log"].get("level")) == level
    assert "syslog" not in documents[0]["log"]


def test_the_first_line_says_what_is_read_and_notes_say_what_is_ignored(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def shown(text: str) -> list[str]:
        (tmp_path / "app.log").write_text(text)
        assert main(["explain", "--detect", str(tmp_path / "app.log")]) == 0
        *comments, schema = takewhile(lambda line: line.startswith("#"), capfd.readouterr().out.splitlines())
        assert schema == SCHEMA_LINE
        return comments

    access = (CORPUS / "nginx-main" / "input.log").read_text()
    assert shown(access)[0].startswith("# nginx: 100% read, time 100%, level –, 9 fields (first ")
    assert "# unknown zones IST are read as UTC: set timestamp.zones" in shown(
        "2026-07-03 22:32:14.322 IST [12] LOG:  up\n"
    )
    assert shown("hello\n")[0].startswith("# plain: no parser reads this log")
    assert "write a `regex`" in shown("hello\n")[1]
    assert "the time of reading is used" in shown("[INFO] plugin/ready: ok\n")[1]


def test_a_log_of_cloudfront_has_the_names_of_its_directive(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = "date time x-edge-location sc-bytes c-ip cs-method sc-status cs(User-Agent)"
    row = "2026-11-23\t01:00:0{}\tFRA2-C1\t4812\t203.0.113.7\tGET\t200\tcurl/8.5"
    log = f"#Version: 1.0\n#Fields: {names}\n" + "".join(f"{row.format(second)}\n" for second in range(4))
    (tmp_path / "app.log").write_text(log)
    found = proposal(tmp_path / "app.log", capfd)
    (tmp_path / "sidecar.yaml").write_text(json.dumps(found["configuration"]))
    assert main(["explain", str(tmp_path / "app.log"), "--config", str(tmp_path / "sidecar.yaml"), "--json"]) == 0
    documents = [json.loads(json.loads(line)["document"]) for line in capfd.readouterr().out.splitlines()]
    last = documents[-1]
    assert last["@timestamp"] == "2026-11-23T01:00:03Z"
    assert (last["c-ip"], last["sc-status"], last["cs(User-Agent)"]) == ("203.0.113.7", 200, "curl/8.5")


def test_one_pair_per_line_is_not_logfmt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exported = "__REALTIME_TIMESTAMP=1795395600123456\nPRIORITY=6\nMESSAGE=ready\n\n"
    assert pipeline_of(tmp_path, capsys, exported * 3)["parser"] == "plain"


def test_another_encoding_is_proposed(capfd: pytest.CaptureFixture[str]) -> None:
    for kind, is_told in (("encoding-latin-1", True), ("encoding-utf-16", False), ("python-logging", False)):
        assert main(["explain", "--detect", str(CORPUS / kind / "input.log")]) == 0
        assert ("set the encoding" in capfd.readouterr().out) is is_told
