"""What secrets and personal data look like in logs, by name.

Each detector says what it covers and what it leaves alone; tests hold it to both.

A pattern matches in the text of a chunk (`chunk_text.py`) and in a single string; `%(quote)s` and others are replaced
by what differs between the two. No pattern matches a line end. A search is fast if the pattern begins with one or two
literal letters; what comes before them is checked by looking back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Network, ip_address
from string import ascii_letters, digits, hexdigits

from sidecar.transform.redaction.chunk_text import QUOTE

Judge = Callable[[str], bool]
Shorten = Callable[[str], str]

IN_PACKED_TEXT: Mapping[str, str] = {"quote": QUOTE, "outside": '"', "any": '[^"]', "end": '(?=")'}
IN_STRING: Mapping[str, str] = {"quote": '"', "outside": "", "any": "(?s:.)", "end": r"\Z"}
"""Placeholders of patterns: a quote in the string, what ends it, any character of it, its end."""


@dataclass(frozen=True, slots=True)
class SearchPattern:
    """One search for any of the `branches`. A match is redacted, except for its group, which is the text before the
    secret.
    """

    branches: Sequence[tuple[str, str]]
    """(pattern without which there is no match, or ""; the pattern itself)."""

    any_case: bool = False
    """Whether case is ignored; patterns are in lower case."""

    shape: tuple[str, str] = ("", "")
    """Required shape of a line (0 is a digit, A a capital), and characters to ignore."""

    lead: tuple[str, int] | None = None
    """Characters before a match that belong to it, and their maximum number; at least one is required."""

    judge: Judge | None = None
    """Decides whether a match is redacted."""

    shorten: str | Shorten | None = None
    """Replacement instead of that of the action."""

    numbers: bool = False
    """Whether numbers outside of strings are searched too."""


@dataclass(frozen=True, slots=True)
class Detector:
    """Searches, one after another, and names of fields whose values are redacted completely."""

    patterns: Sequence[SearchPattern]
    keys: frozenset[str] = frozenset()
    """Field names in lower case, without `-` and `_`."""

    key_ends: Sequence[str] = ()
    """Patterns of which one matches the end of each of these names as written."""


def _any_lookbehind(*patterns: str) -> str:
    """Return a pattern that requires one of these before it, each of fixed length."""
    return f"(?:{'|'.join(f'(?<={pattern})' for pattern in patterns)})"


def _luhn(text: str) -> bool:
    """Return whether the digits are a payment card number (ISO/IEC 7812: length, issuer, check digit)."""
    digits = [int(char) for char in text if char.isdigit()]
    if not 13 <= len(digits) <= 19 or digits[0] not in (2, 3, 4, 5, 6) or len(set(digits)) < 2:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> bool:
    """Return whether the check digits are valid (ISO 13616: the rearranged number modulo 97 is 1)."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LONG_BYTE = _any_lookbehind(r"1[0-9]{2}\.", r"2[0-4][0-9]\.", r"25[0-5]\.")
_FIRST_BYTE = (
    r"(?:(?<=[0-9]\.)(?<![\w.:].\.)|(?<=[1-9][0-9]\.)(?<![\w.:]..\.)"
    rf"|{_LONG_BYTE}(?<![\w.:]...\.))"
)
_HEX = "[0-9A-Fa-f]"
_GROUP = f"{_HEX}{{1,4}}"
_FIRST_GROUPS = (rf"(?<={_HEX * length}:)(?<![\w.:].{{{length}}}:)" for length in (1, 2, 3, 4))
_FIRST_GROUP = f"(?:{'|'.join(_FIRST_GROUPS)})"
_OTHER_GROUPS = (
    f"(?:(?:{_GROUP}:){{6}}{_GROUP}|(?:{_GROUP}:){{0,6}}:(?:{_GROUP}(?::{_GROUP}){{0,6}})?)"
    r"(?![\w.:])"
)


def _is_ipv6(text: str) -> bool:
    """Return whether it is an address; of texts like `a::b` only those with digits and three characters first."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return text.index(":") > 2 and any(char.isdigit() for char in text)


def _network(text: str) -> str:
    """Return the network of an IPv6 address: only its first three groups stay."""
    return str(IPv6Network((int(ip_address(text)) >> 80 << 80, 48)).network_address)


_GIVEN = r"[%(quote)s']?\s{0,3}[=:]\s{0,3}[%(quote)s']?"
_VALUE = r"[^\s%(quote)s%(outside)s'&,;)}\]]+"
_TOKENS = _any_lookbehind(*(f"{kind}{line}token" for kind in ("access", "refresh", "auth") for line in ("[_-]", "")))
_SECRET_NAMES = ("pass(?:word|wd|phrase)", "pwd", "secret", "api[_-]?key", f"token{_TOKENS}")
_SCHEMES = "(?:basic|bearer|digest|token|negotiate)"
_AWS_NAMES = ("aws_secret_access_key", "secretaccesskey")

_PASSWORD = SearchPattern(
    (
        *((name, f"({name}{_GIVEN}){_VALUE}") for name in _SECRET_NAMES),
        ("://", r"(://(?<=[a-z]://)[^/\s:@%(outside)s]{0,256}:)[^/\s@%(outside)s]+(?=@)"),
    ),
    any_case=True,
)
_AUTHORIZATION = SearchPattern(
    (
        ("authorization", rf"(authorization{_GIVEN}(?:{_SCHEMES}\s+)?){_VALUE}"),
        ("bearer", r"(bearer(?<=\bbearer)\s+)[a-z0-9._~+/=-]{8,}"),
    ),
    any_case=True,
)
# Also matches without a point after it, so that a text that repeats the beginning is not scanned repeatedly.
_JWT = SearchPattern(
    [("", r"eyJ(?<=\beyJ)[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]*+)?)?")],
    judge=lambda text: "." in text,
)
_CARD = SearchPattern(
    [("", r"\d(?=[\d -]{12})(?<![\d.-]\d)(?:[ -]?\d){12,18}(?![\d-]|\.\d)")],
    shape=("0" * 13, " -"), judge=_luhn, numbers=True,
)  # fmt: skip
_EMAIL = SearchPattern(
    [("", r"@[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+)+")], lead=(f"{ascii_letters}{digits}._%+-", 64)
)
_IPV4 = SearchPattern(
    [("", rf"(\.(?=[0-9]{{1,3}}\.[0-9]){_FIRST_BYTE}{_BYTE}\.{_BYTE}\.){_BYTE}(?!\w|\.\d)")], shorten="0"
)  # fmt: skip
_IPV6 = SearchPattern(
    [("", f":(?=:|{_GROUP}:(?::|{_GROUP}:)){_FIRST_GROUP}{_OTHER_GROUPS}")],
    lead=(hexdigits, 4), judge=_is_ipv6, shorten=_network,
)  # fmt: skip
_AWS_SECRET = SearchPattern([(name, f"({name}{_GIVEN})[a-z0-9/+=]{{40}}") for name in _AWS_NAMES], any_case=True)
_AWS_ID = SearchPattern([("", r"A(?=[KS]IA)(?<=\bA)[A-Z]{3}[A-Z0-9]{16}\b")])
_PRIVATE_KEY = SearchPattern(
    [
        (
            "",
            ("-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----%(any)s*?(?:-----END [A-Z ]{0,20}PRIVATE KEY-----|%(end)s)"),
        )
    ]
)
_IBAN = SearchPattern(
    [("", r"[A-Z]{2}\d{2}(?<!\w.{4})(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")], shape=("AA00", ""), judge=_iban
)

_PASSWORDS = (
    "password", "passwd", "passphrase", "pwd", "secret", "clientsecret", "apikey", "accesstoken", "refreshtoken",
    "authtoken",
)  # fmt: skip

DETECTORS: Mapping[str, Detector] = {
    "password": Detector([_PASSWORD], frozenset(_PASSWORDS), ("pass[_-]?(?:word|wd|phrase)", *_SECRET_NAMES[1:])),
    "authorization": Detector(
        [_AUTHORIZATION], frozenset({"authorization", "proxyauthorization"}), ["authorization"]
    ),
    "jwt": Detector([_JWT]),
    "credit_card": Detector([_CARD]),
    "email": Detector([_EMAIL]),
    "ip": Detector([_IPV4, _IPV6]),
    "aws_key": Detector(
        [_AWS_SECRET, _AWS_ID], frozenset({"awssecretaccesskey", "secretaccesskey"}), ["secret[_-]?access[_-]?key"]
    ),
    "private_key": Detector([_PRIVATE_KEY], frozenset({"privatekey"}), ["private[_-]?key"]),
    "iban": Detector([_IBAN]),
}
