"""Lines that are hostile by their shape, of any length."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

Shape = Callable[[int], str]
"""Makes a line of about so many characters."""


def repeated(unit: str, head: str = "", tail: str = "") -> Shape:
    """Return lines that repeat `unit`; a `#` in it is a number that differs each time."""

    def make(length: int) -> str:
        if "#" not in unit:
            return head + unit * (length // len(unit)) + tail
        parts, left = [], length
        for number in count():
            part = unit.replace("#", str(number))
            left -= len(part)
            if left < 0:
                break
            parts.append(part)
        return head + "".join(parts) + tail

    return make


def nested(opening: str, closing: str, inner: str = "1", head: str = "", tail: str = "") -> Shape:
    """Return lines that nest as deep as their length allows."""

    def make(length: int) -> str:
        times = length // len(opening + closing)
        return head + opening * times + inner + closing * times + tail

    return make


UNITS = (
    " ", "a", "1", ".", ":", "=", '"', "[", "]", "(", "\\", ",", "/", "@", "'", "{", "}", "<", "\t", '\\"', "\\u0041",
    "a ", "a=", "a=b ", "a#=b ", "a.", "a.b#=c ", "x.y.z=1 ", "[a]", '[a="b"]', ' a="b"', ' a#="\\""', "- ", "a: ",
    '"":', '{"a":', "[1,", '"a":1,', "::", "1.1.", "1:", "4 ", "4-", "é", "\ufeff", "ſ", "a@", "@a.", "A1",
    "password=", "bearer ", "://a:", "eyJ", "AKIA", "2026-11-23 ", "01:00:00 ", ", client: ", "# Time: ", "stdout P ",
    "-----BEGIN PRIVATE KEY-----",
)  # fmt: skip
"""What lines are made of that repeat one thing."""


def json_text(unit: str, levels: int) -> Shape:
    """Return objects with a long string so many levels down, beside members with names of the sidecar's."""
    opening, closing = '{"m":' * levels + '"', '"' + "}" * levels
    return repeated(unit, _BESIDE + opening, closing + "}")


def json_array(unit: str, levels: int) -> Shape:
    """Return the same with a long array of elements, each with a comma behind it."""
    opening, closing = '{"m":' * levels + "[", "0]" + "}" * levels
    return repeated(unit, _BESIDE + opening, closing + "}")


_BESIDE = '{"q":"x","host":"h","error":1,"log":{"a":{"b":{"c":1}}},"c":'
_DEPTHS = (0, 1, 2, 3, 20)
_TEXTS = ("a", '\\"', "\\\\", "\\u0041", "\\n", '{\\"k\\":\\"v\\"},', "{[", "}],", ",:", "=", " ", "é")

JSON: dict[str, Shape] = {
    **{f"text of {unit} at {depth}": json_text(unit, depth) for unit in _TEXTS for depth in _DEPTHS},
    **{
        f"array of {unit} at {depth}": json_array(unit, depth)
        for unit in ("1,", '"a",', '{"k":1},', '{"k":{"k":{"k":{"k":1}}}},', "[[[[1]]]],", '"\\"",')
        for depth in (0, 2)
    },
    **{
        f"members {unit}": repeated(unit, '{"q":"x",', '"z":0}')
        for unit in (
            '"k#":1,',
            '"k#":"v",',
            '"k#":{"a":{"b":{"c":1}}},',
            '"a.k#":1,',
            '"k":1,',
            '"q":1,',
            '"q.k#":1,',
            '"q":{"k#":1},',
            '"host":1,',
            '"host.k#":1,',
            '"kubernetes.k#":1,',
            '"kubernetes":{"k#":1},',
            '"log":{"offset":1},',
            '"log.offset":1,',
            '"@timestamp":1,',
            '"error":1,',
            '"error":#,',
            '"_id":#,',
            '"original.host":#,',
            '"original.original.host_#":1,',
            '"\\u0068ost":1,',
            '"k#\\"":1,',
            '"user_agent":{"original":"a"},',
            '"password":"a",',
            '"password":{"a":1},',
            '"time":#,',
            '"k#" : [ 1 , 2 ] , ',
            '"x.":1,',
            '"..#":1,',
        )
    },
    **{
        f"a name of {unit}": repeated(unit, '{"q":"x","a.', '":1,"host":1}')
        for unit in (".", "a.", "a", "\\u0041", '\\"', "q.", "original.")
    },
    **{
        f"a name of {name} and {unit}": repeated(unit, f'{{"{name}', '":1,"host":1}')
        for name in ("kubernetes", "log.offset", "host.name", "error", "q")
        for unit in (".", ".a")
    },
    "deep objects": nested('{"a":', "}"),
    "deep objects of ours": nested('{"kubernetes":', "}"),
    "deep arrays": nested("[", "]", "1", '{"q":1,"host":1,"a":', "}"),
    "text at the deepest level": json_text('\\"', 60),
    "digits and a letter": repeated("1", '{"q":"', 'x","time":"x","k":"x"}'),
    "a number": repeated("9", '{"q":', ',"time":1}'),
    "a fraction": repeated("0", '{"q":0.', '1,"time":1}'),
    "a time": repeated("9", '{"q":"x","time":"', '"}'),
    "blanks": repeated(" ", '{"q":1,"host":1,', '"a":{"b":{"c":{"d":1}}}}'),
    "blanks at the end": repeated(" ", '{"q":1,"host":1,"a":{"b":{"c":{"d":1}}}', "}"),
    "an unterminated text": repeated('\\"', '{"q":1,"host":1,"a":{"b":{"c":{"d":"', ""),
    "unterminated objects": repeated('{"a":', '{"q":1,', ""),
}
"""Lines for everything that reads or changes JSON."""

DETECTED: dict[str, Shape] = {
    unit: repeated(unit)
    for unit in (
        "1.1.", "1.1.1.1 ", "1.1.1.1", "255.255.", "::", "a:b:", "1::2 ", "2001:db8:", "4111 ", "4111-", "1",
        "4111111111111111 ", "a@", "@a.", "a@b.c ", "a.@", "eyJ", "eyJaaaaa.", "eyJaaaaaa.aaaaaa.a ", "password=",
        "password=a ", "password='", "pwd:", "secret secret", "bearer ", "bearer aaaaaaaa ", "authorization: ",
        "authorization: basic ", "://", "a://", "a://a:", "://a:a@", "AKIA", "AKIAAAAAAAAAAAAAAAAA ",
        "aws_secret_access_key=", "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "-----BEGIN ", "AA11",
        "AA11 ", "DE89 3704 0044 0532 0130 00 ", "token ", "access_token=", "api_key", "a ", "ſ", "\u212a",
        "a#@b.c=1 ",
    )
}  # fmt: skip
"""What looks like, or nearly like, secrets and personal data."""
