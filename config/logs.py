"""Log lines: text, or JSON, one object a line (LOG_FORMAT=json). No token of a widget is in any, though in addresses.

Which workflow a line belongs to comes from `telemetry`.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from functools import wraps
from typing import Any

from daphne.access import AccessLogGenerator

from workflows import telemetry, tracing

_FACTS = ("workflow_id", "definition", "step", "attempt", "worker", "error_id")
# Of a token (`dashboard.widgets`) the number of its row remains, by which it can be revoked.
_TOKEN = re.compile(r"(tw_[0-9]{1,18}_)[A-Za-z0-9_-]{10,}")


def without_tokens(line: str) -> str:
    """The same, opening nothing."""
    return _TOKEN.sub(r"\1…", line)


class WithoutTokens(logging.Filter):
    """For loggers whose lines others write: uvicorn's of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        """True: every record stays, its arguments without tokens."""
        if isinstance(record.args, tuple):
            record.args = tuple(without_tokens(one) if isinstance(one, str) else one for one in record.args)
        return True


class WithErrorId(logging.Filter):
    """What broke while a request was answered has the number that its answer told (`config.errors`)."""

    def filter(self, record: logging.LogRecord) -> bool:
        """True: every record stays."""
        error_id = getattr(getattr(record, "request", None), "error_id", None)
        if error_id is not None and not hasattr(record, "error_id"):
            record.error_id, record.msg = error_id, f"error {error_id}: {record.msg}"
        return True


def guard_access_log() -> None:
    """daphne writes its lines of requests past the loggers: let it write them without tokens."""
    write: Any = AccessLogGenerator.write_entry

    @wraps(write)
    def write_guarded(self: AccessLogGenerator, host: str, date: Any, request: str, **more: Any) -> None:
        write(self, host, date, without_tokens(request), **more)

    if not hasattr(write, "__wrapped__"):
        AccessLogGenerator.write_entry = write_guarded


class Text(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        return without_tokens(super().format(record))


class JsonLines(logging.Formatter):
    """Every line says when, how serious, who and what; in a worker also which workflow, definition, step and worker."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of ASCII, whatever a message contains."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": without_tokens(record.getMessage()),
            "pid": record.process,
        }
        known = telemetry.facts()
        for name in _FACTS:
            value = getattr(record, name, None) or known.get(name)
            if value is not None:
                line[name] = value
        trace = tracing.caller()
        if trace is not None:
            line["trace_id"] = trace.split("-")[1]
        if record.exc_info:
            line["exception"] = without_tokens(self.formatException(record.exc_info))
        return json.dumps(line, default=str)
