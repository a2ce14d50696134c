"""Who came from whom: parents, children and forks that a person may see."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from django.db.models import Q, QuerySet

from dashboard import access
from workflows.models import Workflow

FIRST = 50
LEVELS = 9  # of descendants; each has a key
MOST = 200  # descendants


class Descendant(NamedTuple):
    """One of a family: a child is of level 1, its child of level 2."""

    row: Workflow
    level: int


@dataclass(frozen=True)
class Relatives:
    """`children` and `forks` are the first ones, oldest first; `more_*` says that there are others.

    `family` has these children, each followed by its own, and so on; `levels` is how deep it goes.
    """

    parent: Workflow | None
    origin: Workflow | None
    children: list[Workflow]
    more_children: bool
    forks: list[Workflow]
    more_forks: bool
    family: list[Descendant]

    @property
    def levels(self) -> range:
        """The levels that the family has."""
        return range(1, max((one.level for one in self.family), default=0) + 1)

    def __bool__(self) -> bool:
        return bool(self.children or self.forks)


def relatives(user: access.Visitor, workflow: Workflow) -> Relatives:
    """The visible relatives of a workflow that this person may see."""
    visible = access.visible_workflows(user).defer("input", "output", "error")
    children = list(_oldest_first(visible.filter(parent_id=workflow.id))[: FIRST + 1])
    forks = _oldest_first(visible.filter(forked_from_id=workflow.id))[: FIRST + 1]
    known = {row.id: row for row in visible.filter(id__in=[workflow.parent_id, workflow.forked_from_id])}
    return Relatives(
        parent=known.get(workflow.parent_id or ""),
        origin=known.get(workflow.forked_from_id or ""),
        children=children[:FIRST],
        more_children=len(children) > FIRST,
        forks=list(forks)[:FIRST],
        more_forks=len(forks) > FIRST,
        family=_family(visible, children[:FIRST]),
    )


def _family(visible: QuerySet[Workflow], children: list[Workflow]) -> list[Descendant]:
    """Level by level, a query each, as deep and as many as are shown.

    In the order of the index of children. By time alone, the planner walks the whole table for those who have none.
    """
    of: dict[str, list[Workflow]] = {}
    generation, count = children, len(children)
    for _ in range(1, LEVELS):
        if not generation or count >= MOST:
            break
        born = visible.filter(parent_id__in=[row.id for row in generation])
        generation = list(born.order_by("parent_id", "created_at", "id")[: MOST - count])
        count += len(generation)
        for row in generation:
            of.setdefault(str(row.parent_id), []).append(row)
    return list(_descend(children, of, 1))


def _descend(rows: list[Workflow], of: dict[str, list[Workflow]], level: int) -> Iterator[Descendant]:
    for row in rows:
        yield Descendant(row, level)
        yield from _descend(of.get(row.id, []), of, level + 1)


def children_after(user: access.Visitor, workflow_id: str, after: Workflow | None, limit: int) -> list[Workflow]:
    """The next visible children after one of them, oldest first."""
    found = access.visible_workflows(user).filter(parent_id=workflow_id).defer("input", "output")
    if after is not None:
        later = Q(created_at__gt=after.created_at) | Q(created_at=after.created_at, id__gt=after.id)
        found = found.filter(later, created_at__gte=after.created_at)
    return list(_oldest_first(found)[:limit])


def parents(user: access.Visitor, rows: Collection[Workflow]) -> dict[str, str]:
    """Of each of these visible workflows the id of its parent; "" where it has none that this person may see."""
    found = {row.id: row.parent_id or "" for row in rows}
    elsewhere = {parent for parent in found.values() if parent and parent not in found}
    if not elsewhere or access.can(user, access.VIEW_TOTALS):  # none is hidden
        return found
    seen = set(access.visible_workflows(user).filter(pk__in=elsewhere).values_list("pk", flat=True))
    return {row: parent if parent in found or parent in seen else "" for row, parent in found.items()}


def _oldest_first(rows: QuerySet[Workflow]) -> QuerySet[Workflow]:
    return rows.order_by("created_at", "id")
