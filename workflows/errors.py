"""Every exception of the engine: what happened, to what, and the cure.

Those that stop a workflow's own code derive from BaseException, so that its ``except Exception`` cannot swallow them.
"""

from __future__ import annotations

from typing import Any


class TelltaleError(Exception):
    """Base of all errors raised to callers."""


class InvalidWorkflowId(TelltaleError, ValueError):
    """An id that cannot be stored or shown."""


class PayloadError(TelltaleError, ValueError):
    """A key or value that cannot be stored as JSON."""


class InvalidInput(TelltaleError, TypeError):
    """Arguments that do not fit a definition's signature."""


class InvalidVisibility(TelltaleError, ValueError):
    """A definition says of a key that somebody may read it whom nobody knows."""


class UnknownDefinition(TelltaleError, LookupError):
    """No definition of that name is imported in this process."""


class CountsWrong(TelltaleError):
    """The counts of workflows are not those of the workflows."""

    def __init__(self, number: int) -> None:
        super().__init__(
            f"{number} {'count is' if number == 1 else 'counts are'} wrong: triggers were disabled, or a table was "
            f"restored by itself. Put right what is wrong with: manage.py workflow counts --rebuild"
        )


class DuplicateWorkflow(TelltaleError):
    """A dedup key that an unfinished workflow of the queue has already, or an id that is taken (no dedup key).

    `brief` says so without the other one's id.
    """

    brief = "There is an unfinished workflow with this dedup key, or id, already."

    def __init__(self, queue: str, dedup_key: str | None, workflow_id: str, status: str) -> None:
        told = (
            f"Workflow {workflow_id!r} exists already: it is {status}. Choose another id,"
            if dedup_key is None
            else f"Queue {queue!r} has an unfinished workflow with the dedup key {dedup_key!r} already: "
            f"{workflow_id!r}, which is {status}. Wait for its end,"
        )
        super().__init__(f'{told} or start with on_duplicate="return" to get that one.')
        self.queue, self.dedup_key, self.workflow_id, self.status = queue, dedup_key, workflow_id, status


class InvalidExport(TelltaleError, ValueError):
    """A file that is no exported workflow."""

    def __init__(self, what: str) -> None:
        super().__init__(f"This is no workflow as `workflow export` writes it: {what}.")


class DuplicateDefinition(TelltaleError, ValueError):
    """Two functions claim one definition name."""


class WorkflowNotFound(TelltaleError, LookupError):
    """No workflow has that id."""

    def __init__(self, workflow_id: str) -> None:
        super().__init__(f"There is no workflow {workflow_id!r}. It was never started, rolled back, or deleted.")
        self.workflow_id = workflow_id


class WorkflowGone(WorkflowNotFound):
    """A workflow that was deleted while somebody watched it."""

    def __init__(self, workflow_id: str, seq: int, doubt: str = "") -> None:
        super().__init__(workflow_id)
        told = f"Workflow {workflow_id!r} was deleted while it was watched{doubt}; the last event seen is {seq}."
        self.args = (told,)
        self.seq = seq


class NotVisible(WorkflowNotFound):
    """A console knows no such workflow, or does not show it to this account."""

    def __init__(self, workflow_id: str, address: str) -> None:
        super().__init__(workflow_id)
        self.args = (f"{address} has no workflow {workflow_id!r}, or does not show it to this account.",)


class WorkflowConflict(TelltaleError):
    """An id that another workflow has, of another definition or with other input; `brief` says so without the input."""

    def __init__(self, message: str, *, brief: str = "") -> None:
        super().__init__(message)
        self.brief = brief or message


class TransitionRefused(TelltaleError):
    """A status change that the workflow's present status does not allow."""


class InvalidSchedule(TelltaleError, ValueError):
    """A schedule, or a range of its occurrences, that makes no sense."""


class ScheduleNotFound(TelltaleError, LookupError):
    """No schedule has that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no schedule {name!r}. It was never created, or deleted.")
        self.name = name


class InvalidWebhook(TelltaleError, ValueError):
    """A webhook that cannot be: its address, name, outcomes or queue."""


class WebhookRefused(TelltaleError):
    """A message that is not sent again: the receiver does not want it, or its address is none that we ask."""


class WebhookUndelivered(TelltaleError):
    """A message that did not get through this time."""


class CannotWatch(TelltaleError):
    """A console that does not let us watch, so that trying again would not help; base of the following."""


class SignedOut(CannotWatch):
    """The name and password, or the session, are not (or no longer) accepted."""


class Forbidden(CannotWatch):
    """The account may not watch workflows."""


class NotTelltale(CannotWatch):
    """What answers is no console of Telltale, or one of another version."""


class Unreachable(CannotWatch):
    """Nothing answers; raised for the first connection only."""


class ApiProblem(TelltaleError):
    """A console's API refuses, for a reason that has no exception of its own here; `kind` is the word of its type."""

    def __init__(self, kind: str, status: int, detail: str) -> None:
        super().__init__(f"{kind} ({status}): {detail}")
        self.kind, self.status, self.detail = kind, status, detail


class NotInWorkflow(TelltaleError, RuntimeError):
    """A call that only makes sense inside a running workflow."""


class NonDeterminism(TelltaleError, RuntimeError):
    """Replay met another operation than the recorded one."""

    def __init__(self, position: int, recorded: str, found: str, versions: tuple[str, str] | None = None) -> None:
        changed = "The definition changed under a running workflow"
        if versions is not None and versions[0] != versions[1]:
            changed += f" (it began with code version {versions[0]}, this worker has {versions[1]})"
        super().__init__(
            f"Position {position} recorded {recorded}, but the code now asks for {found}. {changed}: restore the order "
            'of its operations or guard the change with patched("name"), and resume it; or start a new workflow.'
        )


class StepFailed(TelltaleError):
    """The recorded error of a step whose exception type cannot be raised again as itself."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error.get('type')}: {error.get('message')}")
        self.type = str(error.get("type"))
        self.message = str(error.get("message"))
        self.traceback = str(error.get("traceback", ""))


class ResultTimeout(TelltaleError, TimeoutError):
    """A workflow did not end in the time given; it goes on."""


class WorkflowEnded(TelltaleError):
    """A workflow ended without a result: failed, cancelled or quarantined."""

    def __init__(self, workflow_id: str, status: str, error: dict[str, Any] | None) -> None:
        reason = f": {error.get('type')}: {error.get('message')}" if error else ""
        super().__init__(f"Workflow {workflow_id!r} is {status}{reason}")
        self.workflow_id = workflow_id
        self.status = status
        self.error = error


class WorkflowFailed(WorkflowEnded):
    """The workflow raised an error; ``error`` keeps its type, message and traceback."""


class WorkflowCancelled(WorkflowEnded):
    """Somebody cancelled the workflow."""


class WorkflowQuarantined(WorkflowEnded):
    """The workflow kept killing its worker and was set aside."""


class Stop(BaseException):
    """Base of what ends an execution from outside; the workflow's code must let it pass."""


class Cancelled(Stop):
    """The workflow was cancelled; nothing further is recorded."""


class LeaseLost(Stop):
    """Another execution owns the workflow now; this one records nothing further."""


class Suspend(Stop):
    """The workflow waits and needs no worker meanwhile; it will be executed again when it may go on."""

    def __init__(self, wait: dict[str, Any], wakes: int) -> None:
        super().__init__(f"waits for {wait.get('for')} {wait.get('name') or wait.get('workflow') or ''}".rstrip())
        self.wait = wait
        self.wakes = wakes


class HandBack(Stop):
    """The worker is stopping; the workflow goes back to its queue at this checkpoint."""
