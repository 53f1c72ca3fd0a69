"""The page in a real browser: it shows the facts, asks nobody else, and everybody can use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.support.processes import eventually, running, sidecar
from tests.support.servers.chromium import Browser, Page
from tests.support.servers.real_elasticsearch import free_port

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=document.title='taken'>.log"
SECRET = "s3cret-of-the-test"
REFUSED = b'{"msg": "<script>document.title=\'taken\'</script> \xff"}\n'
TAB, ENTER, LEFT = ("Tab", 9), ("Enter", 13), ("ArrowLeft", 37)
FILLED = "document.querySelectorAll('#files tbody tr').length > 1"
DRAWN = "document.querySelectorAll('.plot canvas').length === 4"


def configuration(folder: Path, port: int, *, show_documents: bool) -> Path:
    pipeline = {
        "paths": [f"{folder}/log/*"], "parser": "plain", "encoding_errors": "strict",
        "exclude_lines": ["health check"],
    }  # fmt: skip
    told = {
        "state_dir": f"{folder}/state",
        "admin": {"listen": f"127.0.0.1:{port}", "show_documents": show_documents},
        "sinks": {"archive": f"sqlite:///{folder}/logs.db", "gone": f"mongodb://joe:{SECRET}@127.0.0.1:1/logs"},
        "pipelines": {"app": pipeline},
    }
    (folder / "sidecar.json").write_text(json.dumps(told))
    return folder / "sidecar.json"


def written(folder: Path) -> None:
    (folder / "log").mkdir()
    (folder / "log" / HOSTILE).write_bytes(b"one\nhealth check\n\n" * 20 + REFUSED)
    for n in range(40):
        (folder / "log" / f"app-{n}.log").write_text("a line\n" * (n + 1))


class Watched(NamedTuple):
    """A running sidecar: the address of its page, and its folder."""

    address: str
    folder: Path


@pytest.fixture(scope="module", params=[True, False], ids=["documents shown", "documents hidden"])
def watched(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder, port = tmp_path_factory.mktemp("page"), free_port()
    written(folder)
    config = configuration(folder, port, show_documents=request.param)
    with running(folder / "own.log", "--config", str(config)):
        assert sidecar("wait-ready", "--state-dir", f"{folder}/state").returncode == 0
        eventually(lambda: stored(folder) > 0, "the good sink has the lines")
        yield Watched(f"http://127.0.0.1:{port}/", folder)


@pytest.fixture
def address(watched: Watched) -> str:
    return watched.address


def stored(folder: Path) -> int:
    facts = json.loads(sidecar("status", "--json", "--state-dir", f"{folder}/state").stdout or "{}")
    return sum(each["bytes"].get("stored", 0) for each in facts.get("balance", []) if each["sink"] == "archive")


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with browser.page(address) as page:
        page.shows(FILLED)
        yield page


def test_the_page_shows_data_as_text_and_contacts_no_other_server(page: Page, address: str) -> None:
    page.shows("document.querySelector('#sinks').innerText.includes('retrying')")
    page.shows(DRAWN, 40)
    text = page.value("document.body.innerText")
    refusals = "dead letters since the last start: 1 invalid_text"
    for expected in (HOSTILE, "archive", "1 of 2 sinks down", refusals, "and 11 more"):
        assert expected in text, expected
    assert "check that" in page.value("document.querySelector('#findings li.bad').innerText"), "the advice"
    assert page.value("document.querySelector('#condition').className") == "condition bad"
    assert page.value("document.title") == "log-sidecar"
    assert page.value("document.querySelectorAll('main img, main script').length") == 0
    assert set(page.asked_for()) == {address, f"{address}status.json", f"{address}history.json"}
    assert page.complaints() == []


def test_the_balance_adds_up_and_the_bar_has_a_segment_for_each_part(page: Page) -> None:
    rows = page.value("""
        Object.fromEntries([...document.querySelectorAll('[data-sink=archive] td[data-kind]')].map(
            cell => [cell.dataset.kind, Number(cell.dataset.bytes)]))
    """)
    seen = rows.pop("seen")
    assert sum(rows.values()) == seen == 20 * 18 + len(REFUSED) + 7 * sum(range(1, 41))
    assert (rows["filtered"], rows["skipped"], rows["dead_letter"]) == (20 * 13, 20, len(REFUSED))
    bar = page.value("""
        [...document.querySelectorAll('[data-sink=archive] .bar i')].map(
            part => [part.className, part.getBoundingClientRect().width])
    """)
    assert {kind for kind, _ in bar} == {kind for kind, size in rows.items() if size}
    assert all(width >= 4 for _, width in bar)


def test_settings_are_valid_yaml_whatever_they_contain(page: Page) -> None:
    settings = {
        "a b": "x: y # z", "yes": ["no", "%d", {"k": None}], "empty": {}, "none": [], "text": "off",
        "list": [{"type": "json", "more": {"deep": [1, 1.5, True]}}, {"type": "1e3", "~": "- a"}], "number": "12",
        "lines": "a\nb\u2028",
    }  # fmt: skip
    assert yaml.safe_load(page.value(f"format.yaml({json.dumps(settings)})")) == settings
    quantities = {"size": "16MiB", "time": "100ms", "bytes": "1500B", "days": "14d"}
    text = page.value(f"format.yaml({json.dumps(quantities)})")
    assert (yaml.safe_load(text), '"' in text) == (quantities, False)


def test_sinks_that_have_the_same_part_of_a_file_share_a_line(page: Page) -> None:
    file = {"size": 2000, "settled": {"a": 1000, "b": 2000, "c": 1000}, "lag_s": {"a": 3.0, "c": 3.0}}
    lines = page.value(f"[...settledOf({json.dumps(file)}).children].map(line => line.textContent)")
    assert lines == ["a, c 50.0 %, 1000 B left, 3.0 s old", "b 100.0 %"]


def test_secrets_and_documents_are_shown_only_if_allowed(page: Page, request: pytest.FixtureRequest) -> None:
    page.shows("document.querySelector('#settings').textContent.includes('joe')")
    shown = yaml.safe_load(page.value("document.querySelector('#settings').textContent"))
    assert shown["pipelines"]["app"]["parser"] == page.value(
        "fetch('/status.json').then(answer => answer.json()).then(facts => facts.settings.pipelines.app.parser)"
    )
    everything = page.value("document.documentElement.outerHTML")
    assert SECRET not in everything
    assert "**********" in everything
    is_shown = "documents shown" in request.node.name
    assert (
        "document.title='taken'</script>" in page.value("document.querySelector('#letters').textContent")
    ) == is_shown
    note = page.value("document.querySelector('#letters-note').textContent")
    assert ("Set admin.show_documents" in note) == (not is_shown)


def test_the_live_view_shows_records_that_match_the_search_if_documents_may_be_shown(
    page: Page, watched: Watched, request: pytest.FixtureRequest
) -> None:
    page.value("document.querySelector('#live').open = true")
    page.value("document.querySelector('#tap-run').click()")
    if "documents hidden" in request.node.name:
        page.shows("document.querySelector('#tap-note').textContent.includes('set admin.show_documents')")
        assert page.value("document.querySelector('#tap-run').textContent") == "Start"
        return
    page.shows("document.querySelector('#tap-note').textContent.includes('newest record')")

    def write(text: str) -> None:
        with (watched.folder / "log" / HOSTILE).open("a") as file:
            file.write(f"{text}\n")

    write("<b>needle</b> \x1b[31m \u202e")
    page.shows("document.querySelector('#tap-events').textContent.includes('needle')")
    shown = page.value("document.querySelector('#tap-events').textContent")
    assert "\\u202e" in shown
    assert shown.isprintable()
    assert page.value("document.querySelectorAll('#tap-events b, #tap-events img').length") == 0
    page.value("document.querySelector('#tap-search').value = 'message == \"wanted\"'")
    page.value("document.querySelector('#tap').dispatchEvent(new Event('change'))")
    assert page.value("document.querySelectorAll('#tap-events li').length") == 0
    page.shows("document.querySelector('#tap-note').textContent.includes('newest record')")
    write("other")
    write("wanted")
    page.shows("document.querySelectorAll('#tap-events li').length")
    assert page.value("document.querySelector('#tap-events').textContent").count("@timestamp") == 1
    page.value("document.querySelector('#tap-search').value = 'message =='")
    page.value("document.querySelector('#tap').dispatchEvent(new Event('change'))")
    page.shows("document.querySelector('#tap-note').textContent.includes('the filter is invalid')")


@pytest.mark.parametrize("width", [360, 768, 1160, 2560])
def test_nothing_has_to_be_scrolled_sideways(browser: Browser, address: str, width: int) -> None:
    with browser.page(address, width=width) as page:
        page.shows(FILLED)
        page.shows(DRAWN, 40)
        page.value("document.querySelectorAll('details').forEach(each => each.open = true)")
        assert page.value("document.documentElement.scrollWidth") == width
        too_wide = """[...document.querySelectorAll('main *')].filter(
            each => each.getBoundingClientRect().right > innerWidth + 1).map(each => each.outerHTML.slice(0, 200))"""
        assert page.value(too_wide) == []


def test_the_keyboard_reaches_every_control_and_sees_where_it_is(page: Page) -> None:
    page.shows(DRAWN, 40)
    page.value("""
        document.querySelectorAll('button, summary, [tabindex="0"], a').forEach((each, i) => each.dataset.n = i)
    """)
    controls = page.value("""[...document.querySelectorAll('[data-n]')].filter(each =>
        each.checkVisibility() && !each.closest('details:not([open]) > :not(summary)')
    ).map(each => each.dataset.n)""")
    reached = set()
    for _ in range(len(controls) + 5):
        page.press(*TAB)
        number = page.value("document.activeElement.dataset.n")
        if number is not None:
            reached.add(number)
            assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == set(controls)
    assert len(controls) > 20


def test_keys_sort_a_table_hide_a_line_pause_and_go_through_a_chart(page: Page) -> None:
    page.shows(DRAWN, 40)
    page.value("document.querySelector('#files th button').focus()")
    page.press(*ENTER)
    assert page.value("document.querySelector('#files th').ariaSort") == "ascending"
    first = page.value("document.querySelector('#files tbody td').textContent")
    page.press(*ENTER)
    assert page.value("document.querySelector('#files th').ariaSort") == "descending"
    assert page.value("document.querySelector('#files tbody td').textContent") > first
    page.value("document.querySelector('#tracks button').focus()")
    page.press(*ENTER)
    assert page.value("document.querySelector('#tracks button').ariaPressed") == "false"
    page.value("document.querySelector('.plot').focus()")
    page.press(*LEFT)
    page.shows("document.querySelector('.chart output').ariaLive === 'polite'")
    page.value("document.querySelector('#pause').focus()")
    page.press(*ENTER)
    assert page.value("document.querySelector('#pause').ariaPressed") == "true"


def test_every_control_and_picture_has_a_name_for_those_who_do_not_see_it(page: Page) -> None:
    page.shows(DRAWN, 40)
    page.call("Accessibility.enable")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    named = {"button", "image", "table", "region", "heading"}
    found = [node for node in nodes if node["role"]["value"] in named and not node["ignored"]]
    assert {"button", "image", "table", "heading"} <= {node["role"]["value"] for node in found}
    nameless = [node["role"]["value"] for node in found if not node.get("name", {}).get("value")]
    assert nameless == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_in_light_and_dark(browser: Browser, address: str, scheme: str) -> None:
    """At least 4.5 to 1, as WCAG 2.2 says (1.4.3)."""
    with browser.page(address, scheme=scheme) as page:
        page.shows(FILLED)
        pairs = page.value("""
            (() => {
              const numbers = text => text.match(/[\\d.]+/g).map(Number);
              const behind = each => {
                for (; each; each = each.parentElement) {
                  const back = getComputedStyle(each).backgroundColor;
                  if (back !== 'rgba(0, 0, 0, 0)') return numbers(back);
                }
              };
              return [...document.querySelectorAll('body *')].filter(
                each => each.checkVisibility({opacityProperty: true}) && [...each.childNodes].some(
                  child => child.nodeType === 3 && child.data.trim())).map(
                each => [each.textContent.slice(0, 40), numbers(getComputedStyle(each).color), behind(each)]);
            })()
        """)
    assert len(pairs) > 50
    assert [text for text, front, back in pairs if contrast(front, back) < 4.5] == []
    assert all((sum(back[:3]) < 300) == (scheme == "dark") for _, _, back in pairs)


def contrast(front: list[float], back: list[float]) -> float:
    """As WCAG 2.2 defines it, from sRGB values of 0 to 255."""

    def light(colour: list[float]) -> float:
        shares = [value / 255 for value in colour[:3]]
        red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, bright = sorted((light(front), light(back)))
    return (bright + 0.05) / (dark + 0.05)


def test_it_says_when_the_sidecar_no_longer_answers(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    written(tmp_path)
    config = configuration(tmp_path, port, show_documents=False)
    with browser.page("about:blank") as page:
        with running(tmp_path / "own.log", "--config", str(config)):
            assert sidecar("wait-ready", "--state-dir", f"{tmp_path}/state").returncode == 0
            page.call("Page.navigate", url=f"http://127.0.0.1:{port}/")
            page.shows(FILLED)
            assert page.value("document.querySelector('#trouble').hidden")
        page.shows("document.querySelector('#trouble').textContent.includes('retrying')")
        assert page.value(FILLED), "what was known is still there"
        assert not page.value("document.querySelector('#condition').checkVisibility()"), "but claims nothing of now"
