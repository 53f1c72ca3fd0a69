"""What single events say."""

from sidecar.telemetry.events import RunStored


def test_a_sink_that_is_named_by_its_url_has_one_colon() -> None:
    assert RunStored("stdout:", 1, 0, 4, 0, 0, True).text() == "stdout: this run stored 1 line"
