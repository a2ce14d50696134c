"""A small disk of the storm's own, which can be filled: a tmpfs in a private mount namespace, gone with the process."""

from __future__ import annotations

import ctypes
import os
import subprocess
from contextlib import suppress
from pathlib import Path

_CLONE_NEWNS = 0x00020000  # unshare(2)
_RESERVE = 64 * 1024  # bytes that even a full disk keeps, less than a table's next piece


class SmallDisk:
    """Mounted at `directory`; `size` in bytes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._filler = directory / "filler"

    def fill(self) -> None:
        """Leave (almost) no room."""
        statistics = os.statvfs(self.directory)
        room = statistics.f_bavail * statistics.f_frsize - _RESERVE
        with self._filler.open("wb") as file, suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, max(room, 1))

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)


def mounted(directory: Path, *, size: int) -> SmallDisk | None:
    """Mount it, before any thread or child is started. None where mounting is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.unshare(_CLONE_NEWNS) != 0:
        return None
    directory.mkdir()
    private = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, check=False)
    if private.returncode:
        return None
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", str(directory)]
    return SmallDisk(directory) if subprocess.run(mount, capture_output=True, check=False).returncode == 0 else None
