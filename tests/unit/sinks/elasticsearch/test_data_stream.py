"""The names of data streams, the fields that they add to documents, and the warning of a stream for each day."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sidecar.errors import ConfigurationError
from sidecar.sinks.elasticsearch.data_stream import add_stream_fields
from sidecar.sinks.elasticsearch.settings import ElasticsearchSettings


def settings(**given: Any) -> ElasticsearchSettings:
    return ElasticsearchSettings.model_validate({"hosts": ["http://es"], **given})


def test_the_name_has_three_parts_with_defaults() -> None:
    found = settings(data_stream={"dataset": "nginx.access"})
    assert found.destination() == "elasticsearch://es:9200/logs-nginx.access-default"
    assert found.target_template().fixed == "logs-nginx.access-default"


def test_all_documents_of_a_fixed_stream_get_its_fields() -> None:
    assert settings(data_stream={"namespace": "prod"}).document_fields() == {
        "ecs.version": "8.11.0", "data_stream.type": "logs", "data_stream.dataset": "generic",
        "data_stream.namespace": "prod",
    }  # fmt: skip
    assert settings(data_stream={"dataset": "{service.name:none}"}).document_fields() == {"ecs.version": "8.11.0"}
    assert settings().document_fields() == {}


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        ({"dataset": "my-app"}, "must not contain -"),
        ({"dataset": "{service.name:my-app}"}, "must not contain -"),
        ({"dataset": "app.%Y.%m.%d"}, "a data stream each day"),
        ({"dataset": "x" * 101}, "1 to 100 characters"),
        ({"dataset": ""}, "1 to 100 characters"),
        ({"type": "{a:logs}"}, "type must not contain a field"),
        ({"dataset": "{service.name}"}, "written as"),
        ({"dataset": "Nginx"}, "use lower case"),
        ({"namespace": "a b"}, "use lower case"),
    ],
)
def test_a_part_that_cannot_be_in_a_name_is_refused(stream: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        settings(data_stream=stream)


@pytest.mark.parametrize(
    "given",
    [
        {"data_stream": {}, "index": "app"},
        {"require_alias": True, "require_data_stream": True},
        {"look_up_sent": True, "document_id": "none"},
    ],
)
def test_settings_that_contradict_each_other_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="contradicts"):
        settings(**given)


@pytest.mark.parametrize(
    ("index", "template"),
    [
        ("logs-{service.name:other}-%Y.%m.%d", "logs-*-*"),
        ("metrics-app-%Y", "metrics-*-*"),
        ("logs-%Y-%m", "logs-*-*"),
        ("logs-%Y.%m.%d", ""),
        ("logs-app-default", ""),
        ("app-{service.name:other}-%Y.%m.%d", ""),
    ],
)
def test_a_pattern_that_makes_each_day_a_data_stream_is_a_risk(index: str, template: str) -> None:
    found = [text for text in settings(index=index).warnings() if "separate data stream" in text]
    assert [template in text for text in found] == ([True] if template else [])


STREAM = {"type": "logs", "dataset": "a.b", "namespace": "default"}


@pytest.mark.parametrize(
    ("document", "original"),
    [
        ("{}", None),
        ('{"a":1}', None),
        ('{"data_stream":{"type":"logs","more":1}}', None),
        ('{"data_stream.dataset":"a.b"}', None),
        ('{"data_stream.dataset":"A"}', {"data_stream": {"dataset": "A"}}),
        ('{"data_stream":{"dataset":"A"},"data_stream.namespace":{"x":1}}',
         {"data_stream": {"dataset": "A", "namespace": {"x": 1}}}),
        ('{"data_stream":["text"]}', {"data_stream": ["text"]}),
        ('{"data\\u005fstream":"text"}', {"data_stream": "text"}),
        ('{"data_stream":1,"original":{"a":2}}', {"a": 2, "data_stream": 1}),
    ],
)  # fmt: skip
def test_a_document_gets_the_fields_of_its_stream_and_keeps_its_own(document: str, original: object) -> None:
    found = json.loads(add_stream_fields(document, "logs-a.b-default"))
    assert found["data_stream"].items() >= STREAM.items()
    assert found.get("original") == original


def test_no_value_of_the_application_is_lost_if_original_is_taken() -> None:
    found = json.loads(add_stream_fields('{"data_stream":1,"original":"text"}', "logs-a.b-default"))
    assert found == {"data_stream": STREAM, "original": "text", "original_": {"data_stream": 1}}


def test_a_replay_to_an_index_of_another_form_adds_nothing() -> None:
    assert add_stream_fields('{"a":1}', "app") == '{"a":1}'


@pytest.mark.parametrize("pipeline", ["app", "{event.dataset}", "app-{event.dataset:other}", "{event.dataset:other}"])
def test_a_pipeline_is_a_name_or_a_field(pipeline: str) -> None:
    assert settings(pipeline=pipeline).pipeline == pipeline


@pytest.mark.parametrize(
    "given", [{"pipeline": "app-{field}"}, {"pipeline": "{a"}, {"routing": "tenant"}, {"routing": "{a}-{b}"}]
)
def test_another_form_of_pipeline_or_routing_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match="write"):
        settings(**given)
