"""Every page of the site in a real browser: no complaint on its console, nothing missing, nothing barred to anybody."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests import places
from tests.browser.test_console import LIVE_MS, Visit, open_window, visit

__all__ = ["open_window", "visit"]  # fixtures
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
NOT_FOUND = "/no-such-page/"


def barriers(visit: Visit) -> list[str]:
    """What axe finds: the rule, the page, and where. What the policy says of axe's own styles is no trouble of ours."""
    before = len(visit.troubles)
    options = {"resultTypes": ["violations"], "preload": False}
    found: list[dict[str, Any]] = Axe().run(visit.page, options=options).response["violations"]
    visit.page.evaluate("0")  # what the page said meanwhile has been heard by then
    del visit.troubles[before:]
    path = re.sub("https?://[^/]+", "", visit.page.url)
    return [f"{path}: {one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


def settle(page: Page) -> None:
    """Until what is live is live."""
    status = page.locator("connection-status")
    if status.count():
        expect(status).to_have_attribute("data-state", "live", timeout=LIVE_MS)


@pytest.mark.parametrize(("scheme", "size"), [("light", WIDE), ("dark", NARROW)])
def test_every_page_is_without_complaint_and_without_barrier(
    open_window: Callable[..., Visit], scheme: str, size: dict[str, int]
) -> None:
    places.furnish()
    visit = open_window(color_scheme=scheme, viewport=size)
    page, found = visit.page, []
    for path in [path for paths in places.PAGES.values() for path in paths if path != "/login/"]:
        page.goto(visit.server.url + path)
        settle(page)
        found += barriers(visit)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
    assert visit.troubles == []
    page.goto(visit.server.url + NOT_FOUND)
    found += barriers(visit)
    page.context.clear_cookies()
    page.goto(f"{visit.server.url}/login/")
    found += barriers(visit)
    assert not found, "\n".join(found)


def open_sheet(page: Page) -> None:
    """On a phone actions are in one, which is where it stays once it moves no more."""
    button = page.get_by_role("button", name="Actions…")
    if button.is_visible():
        button.click()
        page.locator(".sheet:popover-open").evaluate(
            "sheet => Promise.all(sheet.getAnimations().map(({ finished }) => finished))"
        )


@pytest.mark.parametrize(("scheme", "size"), [("dark", WIDE), ("light", NARROW)])
def test_what_opens_on_a_page_has_no_barrier_either(
    open_window: Callable[..., Visit], scheme: str, size: dict[str, int]
) -> None:
    places.furnish()
    visit = open_window(color_scheme=scheme, viewport=size)
    page, found = visit.open("/workflows/queued/"), []
    for words in ("Cancel…", "Send message…", "More…"):
        open_sheet(page)
        page.get_by_text(words).click()
        found += barriers(visit)
        page.keyboard.press("Escape")
    page.keyboard.press("?")
    found += barriers(visit)
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("time_z")
    expect(page.locator(".palette").get_by_role("option", name="Start time_zones")).to_be_visible(timeout=LIVE_MS)
    found += barriers(visit)
    page.keyboard.press("Escape")
    page.locator("summary[aria-label^=Account]").click()
    found += barriers(visit)
    page = visit.open("/workflows/")
    page.get_by_role("checkbox", name="Select queued").check()
    found += barriers(visit)
    open_sheet(page)
    page.get_by_role("button", name=re.compile("^Cancel")).click()
    expect(page.get_by_role("heading", name="Cancel 1 of 1")).to_be_visible(timeout=LIVE_MS)
    found += barriers(visit)
    page.get_by_role("button", name="Cancel 1 workflow").click()
    expect(page.get_by_role("heading", name="1 of 1 workflow cancelled")).to_be_visible(timeout=LIVE_MS)
    found += barriers(visit)
    assert visit.troubles == []
    assert not found, "\n".join(found)
