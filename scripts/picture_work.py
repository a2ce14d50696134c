"""What the pictures show: a small shop's day, its people, and what they made. All of it is real but for the clock."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from dashboard import api_tokens, saved_views, widget_rows, widgets
from dashboard.models import ApiToken, SavedView
from dashboard.widget_rows import Wish
from scripts import past_hour
from tests import long_history
from tests.wait import until
from workflows import audit, operations, queues, schedules
from workflows.audit import Carrier, Origin
from workflows.errors import TelltaleError
from workflows.models import Workflow
from workflows.options import Options

SMALL_ORDER = {"id": "2026-118", "items": [{"name": "Assam, 250 g", "price": "12.40", "quantity": 2}]}
ROLES = {"otto": "Telltale operators", "vera": "Telltale viewers", "stan": None}  # stan may nothing


def make_people(password: str) -> None:
    """An administrator, an operator, a viewer and a stranger."""
    User.objects.create_superuser("ana", password=password)
    for name, role in ROLES.items():
        user = User.objects.create_user(name, password=password)
        if role is not None:
            user.groups.add(Group.objects.get(name=role))


def start_work() -> None:
    """A small shop's day: what has ended, well and badly, what runs, what waits."""
    past_hour.begin()
    until(past_hour.have_gone_on, what="the orders wait for their payments", within=300)
    past_hour.pay()
    until(past_hour.have_ended, what="the orders have ended", within=300)
    past_hour.move_back()

    def start(definition: str, workflow_id: str | None = None, **arguments: Any) -> None:
        operations.start(definition, kwargs=arguments, workflow_id=workflow_id, by="ana")

    start("flaky", "sync-2026-11-22", calls=3)
    start("flaky", "sync-2026-11-21", calls=5, fatal=False)
    start("time_zones")
    start("inventory", "stock-check")
    ended = Workflow.objects.filter(finished_at__isnull=False)
    until(lambda: ended.count() == 4 + past_hour.ORDERS, what="the first workflows have ended")
    start("checkout", "order-2026-117", order=SMALL_ORDER | {"id": "2026-117"})
    start("checkout", "order-2026-118", order=SMALL_ORDER)
    start("checkout", "order-2026-119", order={"id": "2026-119", "items": []})
    operations.cancel("order-2026-117", by="ana", reason="customer changed their mind")
    start("inventory", "stock-check-2")
    start("flaky", "nightly-sync", calls=1500, failures=2, fatal=False)
    with audit.asked_through(lambda: Origin(Carrier.PAGE, "192.0.2.7")):
        _set_up_operations()
        with suppress(TelltaleError):
            operations.cancel("stock-check", by="otto", reason="too slow")
    sync = Workflow.objects.filter(id="nightly-sync", last_seq__gt=120)
    until(sync.exists, what="the sync has begun")


def write_long_history() -> None:
    """A hundred thousand events, of a definition that no worker knows."""
    long_history.write_long_history("year-end", 100_010)
    # Not before: it might have been one too many.
    queues.set_limits("default", concurrency=8, rate_limit=50, rate_period=1.0, by="ana")


def _set_up_operations() -> None:
    """Queues with limits and without a worker, schedules, a family of workflows."""
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


def make_family(parent: str = "stock-check") -> None:
    """Three levels of workflows below one; no example has so many children."""
    below, orders = parent, Workflow.objects.filter(id__startswith="order-2026-10").order_by("id")
    for number, order in enumerate(orders[:7]):
        Workflow.objects.filter(id=order.id).update(parent_id=below)
        below = order.id if number in (1, 3) else parent if number == 4 else below


def make_what_people_make() -> dict[str, str]:
    """Widgets of every kind, views, API tokens in every state; returns where the pages of those are."""
    ana = User.objects.get(username="ana")
    query = "definition=checkout&columns=status,name,id,event.status,last"
    view = saved_views.save(ana.pk, name="Orders", query=query, shared=True, by="ana")
    saved_views.save(ana.pk, name="Failed today", query="status=failed&since=24h", shared=False, by="ana")
    week, wiki = timezone.now() + timedelta(days=7), "https://wiki.example.com"
    wanted = {
        "one": ("workflow", "nightly-sync", Wish("Nightly sync", ["phase", "progress"], [wiki], week, 1_000)),
        "newest": ("newest", "checkout", Wish("Newest order", ["status", "progress"], ["*"], None, 1_000)),
        "summary": (
            "summary",
            "checkout",
            Wish("Orders in the shop", [], [wiki, "https://status.example.com"], None, 50),
        ),
        "view": ("view", str(view.pk), Wish("Orders", ["status"], [], None, 1_000)),
        "revoked": ("newest", "flaky", Wish("Old wiki page", ["phase"], [wiki], None, 1_000)),
    }
    made = {
        name: widget_rows.make(ana, widget_rows.subject(ana, scope, of), wish)
        for name, (scope, of, wish) in wanted.items()
    }
    widget_rows.revoke(ana, made["revoked"])
    tokens: dict[str, tuple[list[str], int | None]] = {
        "nightly import, build server": (["read", "start"], 90),
        "Grafana": (["read"], None),
        "laptop of the former intern": (["read", "operate", "bulk"], 30),
        "trial": (["read"], 1),
    }
    for name, (scopes, days) in tokens.items():
        api_tokens.make(ana, name, scopes, days=days)
    api_tokens.revoke(ApiToken.objects.get(name="laptop of the former intern").pk, owner=ana)
    ApiToken.objects.filter(name="trial").update(expires_at=timezone.now() - timedelta(hours=1))
    pages = {f"widget-{name}": f"/widgets/{widget.pk}/" for name, widget in made.items()}
    pages |= {f"frame-{name}": f"/embed/{widgets.token(widget)}/" for name, widget in made.items()}
    pages |= {f"wallboard-{name}": f"/wallboard/{widgets.token(widget)}/" for name, widget in made.items()}
    pages["widget-new-view"] = f"/widgets/new?scope=view&of={SavedView.objects.get(name='Orders').pk}"
    return pages
