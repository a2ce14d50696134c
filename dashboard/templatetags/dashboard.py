"""Small marks that pages repeat: icons, statuses, times that the browser keeps counting, bars. All text is escaped."""

from __future__ import annotations

import json
import re
from typing import Any

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe

from dashboard.presenters import times
from dashboard.presenters.timeline import Bar

register = template.Library()
_BACKTICKS = re.compile(r"`([^`]+)`")
register.filter("absolute", times.absolute)
register.filter("clock", times.clock)
register.filter("minute", times.minute)
register.filter("time_of_day", times.time_of_day)
register.filter("wire", times.iso_utc)


@register.filter
def number(count: int) -> str:
    """With commas between the thousands, as the browser writes it when it counts on."""
    return f"{count:,}"


@register.filter("json")
def as_json(value: Any) -> str:
    """For an attribute that scripts read; escaped like any other text."""
    return json.dumps(value, separators=(",", ":"))


@register.filter
def code(text: str) -> SafeString:
    """Text between backticks as code; everything is escaped first."""
    return mark_safe(_BACKTICKS.sub(r"<code>\1</code>", conditional_escape(text)))  # noqa: S308  escaped


@register.simple_tag
def icon(name: str) -> SafeString:
    """A symbol of `dashboard/_icons.html`."""
    return format_html('<svg class="icon" aria-hidden="true"><use href="#icon-{}"/></svg>', name)


@register.simple_tag
def status(name: str, size: str = "", icon_only: bool = False) -> SafeString:
    """Shape, word and colour of a status; the word may be for the ears alone."""
    if icon_only:
        return format_html(
            '<status-badge data-status="{}" data-icon-only>{}<span class="visually-hidden">{}</span></status-badge>',
            name, icon(name), name.capitalize(),
        )  # fmt: skip
    sized = format_html(' data-size="{}"', size) if size else ""
    return format_html(
        '<status-badge data-status="{}"{}>{}<span>{}</span></status-badge>', name, sized, icon(name), name.capitalize()
    )


@register.simple_tag
def ago(iso: str | None, now: str, in_row: bool = False) -> SafeString:
    """How long ago; the browser keeps it true. The full time shows on focus: on that of the whole row, in a row."""
    if not iso:
        return SafeString("")
    focus = SafeString("" if in_row else ' tabindex="0"')
    return format_html(
        '<time-ago datetime="{}" title="{}"{}>{}</time-ago>', iso, times.absolute(iso), focus, times.ago(iso, now)
    )


@register.simple_tag
def until(iso: str, now: str) -> SafeString:
    """How long it is until something happens; the browser counts down, and says when that is late."""
    return format_html('<time-until datetime="{}">{}</time-until>', iso, times.until(iso, now))


@register.simple_tag
def elapsed(start: str | None, end: str | None, now: str) -> SafeString:
    """How long something took, or takes; the browser lets it grow."""
    text = ""
    if start:
        text = times.duration(times.between(start, end)) if end else times.whole_duration(times.between(start, now))
    return format_html(
        '<elapsed-time data-start="{}" data-end="{}">{}</elapsed-time>', start or "", end or "", text or "–"
    )


@register.simple_tag
def bar(one: Bar) -> SafeString:
    """A bar of the timeline."""
    return format_html(
        '<svg class="bar" viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="bar__fill" x="{}" y="1" width="{}" height="10" rx="1.5"/></svg>',
        one.x, one.width,
    )  # fmt: skip
