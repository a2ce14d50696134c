"""Selecting workflows in the list, acting on many at once, and doing all of it with keys; nothing live disturbs it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests import definitions
from tests.browser.test_console import LIVE_MS, Visit, assert_not_reloaded, mark, open_window, visit
from tests.people import People
from tests.processes import Server
from tests.wait import until
from workflows import bulk, operations
from workflows.models import Workflow
from workflows.options import Options

__all__ = ["definitions", "open_window", "visit"]  # fixtures, and what the registry knows
pytestmark = pytest.mark.django_db(transaction=True)


def start(*names: str) -> None:
    for name in names:
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=name, options=Options(queue="nobody"))


def box(page: Page, name: str) -> Locator:
    return page.get_by_role("checkbox", name=f"Select {name}", exact=True)


def words(page: Page) -> Locator:
    return page.locator(".selection-bar__words")


def verb(page: Page, name: str) -> Locator:
    return page.locator(f"button[data-verb={name}]")


def test_fifty_updates_take_off_no_tick_move_no_row_and_close_no_menu(visit: Visit) -> None:
    names = [f"w-{number}" for number in range(6)]
    start(*names)
    page = visit.open("/workflows/")
    mark(page)
    ticked = ["w-1", "w-3", "w-5"]
    for name in ticked[:2]:
        box(page, name).check()
    expect(page.get_by_role("link", name="Compare")).to_have_attribute("href", re.compile(r"/compare\?a=w-1&b=w-3$"))
    box(page, ticked[2]).check()
    expect(page.get_by_role("link", name="Compare")).to_be_hidden()
    menu = page.locator("details.menu").last
    menu.locator("summary").click()
    rows = page.locator("tr[data-id]")
    order = rows.evaluate_all("rows => rows.map(row => row.dataset.id)")
    places = [rows.nth(index).bounding_box() for index in range(6)]
    for number in range(50):
        operations.send(names[number % 6], "more", number)
    operations.cancel("w-3", by="somebody else")
    expect(page.locator('tr[data-id="w-3"] status-badge')).to_have_text("Cancelled", timeout=LIVE_MS)
    expect(page.locator('tr[data-id="w-1"] .workflow-table__last')).to_have_text("Message sent more", timeout=LIVE_MS)
    expect(menu).to_have_attribute("open", "")
    assert [name for name in names if box(page, name).is_checked()] == ticked
    assert rows.evaluate_all("rows => rows.map(row => row.dataset.id)") == order
    assert [rows.nth(index).bounding_box() for index in range(6)] == places
    expect(verb(page, "cancel")).to_have_text("Cancel 2 of 3…")
    expect(verb(page, "delete")).to_have_text("Delete 1 of 3…")
    assert_not_reloaded(page)
    assert visit.troubles == []


def test_a_selection_lasts_over_pages_and_updates_until_it_is_acted_on(visit: Visit) -> None:
    start(*(f"w-{number:02}" for number in range(52)))
    page = visit.open("/workflows/")
    box(page, "w-51").check()
    box(page, "w-48").click(modifiers=["Shift"])
    expect(words(page)).to_have_text("4 selected")
    page.keyboard.press("]")
    expect(words(page)).to_have_text("4 selected (4 not in this view)")
    box(page, "w-00").check()
    page.keyboard.press("[")
    expect(words(page)).to_have_text("5 selected (1 not in this view)")
    start("new")
    expect(page.locator(".live-bar")).to_contain_text("1 new", timeout=LIVE_MS)
    page.locator(".live-bar").click()
    expect(box(page, "new")).not_to_be_checked()
    expect(box(page, "w-50")).to_be_checked()
    verb(page, "cancel").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cancel 5 of 5 selected workflows?")
    page.locator("#bulk-reason").fill("wrong import")
    page.get_by_role("button", name="Cancel 5 workflows").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("5 of 5 workflows cancelled", timeout=LIVE_MS)
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator("tr[data-id] input:checked")).to_have_count(0)
    expect(page.locator(".selection-bar")).to_be_hidden()
    cancelled = Workflow.objects.filter(status="cancelled").order_by("id").values_list("id", flat=True)
    assert list(cancelled) == ["w-00", "w-48", "w-49", "w-50", "w-51"]
    assert visit.troubles == []


def test_all_that_match_become_a_fixed_set(visit: Visit) -> None:
    start(*(f"w-{number:02}" for number in range(52)))
    operations.cancel("w-07", by="x")
    page = visit.open("/workflows/?status=queued")
    page.get_by_label("Select all on this page").check()
    expect(words(page)).to_have_text("50 selected")
    page.get_by_role("button", name="Select all 51 that match").click()
    expect(words(page)).to_have_text("51 selected (1 not in this view)")
    start("late")
    verb(page, "cancel").click()
    page.locator("#bulk-reason").fill("all of them")
    page.get_by_role("button", name="Cancel 51 workflows").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("51 of 51 workflows cancelled", timeout=LIVE_MS)
    assert Workflow.objects.get(id="late").status == "queued"
    visit.open("/workflows/?status=queued")
    expect(box(page, "late")).not_to_be_checked()
    expect(page.locator(".selection-bar")).to_be_hidden()


def test_a_bulk_action_moves_on_its_page_until_somebody_stops_it(visit: Visit) -> None:
    names = [f"w-{number}" for number in range(6)]
    start(*names)
    action = bulk.begin(uuid4(), "cancel", names, by="operator", reason="wrong import")
    page = visit.open("/bulk/")
    page.get_by_role("link", name="Cancel 6 workflows").click()
    mark(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("0 of 6 workflows cancelled")
    bulk.carry_on(action.pk, seconds=0)
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 6 workflows cancelled", timeout=LIVE_MS)
    assert_not_reloaded(page)
    page.get_by_role("button", name="Stop: leave 5 alone").click()
    expect(page.locator(".bulk__standing")).to_have_text("Stopped by operator")
    page.get_by_role("button", name="Go on with the 5 that were left").click()
    page.get_by_role("button", name="Cancel 5 workflows").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("5 of 5 workflows cancelled", timeout=LIVE_MS)
    with page.expect_download() as file:
        page.get_by_role("link", name="CSV").click()
    assert file.value.path().read_text().count("cancel,done") == 5
    assert visit.troubles == []


def test_the_list_is_worked_by_keys_alone(visit: Visit) -> None:
    start("one", "two", "three")
    visit.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit.open("/workflows/")
    for key in "jjx":
        page.keyboard.press(key)
    expect(box(page, "two")).to_be_checked()
    page.keyboard.press("y")
    page.wait_for_function("navigator.clipboard.readText().then(text => text === 'two')")
    for key in ("k", "Shift+X"):  # from the one that was ticked before
        page.keyboard.press(key)
    expect(words(page)).to_have_text("2 selected")
    page.keyboard.press("*")
    expect(words(page)).to_have_text("3 selected")
    page.keyboard.press("*")
    expect(page.locator(".selection-bar")).to_be_hidden()
    with page.expect_download() as file:
        page.keyboard.press("e")
    assert file.value.path().read_text().count("doubling") == 3
    page.keyboard.press("r")  # the row that has the focus
    expect(page.locator("live-receipt")).to_have_text("None of the selected can be resumed.")
    page.keyboard.press("c")
    expect(page.get_by_role("heading", name="Cancel 1 of 1")).to_be_visible(timeout=LIVE_MS)
    page.go_back()
    page.wait_for_load_state()
    expect(words(page)).to_have_text("1 selected")
    page.keyboard.press("Escape")
    for key in ("c", "j", "j"):
        page.keyboard.press(key)
    expect(page.locator("live-receipt")).to_contain_text("Nothing is selected")
    page.keyboard.press("Enter")
    expect(page.locator(".workflow-header__id")).to_have_text("two")
    page.wait_for_load_state()  # its keys are heard
    for key, path in (
        ("q", "queues"),
        ("s", "schedules"),
        ("k", "workers"),
        ("b", "bulk"),
        ("n", ""),
        ("w", "workflows"),
    ):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page).to_have_url(re.compile(f"{visit.server.url}/{path}/?$"))
        page.wait_for_load_state()
    assert visit.troubles == []


def test_terms_are_typed_to_their_end_and_then_taken_off_again(visit: Visit) -> None:
    start("order-1", "order-2", "other")
    operations.cancel("order-2", by="x")
    page = visit.open("/workflows/")
    page.keyboard.press("/")
    page.keyboard.type("status:queued name:doub* since:2h id:order", delay=20)
    page.keyboard.press("Enter")
    expect(page.locator("tr[data-id]")).to_have_count(1)
    expect(page.locator("#filter-search")).to_have_value("order")
    expect(page.locator("#filter-definition")).to_have_value("doub*")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    start("order-3")
    expect(page.locator(".live-bar")).to_contain_text("1 new", timeout=LIVE_MS)
    page.get_by_label("Since 2h").click(force=True)
    expect(page).to_have_url(re.compile(r"/workflows/\?status=queued&definition=doub\*&q=order$"))
    page.locator("#filter-search").fill("status:nonsense")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("“nonsense” is no status")
    assert visit.troubles == []


def test_the_sheet_shows_every_key_and_turns_them_off(visit: Visit) -> None:
    start("one")
    page = visit.open("/workflows/")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard")
    expect(sheet.locator("kbd").first).to_be_visible()
    page.keyboard.press("j")
    expect(sheet.get_by_role("button", name="Close")).to_be_focused()
    sheet.get_by_label("Single keys are on in this browser").uncheck()
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    page.keyboard.press("?")
    page.keyboard.press("*")
    expect(sheet).to_have_count(0)
    expect(box(page, "one")).not_to_be_checked()
    page.get_by_label("Account of operator").click()
    page.get_by_role("button", name="Keyboard").click()
    sheet.get_by_label("Single keys are on in this browser").check()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("x*?")
    expect(page.locator("#filter-search")).to_have_value("x*?")
    expect(sheet).to_have_count(0)


def test_without_scripts_many_are_acted_on_as_well(browser: Any, people: People, server: Server) -> None:
    start("one", "two", "three")
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(LIVE_MS)
    without = Visit(context.new_page(), server)
    without.sign_in()
    page = without.page
    page.goto(f"{server.url}/workflows/")
    box(page, "one").check()
    box(page, "two").check()
    verb(page, "cancel").click()
    page.get_by_role("button", name="Cancel 2 workflows").click()
    until(lambda: page.reload() and "2 of 2 workflows cancelled" in page.content(), what="both are cancelled")
    page.get_by_role("link", name="Back to the list").click()
    page.get_by_label("all that match").check()
    verb(page, "delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Delete 2 of 3 selected workflows?")
    context.close()


def test_on_a_phone_the_selection_and_its_confirmation_fit(open_window: Callable[..., Visit]) -> None:
    long = "an-id-without-any-place-to-break-it-" * 5
    start(long[:200], "w")
    phone = open_window(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = phone.open("/workflows/")
    box(page, long[:200]).tap()
    expect(words(page)).to_have_text("1 selected")
    sideways = "document.documentElement.scrollWidth"
    assert page.evaluate(sideways) <= 390
    expect(verb(page, "cancel")).to_be_hidden()
    opener, sheet = page.get_by_role("button", name="Actions…"), page.locator("#selection-actions")
    opener.tap()
    expect(sheet).to_be_visible()
    heights = "buttons => buttons.map(button => button.getBoundingClientRect().height)"
    assert min(sheet.get_by_role("button").evaluate_all(heights)) >= 44
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(opener).to_be_focused()
    expect(words(page)).to_have_text("1 selected")
    opener.tap()
    page.touchscreen.tap(195, 60)
    expect(sheet).to_be_hidden()
    opener.tap()
    verb(page, "cancel").tap()
    expect(page.get_by_role("button", name="Cancel 1 workflow")).to_be_visible()
    assert page.evaluate(sideways) <= 390
    page.get_by_role("button", name="Cancel 1 workflow").tap()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 1 workflow cancelled", timeout=LIVE_MS)
    assert page.evaluate(sideways) <= 390
    assert phone.troubles == []
