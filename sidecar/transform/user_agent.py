"""Parses the user agent of a browser, tool or crawler into fields of the Elastic Common Schema.

The text has the form of RFC 9110 §10.1.5: products with versions, and comments. The table knows widespread programs
by their own tokens, so there is no data file to update. An unknown program keeps the name of its first product.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from sidecar.lib.jsontext.edit import can_insert, edit, insert, read
from sidecar.lib.jsontext.nested import json_string

_FIELD = "user_agent.original"
_KEY_TEXT = '"user_agent"'
_ONLY_MEMBER = '"user_agent":{"original":"'
_MAX_CACHED = 4096
_MAX_CACHED_CHARACTERS = 2048
_MAX_JUDGED_CHARACTERS = 512
"""Characters of the text that are parsed, because the client chooses its length."""

_STRING = msgspec.json.Decoder(str)
_VERSION = r"v?(\d[\w.]{0,30})"
_CRAWLER = re.compile(
    r"\b([\w.-]{0,40}(?:bot|crawler|spider|slurp)[\w-]{0,20})(?:/v?(\d[\w.]{0,30}))?", re.IGNORECASE
)
_FIRST_PRODUCT = re.compile(rf"([A-Za-z][\w.+ -]{{0,40}}?)(?:/{_VERSION}|$|[ ;(])")
_BROWSERS = [
    (name, re.compile(pattern))
    for name, pattern in (
        ("Edge", rf"\bEdg(?:e|A|iOS)?/{_VERSION}"),
        ("Opera", rf"\b(?:OPR|OPiOS|Opera)/{_VERSION}"),
        ("Samsung Internet", rf"\bSamsungBrowser/{_VERSION}"),
        ("Yandex Browser", rf"\bYaBrowser/{_VERSION}"),
        ("Vivaldi", rf"\bVivaldi/{_VERSION}"),
        ("UC Browser", rf"\bUCBrowser/{_VERSION}"),
        ("Firefox", rf"\b(?:Firefox|FxiOS)/{_VERSION}"),
        ("HeadlessChrome", rf"\bHeadlessChrome/{_VERSION}"),
        ("Chrome", rf"\b(?:Chrome|CriOS|Chromium)/{_VERSION}"),
        ("Safari", rf"\bVersion/{_VERSION} (?:Mobile/\w+ )?Safari/"),
        ("Internet Explorer", rf"\bMSIE {_VERSION}"),
        ("Internet Explorer", rf"\bTrident/[^)]*\brv:{_VERSION}"),
    )
]
"""Browsers that also name others come before the browsers that they name."""

_SYSTEMS = [
    (name, re.compile(pattern))
    for name, pattern in (
        ("Windows", r"\bWindows NT (\d+\.\d+)"),
        ("Windows", r"\bWindows()\b"),
        ("iOS", r"\b(?:iPhone|CPU) OS (\d[\d_]*)"),
        ("Android", r"\bAndroid(?: (\d[\d.]*))?"),
        ("Chrome OS", r"\bCrOS()\b"),
        ("Mac OS X", r"\bMac OS X(?: (\d[\d_.]*))?"),
        ("Linux", r"\b(?:Linux|X11)()\b"),
    )
]
_WINDOWS = {"6.1": "7", "6.2": "8", "6.3": "8.1", "10.0": "10"}
_DEVICES = re.compile(r"\b(?:(iPhone|iPad|iPod)|Android[^;)]{0,20}; (?:wv; )?([^;)]{1,40}?)(?: Build/|[;)]))")


class ParseUserAgent:
    """Adds `user_agent.name`, `.version`, `.os.name`, `.os.version` and `.device.name`.

    They come from `user_agent.original`. Existing fields stay. Each text is parsed once while it is cached.
    """

    name: ClassVar[str] = "user_agent"
    reads: Sequence[str] = (_FIELD,)
    writes: Sequence[str] = ("user_agent",)

    def __init__(self) -> None:
        self._objects: dict[str, str] = {}

    def apply(self, body: str, report_failure: object) -> str:
        """Return the body with those fields."""
        at = _find_last_member(body)
        if at >= 0:
            return body[:at] + self._extend_object(_KEY_TEXT, "", body[at + len(_KEY_TEXT) + 1 :])
        if '"user_agent.' in body or "\\u" in body:
            return _add(body, _FIELD, "user_agent.")
        found = edit(body, "user_agent", self._extend_object)
        return found if found != body else _add(body, _FIELD, "user_agent.")

    def _extend_object(self, key: str, below: str, value: str) -> str:
        if below or value[0] != "{":
            return f"{key}:{value}"
        known = self._objects.get(value)
        if known is None:
            known = f"{{{_add(value[1:-1], 'original', '')}}}"
            if len(self._objects) >= _MAX_CACHED:
                self._objects.clear()
            if len(value) <= _MAX_CACHED_CHARACTERS:
                self._objects[value] = known
        return f"{key}:{known}"


def _find_last_member(body: str) -> int:
    """Return where the member `user_agent` begins, if it is the last one, unique, and holds only `original`; else -1.

    A body that ends with the object that this member opens has no other object around it.
    """
    at = body.rfind(_ONLY_MEMBER)
    if at < 0 or not body.endswith('"}') or body.count('"user_agent') > 1 or "\\" in body:
        return -1
    return at if body.find('"', at + len(_ONLY_MEMBER)) == len(body) - 2 else -1


def _add(body: str, field: str, prefix: str) -> str:
    found = read(body, field)
    if len(found) != 1 or found[0][0] != '"':
        return body
    for path, text in recognize(_STRING.decode(found[0])).items():
        if can_insert(body, f"{prefix}{path}"):
            body = insert(body, f"{prefix}{path}", json_string(text))
    return body


def recognize(text: str) -> Mapping[str, str]:
    """Return the fields below `user_agent` that this text reveals."""
    text = text[:_MAX_JUDGED_CHARACTERS]
    name, version, is_crawler = _program(text)
    system, release = _system(text)
    found = {"name": name, "version": version, "os.name": system, "os.version": release}
    found["device.name"] = "Spider" if is_crawler else _device(text, system)
    return {path: value for path, value in found.items() if value}


def _program(text: str) -> tuple[str, str, bool]:
    """Return its name, its version, and whether it is a crawler."""
    if match := _CRAWLER.search(text):
        return match[1], match[2] or "", True
    for name, pattern in _BROWSERS:
        if match := pattern.search(text):
            return name, match[1], False
    match = _FIRST_PRODUCT.match(text)
    return (match[1], match[2] or "", False) if match and match[1] != "Mozilla" else ("", "", False)


def _system(text: str) -> tuple[str, str]:
    for name, pattern in _SYSTEMS:
        if match := pattern.search(text):
            release = (match[1] or "").replace("_", ".")
            return name, _WINDOWS.get(release, "") if name == "Windows" else release
    return "", ""


def _device(text: str, system: str) -> str:
    if system == "Mac OS X":
        return "Mac"
    match = _DEVICES.search(text)
    return (match[1] or match[2].strip()) if match else ""
