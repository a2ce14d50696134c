"""The import map: from the address that a module's source names to the address that may be cached for ever.

The hashed storage renames files but does not rewrite `import` statements; browsers do that with this map. Without a
manifest (development) the addresses are right as they are, and only the entry point is printed.

It also gives what npm installed its name, where it did: who imports it finds out whether it is there.
"""

from __future__ import annotations

import json
from typing import Any

from django import template
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
ENTRY = "js/main.js"
_PRELOADED = ("js/live/", "js/elements/", "js/behaviours/", "js/lib/")
_LIBRARIES = {"uplot": "uplot/uPlot.esm.js"}  # by the name they are imported by; never preloaded
_SCRIPT_UNSAFE = {ord("<"): "\\u003C", ord(">"): "\\u003E", ord("&"): "\\u0026"}


@register.simple_tag(takes_context=True)
def importmap(context: dict[str, Any]) -> SafeString:
    """The map, a preload of every module of the console (else they would load one level after the other), the entry."""
    nonce = str(getattr(context["request"], "csp_nonce", ""))
    modules = hashed_modules()
    preloads = sorted(hashed for name, hashed in modules.items() if name.startswith(_PRELOADED))
    imports = {_unhashed(name): hashed for name, hashed in modules.items()} | libraries()
    parts = [
        _map(imports, nonce) if imports else SafeString(""),
        format_html_join("\n", '<link rel="modulepreload" href="{}">', ((address,) for address in preloads)),
        format_html('<script type="module" src="{}" nonce="{}"></script>', static(ENTRY), nonce),
    ]
    return SafeString("\n".join(part for part in parts if part))


def hashed_modules() -> dict[str, str]:
    """Path of every module below `js/` → its hashed address; empty where the storage does not hash."""
    names: dict[str, str] = getattr(staticfiles_storage, "hashed_files", {})
    return {name: staticfiles_storage.url(name) for name in names if name.startswith("js/") and name.endswith(".js")}


def libraries() -> dict[str, str]:
    """Name → address of each library that is there; none of them must be."""
    hashed: dict[str, str] | None = getattr(staticfiles_storage, "hashed_files", None)
    found = {
        name: file for name, file in _LIBRARIES.items() if (finders.find(file) if hashed is None else file in hashed)
    }
    return {name: static(file) for name, file in found.items()}


def _unhashed(name: str) -> str:
    return f"{settings.STATIC_URL}{name}"


def _map(imports: dict[str, str], nonce: str) -> SafeString:
    text = json.dumps({"imports": imports}, indent=1).translate(_SCRIPT_UNSAFE)
    return format_html('<script type="importmap" nonce="{}">{}</script>', nonce, mark_safe(text))  # noqa: S308  escaped
