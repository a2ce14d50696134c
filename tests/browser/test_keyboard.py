"""The whole console without a pointer: what operators do, with keys alone, and a focus that is always seen."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import places
from tests.browser.test_console import LIVE_MS, Visit, open_window, visit
from tests.wait import until
from workflows import operations
from workflows.models import Queue, Workflow
from workflows.options import Options

__all__ = ["open_window", "visit"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)

RING = """() => {
  const focused = document.activeElement;
  const ring = ({ outlineStyle, outlineWidth }) => outlineStyle !== "none" && parseFloat(outlineWidth) > 0;
  const drawn = [focused, focused.nextElementSibling].filter(Boolean); // a chip's ring is around its label
  return focused !== document.body && drawn.some(one => ring(getComputedStyle(one)));
}"""


def tab_to(page: Page, wanted: Locator, key: str = "Tab") -> None:
    """Press Tab until it has the focus. On the way the focus is never lost and never unseen."""
    expect(wanted).to_be_visible(timeout=LIVE_MS)
    for _ in range(80):
        page.keyboard.press(key)
        assert page.evaluate(RING), page.evaluate("document.activeElement.outerHTML.slice(0, 200)")
        if wanted.evaluate("wanted => wanted === document.activeElement"):
            return
    raise AssertionError(f"80 times {key} did not lead to {wanted}")


def live(page: Page) -> None:
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def summary(page: Page, name: str) -> Locator:
    return page.locator("summary", has_text=name)


def test_a_failed_workflow_is_found_opened_looked_through_and_resumed(visit: Visit) -> None:
    places.furnish()
    page = visit.open("/")
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page).to_have_url(re.compile("/workflows/$"))
    live(page)
    page.keyboard.press("/")
    page.keyboard.type("status:failed")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("status=failed"))
    live(page)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/workflows/broken/$"))
    live(page)
    slider = page.get_by_role("slider")
    tab_to(page, slider)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    last = Workflow.objects.get(id="broken").last_seq
    expect(page.locator(".scrubber__words")).to_contain_text(f"event {last - 2} of {last}", timeout=LIVE_MS)
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator(".scrubber__words")).not_to_contain_text(f"event {last - 2} of", timeout=LIVE_MS)
    expect(slider).to_be_focused()
    page.keyboard.press("l")
    expect(page.locator(".scrubber__past")).to_be_hidden(timeout=LIVE_MS)
    expect(slider).to_be_focused()
    tab_to(page, summary(page, "Resume…"), "Shift+Tab")
    page.keyboard.press("Enter")
    tab_to(page, page.locator("#resume-reason"))
    page.keyboard.type("the disk is back")
    page.keyboard.press("Enter")
    expect(page.locator("status-badge[data-size]")).to_have_text("Queued", timeout=LIVE_MS)
    assert visit.troubles == []


def test_three_are_selected_and_cancelled_with_a_reason(visit: Visit) -> None:
    for number in range(4):
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=f"w-{number}", options=Options(queue="nobody"))
    page = visit.open("/workflows/")
    for _ in range(3):
        page.keyboard.press("j")
        page.keyboard.press("x")
    expect(page.locator(".selection-bar__words")).to_contain_text("3 selected")
    page.keyboard.press("Escape")
    expect(page.locator(".selection-bar")).to_be_hidden()
    page.keyboard.press("x")
    for _ in range(2):
        page.keyboard.press("k")
        page.keyboard.press("x")
    expect(page.locator(".selection-bar__words")).to_contain_text("3 selected")
    tab_to(page, button(page, "Cancel 3…"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Cancel 3 of 3")).to_be_visible(timeout=LIVE_MS)
    tab_to(page, page.locator("#bulk-reason"))
    page.keyboard.type("wrong queue")
    page.keyboard.press("Enter")
    until(lambda: Workflow.objects.filter(status="cancelled").count() == 3, what="three are cancelled")
    assert Workflow.objects.get(id="w-0").status == "queued"
    assert visit.troubles == []


def test_a_workflow_is_started_a_queue_paused_and_a_schedule_triggered(visit: Visit) -> None:
    places.furnish()
    page = visit.open("/")
    page.keyboard.press("g")
    page.keyboard.press("d")
    tab_to(page, page.get_by_role("link", name="Start time_zones", exact=True))
    page.keyboard.press("Enter")
    tab_to(page, page.locator("#id_workflow_id"))
    page.keyboard.type("by-keys")
    tab_to(page, page.locator("#id_parameter_year"), "Shift+Tab")
    page.keyboard.type("2026")
    tab_to(page, button(page, "Start"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/workflows/by-keys/$"))
    page.keyboard.press("g")
    page.keyboard.press("q")
    tab_to(page, button(page, "Pause nobody"))
    page.keyboard.press("Enter")
    until(lambda: Queue.objects.filter(name="nobody", paused=True).exists(), what="the queue is paused")
    expect(page.locator('tr[data-queue="nobody"] .mark')).to_have_text("Paused", timeout=LIVE_MS)
    page.keyboard.press("g")
    page.keyboard.press("s")
    tab_to(page, button(page, "Start every-morning now"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Started by schedule every-morning, now.")).to_be_visible(timeout=LIVE_MS)
    assert Workflow.objects.filter(schedule="every-morning").count() == 1
    assert visit.troubles == []


# The palette


def option(page: Page, name: str) -> Locator:
    return page.locator(".palette").get_by_role("option", name=name)


def choose(page: Page, typed: str, name: str) -> None:
    """Open the palette, type, wait until it is there, go down to it, and take it."""
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Go to, or do")
    expect(field).to_be_focused()
    page.keyboard.type(typed)
    expect(option(page, name)).to_be_visible(timeout=LIVE_MS)
    for _ in range(30):
        if option(page, name).get_attribute("aria-selected") == "true":
            break
        page.keyboard.press("ArrowDown")
    active = field.get_attribute("aria-activedescendant")
    assert option(page, name).get_attribute("id") == active
    page.keyboard.press("Enter")


def test_the_palette_leads_to_ids_names_and_pages_and_does_what_the_page_can(visit: Visit) -> None:
    places.furnish()
    page = visit.open("/")
    choose(page, "brok", "broken retrying, failed")
    expect(page).to_have_url(re.compile("/workflows/broken/$"))
    live(page)
    choose(page, "resume", "Resume…")
    expect(summary(page, "Resume…")).to_be_focused()
    expect(page.locator("#resume-reason")).to_be_visible()
    page.keyboard.press("Escape")
    choose(page, "pin", "Pin…")
    expect(summary(page, "Pin…")).to_be_focused()
    expect(page.locator("#pin-reason")).to_be_visible()
    page.keyboard.press("Escape")
    choose(page, "light or", "Light or dark")
    expect(page.locator("html")).to_have_attribute("data-theme", re.compile("light|dark"))
    expect(summary(page, "More…")).to_be_focused()
    choose(page, "CHECK", "Workflows of checkout")
    expect(page).to_have_url(re.compile("definition=checkout"))
    choose(page, "every", "every-morning time_zones")
    expect(page).to_have_url(re.compile("/schedules/every-morning/$"))
    choose(page, "nobo", "nobody")
    expect(page).to_have_url(re.compile("/queues/nobody/$"))
    choose(page, "workers", "Workers")
    expect(page).to_have_url(re.compile("/workers/$"))
    choose(page, "widg", "Widgets")  # of the account's menu
    expect(page).to_have_url(re.compile("/widgets/$"))
    page.keyboard.press("Control+k")
    page.keyboard.type("no such thing")
    expect(page.locator(".palette__says")).to_contain_text("Nothing has “no such thing” in its name", timeout=LIVE_MS)
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    assert visit.troubles == []


def test_a_palette_whose_server_is_away_says_so_and_still_knows_the_page(visit: Visit) -> None:
    page = visit.open("/workflows/")
    page.route("**/palette?*", lambda route: route.abort())
    page.keyboard.press("Control+k")
    page.keyboard.type("queu")
    expect(page.locator(".palette__says")).to_contain_text("The server does not answer", timeout=LIVE_MS)
    expect(option(page, "Queues")).to_be_visible()


def test_single_keys_can_be_turned_off_and_what_needs_a_modifier_stays(visit: Visit) -> None:
    page = visit.open("/workflows/")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard")
    for words in ("Go anywhere, do anything", "Next time zone", "Back to live from its past"):
        expect(sheet).to_contain_text(words)
    tab_to(page, sheet.get_by_role("checkbox"))
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    theme = page.locator("html").get_attribute("data-theme")
    for key in ("t", "g", "q", "p", "?"):
        page.keyboard.press(key)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Go to, or do")).to_be_focused()
    assert page.locator("html").get_attribute("data-theme") == theme
    expect(page).to_have_url(re.compile("/workflows/$"))
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live")
