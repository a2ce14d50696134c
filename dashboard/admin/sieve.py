"""Events of one definition, for which no index exists: another one would cost every event that is written.

A definition that did little is asked for its workflows. One that did much is met soon among the newest events: so many
of those are looked through for one page, and the page says how far it looked.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet

from dashboard.admin.filters import by_index
from dashboard.admin.keyset import KeysetChangeList, Part
from workflows.models import Workflow

LOOKED_THROUGH = 5_000  # events, for one page
FEW_WORKFLOWS, FEW_EVENTS = 500, 20_000  # of a definition, that are looked at all


class OfDefinitionChangeList(KeysetChangeList):
    """The list of events, of which the chosen definition's are kept."""

    def part(self, where: Q, size: int, *, backwards: bool = False) -> Part:
        """The first ones of those, or the last ones."""
        definition = self.params.get("definition")
        if not definition:
            return super().part(where, size, backwards=backwards)
        few = self._few(definition)
        places = self.queryset.filter(where).values_list("id", "seq", "workflow_id", named=True)
        if few is not None:
            kept: list[Any] = self.merged(list(places.filter(workflow_id__in=few).order_by()), backwards=backwards)
            last = None
        else:
            looked_at, kept = self._sifted(definition, places, size, backwards=backwards)
            last = looked_at[-1] if len(looked_at) == LOOKED_THROUGH else None
            self.looked_through = 0 if len(kept) > size else len(looked_at)
        end = kept[size - 1] if len(kept) > size else last
        rows = self.queryset.in_bulk([row.id for row in kept[:size]])
        part = Part.of([rows[row.id] for row in kept[:size] if row.id in rows], end=end, backwards=backwards)
        return part if part.rows or few is not None else part._replace(begin=looked_at[0] if looked_at else None)

    def _sifted(
        self, definition: str, places: QuerySet[Any, Any], size: int, *, backwards: bool
    ) -> tuple[list[Any], list[Any]]:
        """What was looked through, and what of it is the definition's: a fifth of it fills the page of a busy one."""
        for depth in (LOOKED_THROUGH // 5, LOOKED_THROUGH):
            looked_at: list[Any] = self.first(places, depth, backwards=backwards)
            kept = self._of(definition, looked_at)
            if len(kept) > size or len(looked_at) < depth:
                break
        return looked_at, kept

    @staticmethod
    def _few(definition: str) -> list[str] | None:
        """The ids of a definition's workflows, if they are few and did little."""
        ordered = Workflow.objects.order_by("definition", "status", "-created_at", "-id")
        rows = by_index(ordered, "definition", definition)
        did = list(rows.values_list("id", "last_seq")[: FEW_WORKFLOWS + 1])
        is_little = len(did) <= FEW_WORKFLOWS and sum(seq for _, seq in did) <= FEW_EVENTS
        return [workflow_id for workflow_id, _ in did] if is_little else None

    @staticmethod
    def _of(definition: str, events: list[Any]) -> list[Any]:
        ids = {event.workflow_id for event in events}
        wanted = set(Workflow.objects.filter(id__in=ids, definition=definition).values_list("id", flat=True))
        return [event for event in events if event.workflow_id in wanted]
