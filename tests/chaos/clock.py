"""A wall clock that can be stepped, for one process: a shim of our own, compiled when the storm begins."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

_SOURCE = Path(__file__).with_name("clock.c")
_OFFSET = struct.Struct("q")


class Clock:
    """`available` says whether it can be had: a C compiler is needed."""

    def __init__(self, home: Path) -> None:
        self._offset, self._library = home / "clock", home / "clock.so"
        compiler = shutil.which("cc")
        self.available = False
        if compiler is not None:
            command = [compiler, "-shared", "-fPIC", "-O2", "-o", str(self._library), str(_SOURCE)]
            self.available = subprocess.run(command, check=False).returncode == 0
        self.step(0)

    def step(self, seconds: int) -> None:
        """Set how far the clock is off, also for processes that run."""
        with self._offset.open("r+b" if self._offset.exists() else "wb") as file:
            file.write(_OFFSET.pack(seconds))

    def environment(self) -> dict[str, str]:
        """Of a process that shall have this clock."""
        return {"LD_PRELOAD": str(self._library), "CHAOS_CLOCK": str(self._offset)} if self.available else {}
