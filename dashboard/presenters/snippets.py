"""What somebody pastes to show a widget: into a page, a wiki, a README, a program, or onto a wall."""

from __future__ import annotations

from html import escape
from typing import NamedTuple
from urllib.parse import quote


class Snippet(NamedTuple):
    """A text to copy, where it goes, and whether it is an address to open."""

    title: str
    text: str
    note: str
    is_address: bool = False


def iframe(address: str, title: str, width: int, height: int) -> str:
    """A frame that may run scripts and nothing else, written so that the strictest policy of its page allows it."""
    return (
        f'<iframe src="{escape(address)}" title="{escape(title)}" width="{width}" height="{height}" '
        'sandbox="allow-scripts" referrerpolicy="no-referrer" loading="lazy" frameborder="0"></iframe>'
    )


def snippets(
    name: str, token: str, *, script: str, edition: str, integrity: str, frame: str, iframe: str, badge: str,
    document: str, shields: str, wallboard: str,
) -> list[Snippet]:  # fmt: skip
    """Those of one widget, the liveliest first."""
    element = f'<telltale-status token="{token}"></telltale-status>'
    newest = f'<script src="{script}" async></script>\n{element}'
    checked = f'<script src="{edition}" integrity="{integrity}" crossorigin="anonymous" async></script>\n{element}'
    plain = "".join(letter for letter in name if letter not in "[]\\")
    return [
        Snippet("In a page of yours", newest, "Live. The script once, the element as often as you like."),
        Snippet("In a page that checks what it loads", checked, "The same, and exactly this edition: never put right."),
        Snippet("In a frame", iframe, "Live, where a page takes no scripts of others, and in most wikis."),
        Snippet("In a README", f"![{plain}]({badge})", "A badge. Who shows it asks for it anew each time."),
        Snippet("As an image", f'<img src="{badge}" alt="{escape(name)}" height="20">', "The same badge."),
        Snippet("By its address", frame, "Paste it where links become what they lead to (oEmbed).", is_address=True),
        Snippet(
            "On a wall", wallboard, "A whole screen, for weeks. Further tokens after a #, with commas.", is_address=True
        ),
        Snippet("In a program", document, "The state as JSON.", is_address=True),
        Snippet("For shields.io", f"https://img.shields.io/endpoint?url={quote(shields, safe='')}", "Its look."),
    ]
