"""Two workflows beside each other: where they part, what differs, and nothing that somebody may not read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from dashboard import comparisons
from dashboard.comparisons import Content, Pair, Side
from dashboard.presenters import comparison
from dashboard.presenters.comparison import align, content_row, longer
from dashboard.views import comparing
from tests import definitions, execution
from tests.people import People
from workflows import operations, registry
from workflows.durable import set_event, step, workflow
from workflows.models import Workflow
from workflows.queries import StepOutline
from workflows.redaction import Lens
from workflows.visibility import Visibility

NAMES = st.lists(st.sampled_from("abc"), max_size=12)
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


# Which step belongs to which


@given(here=NAMES, there=NAMES)
def test_each_step_of_both_stands_once_in_its_order_beside_one_of_its_name(here: list[str], there: list[str]) -> None:
    aligned = align(here, there)
    assert [ours for ours, _ in aligned if ours is not None] == list(range(len(here)))
    assert [theirs for _, theirs in aligned if theirs is not None] == list(range(len(there)))
    assert all(here[ours] == there[theirs] for ours, theirs in aligned if ours is not None and theirs is not None)
    assert (None, None) not in aligned


@given(names=NAMES, at=st.integers(0, 12))
def test_a_step_too_many_moves_no_other(names: list[str], at: int) -> None:
    aligned = align([*names[:at], "extra", *names[at:]], names)
    assert [pair for pair in aligned if None in pair] == [(min(at, len(names)), None)]


def test_what_repeats_is_aligned_as_quickly_as_what_does_not() -> None:
    here, there = ["pay", *("ab" * 1_000)], [*("abb" * 666), "ship"]
    assert len(align(here, there)) >= len(here)  # by names alone this would take half a minute


# In words


def outline(name: str, **more: Any) -> StepOutline:
    told = {"position": 1, "status": "succeeded", "attempt": 1, "took": 100, "digest": "same"} | more
    end = None if told["status"] == "running" else NOON + timedelta(milliseconds=told["took"])
    return StepOutline(told["position"], name, told["status"], told["attempt"], NOON, end, told["digest"])


def pair_of(
    here: list[StepOutline],
    there: list[StepOutline],
    audience: Visibility = Visibility.ADMIN,
    status: str = "succeeded",
) -> Pair:
    lens = Lens("doubling", audience)
    row = Workflow(id="x", definition="doubling", status=status)
    sides = [Side(row, lens, steps, False, {}) for steps in (here, there)]
    return Pair(*sides, [], False)


@pytest.mark.parametrize(
    ("here", "there", "words"),
    [
        ({"status": "failed"}, {}, "failed here, succeeded there"),
        ({"status": "running"}, {"status": "cancelled"}, "is running here, was cancelled there"),
        ({"status": "failed"}, {"attempt": 3}, "failed here, succeeded there"),
        ({"attempt": 3}, {}, "took 3 attempts here, 1 there"),
        ({}, {"attempt": 2}, "took 1 attempt here, 2 there"),
        ({"digest": "other"}, {}, "returned something else"),
        ({"digest": None}, {}, ""),  # too large to tell
        ({"took": 90_000}, {}, ""),
    ],
)
def test_what_differs_of_a_step_is_said(here: dict[str, Any], there: dict[str, Any], words: str) -> None:
    pair = pair_of([outline("pay", **here)], [outline("pay", **there)])
    [match] = comparison.matches(pair)
    assert match.words == words
    assert comparison.first_differences([match]) == ([match] if words else [])
    assert match.differs is (bool(words) or "took" in here)


def test_who_may_not_read_all_outputs_is_not_told_which_are_the_same() -> None:
    pair = pair_of([outline("pay", digest="other")], [outline("pay")], Visibility.PUBLIC)
    assert [match.words for match in comparison.matches(pair)] == [""]
    assert "outputs" not in comparison.alike(pair, comparison.matches(pair))


def test_the_first_difference_is_the_first_step_that_one_side_has_alone() -> None:
    here = [outline("get"), outline("extra", position=4), outline("pay", position=6, status="failed")]
    found = comparison.matches(pair_of(here, [outline("get"), outline("pay", position=5)]))
    [first] = comparison.first_differences(found)
    assert (first.number, first.position, first.name, first.words) == (2, 4, "extra", "happened only here")


def test_a_step_that_may_come_yet_is_alone_so_far() -> None:
    found = comparison.matches(pair_of([], [outline("pay", status="running")], status="running"))
    assert [match.words for match in found] == ["happened only there so far and is running"]


def test_beside_the_first_that_went_otherwise_the_first_that_ended_otherwise_is_named() -> None:
    here = [outline("get", digest="other"), outline("get", attempt=2), outline("pay", status="failed")]
    found = comparison.matches(pair_of(here, [outline("get"), outline("get")]))
    told = [(match.number, match.words) for match in comparison.first_differences(found)]
    assert told == [(1, "returned something else"), (3, "happened only here and failed")]


@pytest.mark.parametrize(
    ("here", "there", "words"),
    [
        (252_000, 105_000, "2.4 times as long, 2 min 27 s more"),
        (105_000, 252_000, "2.4 times as fast, 2 min 27 s less"),
        (10_000, 1_000, "10 times as long, 9.0 s more"),
        (1_000_000, 1_000, "1,000 times as long, 16 min 39 s more"),
        (1_050, 1_000, "about as long, 50 ms more"),
        (1_005, 1_000, "as long"),
        (500, 0, "500 ms more"),
        (0, 0, "as long"),
    ],
)
def test_how_much_longer_is_said_in_words_and_numbers(here: int, there: int, words: str) -> None:
    assert longer(here, there) == words


def nested(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("here", "there", "words", "differs"),
    [
        (Content(1, digest="a"), None, "only here", True),
        (None, Content(1, digest="a"), "only there", True),
        (Content(1, digest="a"), Content(1, digest="a"), "the same", False),
        (Content(1, digest="a"), Content(1.0, digest="b"), "the same", False),
        (Content(1), Content(1, digest="a"), "the same, as far as it is told", False),
        (Content(is_hidden=True), Content(is_hidden=True), "not told", False),
        (Content(size=9, digest="a", is_read=False), Content(1, digest="b"), "differs", True),
        (Content(size=9, is_read=False), Content(1), "too large to tell", False),
        (Content(nested(900), digest="a"), Content(nested(901), digest="b"), "differs", True),
        (Content(nested(900), digest="a"), Content(nested(900), digest="a"), "the same", False),
    ],
)
def test_what_cannot_be_taken_apart_or_told_is_said(
    here: Content | None, there: Content | None, words: str, differs: bool
) -> None:
    row = content_row("key", here, there)
    assert (row.words, row.differs, row.diff) == (words, differs, None)


def test_a_difference_goes_from_there_to_here() -> None:
    row = content_row("key", Content({"sum": 5, "new": 1}, digest="a"), Content({"sum": 3, "old": 1}, digest="b"))
    assert row.diff is not None
    told = [(change.path, change.old, change.new, change.delta) for change in row.diff.changes]
    assert told == [("sum", "3", "5", "+2"), ("new", None, "1", ""), ("old", "1", None, "")]


# The page


@pytest.fixture
def operator(client: Client, people: People) -> Client:
    client.force_login(people.operator)
    return client


def address(here: str, **query: Any) -> str:
    return f"{reverse('dashboard:compare', args=[here])}?{urlencode(query)}"


def words_of(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    html = re.sub(r"<script.*?</script>|<head.*?</head>", "", answer.content.decode(), flags=re.DOTALL)
    assert "<script>alert" not in html
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


@step
def carry(parcel: Any) -> Any:
    """Return it."""
    if parcel == "lost":
        raise definitions.Refused("<script>alert(1)</script> is lost")
    return parcel


@pytest.fixture
def carrying(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A definition of this test alone."""
    monkeypatch.setattr(registry, "_definitions", dict(registry._definitions))

    @workflow(name="carrying", keys={"card": "admin", "pin": "never"})
    def made(parcels: list[Any], **values: Any) -> list[Any]:
        for key, value in values.items():
            set_event(key, value)
        return [carry(parcel) for parcel in parcels]

    return made


def carried(definition: Any, id_: str, *parcels: Any, **values: Any) -> None:
    execution.run(definition.using(workflow_id=id_).start(list(parcels), **values))


database = pytest.mark.django_db


@database
def test_without_another_one_it_is_the_last_success_before_of_the_same_definition(
    operator: Client, carrying: Any
) -> None:
    execution.run(definitions.doubling.using(workflow_id="of-another").start([1]))
    carried(carrying, "early", 1)
    assert "No carrying succeeded before this one" in words_of(operator, address("early"))
    carried(carrying, "good", 1)
    carried(carrying, "bad", "lost")
    carried(carrying, "worse", 1, "lost")
    carried(carrying, "late", 1)
    said = words_of(operator, address("worse"))
    assert "good" in said
    assert "early" not in said
    assert "late" not in said
    assert "They differ first at step 2 : carry happened only here and failed." in said
    assert (
        f'href="{reverse("dashboard:compare", args=["worse"])}"' in operator.get("/workflows/worse/").content.decode()
    )


@database
def test_the_page_says_where_two_part_and_what_differs(operator: Client, carrying: Any) -> None:
    carried(carrying, "good", 1, 2, 3, amount=3, only_there=True, same=[1])
    carried(carrying, "bad", 1, "lost", amount=5, only_here=None, same=[1])
    said = words_of(operator, address("bad", **{"with": "good"}))
    assert "They differ first at step 5 : carry failed here, succeeded there." in said
    assert "2 of 3 went otherwise" in said
    assert "Refused: <script>alert(1)</script> is lost" in said
    for told in ("amount 5 all 3 all 3 → 5 +2", "only_here null all – only here", "only_there – true all only there",
                 "same [1] all [1] all the same"):  # fmt: skip
        assert told in said
    only = words_of(operator, address("bad", **{"with": "good", "only": 1}))
    assert "only_here" in only
    assert "same [1]" not in only


@database
def test_pages_of_steps_lead_on_and_the_first_difference_leads_to_its_own(
    operator: Client, carrying: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "STEPS_ROWS", 2)
    carried(carrying, "good", 1, 2, 3, 4)
    carried(carrying, "bad", 1, 2, 3, "lost")
    html = operator.get(address("bad", **{"with": "good"})).content.decode()
    assert html.count('id="step-') == 2
    assert 'href="?with=good&amp;page=2#step-4"' in html
    assert 'rel="next" href="?with=good&amp;page=2"' in html
    assert 'id="step-4"' in operator.get(address("bad", **{"with": "good", "page": 2})).content.decode()
    only = operator.get(address("bad", **{"with": "good", "only": 1})).content.decode()
    assert re.findall(r'id="(step-\d+)"', only) == ["step-4"]
    assert "No step beyond these" in words_of(operator, address("bad", **{"with": "good", "page": 9}))


@database
def test_only_so_many_steps_and_keys_are_read_and_the_page_says_so(
    operator: Client, carrying: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparisons, "MOST_STEPS", 2)
    monkeypatch.setattr(comparisons, "MOST_KEYS", 2)
    carried(carrying, "good", 1, 2, 3, b=1, d=1)
    carried(carrying, "bad", 1, 2, "lost", a=1, c=1, parcel="x" * 9_000)
    found = operator.get(address("bad", **{"with": "good"}))
    pair = found.context["pair"]
    assert (pair.keys, pair.has_more_keys, len(pair.here.steps), pair.here.has_more_steps) == (
        ["a", "b"],
        True,
        2,
        True,
    )
    said = words_of(operator, address("bad", **{"with": "good"}))
    assert "One has more: the first" in said
    assert "There are more: the first" in said


@database
def test_what_is_large_or_nested_or_hostile_neither_breaks_the_page_nor_fills_it(
    operator: Client, carrying: Any
) -> None:
    hostile = "<script>alert(2)</script>`</td>\u202e" + "W" * 3_000
    for id_, more in (("good", []), ("<script>alert(3)</script>", [1])):
        values = {"large": ["y" * 9_000, *more], "deep": nested(400), "rude": hostile, "k`<b>": more}
        carried(carrying, id_, [hostile, "z" * 70_000, *more], **values)
    answer = operator.get(address("<script>alert(3)</script>", **{"with": "good"}))
    assert answer.status_code == 200
    assert len(answer.content) < 60_000
    said = words_of(operator, address("<script>alert(3)</script>", **{"with": "good"}))
    assert "large 9.0 KB of JSON all 9.0 KB of JSON all differs" in said
    assert "Input 70.0 KB of JSON" not in said
    assert "KB of JSON all" in said
    assert "carry returned something else" in said


@database
def test_a_viewer_learns_neither_hidden_values_nor_whether_they_are_the_same(
    people: People, carrying: Any, client: Client
) -> None:
    carried(carrying, "one", 1, card="secret-1", pin="secret-2", note="a")
    carried(carrying, "same", 1, card="secret-1", pin="secret-2", note="a")
    carried(carrying, "other", 1, card="secret-3", pin="secret-4", note="b")
    client.force_login(people.viewer)
    for there, note in (("same", "the same"), ("other", "b → a")):
        said = words_of(client, address("one", **{"with": there}))
        assert "secret-1" not in said.partition("Values")[2]
        assert "secret-2" not in said.partition("Values")[2]
        assert "card (hidden) all (hidden) all not told" in said
        assert "pin (hidden) all (hidden) all not told" in said
        assert f"{note}" in said
    client.force_login(people.operator)
    said = words_of(client, address("one", **{"with": "other"}))
    assert "secret-3 → secret-1" in said
    assert "pin (hidden) all (hidden) all not told" in said


@database
def test_an_unknown_another_one_is_answered_as_an_unknown_one_and_nothing_to_a_stranger(
    operator: Client, carrying: Any, people: People
) -> None:
    carried(carrying, "one", 1)
    answers = [operator.get(path) for path in (address("no"), address("one", **{"with": "no"}),
               address("one", **{"with": "a\x00b"}), address("one", **{"with": "x" * 300}))]  # fmt: skip
    assert {answer.status_code for answer in answers} == {404}
    operator.force_login(people.stranger)
    refused = [operator.get(address(one, **{"with": "one"})) for one in ("one", "no")]
    assert [answer.status_code for answer in refused] == [404, 404]
    assert refused[0].content == refused[1].content


@database
def test_one_that_goes_on_is_told_as_of_a_time(operator: Client) -> None:
    for id_ in ("first", "second"):
        operations.start("doubling", kwargs={"numbers": [1]}, workflow_id=id_)
    said = words_of(operator, address("first", **{"with": "second"}))
    assert "as of" in said
    assert "read again" in said
    assert "Neither has a step." in said
    execution.claim(definitions.doubling.using(workflow_id="first").start(numbers=[1]))
    assert "so far" in words_of(operator, address("first", **{"with": "second"}))


@database
def test_two_that_are_ticked_lead_to_their_page(operator: Client) -> None:
    answer = operator.get("/compare?" + urlencode({"a": "<b>/é", "b": "a&b"}))
    assert (answer.status_code, answer.headers["Location"]) == (302, address("<b>/é", **{"with": "a&b"}))
    for query in ({}, {"a": "one"}, {"a": "one", "b": ""}, {"a": "one", "b": "\x00"}):
        assert operator.get("/compare?" + urlencode(query)).status_code == 404


@database
def test_one_that_a_projects_rules_hide_is_never_beside_another(
    client: Client, people: People, carrying: Any, settings: Any
) -> None:
    settings.TELLTALE_ACCESS = "tests.dashboard.test_rules.Teams"
    user: User = people.operator
    for id_, queue in (("ours", "operator"), ("theirs", "secret"), ("bad", "operator")):
        execution.run(carrying.using(workflow_id=id_, queue=queue).start(["lost" if id_ == "bad" else 1]))
    client.force_login(user)
    said = words_of(client, address("bad"))
    assert "ours" in said
    assert "theirs" not in said
    hidden, unknown = (client.get(address("bad", **{"with": id_})) for id_ in ("theirs", "no"))
    assert (hidden.status_code, hidden.content) == (unknown.status_code, unknown.content)
    assert client.get(address("theirs", **{"with": "bad"})).status_code == 404
