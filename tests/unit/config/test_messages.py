"""Mistakes that people make: each is one sentence with the source, the place, the cause and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sidecar.cli import main

SINK = '"stdout:"'
PATHS = "[/var/log/app/*.log]"
LIBRARY_WORDS = re.compile(
    r"pydantic|extra inputs|input should|valid dictionary|extract fields|constructor|alphabetic|block end|"
    r"validation error|dotenv|could not find expected|Errno|Traceback",
    re.IGNORECASE,
)


def written(sink: str = SINK, paths: str = PATHS, more: str = "") -> str:
    return f"sinks:\n  out: {sink}\npipelines:\n  app:\n    paths: {paths}\n{more}"


MISTAKES = [
    # The file.
    ("", "1: sinks is missing; add it"),
    ("- a\n", " must be a mapping of names to values"),
    (written(paths="[*.log]"), "5: a text begins with * or &, which YAML reserves; put the text into quotes"),
    (written(sink="stdout:"), "2: a colon is not expected here; check the indentation, or put the text into quotes"),
    (written(more="    parser: {type: grok, pattern: %{IP:a}}"), "6: a text begins with a character that YAML"),
    (written(more="\tlog_level: info"), "6: a tab is used for the indentation or after a colon; use spaces"),
    (written(paths="[/a"), "5: a list that begins with [ has no comma or no closing ]"),
    (written(paths='["/a]'), "5: a quote is not closed"),
    (written(sink="!secret out"), "2: a text begins with !, which YAML reserves for types; put the text into quotes"),
    (written(more="sinks: {}\n"), '6: the key "sinks" occurs twice; remove one'),
    (
        written(more="---\na: 1\n"),
        "6: the file has more than one document; keep only the part above the line with ---",
    ),
    (written(sink="!!timestamp 2026-13-45"), " contains a date or number that does not exist"),
    # Names of settings.
    (written(more="    parsr: json"), '6: pipelines.app.parsr is not a setting; did you mean "parser"?'),
    (written(more="limts: {memory: 1MiB}"), '6: limts is not a setting; did you mean "limits"?'),
    (written(more="limits: {memry: 1MiB}"), '6: limits.memry is not a setting; did you mean "memory"?'),
    (
        written(sink="{type: sqlite, path: /a, tabel: b}"),
        '2: sinks.out.tabel is not a setting; did you mean "table"?',
    ),
    (
        written(sink="{type: sqlite, path: /a, ssl: true}"),
        "2: sinks.out.ssl is not a setting; known are batch_bytes,",
    ),
    (
        written(sink='"elasticsearch://h/l?compres=true"'),
        '2: sinks.out.compres is not a setting; did you mean "compr',
    ),
    (written(more="    parser: {type: json, targt: a}"), "6: pipelines.app.parser.targt is not a setting; did you"),
    (
        written(more="    transforms: [{drop_fields: [a], rename: {b: c}}]"),
        "6: pipelines.app.transforms.0.drop_fields is a second transform in one item of the list; "
        "write it as a separate item",
    ),
    # Variables.
    (
        written(sink='"elasticsearch://${ES_HOST}/logs"'),
        "2: the variable ES_HOST is not set; set it, or write a default, as in ${ES_HOST:-default}",
    ),
    (
        written(sink='{type: elasticsearch, hosts: h, password: "${ES_PASSWORD:?ask the team of the database}"}'),
        "2: the variable ES_PASSWORD is empty or not set: ask the team of the database",
    ),
    (written(sink='"elasticsearch://${}/logs"'), "2: has ${ without the name of a variable and }; write ${NAME}, or"),
    (written(sink='"elasticsearch://${A/logs"'), "2: has ${ without the name of a variable and }; write ${NAME}, or"),
    (
        written(paths='["$LOGS/*.log"]'),
        "5: pipelines.app.paths.0 contains $LOGS, which is not expanded; write ${LOGS} in the configuration file",
    ),
    # Sinks.
    (written(sink="5"), "2: sinks.out must be a URL such as elasticsearch://host:9200/logs, or a mapping"),
    (written(sink="localhost"), "2: sinks.out must be a URL such as elasticsearch://host:9200/logs, or a mapping"),
    (
        written(sink="{hosts: h}"),
        "2: sinks.out: needs a `type` or a `url`; types are elasticsearch, file, kafka,",
    ),
    (written(sink="{type: nats}"), '2: sinks.out.type: there is no sink "nats"; known are elasticsearch, file,'),
    (written(sink='"nats://h/logs"'), '2: sinks.out: no sink has URLs that begin with "nats:"; known are'),
    (written(sink='"http://h:9200/logs"'), 'no sink has URLs that begin with "http:"; did you mean "elasticsearch"?'),
    (written(sink='"elasticsearch+http://h/l"'), '"elasticsearch+http:"; did you mean "elasticsearch"?'),
    (written(sink='"elasticsearch://u:p@ss/word@h/l"'), "2: sinks.out.url has an @ after the first /; write special"),
    (written(sink='"elasticsearch://u:p/ss@h/l"'), "2: sinks.out.url has an @ after the first /; write special"),
    (
        written(sink='"mongodb://h/db?colection=a"'),
        '2: sinks.out.url has the unknown option "colection"; did you mean "collection"?',
    ),
    (
        written(sink='"mongodb+srv://h:27017/db"'),
        "2: sinks.out.url has a port or several hosts, although DNS names them",
    ),
    (
        written(sink="{type: elasticsearch, hosts: h, ssl: true}"),
        "2: sinks.out.ssl is not a setting; known are api_key,",
    ),
    (
        written(sink='"elastic://h/logs"'),
        'no sink has URLs that begin with "elastic:"; did you mean "elasticsearch"?',
    ),
    (written(sink="{type: elasticsearch, hosts: h, index: Logs}"), "2: sinks.out.index is not a valid index name"),
    (
        written(sink='{type: elasticsearch, hosts: h, index: "logs-%{+yyyy.MM.dd}"}'),
        "2: sinks.out.index is not a valid name pattern",
    ),
    (written(sink="{type: elasticsearch, hosts: h, password: p}"), "2: sinks.out.password has no username; add user"),
    (written(sink="{type: sqlite}"), "2: sinks.out.path is missing; add it"),
    (
        written(sink="{type: sqlite, path: /a, batch_records: lots}"),
        "2: sinks.out.batch_records must be a whole nu",
    ),
    ("sinks: {}\npipelines: {app: {paths: [/a]}}", "1: sinks is empty; add at least one entry"),
    # Values.
    (written(paths='[""]'), "5: pipelines.app.paths.0 is empty; write a text, or remove it"),
    (written(paths="[]"), "5: pipelines.app.paths needs at least one entry"),
    (written(more="    parser: jsn"), '6: pipelines.app.parser: "jsn" is not known; did you mean "json"?'),
    (written(more="    parser: 5"), "6: pipelines.app.parser must be a name, or a mapping of names to values"),
    (written(more="    parser: {pattern: a}"), "6: pipelines.app.parser needs a `type`"),
    (written(more="    parser: grok"), "6: pipelines.app.parser needs `pattern`; write {type: grok, pattern: …}"),
    (written(more="    parser: [json, csv]"), "6: pipelines.app.parser.1 needs `columns`; write {type: csv, columns"),
    (
        written(more="    parser: {type: grok, pattern: '%{TIMESTMP:a}'}"),
        "unknown grok pattern TIMESTMP; define custom",
    ),
    (
        written(more="    max_line: lots"),
        "6: pipelines.app.max_line: not a size; write it as 64KiB, 16MiB or",
    ),
    (
        written(more="    ignore_older: 5 days"),
        "6: pipelines.app.ignore_older: not a duration; write it as 5",
    ),
    (
        written(more="    timestamp: {zone: CEST}"),
        "6: pipelines.app.timestamp.zone: unknown time zone; use",
    ),
    (
        written(more='    timestamp: {formats: "%Y-%m-%d %Q"}'),
        "contains %Q, which is not a directive of strptime; use",
    ),
    (
        written(more="    timestamp: {formats: yyyy-MM-dd}"),
        "6: pipelines.app.timestamp.formats: 'yyyy-MM-dd'",
    ),
    (written(more="    multiline: jva"), "6: pipelines.app.multiline: unknown preset 'jva'; use one of"),
    (
        written(more="    multiline: {preset: jva}"),
        "pipelines.app.multiline.preset: unknown preset 'jva'; use one of",
    ),
    (written(more="    transforms: kubernets"), 'unknown transform "kubernets"; did you mean "kubernetes"?'),
    (written(more="    sinks: [oot]"), '6: pipelines.app.sinks: there is no sink "oot"; did you mean "out"?'),
    (written(more="    sinks: []"), "6: pipelines.app.sinks needs at least one entry"),
    (written(more='    sinks: ""'), "6: pipelines.app.sinks needs at least one entry"),
    (written(more="    tests: [{name: a, input: 5, expect: []}]"), "tests.0.input must be text or a list"),
    (written(more="log_level: loud"), "6: log_level must be 'debug', 'info', 'warning' or 'error'"),
    (written(more="admin: {listen: 99999}"), "6: admin.listen: not an address; write it as 127.0.0.1:9600"),
    (written(more="drain: {timeout: 25 sec}"), "6: drain.timeout: not a duration; write it as 500ms, 5s"),
    # Traps of YAML.
    (written(sink='"stdout:",'), "2: a value is followed by more; check the brackets, or put the text into quotes"),
    (written(sink="{type: stdout}}"), "2: a value is followed by more; check the brackets, or put the text into"),
    (written(more="    include_lines: [ [0-9]+ ]"), "6: a list that begins with [ has no comma or no closing ]"),
    (written(more="    multiline:\n      start: [0-9]{4}"), "7: a value is followed by more; check the brackets, or"),
    (written(more="    <<: [1, 2]\n"), "6: << needs a mapping, or the alias of one"),
    (written(more="    transforms: &a [*a]\n"), "6: an anchor contains its own alias (*); remove it"),
    (
        "%YAML 3.0\n---\n" + written(),
        "1: the file is written for another version of YAML; remove the line with %YAML",
    ),
    ("sinks:\n  1: 'stdout:'\npipelines: {app: {paths: [/a]}}", "2: the name 1 is not text; put it into quotes"),
    ("sinks:\n  ~: 'stdout:'\npipelines: {app: {paths: [/a]}}", "2: the name ~ is not text; put it into quotes"),
    (written(more="    transforms: [{add: {200: a}}]"), "6: the name 200 is not text; put it into quotes"),
    (
        written().replace("paths: ", "paths:"),
        "4: pipelines.app must be a mapping of names to values, written as `name:",
    ),
    (
        written().replace("paths: ", "paths = "),
        "4: pipelines.app must be a mapping of names to values, written as `na",
    ),
    (
        written(more="admin: 127.0.0.1:9600"),
        "6: admin must be a mapping of names to values, written as `name: value`",
    ),
    (
        written(sink="{type: elasticsearch, hosts: h, username: u, password: 12345}"),
        "2: sinks.out.password must be text; ",
    ),
    (
        written(sink="{type: elasticsearch, hosts: h, index: 2026}"),
        "2: sinks.out.index must be text; put it into quotes",
    ),
    (written(more="    ignore_older: 1:30"), "6: pipelines.app.ignore_older: not a duration; write it as 500ms, 5s"),
    (written(more="    ignore_older: .inf"), "6: pipelines.app.ignore_older must be a finite number"),
    (written(more="    ignore_older: 1e300"), "6: pipelines.app.ignore_older must be at most 36500d"),
    (written(more="admin: {listen: 12:30:00}"), "6: admin.listen: not an address; write it as 127.0.0.1:9600"),
    (
        written(more="admin: {listen: 'http://127.0.0.1:9600'}"),
        "6: admin.listen: not an address; write it as 127.0.0.1",
    ),
    (
        written(more="admin: {listen: '127.0.0.1 :9600'}"),
        "6: admin.listen: not an address; write it as 127.0.0.1:9600",
    ),
    (written(more="    keep_links: ''"), "6: pipelines.app.keep_links is empty; write a text, or remove it"),
    # Syntax that another tool expands.
    (
        written(paths="['$(LOGS)/a.log']"),
        "5: pipelines.app.paths.0 contains $(LOGS), which is not expanded; write ${LOGS}",
    ),
    (
        written(paths="['{{ .Values.logs }}/a.log']"),
        "5: pipelines.app.paths.0 contains {{ }}, which is not expanded; ",
    ),
    (
        written(paths="['~ann/a.log']"),
        "5: pipelines.app.paths.0: begins with ~ and a name, which is not expanded; write",
    ),
    (written(paths="['file:///var/log/a.log']"), "5: pipelines.app.paths.0 is a URL; write the path of the files"),
    (written(paths='["/var/log/a\\0"]'), "5: pipelines.app.paths.0 contains a character with the code 0; remove it"),
    (
        written(sink='"elasticsearch://$(ES)/logs"'),
        "2: sinks.out contains $(ES), which is not expanded; write ${ES} in",
    ),
    (
        written(sink="elasticsearch://::1:9200/logs"),
        "2: sinks.out.url has an IPv6 address without brackets; write it as",
    ),
    (written(sink="elasticsearch://h:0/logs"), "2: sinks.out.url has a port that is not between 1 and 65535"),
    (written(sink="elasticsearch://h:99999/logs"), "2: sinks.out.url has a port that is not between 1 and 65535"),
    (
        written(sink="{type: elasticsearch, hosts: 'a,,b'}"),
        "2: sinks.out.hosts has an empty host; write host:port, with one",
    ),
    (
        written(sink="elasticsearch://u:p#w@h:9200/logs"),
        "2: sinks.out.url has a #; write special characters of user and",
    ),
    (written(sink="sqlite://x.db"), "2: sinks.out: is not the URL of a database file; write sqlite:///relative.db"),
    (
        written(more="admin: {token_file: ~ann/token}"),
        "6: admin.token_file: begins with ~ and a name, which is not expanded",
    ),
    (written(sink='"elasticsearch://%ES%/logs"'), "2: sinks.out.url has no valid host and port; write host:port"),
    (written(sink='"mongodb://{{ host }}/logs"'), "2: sinks.out.url has no valid host and port; write host:port"),
    # Hosts.
    (
        written(sink="{type: elasticsearch, hosts: ['h h2']}"),
        "2: sinks.out.hosts has no valid host and port; write host",
    ),
    (
        written(sink="{type: elasticsearch, hosts: ['http://h?a=b']}"),
        "2: sinks.out.hosts has an entry with several hosts or",
    ),
    (
        written(sink="{type: elasticsearch, hosts: ['http://h,h2']}"),
        "2: sinks.out.hosts has an entry with several hosts or",
    ),
    (written(sink='"elasticsearch://h/l?compress=maybe"'), "2: sinks.out.compress must be true or false or 'auto'"),
    (written(sink='"elasticsearch://h/l?workers=many"'), "2: sinks.out.workers must be a whole number or 'auto'"),
    # Configurations of other tools.
    ("filebeat.inputs: [{type: log, paths: [/a]}]\n", " is a configuration of Filebeat; run `sidecar convert "),
    ("pipeline: {inputs: [{name: tail, path: /a}]}\n", " is a configuration of Fluent Bit; run `sidecar convert "),
    ("[INPUT]\n    Name tail\n    Path /a\n", " is a configuration of Fluent Bit; run `sidecar convert "),
    ("scrape_configs: []\nclients: [{url: 'http://l'}]\n", " is a configuration of Promtail; run `sidecar convert "),
    ("sources: {a: {type: file}}\nsinks: {b: {type: console}}\n", " is a configuration of Vector; run `sidecar conv"),
]

VALID = [
    "sinks: {no: 'stdout:'}\npipelines: {on: {paths: [/a], sinks: [no]}}\n",
    written(more="    keep_empty: yes\n    transforms: [{add: {no: yes, day: 2026-11-28, zip: '01067'}}]\n"),
    written(sink="{type: elasticsearch, hosts: h, index: 2026-11-28}"),
    written(more="    max_line: 0x10000\n    max_fields: 1e3\n"),
    "\ufeff" + written().replace("\n", "\r\n"),
]
"""Texts that look like a mistake, or that YAML 1.1 reads in another way."""


@pytest.mark.parametrize("text", VALID)
def test_what_yaml_1_2_allows_is_allowed(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sidecar.yaml"
    file.write_text(text, encoding="utf-8", newline="")
    assert main(["check", "--config", str(file), "--state-dir", str(tmp_path / "state")]) == 0


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        (written(paths="['/var/log/{a,b}.log']"), r"/var/log/{a,b}.log has \ or {}, which are taken literally"),
        (written(paths=r"['C:\logs\a.log']"), r"\a.log has \ or {}, which are taken literally; write paths with /"),
        (
            written(sink="{type: elasticsearch, hosts: 'https://h', ca_file: /usr}"),
            "sinks.out.ca_file: /usr is a dir",
        ),
        (
            written(more="admin: {listen: 9600, token_file: /usr}\n"),
            "admin.token_file: /usr is a directory; write the",
        ),
    ],
)
def test_what_may_be_a_mistake_is_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, warned: str
) -> None:
    file = tmp_path / "sidecar.yaml"
    file.write_text(text)
    assert main(["check", "--config", str(file), "--state-dir", str(tmp_path / "state")]) == 0
    assert warned in capsys.readouterr().err


@pytest.mark.parametrize(("text", "said"), MISTAKES)
def test_a_mistake_is_one_sentence_of_plain_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    file = tmp_path / "sidecar.yaml"
    file.write_text(text)
    assert main(["check", "--config", str(file), "--state-dir", str(tmp_path / "state")]) == 2
    problems = capsys.readouterr().err.splitlines()
    assert [problem for problem in problems if said in problem], problems
    assert all(problem.startswith(f"sidecar: {file}:") for problem in problems)
    assert not LIBRARY_WORDS.search("\n".join(problems))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["/a.log"], "--to URL is missing"),
        (["--to", "stdout:"], "PATH is missing"),
        (["/a.log", "--to", "nats://h"], '--to: no sink has URLs that begin with "nats:"; known are'),
        (
            ["/a.log", "--to", "elasticsearch://h/l?compres=1"],
            '--to: compres is not a setting; did you mean "compress',
        ),
        (
            ["/a.log", "--to", "elasticsearch://${H}/l"],
            "--to: contains ${H}, which is expanded only in the configuration file",
        ),
        (
            ["/a.log", "--to", "stdout:", "--parser", "jsn"],
            '--parser: "jsn" is not known; did',
        ),
        (
            ["/a.log", "--to", "stdout:", "--multiline", "jva"],
            "--multiline: unknown preset",
        ),
        (
            ["--config", "/no/such.yaml"],
            "/no/such.yaml: cannot be read (No such file or directory); pass another file",
        ),
    ],
)
def test_a_mistake_on_the_command_line_names_the_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["check", *arguments, "--state-dir", str(tmp_path)]) == 2
    problems = capsys.readouterr().err
    assert said in problems
    assert not LIBRARY_WORDS.search(problems)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"# \xe4\n", "1: is not UTF-8 text; save it as UTF-8"),
        (written(more="    parser: json").encode() + b"\n# \xff", "7: is not UTF-8 text; save it as UTF-8"),
        (written(more="# \x00").encode(), "6: contains a character that YAML does not allow (U+0000); remove it"),
    ],
)
def test_a_file_that_is_no_text_is_refused_with_the_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: bytes, problem: str
) -> None:
    file = tmp_path / "sidecar.yaml"
    file.write_bytes(data)
    assert main(["check", "--config", str(file)]) == 2
    assert capsys.readouterr().err == f"sidecar: {file}:{problem}\n"
