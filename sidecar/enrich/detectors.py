"""What secrets and personal data look like in logs, by name.

Each detector says what it covers and what it leaves alone; tests hold it to both. `hints` make looking cheap: a
record in which none of them occurs (in lower case) is not looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Network, ip_address

Judge = Callable[[str], bool]
Shorten = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Detector:
    """A pattern, not compiled before it is wanted, whose last group (or all of it) is what has to go.

    `judge`: whether a match is really one. `shorten`: what stands in its place, None for what the action says.
    `keys`: names of fields, in lower case and without `-` and `_`, whose values have to go whatever they are.
    """

    pattern: str
    hints: tuple[str, ...] = ()
    judge: Judge = bool
    shorten: Shorten | None = None
    keys: frozenset[str] = frozenset()


def _luhn(text: str) -> bool:
    """Whether the digits are the number of a payment card (ISO/IEC 7812: a known length, issuer and check digit)."""
    digits = [int(char) for char in text if char.isdigit()]
    if not 13 <= len(digits) <= 19 or digits[0] not in (2, 3, 4, 5, 6) or len(set(digits)) < 2:
        return False
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban(text: str) -> bool:
    """Whether the check digits are right (ISO 13616: the number, turned round, leaves 1 when divided by 97)."""
    plain = text.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def _is_address(text: str) -> bool:
    """Whether it is one; of what `a::b` could be in source code, only that with digits and a first group of three."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return "." in text or (text.index(":") > 2 and any(char.isdigit() for char in text))


def _network(text: str) -> str:
    """The network of an address: the last byte of IPv4 and all but the first three groups of IPv6 are gone."""
    address = ip_address(text)
    if isinstance(address, IPv4Address):
        return text.rpartition(".")[0] + ".0"
    return str(IPv6Network((int(address) >> 80 << 80, 48)).network_address)


_NAMES = (
    r"pass(?:word|wd|phrase)|pwd|secret|client[_-]?secret|api[_-]?key|access[_-]?token|refresh[_-]?token"
    r"|auth[_-]?token"
)
_KEYS = "password passwd passphrase pwd secret clientsecret apikey accesstoken refreshtoken authtoken"
_GIVEN = r"""["']?\s{0,3}[=:]\s{0,3}["']?"""
_VALUE = r"""[^\s"'&,;)}\]]+"""

DETECTORS: dict[str, Detector] = {
    "password": Detector(
        rf"(?i)(?:{_NAMES}){_GIVEN}({_VALUE})|[a-z]://[^/\s:@]{{0,256}}:([^/\s@]+)@",
        ("passw", "passp", "pwd", "secret", "api_key", "apikey", "api-key", "token", "://"),
        keys=frozenset(_KEYS.split()),
    ),
    "authorization": Detector(
        (
            rf"(?i)authorization{_GIVEN}(?:(?:basic|bearer|digest|token|negotiate)\s+)?({_VALUE})"
            r"|\bbearer\s+([A-Za-z0-9._~+/=-]{8,})"
        ),
        ("authorization", "bearer"),
        keys=frozenset({"authorization", "proxyauthorization"}),
    ),
    "jwt": Detector(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)?", ("eyj",)),
    "credit_card": Detector(r"(?<![\d.-])\d(?:[ -]?\d){12,18}(?![\d-]|\.\d)", judge=_luhn),
    "email": Detector(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+", ("@",)),
    "ip": Detector(
        (
            r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)|(?:(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}"
            r"|(?:[0-9A-Fa-f]{1,4}:){1,7}:(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){0,6})?)(?![\w.:]))"
        ),
        judge=_is_address,
        shorten=_network,
    ),
    "aws_key": Detector(
        (
            rf"\b(?:AKIA|ASIA)[A-Z0-9]{{16}}\b|(?i:aws_secret_access_key|secretaccesskey){_GIVEN}([A-Za-z0-9/+=]{{40}})"
        ),
        ("akia", "asia", "secret_access_key", "secretaccesskey"),
        keys=frozenset({"awssecretaccesskey", "secretaccesskey"}),
    ),
    "private_key": Detector(
        r"(?s)-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,20}PRIVATE KEY-----|\Z)",
        ("private key-----",),
        keys=frozenset({"privatekey"}),
    ),
    "iban": Detector(
        r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b",
        judge=_iban,
    ),
}
