"""The records of transactions, and the resume token."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sidecar.sinks.kafka.positions import (
    PositionRecord,
    ResumeToken,
    decode_record,
    decode_token,
    encode_record,
    encode_token,
    pack_ids,
    unpack_ids,
)

IDS = st.sets(st.one_of(
    st.builds("{}-{}".format, st.sampled_from(["a", "b-c", ""]), st.integers(0, 2**62)),
    st.sampled_from(["a-7-00123456", "a-7-ab12cd34", "a-007", "a-", "", "7", "a--7", "a-9999999999999999999"]),
))  # fmt: skip


@given(IDS)
def test_ids_are_the_same_after_they_were_packed(ids: set[str]) -> None:
    packed = pack_ids(ids)
    assert unpack_ids(decode_record(encode_record(PositionRecord("w", packed))).stored) == ids
    assert unpack_ids(decode_token(encode_token(ResumeToken("id", 3, 7, packed))).unsettled) == ids


def test_a_record_takes_few_bytes_for_each_document() -> None:
    ids = [f"8rc4kbdvss1s-{120 * n}" for n in range(10_000)]
    assert len(encode_record(PositionRecord("w" * 32, pack_ids(ids)))) < 1.1 * len(ids)
