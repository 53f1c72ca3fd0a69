"""What the Elasticsearch sink understands of URLs and settings, and what it refuses."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from pydantic import ValidationError

from sidecar.errors import ConfigurationError
from sidecar.lib.settings_model import field_descriptions, mask
from sidecar.sinks.elasticsearch.proxy import find_proxy
from sidecar.sinks.elasticsearch.sink import ElasticsearchSettings

HERE = "elasticsearch://localhost"
CLOUD_ID = f"logging:{base64.b64encode(b'eu-west-1.aws.example.io:9243$abc123$def456').decode()}"


@pytest.mark.parametrize(
    ("url", "hosts", "index"),
    [
        ("elasticsearch://es", ("http://es:9200",), "logs"),
        ("elasticsearch://es/", ("http://es:9200",), "logs"),
        ("elasticsearch://es:9201/app", ("http://es:9201",), "app"),
        ("elasticsearch+https://es.logging/app", ("https://es.logging:9200",), "app"),
        ("elasticsearch://a,b:9201/app", ("http://a:9200", "http://b:9201"), "app"),
        ("elasticsearch://[::1]:9200,[fe80::2]/app", ("http://[::1]:9200", "http://[fe80::2]:9200"), "app"),
        ("elasticsearch://proxy:80/es/app", ("http://proxy:80/es",), "app"),
        ("opensearch://es:9201/app", ("http://es:9201",), "app"),
        ("opensearch+https://es/app", ("https://es:9200",), "app"),
        ("elasticsearch://es/logs-%25Y.%25m.%25d", ("http://es:9200",), "logs-%Y.%m.%d"),
    ],
)
def test_a_url_says_hosts_and_index(url: str, hosts: tuple[str, ...], index: str) -> None:
    settings = ElasticsearchSettings.from_url(url)
    assert (settings.hosts, settings.index) == (hosts, index)


def test_credentials_in_a_url_are_decoded_used_and_never_shown() -> None:
    settings = ElasticsearchSettings.from_url("elasticsearch://us%40er:p%2Fa%3Ass@es/app")
    assert settings.username == "us@er"
    assert settings.password is not None
    assert settings.password.get_secret_value() == "p/a:ss"
    for shown in (repr(settings), settings.model_dump_json(), settings.destination(), settings.url):
        assert "ass" not in shown.replace("password", "")
        assert "p%2F" not in shown


def test_credentials_may_stand_before_a_host_of_the_list() -> None:
    settings = ElasticsearchSettings(hosts=("https://u:secret@a", "https://b:9201"))
    assert settings.hosts == ("https://a:9200", "https://b:9201")
    assert settings.username == "u"


def test_hosts_may_be_one_text_as_an_environment_variable_is() -> None:
    settings = ElasticsearchSettings.model_validate({"hosts": "https://a,https://b"})
    assert settings.hosts == ("https://a:9200", "https://b:9200")


def test_other_settings_may_follow_in_the_url() -> None:
    settings = ElasticsearchSettings.from_url(f"{HERE}/app?pipeline=geo&compress=true&timeout=5s")
    assert (settings.pipeline, settings.compress, settings.timeout) == ("geo", True, 5.0)


@pytest.mark.parametrize(
    ("url", "destination"),
    [
        ("elasticsearch://u:p@a,b:9201/app?pipeline=x", "elasticsearch://a:9200,b:9201/app"),
        ("elasticsearch+https://[::1]", "elasticsearch+https://[::1]:9200/logs"),
        ("opensearch://u:p@a/app", "opensearch://a:9200/app"),
        ("opensearch+https://a/app", "opensearch+https://a:9200/app"),
    ],
)
def test_the_destination_has_neither_secret_nor_query(url: str, destination: str) -> None:
    assert ElasticsearchSettings.from_url(url).destination() == destination


def test_url_and_yaml_forms_of_the_same_place_are_the_same_destination() -> None:
    listed = ElasticsearchSettings(hosts=("http://a",), index="app")
    assert listed.destination() == ElasticsearchSettings.from_url("elasticsearch://a/app").destination()


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({}, "hosts"),
        ({"url": HERE, "username": "u"}, "username"),
        ({"url": HERE, "password": "p"}, "password"),
        ({"url": HERE, "username": "u", "password": "p", "password_file": "/p"}, "password_file"),
        ({"url": HERE, "api_key": "k", "api_key_file": "/k"}, "api_key_file"),
        ({"url": HERE, "api_key": "k", "username": "u", "password": "p"}, "api_key"),
        ({"url": HERE, "api_key": "k", "bearer_token": "t"}, "bearer_token"),
        ({"url": HERE, "bearer_token": "t", "bearer_token_file": "/t"}, "bearer_token_file"),
        ({"url": HERE, "api_key": "k", "headers": {"Authorization": "x"}}, "headers"),
        ({"url": HERE, "headers": {"Content-Type": "text/plain"}}, "headers"),
        ({"url": HERE, "headers": {"a b": "x"}}, "headers"),
        ({"url": HERE, "headers": {"a": "x\r\nb: y"}}, "headers"),
        ({"url": HERE, "parameters": {"filter_path": "took"}}, "parameters"),
        ({"url": HERE, "proxy": "https://proxy:3128"}, "proxy"),
        ({"url": HERE, "proxy": "socks5://proxy:1080"}, "proxy"),
        ({"url": HERE, "proxy": "http://proxy:port"}, "proxy"),
        ({"cloud_id": "no id"}, "cloud_id"),
        ({"url": HERE, "cloud_id": CLOUD_ID}, "hosts"),
        ({"type": "elasticsearch", "url": "opensearch://a"}, "type"),
        ({"url": "elasticsearch://u:s3?cr@et/app"}, "url"),
        ({"url": HERE, "ca_file": "/ca"}, "hosts"),
        ({"url": "elasticsearch+https://a", "ca_file": "/ca", "verify": False}, "verify"),
        ({"url": "elasticsearch+https://a", "client_key_file": "/k"}, "client_key_file"),
        ({"hosts": ["http://a", "https://b"]}, "hosts"),
        ({"hosts": ["ftp://a"]}, "hosts"),
        ({"url": "elasticsearch://a/x", "index": "y"}, "index"),
        ({"url": "elasticsearch://u:p@a", "username": "v"}, "username"),
        ({"url": "elasticsearch://a:port"}, "url"),
        ({"url": "elasticsearch:a"}, "url"),
        ({"url": "gopher://a"}, "url"),
        ({"url": HERE, "timeout": 0}, "timeout"),
    ],
)
def test_a_contradiction_is_refused_by_the_name_of_its_key(fields: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ElasticsearchSettings.model_validate(fields)
    assert refused.value.location == key
    assert refused.value.hint


@pytest.mark.parametrize(
    "index",
    [
        "Logs",
        "_x",
        "-x",
        "+x",
        "a b",
        "a*",
        "a,b",
        "a#",
        "..",
        "",
        "%Q",
        "x%",
        "x" * 256,
        "x{a:B}",
        "{a:b}",
        "x" * 200 + "{a:b}",
    ],
)
def test_a_name_that_no_index_can_have_is_refused(index: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ElasticsearchSettings(url=HERE, index=index)
    assert refused.value.location == "index"


def test_all_contradictions_are_reported_together() -> None:
    with pytest.raises(ConfigurationError) as refused:
        ElasticsearchSettings(url=HERE, username="u", index="Logs")
    assert len(refused.value.problems) == 2


def test_a_password_that_was_not_encoded_is_not_shown_in_the_complaint() -> None:
    with pytest.raises(ConfigurationError) as refused:
        ElasticsearchSettings.from_url("elasticsearch://user:s3cr/et@es/app")
    assert "s3cr" not in str(refused.value)
    assert "percent-encoded" in str(refused.value)


def test_a_wrong_value_is_refused_without_being_shown() -> None:
    with pytest.raises(ConfigurationError, match="compress") as refused:
        ElasticsearchSettings.from_url("elasticsearch://u:s3cret@es/app?compress=perhaps")
    assert "s3cret" not in str(refused.value)
    with pytest.raises(ValidationError) as invalid:
        ElasticsearchSettings.model_validate({"url": "elasticsearch://u:s3cret@es/app", "compress": "perhaps"})
    assert "s3cret" not in str(invalid.value)


def test_a_cloud_id_says_the_host() -> None:
    settings = ElasticsearchSettings(cloud_id=CLOUD_ID, index="app")
    assert settings.destination() == "elasticsearch+https://abc123.eu-west-1.aws.example.io:9243/app"


def test_more_headers_and_the_proxy_are_secret() -> None:
    settings = ElasticsearchSettings.model_validate(
        {"url": HERE, "headers": {"X-Key": "s3cret"}, "proxy": "http://u:s3cret@proxy:3128"}
    )
    assert settings.secrets() == ["http://u:s3cret@proxy:3128", "s3cret"]
    for shown in (repr(settings), settings.model_dump_json(), str(mask(settings))):
        assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("exceptions", "direct"),
    [
        ("", False),
        ("*", True),
        ("es.logging.svc", True),
        (".svc", True),
        ("svc", True),
        ("*.logging.svc", True),
        ("other.svc, logging.svc", True),
        ("es.logging.svc:9200", True),
        ("es.logging.svc:9201", False),
        ("logging", False),
        ("ogging.svc", False),
        ("10.0.0.0/8", False),
    ],
)
def test_no_proxy_names_hosts_and_domains(exceptions: str, direct: bool) -> None:
    environment = {"http_proxy": "http://proxy:3128", "no_proxy": exceptions}
    assert (find_proxy("http://es.logging.svc:9200", "", environment) is None) == direct


@pytest.mark.parametrize(
    ("host", "exceptions", "direct"),
    [
        ("http://10.1.2.3:9200", "10.0.0.0/8", True),
        ("http://10.1.2.3:9200", "192.168.0.0/16", False),
        ("http://[fd00::1]:9200", "fd00::/8", True),
        ("http://[fd00::1]:9200", "[fd00::1]", True),
    ],
)
def test_no_proxy_names_networks(host: str, exceptions: str, direct: bool) -> None:
    environment = {"HTTP_PROXY": "proxy:3128", "NO_PROXY": exceptions}
    assert (find_proxy(host, "", environment) is None) == direct


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="indx"):
        ElasticsearchSettings.model_validate({"url": HERE, "indx": "x"})


def test_every_setting_is_explained() -> None:
    assert field_descriptions(ElasticsearchSettings).keys() == ElasticsearchSettings.model_fields.keys()
