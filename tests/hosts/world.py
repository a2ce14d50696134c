"""The processes on the hosts: PostgreSQL over TCP with a password, daphne, two Celery workers. Knows nothing of Django.

Each host has also its own name and its own process ids, as real ones have: a worker there cannot look whether one of
another host lives.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from config.postgres import DATABASE, Postgres
from tests.hosts.network import APART, Network

ROOT = Path(__file__).resolve().parents[2]
HOSTS = ["db", "web", "worker-1", "worker-2", "viewer"]
PORT = 8000
LEASE = 4.0  # seconds
_USER, _PASSWORD = "telltale", "a password"
_TUNABLES = {
    "WORKFLOWS_LEASE_SECONDS": str(LEASE), "WORKFLOWS_RENEW_INTERVAL": "1.0", "WORKFLOWS_CRASH_BACKOFF": "0.2",
    "WORKFLOWS_DRAIN_SECONDS": "2.0",
}  # fmt: skip


class World:
    """Use `start_database`, `start_web`, `start_worker`, and `end` in any case."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.network = Network(HOSTS)
        self.bodies = home / "bodies"
        self._postgres = Postgres(home)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start_database(self) -> None:
        """A cluster with an account of the project's own, then served to the network of the hosts alone."""
        with self.log("db").open("ab") as log:
            self._postgres.start(log=log)
        binary = Path(f"/proc/{self._postgres.pid}/exe").readlink()
        with psycopg.connect(self._postgres.url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {_USER} LOGIN PASSWORD '{_PASSWORD}'")
            connection.execute(f"ALTER DATABASE {DATABASE} OWNER TO {_USER}")
        self._postgres.stop()
        with (self._postgres.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 10.213.7.0/24 scram-sha-256\n")
        settings = {
            "listen_addresses": self.network.address("db"), "port": "5432", "max_connections": "100",
            "unix_socket_directories": str(self._postgres.socket),
        }  # fmt: skip
        account = self._postgres.account
        drop = [] if account is None else [
            "setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups",
        ]  # fmt: skip
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._start("db", [*drop, str(binary), "-D", str(self._postgres.data), *options], cwd=self._postgres.data)
        self._await_database()

    def _await_database(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.local_url).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)  # between two tries to connect

    @property
    def local_url(self) -> str:
        """The database past the network, for the judge."""
        return f"postgresql://{_USER}@/{DATABASE}?host={self._postgres.socket}&port=5432"

    def environment(self, url: str) -> dict[str, str]:
        """Of a process."""
        return {
            **os.environ, **_TUNABLES, "DATABASE_URL": url, "TELLTALE_HOME": str(self.home), "SECRET_KEY": "of hosts",
            "DJANGO_SETTINGS_MODULE": "config.settings", "CHAOS_BODIES": str(self.bodies), "PYTHONUNBUFFERED": "1",
            "ALLOWED_HOSTS": self.network.address("web"),
        }  # fmt: skip

    def start_web(self) -> None:
        """Daphne on every address of the host `web`."""
        self._start_python("web", ["daphne", "-b", "0.0.0.0", "-p", str(PORT), "config.asgi:application"])

    def start_worker(self, host: str) -> None:
        """A worker with two pool children."""
        arguments = ["worker", "--loglevel=INFO", "-O", "fair", "-c", "2", "-n", f"{host}@%h", "-Q", f"default,{host}"]
        self._start_python(host, ["celery", "-A", "tests.hosts.app", *arguments])

    def _start_python(self, host: str, arguments: list[str]) -> None:
        url = f"postgresql://{_USER}:{_PASSWORD.replace(' ', '%20')}@{self.network.address('db')}:5432/{DATABASE}"
        self._start(host, [sys.executable, "-m", *arguments], cwd=ROOT, environment=self.environment(url))

    def _start(self, host: str, command: list[str], cwd: Path, environment: dict[str, str] | None = None) -> None:
        there = ["ip", "netns", "exec", self.network.namespace(host), *APART]
        named = ["sh", "-c", f'hostname {host}; cd "$0"; exec "$@"', str(cwd)]
        with self.log(host).open("ab") as output:
            self._processes[host] = subprocess.Popen(
                [*there, *named, *command],
                env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    def log(self, host: str) -> Path:
        """What the process of a host says."""
        return self.home / f"{host}.log"

    def said(self, host: str) -> str:
        """All of that. Raises AssertionError when the process has ended: nobody starts one again here."""
        text = self.log(host).read_text(errors="replace")
        status = self._processes[host].poll()
        assert status is None, f"{host} ended with status {status}:\n{text[-4000:]}"
        return text

    def end(self) -> None:
        """Kill everything, and take the hosts away."""
        self.network.remove()
        for process in self._processes.values():
            process.send_signal(signal.SIGKILL)
            process.wait()
        self._postgres.stop()
