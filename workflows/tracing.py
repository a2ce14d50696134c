"""Traces by OpenTelemetry: a workflow goes on in the trace that started it, its steps are spans.

Off until `switch_on`, and then without any cost: the library, which need not be installed, is imported by that alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from workflows.errors import Stop

_tracer: Any = None
_propagator: Any = None
_whole: ContextVar[bool] = ContextVar("telltale_trace_whole", default=False)
_OFF: AbstractContextManager[None] = nullcontext()


def switch_on() -> None:
    """Make spans from now on; what becomes of them is the business of OpenTelemetry's tracer provider.

    Raises ImportError where OpenTelemetry is not installed.
    """
    global _tracer, _propagator
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    _tracer, _propagator = trace.get_tracer("telltale"), TraceContextTextMapPropagator()


def caller() -> str | None:
    """Where the code that asks is in a trace, as the header `traceparent` says it; None: nowhere."""
    if _tracer is None:
        return None
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def execution(
    workflow_id: str, definition: str, token: int, *, whole: bool, starter: Callable[[], str | None]
) -> Iterator[None]:
    """The span of one execution, a child of where the workflow was started, which `starter` is asked for.

    whole: all of its errors, and of its steps', may be read by who looks after the machines; else only their types.
    """
    if _tracer is None:
        yield
        return
    context = _propagator.extract({"traceparent": starter() or ""})
    about = {"telltale.workflow_id": workflow_id, "telltale.definition": definition, "telltale.token": token}
    reset = _whole.set(whole)
    try:
        with _span(f"workflow {definition}", about, context):
            yield
    finally:
        _whole.reset(reset)


def step(name: str, position: int, attempt: int) -> AbstractContextManager[None]:
    """The span of one attempt."""
    if _tracer is None:
        return _OFF
    about = {"telltale.step": name, "telltale.position": position, "telltale.attempt": attempt}
    return _span(f"step {name}", about, None)


def failed(error: Exception) -> None:
    """The innermost span ends with this error; unless all of it may be read, only its type is told."""
    if _tracer is not None:
        from opentelemetry.trace import StatusCode, get_current_span  # only who makes spans has it

        if _whole.get():
            get_current_span().record_exception(error)
        get_current_span().set_status(StatusCode.ERROR, type(error).__name__)


@contextmanager
def _span(name: str, about: dict[str, Any], context: Any) -> Iterator[None]:
    with _tracer.start_as_current_span(
        name, context=context, attributes=about, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except Stop as stop:  # no error: it waits, or goes on elsewhere
            span.set_attribute("telltale.stopped", type(stop).__name__)
            raise
        except Exception as error:
            failed(error)
            raise
