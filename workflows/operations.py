"""What people and code may ask for. Pages, commands, admin actions and tasks translate into one call here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from workflows import dispatch, event_log, ids, payloads, registry, transitions
from workflows.conf import conf
from workflows.errors import InvalidInput, TransitionRefused, WorkflowConflict, WorkflowNotFound
from workflows.models import Message, Workflow


def start(
    definition: str,
    *,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    workflow_id: str | None = None,
    queue: str | None = None,
    by: str = "",
) -> Workflow:
    """This will start a workflow, or return the one that has the id already.

    Inside `transaction.atomic()` it starts on commit and leaves nothing on rollback. `by` names the user, if one asked.
    Raises UnknownDefinition, InvalidInput (arguments that do not fit), PayloadError, InvalidWorkflowId, and
    WorkflowConflict when the id belongs to another definition or other input.
    """
    known = registry.get(definition)
    encoded = _encoded_input(known, args, dict(kwargs or {}))
    workflow_id = ids.new_id() if workflow_id is None else ids.checked(workflow_id)
    queue = known.queue if queue is None else payloads.checked_key(queue, what="queue name")
    created = transitions.start(
        workflow_id=workflow_id, definition=definition, queue=queue, encoded_input=encoded, by=by
    )
    if created is not None:
        dispatch.wake(queue, workflow_id)
        return created
    existing = Workflow.objects.get(id=workflow_id)
    _refuse_difference(existing, definition, payloads.decode(encoded))
    return existing


def _encoded_input(definition: registry.Definition, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    try:
        definition.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidInput(f"{definition.name}{definition.signature}: {error}.") from None
    return payloads.encode(
        {"args": list(args), "kwargs": kwargs}, what=f"input of {definition.name!r}", limit=conf().payload_max_bytes
    )


def _refuse_difference(workflow: Workflow, definition: str, given: Any) -> None:
    if workflow.definition != definition:
        raise WorkflowConflict(
            f"Workflow {workflow.id!r} exists already, of definition {workflow.definition!r}, not {definition!r}. "
            "Choose another id."
        )
    if workflow.input != given:
        raise WorkflowConflict(
            f"Workflow {workflow.id!r} exists already, with other input: it has {str(workflow.input)[:200]}, "
            f"you gave {str(given)[:200]}. Choose another id, or read the existing one with retrieve()."
        )


def cancel(workflow_id: str, *, by: str = "", reason: str = "") -> Workflow:
    """This will stop a workflow for good: before its next checkpoint, if it is running.

    Raises WorkflowNotFound, and TransitionRefused when it has ended already.
    """
    reason = payloads.storable_text(reason, limit=1_000)
    transitions.cancel(workflow_id, by=by, reason=reason)
    return Workflow.objects.get(id=workflow_id)


def send(workflow_id: str, topic: str, message: Any, *, by: str = "", idempotency_key: str | None = None) -> Message:
    """This will put a message into a workflow's inbox, within the caller's transaction, and wake its `receive`.

    With an `idempotency_key` a second send returns the first message. Raises WorkflowNotFound, PayloadError, and
    TransitionRefused when the workflow has ended.
    """
    payloads.checked_key(topic, what="topic")
    if idempotency_key is not None:
        payloads.checked_key(idempotency_key, what="idempotency key")
    encoded = payloads.encode(message, what=f"message for topic {topic!r}", limit=conf().payload_max_bytes)
    try:
        with transaction.atomic():
            message_id = event_log.message_sent(
                workflow_id, topic=topic, encoded=encoded, by=by, idempotency_key=idempotency_key
            )
    except IntegrityError:
        return Message.objects.get(workflow_id=workflow_id, idempotency_key=idempotency_key)
    if message_id is None:
        raise _message_refused(workflow_id)
    return Message.objects.get(id=message_id)


def _message_refused(workflow_id: str) -> Exception:
    status = Workflow.objects.filter(id=workflow_id).values_list("status", flat=True).first()
    if status is None:
        return WorkflowNotFound(workflow_id)
    return TransitionRefused(f"Workflow {workflow_id!r} can receive no message any more: it is {status}.")
