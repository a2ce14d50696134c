"""Workflow ids: a caller's visible text, or a UUIDv7 of ours; and how one is spelled in an address. Pure."""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
import uuid

from workflows.errors import InvalidWorkflowId, WorkflowNotFound

MAX_LENGTH = 200
# Control, format, surrogate, private use, unassigned, and every separator: nothing a person could not see or copy.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})

_UNSAFE = re.compile(r"[^A-Za-z0-9._:@+=,-]")


def new_id() -> str:
    """A UUIDv7 (RFC 9562 §5.7): 48 bits of Unix milliseconds, then 74 random bits; sorts by time."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | secrets.randbits(80)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return str(uuid.UUID(int=value))


def checked(workflow_id: str) -> str:
    """The id itself. Raises InvalidWorkflowId unless it is 1 to 200 visible characters."""
    if not isinstance(workflow_id, str):
        raise InvalidWorkflowId(f"A workflow id is text, not {type(workflow_id).__name__}; use str(…).")
    if not 1 <= len(workflow_id) <= MAX_LENGTH:
        raise InvalidWorkflowId(
            f"A workflow id has 1 to {MAX_LENGTH} characters; this one has {len(workflow_id)}: {workflow_id[:40]!r}. "
            "Use a shorter business key, or none to get a generated id."
        )
    for index, character in enumerate(workflow_id):
        if unicodedata.category(character) in _INVISIBLE:
            raise InvalidWorkflowId(
                f"A workflow id has only visible characters; {workflow_id[:40]!r} has {character!r} at {index}. "
                "Replace spaces and control characters, for example with '-'."
            )
    return workflow_id


def segment(name: str) -> str:
    """Any id or name as one path segment that no proxy, browser or router rewrites.

    Letters, digits and `._:@+=,-` stand for themselves; every other byte of UTF-8 becomes `~HH`, and so do the dots of
    an id of dots only, which browsers would take for "this directory". Percent signs are avoided on purpose: servers
    decode them, once or twice, before a router sees the path.
    """
    if set(name) == {"."}:
        return "~2E" * len(name)
    return _UNSAFE.sub(lambda found: "".join(f"~{byte:02X}" for byte in found[0].encode()), name)


def possible(workflow_id: str) -> str:
    """The id itself, for who looks one up. Raises WorkflowNotFound for what nobody can have, such as a NUL."""
    try:
        return checked(workflow_id)
    except InvalidWorkflowId:
        raise WorkflowNotFound(workflow_id) from None


def is_possible(workflow_id: str) -> bool:
    """Whether a workflow could have this id."""
    try:
        checked(workflow_id)
    except InvalidWorkflowId:
        return False
    return True
