"""What is asked for: every address of the console and of the admin's lists, found by walking the URL map.

An address that nobody thought of here is filled in from the data set by the names of its parameters; one that cannot be
filled in is reported. So a page that is new is looked at from its first day.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from django.contrib import admin
from django.urls import NoReverseMatch, URLPattern, reverse

from dashboard import topics
from dashboard.presenters.bulk import BULK_VERBS
from dashboard.urls import urlpatterns
from workflows.states import Status

# One answers for ever, and its reads are those of a poll of a workflow; files read all that there is, piece by piece;
# one only leads to a page that is asked for itself.
_NOT_ASKED = ("stream", "workflows_export", "workflow_export", "audit_export", "pair")


class Asked(NamedTuple):
    """One request. `whole`: it is about all of one history, family or definition, however large that is."""

    path: str
    body: str | None = None
    form: bool = False
    whole: bool = False

    @property
    def name(self) -> str:
        """As a report calls it."""
        return (
            self.path
            if self.body is None
            else f"{self.path} {self.body if len(self.body) < 60 else self.body[:57] + '…'}"
        )


def pages(about: dict[str, Any]) -> Iterator[Asked | str]:
    """Every address that can be asked for without changing anything; a text names one that could not be filled in."""
    for pattern in urlpatterns:
        if isinstance(pattern, URLPattern) and pattern.name not in _NOT_ASKED:
            yield from _of_pattern(pattern, about)
    families = urlencode({"parent": about["family"]}), urlencode({"parent": "none", "definition": "orders.ship"})
    yield from (
        Asked(f"{reverse('dashboard:workflows')}?{query}", whole=any(one in query for one in families))
        for query in _filters(about)
    )
    yield from (Asked(f"{reverse('dashboard:matching')}?{query}") for query in _filters(about)[::8])
    yield from _comparisons(about)
    length = about["events"] // 100  # of a long history
    for large in (about["long"], about["stepped"], about["growing"]):
        address = reverse("dashboard:workflow", args=[large])
        for seq in (length // 20, length * 4 // 5):
            yield from (Asked(f"{address}?{name}={seq}", whole=True) for name in ("seq", "before"))
            yield Asked(reverse("dashboard:moments", args=[large, seq]), whole=True)


def _of_pattern(pattern: URLPattern, about: dict[str, Any]) -> Iterator[Asked | str]:
    names = list(pattern.pattern.converters)
    for values in _values(names, str(pattern.pattern), about):
        try:
            address = reverse(f"dashboard:{pattern.name}", kwargs=dict(zip(names, values, strict=True)))
        except NoReverseMatch as error:
            yield f"{pattern.name}: {error}"
            continue
        if pattern.name in _QUERIES:
            address += f"?{_QUERIES[pattern.name]}"
        yield Asked(address, whole=any(value in _large(about) for value in values))


def _comparisons(about: dict[str, Any]) -> Iterator[Asked]:
    """Of alike and of large ones. Without another one they are asked for like any page: beside the last success."""
    for here, there in (("failed", "small"), ("waiting", "running"), ("stepped", "growing"), ("family", "long")):
        address = f"{reverse('dashboard:compare', args=[about[here]])}?{urlencode({'with': about[there]})}"
        whole = {about[here], about[there]} & _large(about)
        yield from (Asked(address + more, whole=bool(whole)) for more in ("", "&only=1", "&page=2"))


def _large(about: dict[str, Any]) -> set[Any]:
    return {about["long"], about["stepped"], about["growing"], about["family"]}


def _values(names: list[str], route: str, about: dict[str, Any]) -> list[list[Any]]:
    """What to put into the parameters of a route: one list per address."""
    found: list[list[Any]] = [[]]
    for name in names:
        found = [[*before, value] for before in found for value in _candidates(name, route, about)]
    return found


def _candidates(name: str, route: str, about: dict[str, Any]) -> list[Any]:
    if name == "workflow_id" and "/curve" in route:  # of a value that they all have
        return [about[kind] for kind in _OF_LARGE if kind != "family"]
    if name == "workflow_id":
        return [about[kind] for kind in ("small", "failed", "waiting", "queued", "awaited", "child", *_OF_LARGE)]
    if name == "seq":
        return [1]
    if name == "verb":
        return list(BULK_VERBS)
    if name in ("action_id", "widget_id", "hook_id"):  # the data set has none
        return []
    beginning = route.partition("/")[0]
    known = {"queues": "payments", "schedules": "nightly-02", "definitions": "checkout"}
    return [known[beginning]] if name == "name" and beginning in known else ["1"]


# What some addresses need besides.
_WIDGET = "scope=summary&of=mail.send"
_QUERIES = {
    "curve": "key=progress", "curve_fragment": "key=progress", "payload": "of=input", "palette": "q=order",
    "widget_creation": _WIDGET, "widget_preview": _WIDGET, "away": "seconds=86400",
}  # fmt: skip
_OF_LARGE = ("long", "stepped", "growing", "family")


def _filters(about: dict[str, Any]) -> list[str]:
    """The list's filters, alone and together, and pages within them."""
    created_at, middle = about["middle"]
    place = f"{created_at}~{middle}"
    definitions = [
        "billing.charge", "mail.send", "orders.batch", "legacy.migrate", "tenants.sync-40", "checkout", "nobody",
        "tenants.*", "orders.*", "legacy.*", "b*", "*", "nobody*",
    ]  # fmt: skip
    searches = [
        "charge-",
        "charge-0001",
        "order-",
        "legacy-",
        "legacy-000001",
        "ship-",
        "large-",
        about["small"],
        "0",
        "nobody",
    ]
    wanted: list[dict[str, Any]] = [{}]
    wanted += [{"status": status.value} for status in Status]
    wanted += [{"status": ["failed", "cancelled"]}, {"status": ["queued", "running", "waiting", "delayed"]}]
    wanted += [{"definition": name} for name in definitions]
    wanted += [{"q": search} for search in searches]
    wanted += [{"since": since} for since in ("1h", "7d", "100d")]
    for definition in ("mail.send", "legacy.migrate", "billing.charge", "tenants.*", "*"):
        wanted += [
            {"status": status, "definition": definition} for status in ("failed", "cancelled", "quarantined", "queued")
        ]
    for more in ({"status": "quarantined"}, {"status": "queued"}, {"status": "succeeded"}, {"definition": "tenants.*"}):
        wanted += [
            {**more, "q": "legacy-"},
            {**more, "q": "charge-"},
            {**more, "since": "1h"},
            {**more, "since": "30d"},
        ]
    wanted += [{"q": "legacy-", "since": "1h"}, {"q": "charge-", "since": "1h", "status": "failed"}]
    # Children of a large family, and of one who has none; those without a parent, where most of a definition have one.
    for parent in (about["family"], about["small"], "none"):
        wanted += [
            {"parent": parent, **more}
            for more in (
                {},
                {"status": "failed"},
                {"status": "quarantined"},
                {"definition": "orders.ship"},
                {"q": "ship-"},
            )
        ]
    wanted += [{"parent": about["family"], way: place} for way in ("before", "after")]
    turned = [
        {}, {"status": "failed"}, {"status": "succeeded"}, {"definition": "mail.send"}, {"definition": "tenants.*"},
        {"q": "charge-"}, {"q": "legacy-"}, {"status": "failed", "definition": "billing.charge"}, {"parent": "none"},
    ]  # fmt: skip
    wanted += [{**filter_, way: place} for filter_ in turned for way in ("before", "after")]
    return [urlencode(one, doseq=True) for one in wanted]


def posts(about: dict[str, Any]) -> Iterator[Asked]:
    """What is posted without changing anything: polls of every topic, and the confirmation of a verb for many."""
    known = {"status": [], "definition": "", "search": ""}
    rows = [[about[kind], 1] for kind in ("small", "failed", "waiting", "queued", "running")]
    since = about["until"]
    subscriptions: list[tuple[dict[str, Any], bool]] = [
        ({"topic": topics.LIST, "filter": known, "ids": rows, "since": since}, False),
        ({"topic": topics.LIST, "filter": {**known, "status": ["failed"]}, "ids": [], "since": since}, False),
        *(({"topic": topic}, False) for topic in topics.OVERVIEWS),
        *(({"topic": topics.workflow(about[kind])}, kind in _OF_LARGE) for kind in ("small", "running", *_OF_LARGE)),
    ]
    for subscription, whole in subscriptions:
        asked = {"version": 1, "subscriptions": [{"t": "subscribe", **subscription}]}
        yield Asked(reverse("dashboard:poll"), json.dumps(asked), whole=whole)
    for verb in BULK_VERBS:
        for query in ("status=failed", "definition=mail.send&status=failed", "q=legacy-"):
            form = urlencode({"ids": "[]", "matching": "on", "filter": query})
            yield Asked(reverse("dashboard:bulk_confirmation", args=[verb]), form, form=True)


def admin_pages(about: dict[str, Any]) -> Iterator[Asked]:
    """Every list of the admin about workflows, searched; what it can be narrowed by is found on the page itself."""
    yield Asked(reverse("admin:index"))
    searches = [about["small"], "legacy-", "nobody"]
    for model in admin.site._registry:
        if model._meta.app_label in ("workflows", "dashboard"):
            address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            yield Asked(address)
            yield from (Asked(f"{address}?{urlencode({'q': search})}") for search in searches)
            yield Asked(f"{address}?{urlencode({'q': about['long']})}", whole=True)
    events, workflows = reverse("admin:workflows_event_changelist"), reverse("admin:workflows_workflow_changelist")
    yield from (Asked(f"{events}?{query}") for query in ("key=progress", "key=phase", "key=approval", "key=nobody"))
    yield from (
        Asked(f"{events}?key=progress&kind={kind}") for kind in ("created", "step_started", "failed", "value_set")
    )
    yield Asked(f"{events}?key=approval&kind=message_sent")
    yield Asked(f"{events}?key=progress&since={quote(about['middle'][0])}")
    yield Asked(f"{events}?q={quote(about['long'])}&kind=step_failed", whole=True)
    actors = ("operator", "operator&kind=cancelled", "shop&kind=created", "nobody", "operator&definition=mail.send")
    yield from (Asked(f"{events}?by={query}") for query in actors)
    names = ("mail.send", "legacy.migrate", "nobody", "mail.send&kind=failed", "legacy.migrate&key=progress")
    yield from (Asked(f"{events}?definition={query}", whole=True) for query in names)
    yield from (
        Asked(f"{workflows}?{urlencode({'status': status, 'definition': name})}")
        for status in ("failed", "cancelled", "quarantined", "queued")
        for name in ("mail.send", "legacy.migrate", "checkout")
    )  # fmt: skip
    yield from (
        Asked(f"{workflows}?definition={name}") for name in ("mail.send", "legacy.migrate", "billing.charge", "nobody")
    )
    for kind in ("small", *_OF_LARGE):  # with what each value replaced, which may be some hundred events ago
        yield Asked(reverse("admin:workflows_workflow_change", args=[about[kind]]), whole=kind != "small")
    past = f"{reverse('admin:workflows_workflow_change', args=[about['long']])}?seq={about['events'] // 200}"
    yield from (Asked(f"{past}{more}", whole=True) for more in ("", "&against=100"))


_LINK = re.compile(r'href="(\?[^"#]*)')
_ROW = re.compile(r'<th class="field-[^"]*"><a href="([^"]+/change/)')


def found_on(asked: Asked, content: str) -> list[Asked]:
    """What a page links to of its own kind: filters, orders, neighbours; in the admin, one of its rows.

    Of one that is filtered already only the neighbours: which filters go together is said above.
    """
    path = asked.path.partition("?")[0]
    found = [html.unescape(link) for link in _LINK.findall(content)]
    links = [Asked(path + link, whole=asked.whole) for link in found if not link.startswith("?seq=")]  # one per event
    if "?" in asked.path:
        return [link for link in links if "before=" in link.path or "after=" in link.path]
    rows = [Asked(html.unescape(row)) for row in _ROW.findall(content)[:1]]
    return [*links, *rows]
