"""Documents in the forms that wait for a sink: as texts, as bytes of a request, and compressed."""

import gzip
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.lib.deflate import join_as_gzip
from sidecar.model.batch import Batch
from sidecar.model.documents import (
    WITHOUT_FRAMING,
    BulkFraming,
    CompressedDocuments,
    Documents,
    EncodedDocuments,
    RenderedDocuments,
)
from sidecar.model.file import Generation
from sidecar.testing import TIME

FRAMING = BulkFraming('{"create":{"_id":"', '"}}\n')
OTHER_FRAMINGS = [BulkFraming("", "\n"), BulkFraming("", "{}\n", has_ids=False)]
GENERATION = Generation(35, "app", "/var/log/app/app.log", 1_795_395_600.0)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"])).map(lambda text: f'{{"message":"{text}"}}')
ROWS = st.lists(st.tuples(TEXTS, st.sampled_from(["", TIME])), min_size=1, max_size=5)


def rendered(rows: Sequence[tuple[str, str]]) -> RenderedDocuments:
    texts, times = zip(*rows, strict=True)
    return RenderedDocuments(GENERATION, [100 * number for number in range(len(rows))], texts, times)


def encoded(rows: Sequence[tuple[str, str]]) -> EncodedDocuments:
    return EncodedDocuments.from_documents(rendered(rows), FRAMING)


def compressed(rows: Sequence[tuple[str, str]], framing: BulkFraming = FRAMING) -> CompressedDocuments:
    return CompressedDocuments.from_encoded(EncodedDocuments.from_documents(rendered(rows), framing))


@given(ROWS, st.data())
def test_a_batch_is_the_same_in_each_form(rows: list[tuple[str, str]], data: st.DataObject) -> None:
    forms: list[Documents] = [rendered(rows), encoded(rows), compressed(rows), compressed(rows, WITHOUT_FRAMING)]
    indexes = data.draw(st.lists(st.integers(0, 2 * len(rows) - 1), min_size=1, unique=True).map(sorted))
    batches = [Batch([form, form]) for form in forms]
    batches += [Batch([forms[1], forms[2]]), *(batch.select(indexes) for batch in batches)]
    for whole in (batches[:5], batches[5:]):
        for batch in whole:
            assert len(batch) == len(whole[0])
            assert (batch.ids, batch.documents) == (whole[0].ids, whole[0].documents)
            assert batch.event_times == whole[0].event_times
            for framing in (FRAMING, *OTHER_FRAMINGS):
                body = b"".join(batch.encode(framing))
                assert body == b"".join(whole[0].encode(framing))
                assert gzip.decompress(b"".join(join_as_gzip(batch.compress(framing)))) == body
    assert [batch.is_compressed for batch in batches] == [False, False, True, True, True] + [False] * 4
    assert forms[2].size == forms[1].size


@pytest.mark.parametrize("rows", [[('{"level":"info","status":200}', TIME)] * 1_000])
def test_compressed_documents_take_a_fraction_of_the_memory(rows: list[tuple[str, str]]) -> None:
    assert compressed(rows).held_bytes < encoded(rows).held_bytes / 5
