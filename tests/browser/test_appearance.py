"""How pages look for those who want or need it otherwise: rows as high as one likes, paper, forced colours."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests import places
from tests.browser.test_console import LIVE_MS, Visit, open_window, visit

__all__ = ["open_window", "visit"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


def height(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["height"]


def test_rows_are_as_high_as_was_chosen_on_every_page_from_then_on(visit: Visit) -> None:
    places.furnish()
    for name, pixels in (("compact", 26), ("comfortable", 44), ("normal", 32)):
        page = visit.open("/workflows/")
        page.locator("summary[aria-label^=Account]").click()
        page.locator("[data-behaviour=density]").select_option(name)
        expect(page).to_have_url(re.compile(f"density={name}$"))
        assert height(page, ".workflow-table tbody tr") == pytest.approx(pixels, abs=1)
        page.reload()
        assert height(page, ".workflow-table tbody tr") == pytest.approx(pixels, abs=1)
        page = visit.open("/workflows/ended/")
        assert height(page, ".history__row") == pytest.approx(pixels, abs=2)
        assert height(page, ".timeline tbody tr") == pytest.approx(pixels, abs=1)


def test_paper_has_all_of_it_in_black_on_white_with_times_and_nothing_to_press(
    open_window: Callable[..., Visit],
) -> None:
    places.furnish()
    visit = open_window(color_scheme="dark", viewport={"width": 720, "height": 1000})
    for path in ("/", "/workflows/", "/workflows/ended/", "/queues/", "/schedules/every-morning/", "/workers/"):
        page = visit.page
        page.goto(visit.server.url + path)
        page.emulate_media(media="print")
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator(":is(button, .button, select, input):visible").count() == 0, path
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        expect(page.locator(".printed")).to_contain_text(re.compile(r"as of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"))
        for time in page.locator("time-ago:visible").all():
            assert re.search(r"\d\d:\d\d:\d\d UTC", time.evaluate("e => getComputedStyle(e, '::after').content"))
        page.emulate_media(media="screen")
    page = visit.open("/workflows/ended/")
    page.emulate_media(media="print")
    scroll = page.locator(".history__scroll")
    assert scroll.evaluate("box => box.scrollHeight <= box.clientHeight + 1"), "the whole history is on paper"
    assert visit.troubles == []


def test_with_forced_colours_what_a_ground_said_is_said_by_a_line(open_window: Callable[..., Visit]) -> None:
    places.furnish()
    visit = open_window(forced_colors="active")
    page = visit.open("/workflows/")
    edge = "row => getComputedStyle(row.cells[0]).borderInlineStartWidth"
    assert page.locator('tr[data-status="failed"]').evaluate(edge) == "3px"
    page.get_by_role("checkbox", name="Select ended").check()
    assert page.locator('tr[data-id="ended"]').evaluate("row => getComputedStyle(row).outlineStyle") == "solid"
    page.keyboard.press("Control+k")
    expect(page.locator("[role=option]").first).to_be_visible(timeout=LIVE_MS)
    chosen = page.locator("[role=option][aria-selected=true]")
    assert chosen.evaluate("option => getComputedStyle(option).outlineStyle") == "solid"
