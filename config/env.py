"""Typed readers of the environment. A bad value is refused with the variable's name, the value and a good value."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import dj_database_url


class BadEnvironment(SystemExit):
    """A variable that cannot be used; ends the process with a sentence instead of a traceback."""


_SHORTEST_TOKEN = 16
_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def text(name: str, default: str = "") -> str:
    """The variable, stripped; an empty one counts as absent."""
    return os.environ.get(name, "").strip() or default


def token(name: str) -> str:
    """A secret that cannot be guessed; empty if absent."""
    value = text(name)
    if value and (len(value) < _SHORTEST_TOKEN or not value.isascii() or not value.isprintable() or " " in value):
        raise BadEnvironment(
            f"{name} is no good secret: use at least {_SHORTEST_TOKEN} letters and digits, for example from "
            f"python -c 'import secrets; print(secrets.token_urlsafe())'."
        )
    return value


def flag(name: str, *, default: bool) -> bool:
    """A yes or no."""
    value = os.environ.get(name)
    if value is None:
        return default
    if value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    raise BadEnvironment(f"{name}={value!r} is neither yes nor no. Use {name}=1 or {name}=0.")


def number(name: str, *, default: int, least: int, most: int) -> int:
    """A whole number within bounds."""
    value = text(name)
    if not value:
        return default
    if value.isascii() and value.isdigit() and least <= int(value) <= most:
        return int(value)
    raise BadEnvironment(f"{name}={value!r} is not a whole number from {least} to {most}. Use {name}={default}.")


def numbers(prefix: str) -> dict[str, float]:
    """All variables with the prefix, as numbers by the rest of their names."""
    found: dict[str, float] = {}
    for name, value in os.environ.items():
        if name.startswith(prefix):
            try:
                found[name.removeprefix(prefix)] = float(value) if "." in value else int(value)
            except ValueError:
                raise BadEnvironment(f"{name}={value!r} is not a number. Use for example {name}=10.") from None
    return found


def words(name: str, default: list[str]) -> list[str]:
    """A list, separated by commas."""
    return [word.strip() for word in text(name).split(",") if word.strip()] or default


def networks(name: str) -> list[str]:
    """Addresses and networks, separated by commas; also the word `unix`."""
    found = words(name, [])
    for word in found:
        try:
            word == "unix" or ipaddress.ip_network(word)
        except ValueError as error:
            raise BadEnvironment(f"{name}: {error}. Use for example {name}=127.0.0.1,10.0.0.0/8,unix.") from None
    return found


def database(name: str, default: str) -> dict[str, Any]:
    """A PostgreSQL URL as Django's settings."""
    value = text(name, default)
    shown = _without_password(value)
    good = f"{name}=postgres://user:password@host:5432/database"
    try:
        parsed = dict(dj_database_url.parse(value))
    except (ValueError, KeyError) as error:
        raise BadEnvironment(f"{name}={shown!r} is not a database URL ({type(error).__name__}). Use {good}.") from None
    if parsed.get("ENGINE") != "django.db.backends.postgresql" or not parsed.get("NAME"):
        raise BadEnvironment(f"{name}={shown!r} is not a PostgreSQL database with a name. Use {good}.")
    options: dict[str, Any] = parsed.get("OPTIONS") or {}  # type: ignore[assignment]
    for option in ("host", "port"):  # a socket's directory can only be given as ?host=…; everybody reads HOST and PORT
        given = options.pop(option, "")
        parsed[option.upper()] = given or parsed[option.upper()]
    return parsed


def url(name: str, default: str, *, schemes: Collection[str], good: str) -> str:
    """A URL with one of these schemes; what follows a plus sign in the scheme is the transport's own matter."""
    value = text(name, default)
    scheme, colon, _rest = value.partition("://")
    if colon and scheme.partition("+")[0] in schemes:
        return value
    raise BadEnvironment(f"{name}={_without_password(value)!r} begins with no scheme that is known. Use {name}={good}.")


def _without_password(url: str) -> str:
    """What may reach a log."""
    return re.sub(r"(://[^:/@]*:).*@", r"\1…@", url)


def choice(name: str, default: str, known: Collection[str]) -> str:
    """One of these words."""
    value = text(name, default).lower()
    if value in known:
        return value
    raise BadEnvironment(f"{name}={value!r} is none of {', '.join(known)}. Use {name}={default}.")


def level(name: str, default: str) -> str:
    """How serious a log line must be to be written."""
    value = text(name, default).upper()
    known = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    if value in known:
        return value
    raise BadEnvironment(f"{name}={value!r} is none of {', '.join(known)}. Use {name}={default}.")


def home(base: Path) -> Path:
    """Where the project keeps its own files: database, keys, collected static files."""
    return Path(text("TELLTALE_HOME", str(base / ".telltale"))).resolve()
