"""JSON in and out: what may be stored, how large, and the text of errors. Pure.

Values are what JSON can say, plus what Django's encoder adds (dates, times, decimals, UUIDs become text). A value that
was stored reads back as its JSON form, on the first execution and on every replay alike.
"""

from __future__ import annotations

import json
import re
import traceback as tracebacks
from decimal import Decimal
from typing import Any, TypeAlias

from django.core.serializers.json import DjangoJSONEncoder

from workflows.conf import conf
from workflows.errors import PayloadError

Json: TypeAlias = Any  # what json.loads returns; spelled out, the recursive type helps nobody

KEY_MAX_LENGTH = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ESCAPED_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
# jsonb has no exponents: 1e+16 would come back as a whole number, and as another type than the first execution saw.
_STRING_OR_LARGE = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?e\+\d+')
_SCALARS = (str, int, float, bool, type(None))


def encode(value: object, *, what: str, limit: int) -> str:
    """The JSON text of a value.

    `what` names it in errors ("value of key 'phase'"), `limit` is in bytes of UTF-8.
    Raises PayloadError for what JSON or PostgreSQL's jsonb cannot hold, and for what is too large.
    """
    try:
        text = json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except TypeError as error:
        raise PayloadError(
            f"The {what} is not JSON ({error}). Convert it to dicts, lists, text and numbers first."
        ) from error
    except ValueError as error:
        raise PayloadError(
            f"The {what} is not JSON ({error}). NaN, Infinity and circular references cannot be stored."
        ) from error
    except RecursionError as error:
        raise PayloadError(f"The {what} is nested too deeply to be stored. Flatten it.") from error
    if "e+" in text:
        text = _STRING_OR_LARGE.sub(_with_all_digits, text)
    if _ESCAPED_NUL.search(text):
        raise PayloadError(f"The {what} contains a NUL character, which PostgreSQL cannot store. Remove it.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise PayloadError(
            f"The {what} contains half a surrogate pair ({error.object[error.start]!r}), which is not text. "
            "Decode the bytes it came from with errors='replace'."
        ) from error
    if size > limit:
        raise PayloadError(
            f"The {what} is {size:,} bytes of JSON; the limit is {limit:,}. "
            "Store it elsewhere and keep a reference, or publish a summary."
        )
    return text


def _with_all_digits(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else f"{Decimal(found[0]):f}.0"


def decode(text: str) -> Json:
    """The value of a stored JSON text."""
    return json.loads(text)


def as_stored(value: object, text: str) -> Json:
    """The value as a replay will see it, so that the first execution sees the same."""
    return value if type(value) in _SCALARS else json.loads(text)


def checked_key(key: str, *, what: str = "key") -> str:
    """The key itself. Raises PayloadError unless it is 1 to 200 characters without control characters."""
    if not isinstance(key, str):
        raise PayloadError(f"A {what} is text, not {type(key).__name__}.")
    if not 1 <= len(key) <= KEY_MAX_LENGTH:
        raise PayloadError(f"A {what} has 1 to {KEY_MAX_LENGTH} characters; this one has {len(key)}: {key[:40]!r}.")
    if _CONTROL.search(key) or not _is_unicode(key):
        raise PayloadError(f"A {what} has no control characters and no half surrogates: {key[:40]!r}.")
    return key


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def storable_text(text: str, *, limit: int) -> str:
    """Any text made fit for PostgreSQL: NUL and half surrogates replaced, cut to `limit` characters."""
    text = text.replace("\x00", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode()
    return (
        text
        if len(text) <= limit
        else f"{text[: limit // 2]}\n… {len(text) - limit:,} characters left out …\n{text[-limit // 2 :]}"
    )


def error_json(error: BaseException) -> dict[str, str]:
    """What is kept of an exception: type, message and traceback, each bounded."""
    limit = conf().traceback_max_chars
    try:
        message = str(error)
    except Exception:  # a broken __str__ of user code must not hide the error itself
        message = "<its message could not be read>"
    trace = "".join(tracebacks.format_exception(error, limit=-50))
    return {
        "type": type(error).__qualname__,
        "module": type(error).__module__,
        "message": storable_text(message, limit=4_000),
        "traceback": storable_text(trace, limit=limit),
    }


def encode_error(error: BaseException) -> str:
    """The JSON text of what is kept of an exception."""
    return json.dumps(error_json(error), ensure_ascii=False)


def fits_preview(text: str) -> bool:
    """Whether a result is small enough to be shown in the history too."""
    return len(text.encode()) <= conf().preview_max_bytes
