"""The Kafka sink against a real broker."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme
from confluent_kafka import KafkaError
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # the package does not mark them as exported
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from sidecar.deliver.retry import DeliveryResult, RetryingWriter
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
from tests.support.servers import kafka_proxy
from tests.support.servers.java_servers import KAFKA, free_port
from tests.support.servers.kafka_proxy import INIT_PRODUCER_ID, PRODUCE, KafkaProxy
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
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaProxy]:
    folder = tmp_path_factory.mktemp("behind-proxy")
    with kafka_proxy.opened() as proxy:
        (folder / "more.properties").write_text(f"advertised.listeners=PLAINTEXT://127.0.0.1:{proxy.port}\n")
        with KAFKA.running(data=folder) as proxy.upstream:
            yield proxy


def deliver_to_two(proxy: KafkaProxy, prefix: str, timeout: str = "20s") -> DeliveryResult:
    """Create a good and a bad topic, and deliver documents to both in turn."""
    for name in ("good", "bad"):
        create_topic(proxy.upstream, f"{prefix}-{name}", 2)
    sink = opened(make(f"127.0.0.1:{proxy.port}", f"{prefix}-{{k:none}}", prefix, timeout=timeout))
    documents = [json.dumps({"number": n, "k": ("good", "bad")[n % 2]}) for n in range(6)]
    return RetryingWriter(sink, threading.Event()).deliver(batch_of(documents))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (KafkaError.TOPIC_EXCEPTION, "choose another name"),
        (KafkaError.POLICY_VIOLATION, "change the policy of the brokers"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "allow this user to write to it"),
        (KafkaError.NOT_ENOUGH_REPLICAS, "do not confirm messages for the topic .* min.insync.replicas"),
        (KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, "do not confirm messages for the topic"),
        (KafkaError.KAFKA_STORAGE_ERROR, "do not confirm messages for the topic"),
        (KafkaError.UNKNOWN, "a broker refuses messages for the topic .* read the log of the brokers"),
        (KafkaError.UNSUPPORTED_COMPRESSION_TYPE, "refuses messages for the topic .*[Cc]ompression"),
        (KafkaError.THROTTLING_QUOTA_EXCEEDED, "refuses messages for the topic .*quota"),
        (KafkaError.UNKNOWN_TOPIC_ID, "refuses messages for the topic .*Unknown topic id"),
    ],
    ids=str,
)
def test_a_topic_that_brokers_refuse_holds_back_no_other(
    proxy: KafkaProxy, index_name: str, code: int, reason: str
) -> None:
    with proxy.refusing(code, topic=f"{index_name}-bad"):
        result = deliver_to_two(proxy, index_name, timeout="3s")
    assert (result.postponed, result.rejected, result.error) == (
        dict.fromkeys((1, 3, 5), f"{index_name}-bad"),
        {},
        None,
    )
    assert re.search(reason, str(result.reasons[f"{index_name}-bad"]))
    assert numbers(proxy.upstream, f"{index_name}-good") == [0, 2, 4]
    assert numbers(proxy.upstream, f"{index_name}-bad") == []


@pytest.mark.parametrize(
    "code",
    [KafkaError.NOT_ENOUGH_REPLICAS, KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, KafkaError.KAFKA_STORAGE_ERROR],
)
def test_a_message_that_brokers_confirm_late_is_stored_once(proxy: KafkaProxy, index_name: str, code: int) -> None:
    with proxy.refusing(code, topic=f"{index_name}-bad", times=2):
        result = deliver_to_two(proxy, index_name)
    assert (result.postponed, result.rejected, result.attempts) == ({}, {}, 1)
    assert numbers(proxy.upstream, f"{index_name}-bad") == [1, 3, 5]


def test_messages_that_no_broker_confirms_are_told_apart_from_brokers_that_cannot_be_reached(
    proxy: KafkaProxy, index_name: str
) -> None:
    with (
        proxy.refusing(KafkaError.NOT_ENOUGH_REPLICAS),
        pytest.raises(Retryable, match="do not confirm messages in time"),
    ):
        deliver_to_two(proxy, index_name, timeout="3s")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (KafkaError.CLUSTER_AUTHORIZATION_FAILED, "allow IdempotentWrite on the cluster"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "allow Read on groups"),
        (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "allow Write on transactional ids"),
    ],
    ids=str,
)
@pytest.mark.parametrize("api", [PRODUCE, INIT_PRODUCER_ID])
def test_a_right_of_the_client_that_is_missing_is_named(
    proxy: KafkaProxy, index_name: str, code: int, advice: str, api: int
) -> None:
    with proxy.refusing(code, api=api), pytest.raises(Misconfigured, match=advice):
        deliver_to_two(proxy, index_name)


class SecureBroker(NamedTuple):
    """A broker that demands credentials: its address without TLS, with TLS and SASL, and with client certificates."""

    plain: str
    sasl: str
    certified: str
    folder: Path

    def with_sasl(self, topic: str, mechanism: str, **options: Any) -> KafkaSink:
        given = {"username": "me", "sasl_mechanism": mechanism, "ca_file": self.folder / "ca.pem", **options}
        return make(self.sasl, topic, **given)


def write_pem(certificate: trustme.LeafCert, path: Path) -> None:
    """Write key and certificates to one file."""
    key = load_pem_private_key(certificate.private_key_pem.bytes(), None)  # Java reads no other form than PKCS #8
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem + b"".join(each.bytes() for each in certificate.cert_chain_pems))


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureBroker]:
    folder, sasl, certified = tmp_path_factory.mktemp("secure"), free_port(), free_port()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    write_pem(authority.issue_cert("127.0.0.1"), folder / "server.pem")
    write_pem(authority.issue_cert("client.invalid"), folder / "client.pem")
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    (folder / "more.properties").write_text(f"""
listeners={{listeners}},SECURE://127.0.0.1:{sasl},CERTIFIED://127.0.0.1:{certified}
advertised.listeners={{advertised}},SECURE://127.0.0.1:{sasl},CERTIFIED://127.0.0.1:{certified}
listener.security.protocol.map={{protocols}},SECURE:SASL_SSL,CERTIFIED:SSL
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.secure.plain.sasl.jaas.config={login} user_me="right";
listener.name.secure.scram-sha-256.sasl.jaas.config={scram}
listener.name.secure.scram-sha-512.sasl.jaas.config={scram}
listener.name.certified.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
transaction.max.timeout.ms=100000
""")
    with KAFKA.running(data=folder) as address:
        admin = AdminClient({"bootstrap.servers": address})
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            user = UserScramCredentialUpsertion("me", ScramCredentialInfo(mechanism, 4096), b"right")
            admin.alter_user_scram_credentials([user])["me"].result(30)
        yield SecureBroker(address, f"127.0.0.1:{sasl}", f"127.0.0.1:{certified}", folder)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"])
def test_a_user_writes_with_each_mechanism_and_not_with_a_wrong_password(
    mechanism: str, secure: SecureBroker, index_name: str
) -> None:
    create_topic(secure.plain, index_name, 1)
    opened(secure.with_sasl(index_name, mechanism, password="right")).write(numbered(2))
    assert numbers(secure.plain, index_name) == [0, 1]
    with pytest.raises(Misconfigured, match="check username, password and sasl_mechanism"):
        opened(secure.with_sasl(index_name, mechanism, password="wrong"))


def test_a_client_certificate_is_shown_and_its_absence_is_named(secure: SecureBroker, index_name: str) -> None:
    create_topic(secure.plain, index_name, 1)
    pem = secure.folder / "client.pem"
    files: dict[str, Any] = {"client_certificate_file": pem, "client_key_file": pem}
    opened(make(secure.certified, index_name, ca_file=secure.folder / "ca.pem", **files)).write(numbered(2))
    assert numbers(secure.plain, index_name) == [0, 1]
    with pytest.raises(Misconfigured, match="does not accept the client certificate"):
        opened(make(secure.certified, index_name, ca_file=secure.folder / "ca.pem"))


def test_a_password_that_changed_in_its_file_is_used_at_once(
    secure: SecureBroker, index_name: str, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("wrong")
    create_topic(secure.plain, index_name, 1)
    sink = secure.with_sasl(index_name, "PLAIN", password_file=password)
    with pytest.raises(Misconfigured, match="check username, password and sasl_mechanism"):
        opened(sink)
    assert not sink.has_changed_files()
    password.write_text("right")
    assert sink.has_changed_files()
    opened(sink).write(numbered(2))
    assert numbers(secure.plain, index_name) == [0, 1]
    probe = sink.probe()
    assert (probe.server, probe.warnings) == ("Kafka 4.1", [])


def test_a_topic_that_the_user_may_only_read_holds_back_no_other(secure: SecureBroker, index_name: str) -> None:
    for name in ("open", "read"):
        create_topic(secure.plain, f"{index_name}-{name}", 1)
    only_read = AclBinding(
        ResourceType.TOPIC, f"{index_name}-read", ResourcePatternType.LITERAL, "User:me", "*", AclOperation.READ,
        AclPermissionType.ALLOW,
    )  # fmt: skip
    admin = AdminClient({"bootstrap.servers": secure.plain})
    admin.create_acls([only_read])[only_read].result(30)
    given: dict[str, Any] = {"password": "right", "name": index_name}
    sink = opened(secure.with_sasl(f"{index_name}-{{service:other}}", "PLAIN", **given))
    documents = [json.dumps({"number": n, "service": ("open", "read")[n % 2]}) for n in range(4)]
    result = RetryingWriter(sink, threading.Event()).deliver(batch_of(documents))
    assert (result.postponed, result.rejected) == ({1: f"{index_name}-read", 3: f"{index_name}-read"}, {})
    assert numbers(secure.plain, f"{index_name}-open") == [0, 2]
    alone = opened(secure.with_sasl(f"{index_name}-read", "PLAIN", **given))
    with pytest.raises(
        Misconfigured, match=r"the topic .*-read accepts no messages .* allow this user to write to it"
    ):
        RetryingWriter(alone, threading.Event()).deliver(numbered(1))


def test_a_time_limit_that_the_brokers_do_not_accept_is_named(secure: SecureBroker, index_name: str) -> None:
    create_topic(secure.plain, index_name, 1)
    with pytest.raises(
        Misconfigured, match=r"make timeout less than half of the brokers' transaction.max.timeout.ms"
    ):
        opened(secure.with_sasl(index_name, "PLAIN", password="right", timeout="60s"))


def test_a_certificate_that_is_not_trusted_is_reported_as_such(secure: SecureBroker, topic: str) -> None:
    given: dict[str, Any] = {"username": "me", "password": "right", "sasl_mechanism": "PLAIN", "tls": True}
    with pytest.raises(Retryable, match="the TLS certificate is not trusted"):
        opened(make(secure.sasl, topic, **given))


def set_up(broker: str, topic: str, folder: Path, *options: str, **setup: Any) -> tuple[int, str]:
    sink = {"url": f"kafka://{broker}/{topic}", "positions_topic": f"{topic}-positions", "setup": setup}
    pipelines = {"app": {"paths": [f"{folder}/*.log"]}}
    (folder / "sidecar.json").write_text(json.dumps({"sinks": {"stream": sink}, "pipelines": pipelines}))
    done = sidecar("setup", "--config", str(folder / "sidecar.json"), *options)
    return done.returncode, done.stdout + done.stderr


def test_setup_creates_topics_and_changes_what_can_be_changed(broker: str, index_name: str, tmp_path: Path) -> None:
    code, shown = set_up(broker, index_name, tmp_path, partitions=3, retention="2d")
    assert (code, shown.count("does not exist"), "Kafka 4.1" in shown) == (2, 2, True), shown
    given = {"partitions": 3, "retention": "2d", "replication_factor": 1}
    code, shown = set_up(broker, index_name, tmp_path, "--yes", **given)
    assert (code, shown.count(": created")) == (0, 2), shown
    code, shown = set_up(broker, index_name, tmp_path, partitions=2, retention="2d")
    assert (code, shown.count("is as wanted")) == (0, 2), shown
    code, shown = set_up(broker, index_name, tmp_path, "--yes", partitions=5, retention="3d")
    assert (code, f"topic {index_name}: changed" in shown) == (0, True), shown
    assert '-    "retention.ms": "172800000"' in shown
    code, shown = set_up(broker, index_name, tmp_path, partitions=5, retention="3d")
    assert (code, shown.count("is as wanted")) == (0, 2), shown
    code, shown = set_up(broker, index_name, tmp_path, "--yes", replication_factor=2)
    assert (code, "cannot be changed" in shown) == (2, True), shown
    code, shown = set_up(broker, f"{index_name}-2", tmp_path, "--yes", replication_factor=2)
    assert (code, "the brokers refuse to read or change topics" in shown) == (2, True), shown


def test_setup_prints_the_commands_without_a_connection(tmp_path: Path) -> None:
    code, shown = set_up("nowhere.invalid", "app", tmp_path, "--print", partitions=3)
    assert (code, shown.count("kafka-topics.sh --create")) == (0, 2), shown
    assert "--create --topic app --partitions 3 --config cleanup.policy=delete\n" in shown


def test_setup_names_brokers_that_do_not_answer(index_name: str, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    code, shown = set_up(address, index_name, tmp_path)
    assert (code, f"kafka://{address}/{index_name}: cannot be reached" in shown) == (2, True), shown


def test_a_compacted_positions_topic_is_a_warning(broker: str, topic: str) -> None:
    create_topic(broker, f"{topic}-positions", 1, cleanup_policy="compact")
    probe = make(broker, topic, positions_topic=f"{topic}-positions").probe()
    assert ["is compacted" in warning for warning in probe.warnings] == [True]


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
