"""Which code a worker runs, in a word: what a workflow began with, and what it goes on with."""

from __future__ import annotations

import hashlib
import inspect
import sys
from functools import cache
from pathlib import Path

from django.conf import settings

from workflows import registry


@cache
def code_version() -> str:
    """`settings.CODE_VERSION`, else twelve digits of a digest over the modules that hold the definitions."""
    given = getattr(settings, "CODE_VERSION", "")
    return str(given)[:100] if given else _digest()


def _digest() -> str:
    digest = hashlib.sha256()
    for name in sorted({definition.function.__module__ for definition in registry.definitions()}):
        file = inspect.getsourcefile(sys.modules[name]) if name in sys.modules else None
        digest.update(name.encode())
        digest.update(Path(file).read_bytes() if file and Path(file).exists() else b"")
    return digest.hexdigest()[:12]
