"""Charts in a real browser: drawn by the library where it is, a picture of the server where it is not, and live."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Locator, Page, expect

from tests import definitions
from tests.browser.test_console import LIVE_MS, Visit, assert_not_reloaded, mark, open_window, visit
from tests.processes import Worker
from tests.wait import until

__all__ = ["open_window", "visit"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)
LIGHT_FAILED, DARK_FAILED = "221,52,66", "244,45,0"  # of css/tokens.css
YESTERDAY = r"(\d{4}-\d\d-\d\d )?"  # said of the last hour's beginning, just after midnight
INKED = """chart => {
    const canvas = chart.querySelector("canvas");
    const copy = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
    const pen = copy.getContext("2d", { willReadFrequently: true });
    pen.drawImage(canvas, 0, 0);
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
    const colours = new Set();
    for (let place = 0; place < data.length; place += 4) {
        if (data[place + 3] === 255) colours.add(data.slice(place, place + 3).join());
    }
    return [...colours];
}"""


@pytest.fixture
def library() -> None:
    if not Path(settings.BASE_DIR, "node_modules/uplot").exists():
        pytest.skip("NO CHART LIBRARY: npm is not installed, or could not fetch it")


def end(workflow_id: str, *, fails: bool = False) -> None:
    """One workflow that ends, one way or the other."""
    handle = definitions.grouping.using(workflow_id=workflow_id).start(workflow_id, fail=fails)
    if fails:
        with pytest.raises(Exception, match="after the writes"):
            handle.result(timeout=60)
    else:
        handle.result(timeout=60)


def drawn(page: Page, place: int = 0) -> Locator:
    chart = page.locator("chart-series").nth(place)
    expect(chart).to_have_attribute("data-drawn", "", timeout=LIVE_MS)
    expect(chart.locator(".chart__still")).to_be_hidden()
    return chart


def walk_back_to_a_bar(page: Page, chart: Locator) -> None:
    """From the newest minute to the latest one in which something ended: minutes may have passed since."""
    newest = int(chart.get_attribute("aria-valuemax") or 0)
    for place in range(newest, -1, -1):
        expect(chart).to_have_attribute("aria-valuenow", str(place))
        if "nothing ended" not in (chart.locator(".chart__said").text_content() or ""):
            return
        page.keyboard.press("ArrowLeft")
    raise AssertionError("nothing ended in all of the last hour")


def canvas_width(chart: Locator) -> float:
    return float(chart.locator("canvas").evaluate("canvas => canvas.getBoundingClientRect().width"))


@pytest.mark.usefixtures("library")
def test_the_library_draws_what_ended_and_says_each_minute_to_pointer_and_keys(visit: Visit, worker: Worker) -> None:
    end("first")
    end("second", fails=True)
    page = visit.open("/")
    mark(page)
    chart = drawn(page)
    expect(chart).to_have_attribute("aria-valuetext", re.compile(r"^\d\d:\d\d UTC: "))
    until(lambda: LIGHT_FAILED in chart.evaluate(INKED), what="the failed one is drawn")

    box = chart.locator(".u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + 5, box["y"] + box["height"] / 2)
    expect(chart.locator(".chart__said")).to_have_text(re.compile(rf"^{YESTERDAY}\d\d:\d\d UTC: nothing ended$"))

    page.get_by_role("heading", name="Last hour").click()  # the pointer leaves
    expect(chart.locator(".chart__said")).to_have_text("")
    chart.focus()
    page.keyboard.press("End")
    said = chart.locator(".chart__said")
    walk_back_to_a_bar(page, chart)
    expect(said).to_have_text(re.compile(r"1 succeeded|1 failed"))
    page.keyboard.press("Home")
    expect(said).to_contain_text("nothing ended")
    for number in range(3):
        end(f"more-{number}")
    expect(page.locator(".key")).to_contain_text("4 succeeded", timeout=LIVE_MS)
    expect(chart).to_be_focused()  # it went on under the focus
    expect(said).to_contain_text("nothing ended")
    assert_not_reloaded(page)

    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    until(lambda: DARK_FAILED in chart.evaluate(INKED), what="the chart has the colours of the dark")
    page.set_viewport_size({"width": 390, "height": 844})
    expect(chart.locator("canvas")).to_be_visible()
    until(lambda: canvas_width(chart) < 390, what="the chart fits a phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert visit.troubles == []


@pytest.mark.usefixtures("library")
def test_definitions_keys_and_queues_have_their_past(visit: Visit, worker: Worker) -> None:
    for number in range(3):
        definitions.publishing.using(workflow_id=f"p-{number}").start([1, 5, 2, number]).result(timeout=60)
    page = visit.open("/definitions/")
    page.locator('tr[data-definition="publishing"]').get_by_role("link", name="publishing", exact=True).click()
    expect(page.locator(".portrait__facts")).to_contain_text("3 started, 3 ended, none badly", timeout=LIVE_MS)
    for place in range(3):
        drawn(page, place)
    expect(page.locator('tr[data-key="key"]')).to_contain_text("number")
    page.get_by_role("link", name="Last 7 days").click()
    expect(page.get_by_role("link", name="Last 7 days")).to_have_attribute("aria-current", "true")
    drawn(page)

    page.get_by_role("link", name="Its workflows").click()
    page.get_by_role("link", name="publishing").first.click()
    page.get_by_role("link", name="key over time").click()
    chart = drawn(page)
    chart.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(chart.locator(".chart__said")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d UTC: key 5$"))

    page = visit.open("/queues/default/")
    expect(page.locator(".portrait__facts")).to_contain_text(re.compile(r"Queued\s*0"), timeout=LIVE_MS)
    drawn(page, 1)
    assert visit.troubles == []


def test_a_small_line_grows_with_its_value(visit: Visit, worker: Worker) -> None:
    published = definitions.publishing.using(workflow_id="w").start([1, 5, 2])
    page = visit.open("/workflows/w/")
    published.result(timeout=60)
    line = page.get_by_role("link", name="key over time").locator("polyline")
    expect(line).to_have_attribute("points", "0.0,27.0 60.0,1.0 120.0,20.5", timeout=LIVE_MS)
    assert visit.troubles == []


def test_without_the_library_the_picture_of_the_server_stays_and_moves(
    open_window: Callable[..., Visit], worker: Worker
) -> None:
    end("first")
    visit = open_window()
    visit.page.route(re.compile(r"/uPlot.*\.js$"), lambda route: route.abort())
    page = visit.open("/")
    mark(page)
    chart = page.locator("chart-series")
    expect(chart.locator(".bars__part")).to_have_count(1)
    expect(chart.locator(".chart__still")).to_be_visible()
    end("second", fails=True)
    expect(page.locator(".key")).to_contain_text("1 failed", timeout=LIVE_MS)
    expect(chart.locator('.bars__part[data-part="failed"]')).to_have_count(1)
    expect(chart).not_to_have_attribute("data-drawn", "")
    assert_not_reloaded(page)
