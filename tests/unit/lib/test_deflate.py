"""Texts that are compressed one by one are one gzip file together."""

import gzip
import zlib

from hypothesis import given
from hypothesis import strategies as st

from sidecar.lib.deflate import deflate, inflate, join_as_gzip

TEXTS = st.binary(max_size=100) | st.tuples(st.binary(max_size=20), st.integers(0, 20_000)).map(
    lambda pair: pair[0] * pair[1]
)


@given(st.lists(TEXTS, max_size=5))
def test_compressed_texts_are_one_gzip_file_and_still_single_texts(texts: list[bytes]) -> None:
    compressed = [deflate(text) for text in texts]
    assert list(map(inflate, compressed)) == texts
    file = b"".join(join_as_gzip(compressed))
    assert gzip.decompress(file) == b"".join(texts)
    first_member = zlib.decompressobj(31)
    assert first_member.decompress(file) == b"".join(texts)
    assert (first_member.eof, first_member.unused_data) == (True, b"")


def test_a_repetitive_text_becomes_small() -> None:
    assert len(deflate(b'{"level":"info"}\n' * 10_000).blocks) < 17_000
