"""A project's own rules: who sees only some workflows sees, finds, counts and follows no others, anywhere."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet
from django.test import Client
from django.urls import reverse

from dashboard import access, checks, fanout, lists, topics
from dashboard.access import Permissions, Standing
from dashboard.fanout import Refused
from dashboard.filters import ListFilter
from dashboard.overview_topics import Overviews
from dashboard.reads import Reads
from tests.dashboard.test_deny import NAMES, address
from tests.definitions import publishing
from tests.execution import run
from tests.people import create_people
from workflows.models import Workflow

pytestmark = pytest.mark.django_db(transaction=True)

HIDDEN, OWN, KEPT = "hidden-from-teams", "own", "own-and-kept"


class Teams(Permissions):
    """Each sees the queue that is named as its account, and cancels all but one."""

    def visible(self, user: User | AnonymousUser, queryset: QuerySet[Workflow]) -> QuerySet[Workflow]:
        return queryset.filter(queue=user.get_username())

    def can(self, user: User | AnonymousUser, action: str, workflow: Workflow | None) -> bool:
        is_kept = action == "cancel" and workflow is not None and workflow.id == KEPT
        return not is_kept and super().can(user, action, workflow)


@pytest.fixture
def operator(settings: Any) -> User:
    """Somebody with every permission, who sees two of three workflows."""
    settings.TELLTALE_ACCESS = f"{__name__}.Teams"
    user = create_people().operator
    for id_, queue in ((HIDDEN, "secret"), (OWN, "operator"), (KEPT, "operator")):
        handle = publishing.using(workflow_id=id_, queue=queue).start([id_])
        if id_ != KEPT:
            run(handle)
    return user


@pytest.fixture
def browser(operator: User) -> Client:
    """Theirs."""
    made = Client()
    made.force_login(operator)
    return made


def test_a_workflow_that_one_does_not_see_is_answered_as_one_that_is_not_there(browser: Client) -> None:
    for name, parts in NAMES.items():
        if name.startswith("dashboard:") and "workflow_id" in parts:
            for method in ("get", "post"):
                answers = [getattr(browser, method)(address(name, parts, id_)) for id_ in (HIDDEN, "guessed")]
                assert answers[0].status_code == answers[1].status_code, name
                assert answers[0].status_code in {400, 404, 405, 415, 422}, name  # a body that is none is refused first
    before = Workflow.objects.get(pk=HIDDEN)
    assert (before.status, before.last_seq) == ("succeeded", 4)


def test_no_page_tells_of_what_one_does_not_see(browser: Client) -> None:
    for name, parts in NAMES.items():
        if name.startswith("dashboard:") and "workflow_id" not in parts:
            answer: Any = browser.get(address(name, parts, OWN))
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            assert HIDDEN not in body.decode(), name
    for name, query in (("palette", "q=hidden"), ("matching", "q=hidden"), ("workflows", f"peek={HIDDEN}")):
        body = browser.get(f"{reverse(f'dashboard:{name}')}?{query}").content.decode()
        assert HIDDEN not in body.replace(query, ""), name
    own = [row["id"] for row in browser.get(reverse("dashboard:matching")).json()["workflows"]]
    assert own == [KEPT, OWN]


def test_sums_over_all_are_not_told_and_numbers_are_counted_among_ones_own(browser: Client) -> None:
    assert browser.get(reverse("dashboard:now"))["Location"] == reverse("dashboard:workflows")
    for name in ("now_fragment", "definitions"):
        assert browser.get(reverse(f"dashboard:{name}")).status_code == 403
    listed = browser.get(reverse("dashboard:workflows"))
    assert {status["count"] for status in listed.context["statuses"]} == {None}
    assert listed.context["matching"] is None
    assert listed.context["total"] == (2, True, "")
    assert reverse("dashboard:definitions") not in listed.content.decode()


def test_an_action_is_asked_of_the_very_workflow(browser: Client) -> None:
    assert "cancellation" in browser.get(reverse("dashboard:workflow", args=[OWN])).content.decode()
    assert "cancellation" not in browser.get(reverse("dashboard:workflow", args=[KEPT])).content.decode()
    assert browser.post(reverse("dashboard:cancellation", args=[KEPT])).status_code == 403
    chosen = {"ids": f'["{KEPT}", "{HIDDEN}"]', "filter": "", "back": ""}
    planned = browser.post(reverse("dashboard:bulk_confirmation", args=["cancel"]), chosen).context["plan"]
    assert (planned.rows, planned.missing) == ([], 2)
    assert Workflow.objects.get(pk=KEPT).status == "queued"


def test_no_topic_tells_of_what_one_does_not_see(operator: User) -> None:
    class Reader:
        credential = access.Credential("", operator.pk, "")

    async def follow(workflow_id: str) -> str:
        with pytest.raises(Refused) as refused:
            await fanout.fanout().follow(Reader(), operator, workflow_id, None)  # type: ignore[arg-type]
        return f"{refused.value.code} {refused.value}"

    async def sums_over(topic: str) -> tuple[object, str]:
        overviews = Overviews(Reads().threads)
        followed = await overviews.follow(Reader(), operator, topic)  # type: ignore[arg-type]
        return followed, await overviews.look(operator, topic)

    assert asyncio.run(follow(HIDDEN)) == asyncio.run(follow("guessed"))
    for topic in (topics.COUNTERS, topics.BULK):
        followed, looked = asyncio.run(sums_over(topic))
        assert followed is None
        assert "unknown" in looked
    since = Workflow.objects.get(pk=HIDDEN).created_at.isoformat()
    wanted: Any = {
        "t": "subscribe", "topic": "workflows", "filter": ListFilter().wire, "ids": [(HIDDEN, 0), (OWN, 0)],
        "since": since,
    }  # fmt: skip
    frame = lists.look(operator, wanted)
    assert HIDDEN not in frame
    assert KEPT in frame  # which is fresh, and theirs


def test_who_loses_sight_of_a_workflow_is_found_out(operator: User) -> None:
    pairs = {(operator.pk, OWN), (operator.pk, KEPT), (operator.pk, HIDDEN), (0, OWN)}
    assert access.unseen(pairs) == {(operator.pk, HIDDEN), (0, OWN)}
    Workflow.objects.filter(pk=OWN).update(queue="another")
    assert (operator.pk, OWN) in access.unseen(pairs)
    assert access.holders("view_totals", [operator.pk]) == set()
    browser = Client()
    browser.force_login(operator)
    (key,) = [browser.session.session_key]
    admission = access.admissions([str(key)])[str(key)]
    assert admission.may_watch
    assert access.standings([admission.credential])[admission.credential] is Standing.GOOD


@pytest.mark.parametrize(("named", "told"), [
    ("no.such.Class", "cannot be made"), ("Teams", "cannot be made"), ("django.test.Client", "no can and no visible"),
])  # fmt: skip
def test_rules_that_cannot_be_asked_are_refused_at_start(named: str, told: str, settings: Any) -> None:
    assert checks.check_rules() == []
    settings.TELLTALE_ACCESS = named
    assert told in checks.check_rules()[0].msg
