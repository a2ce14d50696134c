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
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from config.postgres import Postgres
from tests.wait import until

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = secrets.token_urlsafe(12)
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
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
    "audit-no-match": "/audit/?who=nobody",
    "widgets": "/widgets/",
    "widget-new": "/widgets/new?scope=workflow&of=nightly-sync",
    "widget-new-summary": "/widgets/new?scope=summary&of=checkout",
    "tokens": "/tokens/",
    "definitions": "/definitions/",
    "definition": "/definitions/checkout/",
    "start": "/definitions/checkout/start/",
    "curve": "/workflows/nightly-sync/curve?key=progress",
    "steps": "/workflows/sync-2026-11-22/steps/",
    "steps-many": "/workflows/year-end/steps/",
    "compare": "/workflows/sync-2026-11-22/compare/?with=nightly-sync",
    "compare-differences": "/workflows/sync-2026-11-22/compare/?with=nightly-sync&only=1",
    "compare-none": "/workflows/order-2026-120/compare/",
    "steps-none": "/workflows/order-2026-120/steps/",
    "children": "/workflows/stock-check/children/",
    "order": "/examples/checkout/",
    "long-history": "/workflows/year-end/",
    "moment": "/workflows/nightly-sync/?seq=90",
    "not-here": "/no-such-page/",
}
WITHOUT_ANYTHING = {
    "now": "/", "list": "/workflows/", "views": "/views/", "bulk": "/bulk/", "queues": "/queues/", "audit": "/audit/",
    "schedules": "/schedules/", "definitions": "/definitions/", "widgets": "/widgets/", "tokens": "/tokens/",
}  # fmt: skip
IN_THE_ADMIN = {
    "admin": "/admin/",
    "admin-workflows": "/admin/workflows/workflow/",
    "admin-workflow": "/admin/workflows/workflow/sync-2026-11-22/change/",
    "admin-moment": "/admin/workflows/workflow/sync-2026-11-22/change/?seq=9&against=4",
    "admin-events": "/admin/workflows/event/",
    "admin-audit": "/admin/workflows/auditentry/",
    "admin-tokens": "/admin/dashboard/apitoken/",
}
OF_OTHERS = {"otto": ("now", "list", "failed"), "vera": ("list", "failed", "queue"), "stan": ("list",)}
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
        from scripts import picture_work  # Django must be set up

        picture_work.start_work()
        _pictures_of_the_readme(browser, url)
        picture_work.write_long_history()
        picture_work.make_family()
        pages = PAGES | picture_work.make_what_people_make()
        for theme, size in ((theme, size) for theme in ("light", "dark") for size in (WIDE, NARROW)):
            troubles += _while_data_moves(browser, url, pages, into, theme, size)
            troubles += _of_others(browser, url, into, theme, size)
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
        until(lambda: _answers(url), what="the server answers")
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
    from scripts import picture_work

    picture_work.make_people(PASSWORD)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/login/", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


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


def _before_the_first(browser: Any, url: str, into: Path, theme: str, size: dict[str, int]) -> list[str]:
    with _window(browser, theme, size) as (page, troubles):
        page.goto(f"{url}/login/")
        _take(page, into / _name("login", theme, size), troubles)
        _sign_in(page, "ana")
        for name, path in WITHOUT_ANYTHING.items():
            page.goto(url + path)
            _take(page, into / _name(f"empty-{name}", theme, size), troubles)
    return troubles


def _while_data_moves(
    browser: Any, url: str, pages: dict[str, str], into: Path, theme: str, size: dict[str, int]
) -> list[str]:
    from scripts import picture_walks as walks  # Django must be set up

    with _window(browser, theme, size) as (page, troubles):

        def take(name: str) -> None:
            _take(page, into / _name(name, theme, size), troubles)

        page.goto(f"{url}/login/")
        _sign_in(page, "ana")
        for name, path in pages.items():
            page.goto(url + path)
            take(name)
        page.goto(url + PAGES["list"])
        page.locator('connection-status[data-state="live"]').wait_for()
        walks.start_news()
        page.locator(".live-bar", has_text="failed").wait_for()
        take("news")
        for walk in (walks.select_and_act, walks.look_closer, walks.verbs, walks.make_and_refuse, walks.look_as):
            walk(page, url, take)
        walks.lose_connection(page, url + PAGES["workflow"])
        take("disconnected")
    return [
        trouble for trouble in troubles if not re.search("40[04]|422", trouble)
    ]  # refused, or not there, on purpose


def _of_others(browser: Any, url: str, into: Path, theme: str, size: dict[str, int]) -> list[str]:
    """The admin, what an operator, a viewer and a stranger see, and who guesses passwords."""
    from scripts import picture_walks as walks  # Django must be set up

    with _window(browser, theme, size) as (page, troubles):

        def take(name: str) -> None:
            _take(page, into / _name(name, theme, size), troubles)

        for person, names in {"ana": (), **OF_OTHERS}.items():
            page.context.clear_cookies()
            page.goto(f"{url}/login/")
            _sign_in(page, person)
            for name in names:
                page.goto(url + PAGES[name])
                take(f"{name}-of-{person}")
            for name, path in IN_THE_ADMIN.items() if person == "ana" else ():
                page.goto(url + path)
                take(name)
        page.context.clear_cookies()
        walks.guess(page, url, take)
    return [trouble for trouble in troubles if not re.search("403|429", trouble)]  # what a stranger and a guesser get


@contextmanager
def _window(browser: Any, theme: str, size: dict[str, int]) -> Iterator[tuple[Any, list[str]]]:
    context = browser.new_context(viewport=size, color_scheme=theme, device_scale_factor=2 if size is NARROW else 1)
    page, troubles = context.new_page(), []
    page.on("console", lambda said: said.type in ("error", "warning") and troubles.append(f"{page.url}: {said.text}"))
    page.on("pageerror", lambda error: troubles.append(f"{page.url}: {error}"))
    yield page, troubles
    context.close()


def _sign_in(page: Any, person: str) -> None:
    page.fill("#id_username", person)
    page.fill("#id_password", PASSWORD)
    page.click("button[type=submit]")
    page.locator("#id_password").wait_for(state="detached")


def _name(page: str, theme: str, size: dict[str, int]) -> str:
    return f"{page}-{theme}-{size['width']}.png"


def _take(page: Any, file: Path, troubles: list[str]) -> None:
    if page.locator("connection-status").count():
        page.locator('connection-status:not([data-state="static"], [data-state="connecting"])').wait_for()
        page.wait_for_timeout(600)  # let something happen on the picture
    elif page.locator("telltale-status").count():
        page.wait_for_timeout(600)  # what it shows comes after it
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
    until(underway.exists, what="the sync is well under way")
    for name, (theme, path) in IN_THE_README.items():
        with _window(browser, theme, WIDE) as (page, _):
            page.goto(f"{url}/login/")
            _sign_in(page, "ana")
            page.goto(url + path)
            if "peek" in path:
                page.locator(".peek .history__row").first.wait_for()
            _take(page, ROOT / f"docs/images/{name}.png", [])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / ".telltale" / "screenshots")))
