"""How a page lives through a bad network: cut, deaf, slow, without WebSockets, asleep. Real browser, server, worker."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import definitions, execution
from tests.browser.test_console import LIVE_MS, Visit, assert_not_reloaded, mark, open_window, visit
from tests.browser.wire import Wire
from tests.processes import Server
from tests.wait import until
from workflows import operations
from workflows.durable import set_event
from workflows.models import Event, Workflow
from workflows.options import Options

__all__ = ["open_window", "visit"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)

NO_GAP = re.compile(r"Reconnected.*Replayed \d+ events?, no gap\.")


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    wire = Wire(server.port)
    yield wire
    wire.close()


@pytest.fixture
def wired(visit: Visit, wire: Wire) -> Visit:
    """A window that reaches the server over the wire; the cookie is good for every port."""
    visit.server = wire  # type: ignore[assignment]  # only its url is asked for
    return visit


def status(page: Page) -> Any:
    """What tells how the connection is."""
    return page.locator("connection-status")


def shows(page: Page, state: str) -> None:
    """Wait until the connection is in this state, for the reader's eyes."""
    expect(status(page)).to_have_attribute("data-state", state, timeout=LIVE_MS)


def begin(name: str = "w") -> None:
    """A workflow that stays as it is until messages are sent to it."""
    operations.start("listening", kwargs={"topic": "go"}, workflow_id=name, options=Options(queue="nobody"))


def write(count: int, name: str = "w") -> None:
    """So many events, each committed by itself."""
    for number in range(count):
        operations.send(name, "other", number)


def newest(name: str = "w") -> int:
    """The newest event in the database."""
    return Workflow.objects.values_list("last_seq", flat=True).get(pk=name)


def shows_everything(page: Page, name: str = "w") -> None:
    """The page has the newest event of the database."""
    expect(page.locator('[data-fact="seq"]')).to_have_text(f"{newest(name):,}", timeout=LIVE_MS)


def remember_events(page: Page) -> None:
    """Every row that is ever put into the history, and every receipt, from now on."""
    page.evaluate(
        """() => {
          window.seen = [];
          window.receipts = [];
          const numbers = nodes => [...nodes].map(node => Number(node.id.slice(6))).reverse();
          new MutationObserver(all => all.forEach(({ addedNodes }) => seen.push(...numbers(addedNodes))))
            .observe(document.querySelector(".history__rows"), { childList: true });
          const toast = document.querySelector("live-receipt");
          new MutationObserver(() => toast.textContent && receipts.push(toast.textContent))
            .observe(toast, { childList: true });
        }"""
    )


def hurry(page: Page) -> None:
    """The network is back as soon as it is lost, so that nobody waits for the next try. Counts the losses."""
    page.evaluate(
        """() => {
          window.losses = 0;
          const root = document.documentElement;
          new MutationObserver(() => {
            if (root.dataset.connection !== "reconnecting") return;
            window.losses += 1;
            setTimeout(() => dispatchEvent(new Event("online")));
          }).observe(root, { attributeFilter: ["data-connection"] });
        }"""
    )


def content(page: Page) -> list[list[str]]:
    """What a reader sees of the workflow, without what says how long ago."""
    parts = [".history__rows", ".facts [data-fact=seq]", ".values__value", ".timeline tbody"]
    all_of = "[...document.querySelectorAll(part)]"
    found: list[list[str]] = page.evaluate(
        f"parts => parts.map(part => {all_of}.map(e => e.innerText.replace(/\\s+/g, ' ').trim()))", parts
    )
    return found


@pytest.mark.parametrize("upgrades", ["refuse", "hang"])
def test_behind_a_proxy_without_websockets_the_page_lives_by_polling_and_says_so(
    wired: Visit, wire: Wire, upgrades: Any
) -> None:
    begin()
    wire.upgrades = upgrades
    page = wired.page
    page.goto(f"{wire.url}/workflows/w/")
    shows(page, "polling")
    expect(status(page)).to_contain_text("Live by polling")
    mark(page)
    write(3)
    shows_everything(page)
    status(page).locator("summary").click()
    expect(status(page)).to_contain_text("HTTP polling")
    expect(page.locator(".as-of:visible")).to_have_count(0)
    wire.upgrades = "pass"
    shows(page, "live")
    write(2)
    shows_everything(page)
    expect(status(page)).to_contain_text("WebSocket")
    assert_not_reloaded(page)


def test_the_list_lives_by_polling_too(wired: Visit, wire: Wire) -> None:
    begin("a")
    wire.upgrades = "refuse"
    page = wired.page
    page.goto(f"{wire.url}/workflows/")
    shows(page, "polling")
    operations.cancel("a", by="x")
    expect(page.locator('tr[data-id="a"] status-badge')).to_have_text("Cancelled", timeout=LIVE_MS)
    begin("b")
    expect(page.locator(".live-bar")).to_contain_text("1 new", timeout=LIVE_MS)


class UnderWay:
    """How many requests for one address are under way, how many were at most, and how many were answered."""

    def __init__(self, page: Page, path: str) -> None:
        self.page, self.path, self.now, self.most, self.answered = page, path, 0, 0, 0
        page.on("request", self._asked)
        page.on("requestfinished", self._ended)
        page.on("requestfailed", self._ended)

    def _asked(self, request: Any) -> None:
        if request.url.endswith(self.path):
            self.now += 1
            self.most = max(self.most, self.now)

    def _ended(self, request: Any) -> None:
        if request.url.endswith(self.path):
            self.now -= 1
            self.answered += 1

    def outlive_impatience(self) -> None:
        """Whatever makes the page ask at once happens again and again, until it has had three answers."""
        until(lambda: looked_at_again(self.page) and self.answered >= 3, within=60, what=f"answers to {self.path}")


def looked_at_again(page: Page) -> bool:
    """Impatience: what asks for everything at once, again and again while an answer is due."""
    page.evaluate("document.dispatchEvent(new Event('visibilitychange')); dispatchEvent(new Event('online'))")
    page.wait_for_timeout(250)  # between two looks
    return True


def test_with_a_slow_server_there_is_never_more_than_one_request_under_way(wired: Visit, wire: Wire) -> None:
    begin()
    wire.upgrades, wire.slow_polls, wire.slow_parts = "refuse", 2.0, 2.0
    page = wired.page
    for path, asked in (("/workflows/w/", "/live/poll/"), ("/", "/now/parts")):
        under_way = UnderWay(page, asked)
        page.goto(wire.url + path)
        under_way.outlive_impatience()
        assert under_way.most == 1, path


def test_a_part_of_the_page_whose_answer_is_late_says_as_of_when_it_is(wired: Visit, wire: Wire) -> None:
    page = wired.page
    page.clock.install()
    wired.open("/")
    under_way = UnderWay(page, "/now/parts")
    wire.slow_parts = 600.0
    page.clock.fast_forward(6_000)
    until(lambda: page.evaluate("1") and under_way.now == 1, what="the part is asked for")
    page.clock.fast_forward(11_000)
    late = page.locator(".live-fragment__stale")
    expect(late).to_have_text(re.compile(r"as of \d\d:\d\d:\d\d UTC; the answer is late"), timeout=LIVE_MS)


def test_a_socket_cut_fifty_times_in_mid_frame_during_a_thousand_writes_loses_and_doubles_nothing(
    wired: Visit, wire: Wire
) -> None:
    begin()
    page = wired.open("/workflows/w/")
    mark(page)
    remember_events(page)
    first = newest()
    hurry(page)
    is_back = "losses => window.losses > losses && document.documentElement.dataset.connection === 'live'"
    for losses in range(50):
        wire.cut()
        write(20)
        page.wait_for_function(is_back, arg=losses)
    shows_everything(page)
    assert newest() == first + 1_000
    seen: list[int] = until(
        lambda: (found := page.evaluate("window.seen")) and max(found) == newest() and found, what="painted"
    )
    assert seen == list(range(first + 1, newest() + 1))
    receipts = page.evaluate("window.receipts")
    assert receipts
    assert all(NO_GAP.match(receipt) for receipt in receipts), receipts
    live = content(page)
    assert_not_reloaded(page)
    page.reload()
    expect(page.locator(".history__row")).to_have_count(200)
    until(lambda: content(page)[1:] == live[1:])
    assert content(page)[0][0] in live[0][0]


TIMERS = """() => [...document.querySelectorAll(
  "time-ago, elapsed-time, .sentence, .timeline__duration, .next .muted, .tile__note")].map(e => e.textContent)"""


def test_a_network_that_goes_deaf_stops_every_timer_within_half_a_minute_and_says_as_of_when(
    wired: Visit, wire: Wire
) -> None:
    begin()
    page = wired.page
    page.clock.install()
    for path in ("/", "/workflows/", "/queues/", "/workflows/w/"):
        wired.open(path)
        moving = page.evaluate(TIMERS)
        page.clock.fast_forward(3_000)
        page.wait_for_function(f"before => ({TIMERS})().join() !== before.join()", arg=moving)  # while it is live
        wire.deaf = True
        page.clock.fast_forward(30_000)
        shows(page, "reconnecting")
        expect(page.locator(".as-of:visible").first).to_contain_text(re.compile(r"as of \d\d:\d\d:\d\d UTC"))
        frozen = page.evaluate(TIMERS)
        page.clock.run_for(20_000)
        assert page.evaluate(TIMERS) == frozen, path
        if path != "/workflows/w/":
            wire.deaf = False
    write(37)
    wire.deaf = False
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("live-receipt")).to_contain_text("Replayed 37 events, no gap.", timeout=LIVE_MS)
    shows_everything(page)


def test_a_laptop_that_slept_goes_on_without_a_reload(wired: Visit, wire: Wire, browser: Any) -> None:
    begin()
    page = wired.page
    page.clock.install()
    wired.open("/workflows/w/")
    mark(page)
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    renderers = [one["id"] for one in processes if one["type"] == "renderer"]
    assert renderers
    for pid in renderers:
        os.kill(pid, signal.SIGSTOP)
    try:
        write(40)
        wire.cut()
        time.sleep(2)  # the fault itself: the browser stands still while its connection ends
    finally:
        for pid in renderers:
            os.kill(pid, signal.SIGCONT)
    page.clock.fast_forward(600_000)  # to the page, ten minutes have passed
    shows(page, "live")
    shows_everything(page)
    assert_not_reloaded(page)


def test_a_hidden_tab_keeps_its_cursor_and_its_title_tells_how_it_ended(wired: Visit) -> None:
    begin()
    page = wired.open("/workflows/w/")
    page.evaluate(
        """() => {
          Object.defineProperty(document, "hidden", { get: () => true, configurable: true });
          Object.defineProperty(document, "visibilityState", { get: () => "hidden", configurable: true });
          window.requestAnimationFrame = () => 0;  // a hidden tab paints nothing
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    write(60)
    operations.cancel("w", by="x")
    expect(page).to_have_title(re.compile("^Cancelled"), timeout=LIVE_MS)
    shows_everything(page)


def test_paused_by_its_reader_the_page_stands_still_and_going_on_replays(wired: Visit) -> None:
    begin()
    page = wired.open("/workflows/w/")
    before = content(page)
    page.keyboard.press("p")
    shows(page, "paused")
    expect(status(page)).to_contain_text(re.compile(r"Paused \d\d:\d\d:\d\d UTC"))
    write(41)
    expect(status(page)).to_contain_text("41 waiting", timeout=LIVE_MS)
    expect(page.locator(".as-of:visible").first).to_be_visible()
    assert content(page) == before
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("live-receipt")).to_contain_text("Replayed 41 events, no gap.", timeout=LIVE_MS)
    shows_everything(page)
    shows(page, "live")


def test_a_server_that_is_behind_is_said_to_be(wired: Visit, wire: Wire) -> None:
    begin()
    page = wired.open("/workflows/w/")
    write(1)
    shows_everything(page)  # what is replayed is not measured; from here on it comes as it happens
    wire.lag = 4.0
    write(1)
    expect(status(page)).to_contain_text(re.compile(r"Server is \d+ s behind"), timeout=LIVE_MS)
    status(page).locator("summary").click()
    expect(status(page)).to_contain_text(re.compile(r"p95 \d+,\d\d\d ms"))
    wire.lag = 0.0
    write(1)
    shows(page, "live")  # a late frame counts for ten seconds, and one may be on the wire yet


def test_a_history_that_retention_shortened_is_rebuilt_and_said_to_be(wired: Visit, wire: Wire) -> None:
    begin()
    page = wired.open("/workflows/w/")
    wire.deaf = True
    wire.cut()
    write(12)
    Event.objects.filter(workflow_id="w", seq__lt=10).delete()  # as retention of long histories does
    wire.deaf = False
    expected = f"History shortened by retention; view rebuilt at event {newest()}."
    expect(page.locator("live-receipt")).to_contain_text(expected, timeout=LIVE_MS)
    shows_everything(page)
    expect(page.locator(".history__row")).to_have_count(newest() - 9)
    page.get_by_role("button", name="Close").click()
    expect(page.locator("live-receipt")).to_be_empty()


def test_signed_out_while_it_polls_the_page_says_so_and_asks_no_more(wired: Visit, wire: Wire) -> None:
    begin()
    wire.upgrades = "refuse"
    page = wired.page
    page.goto(f"{wire.url}/workflows/w/")
    shows(page, "polling")
    from django.contrib.sessions.models import Session  # the session ends on the server, as a sign-out elsewhere does

    Session.objects.all().delete()
    shows(page, "signed_out")
    expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", "/login/?next=%2Fworkflows%2Fw%2F")
    tried = wire.websockets
    page.wait_for_timeout(3_000)  # longer than either carrier waits between two tries
    assert wire.websockets == tried


def test_while_rows_change_fifty_times_a_second_nothing_moves_closes_or_is_lost(wired: Visit) -> None:
    names = [f"w-{number:02d}" for number in range(40)]
    for name in names:
        begin(name)
    page = wired.open("/workflows/")
    page.evaluate("scrollTo(0, 300)")
    page.get_by_text("operator", exact=True).click()
    row = page.locator('tr[data-id="w-20"]')
    row.evaluate("row => getSelection().selectAllChildren(row.cells[1])")
    order = "rows => rows.map(row => row.dataset.id)"
    before = page.evaluate("[scrollY, getSelection().toString()]"), page.locator("tr[data-id]").evaluate_all(order)
    assert before[0][1]
    for _ in range(3):
        for name in names:
            operations.send(name, "other", 1)
    for name in ("w-19", "w-21"):
        expect(page.locator(f'tr[data-id="{name}"]')).to_contain_text("Message sent", timeout=LIVE_MS)
    expect(row).not_to_contain_text("Message sent")  # nothing is painted under what somebody selects
    after = page.evaluate("[scrollY, getSelection().toString()]"), page.locator("tr[data-id]").evaluate_all(order)
    assert after == before
    expect(page.get_by_role("button", name="Light or dark")).to_be_visible()
    page.evaluate("getSelection().removeAllRanges()")
    expect(row).to_contain_text("Message sent", timeout=LIVE_MS)
    assert wired.troubles == []


HOSTILE = [
    "__proto__", "constructor", "<script>pwned = 1</script>", "<img src=x onerror='pwned = 1'>",
    "javascript:pwned = 1", "\"]'><svg onload='pwned = 1'>", "\u202etxt.exe",
]  # fmt: skip


def test_hostile_keys_and_values_are_text_and_nothing_else(wired: Visit) -> None:
    definitions.SWITCH["body"] = lambda: [set_event(text, {text: [text]}) for text in HOSTILE][:0]
    handle = definitions.switching.using(workflow_id="w", queue="nobody").start()
    page = wired.open("/workflows/w/")
    execution.run(handle)
    expect(page.locator("status-badge[data-size]")).to_have_text("Succeeded", timeout=LIVE_MS)
    expect(page.locator("tr[data-key]")).to_have_count(len(HOSTILE))
    keys = page.locator("tr[data-key]").evaluate_all("rows => rows.map(row => row.dataset.key)")
    assert sorted(keys) == sorted(HOSTILE)
    live = content(page)
    assert page.evaluate("typeof pwned") == "undefined"
    assert page.evaluate("({}).value") is None
    assert page.locator("main script:not([type='application/json']), main img").count() == 0
    page.reload()
    until(lambda: content(page)[1:] == live[1:])
    assert wired.troubles == []


def test_a_row_outside_the_filter_is_never_shown_unmarked_after_a_loss(wired: Visit, wire: Wire) -> None:
    begin("a")
    page = wired.open("/workflows/?status=queued")
    wire.cut()
    shows(page, "reconnecting")
    operations.cancel("a", by="x")
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.locator("live-receipt")).to_contain_text("The list is up to date.", timeout=LIVE_MS)
    expect(page.locator('tr[data-id="a"]')).to_have_attribute("data-left", "", timeout=LIVE_MS)
