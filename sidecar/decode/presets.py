"""How the messages of several lines look in which language. One pattern a language, over bytes.

Each pattern takes the first line of an event and all that go on with it. Every quantifier is possessive and every
alternative takes whole lines, so nothing is tried twice; and every beginning of what matches matches, too, so that an
event never ends earlier because not all of it is there yet.
"""

from __future__ import annotations

from dataclasses import dataclass

_LINE = rb"[^\n]*+\n"
_INDENTED = rb"[ \t]" + _LINE


@dataclass(frozen=True, slots=True)
class Preset:
    """Patterns, not compiled before they are wanted.

    `event`: a whole event. `more`: a line that goes on with one. `last`: a line that none can follow in its event.
    `rare`: texts, no patterns, of which one stands in every event of several lines.
    """

    event: bytes
    continuation: bytes
    last: bytes = rb"(?!)"
    required_texts: tuple[bytes, ...] = (b"\n",)


def _preset(*more: bytes, first: bytes = rb"(?!)", once: bytes = rb"(?!)", before: bytes = _INDENTED) -> Preset:
    """Lines that go on with an event, beside indented ones. `first`: several lines that can only begin one. `once`:
    those that can begin one, or come once behind the line that says what is the matter; the next ones are of another
    thread. `before`: what may stand between that line and them."""
    going_on = b"|".join((_INDENTED, *more))
    event = rb"(?:%s|%s|%s(?:%s)*+(?:%s)?+)(?:%s)*+" % (first, once, _LINE, before, once, going_on)
    return Preset(event, going_on)


# "Traceback …:", the indented frames, and the one line with the exception, which is not indented.
_TRACEBACK = (
    rb"(?:Traceback \(most recent call last\):\n|  [+|] Exception Group Traceback [^\n]*+\n)"
    rb"(?:" + _INDENTED + rb")*+(?:[A-Za-z_][\w.]*+(?::[^\n]*+)?+\n)?+"
)

# A panic, and after it the dump of goroutines: headers, functions with arguments, their places, blank lines.
_PANIC = (
    rb"(?:panic: |fatal error: |unexpected fault address |SIG[A-Z]++: )" + _LINE + rb"(?:" + _INDENTED + rb"|\n|"
    rb"goroutine \d++ [^\n]*+\n|\[signal [^\n]*+\n|created by [^\n]*+\n|panic: [^\n]*+\n|\.\.\.[^\n]*+\n|"
    rb"[A-Za-z_][^\s(]*+\([^\n]*+\n|exit status \d++\n)*+"
)

# "thread '…' panicked at src/main.rs:2:5:", and the message on the line after it.
_RUST_PANIC = rb"thread '[^'\n]*+' (?:\([^)\n]*+\) )?+panicked at (?:[^\n]*:\n(?:" + _LINE + rb")?+|" + _LINE + rb")"


def _of_parts(part: bytes, end: bytes, rare: tuple[bytes, ...] = (b"\n",)) -> Preset:
    """Lines of a container in parts: those of one stream that follow each other.

    `part` and `end` have a place for the name of the stream. By itself every line may begin an event.
    """
    streams = [rb"(?:%s)++(?:%s)?+" % (part % stream, end % stream) for stream in (b"stdout", b"stderr")]
    event = b"|".join((*streams, _LINE))
    return Preset(event, rb"(?!)", rb"(?!%s)" % (part % rb"(?:stdout|stderr)"), rare)


# What follows on "# Time: …" and "# User@Host: …", of which a slow query has both or only the latter.
_QUERY = rb"(?!# Time: |# User@Host: )" + _LINE

# Of containerd and CRI-O, "time stream P text".
_CRI = _of_parts(rb"[^ \n]++ %s P[: ]" + _LINE, rb"[^ \n]++ %s F[: ]" + _LINE, (b" stdout P", b" stderr P"))

# Of Docker, "log" that does not end with a line end.
_DOCKER = _of_parts(
    rb'\{"log":"[^"\\\n]*+(?:\\(?:[^n\n]|n(?!"))[^"\\\n]*+)*+","stream":"%s"' + _LINE,
    rb'\{"log":"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+","stream":"%s"' + _LINE,
)

PRESETS: dict[str, Preset] = {
    "indent": _preset(),
    "java": _preset(
        rb"Caused by: " + _LINE,
        rb"Suppressed: " + _LINE,
        rb"\n",
        once=rb"[A-Za-z_$][\w$]*+\.[\w$.]*?(?:Exception|Error|Throwable|Failure)(?::[^\n]*+)?+\n",
        # Spring Boot puts a blank line before the exception, and one behind its frames.
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
    "go": _preset(first=_PANIC),
    "ruby": _preset(rb"from " + _LINE),
    "node": _preset(rb"[}\])]" + _LINE, rb"Caused by: " + _LINE),
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
    ),
    "rust": _preset(rb"stack backtrace:" + _LINE, rb"note: " + _LINE, rb"Caused by:" + _LINE, first=_RUST_PANIC),
    "postgresql": _preset(
        rb"(?:(?!(?:DETAIL|HINT|QUERY|CONTEXT|LOCATION|STATEMENT):  )[^\n]){0,200}+"
        rb"(?:DETAIL|HINT|QUERY|CONTEXT|LOCATION|STATEMENT):  " + _LINE,
    ),
    "mysql_slow": Preset(
        rb"(?:# Time: [^\n]*+\n(?:# User@Host: " + _LINE + rb")?+|" + _LINE + rb")(?:" + _QUERY + rb")*+", _QUERY
    ),
    "cri": _CRI,
    "docker": _DOCKER,
}
