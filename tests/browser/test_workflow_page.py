"""One workflow's page under the hand: the timeline, payloads that never break it, and every key with its button."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.db.models import F
from playwright.sync_api import Page, expect

from examples.workflows.flaky import flaky
from tests import definitions, execution
from tests.browser.test_console import Visit, assert_not_reloaded, mark, open_window, visit
from tests.browser.test_long_history import publish
from tests.long_history import write_long_history
from workflows import event_log, operations
from workflows.models import Event, Workflow

__all__ = ["open_window", "visit"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_MS = 30_000
TIMELINE = "workflow-timeline"


def pressed(page: Page, act: str, value: str = "true") -> None:
    expect(page.locator(f"{TIMELINE} [data-act={act}]")).to_have_attribute("aria-pressed", value, timeout=PATIENCE_MS)


def labels(page: Page) -> list[str]:
    found: list[str] = page.locator(f"{TIMELINE} .timeline__axis > span").all_inner_texts()
    return found


def age(workflow_id: str, by: timedelta) -> None:
    """As if everything so far had happened that much earlier."""
    Event.objects.filter(workflow_id=workflow_id).update(at=F("at") - by)
    Workflow.objects.filter(id=workflow_id).update(created_at=F("created_at") - by, started_at=F("started_at") - by)


def test_a_wait_of_hours_is_short_on_the_timeline_until_it_is_opened(visit: Visit) -> None:
    handle = definitions.listening.using(workflow_id="w").start("go")
    execution.run(handle)
    assert handle.status() == "waiting"
    age("w", timedelta(hours=2))
    page = visit.open("/workflows/w/")
    mark(page)
    gap = page.locator(f"{TIMELINE} .timeline__gap")
    expect(gap).to_have_count(1, timeout=PATIENCE_MS)
    operations.send("w", "go", {"answer": 42}, by="ana")
    execution.run(handle)
    expect(page.locator("status-badge[data-size]")).to_have_text("Succeeded", timeout=PATIENCE_MS)
    expect(gap).to_have_text(re.compile(r"2 h 0\d min"))
    expect(gap).to_have_attribute("title", re.compile("Waiting for message “go”"))
    gap.click()
    expect(gap).to_have_count(0)
    assert any("1 h" in label for label in labels(page))
    short = page.get_by_role("button", name="Short waits")
    short.click()
    pressed(page, "compress", "false")
    short.click()
    expect(gap).to_have_count(1)
    expect(page.locator("workflow-output .tree")).to_contain_text('{"answer": 42}', timeout=PATIENCE_MS)
    assert_not_reloaded(page)
    assert visit.troubles == []


def test_the_timeline_follows_until_a_hand_takes_it_away(visit: Visit) -> None:
    owner = write_long_history("w", 2_002)
    page = visit.open("/workflows/w/")
    pressed(page, "whole")
    page.keyboard.press("f")
    pressed(page, "follow")
    pressed(page, "whole", "false")
    page.locator(".timeline__scroll").focus()
    page.keyboard.press("ArrowLeft")
    pressed(page, "follow", "false")
    inspected = labels(page)
    publish(owner, 1, "later")
    expect(page.locator('tr[data-key="later"]')).to_be_visible(timeout=PATIENCE_MS)
    assert labels(page) == inspected
    page.keyboard.press("l")
    pressed(page, "follow")
    bars = page.locator(".timeline__axis").bounding_box()
    assert bars is not None
    y = bars["y"] + 60
    page.mouse.move(bars["x"] + 50, y)
    page.mouse.down()
    page.mouse.move(bars["x"] + 150, y, steps=4)
    page.mouse.up()
    pressed(page, "follow", "false")
    assert labels(page) != inspected
    page.locator(".timeline__scroll").focus()
    page.keyboard.press("Escape")
    pressed(page, "whole")
    assert visit.troubles == []


def test_values_keep_every_digit_live_and_in_full(visit: Visit) -> None:
    owner = write_long_history("w", 22)
    page = visit.open("/workflows/w/")
    odd = {"big": 2**53 + 1, "sum": 0.1 + 0.2, "long": "x" * 3_000, "<b>": [None, True]}
    publish(owner, 1, 2**53 + 1)
    value = page.locator('tr[data-key="later"] .values__value')
    expect(value).to_have_text("9007199254740993", timeout=PATIENCE_MS)
    expect(page.locator(".history__row").first).to_contain_text("9007199254740993")
    publish(owner, 2, odd)
    expect(value).to_contain_text('"big": 9007199254740993', timeout=PATIENCE_MS)
    page.locator('tr[data-key="later"] .values__open').click()
    whole = page.locator(".values__whole .tree")
    expect(whole).to_contain_text('"sum": 0.30000000000000004', timeout=PATIENCE_MS)
    expect(whole).to_contain_text('"<b>": [null, true]')
    expect(whole).to_contain_text("1002 characters more")
    owner = execution.claim(flaky.using(workflow_id="told").start()).owner
    page = visit.open("/workflows/told/")
    event_log.set_value(owner, "1", position=1, key="phase", encoded='"calling"', in_step=False)
    key = page.locator('tr[data-key="phase"] th')
    expect(key).to_have_text("phasepublic", timeout=PATIENCE_MS)
    live = key.inner_html()
    page.reload()
    assert key.inner_html() == live
    assert visit.troubles == []


def test_a_large_input_is_loaded_when_somebody_asks(visit: Visit) -> None:
    operations.start("doubling", kwargs={"numbers": list(range(30_000))}, workflow_id="w")
    page = visit.open("/workflows/w/")
    mark(page)
    page.get_by_role("link", name=re.compile(r"Load \d+\.\d KB")).click()
    expect(page.locator("json-viewer .tree")).to_contain_text("30,000 items", timeout=PATIENCE_MS)
    expect(page.locator("json-viewer")).to_contain_text("Cut after")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert len(json.loads(download.value.path().read_text())["kwargs"]["numbers"]) == 30_000
    assert_not_reloaded(page)
    assert visit.troubles == []


def test_every_key_of_the_page_has_its_button(visit: Visit) -> None:
    write_long_history("w", 202)
    page = visit.open("/workflows/w/")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("h")
    expect(page.locator(".workflow-grid")).to_have_attribute("data-wide", "")
    page.get_by_role("button", name="Wide").click()
    expect(page.locator(".workflow-grid")).not_to_have_attribute("data-wide", "")
    page.keyboard.press("d")
    expect(page.get_by_role("button", name="Diff")).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".history__row .diff__old").first).to_be_hidden()
    page.keyboard.press("s")
    expect(page.locator("#announcer")).to_have_text("Copied", timeout=PATIENCE_MS)
    assert page.evaluate("navigator.clipboard.readText()").endswith("/workflows/w/?seq=202")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("#event-201 .history__open")).to_be_focused()
    page.keyboard.press("k")
    expect(page.locator("#event-202 .history__open")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".scrubber__words")).to_contain_text("event 201 of 202", timeout=PATIENCE_MS)
    page.keyboard.press("c")
    expect(page.locator("live-receipt")).to_contain_text("Nobody acts on the past")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".scrubber__past")).to_be_hidden()
    page.keyboard.press("r")
    expect(page.locator("live-receipt")).to_contain_text("Only what failed")
    page.keyboard.press("c")
    expect(page.locator("#cancel-reason")).to_be_focused()
    page.keyboard.type("x?")
    page.keyboard.press("Escape")
    expect(page.locator("#cancel-reason")).to_be_hidden()
    with page.expect_download() as file:
        page.keyboard.press("e")
    assert json.loads(file.value.path().read_text())["workflow"]["id"] == "w"
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog")
    for words in ("Go to an event by its number", "Let the timeline follow", "Share this moment", "Up to the workflow"):
        expect(sheet).to_contain_text(words)
    assert visit.troubles == []
