"""Certificates: when they end, and those that `sidecar webhook certs` makes."""

from __future__ import annotations

import ssl
from base64 import b64decode
from calendar import timegm
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sidecar.cli import main
from sidecar.errors import ConfigurationError
from sidecar.webhook.certificate import InvalidCertificate, read_end
from sidecar.webhook.certs import create_certificates, render_configuration, render_secret


@pytest.mark.parametrize("end", [datetime(2027, 3, 1, 12, 30, 5, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC)])
def test_the_end_of_a_certificate_is_read(tmp_path: Path, end: datetime) -> None:
    issued = trustme.CA().issue_cert("webhook.shop.svc", not_after=end)
    (tmp_path / "tls.crt").write_bytes(b"# comment\n" + b"".join(each.bytes() for each in issued.cert_chain_pems))
    assert read_end(tmp_path / "tls.crt") == timegm(end.timetuple())


@given(st.binary(max_size=200))
def test_what_is_no_certificate_is_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "not.crt"
    for content in (data, ssl.DER_cert_to_PEM_cert(data).encode()):
        file.write_bytes(content)
        with pytest.raises(InvalidCertificate):
            read_end(file)


def test_the_certificates_are_for_the_service_and_trusted_by_the_configuration(tmp_path: Path) -> None:
    files = create_certificates("inject", "logging", 30)
    for name, content in files._asdict().items():
        (tmp_path / name).write_bytes(content)
    left = read_end(tmp_path / "certificate") - datetime.now(UTC).timestamp()
    assert timedelta(days=29).total_seconds() < left < timedelta(days=31).total_seconds()

    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    client = ssl.create_default_context(cadata=files.authority.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname="inject.logging.svc")
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (asking, answering, asking, answering):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert dict(asking.getpeercert() or {})["subjectAltName"][0] == ("DNS", "inject.logging.svc")

    secret = yaml.safe_load(render_secret("inject", "logging", files))
    assert secret["metadata"] == {"name": "inject-tls", "namespace": "logging"}
    configuration = yaml.safe_load(render_configuration("inject", "logging", files.authority))
    assert {hook["clientConfig"]["caBundle"] for hook in configuration["webhooks"]} == {secret["data"]["ca.crt"]}


def test_without_openssl_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"openssl cannot be started.*cert-manager"):
        create_certificates("inject", "logging", 30)


def test_two_authorities_are_trusted_while_a_certificate_is_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = create_certificates("inject", "logging", 30)
    (tmp_path / "before.crt").write_bytes(before.authority)
    assert main(["webhook", "certs", "--also-trust", str(tmp_path / "before.crt")]) == 0
    secret, configuration = yaml.safe_load_all(capsys.readouterr().out)
    bundle = b64decode(configuration["webhooks"][1]["clientConfig"]["caBundle"])
    assert bundle == b64decode(secret["data"]["ca.crt"]) + before.authority
    (tmp_path / "before.crt").write_text("nothing")
    for file, told in (("before.crt", "does not begin with a certificate"), ("missing.crt", "cannot be read")):
        assert main(["webhook", "certs", "--also-trust", str(tmp_path / file)]) == 2
        assert told in capsys.readouterr().err
