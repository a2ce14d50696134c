"""What has to be done before a picture can be taken: opened, ticked, typed, confirmed, lost, or be somebody else."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

from workflows import operations
from workflows.options import Options

COLUMNS = "/workflows/?columns=status,name,id,event.status,event.progress,event.total:number,last,duration"


def select_and_act(page: Any, url: str, take: Callable[[str], None]) -> None:
    """Tick some rows, look at the keys, and cancel those of them that have not ended."""
    for _ in range(5):
        operations.start("time_zones", options=Options(queue="imports"))
    page.goto(url + "/workflows/")
    page.locator('connection-status[data-state="live"]').wait_for()
    for box in page.locator("input[name=id]").all()[:7]:
        box.check()
    take("selection")
    page.keyboard.press("?")
    take("keys")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type("s")
    page.locator(".palette [role=option]", has_text="Start").first.wait_for()
    take("palette")
    page.keyboard.press("Escape")
    if open_sheet(page):
        take("selection-sheet")
    page.locator("button[data-verb=cancel]").click()
    take("bulk-confirmation")
    page.locator("#bulk-reason").fill("the import was wrong")
    page.get_by_role("button", name=re.compile("^Cancel")).click()
    page.locator(".bulk__standing").wait_for()
    take("bulk-result")
    page.get_by_role("link", name="All bulk actions").click()
    page.locator(".overview").wait_for()
    take("bulk")


def open_sheet(page: Any) -> bool:
    """On a phone actions are in a sheet; whether they are."""
    button = page.get_by_role("button", name="Actions…")
    if not button.is_visible():
        return False
    button.click()
    return True


def look_closer(page: Any, url: str, take: Callable[[str], None]) -> None:
    """Peek at one that moves, choose columns, let the search field offer something, save the view."""
    page.goto(f"{url}/workflows/?peek=nightly-sync")
    page.locator(".peek .history__row").first.wait_for()
    take("peek")
    page.goto(url + COLUMNS)
    page.locator(".columns > summary").click()
    take("columns-dialog")
    page.goto(url + "/workflows/")
    page.locator("#filter-search").click()
    page.keyboard.type("status:f")
    page.locator("[role=option]").first.wait_for()
    take("completion")
    page.goto(f"{url}/workflows/stock-check/")
    page.locator(".relatives").first.scroll_into_view_if_needed()
    take("family")
    page.goto(url + COLUMNS)
    page.get_by_text("Save this view…").click()
    page.locator("#view-name").fill(f"Orders and their state, {secrets.token_hex(2)}")
    take("save-view")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".notice").wait_for()


def start_news() -> None:
    """Something that appears while the list is being looked at: one that fails, two that do not."""
    operations.start("checkout", kwargs={"order": {"items": []}})
    operations.start("time_zones")
    operations.start("flaky", kwargs={"calls": 2, "fatal": False})


def lose_connection(page: Any, url: str) -> None:
    """Open the page through a socket of ours, cut that, and wait until the page says so."""
    sockets: list[Any] = []

    def opened(socket: Any) -> None:
        if sockets:
            socket.close(code=1001)
            return
        sockets.append(socket)
        socket.connect_to_server()

    page.route_web_socket(re.compile("/ws/live/"), opened)
    page.goto(url)
    page.locator('connection-status[data-state="live"]').wait_for()
    sockets[0].close(code=1001)
    page.locator('connection-status[data-state="reconnecting"]').wait_for()
    page.wait_for_timeout(2500)  # a few tries later


def verbs(page: Any, url: str, take: Callable[[str], None]) -> None:
    """Forms of one workflow and of a schedule."""
    page.goto(f"{url}/workflows/order-2026-118/")
    if open_sheet(page):
        take("actions")
    page.get_by_text("Cancel…").click()
    take("cancel")
    page.goto(f"{url}/workflows/sync-2026-11-22/")
    open_sheet(page)
    page.get_by_text("More…").click()
    page.get_by_text("Fork from a step…").click()
    take("fork")
    page.get_by_text("Start anew…").click()
    take("anew")
    page.goto(f"{url}/schedules/stock-every-morning/")
    page.get_by_text("Backfill…").click()
    take("backfill")


def make_and_refuse(page: Any, url: str, take: Callable[[str], None]) -> None:
    """Make an API token, ask for one that cannot be, and for a widget that cannot be; ask whether to revoke one."""
    page.goto(f"{url}/tokens/")
    page.fill("#token-name", f"report of the week, {secrets.token_hex(2)}")
    page.get_by_role("button", name="Make it").click()
    page.locator(".token-secret").wait_for()
    take("token-made")
    page.goto(f"{url}/tokens/")
    page.fill("#token-name", "Grafana")
    page.get_by_role("button", name="Make it").click()
    page.locator(".notice[data-level=error]").wait_for()
    take("token-refused")
    page.goto(f"{url}/widgets/")
    page.locator("summary", has_text="Revoke…").first.click()
    take("widget-revoke")
    page.goto(f"{url}/widgets/new?scope=newest&of=checkout")
    page.locator("[name=origins]").fill("wiki")
    page.get_by_role("button", name="Make the widget").click()
    page.locator(".field__errors").first.wait_for()
    take("widget-refused")


def look_as(page: Any, url: str, take: Callable[[str], None]) -> None:
    """The account's menu; then as a viewer, and as a widget."""
    for view in ("viewer", "widget"):
        page.goto(f"{url}/workflows/sync-2026-11-22/")
        page.locator("summary[aria-label^=Account]").click()
        if view == "viewer":
            take("account")
        page.get_by_role("button", name=f"See this as a {view}").click()
        page.locator(".looking").wait_for()
        take(f"as-{view}")
        page.get_by_role("button", name="Back to your own view").click()
        page.locator(".looking").wait_for(state="detached")


def guess(page: Any, url: str, take: Callable[[str], None]) -> None:
    """A wrong password, and one too many."""
    name = f"guesser-{secrets.token_hex(2)}"
    for tries in range(20):
        page.goto(f"{url}/login/")
        page.fill("#id_username", name)
        page.fill("#id_password", f"password{tries}")
        page.click("button[type=submit]")
        page.locator("[role=alert]").wait_for()
        if page.get_by_text("Too many tries").count():
            take("locked-out")
            return
        if tries == 0:
            take("login-wrong")
    raise SystemExit("Nobody was locked out.")
