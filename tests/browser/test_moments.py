"""The scrubber in a real browser: every panel shows the moment, nobody acts on the past, and live is one key away."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests import definitions
from tests.browser.test_console import LIVE_MS, Visit, assert_not_reloaded, mark, open_window, visit
from tests.processes import Worker
from workflows import operations

__all__ = ["open_window", "visit"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


def drag_to(page: Page, seq: int) -> None:
    """As a hand does: the slider says every place that it passes."""
    page.locator(".scrubber__range").evaluate(
        "(range, seq) => { range.value = seq; range.dispatchEvent(new Event('input', { bubbles: true })); }", seq
    )


def test_every_panel_shows_the_moment_and_live_goes_on_behind_it(visit: Visit, worker: Worker) -> None:
    handle = definitions.doubling.using(workflow_id="w").start([1, 2, 3])
    handle.result(timeout=60)
    started = next(event.seq for event in handle.history() if event.kind == "step_started" and event.position == 3)
    page = visit.open("/workflows/w/")
    mark(page)
    drag_to(page, started)
    expect(page.locator(".scrubber__past")).to_contain_text(f"event {started} of", timeout=LIVE_MS)
    expect(page.locator("status-badge[data-size]")).to_have_text("Running")
    expect(page.locator(".history__row").first).to_have_attribute("id", f"event-{started}")
    expect(page.locator("tr[data-position]")).to_have_count(2)
    expect(page.locator("tr[data-position='3'] status-badge")).to_have_attribute("data-status", "running")
    expect(page.locator("workflow-output")).to_be_hidden()
    expect(page.locator(".workflow-header__actions")).to_have_attribute("inert", "")
    expect(page).to_have_url(re.compile(rf"\?seq={started}$"))
    operations.pin("w", by="operator", reason="evidence")
    expect(page.locator(".scrubber__past")).to_contain_text(f"of {list(handle.history())[-1].seq}.", timeout=LIVE_MS)
    page.keyboard.press("l")
    expect(page.locator("status-badge[data-size]")).to_have_text("Succeeded")
    expect(page.locator("tr[data-position]")).to_have_count(3)
    expect(page.locator(".history__row").first).to_contain_text("Pinned")
    expect(page.locator(".workflow-header__actions")).not_to_have_attribute("inert", "")
    expect(page).to_have_url(re.compile(r"/workflows/w/$"))
    assert_not_reloaded(page)
    assert visit.troubles == []


def test_a_moment_can_be_passed_on_stepped_and_played(visit: Visit, worker: Worker) -> None:
    handle = definitions.publishing.using(workflow_id="w").start(list(range(40)))
    handle.result(timeout=60)
    page = visit.open("/workflows/w/?seq=12")
    expect(page.locator("tr[data-key=key] .values__value")).to_have_text("9")
    expect(page.get_by_role("link", name="key: set 10 times")).to_have_text("10×")
    page.get_by_role("button", name="Event after").click()
    expect(page.locator("tr[data-key=key] .values__now")).to_have_text("10")
    page.locator(".scrubber__range").press("ArrowLeft")
    expect(page.locator("tr[data-key=key] .values__now")).to_have_text("9")
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".scrubber__past")).to_be_hidden(timeout=LIVE_MS)
    expect(page.locator("tr[data-key=key] .values__now")).to_have_text("39")
    page.get_by_role("link", name="key: set 40 times").click()
    expect(page.locator("#history").get_by_text("39", exact=True).first).to_be_visible(timeout=LIVE_MS)
    expect(page.locator("status-badge[data-size]")).to_have_text("Succeeded")
    assert visit.troubles == []
