"""How the sink connects: proxies, headers, tokens, addresses, authorities, and servers of another kind."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from sidecar.errors import DeliveryError, Misconfigured, Retryable
from sidecar.sinks.elasticsearch.sink import ElasticsearchSettings, ElasticsearchSink
from tests.support.builders.batches import batch_of
from tests.support.cleanup import close_after_test
from tests.support.servers import http_proxy
from tests.support.servers.elasticsearch_proxy import JSON, ElasticsearchProxy, opened
from tests.support.servers.http_proxy import HttpProxy
from tests.support.servers.java_servers import free_port
from tests.support.servers.replying import replying

CREATED = b'{"errors":false,"items":[{"create":{"status":201}}]}'
REFUSED_PROBE = b"""{"errors":true,"items":[{"create":{"status":400,"error":
    {"type":"document_parsing_exception","reason":"[1:1] Field [_field_names] is a metadata field"}}}]}"""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[ElasticsearchProxy]:
    with opened(ElasticsearchProxy()) as server:
        yield server


@pytest.fixture
def proxy() -> Iterator[HttpProxy]:
    with http_proxy.opened(HttpProxy()) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def secure_server(authority: trustme.CA) -> Iterator[ElasticsearchProxy]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with opened(ElasticsearchProxy(), context) as server:
        yield server


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


def sink_at(server: ElasticsearchProxy, scheme: str = "http", **settings: Any) -> ElasticsearchSink:
    given = {"hosts": [f"{scheme}://127.0.0.1:{server.port}"], "index": "app", **settings}
    return close_after_test(ElasticsearchSink(ElasticsearchSettings.model_validate(given)))


def store_one(sink: ElasticsearchSink, *servers: ElasticsearchProxy) -> None:
    """Write a document, which each server accepts."""
    for server in servers:
        server.answer(200, CREATED)
    assert sink.write(batch_of("{}")).stored == range(1)
    sink.close()


# Proxies


def test_a_proxy_forwards_requests_without_tls(server: ElasticsearchProxy, proxy: HttpProxy) -> None:
    store_one(sink_at(server, proxy=f"http://127.0.0.1:{proxy.port}"), server)
    [request] = proxy.requests
    assert request.startswith(f"POST http://127.0.0.1:{server.port}/app/_bulk?")


def test_a_proxy_opens_a_tunnel_for_tls_and_sees_nothing_else(
    secure_server: ElasticsearchProxy, proxy: HttpProxy, ca_file: Path
) -> None:
    store_one(sink_at(secure_server, "https", ca_file=ca_file, proxy=f"http://127.0.0.1:{proxy.port}"), secure_server)
    assert proxy.requests == [f"CONNECT 127.0.0.1:{secure_server.port}"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_gets_its_credentials_and_the_server_does_not(
    server: ElasticsearchProxy, secure_server: ElasticsearchProxy, proxy: HttpProxy, ca_file: Path, scheme: str
) -> None:
    proxy.authorization = f"Basic {base64.b64encode(b'us@er:s3cret').decode()}"
    target, tls = (server, {}) if scheme == "http" else (secure_server, {"ca_file": ca_file})
    store_one(sink_at(target, scheme, proxy=f"http://us%40er:s3cret@127.0.0.1:{proxy.port}", **tls), target)
    assert "proxy-authorization" not in target.requests[0].headers
    with pytest.raises(DeliveryError, match="407") as error:
        sink_at(target, scheme, proxy=f"http://u:wrong@127.0.0.1:{proxy.port}", **tls).write(batch_of("{}"))
    assert "proxy" in str(error.value)
    assert "wrong" not in str(error.value)


@pytest.mark.parametrize(
    ("scheme", "variable"), [("http", "http_proxy"), ("https", "HTTPS_PROXY"), ("http", "ALL_PROXY")]
)
def test_the_proxy_of_the_environment_is_used(
    server: ElasticsearchProxy, secure_server: ElasticsearchProxy, proxy: HttpProxy, ca_file: Path,
    monkeypatch: pytest.MonkeyPatch, scheme: str, variable: str,
) -> None:  # fmt: skip
    monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
    target, tls = (server, {}) if scheme == "http" else (secure_server, {"ca_file": ca_file})
    store_one(sink_at(target, scheme, **tls), target)
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("exceptions", ["127.0.0.1", "localhost,127.0.0.0/8", "10.0.0.0/8, 127.0.0.1", "*"])
def test_a_host_of_no_proxy_is_reached_directly(
    server: ElasticsearchProxy, proxy: HttpProxy, monkeypatch: pytest.MonkeyPatch, exceptions: str
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", exceptions)
    store_one(sink_at(server), server)
    assert proxy.requests == []


def test_the_proxy_of_the_environment_can_be_left_out(
    server: ElasticsearchProxy, proxy: HttpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    store_one(sink_at(server, proxy="none"), server)
    assert proxy.requests == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_down_is_named(server: ElasticsearchProxy, scheme: str) -> None:
    port = free_port()
    with pytest.raises(Retryable, match=rf"the proxy 127.0.0.1:{port} cannot be reached \(Connection refused\)"):
        sink_at(server, scheme, proxy=f"http://u:s3cret@127.0.0.1:{port}").write(batch_of("{}"))


def test_a_proxy_that_refuses_the_tunnel_is_named(
    secure_server: ElasticsearchProxy, proxy: HttpProxy, ca_file: Path
) -> None:
    proxy.status = 403
    sink = sink_at(secure_server, "https", ca_file=ca_file, proxy=f"http://127.0.0.1:{proxy.port}")
    with pytest.raises(Retryable, match=rf"proxy 127.0.0.1:{proxy.port} refuses to connect to the server .*403"):
        sink.write(batch_of("{}"))


def test_a_proxy_of_the_environment_that_is_not_usable_is_named(
    server: ElasticsearchProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "socks5://u:s3cret@127.0.0.1:1080")
    with pytest.raises(Misconfigured, match="HTTP_PROXY: is not the URL of an HTTP proxy") as error:
        sink_at(server).open()
    assert "s3cret" not in str(error.value)


# Headers, parameters and tokens


def test_more_headers_and_parameters_are_sent(server: ElasticsearchProxy) -> None:
    store_one(sink_at(server, headers={"X-Org": "blue"}, parameters={"error_trace": "true"}), server)
    [request] = server.requests
    assert request.headers["x-org"] == "blue"
    assert "error_trace=true" in request.path


def test_a_bearer_token_is_sent_and_read_again_when_its_file_changes(
    server: ElasticsearchProxy, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("one\n")
    sink = sink_at(server, bearer_token_file=token)
    store_one(sink, server)
    (tmp_path / "new").write_text("two\n")
    os.replace(tmp_path / "new", token)
    store_one(sink, server)
    assert [request.headers["authorization"] for request in server.requests] == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize(
    ("setting", "others"), [("password_file", {"username": "u"}), ("api_key_file", {}), ("bearer_token_file", {})]
)
@pytest.mark.parametrize("text", ["", "\n", " \n"])
def test_an_empty_secret_is_refused_and_not_sent(
    server: ElasticsearchProxy, tmp_path: Path, setting: str, others: dict[str, Any], text: str
) -> None:
    (tmp_path / "secret").write_text(text)
    with pytest.raises(Misconfigured, match=r"secret: the file is empty"):
        sink_at(server, **{setting: tmp_path / "secret", **others}).write(batch_of("{}"))
    assert server.requests == []


def test_the_reason_why_a_key_is_not_accepted_is_repeated(server: ElasticsearchProxy) -> None:
    body = b"""{"error":{"type":"security_exception","reason":"unable to authenticate",
        "additional_unsuccessful_credentials":"API key: api key is expired"},"status":401}"""
    server.answer(401, body)
    with pytest.raises(Misconfigured, match=r"does not accept the credentials.*api key is expired"):
        sink_at(server, api_key="id:key").write(batch_of("{}"))


# Addresses


def test_an_address_of_ipv6_works(server: ElasticsearchProxy) -> None:
    with opened(ElasticsearchProxy(), host="::1") as six:
        sink = close_after_test(
            ElasticsearchSink(ElasticsearchSettings.from_url(f"elasticsearch://[::1]:{six.port}/app"))
        )
        store_one(sink, six)
        assert six.requests[0].headers["host"] == f"[::1]:{six.port}"


def test_a_path_before_the_index_is_kept(server: ElasticsearchProxy) -> None:
    sink = close_after_test(
        ElasticsearchSink(ElasticsearchSettings.from_url(f"opensearch://127.0.0.1:{server.port}/search/v1/app"))
    )
    store_one(sink, server)
    assert server.requests[0].path.startswith("/search/v1/app/_bulk?")


def test_of_several_hosts_the_one_that_is_down_is_named(server: ElasticsearchProxy) -> None:
    dead = free_port()
    hosts = [f"http://127.0.0.1:{dead}", f"http://127.0.0.1:{server.port}"]
    sink = close_after_test(ElasticsearchSink(ElasticsearchSettings.model_validate({"hosts": hosts})))
    server.answer(200, CREATED)
    errors = []
    for _ in range(2):
        try:
            sink.write(batch_of("{}"))
        except Retryable as error:
            errors.append(str(error))
    assert len(errors) == 1
    assert f"at 127.0.0.1:{dead}: cannot be reached (Connection refused)" in errors[0]


def test_a_probe_tries_each_host_and_warns_of_the_one_that_is_down(server: ElasticsearchProxy) -> None:
    dead = free_port()
    server.answer(200, REFUSED_PROBE)
    hosts = [f"http://127.0.0.1:{server.port}", f"http://127.0.0.1:{dead}"]
    result = close_after_test(ElasticsearchSink(ElasticsearchSettings.model_validate({"hosts": hosts}))).probe()
    assert result.server == "Elasticsearch 8.19.21"
    [warning] = result.warnings
    assert f"127.0.0.1:{dead}/logs: cannot be reached" in warning


def test_the_authorities_of_the_system_are_trusted(
    secure_server: ElasticsearchProxy, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    store_one(sink_at(secure_server, "https"), secure_server)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_named_with_its_target_and_not_followed(server: ElasticsearchProxy, status: int) -> None:
    server.answer(status, b"", {"Location": "https://login.example/sign-in?token=s3cret"})
    with pytest.raises(Misconfigured, match=rf"redirects to https://login.example \(answered {status}") as error:
        sink_at(server).write(batch_of("{}"))
    assert "s3cret" not in str(error.value)


# Servers of another kind


def test_a_gateway_that_removes_the_product_header_is_no_hindrance(server: ElasticsearchProxy) -> None:
    server.answer(200, REFUSED_PROBE, JSON)
    assert sink_at(server).probe().server == "Elasticsearch 8.19.21"


def test_a_user_who_may_not_read_the_version_may_write(server: ElasticsearchProxy) -> None:
    server.product = {"error": {"type": "security_exception", "reason": "unauthorized"}, "status": 403}
    server.answer(200, REFUSED_PROBE)
    assert sink_at(server).probe().server == ""


FOREIGN = [
    (b"-ERR wrong number of arguments for 'get' command\r\n", False, "Redis"),
    (b"SSH-2.0-OpenSSH_9.2\r\n", True, "an SSH server"),
    (b"220 mail.example ESMTP\r\n", True, "a mail or FTP server"),
    (b"J\0\0\0\n8.0.36\0", True, "MySQL or MariaDB"),
    (b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 85\r\n\r\n"
     b"It looks like you are trying to access MongoDB over HTTP on the native driver port.\r\n", False, "MongoDB"),
    (b"HTTP/1.1 200 OK\r\nServer: nginx/1.27.3\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
     False, "a web page of nginx/1.27.3"),
    (b"\0\0\x12\4\0\0\0\0\0", False, "an HTTP/2 server"),
    (b"AMQP\0\0\x09\1", False, "an AMQP broker"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "at_once", "name"), FOREIGN, ids=[name for _, _, name in FOREIGN])
def test_a_probe_names_what_answers_instead(reply: bytes, at_once: bool, name: str) -> None:
    with replying(reply, at_once=at_once) as port:
        sink = close_after_test(
            ElasticsearchSink(ElasticsearchSettings.from_url(f"elasticsearch://127.0.0.1:{port}/app"))
        )
        with pytest.raises(Misconfigured) as error:
            sink.probe()
    assert f"{name} answers at this address, not Elasticsearch or OpenSearch" in str(error.value)


@pytest.mark.parametrize(("reply", "at_once", "name"), FOREIGN[:6], ids=[name for _, _, name in FOREIGN[:6]])
def test_a_write_settles_nothing_at_another_kind_of_server(reply: bytes, at_once: bool, name: str) -> None:
    with replying(reply, at_once=at_once) as port:
        sink = close_after_test(
            ElasticsearchSink(ElasticsearchSettings.from_url(f"elasticsearch://127.0.0.1:{port}/app"))
        )
        with pytest.raises(DeliveryError):
            sink.write(batch_of("{}"))
        sink.close()


def test_a_server_that_expects_tls_is_recognized(secure_server: ElasticsearchProxy) -> None:
    with pytest.raises(Misconfigured, match=r"the server expects TLS; write elasticsearch\+https://"):
        sink_at(secure_server).probe()
