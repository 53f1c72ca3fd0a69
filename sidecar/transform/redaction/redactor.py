"""Takes secrets and personal data out of records, before anything of them leaves or is kept.

Each string is judged as the application meant it, without the escapes of JSON, and the rest of a record stays as it
is. What detectors find is taken out of the sheet of a chunk, for all its records at a stroke. A record for which that
may not do goes member by member, and comes out the same wherever both apply.
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
from sidecar.transform.redaction.chunk_text import NUMBER, expand_escapes, keys, lines_of, pack, single_key, unpack
from sidecar.transform.redaction.detectors import Detector
from sidecar.transform.redaction.search import Instead, Matcher, Span, Text, between, cache, lower

MASK = "[REDACTED]"
_LIMIT_S, _LEAST_S = 0.1, 0.001
_ALL_LIMIT_S = 1.0
_DEEPEST = 64
_ESCAPE = re.compile(r"\\")
_COLON = r"[ \t\r]*+:[ \t\r]*+"
_STRING = msgspec.json.Decoder(str)

Action = Callable[[str], str | None]
"""What stands in the place of a text; None drops the field that it is the value of, or the text from its string."""


def mask(text: str) -> str | None:
    """Nothing of it is left."""
    return MASK


def drop(text: str) -> str | None:
    """Not even that there was something."""
    return None


def make_hash(salt: bytes) -> Action:
    """The same text gives the same mark, so that events can be told to belong together; without the salt it cannot
    be found by trying (RFC 2104, HMAC with SHA-256, 64 bits of it)."""

    def mark(text: str) -> str | None:
        return f"[sha256:{hmac.digest(salt, text.encode(errors='replace'), 'sha256').hex()[:16]}]"

    return mark


def _instead(action: Action) -> Instead:
    """The action as finders have it: a text if it is always the same."""
    if action is mask or action is drop:
        return action("") or ""
    return lambda text: action(text) or ""


class DetectorRule:
    """A detector, and what becomes of what it finds."""

    def __init__(self, detector: Detector, action: Action) -> None:
        self.action = action
        self.keys, self._key_ends = detector.keys, detector.key_ends
        self._is_key = lru_cache(maxsize=1024)(self._is_key_at_all)
        looks = [(look, look.shorten or _instead(action)) for look in detector.patterns]
        self._on_sheets = [Matcher(look, instead, on_sheets=True) for look, instead in looks]
        self._in_strings = [Matcher(look, instead, on_sheets=False) for look, instead in looks]

    def matches_field(self, path: str) -> bool:
        """Whether the value of this field has to go, whatever it is."""
        return bool(self.keys) and self._is_key(path.rpartition(".")[2])

    def _is_key_at_all(self, name: str) -> bool:
        lower = name.lower()
        return lower.replace("_", "").replace("-", "") in self.keys and any(
            cache(rf"{end}\Z").search(lower) for end in self._key_ends
        )

    def lines_with_field(self, sheet: Text, nested: bool = False) -> set[int]:
        """The lines in which there may be a field whose value has to go; `nested`: only if that is no simple one."""
        found: set[int] = set()
        for end in self._key_ends:
            if sheet.has(end):
                pattern = rf'{end}"{_COLON}[\[{{]' if nested else rf'{end}"{_COLON}'
                found.update(lines_of(cache(pattern), sheet.lower))
        return found

    def mask_fields(self, sheet: Text) -> Text:
        """The sheet with `MASK` as the value of each field that has to go and has a simple one."""
        spans: list[Span] = []
        for end in self._key_ends:
            if sheet.has(end):
                for match in cache(rf'{end}("){_COLON}("[^"]*+"|[^\s,"\[\]{{}}]++)').finditer(sheet.lower):
                    quote = match.start(1)
                    if self.matches_field(sheet.text[sheet.text.rfind('"', 0, quote) + 1 : quote]):
                        spans.append(match.span(2))
        return Text(f'"{MASK}"'.join(between(sheet.text, sorted(spans)))) if spans else sheet

    def redact_text(self, text: str) -> str:
        """The text without what was found."""
        return _found(self._in_strings, Text(text)).text

    def redact_chunk(self, sheet: Text) -> Text:
        """The sheet without what was found in strings and keys, and with `NUMBER` where it was found elsewhere."""
        return _found(self._on_sheets, sheet)


def _found(finders: Sequence[Matcher], text: Text) -> Text:
    for finder in finders:
        text = finder.redact(text)
    return text


class RegexRule:
    """A custom pattern. A text on which it takes too long is redacted as a whole, and counted in `timeouts`.

    A text has a tenth of a second, and less when others of the same chunk took long.
    """

    def __init__(self, pattern: str, action: Action) -> None:
        self._pattern = compile_user_regex(pattern)
        self.action = action
        self._left = _ALL_LIMIT_S
        self.timeouts = 0

    def begin_chunk(self) -> None:
        """Forget how long the texts of the last chunk took."""
        self._left, self.timeouts = _ALL_LIMIT_S, 0

    def matches_field(self, path: str) -> bool:
        """It knows no fields."""
        return False

    def redact_text(self, text: str) -> str:
        """The text without what matches, or without its last group."""
        found, at = [], 0
        limit, began = _LIMIT_S if self._left > 0 else _LEAST_S, monotonic()
        try:
            for match in self._pattern.finditer(text, timeout=limit, concurrent=True):
                group = match.lastindex or 0
                found += [text[at : match.start(group)], self.action(match[group]) or ""]
                at = match.end(group)
        except TimeoutError:
            self._left -= monotonic() - began
            self.timeouts += 1
            return MASK
        return "".join([*found, text[at:]]) if found else text


class FieldRule:
    """A field by its dotted path; all that is below it goes with it."""

    def __init__(self, path: str, action: Action) -> None:
        self._path, self.action = path, action
        self._hint = re.escape(lower(pack(json_string(path.rpartition(".")[2])[1:-1])))

    def matches_field(self, path: str) -> bool:
        """Whether it is this field."""
        return path == self._path

    def lines_with_field(self, sheet: Text, nested: bool = False) -> set[int]:
        """The lines in which its name occurs, whatever its value is."""
        return set(lines_of(cache(self._hint), sheet.lower)) if sheet.has(self._hint) else set()

    def redact_text(self, text: str) -> str:
        """What a text says means nothing."""
        return text


Rule = DetectorRule | RegexRule | FieldRule


class Redactor:
    """All rules of one pipeline, in order."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = list(rules)
        self._detector_rules = [rule for rule in rules if isinstance(rule, DetectorRule)]
        self._field_rules = [
            rule for rule in rules if isinstance(rule, FieldRule) or (isinstance(rule, DetectorRule) and rule.keys)
        ]
        self._patterns = [rule for rule in rules if isinstance(rule, RegexRule)]
        self._has_patterns = bool(self._patterns)
        # A mark in place of a value is not to be looked at by other rules. Of ours none finds anything in `MASK`.
        self._masks_fields = not self._has_patterns and all(
            isinstance(rule, DetectorRule) and rule.action is mask for rule in self._field_rules
        )

    def redact(self, records: RecordBatch) -> RecordBatch:
        """The same records without what the rules find."""
        for pattern in self._patterns:
            pattern.begin_chunk()
        members = self._redact(records.bodies)
        if timeouts := sum(pattern.timeouts for pattern in self._patterns):
            records = replace(records, timeouts=records.timeouts + timeouts)
        if members == records.bodies:
            return records
        # The application's own time may be among what was taken out, so it cannot stand for ours unseen.
        names = None if records.has_own_timestamp else records.root_names
        return replace(records, bodies=members, root_names=names, has_own_timestamp=False, ends_with_log_object=False)

    def _redact(self, members: Sequence[str]) -> Sequence[str]:
        text = pack("\n".join(members))
        if text.count("\n") != len(members) - 1:
            return [redact_member_by_member(body, self._rules) for body in members]
        hidden: set[int] = set()
        unread: set[int] = set()
        if "\\" in text:
            text, hidden, unread = self._expand_escapes(text)
        sheet = Text(text)
        swept = self._redact_packed(sheet)
        keyed = {
            place for rule in self._field_rules for place in rule.lines_with_field(sheet, nested=self._masks_fields)
        }
        if swept is sheet and not (keyed or unread):
            return members
        found = unpack(swept.text).split("\n")
        for place in hidden:
            found[place] = members[place]
        spoilt = unread | self._unsafe_lines(sheet.text, swept.text, keyed, hidden)
        for place in keyed - spoilt:
            found[place] = _without_fields(members[place], found[place], "", self._field_rules)
        for place in spoilt:
            found[place] = redact_member_by_member(members[place], self._rules)
        return found

    def _expand_escapes(self, text: str) -> tuple[str, set[int], set[int]]:
        """The sheet with what escapes stand for, the lines in which it is so, and those of them that are left out."""
        lines = text.split("\n")
        hidden = set(lines_of(_ESCAPE, text))
        for place in hidden:
            # A pattern of the user's own is sought in the strings of JSON, which such a line is no more.
            lines[place] = "" if self._has_patterns else expand_escapes(lines[place])
        return "\n".join(lines), hidden, {place for place in hidden if not lines[place]}

    def _redact_packed(self, sheet: Text) -> Text:
        if self._masks_fields:
            for named in self._detector_rules:
                sheet = named.mask_fields(sheet)
        for is_own, group in groupby(self._rules, lambda rule: isinstance(rule, RegexRule)):
            rules = list(group)
            sheet = _redact_with_patterns(sheet, rules) if is_own else _redact_with_detectors(sheet, rules)
        return sheet

    def _unsafe_lines(self, sheet: str, swept: str, keyed: set[int], hidden: set[int]) -> set[int]:
        """The lines that cannot be what the sweep has made of them: more was found than values that are strings, or
        they cannot be written back."""
        if not (keyed or hidden) and (key := single_key(sheet)) and swept.startswith(f"{key}:"):
            return set()
        before, after = sheet.split("\n"), swept.split("\n")
        changed = {place: line for place, (line, new) in enumerate(zip(before, after, strict=True)) if line != new}
        found = hidden & changed.keys()
        found |= {
            place for place in {*changed, *keyed} if before[place].count("{") + before[place].count("[") >= _DEEPEST
        }
        if NUMBER in swept:
            found |= {place for place in changed if NUMBER in after[place]}
        names = {place: keys([line]) for place, line in changed.items()}
        touched = {
            key[1:-1] for key in self._names_with_matches([f'"{key}"' for key in set().union(*names.values())])
        }
        return found | {place for place, here in names.items() if not touched.isdisjoint(here)}

    def _names_with_matches(self, names: Sequence[str]) -> list[str]:
        """Those in which something is found."""
        if not names:
            return []
        swept = _redact_with_detectors(Text("\n".join(names)), self._detector_rules).text.split("\n")
        return [name for name, new in zip(names, swept, strict=True) if name != new]


def _redact_with_detectors(sheet: Text, rules: Sequence[Rule]) -> Text:
    for rule in rules:
        if isinstance(rule, DetectorRule):
            sheet = rule.redact_chunk(sheet)
    return sheet


def _redact_with_patterns(sheet: Text, patterns: Sequence[Rule]) -> Text:
    """The sheet without what patterns of the user's own find in each of its strings; nobody knows what they would see
    beside a string."""
    lines = unpack(sheet.text).split("\n")
    found = pack("\n".join([line if NUMBER in line else redact_member_by_member(line, patterns) for line in lines]))
    return sheet if found == sheet.text else Text(found)


def _without_fields(body: str, swept: str, path: str, takers: Sequence[Rule]) -> str:
    """What the sweep has made of members, and without the fields that have to go, as they were before it."""
    before = split_pairs(body)
    after = before if swept == body else split_pairs(swept)
    return _written(
        swept,
        [
            (key_text, new, _without_fields_in(text, new, f"{path}.{key}" if path else key, takers))
            for (key, key_text, text), (_, _, new) in zip(before, after, strict=True)
        ],
    )


def _without_fields_in(text: str, swept: str, path: str, takers: Sequence[Rule]) -> str | None:
    for taker in takers:
        if taker.matches_field(path):
            return _taken(text, taker)
    if text.startswith("{"):
        return f"{{{_without_fields(text[1:-1], swept[1:-1], path, takers)}}}"
    if text.startswith("["):
        values = zip(split_elements(text[1:-1]), split_elements(swept[1:-1]), strict=True)
        parts = [("", new, _without_fields_in(old, new, path, takers)) for old, new in values]
        return f"[{_written(swept[1:-1], parts)}]"
    return swept


def redact_member_by_member(body: str, rules: Sequence[Rule]) -> str:
    """The members of a record without what the rules find, one by one."""
    return _object(body, "", rules, 0)


def _object(body: str, path: str, rules: Sequence[Rule], depth: int) -> str:
    return _written(
        body,
        [
            (key_text, text, _value(text, f"{path}.{key}" if path else key, rules, depth))
            for key, key_text, text in split_pairs(body)
        ],
    )


def _array(body: str, path: str, rules: Sequence[Rule], depth: int) -> str:
    return _written(body, [("", text, _value(text, path, rules, depth)) for text in split_elements(body)])


def _written(body: str, values: Sequence[tuple[str, str, str | None]]) -> str:
    """The members or elements with other values, each given as (key or "", value, what it is to be).

    What is between them stays. The same text if nothing of it has to go.
    """
    if all(text == value for _, text, value in values):
        return body
    found: list[str] = []
    at = 0
    for key_text, text, value in values:
        start = body.find(key_text or text, at)
        begin = body.find(text, start + len(key_text))
        if value is not None:
            before = body[at:start] if found or not at else ""
            found += [before, body[start:begin], value]
        at = begin + len(text)
    return "".join([*found, body[at:]])


def _value(text: str, path: str, rules: Sequence[Rule], depth: int) -> str | None:
    for rule in rules:
        if rule.matches_field(path):
            return _taken(text, rule)
    if text[:1] in "{[" and depth >= _DEEPEST:
        return json_string(MASK)
    if text.startswith("{"):
        return f"{{{_object(text[1:-1], path, rules, depth + 1)}}}"
    if text.startswith("["):
        return f"[{_array(text[1:-1], path, rules, depth + 1)}]"
    plain = _plain(text)
    cleaned = plain
    for rule in rules:
        cleaned = rule.redact_text(cleaned)
    return text if cleaned == plain else json_string(cleaned)


def _taken(text: str, taker: Rule) -> str | None:
    """What stands instead of the value of a field."""
    instead = taker.action(_plain(text))
    return None if instead is None else json_string(instead)


def _plain(text: str) -> str:
    """What a value says: a string without quotes and escapes, anything else as it is written."""
    return _STRING.decode(text) if text.startswith('"') else text
