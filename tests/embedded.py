"""A throw-away PostgreSQL for the suite, started before Django reads its settings; never the developer's data.

Loaded by `-p tests.embedded`. With DATABASE_URL set, the suite makes its test databases on that server instead.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.postgres import Postgres


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Start the server in the process that controls the run; xdist's workers inherit its address."""
    home = Path(tempfile.mkdtemp(prefix="telltale-tests-"))
    home.chmod(0o711)
    os.environ["TELLTALE_HOME"] = str(home)
    os.environ.setdefault("SECRET_KEY", "only for tests")
    early_config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    if "DATABASE_URL" not in os.environ:
        server = Postgres(home, durable=False)
        log = (home / "postgres.log").open("wb")
        server.start(log=log)
        early_config.add_cleanup(server.stop)
        early_config.add_cleanup(log.close)
        os.environ["DATABASE_URL"] = server.url
    return (yield)
