"""What operators do in the browser: verbs of a workflow, queues, schedules, workers; nothing needs a reload."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from dashboard import saved_views
from tests import definitions, execution
from tests.browser.test_console import LIVE_MS, Proxy, Visit, assert_not_reloaded, mark, open_window, visit
from tests.processes import Server, Worker
from workflows import operations, queues, schedules
from workflows.models import Queue, Schedule, Workflow
from workflows.options import Options

__all__ = ["open_window", "visit"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


def looked_at(visit: Visit, path: str) -> Page:
    """Go to a page that follows no workflow."""
    visit.page.goto(visit.server.url + path)
    return visit.page


def open_verb(page: Page, name: str) -> None:
    page.get_by_text("More…").click()
    page.get_by_text(name, exact=True).click()


# Verbs of a workflow


def test_on_a_phone_verbs_are_a_sheet_that_no_change_closes_and_keys_open(open_window: Callable[..., Visit]) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w", options=Options(queue="nobody"))
    phone = open_window(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = phone.open("/workflows/w/")
    sheet, opener = page.locator("#verbs"), page.get_by_role("button", name="Actions…")
    expect(page.get_by_text("Cancel…")).to_be_hidden()
    opener.tap()
    expect(sheet).to_be_visible()
    page.get_by_text("Send message…").tap()
    page.locator("#message-topic").fill("half a w")
    operations.cancel("w", by="somebody")
    expect(page.get_by_text("Resume…")).to_be_visible(timeout=LIVE_MS)
    expect(sheet).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(opener).to_be_focused()
    page.keyboard.press("r")
    expect(page.locator("#resume-reason")).to_be_focused()
    sheet.evaluate("sheet => Promise.all(sheet.getAnimations().map(({ finished }) => finished))")
    assert sheet.evaluate("sheet => sheet.getBoundingClientRect().bottom") == 844
    sizes = "all => all.filter(one => one.checkVisibility()).map(one => one.getBoundingClientRect().height)"
    assert min(sheet.locator("button, summary, .input").evaluate_all(sizes)) >= 44
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(sheet).to_be_hidden()
    page.goto(f"{phone.server.url}/workflows/w/?fork=1")
    expect(page.locator("#fork-position")).to_be_visible()
    page.locator("#fork-reason").fill("at the thumb")
    page.get_by_role("button", name="Fork", exact=True).tap()
    expect(page.locator(".facts")).to_contain_text("Forked from")
    assert phone.troubles == []


def test_a_failed_workflow_is_resumed_and_the_page_follows(visit: Visit, worker: Worker) -> None:
    operations.start("doubling", kwargs={"numbers": [1]}, workflow_id="w", options=Options(queue="nobody"))
    operations.cancel("w", by="ana")
    page = visit.open("/workflows/w/")
    page.get_by_text("Resume…").click()
    page.locator("#resume-reason").fill("after all")
    page.get_by_role("button", name="Resume the workflow").click()
    expect(page.locator("status-badge[data-size]")).to_have_text("Queued", timeout=LIVE_MS)
    expect(page.locator(".history__rows")).to_contain_text("by operator: after all")
    expect(page.get_by_text("Resume…")).to_be_hidden()
    expect(page.get_by_text("Cancel…")).to_be_visible()
    assert visit.troubles == []


def test_buttons_follow_the_status_without_a_reload(visit: Visit) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w", options=Options(queue="nobody"))
    page = visit.open("/workflows/w/")
    mark(page)
    page.get_by_text("More…").click()
    expect(page.get_by_role("button", name="Delete", exact=True)).to_be_disabled()
    expect(page.get_by_text("Only what has ended can be deleted.")).to_be_visible()
    operations.cancel("w", by="somebody")
    expect(page.get_by_text("Delete…")).to_be_visible(timeout=LIVE_MS)
    expect(page.get_by_text("Only what has ended can be deleted.")).to_be_hidden()
    expect(page.get_by_text("It has ended already.")).to_be_visible()
    assert_not_reloaded(page)
    assert visit.troubles == []


def test_a_fork_from_a_step_goes_on_from_there(visit: Visit, worker: Worker) -> None:
    definitions.doubling.using(workflow_id="w").start([1, 2]).result(timeout=60)
    page = visit.open("/workflows/w/")
    open_verb(page, "Fork from a step…")
    chosen = page.locator("#fork-position")
    expect(chosen.locator("option")).to_have_text(
        [re.compile("from the beginning"), re.compile("double, succeeded"), re.compile("double, succeeded")]
    )
    position = int(chosen.locator("option").last.get_attribute("value") or 0)
    page.locator("#fork-new-id").fill("fo/rk")
    page.get_by_role("button", name="Fork", exact=True).click()
    expect(page.locator(".workflow-header__id")).to_have_text("fo/rk")
    expect(page.locator("status-badge[data-size]")).to_have_text("Succeeded", timeout=LIVE_MS)
    expect(page.locator(".facts")).to_contain_text(f"w at position {position}")
    page.locator(".facts").get_by_role("link", name="w", exact=True).click()
    expect(page.locator(".relatives")).to_contain_text("fo/rk")
    assert visit.troubles == []


def test_starting_anew_begins_with_the_input_and_takes_what_was_edited(visit: Visit, worker: Worker) -> None:
    operations.start("flaky", kwargs={"calls": 1, "fatal": False}, workflow_id="w")
    page = visit.open("/workflows/w/")
    open_verb(page, "Start anew…")
    text = page.locator("#restart-input")
    assert json.loads(text.input_value()) == {"calls": 1, "fatal": False}
    text.fill('{"calls": 2, "fatal": false}')
    page.locator("#restart-new-id").fill("anew")
    page.get_by_role("button", name="Start anew", exact=True).click()
    expect(page.locator(".workflow-header__id")).to_have_text("anew")
    expect(page.locator("status-badge[data-size]")).to_have_text("Succeeded", timeout=LIVE_MS)
    expect(page.locator(".json").first).to_contain_text('"calls": 2')
    assert visit.troubles == []


def test_a_refusal_is_said_where_it_happened(visit: Visit, worker: Worker) -> None:
    definitions.doubling.using(workflow_id="w").start([1]).result(timeout=60)
    page = visit.open("/workflows/w/")
    open_verb(page, "Start anew…")
    page.locator("#restart-input").fill('{"numbers": ')
    page.get_by_role("button", name="Start anew", exact=True).click()
    expect(page.locator('.notices[role="status"] .notice')).to_contain_text("Not started anew: input: This is not JSON")
    assert Workflow.objects.count() == 1


def test_a_pin_is_seen_and_taken_away(visit: Visit) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w", options=Options(queue="nobody"))
    page = visit.open("/workflows/w/")
    open_verb(page, "Pin…")
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator(".facts")).to_contain_text("Pinned")
    open_verb(page, "Unpin…")
    page.get_by_role("button", name="Unpin", exact=True).click()
    expect(page.locator(".facts")).not_to_contain_text("Pinned")
    assert Workflow.objects.get().pinned is False
    assert visit.troubles == []


def test_deleting_asks_for_the_id(visit: Visit) -> None:
    name = "<b>w</b>"
    operations.start("doubling", kwargs={"numbers": []}, workflow_id=name, options=Options(queue="nobody"))
    operations.cancel(name)
    page = visit.open("/workflows/~3Cb~3Ew~3C~2Fb~3E/")
    open_verb(page, "Delete…")
    page.locator("#delete-id").fill("w")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator('.notices[role="status"] .notice')).to_contain_text("Not deleted")
    open_verb(page, "Delete…")
    page.locator("#delete-id").fill(name)
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator('.notices[role="status"] .notice')).to_have_text("Workflow <b>w</b> is deleted.")
    assert not Workflow.objects.exists()
    assert visit.troubles == []


def test_cancelling_takes_the_children_along_if_asked(visit: Visit) -> None:
    options = Options(queue="nobody")
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="top", options=options)
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="child", options=options, parent="top")
    page = visit.open("/workflows/top/")
    page.get_by_text("Cancel…").click()
    page.get_by_label("And its children").check()
    page.get_by_role("button", name="Cancel the workflow").click()
    expect(page.locator("status-badge[data-size]")).to_have_text("Cancelled", timeout=LIVE_MS)
    expect(page.locator('.relatives tr[data-id="child"]')).to_contain_text("Cancelled")
    assert Workflow.objects.get(id="child").status == "cancelled"


def test_children_appear_and_move_without_a_reload(visit: Visit) -> None:
    options = Options(queue="nobody")
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="top", options=options)
    page = visit.open("/workflows/top/")
    mark(page)
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="child", options=options, parent="top")
    row = page.locator('.relatives tr[data-id="child"]')
    expect(row).to_contain_text("Queued", timeout=LIVE_MS)
    operations.cancel("child")
    expect(row).to_contain_text("Cancelled", timeout=LIVE_MS)
    row.get_by_role("link").click()
    expect(page.locator(".facts")).to_contain_text("Child of")
    page.go_back()
    assert visit.troubles == []


def test_a_sleeping_workflow_says_until_when(visit: Visit, worker: Worker) -> None:
    definitions.listening.using(workflow_id="w").start("go", timeout=3_600)
    page = visit.open("/workflows/w/")
    expect(page.locator(".sentence")).to_contain_text(
        re.compile(r"Waiting \d+ s for message “go”, until .* UTC at most; holds no worker\."), timeout=LIVE_MS
    )
    expect(page.locator("status-badge[data-size]")).to_have_text("Waiting")
    expect(page.locator(".history__rows")).to_contain_text("Suspended")


# Queues


def test_a_queue_page_moves_while_it_is_open(visit: Visit) -> None:
    page = looked_at(visit, "/queues/")
    mark(page)
    operations.start("doubling", kwargs={"numbers": []}, options=Options(queue="slow"))
    row = page.locator('tr[data-queue="slow"]')
    expect(row).to_contain_text("Nobody consumes this queue; start a worker with -Q slow", timeout=LIVE_MS)
    queues.set_limits("slow", concurrency=7)
    expect(row).to_contain_text("7 running at once", timeout=LIVE_MS)
    assert_not_reloaded(page)
    assert visit.troubles == []


def test_a_queue_is_paused_from_the_table_and_limited_by_its_form(visit: Visit) -> None:
    page = looked_at(visit, "/queues/")
    page.get_by_role("button", name="Pause default").click()
    expect(page.locator('.notices[role="status"] .notice')).to_contain_text("Queue default is paused")
    expect(page.locator('tr[data-queue="default"]')).to_contain_text("Paused")
    page.get_by_role("link", name="default", exact=True).click()
    page.get_by_label("Running at once", exact=True).fill("4")
    page.get_by_label("Rate: started at most").fill("9")
    page.get_by_role("button", name="Set the limits").click()
    expect(page.locator(".field__errors")).to_contain_text("A rate needs both")
    page.get_by_label("Rate: in any so many seconds").fill("2")
    page.get_by_role("button", name="Set the limits").click()
    expect(page.locator('.notices[role="status"] .notice')).to_contain_text("hold from the next claim on")
    page.get_by_role("button", name="Unpause the queue").click()
    expect(page.locator('tr[data-queue="default"]')).to_contain_text("4 running at once, 9 started per 2 s")
    assert Queue.objects.get().paused is False
    assert [trouble for trouble in visit.troubles if "422" not in trouble] == []


def test_the_row_that_has_the_focus_is_left_alone_and_everything_around_it_goes_on(visit: Visit) -> None:
    page = looked_at(visit, "/queues/")
    button, slow = page.get_by_role("button", name="Pause default", exact=True), page.locator('tr[data-queue="slow"]')
    button.focus()
    operations.start("doubling", kwargs={"numbers": []}, options=Options(queue="slow"))
    expect(slow).to_be_visible(timeout=LIVE_MS)
    expect(button).to_be_focused()
    queues.pause("default")  # what the button would do is another thing now, so its row waits
    queues.pause("slow")
    expect(slow).to_contain_text("Paused", timeout=LIVE_MS)
    expect(button).to_be_focused()
    button.evaluate("button => button.blur()")
    expect(page.get_by_role("button", name="Unpause default")).to_be_visible(timeout=LIVE_MS)


def test_a_server_that_does_not_answer_is_said_with_the_time(visit: Visit) -> None:
    page = looked_at(visit, "/queues/")
    page.route("**/queues/table", lambda route: route.abort())
    operations.start("doubling", kwargs={"numbers": []}, options=Options(queue="slow"))
    stale = page.locator(".live-fragment__stale")
    expect(stale).to_have_text(re.compile(r"as of \d\d:\d\d:\d\d UTC"), timeout=LIVE_MS)
    expect(page.locator('tr[data-queue="default"]')).to_be_visible()
    page.unroute("**/queues/table")
    expect(stale).to_be_hidden(timeout=LIVE_MS)
    expect(page.locator('tr[data-queue="slow"]')).to_be_visible()


def test_a_queue_page_asks_only_when_something_changed(visit: Visit) -> None:
    page = looked_at(visit, "/queues/")
    asked: list[str] = []
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    page.on("request", lambda request: "/queues/table" in request.url and asked.append(request.url))
    page.wait_for_timeout(5_000)  # several of the pauses after which it would ask if it asked blindly
    assert len(asked) <= 1, asked  # the topic's first answer may be news
    operations.start("doubling", kwargs={"numbers": []}, options=Options(queue="slow"))
    expect(page.locator('tr[data-queue="slow"]')).to_be_visible(timeout=LIVE_MS)


def test_a_queue_page_that_lost_its_connection_says_as_of_when_it_is_and_catches_up(
    visit: Visit, start_server: Callable[..., Server]
) -> None:
    proxied = Proxy(visit)
    page = looked_at(visit, "/queues/")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    proxied.cut()
    expect(page.locator("connection-status")).to_have_attribute("data-state", "reconnecting")
    expect(page.locator(".as-of:visible")).to_have_text(re.compile(r"as of \d\d:\d\d:\d\d UTC"))
    operations.start("doubling", kwargs={"numbers": []}, options=Options(queue="slow"))
    proxied.mend()
    expect(page.locator('tr[data-queue="slow"]')).to_be_visible(timeout=LIVE_MS)
    expect(page.locator(".as-of:visible")).to_have_count(0)


def test_the_chips_count_while_workflows_come_and_go(visit: Visit) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w", options=Options(queue="nobody"))
    page = looked_at(visit, "/workflows/?status=queued")
    queued, cancelled = (page.locator(f'[data-count="{status}"]') for status in ("queued", "cancelled"))
    expect(queued).to_have_text("1")
    expect(cancelled).to_have_text("0")
    mark(page)
    operations.start("publishing", kwargs={"values": []}, options=Options(queue="nobody"))
    operations.cancel("w")
    expect(cancelled).to_have_text("1", timeout=LIVE_MS)
    expect(queued).to_have_text("1")
    page.goto(visit.server.url + "/workflows/?definition=publishing")
    expect(cancelled).to_have_text("0")
    operations.start("publishing", kwargs={"values": []}, options=Options(queue="nobody"))
    expect(queued).to_have_text("2", timeout=LIVE_MS)
    assert visit.troubles == []


# Schedules


def test_a_schedule_is_paused_started_and_backfilled(visit: Visit) -> None:
    schedules.create("nightly", "time_zones", cron="30 2 * * *", options={"queue": "nobody"})
    page = looked_at(visit, "/schedules/")
    expect(page.locator('tr[data-schedule="nightly"]')).to_contain_text("At 02:30 every day (UTC)")
    page.get_by_role("button", name="Pause nightly").click()
    expect(page.locator('tr[data-schedule="nightly"]')).to_contain_text("not while it is paused")
    assert Schedule.objects.get().paused is True
    page.get_by_role("button", name="Start nightly now").click()
    expect(page.locator('.notices[role="status"] .notice')).to_have_text("Started by schedule nightly, now.")
    page.locator(".facts").get_by_role("link", name="nightly").click()
    page.get_by_text("Backfill…").click()
    page.get_by_label("From").fill("2026-11-01T00:00:00")
    page.get_by_label("Until").fill("2026-11-02T02:30:00")
    page.get_by_role("button", name="Start them").click()
    expect(page.locator('.notices[role="status"] .notice')).to_have_text("2 occurrences started.")
    expect(page.locator(".relatives tbody tr")).to_have_count(3)
    assert visit.troubles == []


def test_pages_of_schedules_and_views_move_by_the_socket_and_leave_an_open_form_alone(visit: Visit) -> None:
    page = looked_at(visit, "/schedules/")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    mark(page)
    schedules.create("nightly", "time_zones", interval=60.0, options={"queue": "nobody"})
    row = page.locator('tr[data-schedule="nightly"]')
    expect(row).to_contain_text("Every 1 min 00 s", timeout=LIVE_MS)
    expect(row.locator("time-until")).to_have_text(re.compile(r"in \d+ s|now|late by"))
    schedules.trigger("nightly")
    expect(row.locator("status-badge")).to_have_count(1, timeout=LIVE_MS)
    assert_not_reloaded(page)

    page.get_by_role("link", name="nightly", exact=True).click()
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    mark(page)
    page.get_by_text("Backfill…").click()
    page.get_by_label("From").fill("2026-11-01T00:00:00")
    schedules.trigger("nightly")
    schedules.pause("nightly", by="ana")
    expect(page.locator(".relatives tbody tr")).to_have_count(2, timeout=LIVE_MS)
    expect(page.locator(".page__head .mark")).to_have_text("Paused", timeout=LIVE_MS)
    expect(page.get_by_label("From")).to_have_value(re.compile("^2026-11-01T00:00"))  # while the rest moved
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Unpause")).to_be_visible(timeout=LIVE_MS)
    assert_not_reloaded(page)

    owner = User.objects.get(username="operator")

    def save(name: str) -> None:
        saved_views.save(owner.pk, name=name, query="status=failed", shared=False, by="operator")

    looked_at(visit, "/views/")
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    mark(page)
    save("first")
    page.get_by_label("Change first").click(timeout=LIVE_MS)
    name = page.locator("tr[data-view]").first.get_by_label("Name")
    name.fill("half-written")
    save("second")
    expect(page.get_by_role("link", name="second", exact=True)).to_be_visible(timeout=LIVE_MS)
    expect(name).to_have_value("half-written")
    expect(name).to_be_focused()
    assert_not_reloaded(page)
    assert visit.troubles == []


# Workers


def test_a_worker_appears_runs_something_and_is_gone(
    visit: Visit, start_worker: Callable[..., Worker], server: Server, tmp_path: Path
) -> None:
    page = looked_at(visit, "/workers/")
    expect(page.locator("main")).to_contain_text("No worker is here")
    mark(page)
    worker = start_worker()
    row = page.locator("tr[data-worker]")
    expect(row).to_contain_text("Ready")
    expect(row).to_contain_text("nothing")
    handle = definitions.holding.using(workflow_id="w").start(str(tmp_path / "go on"))
    expect(row.get_by_role("link", name="holding w")).to_be_visible(timeout=LIVE_MS)
    (tmp_path / "go on").touch()
    handle.result(timeout=60)
    expect(row).to_contain_text("nothing", timeout=LIVE_MS)
    worker.terminate()
    expect(page.locator("main")).to_contain_text("Gone within the last day")
    expect(row).to_contain_text("Stopped")
    assert_not_reloaded(page)
    assert visit.troubles == []


def test_a_console_without_scripts_has_every_verb(open_window: Callable[..., Visit]) -> None:
    execution.run(definitions.doubling.using(workflow_id="w").start([1]))
    schedules.create("nightly", "time_zones", cron="30 2 * * *", options={"queue": "nobody"})
    visit = open_window(java_script_enabled=False)
    page, base = visit.page, visit.server.url
    page.goto(f"{base}/workflows/w/")
    open_verb(page, "Pin…")
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator(".facts")).to_contain_text("Pinned")
    page.goto(f"{base}/queues/")
    page.get_by_role("button", name="Pause default").click()
    expect(page.get_by_role("button", name="Unpause default")).to_be_visible()
    page.goto(f"{base}/schedules/")
    page.get_by_role("button", name="Start nightly now").click()
    expect(page.locator(".sentence")).to_contain_text("Queued for")
