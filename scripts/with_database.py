"""Run a Python command beside a throw-away PostgreSQL: `python -m scripts.with_database manage.py migrate`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from config.postgres import Postgres


def main(command: list[str]) -> int:
    """The command's exit status."""
    with tempfile.TemporaryDirectory(prefix="telltale-") as home:
        Path(home).chmod(0o711)
        server = Postgres(Path(home), durable=False)
        with (Path(home) / "postgres.log").open("wb") as log:
            server.start(log=log)
        try:
            environment = {**os.environ, "TELLTALE_HOME": home, "DATABASE_URL": server.url}
            return subprocess.run([sys.executable, *command], env=environment, check=False).returncode
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
