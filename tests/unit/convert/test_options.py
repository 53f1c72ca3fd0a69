"""Single options of each tool, and what they become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.convert.expressions import Untranslatable
from sidecar.convert.kinds import SourceFile, convert
from sidecar.convert.vector.vrl import split_statements, to_condition
from sidecar.convert.writer import write


def convert_pipeline(kind: str, text: str) -> dict[str, Any]:
    """Return the settings of the only pipeline, without its paths."""
    result = yaml.safe_load(write(convert(SourceFile(Path("source"), text), kind)))
    (pipeline,) = result["pipelines"].values()
    return {name: value for name, value in pipeline.items() if name != "paths"}


def convert_sink(kind: str, text: str) -> dict[str, Any]:
    """Return the settings of the only sink, without its type."""
    (sink,) = yaml.safe_load(write(convert(SourceFile(Path("source"), text), kind)))["sinks"].values()
    return {name: value for name, value in sink.items() if name != "type"}


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ("parsers: [{ndjson: {target: app, message_key: msg, add_error_key: true}}]",
         {"parser": [{"type": "json", "target": "app"}], "transforms": [{"rename": {"app.msg": "message"}}]}),
        ("parsers: [{container: {format: cri}}, {ndjson: {}}]", {"parser": [{"type": "cri", "content": "json"}]}),
        ("parsers: [{syslog: {timezone: Europe/Berlin}}]",
         {"parser": ["syslog"], "timestamp": {"zone": "Europe/Berlin"}}),
        ("parsers: [{include_message.patterns: [a, b]}]", {"include_lines": ["a", "b"]}),
        ("multiline: {pattern: '^b', negate: false, match: before}", {"multiline": {"end": "^(?!b)"}}),
        ("multiline: {pattern: 'end$', negate: true, match: before, max_lines: 9}",
         {"multiline": {"end": "end$", "max_lines": 9}}),
        (r"multiline: {pattern: '^\s', negate: false, match: after, timeout: 5s}",
         {"multiline": {"continuation": r"^\s", "timeout": "5s"}}),
        ("multiline: {type: while_pattern, pattern: a}", {}),
        ("tail_files: true", {"read_from": "end"}),
        ("max_bytes: 2048", {"max_line": 2048}),
        ("max_bytes: 10MiB", {"max_line": "10MiB"}),
        ("message_max_bytes: 1MB", {"max_line": "1MB"}),
        ("ignore_older: 0", {}),
        ("encoding: utf-16le-bom", {"encoding": "utf-16"}),
        ("encoding: ebcdic", {}),
        ("fields: {a: 1}", {"transforms": [{"add": {"fields": {"a": 1}}}]}),
        ("processors: [{dissect: {tokenizer: '%{a} %{?x} %{+b/2} %{b->} %{c|long}'}}]",
         {"parser": [{"type": "dissect",
                      "pattern": "%{dissect.a} %{?x} %{+dissect.b/2} %{dissect.b->} %{dissect.c}",
                      "types": {"dissect.c": "integer"}}, "plain"]}),
        ("processors: [{drop_event.when.not.has_fields: [a.b, c]}]",
         {"transforms": [{"drop_when": "not (exists a.b and exists c)"}]}),
        ("processors: [{drop_event.when.regexp.message: '^DBG'}]",
         {"transforms": [{"drop_when": 'message ~ "^DBG"'}]}),
        ("processors: [{drop_event.when.contains.message: ['a.b', '$1']}]",
         {"transforms": [{"drop_when": r'message ~ "a\.b" or message ~ "\$1"'}]}),
        ("processors: [{drop_event.when.range.a.b.lt: 5}]", {"transforms": [{"drop_when": "a.b < 5"}]}),
        ("processors: [{drop_event.when.network.ip: private}]", {}),
        ("processors: [{drop_event: {}}]", {}),
        ("processors: [{add_labels.labels: {a: x}}, {add_tags: {tags: [t], target: env}}]",
         {"transforms": [{"add": {"labels.a": "x", "env": ["t"]}}]}),
        ("processors: [{convert.fields: [{from: a, to: b, type: long}]}]",
         {"transforms": [{"copy": {"a": "b"}}, {"convert": {"b": "integer"}}]}),
        ("processors: [{rename.fields: [{from: a, to: b}, {from: b, to: c}]}]",
         {"transforms": [{"rename": {"a": "b"}}, {"rename": {"b": "c"}}]}),
        ("processors: [{timestamp: {field: t, layouts: [UNIX], timezone: Europe/Rome}}]",
         {"timestamp": {"field": "t", "formats": ["epoch"], "zone": "Europe/Rome"}}),
        ("processors: [{fingerprint: {fields: [a], target_field: h}}]",
         {"transforms": [{"fingerprint": {"fields": ["a"], "target": "h"}}]}),
        ("processors: [{fingerprint: {fields: [a], target_field: '@metadata._id'}}]", {}),
        ("processors: [{if: {has_fields: [a]}, then: [{drop_event: {}}]}]", {}),
        ("processors: [{rename: {fields: [{from: '${A}', to: b}]}}]", {}),
        ("fields: {a: x}\n  processors: [{drop_event.when.equals.fields.a: x}]",
         {"transforms": [{"add": {"fields": {"a": "x"}}}]}),
    ],
)  # fmt: skip
def test_an_input_of_filebeat(options: str, settings: dict[str, Any]) -> None:
    source = f"filebeat.inputs:\n- type: filestream\n  paths: [/a.log]\n  {options}\n"
    assert convert_pipeline("filebeat", source) == settings


@pytest.mark.parametrize(
    ("output", "settings"),
    [
        ("elasticsearch: {hosts: ['es', 'es-2:9201', 'https://es-3/p']}",
         {"hosts": ["http://es:9200", "http://es-2:9201"], "index": "filebeat"}),
        ("elasticsearch: {hosts: ['es'], protocol: https, path: /es, index: 'a-%{[x.y]:Other Name}-%{+xxxx.ww}'}",
         {"hosts": ["https://es:9200/es"], "index": "a-{x.y:other_name}-%G.%V"}),
        ("elasticsearch: {hosts: ['${ES:http://u@x?y}'], index: x}",
         {"hosts": ["${ES:-http://u@x?y}"], "index": "x"}),
        ("elasticsearch: {hosts: ['http://${U}:${P}@es'], index: x}",
         {"hosts": ["http://es:9200"], "username": "${U}", "password": "${P}", "index": "x"}),
        ("elasticsearch: {hosts: [es], index: 'x-%{[agent.version]}', proxy_disable: true}",
         {"hosts": ["http://es:9200"], "index": "x", "proxy": "none"}),
        ("elasticsearch: {hosts: [es], index: x, ssl: {verification_mode: none, certificate: c, key: k}}",
         {"hosts": ["http://es:9200"], "index": "x", "verify": False, "client_key_file": None}),
        ("kafka: {hosts: [k], topic: t, compression: gzip, ssl.verification_mode: none}",
         {"brokers": ["k"], "topic": "t", "compression": "gzip", "tls": True}),
        ("file: {path: /out, filename: logs}", {"path": "/out/logs.ndjson"}),
        ("console: {pretty: true}", {}),
        ("logstash: {hosts: [l]}", {}),
    ],
)  # fmt: skip
def test_an_output_of_filebeat(output: str, settings: dict[str, Any]) -> None:
    sink = convert_sink("filebeat", f"filebeat.inputs: [{{type: log, paths: [/a.log]}}]\noutput:\n  {output}\n")
    assert {name: sink.get(name) for name in settings} == settings


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ("Parser nginx", {"parser": ["nginx"]}),
        ("Parser unknown", {}),
        ("Docker_Mode On", {"parser": ["docker"]}),
        ("multiline.parser cri", {"parser": ["cri"]}),
        ("multiline.parser java, go", {"multiline": {"preset": "java"}}),
        ("Exclude_Path *.gz,*.1", {"exclude": ["*.gz", "*.1", "*.xz", "*.bz2", "*.zst"]}),
        ("unicode.encoding UTF-16LE", {"encoding": "utf-16le"}),
        ("[FILTER]\nName parser\nMatch *\nKey_Name log\nParser unknown\nParser json", {"parser": ["json"]}),
        ("[FILTER]\nName parser\nMatch *\nKey_Name other\nParser json", {}),
        ("[FILTER]\nName grep\nMatch *\nRegex log a\nRegex log b",
         {"transforms": [{"keep_when": 'message ~ "a" and message ~ "b"'}]}),
        ("[FILTER]\nName grep\nMatch *\nExclude log a\nExclude log b",
         {"transforms": [{"drop_when": 'message ~ "a" or message ~ "b"'}]}),
        ("[FILTER]\nName nest\nMatch *\nOperation nest\nWildcard a\nNest_under b\nRemove_prefix x",
         {"transforms": [{"rename": {"a": "b.a"}}]}),
        ("[FILTER]\nName nest\nMatch *\nOperation lift\nNested_under a", {}),
        ("[FILTER]\nName modify\nMatch other\nAdd a b", {}),
        ("[FILTER]\nName modify\nMatch *\nCopy a b\nRemove c\nHard_rename log text",
         {"transforms": [{"copy": {"a": "b"}}, {"drop_fields": ["c"]}, {"rename": {"message": "text"}}]}),
        ("Parser p\n[PARSER]\nName p\nFormat logfmt\nTypes n:integer b:bool x:hex",
         {"parser": [{"type": "logfmt", "types": {"n": "integer", "b": "boolean"}}]}),
        ("Parser docker\n[PARSER]\nName docker\nFormat json\nDecode_Field_As json log",
         {"parser": [{"type": "docker", "content": "json"}]}),
        ("multiline.parser m\n[MULTILINE_PARSER]\nname m\ntype endswith\nmatch_string x", {}),
    ],
)  # fmt: skip
def test_an_input_and_a_filter_of_fluent_bit(options: str, settings: dict[str, Any]) -> None:
    source = f"[INPUT]\nName tail\nPath /a.log\nRead_from_Head On\n{options}\n"
    assert convert_pipeline("fluent-bit", source) == settings


@pytest.mark.parametrize(
    ("stages", "settings"),
    [
        ("[{multiline: {firstline: '^a'}}]", {"multiline": {"start": "^a"}}),
        ("[{drop: {source: [a, b], expression: x}}]", {}),
        ("[{drop: {older_than: 24h}}]", {}),
        ("[{drop: {source: a}}]", {"transforms": [{"drop_when": "exists a"}]}),
        ("[{json: {expressions: {a: b.c, d: 'e[0]'}}}, {drop: {source: a, value: x}}]",
         {"parser": ["json"], "transforms": [{"drop_when": 'b.c == "x"'}]}),
        ("[{regex: {expression: 'a(?P<n>.)'}}]",
         {"parser": [{"type": "regex", "pattern": "(?P<message>(?s:.*?)(?:a(?P<n>.))(?s:.*))"}]}),
        ("[{match: {selector: '{job=\"x\"} !~ `^a$`', action: drop}}]", {"include_lines": ["^a$"]}),
        ("[{match: {selector: '{job=\"x\"} |= \"a.b\" != \"c\"', action: drop}}]", {}),
        ("[{match: {selector: '{other=\"x\"}', action: drop}}]", {}),
        ("[{match: {selector: 'nonsense', action: drop}}]", {}),
        ("[{cri: }, {drop: {expression: '^a'}}]",
         {"parser": ["cri"], "transforms": [{"drop_when": 'message ~ "^a"'}]}),
        ("[{cri: }, {multiline: {firstline: a}}]", {"parser": ["cri"]}),
        ("[{json: {}}, {logfmt: {}}]", {"parser": ["json"]}),
        ("[{timestamp: {source: t, format: UnixMs, fallback_formats: [RFC3339]}}]",
         {"timestamp": {"field": "t", "formats": ["epoch_ms", "iso8601"]}}),
    ],
)  # fmt: skip
def test_a_stage_of_promtail(stages: str, settings: dict[str, Any]) -> None:
    source = (
        "scrape_configs:\n- static_configs: [{labels: {__path__: /a.log, job: x}}]\n  pipeline_stages: "
        + stages
        + "\n"
    )
    pipeline = convert_pipeline("promtail", source)
    assert pipeline["transforms"].pop(0) == {"add": {"labels.job": "x"}}
    if not pipeline["transforms"]:
        del pipeline["transforms"]
    assert pipeline == settings


@pytest.mark.parametrize(
    ("program", "settings"),
    [
        (". = parse_json!(.message)", {"parser": ["json"]}),
        (".app = object!(parse_json(string!(.message)) ?? {})", {"parser": [{"type": "json", "target": "app"}]}),
        (". |= object!(parse_json!(.message))", {"parser": ["json"]}),
        ("p, err = parse_json(.message)\nif err == null {\n  . = merge!(., p)\n}", {"parser": ["json"]}),
        ("p = parse_logfmt(.message) ?? {}\n. |= p", {"parser": ["logfmt"]}),
        (". = parse_json!(.other)", {}),
        (". = parse_apache_log!(.message, format: \"error\")", {"parser": ["apache_error"]}),
        (". |= parse_grok!(.message, \"%{IP:ip} %{WORD:w}\")",
         {"parser": [{"type": "grok", "pattern": "%{IP:ip} %{WORD:w}"}]}),
        (". = parse_regex!(.message, r'^(?P<a>\\S+)$')", {"parser": [{"type": "regex", "pattern": r"^(?P<a>\S+)$"}]}),
        (". = parse_json!(.message)\n. = parse_syslog!(.message)", {"parser": ["json"]}),
        ("del(.a)\ndel(.b.c) # why", {"transforms": [{"drop_fields": ["a"]}, {"drop_fields": ["b.c"]}]}),
        (".b = del(.a); .\"c-d\" = .b", {"transforms": [{"rename": {"a": "b"}}, {"copy": {"b": "c-d"}}]}),
        (".a = \"x # y\"\n.n = 5\n.l = [\"p\", \"q\"]\n.t = true",
         {"transforms": [{"add": {"a": "x # y", "n": 5, "l": ["p", "q"], "t": True}}]}),
        (".a = {\"x\": 1}", {}),
        (".n = to_int(.n) ?? 0\n.s = downcase(string!(.s))",
         {"transforms": [{"convert": {"n": "integer"}}, {"lowercase": ["s"]}]}),
        (".timestamp = parse_timestamp!(.t, \"%d/%b/%Y\", timezone: \"Europe/Rome\")",
         {"timestamp": {"field": "t", "formats": ["%d/%b/%Y"], "zone": "Europe/Rome"}}),
        (".\"@timestamp\" = del(.t)", {"timestamp": {"field": "t"}}),
        ("if .level == \"debug\" { abort }\nif exists(.a) { .b = 1 }",
         {"transforms": [{"drop_when": 'level == "debug"'}]}),
        (".e = get_env_var!(\"STAGE\")\n.h = get_hostname!()", {"transforms": [{"add": {"e": "${STAGE}"}}]}),
        (".x = \\\n", {}),
        ("log(\"x\")", {}),
        (".a =\n  \"x\"\n.b = (\n  .c\n)", {"transforms": [{"add": {"a": "x"}}, {"copy": {"c": "b"}}]}),
    ],
)  # fmt: skip
def test_a_program_of_vector(program: str, settings: dict[str, Any]) -> None:
    source = {
        "sources": {"a": {"type": "file", "include": ["/a.log"]}},
        "transforms": {"t": {"type": "remap", "inputs": ["a"], "source": program.replace("$", "$$")}},
        "sinks": {"s": {"type": "console", "inputs": ["t"]}},
    }
    assert convert_pipeline("vector", yaml.safe_dump(source)) == settings


@pytest.mark.parametrize(
    ("condition", "expression"),
    [
        ('.level == "error" || .level == "warn"', 'level == "error" or level == "warn"'),
        ("(to_int(.status) ?? 0) >= 500 && !exists(.user.id)", "status >= 500 and not (exists user.id)"),
        ('!(.a == "x") && (.b != 5 || .c == null)', 'not (a == "x") and (b != 5 or c == null)'),
        ('starts_with(string!(.path), "/a.b") && ends_with(.path, "?")', r'path ~ "^/a\.b" and path ~ "\?$"'),
        ("match(string!(.message), r'\\d{3}')", r'message ~ "\d{3}"'),
        ('includes(["a", "b"], .x) || contains(.y, "z")', '(x == "a" or x == "b") or y ~ "z"'),
        (".flag", "flag == true"),
        ('.a == "$$b"', 'a == "$$$b"'),
    ],
)
def test_a_condition_of_vector(condition: str, expression: str) -> None:
    assert to_condition(condition) == expression


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "(",
        ".a ==",
        ".a == .b",
        "length(.a) > 5",
        ".a + 1 == 2",
        '.token == "x"',
        "!" * 100 + ".a",
        ".a == {}",
        '"x"',
    ],
)
def test_a_condition_without_counterpart_has_a_reason(condition: str) -> None:
    with pytest.raises(Untranslatable):
        to_condition(condition)


def test_statements_know_their_lines() -> None:
    program = "# first\n.a = 1\n\n.b = [\n  1,\n]\n.c = \"x\n\"; .d = r'}'\nif .e {\n  abort\n}\nelse { }\n"
    assert [(statement.line, statement.text.split()[0]) for statement in split_statements(program)] == [
        (1, ".a"), (3, ".b"), (6, ".c"), (7, ".d"), (8, "if"),
    ]  # fmt: skip


def sinks_by_pipeline(kind: str, text: str) -> dict[str, Any]:
    result = yaml.safe_load(write(convert(SourceFile(Path("source"), text), kind)))
    return {name: pipeline.get("sinks", "all") for name, pipeline in result["pipelines"].items()}


def test_each_input_of_filebeat_ships_to_its_own_index_only() -> None:
    inputs = ["{type: log, paths: [/%s.log], index: %s}" % (name, name) for name in "xyz"]  # noqa: UP031
    text = (
        f"filebeat.inputs: [{', '.join(inputs)}, {{type: log, paths: [/w.log]}}]\noutput.elasticsearch.hosts: [h]\n"
    )
    assert sinks_by_pipeline("filebeat", text) == {
        "x": ["elasticsearch-x"], "y": ["elasticsearch-y"], "z": ["elasticsearch-z"], "w": ["elasticsearch"],
    }  # fmt: skip


INPUTS = "[INPUT]\nName tail\nPath /a.log\nTag a\n[INPUT]\nName tail\nPath /b.log\nTag b\n"


def test_lines_that_fluent_bit_discards_are_not_read() -> None:
    outputs = "[OUTPUT]\nName es\nMatch a\nHost h\n[OUTPUT]\nName null\nMatch *\n"
    assert sinks_by_pipeline("fluent-bit", INPUTS + outputs) == {"a": "all"}
    others = outputs + "[OUTPUT]\nName splunk\nMatch b\n"
    assert sinks_by_pipeline("fluent-bit", INPUTS + others) == {"a": "all", "b": "all"}


def test_lines_that_vector_discards_are_not_read() -> None:
    text = """
sources: {a: {type: file, include: [/a.log]}}
transforms: {r: {type: route, inputs: [a], route: {err: '.level == "error"'}}}
sinks:
  errors: {type: elasticsearch, inputs: [r.err], endpoints: ['http://h']}
  rest: {type: blackhole, inputs: [r._unmatched]}
"""
    assert sinks_by_pipeline("vector", text) == {"a": "all"}


DATED_FILE = """
sources: {a: {type: file, include: [/a]}}
sinks: {o: {type: file, inputs: [a], path: '/out/vector-%Y-%m-%d.log', encoding: {codec: json}}}
"""
DATED_INDEX = INPUTS + "[OUTPUT]\nName es\nMatch *\nHost h\nIndex app-%Y.%m.%d\n"
SERVERLESS = """
sources: {a: {type: file, include: [/a]}}
sinks:
  o:
    {type: elasticsearch, inputs: [a], endpoints: ['https://h'], auth: {strategy: aws}, aws: {region: eu-west-1},
     opensearch_service_type: serverless}
"""


@pytest.mark.parametrize(
    ("kind", "text", "settings"),
    [
        ("fluent-bit", DATED_INDEX, {"index": "app-%Y.%m.%d"}),
        ("vector", DATED_FILE, {"path": "/out/vector.log"}),
        ("vector", SERVERLESS, {"aws_region": "eu-west-1", "aws_service": "aoss"}),
    ],
)
def test_a_setting_of_a_sink_is_converted(kind: str, text: str, settings: dict[str, Any]) -> None:
    assert settings.items() <= convert_sink(kind, text).items()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("filebeat.inputs: [{paths: [/a], prospector.scanner.check_interval: 5s}]", "new files are found at once"),
        ("filebeat.inputs: [{paths: [/a], prospector.scanner.fingerprint.enabled: true}]", "recognised by content,"),
        ("filebeat.inputs: [{paths: [/a]}]\noutput.elasticsearch: {hosts: ['https://h'], "
         "ssl.verification_mode: certificate}", "the host name is verified as well"),
    ],
)  # fmt: skip
def test_an_option_that_is_not_needed_is_explained_and_not_left_out(text: str, reason: str) -> None:
    written = write(convert(SourceFile(Path("source"), text), "filebeat"))
    assert reason in next(line for line in written.splitlines() if "# note" in line and reason in line)
    assert not [line for line in written.splitlines() if "# left out" in line and "scanner" in line]


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("tail_files: perhaps", "tail_files: its value has another type than expected"),
        ("max_bytes: {a: b}", "max_bytes: its value has another type than expected"),
        ("max_bytes: [1]", "max_bytes: its value has another type than expected"),
        ("include_lines: {a: b}", "include_lines: its value has another type than expected"),
        ("processors: text", "processors: its value has another type than expected"),
        ("unheard_of: 1", "unheard_of: the sidecar has no such option"),
    ],
)
def test_an_option_of_another_type_is_not_called_unknown(option: str, reason: str) -> None:
    text = f"filebeat.inputs: [{{type: log, paths: [/a], {option}}}]"
    assert reason in write(convert(SourceFile(Path("source"), text), "filebeat"))


def test_the_reason_why_a_value_is_refused_has_no_words_of_a_library() -> None:
    text = "filebeat.inputs: [{type: log, paths: [/a]}, {type: log, id: second, paths: []}]"
    assert "the sidecar does not accept the value: needs at least one entry" in write(
        convert(SourceFile(Path("source"), text), "filebeat")
    )
