"""Redacts secrets and personal data in records.

Patterns are applied to strings without JSON escapes; text that does not match is kept byte for byte. Detectors search
the packed text of a chunk: all its records in one pass. A record for which this is not safe is redacted member by
member (the general path). Both paths return the same result wherever both apply.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby
from time import monotonic

import msgspec
from msgspec.structs import replace

from sidecar.lib.jsontext.members import split_elements, split_pairs
from sidecar.lib.jsontext.nested import json_string
from sidecar.lib.user_regex import compile_user_regex
from sidecar.model.records import RecordBatch
from sidecar.transform.redaction.chunk_text import (
    NUMBER,
    expand_escapes,
    find_keys,
    find_lines,
    pack,
    single_key,
    unescape,
    unpack,
)
from sidecar.transform.redaction.detectors import Detector, Span
from sidecar.transform.redaction.search import Matcher, Replacement, Text, between, compile_cached, lower

MASK = "[REDACTED]"
_TEXT_LIMIT_S, _MIN_TEXT_LIMIT_S = 0.1, 0.001
_CHUNK_LIMIT_S = 1.0
_MAX_DEPTH = 64
_ESCAPE = re.compile(r"\\")
_COLON = r"[ \t\r]*+:[ \t\r]*+"
_STRING = msgspec.json.Decoder(str)

Action = Callable[[str], str | None]
"""Returns the replacement of a text, or None to remove it: the whole field if the text is its value, else the
text."""


def mask(text: str) -> str | None:
    """Return `MASK`."""
    return MASK


def drop(text: str) -> str | None:
    """Return None."""
    return None


def make_hash(salt: bytes) -> Action:
    """Return an action that replaces a text with a salted hash, so that equal texts can be correlated.

    Without the salt, an attacker cannot find the text by hashing guesses (RFC 2104, 64 bits of HMAC with SHA-256).
    """

    def hash_text(text: str) -> str | None:
        return f"[sha256:{hmac.digest(salt, text.encode(errors='replace'), 'sha256').hex()[:16]}]"

    return hash_text


def _replacement_for(action: Action) -> Replacement:
    """Return the replacement of an action: its text if that is constant (a faster path), else a function."""
    if action is mask or action is drop:
        return action("") or ""
    return lambda text: action(text) or ""


class DetectorRule:
    """A detector with its action."""

    def __init__(self, detector: Detector, action: Action) -> None:
        self.action = action
        self.keys, self._key_ends = detector.keys, detector.key_ends
        self._is_key = lru_cache(maxsize=1024)(self._matches_key)
        patterns = [(pattern, pattern.shorten or _replacement_for(action)) for pattern in detector.patterns]
        self._in_packed_text = [Matcher(pattern, replacement, is_packed=True) for pattern, replacement in patterns]
        self._in_strings = [Matcher(pattern, replacement, is_packed=False) for pattern, replacement in patterns]

    def matches_field(self, path: str) -> bool:
        """Return whether the value of this field is redacted completely."""
        return bool(self.keys) and self._is_key(path.rpartition(".")[2])

    def _matches_key(self, name: str) -> bool:
        lower = name.lower()
        return lower.replace("_", "").replace("-", "") in self.keys and any(
            compile_cached(rf"{end}\Z").search(lower) for end in self._key_ends
        )

    def lines_with_field(self, packed: Text, nested: bool = False) -> set[int]:
        """Return the lines that may have a field of this detector; with `nested`, only objects and arrays count."""
        lines: set[int] = set()
        for end in self._key_ends:
            if packed.has(end):
                pattern = rf'{end}"{_COLON}[\[{{]' if nested else rf'{end}"{_COLON}'
                lines.update(find_lines(compile_cached(pattern), packed.lower))
        return lines

    def mask_fields(self, packed: Text) -> Text:
        """Return the packed text with `MASK` as the value of this detector's fields, except objects and arrays."""
        spans: list[Span] = []
        for end in self._key_ends:
            if packed.has(end):
                for match in compile_cached(rf'{end}("){_COLON}("[^"]*+"|[^\s,"\[\]{{}}]++)').finditer(packed.lower):
                    quote = match.start(1)
                    if self.matches_field(packed.text[packed.text.rfind('"', 0, quote) + 1 : quote]):
                        spans.append(match.span(2))
        return Text(f'"{MASK}"'.join(between(packed.text, sorted(spans)))) if spans else packed

    def redact_text(self, text: str) -> str:
        """Return the text of one string with its matches replaced."""
        return _apply_matchers(self._in_strings, Text(text)).text

    def redact_chunk(self, packed: Text) -> Text:
        """Return the packed text with the matches in strings and keys replaced, and `NUMBER` for other matches."""
        return _apply_matchers(self._in_packed_text, packed)


def _apply_matchers(matchers: Sequence[Matcher], text: Text) -> Text:
    for matcher in matchers:
        text = matcher.redact(text)
    return text


class RegexRule:
    """A custom pattern. A text on which it times out is redacted completely and counted in `timeouts`.

    The time limit is 0.1 s for each text, and 1 ms once slow texts of the same chunk have used up 1 s.
    """

    def __init__(self, pattern: str, action: Action) -> None:
        self._pattern = compile_user_regex(pattern)
        self.action = action
        self._remaining_s = _CHUNK_LIMIT_S
        self.timeouts = 0

    def begin_chunk(self) -> None:
        """Reset the time budget and the number of timeouts."""
        self._remaining_s, self.timeouts = _CHUNK_LIMIT_S, 0

    def matches_field(self, path: str) -> bool:
        """Return False: this rule never redacts a field as a whole. Its pattern is searched in every text."""
        return False

    def redact_text(self, text: str) -> str:
        """Return the text with each match replaced, or only its last group if the pattern has groups."""
        parts, at = [], 0
        limit, started_at = _TEXT_LIMIT_S if self._remaining_s > 0 else _MIN_TEXT_LIMIT_S, monotonic()
        try:
            for match in self._pattern.finditer(text, timeout=limit, concurrent=True):
                group = match.lastindex or 0
                parts += [text[at : match.start(group)], self.action(match[group]) or ""]
                at = match.end(group)
        except TimeoutError:
            self._remaining_s -= monotonic() - started_at
            self.timeouts += 1
            return MASK
        return "".join([*parts, text[at:]]) if parts else text


class FieldRule:
    """Redacts one field, given by its dotted path, with everything below it."""

    def __init__(self, path: str, action: Action) -> None:
        self._path, self.action = path, action
        self._hint = re.escape(lower(pack(json_string(path.rpartition(".")[2])[1:-1])))

    def matches_field(self, path: str) -> bool:
        """Return whether `path` is the path of this rule."""
        return path == self._path

    def lines_with_field(self, packed: Text, nested: bool = False) -> set[int]:
        """Return the lines that contain the name of the field."""
        return set(find_lines(compile_cached(self._hint), packed.lower)) if packed.has(self._hint) else set()

    def redact_text(self, text: str) -> str:
        """Return the text unchanged: this rule depends only on the path of a field."""
        return text


Rule = DetectorRule | RegexRule | FieldRule


class Redactor:
    """Applies the rules of one `redact` transform in order."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = list(rules)
        self._detector_rules = [rule for rule in rules if isinstance(rule, DetectorRule)]
        self._field_rules = [
            rule for rule in rules if isinstance(rule, FieldRule) or (isinstance(rule, DetectorRule) and rule.keys)
        ]
        self._patterns = [rule for rule in rules if isinstance(rule, RegexRule)]
        self._has_patterns = bool(self._patterns)
        # Values are masked before the other rules run, so these must not match `MASK`. No built-in detector does.
        self._masks_fields = not self._has_patterns and all(
            isinstance(rule, DetectorRule) and rule.action is mask for rule in self._field_rules
        )

    def redact(self, records: RecordBatch) -> RecordBatch:
        """Return the records with everything that the rules match replaced."""
        for pattern in self._patterns:
            pattern.begin_chunk()
        members = self._redact(records.bodies)
        if timeouts := sum(pattern.timeouts for pattern in self._patterns):
            records = replace(records, timeouts=records.timeouts + timeouts)
        if members == records.bodies:
            return records
        # A timestamp that the application wrote may have been redacted, so it must be validated again.
        names = None if records.has_own_timestamp else records.root_names
        return replace(records, bodies=members, root_names=names, has_own_timestamp=False, ends_with_log_object=False)

    def _redact(self, members: Sequence[str]) -> Sequence[str]:
        text = pack("\n".join(members))
        if text.count("\n") != len(members) - 1:
            return [redact_members(body, self._rules) for body in members]
        escaped: set[int] = set()
        unexpanded: set[int] = set()
        if "\\" in text:
            text, escaped, unexpanded = self._expand_escapes(text)
        packed = Text(text)
        key = "" if escaped else single_key(text)
        has_fields = not key or any(rule.matches_field(unescape(key[1:-1])) for rule in self._field_rules)
        redacted = self._redact_packed(packed, has_fields)
        lines_with_fields = {
            index
            for rule in (self._field_rules if has_fields else ())
            for index in rule.lines_with_field(packed, nested=self._masks_fields)
        }
        if redacted is packed and not (lines_with_fields or unexpanded):
            return members
        bodies = unpack(redacted.text).split("\n")
        for index in escaped:
            bodies[index] = members[index]
        unsafe = unexpanded
        if lines_with_fields or not (key and redacted.text.startswith(f"{key}:")):
            unsafe |= self._unsafe_lines(packed.text, redacted.text, lines_with_fields, escaped)
        for index in lines_with_fields - unsafe:
            bodies[index] = _redact_fields(members[index], bodies[index], "", self._field_rules)
        for index in unsafe:
            bodies[index] = redact_members(members[index], self._rules)
        return bodies

    def _expand_escapes(self, text: str) -> tuple[str, set[int], set[int]]:
        """Return the text with escapes expanded, the lines with escapes, and those that cannot be expanded."""
        lines = text.split("\n")
        escaped = set(find_lines(_ESCAPE, text))
        for index in escaped:
            # Custom patterns need JSON strings, and a line with expanded escapes is not JSON any more.
            lines[index] = "" if self._has_patterns else expand_escapes(lines[index])
        return "\n".join(lines), escaped, {index for index in escaped if not lines[index]}

    def _redact_packed(self, packed: Text, has_fields: bool) -> Text:
        if self._masks_fields and has_fields:
            for rule in self._detector_rules:
                packed = rule.mask_fields(packed)
        for has_patterns, group in groupby(self._rules, lambda rule: isinstance(rule, RegexRule)):
            rules = list(group)
            packed = _redact_with_patterns(packed, rules) if has_patterns else _redact_with_detectors(packed, rules)
        return packed

    def _unsafe_lines(self, packed: str, redacted: str, lines_with_fields: set[int], escaped: set[int]) -> set[int]:
        """Return the lines that need the general path.

        These are lines with a match outside of string values, and lines that cannot be unpacked.
        """
        before, after = packed.split("\n"), redacted.split("\n")
        changed = {index: line for index, (line, new) in enumerate(zip(before, after, strict=True)) if line != new}
        unsafe = escaped & changed.keys()
        unsafe |= {
            index
            for index in {*changed, *lines_with_fields}
            if before[index].count("{") + before[index].count("[") >= _MAX_DEPTH
        }
        if NUMBER in redacted:
            unsafe |= {index for index in changed if NUMBER in after[index]}
        names = {index: find_keys([line]) for index, line in changed.items()}
        touched = {
            key[1:-1] for key in self._names_with_matches([f'"{key}"' for key in set().union(*names.values())])
        }
        return unsafe | {index for index, in_line in names.items() if not touched.isdisjoint(in_line)}

    def _names_with_matches(self, names: Sequence[str]) -> list[str]:
        """Return the names that a detector changes."""
        if not names:
            return []
        redacted = _redact_with_detectors(Text("\n".join(names)), self._detector_rules).text.split("\n")
        return [name for name, new in zip(names, redacted, strict=True) if name != new]


def _redact_with_detectors(packed: Text, rules: Sequence[Rule]) -> Text:
    for rule in rules:
        if isinstance(rule, DetectorRule):
            packed = rule.redact_chunk(packed)
    return packed


def _redact_with_patterns(packed: Text, patterns: Sequence[Rule]) -> Text:
    """Return the packed text redacted with custom patterns, which are applied to one string at a time."""
    lines = unpack(packed.text).split("\n")
    redacted = pack("\n".join([line if NUMBER in line else redact_members(line, patterns) for line in lines]))
    return packed if redacted == packed.text else Text(redacted)


def _redact_fields(body: str, redacted: str, path: str, rules: Sequence[Rule]) -> str:
    """Return `redacted` with the values of the fields that the rules match replaced. `body`: the unredacted text."""
    before = split_pairs(body)
    after = before if redacted == body else split_pairs(redacted)
    return _join(
        redacted,
        [
            (key_text, new, _redact_fields_in(text, new, f"{path}.{key}" if path else key, rules))
            for (key, key_text, text), (_, _, new) in zip(before, after, strict=True)
        ],
    )


def _redact_fields_in(text: str, redacted: str, path: str, rules: Sequence[Rule]) -> str | None:
    for rule in rules:
        if rule.matches_field(path):
            return _replace_value(text, rule)
    if text.startswith("{"):
        return f"{{{_redact_fields(text[1:-1], redacted[1:-1], path, rules)}}}"
    if text.startswith("["):
        values = zip(split_elements(text[1:-1]), split_elements(redacted[1:-1]), strict=True)
        parts = [("", new, _redact_fields_in(old, new, path, rules)) for old, new in values]
        return f"[{_join(redacted[1:-1], parts)}]"
    return redacted


def redact_members(body: str, rules: Sequence[Rule]) -> str:
    """Return the body redacted member by member (the general path)."""
    return _redact_object(body, "", rules, 0)


def _redact_object(body: str, path: str, rules: Sequence[Rule], depth: int) -> str:
    return _join(
        body,
        [
            (key_text, text, _redact_value(text, f"{path}.{key}" if path else key, rules, depth))
            for key, key_text, text in split_pairs(body)
        ],
    )


def _redact_array(body: str, path: str, rules: Sequence[Rule], depth: int) -> str:
    return _join(body, [("", text, _redact_value(text, path, rules, depth)) for text in split_elements(body)])


def _join(body: str, values: Sequence[tuple[str, str, str | None]]) -> str:
    """Return the members or elements in `body` with new values, given as (key text or "", value, new value).

    A new value of None removes the member. Text between the values stays; if nothing changes, the same text is
    returned.
    """
    if all(text == value for _, text, value in values):
        return body
    parts: list[str] = []
    at = 0
    for key_text, text, value in values:
        start = body.find(key_text or text, at)
        value_start = body.find(text, start + len(key_text))
        if value is not None:
            before = body[at:start] if parts or not at else ""
            parts += [before, body[start:value_start], value]
        at = value_start + len(text)
    return "".join([*parts, body[at:]])


def _redact_value(text: str, path: str, rules: Sequence[Rule], depth: int) -> str | None:
    for rule in rules:
        if rule.matches_field(path):
            return _replace_value(text, rule)
    if text[:1] in "{[" and depth >= _MAX_DEPTH:
        return json_string(MASK)
    if text.startswith("{"):
        return f"{{{_redact_object(text[1:-1], path, rules, depth + 1)}}}"
    if text.startswith("["):
        return f"[{_redact_array(text[1:-1], path, rules, depth + 1)}]"
    plain = _decode_text(text)
    redacted = plain
    for rule in rules:
        redacted = rule.redact_text(redacted)
    return text if redacted == plain else json_string(redacted)


def _replace_value(text: str, rule: Rule) -> str | None:
    """Return the replacement of the value of a field."""
    replacement = rule.action(_decode_text(text))
    return None if replacement is None else json_string(replacement)


def _decode_text(text: str) -> str:
    """Return the content of a JSON string without quotes and escapes; any other value unchanged."""
    return _STRING.decode(text) if text.startswith('"') else text
