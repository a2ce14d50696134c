"""Log lines as JSON, one object a line: LOG_FORMAT=json. Which workflow a line belongs to comes from `telemetry`."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

from workflows import telemetry, tracing

_FACTS = ("workflow_id", "definition", "step", "attempt", "worker")


class JsonLines(logging.Formatter):
    """Every line says when, how serious, who and what; in a worker also which workflow, definition, step and worker."""

    def format(self, record: logging.LogRecord) -> str:
        """One line of ASCII, whatever a message contains."""
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
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
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)
