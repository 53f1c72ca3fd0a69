"""Classifies the errors of Kafka: about a document, about its topic, about the sink, or temporary."""

from __future__ import annotations

import re

from confluent_kafka import KafkaError

from sidecar.errors import DeliveryError, Misconfigured, RequestTooLarge, Retryable
from sidecar.sinks.common.errors import (
    client_certificate_error,
    dns_error,
    is_certificate_alert,
    shorten,
    tls_error,
    unreachable_error,
)

TOO_LARGE_CODES = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE})
DOCUMENT_CODES = frozenset({KafkaError.INVALID_RECORD, KafkaError.INVALID_TIMESTAMP, KafkaError.INVALID_MSG})
"""The broker does not accept the message."""

TOPIC_CODES = frozenset({
    KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION,
    KafkaError.TOPIC_EXCEPTION, KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.POLICY_VIOLATION,
})  # fmt: skip
"""The topic does not exist, or this user may not write to it."""

IGNORED_CODES = frozenset({
    KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._INVALID_DIFFERENT_RECORD,
})  # fmt: skip
"""The message was not stored because another one was refused."""

_FENCED_CODES = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})
"""A producer with the same transactional id has started, or the transaction has exceeded its time limit."""

_PRODUCER_CODES = frozenset({
    KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, KafkaError.DUPLICATE_SEQUENCE_NUMBER, KafkaError.INVALID_TXN_STATE,
    KafkaError.INVALID_PRODUCER_ID_MAPPING, KafkaError.CONCURRENT_TRANSACTIONS,
    KafkaError.TRANSACTION_COORDINATOR_FENCED, KafkaError.UNKNOWN_PRODUCER_ID,
})  # fmt: skip
"""The brokers and the client disagree about the transaction. A new session resolves that."""

UNREACHABLE_CODES = frozenset({
    KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._TIMED_OUT_QUEUE,
    KafkaError._MSG_TIMED_OUT,
})  # fmt: skip
_CHECK_CREDENTIALS = "check username, password and sasl_mechanism"
_HINTS = {
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "allow Write on transactional ids with transactional_id_prefix",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "allow IdempotentWrite on the cluster",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "allow Read and Write on the topic and on the positions topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "allow Read on groups with transactional_id_prefix",
    KafkaError.INVALID_TRANSACTION_TIMEOUT: "make timeout less than half of the brokers' transaction.max.timeout.ms",
    KafkaError.SASL_AUTHENTICATION_FAILED: _CHECK_CREDENTIALS,
    KafkaError._AUTHENTICATION: _CHECK_CREDENTIALS,
    KafkaError.UNSUPPORTED_SASL_MECHANISM: "choose a sasl_mechanism that the brokers support",
    KafkaError.UNSUPPORTED_VERSION: "use Kafka 2.5 or newer",
    KafkaError.UNSUPPORTED_FOR_MESSAGE_FORMAT: "use Kafka 2.5 or newer",
}
"""Errors that an operator has to resolve → what to do."""

_TOPIC_HINTS = {
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "allow this user to write to it",
    KafkaError.TOPIC_EXCEPTION: "choose another name",
    KafkaError.POLICY_VIOLATION: "change the policy of the brokers or the settings of the topic",
}
# "host:9092/bootstrap: reason (after 3ms in state CONNECT)"
_AROUND_REASON = re.compile(r"^\S*/\S+: (?:Connect to \S+ failed: )?|\s*\(after \d+ms in state [^)]*\)")


def may_be_about_topic(error: KafkaError) -> bool:
    """Return whether a broker may refuse messages because of their topic, and not because of the client."""
    is_from_broker = error.code() >= KafkaError.UNKNOWN  # the client's codes are lower
    return is_from_broker and error.code() not in {*_HINTS, *_FENCED_CODES, *_PRODUCER_CODES}


def is_permanent(error: KafkaError) -> bool:
    """Return whether an operator has to resolve the error, so that waiting does not help."""
    return error.code() in _HINTS or is_certificate_alert(error.str())


def error_of(error: KafkaError, at: str) -> DeliveryError:
    """Return the delivery error for an error that is not about a document or its topic."""
    code, text = error.code(), shorten(_AROUND_REASON.sub("", error.str()))
    if code in _HINTS:
        return Misconfigured(f"the brokers refuse the client ({text})", location=at, hint=_HINTS[code])
    if is_certificate_alert(text):
        return client_certificate_error(text, at)
    if code in _FENCED_CODES:
        return Retryable(f"the brokers have ended the transaction ({text})", location=at, hint="it is sent again")
    if code == KafkaError._RESOLVE:
        return dns_error(at)
    if code == KafkaError._SSL:
        return tls_error(text, at) if "certificate" in text.lower() else unreachable_error(text, at)
    if code == KafkaError._MSG_TIMED_OUT:  # an error of a connection would be reported instead
        return late_error(at)
    if code in UNREACHABLE_CODES:
        return unreachable_error(text, at)
    return Retryable(f"the transaction failed ({text})", location=at, hint="wait for the brokers")


def document_error(error: KafkaError, at: str) -> DeliveryError:
    """Return the error for a message that a broker does not accept."""
    if error.code() in TOO_LARGE_CODES:
        return RequestTooLarge("the message is too large", location=at, hint="raise max.message.bytes of the topic")
    return Misconfigured(
        f"a broker refuses messages ({shorten(error.str())})", location=at, hint="check the settings of the topic"
    )


def topic_error(error: KafkaError, topic: str, at: str) -> Misconfigured:
    """Return the error for a topic that accepts no messages."""
    hint = _TOPIC_HINTS.get(error.code(), "create it, or name another one")
    return Misconfigured(f"the topic {topic} accepts no messages ({shorten(error.str())})", location=at, hint=hint)


def unknown_topic_error(error: KafkaError, topic: str, at: str) -> Retryable:
    """Return the error for a topic whose messages a broker refuses for an unknown reason."""
    what = f"a broker refuses messages for the topic {topic} ({shorten(error.str())})"
    return Retryable(what, location=at, hint="read the log of the brokers")


def late_error(at: str, topic: str = "") -> Retryable:
    """Return the error for messages that the brokers, which can be reached, do not confirm in time.

    `topic`: that of the messages, if messages of other topics are confirmed.
    """
    messages = f"messages for the topic {topic}" if topic else "messages"
    return Retryable(
        f"the brokers do not confirm {messages} in time", location=at,
        hint="check that each partition has a leader and as many in-sync replicas as min.insync.replicas demands",
    )  # fmt: skip


def setup_error(error: KafkaError, at: str) -> Misconfigured:
    """Return the error for a topic that cannot be read, created or changed."""
    return Misconfigured(
        f"the brokers refuse to read or change topics ({shorten(error.str())})", location=at,
        hint="allow Create, Describe, Alter, DescribeConfigs and AlterConfigs on the topics, and check setup",
    )  # fmt: skip


def fenced_error(transactional_id: str, at: str) -> Misconfigured:
    """Return the error for a sink whose transactional id another process has taken over."""
    return Misconfigured(
        f"another sidecar has taken over the transactional id {transactional_id}", location=at,
        hint="stop this one, or give one of them another transactional_id_prefix and restart it",
    )  # fmt: skip


def missing_positions_error(topic: str, reason: str, at: str) -> Misconfigured:
    """Return the error for a positions topic that does not exist and cannot be created."""
    return Misconfigured(
        f"the topic {topic} does not exist and cannot be created ({shorten(reason)})", location=at,
        hint="create it with cleanup.policy=delete, or set positions_topic",
    )  # fmt: skip
