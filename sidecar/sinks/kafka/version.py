"""Finds out the version of the brokers, which the client does not return.

A broker answers the request ApiVersions before any login. Its answer holds the level of the feature
`metadata.version`, which every release raises. Brokers before 3.3 have no such feature.
"""

from __future__ import annotations

import socket
import ssl
import struct
from contextlib import suppress

from sidecar.sinks.kafka.settings import KafkaSettings

_TIMEOUT_S = 5.0
_MAX_ANSWER_BYTES = 1 << 16
_FINALIZED_FEATURES = 2
"""Number of the tagged field with the features that are in use."""

_FIRST_LEVELS = {
    7: "3.3", 8: "3.4", 9: "3.5", 12: "3.6", 15: "3.7", 20: "3.8", 21: "3.9", 22: "4.0", 26: "4.1", 28: "4.2",
}  # fmt: skip
"""First level of `metadata.version` of each release (MetadataVersion.java)."""


def name_version(settings: KafkaSettings) -> str:
    """Return product and version of the first broker that answers, such as `Kafka 4.1`; "Kafka" if unknown."""
    for broker in settings.brokers:
        with suppress(OSError, LookupError, struct.error, UnicodeDecodeError):
            return _name_level(_find_level(_ask(broker, settings)))
    return "Kafka"


def _name_level(level: int) -> str:
    releases = [name for first, name in _FIRST_LEVELS.items() if first <= level]
    if not releases:
        return "Kafka"
    is_newest = releases[-1] == [*_FIRST_LEVELS.values()][-1]
    return f"Kafka {releases[-1]}{' or newer' if is_newest else ''}"


def _ask(broker: str, settings: KafkaSettings) -> bytes:
    """Return the answer to ApiVersions, version 3, without its length and correlation id."""
    name = b"log-sidecar"
    software = bytes([len(name) + 1]) + name + b"\x020"  # name and version "0"
    body = struct.pack(">hhih", 18, 3, 1, len(name)) + name + b"\0" + software + b"\0"
    host, _, port = broker.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), _TIMEOUT_S) as plain:
        connection = create_tls(settings).wrap_socket(plain, server_hostname=host) if settings.has_tls else plain
        with connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            (size,) = struct.unpack(">i", _read(connection, 4))
            return _read(connection, min(size, _MAX_ANSWER_BYTES))[4:]


def create_tls(settings: KafkaSettings) -> ssl.SSLContext:
    """Return the TLS settings of the sink for a connection without the client."""
    context = ssl.create_default_context(cafile=settings.ca_file)
    if settings.client_certificate_file and settings.client_key_file:
        context.load_cert_chain(settings.client_certificate_file, settings.client_key_file)
    return context


def _read(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError("the broker has closed the connection")
        data += piece
    return data


def _find_level(answer: bytes) -> int:
    """Return the level of `metadata.version` in the answer; 0 if it has none."""
    (error,) = struct.unpack_from(">h", answer)
    if error:
        return 0
    count, at = _read_number(answer, 2)
    at += (count - 1) * 7 + 4  # key, first and last version, and no tagged fields, of each API; throttle time
    tags, at = _read_number(answer, at)
    for _ in range(tags):
        tag, at = _read_number(answer, at)
        size, at = _read_number(answer, at)
        if tag == _FINALIZED_FEATURES:
            return _find_feature(answer, at)
        at += size
    return 0


def _find_feature(answer: bytes, at: int) -> int:
    count, at = _read_number(answer, at)
    for _ in range(count - 1):
        length, at = _read_number(answer, at)
        name = answer[at : at + length - 1].decode()
        at += length - 1
        (level,) = struct.unpack_from(">h", answer, at)
        if name == "metadata.version":
            return int(level)
        at += 5  # two levels, and no tagged fields
    return 0


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    """Return an unsigned varint, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
