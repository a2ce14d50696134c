"""Widgets in pages of another origin: the element, the frame, a strict policy, no network, no socket, and the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from dashboard import widget_rows, widgets
from dashboard.models import Widget
from dashboard.views.embeds import newest_script
from dashboard.widget_rows import Wish
from tests.browser.test_console import LIVE_MS, Visit, open_window
from tests.browser.test_every_page import barriers
from tests.execution import run
from tests.people import People
from tests.processes import Server
from tests.wait import until
from workflows import operations
from workflows.handles import WorkflowHandle
from workflows.models import Workflow

__all__ = ["open_window"]  # a fixture
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]


class Elsewhere:
    """Another site: pages by path, each with its policy."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[str, str]] = {}
        pages = self.pages

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                html, policy = pages.get(self.path, ("", ""))
                self.send_response(200 if html else 404)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                if policy:
                    self.send_header("Content-Security-Policy", policy)
                self.end_headers()
                self.wfile.write(f"<!doctype html><title>Elsewhere</title><link rel=icon href=data:,>{html}".encode())

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://localhost:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Go away."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def elsewhere() -> Iterator[Callable[[], Elsewhere]]:
    sites: list[Elsewhere] = []

    def another() -> Elsewhere:
        sites.append(Elsewhere())
        return sites[-1]

    yield another
    for site in sites:
        site.close()


def make(people: People, origin: str, name: str = "Order") -> Widget:
    what = widget_rows.subject(people.operator, "workflow", "w")
    return widget_rows.make(people.operator, what, Wish(name, ["status", "progress"], [origin], None, 50))


def heard(page: Page) -> list[str]:
    """What a page complains about, from now on."""
    troubles: list[str] = []
    page.on("console", lambda one: troubles.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    return troubles


def sockets(page: Page) -> list[Any]:
    opened: list[Any] = []
    page.on("websocket", lambda one: opened.append(one))
    return opened


def test_widgets_live_in_pages_of_another_origin_and_end_when_they_are_revoked(
    open_window: Callable[..., Visit], people: People, server: Server, elsewhere: Callable[[], Elsewhere]
) -> None:
    visit, site, stranger = open_window(), elsewhere(), elsewhere()
    order = {"id": "1", "items": [{"name": "tea", "price": "2.00"}]}
    operations.start("checkout", kwargs={"order": order}, workflow_id="w")
    widget = make(people, site.origin)
    token = widgets.token(widget)
    script = f'<script src="{server.url}/embed/v1/telltale.js"></script>'
    element = f'<telltale-status token="{token}"></telltale-status>'
    frame = f'<iframe src="{server.url}/embed/{token}/" title="Order" sandbox="allow-scripts" frameborder="0"></iframe>'
    policy = (
        f"default-src 'none'; img-src data:; script-src {server.url}; frame-src {server.url}; "
        f"connect-src {server.url} {server.url.replace('http', 'ws')}"
    )
    site.pages["/"] = (script + element * 2, "")
    digest, integrity = newest_script()
    checked = f'<script src="{server.url}/embed/v1/telltale.{digest}.js" integrity="{integrity}" crossorigin></script>'
    site.pages["/strict"] = (checked + element + frame, policy)
    stranger.pages["/"] = (script + element + frame, "")

    context = visit.page.context
    plain, strict, wrong = context.new_page(), context.new_page(), context.new_page()
    complaints, opened = [heard(plain), heard(strict)], sockets(plain)
    plain.goto(f"{site.origin}/")
    strict.goto(f"{site.origin}/strict")
    wrong.goto(f"{stranger.origin}/")
    inner = strict.frame_locator("iframe").locator("telltale-status")
    everywhere = [plain.locator("telltale-status").nth(0), plain.locator("telltale-status").nth(1),
                  strict.locator("telltale-status"), inner]  # fmt: skip

    # It lives, in every form, and shows only what is public.
    for one in everywhere:
        expect(one).to_contain_text("Queued")
    run(WorkflowHandle("w"))
    for one in everywhere:
        expect(one).to_contain_text("Waiting")
        expect(one).to_contain_text("waiting for payment")
        expect(one).not_to_contain_text("total")
    expect(plain.locator("telltale-status [role=status]").first).to_have_text("Order: Waiting")
    assert len(opened) == 1  # one socket for all widgets of the page
    tall = "() => document.querySelector('iframe').clientHeight < 150 && document.querySelector('iframe').height !== ''"
    strict.wait_for_function(tall)
    assert complaints == [[], []]

    # A page that the widget does not name has nothing: neither the element nor the frame.
    expect(wrong.locator("telltale-status")).to_contain_text("Not available")
    assert "Order" not in wrong.locator("telltale-status").inner_text()
    until(lambda: all("embed" not in frame.url for frame in wrong.frames[1:]), what="the frame is refused")

    attack(visit, stranger, "w")

    # Without a network it says how old it is; without sockets it asks.
    context.set_offline(True)
    expect(plain.locator("telltale-status [part=as-of]").first).to_contain_text("as of")
    expect(plain.locator("telltale-status").first).to_contain_text("Waiting")
    context.set_offline(False)
    expect(plain.locator("telltale-status [part=as-of]").first).to_be_hidden(timeout=LIVE_MS)
    polling = context.new_page()
    polling.route_web_socket("**/embed/live/", lambda socket: socket.close())
    polling.goto(f"{site.origin}/")
    expect(polling.locator("telltale-status").first).to_contain_text("Waiting", timeout=LIVE_MS)

    # The pages of whoever manages it.
    walk_the_managers_pages(visit, widget)

    # Revoked: every form says so, and lets go.
    widget_rows.revoke(people.operator, widget)
    for one in everywhere:
        expect(one).to_contain_text("Revoked")
        expect(one).not_to_contain_text("waiting for payment")
    until(lambda: sockets_are_closed(plain, opened), what="the socket is closed")
    assert token.rsplit("_", 1)[1] not in server.text()


def attack(visit: Visit, stranger: Elsewhere, workflow_id: str) -> None:
    """Another site holds the console in a frame, and posts to it with its visitor's cookies, also as one site would."""
    console, page = visit.server.url, visit.page.context.new_page()
    same_site = console.replace("127.0.0.1", "localhost")  # another port of one name is no other site to cookies
    page.context.add_cookies([
        {"name": one["name"], "value": one["value"], "domain": "localhost", "path": "/"}
        for one in page.context.cookies(console)
    ])  # fmt: skip
    targets = [f"{host}/workflows/{workflow_id}/cancellation" for host in (console, same_site)]
    forms = [f'<form id="f{n}" method="post" action="{to}" target="n{n}"></form>' for n, to in enumerate(targets)]
    held = [f'<iframe name="n{n}"></iframe>' for n in range(2)] + [f'<iframe src="{same_site}/workflows/"></iframe>']
    stranger.pages["/attack"] = ("".join([*held, *forms]), "")
    answers: list[tuple[str, int]] = []
    page.on("response", lambda one: answers.append((one.request.method, one.status)) if "/cancel" in one.url else None)
    page.goto(f"{stranger.origin}/attack")
    page.evaluate("for (const form of document.forms) form.submit()")
    until(lambda: len(heard_posts(page, answers)) == 2, what="both posts are answered")
    assert set(heard_posts(page, answers)) == {403}
    for target in targets:  # nor as a script, with a body that no form could send
        page.evaluate(
            "(to) => fetch(to, {method: 'POST', mode: 'no-cors', credentials: 'include', body: '{}'})", target
        )
    until(lambda: len(heard_posts(page, answers)) == 4, what="the scripts are answered")
    assert set(heard_posts(page, answers)) == {403}
    assert page.context.request.get(targets[1]).status == 405  # and never by a link
    assert Workflow.objects.get(pk=workflow_id).status == "waiting"
    until(lambda: "chrome-error:" in framed(page), what="the console is in no frame")
    page.close()


def heard_posts(page: Page, answers: list[tuple[str, int]]) -> list[int]:
    page.wait_for_timeout(50)  # Playwright hears of it while it waits
    return [status for method, status in answers if method == "POST"]


def framed(page: Page) -> str:
    page.wait_for_timeout(50)
    frame = page.locator("iframe").nth(2).element_handle().content_frame()
    return frame.url if frame else ""


def sockets_are_closed(page: Page, opened: list[Any]) -> bool:
    page.wait_for_timeout(50)  # Playwright hears of it while it waits
    return all(socket.is_closed() for socket in opened)


def walk_the_managers_pages(visit: Visit, widget: Widget) -> None:
    """The form with its preview, what to paste, and the wallboard: no complaint, no barrier."""
    page, token, found = visit.page, widgets.token(widget), []
    visit.troubles.clear()
    page.goto(f"{visit.server.url}/widgets/{widget.pk}/")
    preview = page.locator(".widget__preview telltale-status").first
    expect(preview).to_contain_text("waiting for payment")
    page.get_by_label("status").uncheck()
    expect(preview).not_to_contain_text("waiting for payment")
    page.get_by_label("Name").fill("Another name")
    expect(preview).to_contain_text("Another name")
    expect(page.locator(".snippet")).to_have_count(9)
    found += barriers(visit)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"{visit.server.url}/wallboard/{token}/")
    expect(page.locator("telltale-status [part=as-of]")).to_contain_text("as of")
    expect(page.locator("telltale-status")).to_contain_text("Waiting")
    found += barriers(visit)
    assert not found, "\n".join(found)
    assert visit.troubles == []
