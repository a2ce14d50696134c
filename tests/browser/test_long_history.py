"""A hundred thousand events in a real browser: every place of the history is near, and the page stays small."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_console import Visit, assert_not_reloaded, mark, open_window, visit
from tests.browser.test_moments import drag_to
from tests.long_history import write_long_history
from workflows import event_log
from workflows.event_log import Owner

__all__ = ["open_window", "visit"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)
LENGTH = 100_002
PATIENCE_MS = 30_000
HEAP_BYTES = 150 * 1024 * 1024
MOST_ROWS = 500


def publish(owner: Owner, number: int, value: Any) -> None:
    """As the workflow's own code does."""
    event_log.set_value(owner, f"later.{number}", position=None, key="later", encoded=json.dumps(value), in_step=False)


def row(page: Page, seq: int) -> Any:
    return page.locator(f"#event-{seq}")


def scroll_to(page: Page, place: float) -> None:
    """As a hand at the scrollbar does: the share of the whole."""
    page.locator(".history__scroll").evaluate("(box, place) => { box.scrollTop = box.scrollHeight * place }", place)


def heap(page: Page) -> int:
    """What the page keeps, in bytes, after the browser has cleaned up."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used: int = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    return used


def timing(page: Page) -> str:
    """Milliseconds since the address was asked for; `docs/performance.md` has those of a quiet machine."""
    found = page.evaluate("""() => {
      const { responseEnd, domInteractive, loadEventEnd } = performance.getEntriesByType("navigation")[0];
      return [responseEnd, domInteractive, loadEventEnd];
    }""")
    return "page read {:.0f} ms, interactive {:.0f} ms, complete {:.0f} ms".format(*found)


def assert_small(page: Page) -> None:
    rows, used = page.locator(".history__rows > li").count(), heap(page)
    print(f"{rows} rows, {used / 1024 / 1024:.1f} MB")
    assert rows <= MOST_ROWS
    assert used < HEAP_BYTES


@pytest.mark.timeout(400)  # on a busy machine the database alone takes a minute to write them
def test_a_hundred_thousand_events_are_one_history(visit: Visit) -> None:
    owner = write_long_history("w", LENGTH)
    page = visit.open("/workflows/w/")
    expect(row(page, LENGTH)).to_be_visible(timeout=PATIENCE_MS)
    print(f"\n{LENGTH:,} events: {timing(page)}")
    mark(page)
    page.locator(".history__scroll").evaluate("box => box.scrollIntoView({ block: 'end' })")
    publish(owner, 1, "here I am")
    expect(row(page, LENGTH + 1)).to_contain_text("here I am", timeout=PATIENCE_MS)
    scroll_to(page, 1)
    expect(row(page, 1)).to_be_in_viewport(timeout=PATIENCE_MS)
    assert_small(page)
    publish(owner, 2, "unseen")
    expect(page.locator(".history__pill")).to_contain_text("1 new event", timeout=PATIENCE_MS)
    expect(row(page, 1)).to_be_in_viewport()
    drag_to(page, LENGTH // 2)
    expect(row(page, LENGTH // 2)).to_be_in_viewport(timeout=PATIENCE_MS)
    expect(page.locator(".scrubber__past")).to_contain_text(f"event {LENGTH // 2:,} of", timeout=PATIENCE_MS)
    expect(page.locator(".scrubber__pace")).to_have_count(1)
    for place in range(1, 6):  # every place is another stretch that is read, and few are kept
        drag_to(page, place * 15_000)
        expect(row(page, place * 15_000)).to_be_in_viewport(timeout=PATIENCE_MS)
    assert_small(page)
    page.keyboard.press("Escape")
    page.locator("body").press("l")
    expect(row(page, LENGTH + 2)).to_contain_text("unseen", timeout=PATIENCE_MS)
    publish(owner, 3, "live again")
    expect(row(page, LENGTH + 3)).to_contain_text("live again", timeout=PATIENCE_MS)
    assert_not_reloaded(page)
    assert visit.troubles == []


@pytest.mark.timeout(300)
def test_any_event_is_found_by_its_number_its_key_or_what_is_in_it(visit: Visit) -> None:
    write_long_history("w", 30_002)
    page = visit.open("/workflows/w/")
    mark(page)
    page.keyboard.press(":")
    page.keyboard.type("12,345")
    page.keyboard.press("Enter")
    expect(row(page, 12_345)).to_be_in_viewport(timeout=PATIENCE_MS)
    expect(row(page, 12_345).locator(".history__open")).to_be_focused()
    page.keyboard.press("Enter")
    whole = row(page, 12_345).locator(".history__whole")
    expect(whole).to_contain_text('"value": "parcel number 12345"', timeout=PATIENCE_MS)
    page.keyboard.press("j")
    expect(row(page, 12_344).locator(".history__open")).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.type("number 777")
    expect(page).to_have_url(re.compile(r"find=number\+777"), timeout=PATIENCE_MS)
    expect(row(page, 7_774)).to_be_visible(timeout=PATIENCE_MS)
    expect(row(page, 777)).to_have_count(1, timeout=PATIENCE_MS)
    assert all("number 777" in text for text in page.locator(".history__row").all_inner_texts())
    page.locator("#history-find").fill("")
    page.get_by_label("Key", exact=True).fill("progress")
    page.get_by_role("button", name="Group").click()
    expect(page.locator(".history__row")).to_have_count(3, timeout=PATIENCE_MS)  # of ten thousand events each
    expect(page.locator(".history__count").first).to_contain_text(re.compile(r"\d{3} updates"))
    page.locator(".history__open").first.click()
    expect(page.locator(".history__updates > li")).to_have_count(200, timeout=PATIENCE_MS)
    page.reload()
    expect(page.locator(".history__count").first).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Oldest first").click()
    expect(page.get_by_role("button", name="Newest first")).to_be_visible()
    page.get_by_role("button", name="Group").click()
    page.get_by_label("Key", exact=True).fill("")
    page.get_by_label("Key", exact=True).press("Enter")
    expect(page.locator(".history__row").first).to_have_attribute("id", "event-1", timeout=PATIENCE_MS)
    assert visit.troubles == []
