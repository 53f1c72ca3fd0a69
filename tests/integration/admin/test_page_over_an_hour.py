"""The charts of the page when there is an hour to be seen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sidecar.telemetry.history import INTERVAL_S, MAX_SAMPLES
from tests.support import one_hour
from tests.support.servers.chromium import Browser, Page

pytestmark = pytest.mark.browser

DRAWN = "document.querySelectorAll('.plot canvas').length === 4"
HOME, LEFT = ("Home", 36), ("ArrowLeft", 37)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with one_hour.shown() as address:
        yield address


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with browser.page(address) as page:
        page.shows(DRAWN, 60)
        yield page


def test_every_sample_of_the_hour_is_drawn(page: Page) -> None:
    moments = page.value("charts.made[0].plot.data[0]")
    assert len(moments) == MAX_SAMPLES
    assert moments[-1] == one_hour.BEGAN + MAX_SAMPLES * INTERVAL_S
    least, most = page.value("[charts.made[0].plot.scales.x.min, charts.made[0].plot.scales.x.max]")
    assert (least, most) == (moments[0], moments[-1])
    for column in ("lines_s", "bytes_s", "lag_bytes", "lag_s"):
        drawn = page.value(f"charts.made.find(each => each.column === '{column}').plot.data.slice(1)")
        assert [len(values) for values in drawn] == [MAX_SAMPLES, MAX_SAMPLES]
        assert max(drawn[1]) > 2 * max(drawn[0]), "the sink that was down and caught up stands out"
    assert page.complaints() == []


def test_the_axes_have_round_labels(page: Page) -> None:
    ticks = "charts.made.map(each => each.plot.axes.map(axis => axis._values.filter(Boolean)))"
    (moments, lines), (_, sizes), (_, lag), (_, ages) = page.value(ticks)
    assert all(moment.endswith(("0", "5")) for moment in moments)
    assert len(moments) >= 4
    for values in (lines, sizes, lag, ages):
        assert 3 <= len(values) <= 8, values
        assert len(set(values)) == len(values)
        assert not any("." in value for value in values), values
    assert ages[:2] == ["0 s", "1 min"] or ages[:2] == ["0 s", "2 min"]


@pytest.mark.parametrize("width", [360, 1280])
def test_the_keyboard_goes_through_all_samples_from_the_newest_on(browser: Browser, address: str, width: int) -> None:
    """Also where there are more of them than pixels."""
    with browser.page(address, width=width) as page:
        page.shows(DRAWN, 60)
        page.value("document.querySelector('.plot').focus()")
        moments = page.value("charts.made[0].plot.data[0].map(format.clock)")
        for moment in reversed(moments[-30:]):
            page.press(*LEFT)
            page.shows(f"document.querySelector('.chart output').textContent.startsWith('{moment}')")
        page.press(*HOME)
        page.shows(f"document.querySelector('.chart output').textContent.startsWith('{moments[0]}')")


def test_sinks_and_charts_are_above_the_fold_also_while_a_sink_is_down(browser: Browser, address: str) -> None:
    with browser.page(address, width=1280, height=900) as page:
        page.shows(DRAWN, 60)
        assert page.value("document.querySelector('#condition-title').textContent") == "1 of 2 sinks down"
        for place in ("#sinks", "#charts"):
            assert page.value(f"document.querySelector('{place}').getBoundingClientRect().bottom") <= 900, place
        below = page.value("document.querySelector('#balances').getBoundingClientRect().top")
        assert below > page.value("document.querySelector('#charts').getBoundingClientRect().bottom")


def test_a_narrow_page_is_shorter_than_three_screens_and_breaks_no_number(browser: Browser, address: str) -> None:
    with browser.page(address, width=360, height=800) as page:
        page.shows(DRAWN, 60)
        assert page.value("document.documentElement.scrollHeight") < 3 * 800
        assert page.value("document.documentElement.scrollWidth") == 360
        page.value("document.querySelectorAll('details').forEach(each => each.open = true)")
        heights = page.value("""
            [...document.querySelectorAll('.cards td.number > span, .balance td.number > span')].filter(
                each => !each.querySelector('*')).map(each => each.getBoundingClientRect().height)
        """)
        assert len(heights) > 20
        assert max(heights) < 30, "one line"


def test_the_picture_is_a_png(browser: Browser, address: str) -> None:
    data = one_hour.picture(browser, address, width=1280, height=1580, scheme="dark")
    assert data.startswith(b"\x89PNG")
    assert len(data) > 50_000
