"""Settings of the Kafka sink."""

from __future__ import annotations

from importlib.machinery import PathFinder

import pytest

from sidecar.errors import ConfigurationError
from sidecar.sinks import registry
from sidecar.sinks.kafka.settings import KafkaSettings


def settings(value: object) -> KafkaSettings:
    made = registry.settings_for(value)  # type: ignore[arg-type]
    assert isinstance(made, KafkaSettings)
    return made


def test_a_url_holds_brokers_credentials_topic_and_other_settings() -> None:
    made = settings("kafka+ssl://me:s%40crt@one,two:9093/app-logs?compression=zstd&sasl_mechanism=PLAIN")
    assert (made.brokers, made.topic, made.has_tls) == (("one:9092", "two:9093"), "app-logs", True)
    assert (made.username, made.secrets(), made.compression) == ("me", ["s@crt"], "zstd")
    assert made.destination() == "kafka+ssl://one:9092,two:9093/app-logs"
    assert "s@crt" not in repr(made)


def test_brokers_may_be_a_list_and_certificates_enable_tls() -> None:
    made = settings({"type": "kafka", "brokers": ["one", "[::1]:9093"], "ca_file": "/ca.pem"})
    assert (made.brokers, made.topic) == (("one:9092", "[::1]:9093"), "logs")
    assert made.destination().startswith("kafka+ssl://")


def test_credentials_without_tls_are_a_warning_unless_the_broker_is_local() -> None:
    assert "write kafka+ssl://" in settings("kafka://me:secret@broker/t").warnings()[0]
    assert not settings("kafka://me:secret@localhost/t").warnings()
    assert not settings("kafka+ssl://me:secret@broker/t").warnings()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"topic": "a/b"}, "topic: is not a valid topic name"),
        ({"topic": "{level:info}-a"}, "topic: is not a valid name pattern"),
        ({"topic": "x" * 250}, "topic: is not a valid topic name"),
        ({"positions_topic": ".."}, "positions_topic: is not a valid topic name"),
        ({"username": "me"}, "username: has no password"),
        ({"password": "secret"}, "password: has no username"),
        ({"username": "me", "password": "secret", "password_file": "/x"}, "contradicts password"),
        ({"client_certificate_file": "/x"}, "need each other"),
        ({"timeout": "500s"}, "timeout: must be between"),
        ({"brokers": "a:b:c"}, "brokers: has no valid host and port"),
    ],
)
def test_mistakes_are_refused_without_the_secret(more: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as error:
        settings({"type": "kafka", "brokers": "one", **more})
    assert "secret" not in str(error.value)


def test_without_the_client_a_sentence_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hidden(PathFinder):
        @classmethod
        def find_spec(cls, fullname, path=None, target=None):  # type: ignore[no-untyped-def]
            return None if fullname == "confluent_kafka" else super().find_spec(fullname, path, target)

    monkeypatch.setattr("sys.meta_path", [Hidden])
    monkeypatch.setattr("sys.modules", {k: v for k, v in __import__("sys").modules.items() if "confluent" not in k})
    with pytest.raises(ConfigurationError, match=r"pip install 'log-sidecar\[kafka\]'"):
        settings("kafka://one/t")
