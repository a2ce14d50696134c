"""The decorators: from a function to a definition that can be started, and to a step that is recorded."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, Literal, ParamSpec, TypeVar, overload

from django.db import transaction

from workflows import context, event_log, operations, payloads, registry, steps, visibility
from workflows.context import Execution
from workflows.errors import DuplicateWorkflow
from workflows.handles import WorkflowHandle
from workflows.options import Options, checked_queue
from workflows.retries import RetryPolicy
from workflows.states import EventKind
from workflows.steps import StepSpec

P = ParamSpec("P")
R = TypeVar("R")


class Definition(Generic[P, R]):
    """A decorated function: known by its name, started by `start`. Calling it runs the plain function."""

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str | None,
        queue: str,
        keys: Mapping[str, str] | None = None,
        redact: Callable[[str, Any], Any] | None = None,
    ) -> None:
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{function.__qualname__} is async; workflows are plain functions that a worker runs.")
        self.function = function
        self.name = payloads.checked_key(name or function.__name__, what="definition name")
        self.queue = checked_queue(queue)
        self.keys = visibility.checked({} if keys is None else keys, definition=self.name)
        if redact is not None and not callable(redact):
            raise TypeError(f"redact of definition {self.name!r} is a function of what and content, not {redact!r}.")
        self.redact = redact
        self.signature = inspect.signature(function)
        self.doc = inspect.getdoc(function) or ""
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<definition {self.name}>"

    def start(self, *args: P.args, **kwargs: P.kwargs) -> WorkflowHandle[R]:
        """This will start a workflow with a generated id; inside `transaction.atomic()` on commit.

        Raises InvalidInput and PayloadError.
        """
        return self.using().start(*args, **kwargs)

    def using(
        self,
        *,
        workflow_id: str | None = None,
        queue: str | None = None,
        priority: int = 0,
        delay: float | None = None,
        run_at: datetime | None = None,
        timeout: float | None = None,
        dedup_key: str | None = None,
        on_duplicate: Literal["return", "raise"] = "return",
        partition_key: str | None = None,
        debounce_key: str | None = None,
        debounce_limit: float | None = None,
    ) -> Starter[P, R]:
        """This will return a starter with an id (starting it twice gives the same workflow) and other options.

        priority: -1000 to 1000, higher first. delay (seconds) or run_at: not before. timeout: seconds from the first
        claim until it is cancelled, and its children with it. dedup_key: while a workflow with this key is unfinished
        in the queue, a further start returns that one, or raises DuplicateWorkflow, by `on_duplicate`, which decides
        about an id that is taken, too. partition_key:
        what a limit of the queue counts by. debounce_key: a further start while the first one is delayed gives that
        one its input and delays it anew, up to debounce_limit seconds in all. Raises InvalidInput.
        """
        options = Options(
            queue=queue, priority=priority, delay=delay, run_at=run_at, timeout=timeout, dedup_key=dedup_key,
            on_duplicate=on_duplicate, partition_key=partition_key, debounce_key=debounce_key,
            debounce_limit=debounce_limit,
        )  # fmt: skip
        return Starter(self, workflow_id, options)


class Starter(Generic[P, R]):
    """A definition with the options of one start."""

    def __init__(self, definition: Definition[P, R], workflow_id: str | None, options: Options) -> None:
        self._definition, self._workflow_id, self._options = definition, workflow_id, options

    def start(self, *args: P.args, **kwargs: P.kwargs) -> WorkflowHandle[R]:
        """This will start the workflow, or return the one that has the id already.

        In the body of another workflow it starts a child: recorded, with an id made of the parent's, so that a replay
        attaches to the same one. Raises WorkflowConflict when the id belongs to another definition or other input,
        DuplicateWorkflow, InvalidWorkflowId, InvalidInput and PayloadError.
        """
        name, execution = self._definition.name, context.current()
        if execution is not None and execution.step is None:
            return WorkflowHandle(self._start_child(execution, args, kwargs))
        if execution is not None:
            return WorkflowHandle(self._start_in_step(execution, args, kwargs))
        started = operations.start(name, args=args, kwargs=kwargs, workflow_id=self._workflow_id, options=self._options)
        return WorkflowHandle(started.id)

    def _start_in_step(self, execution: Execution, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Not recorded by itself, but neither made by a workflow that was cancelled: cancelling its tree ends it."""
        with transaction.atomic():
            event_log.hold(execution.owner)
            return operations.start(
                self._definition.name, args=args, kwargs=kwargs, workflow_id=self._workflow_id, options=self._options,
                parent=execution.owner.workflow_id,
            ).id  # fmt: skip

    def _start_child(self, execution: Execution, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        name = self._definition.name
        position, recorded = execution.next_operation(EventKind.CHILD_STARTED.value, None)
        if recorded is None:
            return operations.start_child(
                execution.owner, position, name, args=args, kwargs=kwargs, workflow_id=self._workflow_id,
                options=self._options,
            )  # fmt: skip
        if recorded.content["definition"] != name:
            raise execution.mismatch(f"child {recorded.content['definition']!r}", f"child {name!r}")
        if "refused" in recorded.content:
            queue, dedup_key, status = recorded.content["refused"]
            raise DuplicateWorkflow(queue, dedup_key, recorded.name, status)
        asked = self._workflow_id or f"{execution.owner.workflow_id}-{position}"
        if recorded.content["attached"] and recorded.name == asked:  # a twin by its dedup key may have other input
            operations.check_attached(recorded.name, name, args, kwargs)
        return recorded.name


class Step(Generic[P, R]):
    """A decorated function whose calls in a workflow's body are recorded. Elsewhere it is the plain function."""

    def __init__(self, function: Callable[P, R], *, policy: RetryPolicy, atomic: bool) -> None:
        if inspect.iscoroutinefunction(function):
            raise TypeError(f"{function.__qualname__} is async; steps are plain functions that a worker runs.")
        name = payloads.checked_key(function.__name__, what="step name")
        self._spec = StepSpec(name, function, policy, atomic)
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        result: R = steps.run(self._spec, args, kwargs)
        return result


@overload
def workflow(function: Callable[P, R], /) -> Definition[P, R]: ...
@overload
def workflow(
    *,
    name: str | None = None,
    queue: str = "default",
    keys: Mapping[str, str] | None = None,
    redact: Callable[[str, Any], Any] | None = None,
) -> Callable[[Callable[P, R]], Definition[P, R]]: ...
def workflow(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    queue: str = "default",
    keys: Mapping[str, str] | None = None,
    redact: Callable[[str, Any], Any] | None = None,
) -> Definition[P, R] | Callable[[Callable[P, R]], Definition[P, R]]:
    """This will make a function a definition. Its name (default: the function's) is stored with every workflow.

    keys: who may read what it publishes: by key "public" (anybody, widgets too), "staff" (who may view values; what is
    not named), "admin" (who may view sensitive values) or "never" (nobody outside the workflow).
    redact: called as `redact(what, content)` for people who may view values, but not sensitive ones; returns what they
    read instead. what: "input" (by argument), "output", "step" (its output), "message" or "error" (its type, message
    and traceback).
    Raises DuplicateDefinition when another function has the name, PayloadError and InvalidVisibility.
    """

    def decorate(decorated: Callable[P, R]) -> Definition[P, R]:
        definition = Definition(decorated, name=name, queue=queue, keys=keys, redact=redact)
        registry.register(definition)
        return definition

    return decorate if function is None else decorate(function)


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(
    *,
    attempts: int = 1,
    backoff: float = 1.0,
    max_backoff: float = 60.0,
    retry_on: type[Exception] | tuple[type[Exception], ...] = Exception,
    atomic: bool = False,
) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def step(
    function: Callable[P, R] | None = None,
    /,
    *,
    attempts: int = 1,
    backoff: float = 1.0,
    max_backoff: float = 60.0,
    retry_on: type[Exception] | tuple[type[Exception], ...] = Exception,
    atomic: bool = False,
) -> Step[P, R] | Callable[[Callable[P, R]], Step[P, R]]:
    """This will make a function a step: its result is recorded, and a replay returns it without calling again.

    attempts: tries in all. backoff: seconds before the second try, doubling, at most max_backoff. retry_on: the
    exceptions worth another try. atomic: its ORM writes, events and record commit together, exactly once.
    A step runs at least once, its result is recorded at most once.
    """
    kinds = retry_on if isinstance(retry_on, tuple) else (retry_on,)
    policy = RetryPolicy(attempts=attempts, backoff=backoff, max_backoff=max_backoff, retry_on=kinds)

    def decorate(decorated: Callable[P, R]) -> Step[P, R]:
        return Step(decorated, policy=policy, atomic=atomic)

    return decorate if function is None else decorate(function)
