"""The addresses of the console."""

from __future__ import annotations

import re

from django.urls import path, register_converter

from dashboard.api.interface import PREFIX, api
from dashboard.views import (
    actions,
    audit,
    bulk,
    bulk_actions,
    comparing,
    curves,
    definitions,
    exporting,
    history,
    listing,
    live,
    moments,
    now,
    pages,
    palette,
    payloads,
    queues,
    saved,
    schedules,
    starting,
    steps,
    tokens,
    viewing,
    widgets,
    workers,
)
from workflows import ids

app_name = "dashboard"

_ESCAPE = re.compile(r"~([0-9A-F]{2})")


class WorkflowIdConverter:
    """Any id as one path segment, spelled as `ids.segment` does."""

    regex = r"[A-Za-z0-9._:@+=,~-]+"

    def to_python(self, value: str) -> str:
        """The id of a segment. Raises ValueError (which means: no such page) for what `to_url` never makes."""
        if len(value) > ids.MAX_LENGTH * 12:
            raise ValueError("longer than any id")
        workflow_id = bytes(_ESCAPE.sub(lambda found: chr(int(found[1], 16)), value), "latin-1").decode()
        if self.to_url(workflow_id) != value or "\x00" in workflow_id:
            raise ValueError("not the one spelling of an id, or of none at all")
        return workflow_id

    def to_url(self, value: str) -> str:
        """The segment of an id."""
        return ids.segment(value)


register_converter(WorkflowIdConverter, "wid")

urlpatterns = [
    path("", now.page, name="now"),
    path("now/parts", now.fragment, name="now_fragment"),
    path("away", now.away, name="away"),
    path("viewing", viewing.viewing, name="viewing"),
    path("palette", palette.found, name="palette"),
    path("workflows/", listing.workflows, name="workflows"),
    path("workflows/export.<slug:ending>", exporting.workflows, name="workflows_export"),
    path("workflows/keys", listing.keys, name="keys"),
    path("workflows/<wid:workflow_id>/", pages.workflow, name="workflow"),
    path("workflows/<wid:workflow_id>/cancellation", actions.cancellation, name="cancellation"),
    path("workflows/<wid:workflow_id>/messages", actions.messages, name="messages"),
    path("workflows/<wid:workflow_id>/resumption", actions.resumption, name="resumption"),
    path("workflows/<wid:workflow_id>/forks", actions.forks, name="forks"),
    path("workflows/<wid:workflow_id>/restarts", actions.restarts, name="restarts"),
    path("workflows/<wid:workflow_id>/pin", actions.pin, name="pin"),
    path("workflows/<wid:workflow_id>/deletion", actions.deletion, name="deletion"),
    path("workflows/<wid:workflow_id>/children/", pages.children, name="children"),
    path("workflows/<wid:workflow_id>/steps/", steps.steps, name="steps"),
    path("workflows/<wid:workflow_id>/compare/", comparing.compare, name="compare"),
    path("workflows/<wid:workflow_id>/moments/<int:seq>", moments.moments, name="moments"),
    path("workflows/<wid:workflow_id>/marks", moments.marks, name="marks"),
    path("workflows/<wid:workflow_id>/spans", moments.spans, name="spans"),
    path("workflows/<wid:workflow_id>/history", history.part, name="history"),
    path("workflows/<wid:workflow_id>/events/<int:seq>", history.event, name="event"),
    path("workflows/<wid:workflow_id>/payload", payloads.payload, name="payload"),
    path("workflows/<wid:workflow_id>/export.json", exporting.workflow, name="workflow_export"),
    path("workflows/<wid:workflow_id>/curve", curves.curve, name="curve"),
    path("workflows/<wid:workflow_id>/curve/chart", curves.curve_fragment, name="curve_fragment"),
    path("workflows/<wid:workflow_id>/stream/", live.stream, name="stream"),
    path("workflows/<wid:workflow_id>/obstacle", pages.obstacle_fragment, name="obstacle"),
    path("workflows/<wid:workflow_id>/peek", pages.peek, name="peek"),
    path("workflows/<wid:workflow_id>/relatives", pages.relatives_fragment, name="relatives"),
    path("compare", comparing.pair, name="pair"),
    path("bulk/", bulk_actions.page, name="bulk_actions"),
    path("bulk/table", bulk_actions.fragment, name="bulk_fragment"),
    path("bulk/<uuid:action_id>/", bulk_actions.action, name="bulk_action"),
    path("bulk/<uuid:action_id>/state", bulk_actions.action_fragment, name="bulk_action_fragment"),
    path("bulk/<uuid:action_id>/results.<slug:ending>", bulk_actions.results, name="bulk_results"),
    path("bulk/<uuid:action_id>/abort", bulk_actions.abort, name="bulk_abort"),
    path("bulk/matching", bulk.matching, name="matching"),
    path("bulk/<slug:verb>/confirmation", bulk.confirmation, name="bulk_confirmation"),
    path("bulk/<slug:verb>", bulk.execution, name="bulk"),
    path("views/", saved.page, name="views"),
    path("views/table", saved.fragment, name="views_fragment"),
    path("views/new", saved.creation, name="view_creation"),
    path("views/default", saved.default, name="view_default"),
    path("views/<int:view_id>", saved.change, name="view_change"),
    path("views/<int:view_id>/place", saved.place, name="view_place"),
    path("views/<int:view_id>/deletion", saved.deletion, name="view_deletion"),
    path("widgets/", widgets.page, name="widgets"),
    path("widgets/new", widgets.creation, name="widget_creation"),
    path("widgets/preview", widgets.preview, name="widget_preview"),
    path("widgets/<int:widget_id>/", widgets.widget, name="widget"),
    path("widgets/<int:widget_id>/revocation", widgets.revocation, name="widget_revocation"),
    path("live/poll/", live.poll, name="poll"),
    path("queues/", queues.page, name="queues"),
    path("queues/table", queues.fragment, name="queues_fragment"),
    path("queues/<wid:name>/", queues.queue, name="queue"),
    path("queues/<wid:name>/state", queues.queue_fragment, name="queue_fragment"),
    path("queues/<wid:name>/limits", queues.limits, name="queue_limits"),
    path("queues/<wid:name>/pause", queues.pause, name="queue_pause"),
    path("schedules/", schedules.page, name="schedules"),
    path("schedules/table", schedules.fragment, name="schedules_fragment"),
    path("schedules/<wid:name>/", schedules.schedule, name="schedule"),
    path("schedules/<wid:name>/state", schedules.schedule_fragment, name="schedule_fragment"),
    path("schedules/<wid:name>/pause", schedules.pause, name="schedule_pause"),
    path("schedules/<wid:name>/triggers", schedules.triggers, name="schedule_triggers"),
    path("schedules/<wid:name>/backfills", schedules.backfills, name="schedule_backfills"),
    path("audit/", audit.page, name="audit"),
    path("audit/entries.<slug:ending>", audit.export, name="audit_export"),
    path("workers/", workers.page, name="workers"),
    path("workers/tables", workers.fragment, name="workers_fragment"),
    path("definitions/", definitions.page, name="definitions"),
    path("definitions/table", definitions.fragment, name="definitions_fragment"),
    path("definitions/<wid:name>/", definitions.definition, name="definition"),
    path("definitions/<wid:name>/parts", definitions.definition_fragment, name="definition_fragment"),
    path("definitions/<wid:name>/start/", starting.start, name="start"),
    path("tokens/", tokens.page, name="tokens"),
    path("tokens/new", tokens.creation, name="token_creation"),
    path("tokens/<int:token_id>/revocation", tokens.revocation, name="token_revocation"),
    path(f"{PREFIX}/", api.urls),
]
