"""Which machine this is, and whether a process on it lives. Pure but for /proc."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path

_PROC = Path("/proc")
_GONE = {"Z", "X", "x"}  # ended, though its parent has not asked for its exit status yet


@cache
def machine() -> str:
    """Names the kernel and the process namespace in which process ids count; elsewhere than on Linux, the host."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"[:120]
    except OSError:
        return f"host:{socket.gethostname()}"[:120]


def started(pid: int) -> int | None:
    """When the process started, as the kernel counts; 0 where it does not say; None: there is no such process."""
    if not (_PROC / "self/stat").exists():
        return 0 if _answers(pid) else None
    try:
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in _GONE else int(fields[19])  # the 3rd and the 22nd field of the line


def lives(pid: int, started_at: int) -> bool:
    """Whether this very process lives, not another one that has its id by now. Only for one of this machine."""
    return started(pid) == started_at


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
