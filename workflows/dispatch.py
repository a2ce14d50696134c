"""From a committed row to a Celery message, by task name. A message is only a hint to look at a queue.

Sent after commit by a background thread; what gets lost, `recovery` sends again.
"""

from __future__ import annotations

from typing import Any

from celery import current_app
from django.db import transaction

from workflows import telemetry
from workflows.outbox import Outbox

TASK = "workflows.execute"
# A pool child that found its message claims further rows by itself, so a burst needs no message per row: the first one
# leaves at once, then so many per window. Publishing and acknowledging would otherwise cost more than the workflows.
_MOST_MESSAGES = 4
_WINDOW, _BUSY_WINDOW = 0.02, 0.1
_last_batch = 0
_asking: Any = None  # the connection of `ask_broker`


def wake(queue: str, workflow_id: str, *, delay: float = 0) -> None:
    """Once the current transaction has committed, tell the workers of a queue that a workflow is claimable.

    delay: seconds until they shall look.
    """
    transaction.on_commit(lambda: _outbox.put((queue, workflow_id, delay)))


def flush() -> None:
    """Wait a moment until pending messages have left; for processes that are about to exit."""
    _outbox.flush()


def ask_broker() -> None:
    """This will ask the broker something that it must answer. Raises what its driver raises.

    Not for two threads at once: on one connection, because a new one each time would cost a broker more than messages.
    """
    global _asking
    if _asking is None:
        _asking = current_app.connection_for_write()
    try:
        if not _asking.connected:
            _asking.ensure_connection(max_retries=1)
        _asking.channel().close()
    except Exception:
        broken, _asking = _asking, None
        broken.collapse()  # closes without a farewell
        raise


def _window() -> float:
    return _BUSY_WINDOW if _last_batch > _MOST_MESSAGES else _WINDOW


def _send(batch: list[tuple[str, str, float]]) -> None:
    global _last_batch
    _last_batch = len(batch)
    by_queue: dict[str, list[tuple[str, float]]] = {}
    for queue, workflow_id, delay in batch:
        by_queue.setdefault(queue, []).append((workflow_id, delay))
    for queue, messages in by_queue.items():
        try:
            for workflow_id, delay in messages[:_MOST_MESSAGES]:
                current_app.send_task(
                    TASK, kwargs={"workflow_id": workflow_id}, queue=queue, retry=False, countdown=delay or None
                )
        except Exception as error:  # any broker raises its own types; the row is safe and will be found
            telemetry.dispatch_failed(len(messages), error)


_outbox: Outbox[tuple[str, str, float]] = Outbox("telltale-dispatch", _send, _window)
