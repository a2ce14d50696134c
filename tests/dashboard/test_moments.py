"""The past of a workflow: pages of a moment, and the stretches that a browser scrubs through."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests import definitions, execution
from tests.dashboard.test_pages import page, page_data, text
from tests.people import People
from workflows import history
from workflows.fold import fold
from workflows.handles import WorkflowHandle
from workflows.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client: Client, people: People) -> Client:
    client.force_login(people.viewer)
    return client


@pytest.fixture
def published() -> WorkflowHandle[None]:
    """A workflow that published 1 to 300 under one key, as events 3 to 302, and succeeded as event 303."""
    handle = definitions.publishing.start(list(range(1, 301)))
    execution.run(handle)
    return handle


def moment_page(workflow_id: str, seq: object) -> str:
    return f"{reverse('dashboard:workflow', args=[workflow_id])}?seq={seq}"


def test_a_link_to_a_moment_shows_the_state_of_that_moment(viewer: Client, published: WorkflowHandle[None]) -> None:
    html = page(viewer, moment_page(published.id, 44))
    assert "Running publishing" in text(html)
    assert "Viewing" in text(html)
    assert "event 44 of 303. Live is 259 ahead." in text(html)
    data = page_data(html, "workflow-data")
    steps = {"fields": list(history.STEP_FIELDS), "rows": []}
    assert data["moment"]["state"] == history.state_at(published.id, 44) | {"steps": steps}
    assert data["moment"]["state"]["values"]["key"]["value"] == 42
    assert data["state"]["workflow"]["status"] == "succeeded"
    assert 'id="event-44"' in html
    assert 'id="event-45"' not in html


def test_nobody_can_act_on_the_past(client: Client, people: People, published: WorkflowHandle[None]) -> None:
    client.force_login(people.operator)
    assert '<div class="workflow-header__actions" inert' in page(client, moment_page(published.id, 44))
    assert '<div class="workflow-header__actions">' in page(client, moment_page(published.id, 303))


@pytest.mark.parametrize("seq", ["0", "-1", "304", "9" * 30, "x", "1.5", "²", "%00"])
def test_a_moment_that_never_was_is_no_page(viewer: Client, published: WorkflowHandle[None], seq: str) -> None:
    assert viewer.get(moment_page(published.id, seq)).status_code == 404


def test_a_stretch_is_a_state_and_what_follows_it(viewer: Client, published: WorkflowHandle[None]) -> None:
    found = viewer.get(reverse("dashboard:moments", args=[published.id, 250])).json()
    events = [history.wire(event) for event in Event.objects.filter(workflow_id=published.id).order_by("seq")]
    assert found["epoch"] == page_data(page(viewer, moment_page(published.id, "")), "workflow-data")["epoch"]
    assert found["state"] == history.state_at(published.id, 250)
    assert found["before"] == events[50:250]
    assert found["events"] == events[250:]
    assert fold(found["state"], found["events"]) == history.snapshot(published.id)
    assert viewer.get(reverse("dashboard:moments", args=[published.id, 304])).status_code == 404
    assert viewer.get(reverse("dashboard:moments", args=[published.id, 10**40])).status_code == 404


def test_marks_are_what_one_may_want_to_look_at_again(viewer: Client) -> None:
    handle = definitions.retrying.start(9)
    execution.run(handle)
    marks = viewer.get(reverse("dashboard:marks", args=[handle.id])).json()["marks"]
    kinds = Event.objects.filter(workflow_id=handle.id).order_by("seq").values_list("seq", "kind")
    assert marks == [[seq, kind] for seq, kind in kinds if kind in {"step_retrying", "step_failed", "failed"}]
    assert len(marks) >= 3


def test_the_past_is_closed_to_strangers_too(client: Client, people: People, published: WorkflowHandle[None]) -> None:
    addresses = [
        moment_page(published.id, 44),
        reverse("dashboard:moments", args=[published.id, 0]),
        reverse("dashboard:marks", args=[published.id]),
    ]
    for address in addresses:
        assert client.get(address).status_code == 302
    client.force_login(people.stranger)
    for address in addresses:
        assert client.get(address).status_code == 404
