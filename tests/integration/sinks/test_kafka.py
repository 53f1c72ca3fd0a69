"""The Kafka sink against a real broker."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trustme
from confluent_kafka.admin import AdminClient
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from sidecar.deliver.retry import RetryingWriter
from sidecar.errors import DeliveryError, Misconfigured, Retryable
from sidecar.model.batch import Batch
from sidecar.sinks import registry
from sidecar.sinks.kafka.sink import KafkaSink
from sidecar.testing import SinkConformance, UnderTest, batch_of, numbered
from tests.support.cleanup import close_after_test
from tests.support.journeys import kafka, travel
from tests.support.kafka_topics import create_topic, read_topic
from tests.support.processes import sidecar
from tests.support.refusals import SECRET, check_result, deliver
from tests.support.servers.java_servers import KAFKA, free_port
from tests.support.servers.replying import replying

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with KAFKA.running() as address:
        yield address


@pytest.fixture
def topic(broker: str, index_name: str) -> str:
    create_topic(broker, index_name, 3)
    return index_name


def make(broker: str, topic: str, name: str = "", **options: Any) -> KafkaSink:
    settings = registry.settings_for({"url": f"kafka://{broker}/{topic}", **options})
    sink = close_after_test(registry.create_sink(settings))
    assert isinstance(sink, KafkaSink)
    sink.identify(name or topic)
    return sink


def opened(sink: KafkaSink, token: str | None = None) -> KafkaSink:
    sink.resume(token)
    sink.open()
    return sink


def numbers(broker: str, topic: str) -> list[int]:
    return sorted(json.loads(value)["number"] for _, value in read_topic(broker, topic))


class TestKafka(SinkConformance):
    @pytest.fixture
    def under_test(self, broker: str, topic: str) -> UnderTest:
        def stored() -> Mapping[Any, Mapping[str, Any]]:
            return {n: json.loads(value) for n, (_, value) in enumerate(read_topic(broker, topic))}

        refused = json.dumps({"@timestamp": "2026-11-23T01:00:00Z", "text": "x" * (2 << 20)})
        # A shipper does not write a batch twice without `resume`, which says what is stored.
        return UnderTest(
            lambda: make(broker, topic, compression="none"), stored, effectively_once=False, refused=refused
        )


def test_key_and_value_are_id_and_document(broker: str, topic: str) -> None:
    batch = numbered(3)
    opened(make(broker, topic)).write(batch)
    assert sorted(read_topic(broker, topic)) == sorted(
        (name, text.encode()) for name, text in zip(batch.ids, batch.documents, strict=True)
    )


def test_what_was_committed_in_kafka_but_not_in_the_state_is_not_sent_again(broker: str, topic: str) -> None:
    first = opened(make(broker, topic))
    settled = first.write(numbered(3)).resume_token
    first.write(numbered(3, first=3))
    first.write(numbered(2, first=6))
    first.close()
    again = opened(make(broker, topic), settled)
    result = again.write(numbered(7, first=3))
    assert (result.stored, result.duplicates) == (range(7), 5)
    assert numbers(broker, topic) == list(range(10))


def test_the_token_keeps_what_is_stored_until_it_was_read_again(broker: str, topic: str) -> None:
    first = opened(make(broker, topic))
    token: str | None = first.resume_token()
    first.write(numbered(10))
    first.close()
    for start in (0, 2, 4, 6, 8):  # each time the process dies after a part of the documents was read again
        sink = opened(make(broker, topic), token)
        result = sink.write(Batch([*numbered(2, first=start).parts, *numbered(1, first=100 + start).parts]))
        assert result.duplicates == 2
        token = result.resume_token
        sink.close()
    assert numbers(broker, topic) == [*range(10), 100, 102, 104, 106, 108]


def test_an_open_transaction_of_a_process_that_died_is_not_visible(broker: str, topic: str) -> None:
    first = opened(make(broker, topic))
    token = first.resume_token()
    with first._session.lend() as session:
        producer = session._producer
        assert producer is not None
        producer.begin_transaction()
        producer.produce(topic, '{"number": 1}', key="unfinished")
        producer.flush(10)
        opened(make(broker, topic), token).write(numbered(1, first=5))
    assert numbers(broker, topic) == [5]
    assert len(list(read_topic(broker, topic, committed=False))) == 2


def test_a_sidecar_whose_id_was_taken_over_stops_to_write_and_says_so(broker: str, topic: str) -> None:
    zombie = opened(make(broker, topic))
    token = zombie.write(numbered(1)).resume_token
    successor = opened(make(broker, topic), token)
    with pytest.raises(Retryable, match="ended the transaction"):
        zombie.write(numbered(1, first=1))
    for _ in range(2):
        with pytest.raises(Misconfigured, match="another sidecar has taken over the transactional id"):
            opened(zombie, token)
    successor.write(numbered(1, first=2))
    assert numbers(broker, topic) == [0, 2]


def test_it_writes_again_after_its_transaction_has_expired(broker: str, topic: str) -> None:
    sink = opened(make(broker, topic, timeout="1s"))
    with sink._session.lend() as session:
        AdminClient({"bootstrap.servers": broker}).list_topics(timeout=10)
        producer = session._producer
        assert producer is not None
        producer.begin_transaction()
        producer.produce(topic, "unfinished")
    token = sink.resume_token()
    sink.close()
    opened(sink, token).write(numbered(2))
    assert numbers(broker, topic) == [0, 1]


def test_a_document_that_is_too_large_is_a_dead_letter_and_not_its_neighbours(broker: str, index_name: str) -> None:
    create_topic(broker, index_name, 1, max_message_bytes="20000")
    sink = opened(make(broker, index_name, compression="none"))
    documents = [json.dumps({"number": n, "text": "x" * (30_000 if n == 7 else 100)}) for n in range(300)]
    result = RetryingWriter(sink, threading.Event()).deliver(batch_of(documents))
    assert list(result.rejected) == [7]
    assert numbers(broker, index_name) == [n for n in range(300) if n != 7]


def test_a_refused_document_is_not_quoted(broker: str, topic: str) -> None:
    sink = opened(make(broker, topic, compression="none"))
    check_result(deliver(sink, json.dumps({"text": SECRET * 200_000})))


def test_a_missing_topic_waits_with_a_sentence(tmp_path: Path, index_name: str) -> None:
    (tmp_path / "more.properties").write_text("auto.create.topics.enable=false\n")
    with KAFKA.running(data=tmp_path) as broker:
        sink = opened(make(broker, index_name))
        writer = RetryingWriter(sink, threading.Event())
        with pytest.raises(Misconfigured, match=f"the topic {index_name} accepts no messages"):
            writer.deliver(numbered(2))
        routed = opened(make(broker, "known-{service:other}", "routed"))
        create_topic(broker, "known-a", 1)
        documents = [json.dumps({"number": n, "service": "ab"[n % 2]}) for n in range(4)]
        result = RetryingWriter(routed, threading.Event()).deliver(batch_of(documents))
        assert (result.postponed, result.rejected) == ({1: "known-b", 3: "known-b"}, {})
        assert numbers(broker, "known-a") == [0, 2]


def test_brokers_that_do_not_answer_are_named(topic: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(DeliveryError, match=f"kafka://{address}/{topic}: cannot be reached .*Connection refused"):
        opened(make(address, topic, timeout="1s"))


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Path]]:
    """A broker: its address, that of its listener with TLS and SASL, and the file of its authority."""
    folder, port = tmp_path_factory.mktemp("secure"), free_port()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    made = authority.issue_cert("127.0.0.1")
    key = load_pem_private_key(made.private_key_pem.bytes(), None)  # Java reads no other form than PKCS #8
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "server.pem").write_bytes(pem + b"".join(each.bytes() for each in made.cert_chain_pems))
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    (folder / "more.properties").write_text(f"""
listeners={{listeners}},SECURE://127.0.0.1:{port}
advertised.listeners={{advertised}},SECURE://127.0.0.1:{port}
listener.security.protocol.map={{protocols}},SECURE:SASL_SSL
sasl.enabled.mechanisms=PLAIN
listener.name.secure.plain.sasl.jaas.config={login} user_me="right";
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
""")
    with KAFKA.running(data=folder) as address:
        yield address, f"127.0.0.1:{port}", folder / "ca.pem"


def test_a_password_that_changed_in_its_file_is_used_at_once(
    secure: tuple[str, str, Path], index_name: str, tmp_path: Path
) -> None:
    plain, address, authority = secure
    password = tmp_path / "password"
    password.write_text("wrong")
    create_topic(plain, index_name, 1)
    sink = make(address, index_name, username="me", password_file=password, sasl_mechanism="PLAIN", ca_file=authority)
    with pytest.raises(Misconfigured, match="check username, password and sasl_mechanism"):
        opened(sink)
    assert not sink.has_changed_files()
    password.write_text("right")
    assert sink.has_changed_files()
    opened(sink).write(numbered(2))
    assert numbers(plain, index_name) == [0, 1]
    probe = sink.probe()
    assert (probe.server, probe.warnings) == ("Kafka 4.1", [])


def test_a_certificate_that_is_not_trusted_is_reported_as_such(secure: tuple[str, str, Path], topic: str) -> None:
    given: dict[str, Any] = {"username": "me", "password": "right", "sasl_mechanism": "PLAIN", "tls": True}
    with pytest.raises(Retryable, match="the TLS certificate is not trusted"):
        opened(make(secure[1], topic, **given))


def test_a_probe_names_what_answers_instead(topic: str) -> None:
    with replying(b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n") as port:
        sink = make(f"127.0.0.1:{port}", topic)
        with pytest.raises(Misconfigured, match="a web server of nginx answers at this address, not Kafka"):
            sink.probe()


def test_check_names_the_version_and_a_missing_topic(broker: str, topic: str, tmp_path: Path) -> None:
    done = sidecar("check", f"{tmp_path}/*.log", "--to", f"kafka://{broker}/{topic}", "--connect")
    assert "accepts documents (Kafka 4.1)" in done.stdout, done.stderr
    done = sidecar("check", f"{tmp_path}/*.log", "--to", f"kafka://{broker}/{topic}-2", "--connect")
    assert f"the topic {topic}-2 does not exist" in done.stdout + done.stderr


def test_every_line_is_stored_once_over_rotation_kill_truncation_and_restart(
    broker: str, topic: str, tmp_path: Path
) -> None:
    travel(tmp_path, kafka(broker, topic))
