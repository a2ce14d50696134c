"""A widget's state as a badge: SVG whose widths are computed from the letters, and JSON for shields.

Two boxes, label and message, in the font that badges have (Verdana, or DejaVu Sans, which is as wide). Who reads
pictures by ear hears the title.
"""

from __future__ import annotations

from html import escape
from typing import Any

# How wide the letters from space to tilde are, in hundredths of their size: DejaVu Sans, which Verdana equals.
_WIDTHS = (
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84,
    84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79, 60, 79, 69, 63, 61, 73, 68, 99, 69, 61,
    69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59,
    82, 59, 59, 52, 64, 34, 64, 84,
)  # fmt: skip
_OTHERS = {"·": 32, "–": 50, "…": 100, "“": 52, "”": 52}
_WIDE, _NARROW = 100, 64  # of letters that are in no table: from the East, and accented ones
_FIRST, _SIZE, _MARGIN, _HEIGHT, _LONGEST = 32, 11, 6, 20, 60
# White on these is readable; they are the colours that the console gives the statuses, on white.
_COLOURS = {
    "queued": "#6b6868", "delayed": "#5c2bb4", "running": "#0062c8", "waiting": "#286e84", "succeeded": "#154e41",
    "failed": "#c42534", "quarantined": "#480032", "cancelled": "#312818",
}  # fmt: skip
_UNKNOWN_COLOUR, _LABEL_COLOUR = "#5f6067", "#3b3c41"
UNKNOWN = ("telltale", "unknown")  # what every token that opens nothing is answered


def width(text: str, size: float = _SIZE) -> float:
    """How wide a text is, in pixels."""
    return sum(_width(letter) for letter in text) * size / 100


def _width(letter: str) -> int:
    place = ord(letter) - _FIRST
    if 0 <= place < len(_WIDTHS):
        return _WIDTHS[place]
    return _OTHERS.get(letter, _WIDE if place > 0x1100 else _NARROW)


def words(state: dict[str, Any] | None) -> tuple[str, str]:
    """Label and message of a state; None: what nobody may see or is not there."""
    if state is None:
        return UNKNOWN
    shown = state.get("progress")
    fraction = shown and shown["fraction"]
    done = f" · {int(fraction * 100)} %" if fraction is not None and state["status"] in ("running", "waiting") else ""
    return _cut(state["label"]), _cut(state["words"].lower() + done)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _colour(state: dict[str, Any] | None) -> str:
    return _COLOURS.get(state["status"], _UNKNOWN_COLOUR) if state else _UNKNOWN_COLOUR


def svg(state: dict[str, Any] | None) -> str:
    """The picture. Every text is escaped: labels and messages are people's."""
    label, message = words(state)
    boxes = [round(width(text)) for text in (label, message)]
    left, right = (box + 2 * _MARGIN for box in boxes)
    title, whole = escape(f"{label}: {message}"), left + right
    texts = "".join(
        f'<text x="{x}" y="14" textLength="{box}">{escape(text)}</text>'
        for x, box, text in ((_MARGIN, boxes[0], label), (left + _MARGIN, boxes[1], message))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{_HEIGHT}" role="img" aria-label="{title}">'
        f'<title>{title}</title><clipPath id="r"><rect width="{whole}" height="{_HEIGHT}" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="{_HEIGHT}" fill="{_LABEL_COLOUR}"/>'
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{_colour(state)}"/></g>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="{_SIZE}" '
        f'text-rendering="geometricPrecision" xml:space="preserve">{texts}</g></svg>'
    )


def shields(state: dict[str, Any] | None) -> dict[str, Any]:
    """What an endpoint badge of shields.io is made from."""
    label, message = words(state)
    return {
        "schemaVersion": 1,
        "label": label,
        "message": message,
        "color": _colour(state),
        "isError": state is None,
        "cacheSeconds": 300,
    }
