"""The fold law: state before + events = state after, for whatever happens to a workflow.

States are what the database shows, taken while the workflow is under way. The same cases are kept in
`tests/fold_cases.json` for the browser's fold. To record them anew:

    RECORD_FOLD_CASES=1 pytest tests/workflows/test_fold.py
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from tests.definitions import CALLS, SWITCH, catching, doubling, following, listening, publishing, retrying, switching
from tests.execution import claim, crash, run, work_off
from tests.wait import until
from workflows import engine, history, operations, recovery
from workflows.durable import Status, as_completed, gather, patched, set_event, sleep, step
from workflows.fold import empty_state, fold
from workflows.handles import WorkflowHandle
from workflows.models import Event
from workflows.redaction import HIDDEN, WITH_PAYLOADS, Lens
from workflows.states import KEYED, EventKind

pytestmark = pytest.mark.django_db(transaction=True)

CASES = Path(__file__).parent.parent / "fold_cases.json"
Case = dict[str, Any]


class Recorder:
    """Takes the state of one workflow now and then, and pairs neighbours with the events between them."""

    def __init__(self, name: str, handle: WorkflowHandle[Any]) -> None:
        self.name, self.handle = name, handle
        self.states: list[Any] = []
        self.look()

    def look(self) -> None:
        """Take the state as it is now."""
        self.states.append(history.snapshot(self.handle.id))

    def cases(self) -> Iterator[Case]:
        """Each stretch, and the whole."""
        self.look()
        rows = Event.objects.filter(workflow_id=self.handle.id).order_by("seq")
        events = [history.wire(event) for event in rows]
        stretches = [*zip(self.states, self.states[1:], strict=False), (self.states[0], self.states[-1])]
        for number, (before, after) in enumerate(stretches):
            between = events[before["seq"] : after["seq"]]
            yield {"name": f"{self.name} ({number})", "before": before, "events": between, "after": after}


def _plain(name: str, handle: WorkflowHandle[Any], **options: Any) -> Recorder:
    recorder = Recorder(name, handle)
    run(handle, **options)
    return recorder


def _switching(name: str, body: Callable[[Recorder], Any]) -> Recorder:
    recorder = Recorder(name, switching.start())
    SWITCH["body"] = lambda: body(recorder)
    return recorder


def _steps_and_values() -> Recorder:
    return _plain("steps, progress and values", doubling.start([1, 2]))


def _retried_step() -> Recorder:
    return _plain("a step that is tried again", retrying.start(1))


def _failed() -> Recorder:
    return _plain("a workflow that fails", retrying.start(9))


def _caught() -> Recorder:
    return _plain("a failed step that is caught", catching.start())


def _hostile_keys() -> Recorder:
    return _plain("keys that mean something elsewhere", publishing.start(["x" * 50], key="__proto__"))


def _looked_at_in_a_step() -> Recorder:
    @step
    def looked(recorder: Recorder) -> int:
        recorder.look()
        set_event("inside", {"a": [1, None, True, "é"]})
        recorder.look()
        return 2000

    def body(recorder: Recorder) -> str:
        looked(recorder)
        return "x" * 2000

    recorder = _switching("looked at while a step runs, with a large result", body)
    run(recorder.handle)
    return recorder


def _cancelled_in_a_step() -> Recorder:
    @step
    def cancelled(recorder: Recorder) -> None:
        recorder.look()
        operations.cancel(recorder.handle.id, by="operator", reason="enough")
        recorder.look()

    recorder = _switching("cancelled while a step runs", cancelled)
    run(recorder.handle)
    return recorder


def _dying(name: str, crashes: int) -> Recorder:
    @step
    def dying(recorder: Recorder) -> str:
        recorder.look()
        if CALLS["dying"] < crashes:
            CALLS["dying"] += 1
            raise KeyboardInterrupt
        return "survived"

    recorder = _switching(name, dying)
    for _ in range(crashes):
        _run_and_crash(recorder)
    if recorder.handle.status() is not Status.QUARANTINED:
        run(recorder.handle)
    return recorder


def _run_and_crash(recorder: Recorder) -> None:
    def claimable() -> bool:
        try:
            claimed = claim(recorder.handle)
        except AssertionError:  # the back-off after a crash
            return False
        with contextlib.suppress(KeyboardInterrupt):
            engine.execute(claimed, stopping=lambda: False)
        return True

    until(claimable)
    crash(recorder.handle)
    recorder.look()


def _taken_over() -> Recorder:
    return _dying("taken over while a step runs", 1)


def _quarantined() -> Recorder:
    return _dying("quarantined", 3)


def _handed_back() -> Recorder:
    recorder = _plain("handed back by a stopping worker", doubling.start([3]), stopping=lambda: True)
    recorder.look()
    run(recorder.handle)
    return recorder


def _message() -> Recorder:
    recorder = Recorder("waits for a message that comes", listening.start("news", timeout=30))
    run(recorder.handle)
    recorder.look()
    operations.send(recorder.handle.id, "news", {"paid": True}, by="operator")
    recorder.look()
    work_off(recorder.handle)
    return recorder


def _timed_out() -> Recorder:
    recorder = Recorder("waits for a message that never comes", listening.start("news", timeout=0.5))
    work_off(recorder.handle)
    return recorder


def _event_read() -> Recorder:
    other = publishing.start(["there"])
    recorder = Recorder("waits for another workflow's value", following.start(other.id, "key", 30))
    run(recorder.handle)
    recorder.look()
    work_off(recorder.handle)
    return recorder


def _delayed_with_a_timeout() -> Recorder:
    handle = doubling.using(delay=0.3, timeout=60.0, priority=3).start([1])
    recorder = Recorder("delayed, with a timeout", handle)
    until(lambda: recovery.wake_due())
    recorder.look()
    run(handle)
    return recorder


def _debounced() -> Recorder:
    handle = doubling.using(debounce_key="k", delay=60.0).start([1])
    recorder = Recorder("put off by a further start", handle)
    doubling.using(debounce_key="k", delay=0.05).start([2])
    recorder.look()
    until(lambda: recovery.wake_due())
    return recorder


def _overdue() -> Recorder:
    handle = listening.using(timeout=0.01).start("never")
    recorder = _plain("cancelled when its time was over", handle)
    recorder.look()
    until(lambda: recovery.cancel_overdue())
    return recorder


def _slept() -> Recorder:
    recorder = _switching("sleeps, and has a patch", lambda _recorder: [patched("calmer"), sleep(1.05)])
    with override_settings(WORKFLOWS={**settings.WORKFLOWS, "SUSPEND_AT_LEAST": 0.0}):  # however late it is by then
        run(recorder.handle)
    recorder.look()
    work_off(recorder.handle)
    return recorder


def _family() -> Recorder:
    def body(recorder: Recorder) -> Any:
        first, second, third = doubling.start([1]), doubling.start([2]), doubling.start([3])
        recorder.look()
        return [*gather([first, second]), [handle.id for handle in as_completed([third])], third.result()]

    recorder = _switching("starts children and waits for them", body)
    run(recorder.handle)
    recorder.look()
    work_off(recorder.handle)
    return recorder


def _resumed() -> Recorder:
    recorder = _plain("fails, is resumed and succeeds", retrying.start(4))
    recorder.look()
    operations.resume(recorder.handle.id, by="operator", reason="the bank is back")
    recorder.look()
    run(recorder.handle)
    return recorder


def _resumed_after_cancellation() -> Recorder:
    @step
    def cancelled(recorder: Recorder) -> None:
        if not CALLS["cancelled"]:
            CALLS["cancelled"] += 1
            operations.cancel(recorder.handle.id, by="operator", reason="by mistake")

    recorder = _switching("cancelled by mistake and resumed", cancelled)
    run(recorder.handle)
    recorder.look()
    operations.resume(recorder.handle.id, by="operator", reason="")
    recorder.look()
    run(recorder.handle)
    return recorder


def _forked() -> Recorder:
    original = doubling.start([1, 2])
    run(original)
    operations.pin(original.id, by="operator", reason="evidence")
    operations.pin(original.id, False, by="operator")
    copy = operations.fork(original.id, 3, by="operator", reason="once more")
    recorder = Recorder("forked in the middle", WorkflowHandle(copy.id))
    recorder.states.insert(0, empty_state(copy.id))
    run(recorder.handle)
    return recorder


def _fork_original() -> Recorder:
    recorder = _plain("pinned, and forked from", doubling.start([1]))
    recorder.look()
    operations.pin(recorder.handle.id, by="operator", reason="evidence")
    operations.pin(recorder.handle.id, False, by="operator")
    operations.fork(recorder.handle.id, 2, by="operator", reason="once more")
    return recorder


def _unread(case: Case) -> Case:
    """The same as told to somebody who may read no values: hidden events fold to the hidden state."""
    lens = Lens(case["after"]["workflow"]["definition"], None)
    before, after = lens.state(case["before"]), lens.state(case["after"])
    return {
        "name": f"{case['name']}, unread", "before": before, "events": [lens.event(one) for one in case["events"]],
        "after": after,
    }  # fmt: skip


SCENARIOS = [
    _steps_and_values, _retried_step, _failed, _caught, _hostile_keys, _looked_at_in_a_step, _cancelled_in_a_step,
    _taken_over, _quarantined, _handed_back, _message, _timed_out, _event_read,
    _delayed_with_a_timeout, _debounced, _overdue, _slept, _family, _resumed, _resumed_after_cancellation,
    _forked, _fork_original,
]  # fmt: skip


def test_every_history_folds_to_what_the_database_shows() -> None:
    cases: list[Case] = []
    for scenario in SCENARIOS:
        CALLS.clear()
        found = list(scenario().cases())
        cases += [*found, _unread(found[-1])]
    for case in cases:
        assert fold(case["before"], case["events"]) == case["after"], case["name"]
    if os.environ.get("RECORD_FOLD_CASES"):
        text = json.dumps(cases, indent=1, ensure_ascii=False)
        CASES.write_text(text.replace(f"{CASES.parent.parent}/", "") + "\n")  # tracebacks know where they were
    recorded = {(case["name"], tuple(event[2] for event in case["events"])) for case in json.loads(CASES.read_text())}
    assert recorded == {(case["name"], tuple(event[2] for event in case["events"])) for case in cases}


def test_the_past_is_the_fold_of_what_came_before_it() -> None:
    for scenario in (_steps_and_values, _looked_at_in_a_step, _taken_over, _family, _resumed, _forked):
        CALLS.clear()
        workflow_id = scenario().handle.id
        state = empty_state(workflow_id)
        for event in Event.objects.filter(workflow_id=workflow_id).order_by("seq"):
            state = fold(state, [history.wire(event)])
            assert history.state_at(workflow_id, event.seq) == state
        assert history.state_at(workflow_id, state["seq"]) == history.snapshot(workflow_id)
        assert history.state_at(workflow_id, state["seq"] + 1) is None
        assert history.state_at(workflow_id, 0) == empty_state(workflow_id)


def test_the_recorded_cases_fold_and_know_every_kind_of_event() -> None:
    cases = json.loads(CASES.read_text())
    for case in cases:
        assert fold(case["before"], case["events"]) == case["after"], case["name"]
    assert {event[2] for case in cases for event in case["events"]} | {"created"} == {kind.value for kind in EventKind}
    assert {event[2] for case in cases for event in case["events"] if event[4] is not None} == KEYED
    hidden = {event[2] for case in cases for event in case["events"] if HIDDEN in json.dumps(event[5])}
    assert hidden >= {*map(str, WITH_PAYLOADS), "value_set"} - {"results_gathered"}, "whose errors only are hidden"


def test_folding_leaves_the_state_before_as_it_was() -> None:
    for case in json.loads(CASES.read_text()):
        state = case["before"]
        for event in case["events"]:
            before = json.dumps(state)
            after = fold(state, [event])
            assert json.dumps(state) == before, (case["name"], event)
            state = after


def test_an_event_that_does_not_follow_is_refused() -> None:
    case = max(json.loads(CASES.read_text()), key=lambda case: len(case["events"]))
    with pytest.raises(ValueError, match="cannot follow"):
        fold(case["before"], case["events"][1:])
