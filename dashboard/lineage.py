"""Who came from whom: parents, children and forks that a person may see."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q, QuerySet

from dashboard import access
from workflows.models import Workflow

FIRST = 50


@dataclass(frozen=True)
class Relatives:
    """`children` and `forks` are the first ones, oldest first; `more_*` says that there are others."""

    parent: Workflow | None
    origin: Workflow | None
    children: list[Workflow]
    more_children: bool
    forks: list[Workflow]
    more_forks: bool

    def __bool__(self) -> bool:
        return bool(self.children or self.forks)


def relatives(user: access.Visitor, workflow: Workflow) -> Relatives:
    """The visible relatives of a workflow that this person may see."""
    visible = access.visible_workflows(user).defer("input", "output", "error")
    children = _oldest_first(visible.filter(parent_id=workflow.id))[: FIRST + 1]
    forks = _oldest_first(visible.filter(forked_from_id=workflow.id))[: FIRST + 1]
    known = {row.id: row for row in visible.filter(id__in=[workflow.parent_id, workflow.forked_from_id])}
    return Relatives(
        parent=known.get(workflow.parent_id or ""),
        origin=known.get(workflow.forked_from_id or ""),
        children=list(children)[:FIRST],
        more_children=len(children) > FIRST,
        forks=list(forks)[:FIRST],
        more_forks=len(forks) > FIRST,
    )


def children_after(user: access.Visitor, workflow_id: str, after: Workflow | None, limit: int) -> list[Workflow]:
    """The next visible children after one of them, oldest first."""
    found = access.visible_workflows(user).filter(parent_id=workflow_id).defer("input", "output")
    if after is not None:
        later = Q(created_at__gt=after.created_at) | Q(created_at=after.created_at, id__gt=after.id)
        found = found.filter(later, created_at__gte=after.created_at)
    return list(_oldest_first(found)[:limit])


def _oldest_first(rows: QuerySet[Workflow]) -> QuerySet[Workflow]:
    return rows.order_by("created_at", "id")
