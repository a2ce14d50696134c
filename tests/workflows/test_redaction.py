"""What an audience reads of events, states and payloads, and that hiding leaves the history whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tests.execution import run
from workflows import redaction, registry, tracing
from workflows.durable import step, workflow
from workflows.fold import empty_state, fold
from workflows.redaction import HIDDEN, Lens
from workflows.visibility import Visibility

AT = "2026-11-26T10:00:00.000000Z"
KEYS = {"phase": "public", "email": "admin", "card": "never"}
ERROR = {"type": "ValueError", "module": "builtins", "message": "card 4111 declined", "traceback": "… card 4111 …"}


def without_cards(what: str, content: Any) -> Any:
    """What a definition might do."""
    return json.loads(json.dumps(content).replace("4111", "****"))


@pytest.fixture(autouse=True)
def _definitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_definitions", {})
    workflow(name="plain")(lambda order: None)
    workflow(name="declaring", keys=KEYS)(lambda order: None)
    workflow(name="redacting", redact=without_cards)(lambda order: None)


def value(seq: int, key: str, content: Any = "secret") -> list[Any]:
    return [seq, AT, "value_set", seq, key, {"value": content}]


def hidden(seq: int, key: str) -> list[Any]:
    return [seq, AT, "value_set", seq, key, {"value": HIDDEN, "hidden": True}]


def created(definition: str) -> list[Any]:
    return [1, AT, "created", None, None, {"definition": definition, "queue": "default"}]


def test_each_audience_reads_the_keys_that_it_may_and_every_event_keeps_its_place() -> None:
    keys = ("phase", "other", "email", "card")
    events = [created("declaring"), *(value(seq, key) for seq, key in enumerate(keys, start=2))]
    seen = {
        audience: [Lens("declaring", audience).event(event) for event in events]
        for audience in (None, Visibility.PUBLIC, Visibility.STAFF, Visibility.ADMIN)
    }
    shown = {audience: {key for key, event in zip(keys, all_[1:], strict=True) if event[5]["value"] == "secret"}
             for audience, all_ in seen.items()}  # fmt: skip
    assert list(shown.values()) == [set(), {"phase"}, {"phase", "other"}, {"phase", "other", "email"}]
    assert all([event[:5] for event in all_] == [event[:5] for event in events] for all_ in seen.values())
    assert seen[Visibility.STAFF][3:] == [hidden(4, "email"), hidden(5, "card")]


def test_the_fold_of_hidden_events_is_the_hidden_state() -> None:
    events = [created("declaring"), value(2, "phase"), value(3, "card"), value(4, "email"),
              [5, AT, "claimed", None, None, {"worker": "w"}],
              [6, AT, "step_started", 4, None, {"name": "pay", "attempt": 1, "worker": "w"}],
              [7, AT, "step_failed", 4, None, {"name": "pay", "attempt": 1, "error": ERROR}],
              [8, AT, "failed", None, None, {"error": ERROR}]]  # fmt: skip
    for definition in ("plain", "declaring", "redacting", "nobody-knows-it"):
        for audience in (None, *Visibility):
            lens = Lens(definition, audience)
            told = [created(definition), *events[1:]]
            before = fold(empty_state("w"), told)
            assert lens.state(before) == fold(empty_state("w"), [lens.event(event) for event in told])


def test_encoded_events_that_nothing_is_hidden_of_are_not_even_decoded() -> None:
    text = '[1, "not JSON at all'
    assert Lens("plain", Visibility.STAFF).events_text(text) is text
    assert Lens("declaring", Visibility.PUBLIC).is_clear is Lens("declaring", Visibility.ADMIN).is_clear is False


def test_of_encoded_events_only_hidden_ones_are_encoded_anew() -> None:
    exact = '[2,"t","value_set",1,"sum",{"value": 1.00000000000000000000000000001}]'
    text = f"{exact},{json.dumps(value(3, 'card'))},{exact.replace('2,', '4,', 1)}"
    shown = Lens("declaring", Visibility.ADMIN).events_text(text)
    assert shown.startswith(exact)
    assert shown.endswith(exact.replace("2,", "4,", 1))
    assert [event[0] for event in json.loads(f"[{shown}]")] == [2, 3, 4]
    assert "secret" not in shown


def test_a_value_that_was_read_from_another_workflow_is_as_hidden_there() -> None:
    events = [[2, AT, "event_read", 1, key, {"workflow": "other", "value": "secret"}] for key in ("card", "email", "x")]
    text = ",".join(map(json.dumps, events))
    seen = {one: json.loads(f"[{Lens('plain', one).events_text(text)}]") for one in (*Visibility,)}
    shown = {one: [event[4] for event in all_ if event[5]["value"] == "secret"] for one, all_ in seen.items()}
    assert shown[Visibility.PUBLIC] == []
    assert shown[Visibility.STAFF] == ["x"]
    assert shown[Visibility.ADMIN] == ["email", "x"]


PAYLOADS = [
    ("step_succeeded", {"name": "pay", "attempt": 1, "output": "card 4111"}),
    ("succeeded", {"output": {"card": "4111"}}),
    ("message_received", {"message": ["4111"]}),
    ("step_retrying", {"name": "pay", "attempt": 1, "error": ERROR, "next_attempt_at": AT}),
    ("step_failed", {"name": "pay", "attempt": 1, "error": ERROR}),
    ("failed", {"error": ERROR}),
    ("result_read", {"status": "succeeded", "output": "card 4111"}),
    ("result_read", {"status": "failed", "error": ERROR}),
    ("results_gathered", {"count": 1, "failed": {"child": {"status": "failed", "error": ERROR}}}),
]


@pytest.mark.parametrize(("kind", "data"), PAYLOADS)
def test_payloads_are_for_who_may_view_values_and_redacted_ones_whole_for_who_may_view_sensitive(
    kind: str, data: dict[str, Any]
) -> None:
    event = [9, AT, kind, 3, "key", data]

    def read(definition: str, audience: Visibility | None) -> str:
        return json.dumps(Lens(definition, audience).event(event))

    assert "4111" in read("redacting", Visibility.ADMIN)
    for definition, audience in (("redacting", Visibility.STAFF), ("redacting", Visibility.PUBLIC), ("plain", None)):
        assert "4111" not in read(definition, audience), (definition, audience)
    assert "4111" not in read("nobody-knows-it", Visibility.STAFF)
    if not kind.startswith("result"):  # of another workflow, whose definition may be the one that redacts
        assert "4111" in read("plain", Visibility.STAFF)
        assert "****" in read("redacting", Visibility.STAFF)


def test_an_error_that_may_not_be_read_says_its_type_alone() -> None:
    shown = Lens("plain", Visibility.PUBLIC).error(ERROR)
    assert shown == {"type": "ValueError", "module": "builtins", "message": HIDDEN, "traceback": ""}
    assert Lens("plain", None).error_line("ValueError: card 4111 declined") == f"ValueError: {HIDDEN}"
    assert Lens("redacting", Visibility.STAFF).error_line("ValueError: card 4111") == "ValueError: card ****"


@pytest.mark.parametrize("broken", [lambda what, content: 1 / 0, lambda what, content: object()])
def test_what_a_broken_redaction_was_to_hide_is_hidden_and_not_logged(broken: Any, caplog: Any) -> None:
    workflow(name="broken", redact=broken)(lambda order: None)
    lens = Lens("broken", Visibility.STAFF)
    assert lens.payload("output", "4111") == HIDDEN
    assert lens.error(ERROR) == {"type": "ValueError", "module": "builtins", "message": HIDDEN, "traceback": ""}
    assert "redact of definition 'broken' failed" in caplog.text
    assert "4111" not in caplog.text


def test_an_input_is_redacted_by_argument() -> None:
    workflow(name="by_argument", redact=lambda what, content: {**content, "order": what})(lambda order: None)
    stored = json.dumps({"args": ["4111"], "kwargs": {}})
    assert Lens("by_argument", Visibility.ADMIN).payload_text("input", stored) == stored
    assert json.loads(Lens("by_argument", Visibility.STAFF).payload_text("input", stored)) == {"order": "input"}
    assert json.loads(Lens("by_argument", Visibility.PUBLIC).payload_text("input", stored)) == HIDDEN


def test_a_row_of_a_list_tells_of_a_hidden_key_the_same_whether_it_was_published_or_not() -> None:
    row = {"definition": "declaring", "error": None, "progress": 0.5, "phase": "x", "values": {"card": "4111"}}
    bare = {**row, "values": {}}
    shown = redaction.summary(row, Visibility.ADMIN, ["card", "phase"])
    assert shown == redaction.summary(bare, Visibility.ADMIN, ["card", "phase"])
    assert shown["values"] == {"card": HIDDEN}
    assert redaction.summary(row, Visibility.PUBLIC, ["card"])["progress"] is None
    plain = {**row, "definition": "plain"}
    assert redaction.summary(plain, Visibility.STAFF, ["card"]) is plain


@pytest.mark.django_db(transaction=True)
def test_the_log_says_of_an_error_what_its_definition_leaves_of_it(caplog: Any) -> None:
    def failing() -> None:
        raise ValueError("card 4111 declined")

    for name, redact in (("plain", None), ("redacting", without_cards)):
        registry._definitions.pop(name)
        run(workflow(name=name, redact=redact)(failing).start())
    whole, left = (record for record in caplog.records if "failed:" in record.getMessage())
    assert "card 4111 declined" in whole.getMessage()
    assert whole.exc_info
    assert "ValueError: card **** declined" in left.getMessage()
    assert "4111" not in left.getMessage()
    assert not left.exc_info


@pytest.mark.django_db(transaction=True)
def test_a_trace_has_of_an_error_also_of_a_steps_only_its_type_where_the_definition_redacts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
    monkeypatch.setattr(tracing, "_propagator", TraceContextTextMapPropagator())

    @step
    def charge() -> None:
        raise ValueError("card 4111 declined")

    def failing() -> None:
        charge()

    for name, redact in (("plain", None), ("redacting", without_cards)):
        registry._definitions.pop(name)
        run(workflow(name=name, redact=redact)(failing).start())
    told = [(span.name, span.status.description, "4111" in span.to_json()) for span in spans.get_finished_spans()]
    assert told == [
        ("step charge", "ValueError", True), ("workflow plain", "ValueError", True),
        ("step charge", "ValueError", False), ("workflow redacting", "ValueError", False),
    ]  # fmt: skip
