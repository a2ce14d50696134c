"""What people and code may ask for. Pages, commands, admin actions and tasks translate into one call here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from workflows import dispatch, event_log, ids, payloads, queries, registry, removal, transitions, wakeups
from workflows.audit import audited
from workflows.conf import conf
from workflows.errors import (
    DuplicateWorkflow,
    InvalidInput,
    TransitionRefused,
    WorkflowConflict,
    WorkflowNotFound,
)
from workflows.event_log import Owner
from workflows.models import Deletion, Message, Workflow
from workflows.options import Options
from workflows.patience import patiently
from workflows.states import EventKind, Status
from workflows.transitions import Beginning, TakenMeanwhile

_NO_LIMIT = 100 * 365.25 * 86_400  # seconds


@audited("start", of="definition", tells=["workflow_id"])
def start(
    definition: str,
    *,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    workflow_id: str | None = None,
    options: Options | None = None,
    parent: str | None = None,
    schedule: str | None = None,
    by: str = "",
) -> Workflow:
    """This will start a workflow, or return the one that has the id, or the dedup key, already.

    Inside `transaction.atomic()` it starts on commit and leaves nothing on rollback. `by` names the user, if one asked;
    `parent` the workflow, `schedule` the schedule that starts it. Raises UnknownDefinition, InvalidInput (arguments or
    options that do not fit), PayloadError, InvalidWorkflowId, WorkflowConflict when the id belongs to another
    definition or other input, and DuplicateWorkflow if the options say so.
    """
    options = options or Options()
    beginning = _beginning(definition, args, kwargs, workflow_id, options, by)
    beginning = replace(beginning, parent=parent, schedule=schedule)
    while True:
        replaced = transitions.debounce(beginning) if options.debounce_key is not None else None
        if replaced is not None:
            return Workflow.objects.get(id=replaced)
        created = transitions.start(beginning)
        if created is not None:
            _tell_workers(created.queue, created.id, created.status)
            return created
        existing = _existing(beginning, options)
        if existing is not None:
            return existing


def start_child(
    owner: Owner,
    position: int,
    definition: str,
    *,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    workflow_id: str | None,
    options: Options,
) -> str:
    """This will start a child by the checkpoint that records it in its parent, and return its id.

    Without an id it gets one made of its parent's and the position. A workflow that has the given id or the dedup key
    already is attached to instead. Raises as `start` does, and Cancelled or LeaseLost.
    """
    if options.debounce_key is not None:
        raise InvalidInput("A child is not debounced: another start would replace its input. Start it in a step.")
    while True:
        own_id = _childs_id(owner, position) if workflow_id is None else workflow_id
        beginning = replace(_beginning(definition, args, kwargs, own_id, options, by=""), parent=owner.workflow_id)
        find = _twin if workflow_id is None else _existing
        try:
            return _start_child(owner, position, beginning, options, find)
        except TakenMeanwhile:
            continue
        except DuplicateWorkflow as twin:  # recorded, because that one may have ended when the body is replayed
            _record_refusal(owner, position, definition, twin)
            raise


def _childs_id(owner: Owner, position: int) -> str:
    """Made of its parent's. A child of an earlier workflow of that id, which was deleted, may have it: then longer."""
    made = f"{owner.workflow_id}-{position}"
    is_taken = patiently(Workflow.objects.filter(id=made).exists, what=f"workflow {owner.workflow_id!r}")
    return f"{made}-{ids.new_id()}" if is_taken else made


def _start_child(
    owner: Owner, position: int, beginning: Beginning, options: Options,
    find: Callable[[Beginning, Options], Workflow | None],
) -> str:  # fmt: skip
    attached = patiently(lambda: find(beginning, options), what=f"workflow {owner.workflow_id!r}")
    if attached is not None:
        beginning = replace(beginning, workflow_id=attached.id)
    status = transitions.start_child(owner, position, beginning)
    if status is not None:
        _tell_workers(beginning.queue, beginning.workflow_id, status)
    return beginning.workflow_id


def _record_refusal(owner: Owner, position: int, definition: str, twin: DuplicateWorkflow) -> None:
    data = json.dumps(
        {"definition": definition, "attached": True, "refused": [twin.queue, twin.dedup_key, twin.status]}
    )
    event_log.operation_recorded(owner, EventKind.CHILD_STARTED, position, key=twin.workflow_id, data=data)


def check_attached(workflow_id: str, definition: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Raises WorkflowConflict when a child that was attached to is another workflow than the code asks for now."""
    existing = patiently(Workflow.objects.filter(id=workflow_id).first, what=f"workflow {workflow_id!r}")
    if existing is not None:
        encoded = _encoded_input(registry.get(definition), args, dict(kwargs))
        _refuse_difference(existing, definition, payloads.decode(encoded))


def _beginning(
    definition: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None, workflow_id: str | None, options: Options,
    by: str,
) -> Beginning:  # fmt: skip
    known = registry.get(definition)
    return Beginning(
        workflow_id=ids.new_id() if workflow_id is None else ids.checked(workflow_id),
        definition=definition,
        queue=known.queue if options.queue is None else options.queue,
        encoded_input=_encoded_input(known, args, dict(kwargs or {})),
        by=by,
        priority=options.priority,
        delay=options.delay,
        run_at=options.run_at,
        timeout=options.timeout,
        dedup_key=options.dedup_key or options.debounce_key,
        debounce_limit=None if options.debounce_key is None else options.debounce_limit or _NO_LIMIT,
        partition_key=options.partition_key,
    )


def _tell_workers(queue: str, workflow_id: str, status: str) -> None:
    if status == Status.QUEUED:
        dispatch.wake(queue, workflow_id)


def _existing(beginning: Beginning, options: Options) -> Workflow | None:
    """The workflow that has the id or the dedup key. None: that one ended, or is gone, just now."""
    existing = Workflow.objects.filter(id=beginning.workflow_id).first()
    if existing is not None:
        if options.on_duplicate == "raise":
            raise DuplicateWorkflow(existing.queue, None, existing.id, existing.status)
        _refuse_difference(existing, beginning.definition, payloads.decode(beginning.encoded_input))
        return existing
    return _twin(beginning, options)


def _twin(beginning: Beginning, options: Options) -> Workflow | None:
    """The unfinished workflow of the queue that has the dedup key."""
    if beginning.dedup_key is None:
        return None
    twin = Workflow.objects.filter(
        queue=beginning.queue, dedup_key=beginning.dedup_key, finished_at__isnull=True
    ).first()
    if twin is not None and options.debounce_key is not None:
        if twin.debounce_until is not None and twin.definition == beginning.definition:
            return None  # it began to be delayed, or ended, between two looks: look again
        raise DuplicateWorkflow(beginning.queue, beginning.dedup_key, twin.id, twin.status)
    if twin is not None and options.on_duplicate == "raise":
        raise DuplicateWorkflow(beginning.queue, beginning.dedup_key, twin.id, twin.status)
    return twin


def _encoded_input(definition: registry.Definition, args: Sequence[Any], kwargs: dict[str, Any]) -> str:
    try:
        definition.signature.bind(*args, **kwargs)
    except TypeError as error:
        raise InvalidInput(f"{definition.name}{registry.parameters_text(definition)}: {error}.") from None
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
            f"you gave {str(given)[:200]}. Choose another id, or read the existing one with retrieve().",
            brief=f"Workflow {workflow.id!r} exists already, with other input.",
        )


@audited("cancel", tells=["tree"])
def cancel(workflow_id: str, *, tree: bool = False, by: str = "", reason: str = "") -> Workflow:
    """This will stop a workflow for good: before its next checkpoint, if it is running. `tree`: its descendants, too.

    Raises WorkflowNotFound, and TransitionRefused when it (and with `tree`, all of them) has ended already.
    """
    reason = payloads.storable_text(reason, limit=1_000)
    ended = transitions.cancel([ids.possible(workflow_id)], by=by, reason=reason)
    while tree and (below := queries.active_descendants([workflow_id])):
        ended += transitions.cancel(below[workflow_id], by=by, reason=reason)
    if not ended:
        raise transitions.refused(workflow_id, "cancel")
    wakeups.tell(ended)
    return Workflow.objects.get(id=workflow_id)


@audited("resume")
def resume(workflow_id: str, *, by: str = "", reason: str = "") -> Workflow:
    """This will let an ended workflow go on at its first unrecorded operation, with no crash counted and no deadline.

    A step whose error ended it is tried again, as often as its policy says. Raises WorkflowNotFound, TransitionRefused,
    and DuplicateWorkflow when an unfinished one has its dedup key by now.
    """
    try:
        with transaction.atomic():
            queue = transitions.resume(
                ids.possible(workflow_id), by=by, reason=payloads.storable_text(reason, limit=1_000)
            )
    except IntegrityError:
        row = Workflow.objects.get(id=workflow_id)
        twin = Workflow.objects.get(queue=row.queue, dedup_key=row.dedup_key, finished_at__isnull=True)
        raise DuplicateWorkflow(row.queue, str(row.dedup_key), twin.id, twin.status) from None
    dispatch.wake(queue, workflow_id)
    return Workflow.objects.get(id=workflow_id)


@audited("fork", tells=["position"])
def fork(workflow_id: str, position: int, *, new_id: str | None = None, by: str = "", reason: str = "") -> Workflow:
    """This will start a workflow that has recorded already what this one recorded before `position`.

    Steps, events and values are as of then; the original is left as it is, but for a note. Raises WorkflowNotFound,
    InvalidInput (no such position), InvalidWorkflowId and WorkflowConflict (the new id is taken).
    """
    return _fork(workflow_id, position, None, new_id, by, reason)


@audited("restart")
def restart(
    workflow_id: str,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    new_id: str | None = None,
    by: str = "",
    reason: str = "",
) -> Workflow:
    """This will start the same definition anew, with edited input if given. Raises as `fork` and `start` do."""
    encoded = None
    if args is not None or kwargs is not None:
        original = _found(workflow_id)
        encoded = _encoded_input(registry.get(original.definition), args or (), dict(kwargs or {}))
    return _fork(workflow_id, 1, encoded, new_id, by, reason)


def _fork(
    workflow_id: str, position: int, encoded_input: str | None, new_id: str | None, by: str, reason: str
) -> Workflow:
    _found(workflow_id)
    new_id = ids.new_id() if new_id is None else ids.checked(new_id)
    queue = transitions.fork(
        workflow_id, new_id=new_id, position=position, encoded_input=encoded_input, by=by,
        reason=payloads.storable_text(reason, limit=1_000),
    )  # fmt: skip
    dispatch.wake(queue, new_id)
    return Workflow.objects.get(id=new_id)


def _found(workflow_id: str) -> Workflow:
    workflow = Workflow.objects.filter(id=ids.possible(workflow_id)).first()
    if workflow is None:
        raise WorkflowNotFound(workflow_id)
    return workflow


@audited(lambda given: "pin" if given["pinned"] else "unpin")
def pin(workflow_id: str, pinned: bool = True, *, by: str = "", reason: str = "") -> None:
    """This will make retention leave a workflow alone, or no longer. Raises WorkflowNotFound."""
    kind = EventKind.PINNED if pinned else EventKind.UNPINNED
    told = {"by": by, "reason": payloads.storable_text(reason, limit=1_000)}
    transitions.note(ids.possible(workflow_id), kind, told, pinned=pinned)


@audited("delete")
def delete(workflow_id: str, *, by: str = "", reason: str = "") -> None:
    """This will remove an ended workflow with its history, and keep who did so and why.

    Children and forks stay. Raises WorkflowNotFound, and TransitionRefused unless it has ended.
    """
    with transaction.atomic():
        row = Workflow.objects.select_for_update().filter(id=ids.possible(workflow_id)).first()
        if row is None:
            raise WorkflowNotFound(workflow_id)
        if not row.is_terminal:
            raise TransitionRefused(f"Workflow {workflow_id!r} cannot be deleted: it is {row.status}. Cancel it first.")
        Deletion.objects.create(
            workflow_id=row.id, definition=row.definition, status=row.status, created_at=row.created_at,
            deleted_at=Now(), deleted_by=by[:200], reason=payloads.storable_text(reason, limit=1_000),
        )  # fmt: skip
        removal.delete_rows([workflow_id])


@audited("send", tells=["topic"])
def send(workflow_id: str, topic: str, message: Any, *, by: str = "", idempotency_key: str | None = None) -> Message:
    """This will put a message into a workflow's inbox, within the caller's transaction, and wake its `receive`.

    With an `idempotency_key` a second send returns the first message, also when the workflow has ended since. Raises
    WorkflowNotFound, PayloadError, and TransitionRefused when the workflow has ended without it.
    """
    payloads.checked_key(topic, what="topic")
    if idempotency_key is not None:
        payloads.checked_key(idempotency_key, what="idempotency key")
    encoded = payloads.encode(message, what=f"message for topic {topic!r}", limit=conf().payload_max_bytes)
    try:
        with transaction.atomic():
            sent = transitions.message_sent(
                ids.possible(workflow_id), topic=topic, encoded=encoded, by=by, idempotency_key=idempotency_key
            )
    except IntegrityError:
        earlier = _sent_earlier(workflow_id, idempotency_key)
        if earlier is None:
            raise
        return earlier
    if sent is None:
        # It may have ended because of this very message, whose sender crashed and asks again.
        earlier = _sent_earlier(workflow_id, idempotency_key)
        if earlier is None:
            raise _message_refused(workflow_id)
        return earlier
    message_id, woken = sent
    wakeups.queue_again([woken] if woken else [])
    return Message.objects.get(id=message_id)


def _sent_earlier(workflow_id: str, idempotency_key: str | None) -> Message | None:
    if idempotency_key is None:
        return None
    return Message.objects.filter(workflow_id=workflow_id, idempotency_key=idempotency_key).first()


def _message_refused(workflow_id: str) -> Exception:
    status = _found(workflow_id).status
    return TransitionRefused(f"Workflow {workflow_id!r} can receive no message any more: it is {status}.")
