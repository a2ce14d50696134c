"""Every page of the site, for tests that visit them all, with something on each; and what is no page, and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from django.urls import URLPattern, URLResolver, get_resolver

from tests import definitions, execution
from workflows import audit, bulk, operations, schedules
from workflows.audit import Carrier, Origin
from workflows.errors import TelltaleError
from workflows.options import Options

ACTION = UUID("7e11a1e0-0000-4000-8000-000000000001")
# Names of `urls.py` → where such a page is, after `furnish`. A name may stand for several pages.
PAGES: dict[str, list[str]] = {
    "login": ["/login/"],
    "dashboard:now": ["/"],
    "dashboard:workflows": [
        "/workflows/", "/workflows/?status=quarantined&q=none", "/workflows/?q=status:odd",
        "/workflows/?columns=status,name,event.progress:number,last", "/workflows/?peek=ended",
    ],
    "dashboard:views": ["/views/"],
    "dashboard:bulk_actions": ["/bulk/", "/bulk/?page=9"],
    "dashboard:bulk_action": [f"/bulk/{ACTION}/", f"/bulk/{ACTION}/?back=status%3Dqueued"],
    "dashboard:widgets": ["/widgets/"],
    "dashboard:widget_creation": ["/widgets/new?scope=workflow&of=ended", "/widgets/new?scope=summary&of=doubling"],
    "dashboard:workflow": ["/workflows/ended/", "/workflows/broken/", "/workflows/queued/", "/workflows/ended/?seq=3",
        "/workflows/ended/?fork=1", "/workflows/ended/?kind=value_set&find=1&group=1",
    ],
    "dashboard:steps": ["/workflows/ended/steps/", "/workflows/broken/steps/?after=1"],
    "dashboard:compare": [
        "/workflows/broken/compare/?with=ended", "/workflows/ended/compare/?with=broken&only=1",
        "/workflows/broken/compare/",
    ],
    "dashboard:children": ["/workflows/ended/children/"],
    "dashboard:curve": ["/workflows/ended/curve?key=progress"],
    "dashboard:queues": ["/queues/"],
    "dashboard:queue": ["/queues/nobody/"],
    "dashboard:schedules": ["/schedules/"],
    "dashboard:schedule": ["/schedules/every-morning/"],
    "dashboard:workers": ["/workers/"],
    "dashboard:audit": ["/audit/", "/audit/?who=nobody"],
    "dashboard:definitions": ["/definitions/"],
    "dashboard:definition": ["/definitions/doubling/", "/definitions/time_zones/"],
    "dashboard:start": ["/definitions/time_zones/start/"],
    "dashboard:tokens": ["/tokens/"],
    "examples:checkout": ["/examples/checkout/"],
}  # fmt: skip
_ACT, _PART, _DATA = "acts, and leads to a page", "a part of a page that has it already", "data for scripts"
NOT_PAGES: dict[str, str] = {
    "logout": _ACT,
    "openid_connect_login": "leads to the provider, where there is one: visited by the test of single sign-on",
    "openid_connect_callback": "leads on from the provider",
    "examples:pay": "asks for a checkout that is under way; its parts are those of the other example",
    "dashboard:bulk_confirmation": "answers a form: visited by the test of the selection",
    "dashboard:bulk": _ACT,
    "dashboard:pair": "leads to the page of two: visited by its tests",
    "dashboard:away": "what any page says to who comes back: visited by the test of the page Now",
    "dashboard:widget": "visited by the test of the widgets, with its frame and its wallboard",
    "embed:page": "a part of other pages: visited by the test of the widgets",
    "embed:wallboard": "visited by the test of the widgets",
    **dict.fromkeys(("dashboard:workflows_export", "dashboard:workflow_export"), "a file"),
    **dict.fromkeys(("dashboard:audit_export", "dashboard:bulk_results"), "a file"),
    **dict.fromkeys(
        ("dashboard:viewing", "dashboard:cancellation", "dashboard:messages", "dashboard:resumption", "dashboard:forks",
         "dashboard:restarts", "dashboard:pin", "dashboard:deletion", "dashboard:queue_limits", "dashboard:queue_pause",
         "dashboard:schedule_pause", "dashboard:schedule_triggers", "dashboard:schedule_backfills",
         "dashboard:view_creation", "dashboard:view_change", "dashboard:view_default", "dashboard:view_place",
         "dashboard:view_deletion", "dashboard:bulk_abort", "dashboard:widget_revocation", "dashboard:token_creation",
         "dashboard:token_revocation"),
        _ACT,
    ),
    **dict.fromkeys(
        ("dashboard:now_fragment", "dashboard:obstacle", "dashboard:relatives", "dashboard:queues_fragment",
         "dashboard:schedules_fragment", "dashboard:schedule_fragment", "dashboard:views_fragment",
         "dashboard:workers_fragment", "dashboard:queue_fragment",
         "dashboard:definitions_fragment", "dashboard:definition_fragment", "dashboard:curve_fragment",
         "dashboard:bulk_fragment", "dashboard:bulk_action_fragment", "dashboard:peek", "dashboard:event",
         "dashboard:payload"),
        _PART,
    ),
    **dict.fromkeys(
        ("dashboard:palette", "dashboard:moments", "dashboard:marks", "dashboard:stream", "dashboard:matching",
         "dashboard:poll", "dashboard:keys", "dashboard:history", "dashboard:spans", "dashboard:widget_preview",
         "embed:script", "embed:edition", "embed:states", "embed:badge", "embed:shields", "embed:document",
         "embed:oembed"),
        _DATA,
    ),
}  # fmt: skip


def names(resolver: URLResolver | None = None, within: str = "") -> Iterator[str]:
    """Every name of the URL conf that people visit: neither the admin's, which is Django's own, nor the API's."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLPattern):
            yield f"{within}{pattern.name}"
        elif pattern.namespace not in ("admin", "api"):
            yield from names(pattern, f"{pattern.namespace}:" if pattern.namespace else within)


def furnish() -> None:
    """Something for every page to show."""
    ended = definitions.doubling.using(workflow_id="ended").start([1, 2])
    broken = definitions.retrying.using(workflow_id="broken").start(10**9)
    execution.work_off(ended, broken)
    operations.start("doubling", kwargs={"numbers": []}, workflow_id="queued", options=Options(queue="nobody"))
    with audit.asked_through(lambda: Origin(Carrier.PAGE, "2001:db8::7")):
        operations.pin("queued", by="operator", reason="to be looked at")
        with suppress(TelltaleError):
            operations.cancel("ended", by="operator")
    schedules.create("every-morning", "time_zones", cron="30 9 * * *", time_zone="America/Chicago")
    bulk.begin(ACTION, "pin", ["queued", "no-such"], by="operator", reason="kept for the audit")
    bulk.carry_on(ACTION)
