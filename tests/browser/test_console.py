"""The console in a real browser, on a real server with hashed files and its strict policy, fed by a real worker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests import definitions
from tests.live_client import session_of
from tests.people import PASSWORD, People
from tests.processes import Server, Worker
from tests.wait import PATIENCE, until
from workflows import operations, schedules
from workflows.models import Workflow
from workflows.options import Options

pytestmark = pytest.mark.django_db(transaction=True)
LIVE_MS = PATIENCE * 1000


class Visit:
    """A signed-in browser window that remembers everything that went wrong in it."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page, self.server = page, server
        self.troubles: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("response", self._answered)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.troubles.append(f"console: {message.text}")

    def _answered(self, response: Any) -> None:
        if response.status >= 400:
            self.troubles.append(f"{response.status}: {response.url}")

    def open(self, path: str) -> Page:
        """Go to a page and wait until it is live."""
        self.page.goto(self.server.url + path)
        expect(self.page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
        return self.page

    def sign_in(self, name: str = "operator") -> None:
        """By the form, as a person does."""
        self.page.goto(f"{self.server.url}/login/")
        self.page.fill("#id_username", name)
        self.page.fill("#id_password", PASSWORD)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(lambda address: "/login/" not in address)


@pytest.fixture
def open_window(browser: Any, people: People, server: Server) -> Iterator[Callable[..., Visit]]:
    contexts = []

    def open_one(**options: Any) -> Visit:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        context.set_default_timeout(LIVE_MS)
        context.add_cookies([{"name": "sessionid", "value": session_of(people.operator), "url": server.url}])
        return Visit(context.new_page(), server)

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def visit(open_window: Callable[..., Visit]) -> Visit:
    return open_window()


def mark(page: Page) -> None:
    """A reload would wipe it."""
    page.evaluate("window.stillHere = true")


def assert_not_reloaded(page: Page) -> None:
    assert page.evaluate("window.stillHere") is True


def test_every_page_loads_without_a_complaint(visit: Visit, worker: Worker) -> None:
    handle = definitions.doubling.using(workflow_id="<script>alert(1)</script>/é").start([1])
    handle.result(timeout=60)
    page = visit.open("/workflows/")
    page.get_by_role("link", name="doubling").click()
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    expect(page.locator(".workflow-header__id")).to_have_text("<script>alert(1)</script>/é")
    page.get_by_role("link", name="Definitions").click()
    page.get_by_role("link", name="Start checkout").click()
    expect(page.get_by_role("heading", name="Start checkout")).to_be_visible()
    assert page.evaluate("[...document.scripts].every(s => !s.src || /\\.[0-9a-f]{12}\\.js$/.test(s.src))")
    assert visit.troubles == []


def test_a_workflow_moves_without_a_reload(visit: Visit, worker: Worker) -> None:
    handle = definitions.listening.using(workflow_id="w").start("go")
    page = visit.open("/workflows/w/")
    mark(page)
    expect(page.locator(".sentence")).to_contain_text("for message “go”", timeout=LIVE_MS)
    expect(page.locator(".as-of:visible")).to_have_count(0)
    operations.send("w", "go", {"answer": 42}, by="somebody")
    expect(page.locator("status-badge[data-size]")).to_have_text("Succeeded", timeout=LIVE_MS)
    expect(page.locator(".history__row").first).to_contain_text("Succeeded")
    expect(page.locator("workflow-output")).to_contain_text('"answer": 42')
    expect(page.get_by_text("Cancel…")).to_be_hidden()
    expect(page).to_have_title(re.compile("^Succeeded"))
    assert handle.result(timeout=60) == {"answer": 42}
    assert_not_reloaded(page)
    assert visit.troubles == []


def test_the_live_page_equals_the_page_loaded_afterwards(
    visit: Visit, open_window: Callable[..., Visit], worker: Worker
) -> None:
    page = visit.open("/workflows/")
    operations.start("counting", kwargs={"count": 12, "seconds": 0.05}, workflow_id="w")
    page = visit.open("/workflows/w/")
    expect(page.locator("status-badge[data-size]")).to_have_text("Succeeded", timeout=LIVE_MS)
    # The times of day stand still once it has ended; what says "ago" does not.
    parts = ["workflow-header .sentence", ".history__rows", ".timeline tbody", ".timeline__axis", ".facts [data-fact]"]
    all_of = "[...document.querySelectorAll(part)]"
    read = f"parts => parts.map(part => {all_of}.map(e => e.innerText.replace(/\\s+/g, ' ').trim()))"
    bars = (
        "[...document.querySelectorAll('.timeline rect')].map(r => `${r.getAttribute('x')} ${r.getAttribute('width')}`)"
    )
    newest = str(Workflow.objects.get(id="w").last_seq)
    expect(page.locator('[data-fact="seq"]')).to_have_text(newest)
    afterwards = open_window().open("/workflows/w/")  # a window, not a tab: what is behind another one is not painted
    until(lambda: page.evaluate(read, parts) == afterwards.evaluate(read, parts))
    until(lambda: page.evaluate(bars) == afterwards.evaluate(bars))


def test_new_workflows_wait_behind_the_bar_until_they_are_wanted(visit: Visit) -> None:
    for number in range(3):
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=f"old-{number}")
    page = visit.open("/workflows/")
    mark(page)
    rows = page.locator("tr[data-id]")
    before = rows.evaluate_all("rows => rows.map(row => row.dataset.id)")
    place = rows.first.bounding_box()
    for number in range(2):
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=f"new-{number}")
    bar = page.locator(".live-bar")
    expect(bar).to_contain_text("2 new", timeout=LIVE_MS)
    assert rows.evaluate_all("rows => rows.map(row => row.dataset.id)") == before
    assert rows.first.bounding_box() == place
    bar.click()
    expect(rows).to_have_count(5)
    expect(bar).to_be_hidden()
    expect(rows.first).to_have_attribute("data-id", "new-1")
    operations.cancel("new-1", by="x")
    expect(page.locator('tr[data-id="new-1"] status-badge')).to_have_text("Cancelled", timeout=LIVE_MS)
    assert_not_reloaded(page)
    assert visit.troubles == []


def test_a_row_that_no_longer_matches_stays_and_says_so(visit: Visit) -> None:
    for number in range(3):
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=f"w-{number}")
    page = visit.open("/workflows/?status=queued")
    operations.cancel("w-1", by="x")
    row = page.locator('tr[data-id="w-1"]')
    expect(row).to_have_attribute("data-left", "", timeout=LIVE_MS)
    expect(row.locator("status-badge")).to_have_text("Cancelled")
    assert page.locator("tr[data-id]").evaluate_all("rows => rows.map(r => r.dataset.id)") == ["w-2", "w-1", "w-0"]
    expect(page.locator(".live-bar")).to_contain_text("1 no longer matches")
    page.keyboard.press("n")
    expect(row).to_have_count(0)


def test_cancelling_asks_first_and_shows_who_and_why_at_once(visit: Visit, open_window: Callable[..., Visit]) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    watching = open_window().open("/workflows/w/")
    page = visit.open("/workflows/w/")
    page.get_by_text("Cancel…").click()
    page.locator("#cancel-reason").fill("wrong order")
    page.get_by_role("button", name="Cancel the workflow").click()
    for each in (page, watching):
        expect(each.locator("status-badge[data-size]")).to_have_text("Cancelled", timeout=LIVE_MS)
        expect(each.locator(".sentence")).to_contain_text("by operator: wrong order")
    assert Workflow.objects.get(id="w").status == "cancelled"
    assert visit.troubles == []


def test_a_menu_that_is_open_and_a_text_that_is_selected_survive_changes(visit: Visit, worker: Worker) -> None:
    definitions.listening.using(workflow_id="w").start("go")
    page = visit.open("/workflows/w/")
    expect(page.locator(".sentence")).to_contain_text("Waiting", timeout=LIVE_MS)
    page.get_by_text("Cancel…").click()
    page.locator("#cancel-reason").fill("half a senten")
    for number in range(20):
        operations.send("w", "other", number)
    expect(page.locator(".history__row").first).to_contain_text("Message sent", timeout=LIVE_MS)
    expect(page.locator("#cancel-reason")).to_be_focused()
    assert page.locator("#cancel-reason").input_value() == "half a senten"


def test_while_the_history_is_scrolled_nothing_moves_under_the_eyes(visit: Visit, worker: Worker) -> None:
    definitions.publishing.using(workflow_id="w").start(list(range(150))).result(timeout=60)
    page = visit.open("/workflows/w/")
    assert Workflow.objects.get(id="w").status == "succeeded"
    operations.start("listening", kwargs={"topic": "go"}, workflow_id="v")
    for number in range(80):
        operations.send("v", "other", number)
    page = visit.open("/workflows/v/")
    scroll = page.locator(".history__scroll")
    scroll.evaluate("box => { box.scrollTop = 400 }")
    page.wait_for_function("document.querySelector('.history__scroll').scrollTop === 400")
    before = page.locator("#event-50").bounding_box()
    for number in range(8):
        operations.send("v", "other", number)
    expect(page.locator(".history__pill")).to_contain_text("8 new events", timeout=LIVE_MS)
    assert page.locator("#event-50").bounding_box() == before
    page.locator(".history__pill button").click()
    expect(page.locator(".history__row").first).to_be_in_viewport()
    expect(page.locator(".history__pill")).to_be_hidden()


def test_a_lost_connection_freezes_the_page_and_the_return_shows_the_receipt(
    visit: Visit, start_server: Callable[..., Server], worker: Worker
) -> None:
    definitions.listening.using(workflow_id="w").start("go")
    proxied = Proxy(visit)
    page = visit.open("/workflows/w/")
    expect(page.locator(".sentence")).to_contain_text("for message “go”; holds no worker", timeout=LIVE_MS)
    proxied.cut()
    expect(page.locator("connection-status")).to_have_attribute("data-state", "reconnecting")
    expect(page.locator("connection-status")).to_contain_text("Reconnecting (try")
    frozen = page.locator(".sentence").inner_text()
    expect(page.locator(".as-of:visible")).to_have_count(4)
    expect(page.locator(".as-of").first).to_contain_text(re.compile(r"as of \d\d:\d\d:\d\d UTC"))
    for number in range(5):
        operations.send("w", "other", number)
    until(lambda: tries(page) >= 3)
    assert proxied.refused >= 2
    assert page.locator(".sentence").inner_text() == frozen
    proxied.mend()
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)
    expect(page.locator("live-receipt")).to_contain_text(re.compile(r"Reconnected.*Replayed 5 events, no gap\."))
    expect(page.locator(".history__row").first).to_contain_text("Message sent")


def tries(page: Page) -> int:
    """At which try the page says that it is; it may be another one at each look."""
    found = re.search(r"try (\d+)", page.locator("connection-status").inner_text())
    return int(found[1]) if found else 0


def test_a_page_that_never_got_its_connection_does_not_pretend(visit: Visit) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    proxied = Proxy(visit)
    proxied.cut()
    page = visit.page
    page.goto(f"{visit.server.url}/workflows/w/")
    first = until(lambda: tries(page))
    frozen = page.locator(".sentence").inner_text()
    until(lambda: tries(page) > first)
    assert page.locator(".sentence").inner_text() == frozen
    proxied.mend()
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("connection-status")).to_have_attribute("data-state", "live", timeout=LIVE_MS)


class Proxy:
    """Stands between the page and both carriers, and can cut them."""

    def __init__(self, visit: Visit) -> None:
        self.refused = 0
        self._whole = True
        self._sockets: list[Any] = []
        visit.page.route_web_socket(re.compile("/ws/live/"), self._opened)
        visit.page.route("**/live/poll/", lambda route: route.continue_() if self._whole else route.abort())

    def _opened(self, socket: Any) -> None:
        if self._whole:
            self._sockets.append(socket)
            socket.connect_to_server()
        else:
            self.refused += 1
            socket.close(code=1001)

    def cut(self) -> None:
        self._whole = False
        for socket in self._sockets:
            socket.close(code=1001)

    def mend(self) -> None:
        self._whole = True


@pytest.mark.parametrize(
    "path",
    ["/workflows/", "/workflows/w/", "/definitions/", "/definitions/publishing/", "/definitions/checkout/start/",
     "/login/", "/queues/", "/queues/default/", "/workers/", "/schedules/", f"/schedules/{'s' * 100}/"],
)  # fmt: skip
def test_on_a_phone_nothing_scrolls_sideways(open_window: Callable[..., Visit], path: str) -> None:
    long = "an-id-without-any-place-to-break-it-" * 5
    operations.start("publishing", kwargs={"values": ["x" * 3000]}, workflow_id=long[:200])
    operations.start("doubling", kwargs={"numbers": [1] * 500}, workflow_id="w", options=Options(queue="q" * 100))
    schedules.create("s" * 100, "doubling", kwargs={"numbers": []}, cron="30 2 * * *")
    visit = open_window(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = visit.page
    page.goto(visit.server.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_scripts_every_page_is_complete(browser: Any, people: People, server: Server) -> None:
    operations.start("doubling", kwargs={"numbers": [1]}, workflow_id="w")
    context = browser.new_context(java_script_enabled=False)
    context.set_default_timeout(LIVE_MS)
    visit = Visit(context.new_page(), server)
    visit.sign_in()
    page = visit.page
    expect(page).to_have_title("Now · Telltale")
    page.goto(f"{server.url}/workflows/")
    page.get_by_label("Queued").check(force=True)
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(f"{server.url}/workflows/?status=queued&definition=&q=")
    page.get_by_role("link", name="doubling").click()
    expect(page.locator(".history__row")).to_have_count(1)
    page.get_by_text("Cancel…").click()
    page.get_by_role("button", name="Cancel the workflow").click()
    expect(page.locator(".sentence")).to_contain_text("Cancelled after")
    context.close()


def test_filters_act_at_once_and_the_address_says_what_is_shown(visit: Visit) -> None:
    for name in ("apple", "apricot", "banana"):
        operations.start("doubling", kwargs={"numbers": []}, workflow_id=name)
    operations.cancel("apple", by="x")
    page = visit.open("/workflows/")
    page.get_by_label("Queued").check(force=True)
    expect(page).to_have_url(re.compile(r"/workflows/\?status=queued$"))
    expect(page.locator("tr[data-id]")).to_have_count(2)
    page.wait_for_load_state()  # its keys are heard
    page.keyboard.press("/")
    page.keyboard.type("ap")
    expect(page).to_have_url(re.compile(r"/workflows/\?status=queued&q=ap$"))
    expect(page.locator("tr[data-id]")).to_have_count(1)
    expect(page.locator("#filter-search")).to_be_focused()
    page.go_back()
    expect(page.locator("tr[data-id]")).to_have_count(2)
    page.get_by_role("link", name="Clear").click()
    expect(page.locator("tr[data-id]")).to_have_count(3)


def test_the_theme_is_kept_and_motion_only_where_it_is_wanted(open_window: Callable[..., Visit]) -> None:
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="w")
    page = open_window(color_scheme="light", reduced_motion="reduce").open("/workflows/")
    surface = page.locator("html")
    expect(surface).to_have_css("background-color", "rgb(255, 255, 255)")
    page.get_by_text("operator", exact=True).click()
    page.get_by_role("button", name="Light or dark").click()
    expect(surface).to_have_css("background-color", "rgb(18, 21, 26)")
    page.reload()
    expect(surface).to_have_css("background-color", "rgb(18, 21, 26)")
    page.locator("tr[data-id] status-badge").evaluate("badge => badge.parentElement.classList.add('flash')")
    animated = "[...document.querySelectorAll('*')].filter(e => getComputedStyle(e).animationName !== 'none').length"
    assert page.evaluate(animated) == 0


def test_signing_out_elsewhere_is_said_with_a_way_back(visit: Visit) -> None:
    page = visit.open("/workflows/")
    visit.page.context.clear_cookies()
    page.request.get(f"{visit.server.url}/workflows/")
    from django.contrib.sessions.models import Session  # the session ends on the server, as a sign-out elsewhere does

    Session.objects.all().delete()
    expect(page.locator("connection-status")).to_have_attribute("data-state", "signed_out")
    expect(page.get_by_role("link", name="Sign in")).to_have_attribute("href", "/login/?next=%2Fworkflows%2F")
