"""Widgets: what their tokens show, to whom, and what they never do. Rows, forms, and every form over HTTP."""

from __future__ import annotations

import gzip
import json
import logging
import re
from base64 import b64encode
from datetime import timedelta
from hashlib import sha384
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from config.logs import JsonLines, Text
from dashboard import saved_views, widget_rows, widgets
from dashboard.models import Scope, Widget
from dashboard.presenters import badges
from dashboard.presenters.times import absolute, iso_utc
from dashboard.viewers import BadMessage, decode
from dashboard.views import embeds
from dashboard.widget_forms import origin
from dashboard.widget_rows import Refused, Wish
from tests.execution import run
from tests.people import People
from workflows import operations, registry
from workflows.durable import set_event, workflow
from workflows.models import AuditEntry
from workflows.options import Options

pytestmark = pytest.mark.django_db
over_http = pytest.mark.django_db(transaction=True)  # what answers there reads in threads of its own
PAGE, SECRET = "https://wiki.example.com", "hidden-from-everybody"
HOSTILE = "</text><script>alert(1)</script>'\"&"


@pytest.fixture(autouse=True)
def importing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A definition with values for everybody, for staff and for nobody, known for as long as a test takes."""
    monkeypatch.setattr(registry, "_definitions", dict(registry._definitions))

    @workflow(name="importing", keys={"phase": "public", "note": "public", "progress": "public", "card": "never"})
    def import_rows(note: Any = "fine") -> None:
        set_event("phase", "reading")
        set_event("progress", {"done": 3, "total": 4})
        set_event("note", note)
        set_event("customer", SECRET)  # not declared: for staff
        set_event("card", SECRET)


def start(workflow_id: str = "w", *, note: Any = "fine", running: bool = True) -> None:
    handle = operations.start("importing", kwargs={"note": note}, workflow_id=workflow_id, options=Options())
    if running:
        run(handle)


def make(people: People, scope: str = "workflow", of: str = "w", **wish: Any) -> Widget:
    given = {"name": "Import", "keys": ["phase", "note", "progress"], "origins": [PAGE], "expires_at": None}
    what = widget_rows.subject(people.operator, scope, of)
    if what.scope == Scope.SUMMARY:
        given["keys"] = []
    return widget_rows.make(people.operator, what, Wish(**{**given, "connection_limit": 10, **wish}))


def ask(widget: Widget | str, form: str = ".json", **headers: str) -> HttpResponse:
    token = widget if isinstance(widget, str) else widgets.token(widget)
    return Client(headers=headers).get(f"/badge/{token}{form}")


def state_of(widget: Widget) -> dict[str, Any] | None:
    """As a page elsewhere would read it now."""
    found = widgets.shown([widgets.number(widgets.token(widget))]).get(widget.pk)
    return found and found.state


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


# What is shown


def test_a_widget_shows_label_status_and_allowed_public_values_and_nothing_else(people: People) -> None:
    start()
    state = state_of(make(people)) or {}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", state.pop("as_of"))
    assert state.pop("seq") > 3
    assert {state.pop("started_at"), state.pop("finished_at")} - {None}
    assert state == {
        "label": "Import", "scope": "workflow", "status": "succeeded", "words": "Succeeded", "left": None,
        "progress": {"fraction": 0.75, "text": "3 of 4 · reading"}, "values": {"note": "fine"},
    }  # fmt: skip


def test_a_value_that_is_not_public_is_never_shown_whoever_asks_for_it(people: People) -> None:
    start()
    offered = {one.key: one.is_public for one in widget_rows.offered_keys(people.operator, _subject(people))}
    assert offered == {"phase": True, "note": True, "progress": True, "customer": False}
    for key in ("customer", "card", "unknown"):
        with pytest.raises(Refused, match="not public"):
            make(people, keys=[key])
    forced = make(people)
    Widget.objects.filter(pk=forced.pk).update(keys=["customer", "card"])
    assert SECRET not in json.dumps(state_of(forced))


def _subject(people: People) -> widget_rows.Subject:
    return widget_rows.subject(people.operator, "workflow", "w")


def test_a_key_that_is_no_longer_public_disappears_from_widgets_that_have_it(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    widget = make(people, keys=["note"])
    assert widgets.state(widget)["values"] == {"note": "fine"}  # type: ignore[index]
    monkeypatch.delitem(registry._definitions, "importing")
    workflow(name="importing")(lambda: None)
    assert widgets.state(widget)["values"] == {}  # type: ignore[index]


def test_the_newest_of_a_definition_is_whatever_was_started_last(people: People) -> None:
    start("first")
    widget = make(people, "newest", "importing")
    assert (state_of(widget) or {})["status"] == "succeeded"
    start("second", running=False)
    state = widgets.state(widget)
    assert state is not None
    assert state["status"] == "queued"
    assert "second" not in json.dumps(state)


def test_a_summary_counts_a_definition_and_shows_no_value(people: People) -> None:
    start("one")
    start("two", running=False)
    state = state_of(make(people, "summary", "importing")) or {}
    assert state["counts"] == {"queued": 1, "succeeded": 1}
    assert state["words"] == "1 queued · 1 ended in the last hour"
    assert "fine" not in json.dumps(state)


def test_a_saved_view_shows_its_workflows_without_their_ids(people: People) -> None:
    start("order-of-ana")
    view = saved_views.save(
        people.operator.pk, name="Imports", query="definition=importing", shared=False, by="operator"
    )
    state = state_of(make(people, "view", str(view.pk))) or {}
    assert [(row["definition"], row["status"], row["values"]) for row in state["rows"]] == [
        ("importing", "succeeded", {"note": "fine"})
    ]
    assert state["words"] == "1 succeeded"
    assert "order-of-ana" not in json.dumps(state)


def test_a_widget_shows_no_more_than_its_maker_may_see(people: People) -> None:
    start()
    people.viewer.user_permissions.add(Permission.objects.get(codename="manage_widgets"))
    view = saved_views.save(people.viewer.pk, name="Shared", query="definition=importing", shared=True, by="viewer")
    found = [make(people), make(people, "newest", "importing"), make(people, "summary", "importing")]
    found.append(make(people, "view", str(view.pk)))
    assert all(state_of(widget) for widget in found)
    saved_views.change(people.viewer.pk, view.pk, name="Shared", shared=False, by="viewer")
    assert widgets.state(Widget.objects.get(pk=found[3].pk)) is None
    people.operator.user_permissions.remove(Permission.objects.get(codename="view_workflow"))
    assert [widgets.state(Widget.objects.get(pk=widget.pk)) for widget in found] == [None] * 4


def test_nobody_who_may_make_no_widget_decides_what_one_shows_by_a_view_that_they_own(people: People) -> None:
    start()
    view = saved_views.save(people.viewer.pk, name="Shared", query="definition=importing", shared=True, by="viewer")
    with pytest.raises(Refused):
        make(people, "view", str(view.pk))
    embed = f"scope=view&amp;of={view.pk}"
    assert embed not in signed_in(people.operator).get("/views/").content.decode()
    right = Permission.objects.get(codename="manage_widgets")
    people.viewer.user_permissions.add(right)
    assert embed in signed_in(people.operator).get("/views/").content.decode()
    widget = make(people, "view", str(view.pk))
    assert state_of(widget)
    people.viewer.user_permissions.remove(right)
    assert state_of(widget) is None


def test_a_maker_who_sees_only_some_workflows_from_now_on_shows_no_others(people: People, settings: Any) -> None:
    start()
    one, newest, whole = make(people), make(people, "newest", "importing"), make(people, "summary", "importing")
    settings.TELLTALE_ACCESS = "tests.dashboard.test_rules.Teams"  # each sees the queue of its name
    assert [state_of(one), state_of(whole)] == [None, None]
    assert (state_of(newest) or {})["status"] == "none"
    operations.start("importing", workflow_id="theirs", options=Options(queue="operator"))
    assert (state_of(newest) or {})["status"] == "queued"


# Tokens


def opens_nothing(people: People) -> dict[str, str]:
    """Tokens of every kind that open nothing, by why."""
    start("gone")
    revoked, expired = make(people, of="gone"), make(people, of="gone")
    widget_rows.revoke(people.operator, revoked)
    Widget.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    good = widgets.token(make(people, of="gone"))
    lost = make(people, of="gone")
    Widget.objects.filter(pk=lost.pk).update(subject="never-was")
    other = good[:-1] + ("A" if good[-1] != "A" else "B")
    return {
        "revoked": widgets.token(revoked), "expired": widgets.token(expired), "tampered": other,
        "of another row": good.replace(f"tw_{good.split('_')[1]}_", "tw_999999_"), "no token": "tw_1_",
        "no workflow": widgets.token(lost), "long": "x" * 5000, "hostile": "%3Cscript%3E", "odd": "tw_1_%00",
    }  # fmt: skip


@over_http
def test_whatever_is_wrong_with_a_token_is_answered_alike(people: People) -> None:
    found = opens_nothing(people)
    for form, status in ((".svg", 200), (".shields.json", 200), (".json", 404)):
        answers = {why: ask(token, form) for why, token in found.items()}
        assert {why: answer.status_code for why, answer in answers.items()} == dict.fromkeys(found, status)
        assert len({(answer.content, repr(sorted(answer.headers.items()))) for answer in answers.values()}) == 1
    for path in ("/embed/{}/", "/wallboard/{}/", "/oembed?url=http://testserver/embed/{}/"):
        pages = {why: Client().get(path.format(token)) for why, token in found.items()}
        assert {why: page.status_code for why, page in pages.items()} == dict.fromkeys(found, 404)
        assert len({page.content for page in pages.values()}) == 1
    assert "unknown" in ask(found["revoked"], ".svg").content.decode()


def test_a_wrong_token_costs_what_a_revoked_one_does(people: People, django_assert_num_queries: Any) -> None:
    found = opens_nothing(people)
    for why in ("revoked", "tampered", "no token", "expired"):
        with django_assert_num_queries(1):
            assert widgets.shown([widgets.number(found[why])]) == {}


def test_no_secret_is_stored_and_another_key_of_the_site_opens_nothing(people: People, settings: Any) -> None:
    start()
    widget = make(people)
    token = widgets.token(widget)
    assert not [value for value in Widget.objects.values().get(pk=widget.pk).values() if str(value) in token[8:]]
    assert widgets.number(token) == widget.pk
    assert widgets.number(token.replace("tw_", "tw_0")) == 0


@over_http
def test_a_token_opens_no_other_address_of_the_site(people: People) -> None:
    start()
    token = widgets.token(make(people))
    for path in (
        "/workflows/w/",
        "/workflows/w/stream/",
        "/workflows/",
        "/widgets/",
        "/admin/",
        "/workflows/w/payload?of=input",
    ):
        for client in (Client(headers={"authorization": f"Bearer {token}"}), Client(headers={"x-token": token})):
            answer = client.get(path, query_params={"token": token})
            assert answer.status_code in (302, 401, 403, 404), path
            assert "fine" not in answer.content.decode()
    for path in (f"/embed/{token}/", f"/badge/{token}.json", f"/wallboard/{token}/", f"/badge/{token}.svg"):
        for method in ("post", "put", "delete", "patch"):
            assert getattr(Client(), method)(path).status_code == 405
    operations_before = list(Widget.objects.values())
    assert Client().get(f"/badge/{token}.json?workflow=other&keys=customer").json()["values"] == {"note": "fine"}
    assert len(Widget.objects.all()) == len(operations_before)


def test_the_use_of_a_widget_is_noted_to_the_minute_and_written_once_in_it(
    people: People, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    widget = make(people)
    now = timezone.now()
    monkeypatch.setattr(widgets.timezone, "now", lambda: now)
    assert list(widgets.shown([widget.pk])) == [widget.pk]
    noted = Widget.objects.get(pk=widget.pk).last_used_at
    assert noted is not None
    assert noted == now.replace(second=0, microsecond=0)
    monkeypatch.setattr(Widget.objects.__class__, "update", _refuse, raising=False)
    assert list(widgets.shown([widget.pk])) == [widget.pk]


def _refuse(*_: Any, **__: Any) -> None:
    raise AssertionError("written again within the minute")


# Pages elsewhere


@over_http
def test_a_page_reads_the_document_only_from_an_origin_that_the_widget_names(people: People) -> None:
    start()
    widget = make(people)
    unknown = ask("tw_1_x", origin=PAGE)
    for wrong in ("https://evil.example", "http://wiki.example.com", f"{PAGE}:444", "null", f"{PAGE}.evil.example"):
        answer = ask(widget, origin=wrong)
        assert (answer.status_code, answer.content) == (unknown.status_code, unknown.content)
    good = ask(widget, origin=PAGE)
    assert (good.status_code, good.headers["Access-Control-Allow-Origin"]) == (200, PAGE)
    assert "Access-Control-Allow-Credentials" not in good.headers
    assert ask(make(people, origins=["*"]), origin="https://anybody.example").status_code == 200


def poll(origin: str, *tokens: str, page: str = "") -> list[str]:
    body = json.dumps({"t": "watch", "tokens": tokens, "page": page})
    answer = Client(headers={"origin": origin, "host": "testserver"}).post(
        "/embed/state/", body, content_type="text/plain"
    )
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    return [frame["t"] for frame in answer.json()["frames"]]


@over_http
def test_a_poll_answers_each_token_as_the_socket_would(people: People) -> None:
    start()
    widget, other = make(people), make(people, origins=["https://other.example"])
    tokens = (widgets.token(widget), widgets.token(other), "tw_9_x")
    assert poll(PAGE, *tokens) == ["state", "gone", "gone"]
    assert poll("null", *tokens) == ["gone"] * 3
    assert poll("null", *tokens, page=widgets.page_pass(widget.pk)) == ["state", "gone", "gone"]
    assert poll("http://testserver", *tokens) == ["state", "state", "gone"]  # a page of ours


STRANGE = [
    "", "[]", "{", '{"t": "act"}', '{"t": "watch", "tokens": "x"}', '{"t": "watch", "tokens": [1]}',
     json.dumps({"t": "watch", "tokens": ["x" * 201]}), json.dumps({"t": "watch", "tokens": ["x"] * 2001}),
     '{"t": "watch", "page": 1}', "[" * 100_000
]  # fmt: skip


def test_what_is_not_of_the_protocol_is_refused() -> None:
    for text in STRANGE:
        with pytest.raises(BadMessage):
            decode(text)
        assert Client().post("/embed/state/", text, content_type="text/plain").status_code == 400
    assert Client().post("/embed/state/", b"\xff", content_type="text/plain").status_code == 400


@over_http
def test_a_frame_may_be_held_by_the_pages_of_its_widget_and_sets_no_cookie(people: People) -> None:
    start()
    widget = make(people, origins=[PAGE, "http://localhost:8080"])
    client = signed_in(people.operator)
    before = client.cookies.output()
    answer = client.get(f"/embed/{widgets.token(widget)}/")
    policy = answer.headers["Content-Security-Policy"]
    assert policy.endswith(f"frame-ancestors 'self' {PAGE} http://localhost:8080")
    assert "default-src 'none'" in policy
    assert "X-Frame-Options" not in answer.headers
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert (client.cookies.output(), answer.cookies.output()) == (before, "")
    html = answer.content.decode()
    assert not re.search(r"<(button|form|input)|style=|onload|<script>", html)
    assert 'href="http://testserver/oembed?format=json&amp;url=' in html
    assert "operator" not in html


@over_http
def test_everything_else_may_be_held_by_no_page(people: People) -> None:
    start()
    client = signed_in(people.operator)
    for path in ("/widgets/", "/workflows/w/", f"/wallboard/{widgets.token(make(people))}/", "/login/"):
        answer = client.get(path)
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"


@over_http
def test_oembed_answers_with_the_frame_for_addresses_of_this_site_only(people: People) -> None:
    start()
    token = widgets.token(make(people, name=f"A{HOSTILE}"[:80]))
    asked = {"url": f"http://testserver/embed/{token}/", "maxwidth": "200", "maxheight": "x"}
    found = Client().get("/oembed", asked).json()
    assert (found["type"], found["version"], found["width"], found["height"]) == ("rich", "1.0", 200, 160)
    assert 'sandbox="allow-scripts"' in found["html"]
    assert "<script>" not in found["html"]
    for url in (f"http://evil.example/embed/{token}/", "", "http://[", f"http://testserver/?{token}"):
        assert Client().get("/oembed", {"url": url}).status_code == 404
    assert Client().get("/oembed", {**asked, "format": "xml"}).status_code == 501


# Badges


@over_http
def test_a_badge_is_asked_for_anew_and_is_the_same_as_long_as_it_looks_the_same(people: People) -> None:
    start(running=False)
    widget = make(people)
    first = ask(widget, ".svg")
    assert first.headers["Cache-Control"] == "no-cache, max-age=0"
    assert first.headers["Content-Type"] == "image/svg+xml"
    again = ask(widget, ".svg", if_none_match=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    operations.cancel("w", by="ana")
    moved = ask(widget, ".svg", if_none_match=first.headers["ETag"])
    assert moved.status_code == 200
    assert "cancelled" in moved.content.decode()


@pytest.mark.parametrize("label", ["Import", HOSTILE, "漢字 und Ümläute", "W" * 80, "iiii"])
def test_the_boxes_of_a_badge_are_as_wide_as_their_texts(label: str) -> None:
    drawn = ElementTree.fromstring(badges.svg({"label": label, "words": "Running", "status": "running"}))
    space = "{http://www.w3.org/2000/svg}"
    assert drawn.get("aria-label") == drawn.findtext(f"{space}title")
    texts = drawn.findall(f".//{space}text")
    boxes = [int(rect.get("width", 0)) for rect in drawn.findall(f"{space}g/{space}rect")]
    assert [int(text.get("textLength", 0)) + 12 for text in texts] == boxes
    assert int(drawn.get("width", 0)) == sum(boxes)
    assert texts[0].text == label if len(label) <= 60 else str(texts[0].text).endswith("…")
    assert abs(boxes[0] - 12 - badges.width(str(texts[0].text))) <= 1


def test_shields_is_told_label_message_and_colour(people: People) -> None:
    start()
    told = badges.shields(state_of(make(people)))
    assert (told["schemaVersion"], told["label"], told["message"]) == (1, "Import", "succeeded")
    assert badges.shields(None)["isError"] is True


# The script


def test_the_script_is_small_needs_nothing_and_is_for_every_page() -> None:
    answer = Client().get("/embed/v1/telltale.js", headers={"accept-encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.content) <= 8 * 1024
    text = gzip.decompress(answer.content).decode()
    assert text == Client().get("/embed/v1/telltale.js").content.decode()
    assert not re.search(r"\bimport\b|\beval\b|innerHTML|https?://(?!www\.w3\.org)", text)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    again = Client().get("/embed/v1/telltale.js", headers={"if-none-match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_a_page_that_checks_what_it_loads_gets_the_edition_that_it_names_also_after_an_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, integrity = embeds.newest_script()
    address = f"/embed/v1/telltale.{digest}.js"
    answer = Client().get(address)
    assert integrity == f"sha384-{b64encode(sha384(answer.content).digest()).decode()}"
    assert answer.content == Client().get("/embed/v1/telltale.js").content
    assert (answer.headers["Access-Control-Allow-Origin"], "immutable" in answer.headers["Cache-Control"]) == (
        "*",
        True,
    )
    assert Client().get("/embed/v1/telltale.0123456789.js").status_code == 404

    (tmp_path / "earlier").mkdir()
    (tmp_path / "earlier" / "0.1.js").write_bytes(answer.content)
    (tmp_path / "telltale.js").write_text("// mended")
    monkeypatch.setattr(embeds.finders, "find", lambda _name: tmp_path / "telltale.js")
    embeds._scripts.cache_clear()
    try:
        assert Client().get("/embed/v1/telltale.js").content == b"// mended"
        assert Client().get(address).content == answer.content
    finally:
        embeds._scripts.cache_clear()


# Limits and logs


def test_an_address_that_asks_too_often_is_told_when_to_come_back(settings: Any) -> None:
    settings.EMBED_REQUESTS_PER_MINUTE = 0
    answer = ask("tw_1_x")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")


def test_no_log_line_has_a_token_that_opens_something(people: People) -> None:
    start()
    token = widgets.token(make(people))
    record = logging.makeLogRecord({"msg": "GET /badge/%s.svg?url=/embed/%s/", "args": (token, token)})
    for formatter in (JsonLines(), Text("%(message)s")):
        line = formatter.format(record)
        assert token not in line
        assert token.rsplit("_", 43)[0][:5] in line


# Making, changing, revoking


def test_the_embed_buttons_lead_to_a_form_that_knows_what_it_is_about(people: People) -> None:
    start("order 1".replace(" ", "&"))
    saved_views.save(people.operator.pk, name="Imports", query="definition=importing", shared=True, by="operator")
    for user, sees in ((people.operator, True), (people.viewer, False)):
        client = signed_in(user)
        pages = ("/workflows/order~261/", "/definitions/importing/", "/views/")
        assert ["Embed" in client.get(page).content.decode() for page in pages] == [sees] * 3
    link = re.search(
        r'href="(/widgets/new[^"]*)"', signed_in(people.operator).get("/workflows/order~261/").content.decode()
    )
    assert link is not None
    form = signed_in(people.operator).get(link[1].replace("&amp;", "&")).content.decode()
    assert 'value="importing"' in form
    assert re.findall(r'name="keys" value="([^"]*)"', form) == ["note", "phase", "progress"]
    assert "<code>customer</code>" in form
    assert "card" not in form


def test_a_widget_is_made_changed_and_revoked_by_its_pages(people: People) -> None:
    start()
    client = signed_in(people.operator)
    data = {"name": "Import", "keys": ["note"], "origins": "https://Wiki.Example.com/page, *", "lifetime": "7",
            "connection_limit": "5"}  # fmt: skip
    made = client.post("/widgets/new?scope=workflow&of=w", data)
    widget = Widget.objects.get()
    assert made["Location"] == f"/widgets/{widget.pk}/"
    assert (widget.origins, widget.keys, widget.made_by) == ([PAGE, "*"], ["note"], people.operator)
    assert widget.expires_at is not None
    assert timedelta(days=6) < widget.expires_at - timezone.now() < timedelta(days=8)
    html = client.get(made["Location"]).content.decode()
    assert html.count(widgets.token(widget)) >= 8
    ends = absolute(iso_utc(widget.expires_at))  # with its zone
    assert f"until {ends}, as now" in html
    assert ends in client.get("/widgets/").content.decode()
    changed = client.post(made["Location"], {**data, "name": "Other", "lifetime": "keep"})
    assert changed.status_code == 302
    assert Widget.objects.get().name == "Other"
    assert Widget.objects.get().expires_at == widget.expires_at
    assert client.post(f"/widgets/{widget.pk}/revocation").status_code == 302
    assert state_of(widget) is None
    html = client.get(made["Location"]).content.decode()
    assert widgets.token(widget) not in html
    assert "Not available" in html, "not what it would show"
    assert "<telltale-status" not in html
    assert client.post(made["Location"], data).status_code == 400
    assert Widget.objects.get().name == "Other"
    assert "Revoked" in client.get("/widgets/").content.decode()
    told = [(entry.action, entry.target, entry.who, entry.done) for entry in AuditEntry.objects.order_by("id")]
    acts = [("embed", True), ("change", True), ("revoke", True), ("change", False)]
    assert told == [(action, str(widget.pk), "operator", done) for action, done in acts]
    assert not AuditEntry.objects.filter(detail__contains=widgets.token(widget)[-43:]).exists()


WRONG: list[dict[str, Any]] = [
    {"name": ""}, {"name": "x" * 81}, {"name": "a\u200bb"}, {"origins": "wiki.example.com"}, {"keys": ["customer"]},
     {"origins": "javascript:alert(1)"}, {"lifetime": "2"}, {"connection_limit": "0"}, {"name": "a\x00"},
     {"origins": "\n".join(f"https://{number}.example" for number in range(21))}
]  # fmt: skip


def test_a_form_that_is_wrong_says_so_and_makes_nothing(people: People) -> None:
    start()
    client = signed_in(people.operator)
    for wrong in WRONG:
        data = {"name": "Import", "lifetime": "", "connection_limit": "5"} | wrong
        answer = client.post("/widgets/new?scope=workflow&of=w", data)
        assert (wrong, answer.status_code) == (wrong, 400)
        assert "field__errors" in answer.content.decode()
    assert not Widget.objects.exists()


NOWHERE = [
    "", "scope=workflow&of=unknown", "scope=newest&of=unknown", "scope=view&of=1", "scope=view&of=x", "scope=odd&of=w",
     "scope=workflow&of=%00", "scope=summary&of=%ED%A0%80", "scope=view&of=99999999999999"
]  # fmt: skip


def test_there_is_no_widget_of_what_is_not_there(people: People) -> None:
    client = signed_in(people.operator)
    found = {query: client.get(f"/widgets/new?{query}").status_code for query in NOWHERE}
    assert found == dict.fromkeys(NOWHERE, 404)


def test_who_may_not_manage_widgets_sees_and_makes_none(people: People) -> None:
    start()
    widget = make(people)
    paths = (
        "/widgets/",
        "/widgets/new?scope=workflow&of=w",
        f"/widgets/{widget.pk}/",
        "/widgets/preview?scope=workflow&of=w",
    )
    for user in (people.viewer, people.stranger):
        client = signed_in(user)
        assert [client.get(path).status_code for path in paths] == [403] * 4
        assert client.post(f"/widgets/{widget.pk}/revocation").status_code == 403
        assert client.post("/widgets/new?scope=workflow&of=w", {"name": "Mine"}).status_code == 403
    assert AuditEntry.objects.filter(done=False, target_kind="widget").count() == 4
    people.operator.user_permissions.add(Permission.objects.get(codename="view_audit"))
    assert "revoke" in signed_in(people.operator).get("/audit/").content.decode()
    assert state_of(widget)


def test_a_manager_without_the_right_to_see_workflows_makes_and_sees_no_widget_of_one(people: People) -> None:
    start()
    widget = make(people)
    people.stranger.user_permissions.add(Permission.objects.get(codename="manage_widgets"))
    client = signed_in(people.stranger)
    assert "Import" not in client.get("/widgets/").content.decode()
    for path in (
        f"/widgets/{widget.pk}/",
        "/widgets/new?scope=workflow&of=w",
        "/widgets/new?scope=newest&of=importing",
    ):
        assert client.get(path).status_code == 403


def test_whoever_changes_a_widget_answers_for_it(people: People) -> None:
    start()
    widget = make(people)
    people.viewer.user_permissions.add(Permission.objects.get(codename="manage_widgets"))
    wish = Wish("Theirs", ["note"], [], None, 5)
    assert widget_rows.change(people.viewer, widget_rows.get(people.viewer, widget.pk), wish).made_by == people.viewer
    people.operator.delete()
    assert (state_of(widget) or {})["label"] == "Theirs"


def test_the_preview_shows_public_values_that_are_ticked_and_makes_nothing(people: People) -> None:
    start()
    answer = signed_in(people.operator).get("/widgets/preview?scope=workflow&of=w&name=N&keys=note&keys=customer")
    assert (answer.json()["label"], answer.json()["values"]) == ("N", {"note": "fine"})
    assert not Widget.objects.exists()


@pytest.mark.parametrize(
    ("given", "found"),
    [("https://A.example", "https://a.example"), ("http://a.example:80/x?y", "http://a.example"), ("*", "*"),
     ("https://a.example:8443", "https://a.example:8443"), ("http://[::1]:3000", "http://[::1]:3000")],
)  # fmt: skip
def test_an_origin_is_kept_as_browsers_say_it(given: str, found: str) -> None:
    assert origin(given) == found


@pytest.mark.parametrize(
    "text", ["a.example", "ftp://a.example", "https://", "https://a b", "https://u@a.example", "https://a;b", "http://[",
             "https://a.example:99999", "https://é.example", "https://*.example.com", "'self'", "https://-a"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="no origin"):
        origin(text)
