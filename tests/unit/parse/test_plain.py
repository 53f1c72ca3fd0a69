"""plain: the line is the message."""

from sidecar.parse.plain import PlainTextParser
from tests.support.builders.records import fields, framed


def test_plain_text_is_the_message_whatever_it_holds() -> None:
    texts = ['say "hi" \\ \t', "ä\x01\U0001f600", "{}"]
    assert fields(PlainTextParser().parse(framed(*texts))) == [{"message": text} for text in texts]
