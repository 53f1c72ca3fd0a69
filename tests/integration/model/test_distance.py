"""Documents for a sink that answers late are compressed until they are settled."""

from pathlib import Path

from tests.support.simulated_sidecar import SimulatedSidecar

CHUNK = b"".join(b"line %d\n" % number for number in range(8_000))
"""More than one batch."""


def test_documents_are_compressed_once_the_sink_was_late_and_no_more_when_it_is_quick(tmp_path: Path) -> None:
    sidecar = SimulatedSidecar(tmp_path)
    destination = sidecar.destinations["sink"]
    destination.clock, destination.late_s = sidecar.clock, 0.5
    sidecar.write(CHUNK)
    sidecar.live(60)
    compressed = destination.compressed
    assert not compressed[0]  # nothing is known before the first answer
    assert all(compressed[2:])
    destination.late_s = 0.01
    for _ in range(2):
        sidecar.write(CHUNK)
        sidecar.live(60)
    assert not compressed[-1]
    sidecar.settle()
    assert sorted(message for _, message in sidecar.stored("sink")) == sorted(CHUNK.decode().splitlines() * 3)
