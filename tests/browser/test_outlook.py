"""What is left, live; and watching: the tab, its icon and the browser say how a workflow is, wherever one is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import definitions, earlier, execution
from tests.browser.test_console import LIVE_MS, Visit, assert_not_reloaded, mark, open_window, visit
from workflows import event_log, operations, transitions
from workflows.event_log import Owner

__all__ = ["open_window", "visit"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)
MINUTES = [60.0 * minutes for minutes in range(4, 24)]
# The real notification is shown; what it says is noted on the way.
SPY = """
const Real = globalThis.Notification;
globalThis.Notification = new Proxy(Real, {
  construct(target, [title, options]) {
    const said = JSON.parse(sessionStorage.getItem("said") ?? "[]");
    sessionStorage.setItem("said", JSON.stringify([...said, title]));
    return new target(title, options);
  },
});
"""


def begun(workflow_id: str, definition: Any = definitions.doubling) -> Owner:
    return execution.claim(definition.using(workflow_id=workflow_id).start([1])).owner


def publish(owner: Owner, position: int, value: Any) -> None:
    encoded = json.dumps(value)
    event_log.set_value(owner, str(position), position=position, key="progress", encoded=encoded, in_step=False)


def icon(page: Page) -> str:
    return str(page.evaluate("document.querySelector('link[rel=icon]').href"))


def said(page: Page) -> list[str]:
    found: list[str] = page.evaluate("JSON.parse(sessionStorage.getItem('said') ?? '[]')")
    return found


def test_what_is_left_follows_the_workflow_and_stands_still_with_the_page(visit: Visit) -> None:
    earlier.succeeded("doubling", *MINUTES, every=120)
    owner = begun("w")
    page = visit.open("/workflows/")
    cell = page.locator('tr[data-id="w"] time-left')
    expect(cell).to_have_text(re.compile(r"\d+–\d+ min"))
    publish(owner, 1, {"done": 0, "total": 7_200, "label": "packing", "rate": 0.25})
    expect(cell).to_have_text("8 h", timeout=LIVE_MS)
    page.get_by_role("link", name="doubling").first.click()
    words = page.locator(".outlook__words")
    expect(words).to_contain_text(re.compile(r"About 8 h left, done around .*UTC"))
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    mark(page)
    expect(page.locator(".outlook__why")).to_be_hidden()
    words.focus()
    expect(page.locator(".outlook__why")).to_contain_text("8 of 10 earlier ones took")
    publish(owner, 2, {"done": 7_200, "total": 7_200, "label": "packing", "rate": 0.25})
    expect(words).to_contain_text(re.compile(r"About \d+–\d+ min left, done around"), timeout=LIVE_MS)
    muted = "getComputedStyle(document.querySelector('.facts dt')).color"
    colour = "getComputedStyle(document.querySelector('.outlook__words')).color"
    assert page.evaluate(f"{colour} !== {muted}")
    page.keyboard.press("p")
    page.wait_for_function(f"{colour} === {muted}")
    page.keyboard.press("p")
    page.wait_for_function(f"{colour} !== {muted}")
    page.locator(".scrubber__range").press("ArrowLeft")
    expect(page.locator(".scrubber__past")).to_be_visible()
    expect(words).to_contain_text("About 8 h left", timeout=LIVE_MS)
    page.locator(".scrubber__live").click()
    expect(words).to_contain_text(re.compile(r"About \d+–\d+ min left, done around"), timeout=LIVE_MS)
    transitions.succeed(owner, output="1")
    expect(words).to_be_hidden(timeout=LIVE_MS)
    assert_not_reloaded(page)
    assert visit.troubles == []


def test_silence_is_said_as_it_grows(visit: Visit) -> None:
    earlier.succeeded("doubling", *MINUTES, every=2)
    owner = begun("w")
    page = visit.open("/workflows/w/")
    silent = page.locator(".outlook__silence")
    expect(silent).to_be_hidden()
    expect(silent).to_contain_text(re.compile(r"No event for 3\d s; usually 2 s at most\."), timeout=90_000)
    publish(owner, 1, 0.5)
    expect(silent).to_be_hidden(timeout=LIVE_MS)


def test_a_watched_workflow_is_told_from_any_page_once_until_it_is_seen(open_window: Callable[..., Visit]) -> None:
    visit = open_window(permissions=["notifications"])
    visit.page.add_init_script(SPY)
    paying = begun("order-42")
    begun("order-43")
    page = visit.open("/workflows/")
    own_icon = icon(page)
    count = page.locator(".watch-list__count")
    expect(count).to_be_hidden()
    page.locator('tr[data-id="order-42"] .workflow-table__name a').focus()
    page.keyboard.press("w")
    expect(count).to_have_text("Watching 1")
    expect(page).to_have_title("◔ order-42 running · Workflows · Telltale", timeout=LIVE_MS)
    assert icon(page).startswith("data:image/svg+xml,")
    publish(paying, 1, 0.42)
    expect(page).to_have_title("◔ 42 % order-42 running · Workflows · Telltale", timeout=LIVE_MS)
    page.goto(visit.server.url + "/tokens/")  # a page that shows nothing live
    expect(page).to_have_title("◔ 42 % order-42 running · API tokens · Telltale", timeout=LIVE_MS)
    transitions.succeed(paying, output="1")
    expect(page).to_have_title("✓ order-42 succeeded · API tokens · Telltale", timeout=LIVE_MS)
    page.wait_for_function("JSON.parse(sessionStorage.getItem('said') ?? '[]').length > 0")
    page.get_by_role("link", name="Workflows").click()
    expect(page).to_have_title("✓ order-42 succeeded · Workflows · Telltale", timeout=LIVE_MS)
    assert said(page) == ["✓ order-42 succeeded"]
    page.locator("watch-list summary").click()
    page.locator("watch-list").get_by_role("link", name="order-42").click()
    expect(page).to_have_title("Succeeded · doubling order-42 · Telltale")
    expect(count).to_be_hidden()
    assert icon(page) == own_icon
    button = page.locator(".workflow-header watch-button button")
    expect(button).to_have_attribute("aria-pressed", "false")
    visit.open("/workflows/order-43/")
    page.get_by_role("button", name="Watch", exact=True).click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_title("◔ order-43 running · Running · doubling order-43 · Telltale")
    page.keyboard.press("w")
    expect(button).to_have_attribute("aria-pressed", "false")
    expect(page).to_have_title("Running · doubling order-43 · Telltale")
    assert visit.troubles == []


def test_who_may_not_be_notified_is_told_so_and_the_tab_tells(open_window: Callable[..., Visit]) -> None:
    visit = open_window(permissions=[])
    begun("w", definitions.listening)
    page = visit.open("/workflows/w/")
    page.keyboard.press("w")
    expect(page.locator("watch-list summary")).to_have_text("Watching 1, notifications blocked")
    page.locator("watch-list summary").click()
    expect(page.locator(".watch-list__note")).to_contain_text("Notifications are blocked for this site")
    other = page.context.new_page()
    other.goto(f"{visit.server.url}/workflows/")
    expect(other.locator("watch-list summary")).to_have_text("Watching 1, notifications blocked")
    operations.cancel("w", by="somebody")
    expect(other).to_have_title("⊘ w cancelled · Workflows · Telltale", timeout=LIVE_MS)
    expect(page).to_have_title(re.compile("^⊘ w cancelled · Cancelled"), timeout=LIVE_MS)
    page.locator("watch-list watch-button button").click()
    expect(other.locator(".watch-list__count")).to_be_hidden()
    expect(other).to_have_title("Workflows · Telltale")
