"""Which clock a time is read on: every printed time names its zone, and all of them agree."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests import places
from tests.browser.test_console import LIVE_MS, Visit, open_window, visit

__all__ = ["open_window", "visit"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)

PATHS = ["/", "/workflows/", "/workflows/ended/", "/workflows/broken/", "/schedules/", "/schedules/every-morning/"]
PRINTED = re.compile(r"\d\d:\d\d(?::\d\d)?(?:\.\d\d\d)?(?: \w+(?:/\w+)?)?")
A_WEEK_OF_CRON = re.compile(r"At [\d:]+ \S* ?(?:AM|PM)?.*?\(America/Chicago\)|30 9 \* \* \*")


def times(page: Page) -> list[list[str]]:
    """The machine's and the reader's text of each time on the page."""
    found: list[list[str]] = page.evaluate(
        """() => [...document.querySelectorAll("time[datetime], time-ago[datetime]")]
             .map(e => [e.getAttribute("datetime"), e.title || e.textContent])"""
    )
    return found


def assert_every_time_is_of(page: Page, zone: str) -> None:
    """Each printed time names the zone, and each that says which moment it is says the same as the zone's clock."""
    words = page.locator("body").inner_text()
    names = {datetime.fromisoformat(at).astimezone(ZoneInfo(zone)).tzname() for at, _ in times(page)} | {
        datetime.now(ZoneInfo(zone)).tzname()
    }
    for printed in PRINTED.findall(A_WEEK_OF_CRON.sub("", words)):
        assert printed.partition(" ")[2] in names, f"{printed!r} on {page.url} names none of {names}"
    for at, said in times(page):
        local = datetime.fromisoformat(at).astimezone(ZoneInfo(zone))
        assert f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}" in said, (at, said, page.url)


@pytest.fixture
def in_kolkata(open_window: Callable[..., Visit]) -> Visit:
    places.furnish()
    visit = open_window(timezone_id="Asia/Kolkata")
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    return visit


def settled(visit: Visit, path: str) -> Page:
    visit.page.goto(visit.server.url + path)
    expect(visit.page.locator(".zone__select")).to_be_enabled(timeout=LIVE_MS)
    if visit.page.locator("connection-status").count():
        expect(visit.page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    return visit.page


def chosen(page: Page) -> Any:
    return page.locator(".zone__select option:checked")


def test_whatever_the_clocks_of_browser_reader_and_schedule_every_time_names_its_zone_and_agrees(
    in_kolkata: Visit,
) -> None:
    for path in PATHS:
        assert_every_time_is_of(settled(in_kolkata, path), "UTC")
    page = settled(in_kolkata, "/workflows/ended/")
    link = page.locator(".workflow-header__id button")
    link.focus()
    page.keyboard.press("z")
    expect(chosen(page)).to_have_text(re.compile("^IST Asia/"), timeout=LIVE_MS)
    expect(link).to_be_focused(timeout=LIVE_MS)
    for path in PATHS:
        assert_every_time_is_of(settled(in_kolkata, path), "Asia/Kolkata")
    page = settled(in_kolkata, "/schedules/every-morning/")
    page.locator(".zone__select").select_option("schedule")
    expect(chosen(page)).to_have_text(re.compile("^C[SD]T America/Chicago$"), timeout=LIVE_MS)
    assert_every_time_is_of(settled(in_kolkata, "/schedules/every-morning/"), "America/Chicago")
    expect(page.locator("time").first).to_have_text(re.compile(r"09:30:00 C[SD]T$"))
    assert_every_time_is_of(settled(in_kolkata, "/workflows/ended/"), "Asia/Kolkata")
    assert in_kolkata.troubles == []


def test_any_zone_can_be_chosen_stays_at_hand_and_is_what_a_copied_time_says(in_kolkata: Visit) -> None:
    page = settled(in_kolkata, "/workflows/ended/")
    page.locator(".zone__select").focus()
    page.locator(".zone__select").select_option("Pacific/Chatham")
    expect(chosen(page)).to_have_text(re.compile(r"^UTC\+1[23]:45 Pacific/Chatham$"), timeout=LIVE_MS)
    at = page.locator(".history__at").first
    at.evaluate("time => getSelection().selectAllChildren(time)")
    page.keyboard.press("Control+c")
    moment = datetime.fromisoformat(at.get_attribute("datetime") or "").astimezone(ZoneInfo("Pacific/Chatham"))
    # to the millisecond, which is what a browser's clock has
    expected = moment.replace(microsecond=moment.microsecond // 1000 * 1000).isoformat(timespec="milliseconds")
    assert page.evaluate("navigator.clipboard.readText()") == expected
    rows = page.locator(".history__rows")
    shown = rows.inner_text()
    rows.evaluate("rows => getSelection().selectAllChildren(rows)")
    page.keyboard.press("Control+c")
    assert expected in page.evaluate("navigator.clipboard.readText()")
    expect(rows).to_have_text(re.compile(re.escape(shown.split()[1])), use_inner_text=True)
    for name in ("UTC", "IST", "UTC+"):
        page.locator("h1").click()
        page.keyboard.press("z")
        expect(chosen(page)).to_have_text(re.compile(f"^{re.escape(name)}"), timeout=LIVE_MS)
        expect(page.locator(".zone__select")).to_be_enabled(timeout=LIVE_MS)


def test_a_zone_is_not_chosen_at_the_price_of_what_somebody_types(in_kolkata: Visit) -> None:
    page = settled(in_kolkata, "/definitions/time_zones/start/")
    page.locator("#id_workflow_id").fill("half an i")
    page.locator(".zone__select").select_option("browser")
    expect(page.locator("live-receipt")).to_contain_text("The times change with the next page.", timeout=LIVE_MS)
    expect(page.locator("#id_workflow_id")).to_have_value("half an i")
    expect(chosen(settled(in_kolkata, "/workflows/"))).to_have_text(re.compile("^IST"))


def test_how_long_ago_says_when_on_focus(in_kolkata: Visit) -> None:
    page = settled(in_kolkata, "/workflows/ended/")
    created = page.locator(".facts time-ago").first
    created.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(created).to_be_focused()
    content = created.evaluate("time => getComputedStyle(time, '::after').content")
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", content)
    page = settled(in_kolkata, "/workflows/")
    page.keyboard.press("j")
    row = page.locator("tr:focus-within time-ago")
    assert re.search(r"\d\d:\d\d UTC|UTC", row.evaluate("time => getComputedStyle(time, '::after').content"))
