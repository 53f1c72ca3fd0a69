"""Reads when a certificate ends. The standard library tells this only to the other side of a connection."""

from __future__ import annotations

import ssl
from calendar import timegm
from pathlib import Path

_SEQUENCE, _UTC_TIME, _GENERALIZED_TIME, _VERSION = 0x30, 0x17, 0x18, 0xA0
_END = "-----END CERTIFICATE-----"


class InvalidCertificate(Exception):
    """A text does not begin with a certificate."""


def read_end(file: Path) -> float:
    """Return when the first certificate of a PEM file ends, in seconds since the epoch.

    Raise `InvalidCertificate` or `OSError`.
    """
    try:
        return end_of(file.read_bytes())
    except InvalidCertificate:
        raise InvalidCertificate(f"{file} does not begin with a certificate") from None


def end_of(pem: bytes) -> float:
    """Return when the first certificate of a PEM text ends. Raise `InvalidCertificate` if it has none."""
    try:
        text = pem.decode("ascii")
        begin = text.index("-----BEGIN CERTIFICATE-----")
        end = text.index(_END, begin) + len(_END)
        return _end_of(ssl.PEM_cert_to_DER_cert(text[begin:end]))
    except (ValueError, IndexError):
        raise InvalidCertificate("it does not begin with a certificate") from None


def _end_of(der: bytes) -> float:
    """Return `notAfter`: Certificate → TBSCertificate → Validity (RFC 5280, 4.1)."""
    certificate = _value(der, _SEQUENCE)[0]
    body = _value(certificate, _SEQUENCE)[0]
    if body[0] == _VERSION:
        body = _skip(body)
    for _ in ("serialNumber", "signature", "issuer"):
        body = _skip(body)
    validity = _skip(_value(body, _SEQUENCE)[0])
    text = _value(validity, validity[0])[0].decode("ascii")
    if validity[0] == _UTC_TIME:
        text = f"{'19' if text[:2] >= '50' else '20'}{text}"
    elif validity[0] != _GENERALIZED_TIME:
        raise ValueError
    parts = [int(text[:4]), *(int(text[at : at + 2]) for at in range(4, 14, 2))]
    return float(timegm((*parts, 0, 0, 0)))


def _value(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Return the content of the first element, which has this tag, and what follows it."""
    if data[0] != tag:
        raise ValueError
    length, start = data[1], 2
    if length >= 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if start + length > len(data):
        raise ValueError
    return data[start : start + length], data[start + length :]


def _skip(data: bytes) -> bytes:
    return _value(data, data[0])[1]
