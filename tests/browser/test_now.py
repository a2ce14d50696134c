"""The page Now in a real browser: it moves by itself, stays under the hand, and is honest about its connection."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests import definitions
from tests.browser.test_console import LIVE_MS, Proxy, Visit, assert_not_reloaded, mark, open_window, visit
from tests.processes import Worker
from workflows import operations
from workflows.options import Options

__all__ = ["open_window", "visit"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


_SEEN_AN_HOUR_AGO = """() => {
  const key = Object.keys(localStorage).find(key => key.startsWith("seen-at "));
  document.querySelector("while-away").remove();  // else it takes note that it was seen until now
  localStorage.setItem(key, Date.now() - 3_600_000);
}"""
_HIDDEN_FOR_AN_HOUR = """() => {
  const key = Object.keys(localStorage).find(key => key.startsWith("seen-at "));
  const turn = (state) => {
    Object.defineProperty(document, "visibilityState", { get: () => state, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  };
  turn("hidden");
  localStorage.setItem(key, Date.now() - 3_600_000);
  turn("visible");
}"""


def start(workflow_id: str) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id=workflow_id, options=Options(queue="nobody"))


def number(status: str) -> str:
    return f'.tile[data-tile="{status}"] .tile__number'


def test_it_moves_by_itself_and_says_what_needs_somebody(visit: Visit, worker: Worker) -> None:
    page = visit.open("/")
    expect(page).to_have_title("Now · Telltale")
    expect(page.locator(".needs__none")).to_have_text(
        re.compile(r"Nothing needs you\. Last check \d\d:\d\d:\d\d UTC\.")
    )
    mark(page)
    start("first")
    expect(page.locator(number("queued"))).to_have_text("1", timeout=LIVE_MS)
    need = page.locator('.need[data-kind="unconsumed"]')
    expect(need).to_contain_text("Queue nobody: 1 queued, and nobody consumes it.")
    tile = page.locator('.tile[data-tile="queued"]')
    tile.focus()
    start("second")
    expect(page.locator(number("queued"))).to_have_text("2", timeout=LIVE_MS)
    expect(need).to_contain_text("2 queued")
    expect(tile).to_be_focused()
    definitions.doubling.using(workflow_id="done").start([1]).result(timeout=60)
    expect(page.locator(number("succeeded"))).to_have_text("1", timeout=LIVE_MS)
    expect(page.locator('.bars__part[data-part="succeeded"]')).to_have_count(1)
    expect(page.locator("chart-series + .visually-hidden table")).to_contain_text("UTC1000")
    assert_not_reloaded(page)
    need.get_by_role("link").click()
    expect(page).to_have_url(re.compile("/queues/nobody/$"))
    page.get_by_role("link", name="Telltale").click()
    for workflow_id in ("first", "second"):
        operations.cancel(workflow_id)
    expect(page.locator(".needs__none")).to_be_visible(timeout=LIVE_MS)
    away = page.locator("while-away")
    expect(away).to_be_empty()
    for turn in (_SEEN_AN_HOUR_AGO, _HIDDEN_FOR_AN_HOUR):
        page.evaluate(turn)
        if turn == _SEEN_AN_HOUR_AGO:
            page.reload()
        expect(away).to_contain_text("3 began and 3 ended; none failed.", timeout=LIVE_MS)
        away.get_by_role("button", name="Close").click()
        expect(away).to_be_empty()
    assert visit.troubles == []


def test_a_link_under_the_focus_stays_while_the_others_go_on(visit: Visit, worker: Worker) -> None:
    start("first")
    page = visit.open("/")
    link = page.locator(".need").get_by_role("link")
    link.focus()
    operations.cancel("first")
    expect(page.locator(number("queued"))).to_have_text("0", timeout=LIVE_MS)
    expect(link).to_be_focused()
    link.blur()
    expect(page.locator(".needs__none")).to_be_visible(timeout=LIVE_MS)


def test_it_stands_still_and_says_so_while_the_connection_is_lost(visit: Visit) -> None:
    start("first")
    proxied = Proxy(visit)
    page = visit.open("/")
    expect(page.locator(".need").first).to_contain_text("No worker lives; 1 workflow stands still.")
    proxied.cut()
    expect(page.locator("connection-status")).to_have_attribute("data-state", "reconnecting")
    expect(page.locator(".as-of:visible")).to_have_text(re.compile(r"as of \d\d:\d\d:\d\d UTC"))
    expect(page.locator(".live-fragment__stale")).to_be_hidden()
    start("second")
    proxied.mend()
    expect(page.locator(number("queued"))).to_have_text("2", timeout=LIVE_MS)
    expect(page.locator(".as-of:visible")).to_have_count(0)
