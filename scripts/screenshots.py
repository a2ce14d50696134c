"""Pictures of every page while real workflows move: light and dark, wide and narrow. `make screenshots`.

Everything is real and thrown away afterwards: a database, a server, a worker, a browser. Pages that complain on the
console, answer an error or scroll sideways end the run with a message, so this is a test of the looks, too.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from config.postgres import Postgres

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = secrets.token_urlsafe(12)
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
SMALL_ORDER = {"id": "2026-118", "items": [{"name": "Assam, 250 g", "price": "12.40", "quantity": 2}]}
PAGES = {
    "now": "/",
    "list": "/workflows/",
    "columns": "/workflows/?columns=status,name,id,event.status,event.progress,event.total:number,last,duration",
    "terms": "/workflows/?where=event.status%3Awaiting*&columns=status,name,event.status,event.payment_url:link,last",
    "views": "/views/",
    "workflow": "/workflows/nightly-sync/",
    "waiting": "/workflows/order-2026-118/",
    "failed": "/workflows/sync-2026-11-22/",
    "no-match": "/workflows/?status=quarantined&q=order",
    "queues": "/queues/",
    "queue": "/queues/reports/",
    "schedules": "/schedules/",
    "schedule": "/schedules/stock-every-morning/",
    "workers": "/workers/",
    "audit": "/audit/",
    "widgets": "/widgets/",
    "definitions": "/definitions/",
    "definition": "/definitions/checkout/",
    "start": "/definitions/checkout/start/",
    "curve": "/workflows/nightly-sync/curve?key=progress",
    "steps": "/workflows/year-end/steps/",
    "long-history": "/workflows/year-end/",
    "moment": "/workflows/nightly-sync/?seq=90",
    "not-here": "/no-such-page/",
}
IN_THE_README = {
    "list": ("light", "/workflows/?peek=sync-2026-11-23"),
    "console": ("light", "/workflows/sync-2026-11-23/"),
    "now": ("dark", "/"),
    "definition": ("dark", "/definitions/checkout/"),
}


def main(into: Path) -> int:
    """Take them all; the exit status says whether anything was wrong."""
    into.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        url = stack.enter_context(_site())
        browser = stack.enter_context(_browser())
        troubles: list[str] = []
        for theme, size in ((theme, size) for theme in ("light", "dark") for size in (WIDE, NARROW)):
            troubles += _before_the_first(browser, url, into, theme, size)
        _start_work()
        _pictures_of_the_readme(browser, url)
        _write_long_history()
        for theme, size in ((theme, size) for theme in ("light", "dark") for size in (WIDE, NARROW)):
            troubles += _while_data_moves(browser, url, into, theme, size)
    print(f"{len(list(into.glob('*.png')))} pictures in {into}")
    print("\n".join(troubles), file=sys.stderr)
    return 1 if troubles else 0


@contextmanager
def _site() -> Iterator[str]:
    """Database, server and worker of our own; yields the address."""
    with tempfile.TemporaryDirectory(prefix="telltale-") as home, ExitStack() as stack:
        Path(home).chmod(0o711)
        database = Postgres(Path(home), durable=False)
        log = stack.enter_context((Path(home) / "log").open("wb"))
        database.start(log=log)
        stack.callback(database.stop)
        os.environ.update(TELLTALE_HOME=home, DATABASE_URL=database.url, DJANGO_SETTINGS_MODULE="config.settings")
        for command in (["migrate", "-v0"], ["collectstatic", "--noinput", "-v0"]):
            subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, check=True, stdout=log, stderr=log)
        _set_up_django()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        for command in (
            ["daphne", "-p", str(port), "config.asgi:application"],
            ["celery", "-A", "config", "worker", "-c8"],
        ):
            stack.enter_context(_child([sys.executable, "-m", *command], log))
        url = f"http://127.0.0.1:{port}"
        _until(lambda: _answers(url), "the server answers")
        yield url


@contextmanager
def _child(command: list[str], log: Any) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _set_up_django() -> None:
    import django  # only now: the settings read the environment

    django.setup()
    from django.contrib.auth.models import User

    User.objects.create_superuser("ana", password=PASSWORD)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/login/", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _until(condition: Callable[[], bool], what: str, within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"Not within {within:g} s: {what}.")
        time.sleep(0.1)


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright  # a development requirement

    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        raise SystemExit("No chromium was found; install it (apt-get install chromium).")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's synchronous API runs an event loop of its own
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        yield browser
        browser.close()


def _start_work() -> None:
    """A small shop's day: what has ended, well and badly, what runs, what waits."""
    from scripts import past_hour
    from workflows import operations  # Django must be set up
    from workflows.models import Workflow

    past_hour.begin()
    _until(past_hour.have_gone_on, "the orders wait for their payments", within=120)
    past_hour.pay()
    _until(past_hour.have_ended, "the orders have ended", within=180)
    past_hour.move_back()

    def start(definition: str, workflow_id: str | None = None, **arguments: Any) -> None:
        operations.start(definition, kwargs=arguments, workflow_id=workflow_id, by="ana")

    start("flaky", "sync-2026-11-22", calls=3)
    start("flaky", "sync-2026-11-21", calls=5, fatal=False)
    start("time_zones")
    start("inventory", "stock-check")
    ended = Workflow.objects.filter(finished_at__isnull=False)
    _until(lambda: ended.count() == 4 + past_hour.ORDERS, "the first workflows have ended")
    start("checkout", "order-2026-117", order=SMALL_ORDER | {"id": "2026-117"})
    start("checkout", "order-2026-118", order=SMALL_ORDER)
    start("checkout", "order-2026-119", order={"id": "2026-119", "items": []})
    operations.cancel("order-2026-117", by="ana", reason="customer changed their mind")
    start("inventory", "stock-check-2")
    start("flaky", "nightly-sync", calls=1500, failures=2, fatal=False)
    _set_up_operations()
    sync = Workflow.objects.filter(id="nightly-sync", last_seq__gt=120)
    _until(sync.exists, "the sync has begun")


def _write_long_history() -> None:
    """A hundred thousand events, of a definition that no worker knows."""
    from tests.long_history import write_long_history  # Django must be set up
    from workflows import queues

    write_long_history("year-end", 100_010)
    # Not before: it might have been one too many.
    queues.set_limits("default", concurrency=8, rate_limit=50, rate_period=1.0, by="ana")


def _set_up_operations() -> None:
    """Queues with limits and without a worker, schedules, a family of workflows."""
    from workflows import operations, queues, schedules  # Django must be set up
    from workflows.options import Options

    queues.set_limits("reports", partition_concurrency=1, by="ana")
    queues.pause("imports", by="ana")
    for number in range(3):
        operations.start("time_zones", options=Options(queue="reports"), workflow_id=f"report-{number}")
    order = {"order": SMALL_ORDER | {"id": "2026-120"}}
    operations.start("checkout", kwargs=order, workflow_id="order-2026-120", options=Options(delay=7_500))
    operations.resume("sync-2026-11-22", by="ana", reason="the card was topped up")
    for position in (1, 4):
        operations.fork("sync-2026-11-22", position, by="ana", reason="compare")
    schedules.create("stock-every-morning", "inventory", cron="30 6 * * 1-5", time_zone="Europe/Berlin", by="ana")
    schedules.create("zones", "time_zones", interval=3_600.0, missed="last", by="ana")
    schedules.create("sync-weekly", "flaky", kwargs={"calls": 3}, cron="0 3 * * 0", missed="all", by="ana")
    schedules.pause("sync-weekly", by="ana")
    for _ in range(3):
        schedules.trigger("stock-every-morning", by="ana")


def _before_the_first(browser: Any, url: str, into: Path, theme: str, size: dict[str, int]) -> list[str]:
    with _window(browser, theme, size) as (page, troubles):
        page.goto(f"{url}/login/")
        _take(page, into / _name("login", theme, size), troubles)
        _sign_in(page)
        _take(page, into / _name("now-empty", theme, size), troubles)
        page.goto(url + PAGES["list"])
        _take(page, into / _name("empty", theme, size), troubles)
    return troubles


def _while_data_moves(browser: Any, url: str, into: Path, theme: str, size: dict[str, int]) -> list[str]:
    with _window(browser, theme, size) as (page, troubles):
        page.goto(f"{url}/login/")
        _sign_in(page)
        for name, path in PAGES.items():
            page.goto(url + path)
            _take(page, into / _name(name, theme, size), troubles)
        page.goto(url + PAGES["list"])
        page.locator('connection-status[data-state="live"]').wait_for()
        _start_news()
        page.locator(".live-bar", has_text="failed").wait_for()
        _take(page, into / _name("news", theme, size), troubles)
        _select_and_act(page, url, lambda name: _take(page, into / _name(name, theme, size), troubles))
        _look_closer(page, url, lambda name: _take(page, into / _name(name, theme, size), troubles))
        page.goto(url + PAGES["waiting"])
        page.get_by_text("Cancel…").click()
        _take(page, into / _name("cancel", theme, size), troubles)
        page.goto(url + PAGES["failed"])
        page.get_by_text("More…").click()
        page.get_by_text("Fork from a step…").click()
        _take(page, into / _name("fork", theme, size), troubles)
        page.get_by_text("Start anew…").click()
        _take(page, into / _name("anew", theme, size), troubles)
        page.goto(url + PAGES["schedule"])
        page.get_by_text("Backfill…").click()
        _take(page, into / _name("backfill", theme, size), troubles)
        _lose_connection(page, url + PAGES["workflow"])
        _take(page, into / _name("disconnected", theme, size), troubles)
    return [trouble for trouble in troubles if "404" not in trouble]  # one of the pages is not there on purpose


def _select_and_act(page: Any, url: str, take: Callable[[str], None]) -> None:
    """Tick some rows, look at the keys, and cancel those of them that have not ended."""
    from workflows import operations  # Django must be set up
    from workflows.options import Options

    for _ in range(5):
        operations.start("time_zones", options=Options(queue="imports"))
    page.goto(url + PAGES["list"])
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
    page.locator("button[data-verb=cancel]").click()
    take("bulk-confirmation")
    page.locator("#bulk-reason").fill("the import was wrong")
    page.get_by_role("button", name=re.compile("^Cancel")).click()
    page.locator(".bulk__standing").wait_for()
    take("bulk-result")
    page.get_by_role("link", name="All bulk actions").click()
    page.locator(".overview").wait_for()
    take("bulk")


def _look_closer(page: Any, url: str, take: Callable[[str], None]) -> None:
    """Peek at one that moves, choose columns, let the search field offer something, save the view."""
    page.goto(f"{url}/workflows/?peek=nightly-sync")
    page.locator(".peek .history__row").first.wait_for()
    take("peek")
    page.goto(url + PAGES["columns"])
    page.locator(".columns > summary").click()
    take("columns-dialog")
    page.goto(url + PAGES["list"])
    page.locator("#filter-search").click()
    page.keyboard.type("status:f")
    page.locator("[role=option]").first.wait_for()
    take("completion")
    page.goto(url + PAGES["columns"])
    page.get_by_text("Save this view…").click()
    page.locator("#view-name").fill(f"Orders and their state, {secrets.token_hex(2)}")
    take("save-view")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".notice").wait_for()


def _start_news() -> None:
    """Something that appears while the list is being looked at: one that fails, two that do not."""
    from workflows import operations  # Django must be set up

    operations.start("checkout", kwargs={"order": {"items": []}})
    operations.start("time_zones")
    operations.start("flaky", kwargs={"calls": 2, "fatal": False})


def _lose_connection(page: Any, url: str) -> None:
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


@contextmanager
def _window(browser: Any, theme: str, size: dict[str, int]) -> Iterator[tuple[Any, list[str]]]:
    context = browser.new_context(viewport=size, color_scheme=theme, device_scale_factor=2 if size is NARROW else 1)
    page, troubles = context.new_page(), []
    page.on("console", lambda said: said.type in ("error", "warning") and troubles.append(f"{page.url}: {said.text}"))
    page.on("pageerror", lambda error: troubles.append(f"{page.url}: {error}"))
    yield page, troubles
    context.close()


def _sign_in(page: Any) -> None:
    page.fill("#id_username", "ana")
    page.fill("#id_password", PASSWORD)
    page.click("button[type=submit]")
    page.locator("h1", has_text="Now").wait_for()


def _name(page: str, theme: str, size: dict[str, int]) -> str:
    return f"{page}-{theme}-{size['width']}.png"


def _take(page: Any, file: Path, troubles: list[str]) -> None:
    if page.locator("connection-status").count():
        page.locator('connection-status:not([data-state="static"], [data-state="connecting"])').wait_for()
    page.wait_for_timeout(700)  # let something happen on the picture
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if overflow > 0:
        troubles.append(f"{page.url}: scrolls {overflow} px sideways at {page.viewport_size['width']} px")
    page.screenshot(path=file)


def _pictures_of_the_readme(browser: Any, url: str) -> None:
    from workflows import operations  # Django must be set up
    from workflows.models import Workflow

    arguments = {"calls": 60, "failures": 3, "seed": 11, "fatal": False}
    operations.start("flaky", kwargs=arguments, workflow_id="sync-2026-11-23", by="ana")
    underway = Workflow.objects.filter(id="sync-2026-11-23", last_seq__gt=50)
    _until(underway.exists, "the sync is well under way")
    for name, (theme, path) in IN_THE_README.items():
        with _window(browser, theme, WIDE) as (page, _):
            page.goto(f"{url}/login/")
            _sign_in(page)
            page.goto(url + path)
            if "peek" in path:
                page.locator(".peek .history__row").first.wait_for()
            _take(page, ROOT / f"docs/images/{name}.png", [])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".telltale" / "screenshots")))
