"""Signed requests for Amazon OpenSearch Service. The server computes each signature again, as AWS describes it."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from sidecar.errors import ConfigurationError, Misconfigured, Retryable
from sidecar.sinks.elasticsearch.sink import ElasticsearchSettings, ElasticsearchSink
from tests.support.builders.batches import batch_of
from tests.support.cleanup import close_after_test
from tests.support.servers.elasticsearch_proxy import ElasticsearchProxy, Request, opened

CREATED = b'{"errors":false,"items":[{"create":{"status":201}}]}'
_AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=(\w+)/([^,]+), SignedHeaders=([^,]+), Signature=(\w+)")


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.fixture
def server() -> Iterator[ElasticsearchProxy]:
    with opened(ElasticsearchProxy()) as server:
        yield server


def sink_at(server: ElasticsearchProxy, **settings: Any) -> ElasticsearchSink:
    given = {"hosts": [f"http://127.0.0.1:{server.port}"], "index": "app", "aws_region": "eu-west-1", **settings}
    return close_after_test(ElasticsearchSink(ElasticsearchSettings.model_validate(given)))


def store_one(sink: ElasticsearchSink, server: ElasticsearchProxy) -> Request:
    """Write a document, and return the request."""
    server.answer(200, CREATED)
    assert sink.write(batch_of('{"n":1}')).stored == range(1)
    return server.requests[-1]


def check_signature(request: Request, key: str, secret: str, service: str = "es") -> None:
    """Compute the signature of the request as the server sees it, and compare it with the one that was sent."""
    match = _AUTHORIZATION.fullmatch(request.headers["authorization"])
    assert match is not None
    assert match[1] == key
    assert match[2].endswith(f"/eu-west-1/{service}/aws4_request")
    path, _, query = request.path.partition("?")
    signed = "".join(f"{name}:{request.headers[name].strip()}\n" for name in match[3].split(";"))
    body = hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join(["POST", quote(path), "&".join(sorted(query.split("&"))), signed, match[3], body])
    text = "\n".join([
        "AWS4-HMAC-SHA256", request.headers["x-amz-date"], match[2], hashlib.sha256(canonical.encode()).hexdigest(),
    ])  # fmt: skip
    signing_key = f"AWS4{secret}".encode()
    for part in match[2].split("/"):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    assert hmac.digest(signing_key, text.encode(), "sha256").hex() == match[4]
    assert {"host", "x-amz-date"} <= set(match[3].split(";"))


@pytest.mark.parametrize(
    "settings",
    [{}, {"index": "app-ü"}, {"pipeline": "a b,c*"}, {"compress": True}, {"aws_service": "aoss"}],
    ids=["usual", "name", "query", "compressed", "serverless"],
)
def test_each_request_is_signed_with_the_credentials_of_the_environment(
    server: ElasticsearchProxy, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    sink = sink_at(server, **settings)
    for _ in range(2):
        request = store_one(sink, server)
        check_signature(request, "AKIDEXAMPLE", "s3cret", settings.get("aws_service", "es"))
        assert request.headers["x-amz-security-token"] == "token"
    sink.close()


class _Issuer(ElasticsearchProxy):
    """Issues credentials as the agent of EKS Pod Identity does, new ones for each request."""

    def __init__(self, lifetime_s: float = 60) -> None:  # so short that they are renewed before each use
        super().__init__()
        self.issued, self.lifetime_s = 0, lifetime_s

    def introduce(self) -> dict[str, Any]:
        self.issued += 1
        expires = datetime.now(UTC) + timedelta(seconds=self.lifetime_s)
        return {
            "AccessKeyId": f"KEY{self.issued}", "SecretAccessKey": f"s3cret{self.issued}", "Token": "t",
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }  # fmt: skip


def test_credentials_of_the_pod_are_renewed_before_they_expire(
    server: ElasticsearchProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("of the Pod")
    with opened(_Issuer()) as issuer:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{issuer.port}/v1/credentials")
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", str(tmp_path / "token"))
        sink = sink_at(server)
        first, second = store_one(sink, server), store_one(sink, server)
        for request in (first, second):
            number = re.search(r"Credential=KEY(\d+)/", request.headers["authorization"])
            assert number is not None
            check_signature(request, f"KEY{number[1]}", f"s3cret{number[1]}")
        assert first.headers["authorization"] != second.headers["authorization"]
        sink.close()


def test_credentials_that_are_expired_are_not_used(
    server: ElasticsearchProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(_Issuer(lifetime_s=-60)) as issuer:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{issuer.port}/v1/credentials")
        sink = sink_at(server)
        with pytest.raises(Retryable, match=r"AWS credentials cannot be read \(RuntimeError\); check the role"):
            sink.write(batch_of("{}"))
        assert server.requests == []
        sink.close()


def test_missing_credentials_are_found_when_the_sink_is_opened(server: ElasticsearchProxy) -> None:
    with pytest.raises(Misconfigured, match=r"cannot be read \(none were found\); give the Pod a role"):
        sink_at(server).open()
    assert server.requests == []


def test_other_credentials_contradict_a_signature() -> None:
    with pytest.raises(ConfigurationError, match="aws_region: contradicts api_key"):
        ElasticsearchSettings.model_validate({"url": "opensearch://a", "aws_region": "eu-west-1", "api_key": "k"})
