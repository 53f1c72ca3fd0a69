"""Detectors: patterns of secrets and personal data in logs, by name.

Each pattern is used for packed text (`chunk_text.py`) and for a single string. Placeholders such as `%(quote)s` mark
the parts that differ between the two. No pattern matches a line end. A search is fast if the pattern begins with
one or two literal letters; a lookbehind checks the characters before them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Network, ip_address
from string import ascii_letters, digits, hexdigits

from sidecar.lib import native
from sidecar.transform.redaction.chunk_text import QUOTE

IsMatch = Callable[[str], bool]
Span = tuple[int, int]
Find = Callable[[str, int, int], Sequence[Span]]
Shorten = Callable[[str], str]

IN_PACKED_TEXT: Mapping[str, str] = {"quote": QUOTE, "outside": '"', "any": '[^"]', "end": '(?=")'}
IN_STRING: Mapping[str, str] = {"quote": '"', "outside": "", "any": "(?s:.)", "end": r"\Z"}
"""Placeholders of patterns: a quote inside the string, the quote that ends it, any of its characters, and its end."""


@dataclass(frozen=True, slots=True)
class SearchPattern:
    """A search for any of the `branches`.

    If a pattern has a group, the text of the group is kept and the text after it is redacted; otherwise the whole
    match is redacted.
    """

    branches: Sequence[tuple[str, str]]
    """Pairs of a hint and a pattern. The hint is a simpler pattern in lower case: the pattern is searched only in
    texts where the hint matches, ignoring case. "" means always."""

    ignores_case: bool = False
    """Whether case is ignored. If so, the patterns are in lower case."""

    shape: tuple[str, str] = ("", "")
    """Required shape of a line (0 is a digit, A a capital letter), and the characters that are ignored in it."""

    prefix: tuple[str, int] | None = None
    """Characters that belong to a match if they are directly before it, and their maximum number. A match without
    such a character does not count."""

    is_match: IsMatch | None = None
    """Checks the text of a match, such as its check digits; the match counts only if this returns true."""

    find: Find | None = None
    """Returns the spans to redact for the start and the end of a match; by default the whole match. Other values may
    be directly next to a secret."""

    shorten: str | Shorten | None = None
    """Replacement that is used instead of the replacement of the action."""

    mask: Callable[[str, str], str | None] | None = None
    """Compiled search that replaces all matches by a text. It returns None where only the patterns can decide."""

    matches_numbers: bool = False
    """Whether the pattern also matches numbers outside of strings."""


@dataclass(frozen=True, slots=True)
class Detector:
    """Search patterns for texts, and names of fields whose values are redacted completely."""

    patterns: Sequence[SearchPattern]
    """Applied one after another."""

    keys: frozenset[str] = frozenset()
    """Names of fields in lower case, without `-` and `_`."""

    key_ends: Sequence[str] = ()
    """Patterns for the ends of these names in lower case, with `-` and `_`. A name must match one of them."""


def _any_lookbehind(*patterns: str) -> str:
    """Return a lookbehind for any of these patterns, each of which has a fixed length."""
    return f"(?:{'|'.join(f'(?<={pattern})' for pattern in patterns)})"


_VALUES = bytes.maketrans(b"0123456789", bytes(range(10)))
_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))
"""Tables for a digit and its value, and for a digit and the sum of the digits of twice its value."""

_CARD_LAYOUTS = (
    r"(?<!\d )\d(?:[ -]?\d){12,18}", r"\d(?:-?\d){12,18}", r"\d{4}(?: \d{4}){3} \d{3}", r"\d{4}(?: \d{4}){3}",
    r"\d{4} \d{6} \d{5}", r"\d{4} \d{6} \d{4}",
)  # fmt: skip
"""A number after another one must be in a usual layout, because one of ten other numbers is valid by chance."""

_CARD_NUMBERS = re.compile(
    r"(?<![\d.-])(?![01789])"
    r"(?=(?<!\d )\d(?:[ -]?\d){12}|\d(?:-?\d){12}|\d{4} (?:\d{4} ){2}\d{4}|\d{4} \d{6} \d{4})"
    + "".join(rf"(?:(?=({layout})(?![\d-]|\.\d))|)" for layout in _CARD_LAYOUTS)
)
"""Has a group for each layout. The first lookahead omits most of the digits that begin no number."""


def _find_card_numbers(text: str, start: int, end: int) -> list[Span]:
    """Return the spans of payment card numbers among digits, blanks and dashes, also next to other numbers."""
    spans: list[Span] = []
    for match in _CARD_NUMBERS.finditer(text, start, end):
        at = match.start()
        if not spans or at >= spans[-1][1]:
            number = next((number for number in match.groups("") if number and _is_card_number(number)), "")
            spans += [(at, at + len(number))] if number else []
    return spans


def _is_card_number(text: str) -> bool:
    """Return whether the digits are a payment card number (ISO/IEC 7812: length, issuer, check digit)."""
    digits = text.replace(" ", "").replace("-", "")
    if not digits.isascii():
        digits = "".join(str(int(digit)) for digit in digits)
    if not 13 <= len(digits) <= 19 or digits[0] not in "23456" or digits.count(digits[0]) == len(digits):
        return False
    codes = digits.encode()
    return (sum(codes[-1::-2].translate(_VALUES)) + sum(codes[-2::-2].translate(_DOUBLED))) % 10 == 0


_IBAN_LAYOUT = re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FK FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip
"""Country → characters of its account numbers, by the registry of ISO 13616."""


def _find_iban(text: str, start: int, _: int) -> list[Span]:
    """Return the span of an IBAN (ISO 13616) that begins at `start`. Other words may follow it."""
    match = _IBAN_LAYOUT.match(text, start)
    if not match:
        return []
    plain = match[0].replace(" ", "")
    length = _IBAN_LENGTHS.get(plain[:2], len(plain))
    if len(plain) < length or not _is_iban(plain[:length]):
        return []
    end = start + length
    while (missing := length - (end - start - text.count(" ", start, end))) > 0:
        end += missing
    return [] if text[end : end + 1].isalnum() else [(start, end)]


def _is_iban(text: str) -> bool:
    """Return whether the check digits are valid (ISO 13616: the rearranged number modulo 97 is 1)."""
    if not 15 <= len(text) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


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
    """Return whether the text is an address. Require a digit, and three characters before the first colon, because
    `a::b` is more often code."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return text.index(":") > 2 and any(char.isdigit() for char in text)


def _network(text: str) -> str:
    """Return the network of an IPv6 address: its first three groups, followed by zeros."""
    return str(IPv6Network((int(ip_address(text)) >> 80 << 80, 48)).network_address)


_ASSIGNMENT = r"[%(quote)s']?\s{0,3}[=:]\s{0,3}[%(quote)s']?"
_VALUE = r"[^\s%(quote)s%(outside)s'&,;)}\]]+"
_TOKENS = _any_lookbehind(*(f"{kind}{line}token" for kind in ("access", "refresh", "auth") for line in ("[_-]", "")))
_SECRET_NAMES = ("pass(?:word|wd|phrase)", "pwd", "secret", "api[_-]?key", f"token{_TOKENS}")
_SCHEMES = "(?:basic|bearer|digest|token|negotiate)"
_AWS_NAMES = ("aws_secret_access_key", "secretaccesskey")

_PASSWORD = SearchPattern(
    (
        *((name, f"({name}{_ASSIGNMENT}){_VALUE}") for name in _SECRET_NAMES),
        ("://", r"(://(?<=[a-z]://)[^/\s:@%(outside)s]{0,256}:)[^/\s@%(outside)s]+(?=@)"),
    ),
    ignores_case=True,
)
_AUTHORIZATION = SearchPattern(
    (
        ("authorization", rf"(authorization{_ASSIGNMENT}(?:{_SCHEMES}\s+)?){_VALUE}"),
        ("bearer", r"(bearer(?<=\bbearer)\s+)[a-z0-9._~+/=-]{8,}"),
    ),
    ignores_case=True,
)
# Also matches a token without a point, so that a long text of repeated beginnings is scanned only once.
_JWT = SearchPattern(
    [("", r"eyJ(?<=\beyJ)[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]*+)?)?")],
    is_match=lambda text: "." in text,
)
_CARD = SearchPattern(
    [("", r"\d(?=[\d -]{12})[\d -]++")], shape=("0" * 13, " -"), find=_find_card_numbers, matches_numbers=True
)  # fmt: skip
_EMAIL = SearchPattern(
    [("", r"@[A-Za-z0-9-]{1,63}+(?:\.[A-Za-z0-9-]{1,63}+)+")],
    prefix=(f"{ascii_letters}{digits}._%+-", 64),
    mask=native.mask_email,
)
_IPV4 = SearchPattern(
    [("", rf"(\.(?=[0-9]{{1,3}}\.[0-9]){_FIRST_BYTE}{_BYTE}\.{_BYTE}\.){_BYTE}(?!\w|\.\d)")],
    shorten="0", mask=native.mask_ipv4,
)  # fmt: skip
_IPV6 = SearchPattern(
    [("", f":(?=:|{_GROUP}:(?::|{_GROUP}:)){_FIRST_GROUP}{_OTHER_GROUPS}")],
    prefix=(hexdigits, 4), is_match=_is_ipv6, shorten=_network,
)  # fmt: skip
_AWS_SECRET = SearchPattern(
    [(name, f"({name}{_ASSIGNMENT})[a-z0-9/+=]{{40}}") for name in _AWS_NAMES], ignores_case=True
)
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
    [("", r"[A-Z]{2}\d{2}(?<!\w.{4})(?= ?[A-Z0-9]{4})")],
    shape=("AA00", ""),
    find=_find_iban,
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
