"""The live list under the hand: nothing moves, closes or is lost, and what does not match the filter says so."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from dashboard.models import SavedView
from tests import definitions
from tests.browser.test_console import LIVE_MS, Visit, assert_not_reloaded, mark, open_window, visit
from tests.processes import Worker
from workflows import operations
from workflows.options import Options

__all__ = ["open_window", "visit"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


def start(*names: str) -> None:
    for name in names:
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=name, options=Options(queue="nobody"))


def last(page: Page, name: str) -> str:
    return f'tr[data-id="{name}"] .workflow-table__last'


def test_under_fifty_updates_a_second_nothing_moves_closes_or_is_lost(visit: Visit) -> None:
    """A menu is open, three rows are ticked, text is selected, and the page is scrolled."""
    names = [f"w-{number:02}" for number in range(50)]
    start(*names)
    page = visit.open("/workflows/")
    mark(page)
    ticked = ["w-30", "w-28", "w-26"]
    for name in ticked:
        page.get_by_role("checkbox", name=f"Select {name}", exact=True).check()
    page.evaluate("window.scrollTo(0, 400)")
    menu = page.locator("details.menu").last
    menu.evaluate("menu => { menu.open = true }")
    selecting = """name => {
        const cell = document.querySelector(`tr[data-id="${name}"] .workflow-table__id a`);
        getSelection().selectAllChildren(cell);
    }"""
    page.evaluate(selecting, "w-27")
    order = "[...document.querySelectorAll('tr[data-id]')].map(row => row.dataset.id)"
    places = "[...document.querySelectorAll('tr[data-id]')].map(row => row.getBoundingClientRect().top)"
    before = page.evaluate(order), page.evaluate(places), page.evaluate("scrollY")
    assert before[2] == 400
    for number in range(100):
        operations.send(names[20 + number % 10], "more", number)
    start("new-1", "new-2")
    operations.cancel("w-30", by="somebody else")
    expect(page.locator(last(page, "w-29"))).to_have_text("Message sent more", timeout=LIVE_MS)
    expect(page.locator('tr[data-id="w-30"] status-badge')).to_have_text("Cancelled", timeout=LIVE_MS)
    expect(page.locator(".live-bar__words")).to_have_text("2 new", timeout=LIVE_MS)
    assert page.evaluate("getSelection().toString()") == "w-27"
    assert (page.evaluate(order), page.evaluate(places), page.evaluate("scrollY")) == before
    expect(menu).to_have_attribute("open", "")
    assert page.locator("tr[data-id] input:checked").evaluate_all("all => all.map(box => box.value)") == ticked
    expect(page.locator(last(page, "w-27"))).not_to_have_text("Message sent more")
    page.evaluate("getSelection().removeAllRanges()")
    expect(page.locator(last(page, "w-27"))).to_have_text("Message sent more", timeout=LIVE_MS)
    assert_not_reloaded(page)
    page.locator('tr[data-id="w-25"] .workflow-table__name a').click()
    page.go_back()
    expect(page.locator('tr[data-id="w-25"]')).to_be_in_viewport()
    page.wait_for_function("scrollY === 400")
    assert visit.troubles == []


def test_families_stand_together_nothing_moves_and_the_address_says_how_it_looks(visit: Visit) -> None:
    start("top", "other")
    for name in ("one", "two"):
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=name, parent="top")
    page = visit.open("/workflows/")
    order = "[...document.querySelectorAll('tr[data-id]')].map(row => row.dataset.id)"
    assert page.evaluate(order) == ["other", "top", "one", "two"]
    expect(page.locator('tr[data-id="one"] .workflow-table__name')).to_contain_text("Child of top:")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="three", parent="top")
    operations.cancel("one", by="somebody else")
    expect(page.locator('tr[data-id="one"] status-badge')).to_have_text("Cancelled", timeout=LIVE_MS)
    expect(page.locator(".live-bar__words")).to_have_text("1 new", timeout=LIVE_MS)
    assert page.evaluate(order) == ["other", "top", "one", "two"]
    page.keyboard.press("n")
    expect(page.locator("tr[data-id]")).to_have_count(5)
    assert page.evaluate(order) == ["other", "top", "one", "two", "three"]
    for key in "jjj":
        page.keyboard.press(key)
    expect(page.locator('tr[data-id="one"] .workflow-table__name > a')).to_be_focused()
    page.keyboard.press("u")
    expect(page.locator('tr[data-id="top"] .workflow-table__name > a')).to_be_focused()
    for key in "jo":
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile(r"\?peek=one$"))
    page.keyboard.press("g")  # alone: once no second key can follow any more
    expect(page).to_have_url(re.compile(r"\?group=none&peek=one$"), timeout=LIVE_MS)
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    assert page.evaluate(order) == ["three", "two", "one", "other", "top"]
    expect(page.get_by_role("link", name="Child of top")).to_have_count(3)
    page.locator("summary[aria-label^=Account]").click()
    page.locator("[data-behaviour=density]").select_option("compact")
    expect(page).to_have_url(re.compile("group=none&peek=one&density=compact$"))
    page.locator("input[value=cancelled]").click()
    expect(page).to_have_url(re.compile("group=none&density=compact&status=cancelled$"))
    expect(page.locator("tr[data-id]")).to_have_count(1)
    page.go_back()
    expect(page.locator("tr[data-id]")).to_have_count(5)
    expect(page.locator("html")).to_have_attribute("data-density", "compact")
    assert visit.troubles == []


def test_no_row_outside_the_filter_is_shown_unmarked_and_columns_move_by_themselves(
    visit: Visit, worker: Worker
) -> None:
    for name in ("low", "high"):
        definitions.metering.using(workflow_id=name).start()
    operations.send("low", "amount", 2)
    operations.send("high", "amount", 70)
    page = visit.open("/workflows/")
    page.keyboard.press("v")
    page.locator("#column-key").fill("amount")
    page.locator("#column-as").select_option("number")
    page.get_by_role("button", name="Show these").click()
    expect(page).to_have_url(
        re.compile(r"columns=status,name,id,progress,left,last,started,duration,event\.amount:number$")
    )
    cell = page.locator('tr[data-id="high"] td[data-key="amount"]')
    expect(cell).to_have_text("70", timeout=LIVE_MS)
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    page.keyboard.press("/")
    page.keyboard.type("event.am")
    expect(page.get_by_role("option", name="event.amount:")).to_be_visible(timeout=LIVE_MS)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#filter-search")).to_have_value("event.amount:")
    page.keyboard.type("<50")
    page.keyboard.press("Enter")
    expect(page.get_by_label("event.amount:<50")).to_be_checked()
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    rows = page.locator("tr[data-id]")
    expect(rows).to_have_count(1)
    operations.send("low", "amount", 1234.5)
    low = page.locator('tr[data-id="low"]')
    expect(low.locator('td[data-key="amount"]')).to_have_text("1,234.5", timeout=LIVE_MS)
    expect(low).to_have_attribute("data-left", "", timeout=LIVE_MS)
    operations.send("high", "amount", 7)
    expect(page.locator(".live-bar__words")).to_have_text("1 new, 1 no longer matches", timeout=30_000)
    page.keyboard.press("n")
    expect(rows).to_have_count(1)
    expect(page.locator('tr[data-id="high"] td[data-key="amount"]')).to_have_text("7")
    assert visit.troubles == []


def test_one_is_peeked_at_without_leaving_the_list_and_what_is_shown_is_saved_under_a_name(
    visit: Visit, worker: Worker
) -> None:
    definitions.metering.using(workflow_id="meter").start()
    start("one", "two")
    page = visit.open("/workflows/")
    mark(page)
    for key in "jjo":
        page.keyboard.press(key)
    peek = page.get_by_role("region", name="Peek at one workflow")
    expect(peek.locator("code").first).to_have_text("one", timeout=LIVE_MS)
    expect(page).to_have_url(re.compile(r"\?peek=one$"))
    page.keyboard.press("j")
    expect(peek.locator("code").first).to_have_text("meter", timeout=LIVE_MS)
    operations.send("meter", "amount", 5)
    expect(peek.locator('.values tr[data-key="amount"] .values__value')).to_have_text("5", timeout=LIVE_MS)
    expect(peek.locator(".history__row").first).to_contain_text("a message", timeout=LIVE_MS)
    assert peek.locator(".history__row").count() <= 20
    page.keyboard.press("Escape")
    expect(peek).to_be_hidden()
    expect(page).not_to_have_url(re.compile("peek"))
    page.locator('tr[data-id="two"] .workflow-table__last').click()
    expect(peek.locator("code").first).to_have_text("two", timeout=LIVE_MS)
    page.go_back()
    expect(peek).to_be_hidden()
    page.go_forward()
    expect(peek.locator("code").first).to_have_text("two", timeout=LIVE_MS)
    assert_not_reloaded(page)
    page.reload()
    expect(peek.locator("code").first).to_have_text("two", timeout=LIVE_MS)
    page.locator("[data-act=close-peek]").click()
    expect(peek).to_be_hidden()
    visit.open("/workflows/?status=queued")
    page.get_by_text("Save this view…").click()
    page.locator("#view-name").fill("<b>Queued</b>")
    page.locator("#view-shared").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".notice")).to_have_text("Saved as “<b>Queued</b>”.")
    page.get_by_role("link", name="Clear").click()
    expect(page).to_have_url(re.compile(r"/workflows/\??$"))
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    page.keyboard.press("1")
    expect(page).to_have_url(re.compile(r"\?status=queued$"))
    page.get_by_role("link", name="Manage").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Saved views")
    page.get_by_role("button", name="Open the list with <b>Queued</b>").click()
    expect(page.get_by_role("button", name="Open with everything again")).to_be_visible()
    page.wait_for_load_state("load")  # before that no key is heard
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page).to_have_url(re.compile(r"/workflows/\?status=queued$"))
    page.get_by_role("link", name="Clear").click()
    expect(page.locator("tr[data-id]")).to_have_count(3)
    assert SavedView.objects.get().shared is True
    assert visit.troubles == []
