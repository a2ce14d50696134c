"""Where traces and errors are sent, by settings. What is needed for that is in requirements-extras.txt."""

from __future__ import annotations

import os
from typing import Any

from celery.signals import worker_process_shutdown
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from config.logs import without_tokens
from workflows import tracing

_CURE = "is set, but what it needs is not installed: pip install --require-hashes -r requirements-extras.txt"
_FLUSH_MS = 2_000


def install() -> None:
    """Once in each process, before it serves or forks. Raises ImproperlyConfigured where something is not installed."""
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        _send_traces()
    if settings.SENTRY_DSN:
        _report_errors()


def _send_traces() -> None:
    os.environ.setdefault("OTEL_SERVICE_NAME", "telltale")
    os.environ.setdefault(
        "OTEL_PYTHON_DJANGO_EXCLUDED_URLS", "healthz,readyz,metrics,static/,embed/,badge/,wallboard/,oembed"
    )
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.django import DjangoInstrumentor
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise ImproperlyConfigured(f"OTEL_EXPORTER_OTLP_ENDPOINT {_CURE} ({error})") from None
    provider = TracerProvider()  # names itself by OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument()
    tracing.switch_on()
    # A pool child ends without the exit handlers of Python.
    worker_process_shutdown.connect(lambda **_: provider.force_flush(_FLUSH_MS), weak=False)


def _report_errors() -> None:
    try:
        import sentry_sdk
    except ImportError as error:
        raise ImproperlyConfigured(f"SENTRY_DSN {_CURE} ({error})") from None
    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        release=settings.CODE_VERSION or None,
        send_default_pii=False,
        include_local_variables=False,  # inputs and values are people's
        max_request_body_size="never",  # and so is what forms and programs send
        before_send=_tagged,
    )


def _tagged(event: Any, hint: Any) -> Any:
    """An error log line names its workflow: make that something to search for. No token of a widget leaves."""
    for name in ("workflow_id", "definition"):
        if name in event.get("extra", {}):
            event.setdefault("tags", {})[name] = event["extra"][name]
    for name in ("request", "logentry", "transaction", "message", "exception", "breadcrumbs"):
        if name in event:
            event[name] = _without_tokens(event[name])
    return event


def _without_tokens(part: Any) -> Any:
    if isinstance(part, str):
        return without_tokens(part)
    if isinstance(part, dict):
        return {name: _without_tokens(one) for name, one in part.items()}
    return [_without_tokens(one) for one in part] if isinstance(part, list | tuple) else part
