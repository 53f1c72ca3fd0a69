"""Recognises secrets in the values of a configuration, by the name of an option or by their form."""

from __future__ import annotations

import re

_NAME = re.compile(
    r"pass(?:word|wd|phrase)?$|pwd$|secret|token$|api_?key|access_?key|private_?key|credential|authorization$"
    r"|^cookie$|bearer|cloud_?auth",
    re.IGNORECASE,
)
_USER_AND_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]{0,20}://[^/\s@?#]{0,500}:[^/\s@]{0,500}@", re.IGNORECASE)
_CREDENTIALS = re.compile(
    r"[?&;][\w.-]{0,40}(?:token|key|secret|password|passwd|signature|sig|auth|credential)[\w.-]{0,40}=[^&\s]"
    r"|[^\s:/@\"']:[^\s:/@\"']+@[\w.-]"  # user and password before a host
    r"|\b(?:bearer|basic|apikey)\s+[\w.~+/=-]{8,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\."  # JSON Web Token
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"  # access key of AWS
    r"|\bgh[pousr]_\w{20,}|\bxox[abprs]-[\w-]{10,}|\bglsa_\w{20,}|\bglc_\w{20,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
    r"|(?:password|passwd|pwd|secret|api[_-]?key|token)\s*[=:]\s*\S",
    re.IGNORECASE,
)


def names_secret(name: str) -> bool:
    """Return whether an option or field of this name usually holds a secret."""
    return _NAME.search(name.replace("-", "_").replace(".", "_")) is not None


def has_password_in_url(text: str) -> bool:
    """Return whether a text contains a URL with user and password."""
    return _USER_AND_PASSWORD.search(text) is not None


def find_credentials(text: str) -> bool:
    """Return whether a text contains credentials, such as a password in a URL."""
    return has_password_in_url(text) or _CREDENTIALS.search(text) is not None
