"""Takes secrets and personal data out of records, before anything of them leaves or is kept.

A chunk is looked at as a whole first. Only where something may be found, records are looked at one by one: each
string is judged as the application meant it, without the escapes of JSON, and the rest of the record stays as it is.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from sidecar.enrich.detectors import Detector
from sidecar.enrich.members import elements, pairs
from sidecar.flow import Records
from sidecar.nesting import quoted
from sidecar.patterns import compiled

MASK = "[REDACTED]"
_LIMIT_S = 0.1
_DEEPEST = 64
_STRING = msgspec.json.Decoder(str)

Action = Callable[[str], str | None]
"""What stands in the place of a text; None drops the field that it is the value of, or the text from its string."""


def mask(text: str) -> str | None:
    """Nothing of it is left."""
    return MASK


def drop(text: str) -> str | None:
    """Not even that there was something."""
    return None


def hashed(salt: bytes) -> Action:
    """The same text gives the same mark, so that events can be told to belong together; without the salt it cannot
    be found by trying (RFC 2104, HMAC with SHA-256, 64 bits of it)."""

    def mark(text: str) -> str | None:
        return f"[sha256:{hmac.digest(salt, text.encode(errors='replace'), 'sha256').hex()[:16]}]"

    return mark


class Named:
    """A detector, and what becomes of what it finds."""

    def __init__(self, detector: Detector, action: Action) -> None:
        self.detector, self.action = detector, action
        self._pattern = re.compile(detector.pattern)

    def may_find(self, text: str, lower: str) -> bool:
        """Whether something may be found, in a text in which strings are still escaped."""
        hints = self.detector.hints
        return any(hint in lower for hint in hints) if hints else self._pattern.search(text) is not None

    def takes(self, path: str) -> bool:
        """Whether the value of this field has to go, whatever it is."""
        keys = self.detector.keys
        return bool(keys) and path.rpartition(".")[2].lower().replace("_", "").replace("-", "") in keys

    def cleaned(self, text: str) -> str:
        """The text without what was found."""
        found, at = [], 0
        for match in self._pattern.finditer(text):
            group = match.lastindex or 0
            if self.detector.judge(match[group]):
                found += [text[at : match.start(group)], self._instead(match[group])]
                at = match.end(group)
        return "".join([*found, text[at:]]) if found else text

    def _instead(self, text: str) -> str:
        return self.detector.shorten(text) if self.detector.shorten else self.action(text) or ""


class Pattern:
    """A pattern of the user's own. A text on which it takes too long goes as a whole."""

    def __init__(self, pattern: str, action: Action) -> None:
        self._pattern = compiled(pattern)
        self.action = action

    def may_find(self, text: str, lower: str) -> bool:
        """A whole chunk may take longer than a string, and nobody knows what is escaped in it."""
        return True

    def takes(self, path: str) -> bool:
        """It knows no fields."""
        return False

    def cleaned(self, text: str) -> str:
        """The text without what matches, or without its last group."""
        found, at = [], 0
        try:
            for match in self._pattern.finditer(text, timeout=_LIMIT_S, concurrent=True):
                group = match.lastindex or 0
                found += [text[at : match.start(group)], self.action(match[group]) or ""]
                at = match.end(group)
        except TimeoutError:
            return MASK
        return "".join([*found, text[at:]]) if found else text


class FieldAt:
    """A field by its dotted path; all that is below it goes with it."""

    def __init__(self, path: str, action: Action) -> None:
        self._path, self.action = path, action
        self._hint = path.rpartition(".")[2].lower()

    def may_find(self, text: str, lower: str) -> bool:
        """Whether its name occurs."""
        return self._hint in lower

    def takes(self, path: str) -> bool:
        """Whether it is this field."""
        return path == self._path

    def cleaned(self, text: str) -> str:
        """What a text says means nothing."""
        return text


Rule = Named | Pattern | FieldAt


class Redactor:
    """All rules of one pipeline, in order."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = list(rules)

    def redacted(self, records: Records) -> Records:
        """The same records without what the rules find."""
        rules = self._needed("\n".join(records.members))
        if not rules:
            return records
        members = [self._record(body, rules) for body in records.members]
        if members == records.members:
            return records
        # The application's own time may be among what was taken out, so it cannot stand for ours unseen.
        names = None if records.in_place else records.names
        return replace(records, members=members, names=names, in_place=False, ends_in_log=False)

    def _needed(self, text: str) -> list[Rule]:
        """The rules that may find something. An escape may hide anything, so then it is all of them."""
        if "\\u" in text or "\\/" in text:
            return self._rules
        lower = text.lower()
        return [rule for rule in self._rules if rule.may_find(text, lower)]

    def _record(self, body: str, rules: Sequence[Rule]) -> str:
        hidden = "\\u" in body or "\\/" in body
        lower = body.lower()
        needed = [rule for rule in rules if hidden or rule.may_find(body, lower)]
        return _object(body, "", needed, 0) if needed else body


def _object(body: str, path: str, rules: Sequence[Rule], depth: int) -> str:
    """The members of an object. The same text if nothing of it has to go."""
    found, is_changed = [], False
    for key, key_text, text in pairs(body):
        value = _value(text, f"{path}.{key}" if path else key, rules, depth)
        is_changed = is_changed or value != text
        if value is not None:
            found.append(f"{key_text}:{value}")
    return ",".join(found) if is_changed else body


def _value(text: str, path: str, rules: Sequence[Rule], depth: int) -> str | None:
    taken = next((rule for rule in rules if rule.takes(path)), None)
    if taken is not None:
        instead = taken.action(_plain(text))
        return None if instead is None else quoted(instead)
    if text[:1] in "{[" and depth >= _DEEPEST:
        return quoted(MASK)
    if text.startswith("{"):
        return f"{{{_object(text[1:-1], path, rules, depth + 1)}}}"
    if text.startswith("["):
        return f"[{','.join(_elements(text[1:-1], path, rules, depth + 1))}]"
    plain = _plain(text)
    cleaned = plain
    for rule in rules:
        cleaned = rule.cleaned(cleaned)
    return text if cleaned == plain else quoted(cleaned)


def _elements(body: str, path: str, rules: Sequence[Rule], depth: int) -> Iterator[str]:
    for element in elements(body):
        value = _value(element, path, rules, depth)
        if value is not None:
            yield value


def _plain(text: str) -> str:
    """What a value says: a string without quotes and escapes, anything else as it is written."""
    return _STRING.decode(text) if text.startswith('"') else text
