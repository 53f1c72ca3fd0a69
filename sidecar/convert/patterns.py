"""Converts patterns, durations and time formats between the notations of the tools and those of the sidecar."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sidecar.config.pipeline import PipelineSettings

DEFAULT_EXCLUDE: Sequence[str] = PipelineSettings.model_fields["exclude"].default
"""What `exclude` is by default: a list in the result replaces it, so it must contain these patterns as well."""

_GO_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
}
_GO_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|h|d|w)")
_GO_DURATION = re.compile(r"(?:\d+(?:\.\d+)?\s*(?:ns|us|µs|ms|s|m|h|d|w)\s*)+")


def to_duration(text: str, unit: str = "s") -> str | None:
    """Return a duration such as `1h30m` as the sidecar writes it, or None. `unit`: unit of a plain number."""
    text = text.strip().lower()
    if re.fullmatch(r"\d+(?:\.\d+)?", text, re.ASCII):
        text += unit
    if not _GO_DURATION.fullmatch(text):
        return None
    seconds = sum(float(number) * _GO_UNITS[name] for number, name in _GO_PART.findall(text))
    for name, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{name}"
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


_LAYOUTS = {
    "ansic": "%a %b %e %H:%M:%S %Y",
    "unixdate": "%a %b %e %H:%M:%S %Z %Y",
    "rubydate": "%a %b %d %H:%M:%S %z %Y",
    "rfc822": "%d %b %y %H:%M %Z",
    "rfc822z": "%d %b %y %H:%M %z",
    "rfc850": "%A, %d-%b-%y %H:%M:%S %Z",
    "rfc1123": "%a, %d %b %Y %H:%M:%S %Z",
    "rfc1123z": "%a, %d %b %Y %H:%M:%S %z",
    "rfc3339": "iso8601",
    "rfc3339nano": "iso8601",
    "unix": "epoch",
    "unixms": "epoch_ms",
    "unix_ms": "epoch_ms",
    "unixus": "epoch_us",
    "unixns": "epoch_ns",
}
"""Names of layouts → formats of the sidecar."""

_GO_LAYOUT = re.compile(
    r"2006|January|Jan|Monday|Mon|MST|-07:00|Z07:00|-0700|Z0700|-07|Z07|PM|pm|[.,](?:0+|9+)(?!\d)|_2|01|02|03|04|05|06|15"
    r"|1|2|3|4|5"
)
_GO_DIRECTIVES = {
    "2006": "%Y", "January": "%B", "Jan": "%b", "Monday": "%A", "Mon": "%a", "MST": "%Z", "-07:00": "%z",
    "Z07:00": "%z", "-0700": "%z", "Z0700": "%z", "-07": "%z", "Z07": "%z", "PM": "%p", "pm": "%p", "_2": "%e",
    "01": "%m", "02": "%d", "03": "%I", "04": "%M", "05": "%S", "06": "%y", "15": "%H",
    "1": "%m", "2": "%d", "3": "%I", "4": "%M", "5": "%S",
}  # fmt: skip
_ISO_LAYOUT = re.compile(r"2006-01-02[T ]15:04:05(?:[.,][09]+)?(?:Z07:00|-07:00|Z0700|-0700|Z)?")


def from_go_layout(layout: str) -> str:
    """Return the time format for a layout of Go, such as `2006-01-02 15:04:05`."""
    if named := _LAYOUTS.get(layout.lower()):
        return named
    if _ISO_LAYOUT.fullmatch(layout):
        return "iso8601"
    text, end = "", 0
    for match in _GO_LAYOUT.finditer(layout):
        word = match[0]
        directive = f"{word[0]}%f" if word[0] in ".," else _GO_DIRECTIVES[word]
        text += layout[end : match.start()].replace("%", "%%") + directive
        end = match.end()
    return text + layout[end:].replace("%", "%%")


_STRPTIME_ALIASES = {
    "%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%D": "%m/%d/%y", "%R": "%H:%M", "%h": "%b", "%L": "%f", "%3f": "%f",
    "%6f": "%f", "%9f": "%f", "%.f": ".%f", "%.3f": ".%f", "%.6f": ".%f", "%.9f": ".%f", "%:z": "%z", "%+": "iso8601",
    "%k": "%H", "%l": "%I", "%n": " ", "%t": " ", "%N": "%f",
}  # fmt: skip
_STRPTIME = re.compile(r"%(?:\.[369]?f|[369]f|:z|.)", re.DOTALL)


def from_strptime(text: str) -> str:
    """Return the time format for one of strptime(3) or of chrono, which have further directives."""
    if text in ("%s", "%+"):
        return "epoch" if text == "%s" else "iso8601"
    if re.fullmatch(r"%s\.(?:%L|%f|%N)|%s%\.[369]?f", text):
        return "epoch"
    formatted = _STRPTIME.sub(lambda match: _STRPTIME_ALIASES.get(match[0], match[0]), text)
    is_iso = re.fullmatch(r"%Y-%m-%d[T ]%H:%M:%S(?:[.,]%f)?(?:%z|Z)?", formatted)
    return "iso8601" if is_iso else formatted


def to_zone(text: str) -> str:
    """Return the name of a zone for an offset such as `+0200`; any other text unchanged."""
    match = re.fullmatch(r"([+-])(\d\d):?00", text.strip())
    if not match:
        return text.strip()
    hours = int(match[2])
    # In these names of the zone database the sign is reversed.
    return f"Etc/GMT{'-' if match[1] == '+' else '+'}{hours}" if hours else "UTC"


_BRACES = re.compile(r"(?<!\$)\{([^{}]*)\}")
_MAX_GLOBS = 200

_REGEX_GROUP = re.compile(r"\(\?<(?![=!])([A-Za-z_]\w*)>", re.ASCII)


def to_whole_line(pattern: str) -> str:
    """Return a pattern that matches the whole line or event, for one that matches anywhere in it."""
    pattern = _REGEX_GROUP.sub(r"(?P<\1>", pattern)
    flags = re.match(r"\(\?[imsx]+\)", pattern)
    prefix, pattern = (flags[0], pattern[flags.end() :]) if flags else ("", pattern)
    is_one = not _has_alternatives(pattern)
    starts = is_one and pattern.startswith(("^", r"\A"))
    ends = is_one and re.search(r"(?<!\\)(?:\\\\)*(?:\$|\\[zZ])$", pattern) is not None
    if starts and ends:
        return prefix + pattern
    return f"{prefix}{'' if starts else '(?s:.*?)'}(?:{pattern}){'' if ends else '(?s:.*)'}"


def _has_alternatives(pattern: str) -> bool:
    """Return whether the pattern has alternatives outside of groups, to which `^` and `$` do not both belong."""
    text = re.sub(r"\\.|\[\^?\]?[^\]]*\]", "x", pattern, flags=re.DOTALL)
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "|" and depth == 0:
            return True
    return False


def group_names(pattern: str) -> list[str]:
    """Return the names of the groups in a pattern."""
    return re.findall(r"\(\?P?<([A-Za-z_]\w*)>", pattern, re.ASCII)


def to_glob(pattern: str) -> str | None:
    """Return the glob for a simple pattern of file names such as `\\.gz$`, or None."""
    match = re.fullmatch(r"(\^?)((?:[\w/ -]|\\\.|\.\*|\.\+)+)(\$?)", pattern, re.ASCII)
    if not match:
        return None
    text = re.sub(r"\.[*+]", "*", match[2]).replace(r"\.", ".")
    glob = f"{'' if match[1] else '*'}{text}{'' if match[3] else '*'}"
    return re.sub(r"\*+", "*", glob)


def escape_pattern(text: str) -> str:
    """Return a pattern that matches the text."""
    return re.sub(r"([\\.^$*+?{}\[\]|()#])", r"\\\1", text)


def expand_braces(glob: str) -> list[str]:
    """Return the globs without braces that together match the same names as `/log/{a,b}/*.log`."""
    globs, done = [glob], list[str]()
    while globs and len(globs) + len(done) < _MAX_GLOBS:
        text = globs.pop()
        match = _BRACES.search(text)
        if match is None:
            done.append(text)
        else:
            globs += [text[: match.start(1) - 1] + part + text[match.end(1) + 1 :] for part in match[1].split(",")]
    return sorted(done)
