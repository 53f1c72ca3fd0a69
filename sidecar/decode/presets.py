"""Defines the multiline presets: for each language, a pattern that matches a whole message in bytes.

Each pattern matches the first line of an event and all lines that continue it. Every quantifier is possessive and
every alternative matches whole lines, so the search does not backtrack. The pattern also matches an event whose last
lines are not written yet, so such an event is not split.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sidecar.decode.container_lines import CONTAINER_FORMATS

_LINE = rb"[^\n]*+\n"
_INDENTED = rb"[ \t]" + _LINE


@dataclass(frozen=True, slots=True)
class Preset:
    """The patterns of a preset. They are compiled when the preset is used."""

    event: bytes
    """A whole event."""

    continuation: bytes
    """A line that continues an event."""

    last: bytes = rb"(?!)"
    """A line that always ends its event."""

    shortcut: tuple[tuple[bytes, ...], bytes] | None = None
    """Texts, and a faster pattern for the events of data in which none of them is."""


def _preset(
    *continuations: bytes, first: bytes = rb"(?!)", once: bytes = rb"(?!)", before: bytes = _INDENTED
) -> Preset:
    """Return a preset in which indented lines and `continuations` continue an event.

    `first`: a block of lines that always begins an event. `once`: a block that begins an event or follows its first
    line. A second such block belongs to another event, because another thread has written it. `before`: lines between
    the first line and `once`.
    """
    continuation = b"|".join((_INDENTED, *continuations))
    event = rb"(?:%s|%s|%s(?:%s)*+(?:%s)?+)(?:%s)*+" % (first, once, _LINE, before, once, continuation)
    return Preset(event, continuation)


# "Traceback …:", the indented frames, and the one line with the exception, which is not indented.
_TRACEBACK = (
    rb"(?:Traceback \(most recent call last\):\n|  [+|] Exception Group Traceback [^\n]*+\n)"
    rb"(?:" + _INDENTED + rb")*+(?:[A-Za-z_][\w.]*+(?::[^\n]*+)?+\n)?+"
)

# A panic and the dump of goroutines after it: headers, functions with arguments, file and line of each, blank lines.
_PANIC = (
    rb"(?:panic: |fatal error: |unexpected fault address |SIG[A-Z]++: |"
    rb"http: panic serving |\d\d\d\d/\d\d/\d\d \d\d:\d\d:\d\d http: panic serving )"
    + _LINE
    + rb"(?:"
    + _INDENTED
    + rb"|\n|"
    rb"goroutine \d++ [^\n]*+\n|\[signal [^\n]*+\n|created by [^\n]*+\n|panic: [^\n]*+\n|\.\.\.[^\n]*+\n|"
    rb"[A-Za-z_][^\s(]*+\([^\n]*+\n|exit status \d++\n)*+"
)

# zap's console: the level is between tabs. The lines after it are functions, without blanks, and indented file names.
_ZAP_STACK = (
    rb"[^\t\n]*+\t(?:\x1b\[\d++m)?(?i:warn|error|dpanic|panic|fatal)(?:\x1b\[0m)?\t" + _LINE + rb"(?:[^\s]++\n|"
    + _INDENTED + rb")*+"
)  # fmt: skip
_ZAP_TEXTS = tuple(b"%c\t" % letter for letter in b"nNrRcClLm")  # ends of these levels


# "thread '…' panicked at src/main.rs:2:5:", and the message on the next line.
_RUST_PANIC = rb"thread '[^'\n]*+' (?:\([^)\n]*+\) )?+panicked at (?:[^\n]*:\n(?:" + _LINE + rb")?+|" + _LINE + rb")"


# An exception of Java, and the two lines that java.util.logging writes for each event, which may have an exception.
_EXCEPTION = rb"[A-Za-z_$][\w$]*+\.[\w$.]*?(?:Exception|Error|Throwable|Failure)(?::[^\n]*+)?+\n"
_JUL_EVENT = (
    rb"[A-Z][a-z]{2} \d{1,2}+, \d{4} \d{1,2}+:\d\d:\d\d [AP]M " + _LINE
    + rb"(?:SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): " + _LINE + rb"(?:" + _EXCEPTION + rb")?+"
)  # fmt: skip

_PATH = rb"[^ \t\n\r\f\v:]++"
_NO_DATE = rb"(?!\d\d)"
"""Most lines begin with a date, and no path does. So they are skipped at once."""

# A line that reports a failure, and "Error: closed" after it, if its frames follow or are not written yet. After any
# other line, an error is an event by itself, as `console.error` writes it.
_NODE_ERROR = rb"(?:[A-Z][\w$]*?)?(?:Error|Exception)(?: \[[^\]\n]*+\])?+(?::[^\n]*+)?+\n(?=[ \t]++at |\Z)"
_NODE_FAILURE = rb"(?=" + _LINE + _NODE_ERROR + rb")[^\n]*?(?i:error|fatal|fail|warn)" + _LINE + _NODE_ERROR
# Any other line, which needs no second look.
_NODE_LINE = _LINE + rb"(?!" + _NODE_ERROR + rb")"

# What Node.js writes when it ends: file and line, the source line, a caret, a blank line, the error with its frames,
# and its version.
_NODE_CARET = rb"[ \t]*+[\^~]++[ \t]*+\n"
_NODE_CRASH = (
    _NO_DATE
    + rb"(?:node:[\w/.-]++|(?:[A-Za-z]:(?=\\)|file:(?=/))?+(?="
    + _PATH
    + rb"(?<=[sx]):\d)[^\s:]*?\.[cm]?[jt]sx?|"
    rb"\[eval\]|\[stdin\]):\d++\n"
    rb"(?:" + _LINE + rb"(?=" + _NODE_CARET + rb"|\Z))?+(?:" + _NODE_CARET + rb"\n?+"
    rb"(?:[A-Za-z_$][\w$]*+(?: \[[^\]\n]*+\])?+(?::[^\n]*+)?+\n)?+)?+"
    rb"(?:" + _INDENTED + rb"|\n|[}\])]" + _LINE + rb"|Require stack:\n(?:- " + _LINE + rb")*+)*+"
    rb"(?:\(Use `node " + _LINE + rb"\n?+)?+(?:Node\.js v\d[^\n]*+\n)?+"
)

# A line of a backtrace. The look-ahead skips most other lines, which begin with a time. Sets without a class such as
# \s are faster.
_RUBY_FRAME = (
    _NO_DATE + rb"(?:[A-Za-z0-9_.-]++ \([A-Za-z0-9_.]++\) )?(?=" + _PATH + rb"(?<=[belmu]):\d)"
    rb"[^\s:]*?\.(?:rb|erb|haml|slim|rake|ru):\d++:in [`'][^'\n]++'\n"
)
# What Rails writes of an error: a fatal line without text, and the lines of the error. All have the same tags.
_RAILS_ERROR = (
    rb"F, \[[^\]\n]++\] FATAL -- [^:\n]*+: (?:[ \t]*+\n(?:[A-Z]\w*+(?:::\w++)*+ \([^\n]*+\n)?+|"
    rb"(?P<tags>(?:\[[^\]\n]++\] ?)++)[ \t]*+\n(?:(?P=tags)" + _LINE + rb")*+)"
)

# A crash of a process of Elixir: the error with its frames, and what the process was doing.
_ELIXIR_CRASH = (
    rb"\*\* \(" + _LINE + rb"(?:" + _INDENTED + rb"|\n(?=[ \t]|\Z)|[}\])]" + _LINE
    + rb"|(?:Last message|State|Client|Function|Initial Call|Ancestors|Pid|Start Call|Restart|Shutdown|Type|Queue"
    rb"|Postponed)[ :]" + _LINE + rb")*+"
)  # fmt: skip
_ELIXIR_REQUEST = (
    rb"[^\n]*+(?<= terminated)\n(?:Server: " + _LINE + rb")?+(?:Request: " + _LINE + rb")?+"
    rb"(?:" + _ELIXIR_CRASH + rb")?+"
)

# Lines after "# Time: …" and "# User@Host: …". A slow query has both of these headers, or only the second.
_QUERY = rb"(?!# Time: |# User@Host: )" + _LINE

PRESETS: dict[str, Preset] = {
    "indent": _preset(),
    "java": _preset(
        rb"Caused by: " + _LINE,
        rb"Suppressed: " + _LINE,
        rb"\n",
        # Dropwizard.
        rb"! " + _LINE,
        first=_JUL_EVENT,
        once=_EXCEPTION,
        # Spring Boot writes a blank line before the exception, and one after its frames.
        before=_INDENTED + rb"|\n",
    ),
    "python": _preset(
        rb"\n",
        rb"(?:During handling of the above exception, |The above exception was the direct cause )"
        + _LINE
        + rb"\n*+(?:"
        + _TRACEBACK
        + rb")?+",
        once=_TRACEBACK,
    ),
    "go": replace(_preset(first=_PANIC + rb"|" + _ZAP_STACK), shortcut=(_ZAP_TEXTS, _preset(first=_PANIC).event)),
    # Logger writes frames without a blank before them. The first line of a crash has a message after the frame.
    "ruby": _preset(rb"from " + _LINE, _RUBY_FRAME, first=_RAILS_ERROR),
    "elixir": _preset(first=_ELIXIR_REQUEST, once=_ELIXIR_CRASH),
    "node": _preset(
        rb"[}\])]" + _LINE, rb"Caused by: " + _LINE, first=_NODE_CRASH + rb"|" + _NODE_LINE + rb"|" + _NODE_FAILURE
    ),
    "dotnet": _preset(
        rb"--- End of " + _LINE,
        rb"---> " + _LINE,
        once=rb"[A-Za-z_]\w*+\.[\w.`]*?(?:Exception|Error)(?::[^\n]*+)?+\n",
    ),
    "php": _preset(
        rb"Stack trace:" + _LINE,
        rb"#\d++ " + _LINE,
        rb"Next [\w\\]++" + _LINE,
        rb"\[[^\]\n]*+\] PHP (?:Stack trace:| ++\d++\. )" + _LINE,
        # Monolog's LineFormatter, as in Laravel; the JSON of the context ends after the trace. A blank line is before
        # each previous exception.
        rb"\[(?:stacktrace|previous exception)\]" + _LINE,
        rb"\n(?=\[previous exception\]|\Z)",
        rb"\"\}" + _LINE,
    ),
    "rust": _preset(rb"stack backtrace:" + _LINE, rb"note: " + _LINE, rb"Caused by:" + _LINE, first=_RUST_PANIC),
    "postgresql": _preset(
        rb"(?:(?!(?:DETAIL|HINT|QUERY|CONTEXT|LOCATION|STATEMENT):  )[^\n]){0,200}+"
        rb"(?:DETAIL|HINT|QUERY|CONTEXT|LOCATION|STATEMENT):  " + _LINE,
    ),
    "mysql_slow": Preset(
        rb"(?:# Time: [^\n]*+\n(?:# User@Host: " + _LINE + rb")?+|" + _LINE + rb")(?:" + _QUERY + rb")*+", _QUERY
    ),
}

PRESET_NAMES = (*PRESETS, *CONTAINER_FORMATS)
"""Names of all presets, of which those for containers join the lines of each stream."""
