"""`manage.py up`: everything the project needs, in one foreground process."""

from __future__ import annotations

import io
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from config.postgres import Postgres, PostgresError
from config.supervisor import AlreadyRunning, Lock, Service, Supervisor

_PORT_PATIENCE = 5.0  # seconds
_MIGRATION_LOCK = 7_355_608  # any number, the same for every process that migrates


class Command(BaseCommand):
    """Start the database, migrate, then run web, worker and beat until Ctrl-C."""

    help = "Run everything: the embedded PostgreSQL, migrations, web server, Celery worker and beat. Ctrl-C stops all."
    requires_system_checks: list[str] = []  # they ask the database, which does not run yet

    def add_arguments(self, parser: Any) -> None:
        """Options."""
        parser.add_argument("--concurrency", type=int, default=4, help="pool children of the worker (default 4)")
        parser.add_argument("--no-demo", action="store_true", help="do not start the example workflows")

    def handle(self, *args: Any, concurrency: int, no_demo: bool, **options: Any) -> None:
        """Run until stopped."""
        address = f"http://localhost:{settings.PORT}/"
        try:
            lock = Lock(settings.HOME / "up.lock")
        except AlreadyRunning as running:
            raise CommandError(f"Telltale is up already: {running}. Stop that one first (Ctrl-C there).") from None
        _require_port(settings.PORT)
        server = Postgres(settings.HOME) if settings.EMBEDDED_POSTGRES else None
        try:
            if server is not None:
                self._start_database(server)
            self._prepare()
            password = operator_password(settings.HOME)
            connection.close()
            lock.tell(address)
            supervisor = Supervisor(_services(concurrency), watch=lambda: _database_complaint(server))
            threading.Thread(target=self._welcome, args=(address, password, not no_demo), daemon=True).start()
            status = supervisor.run()
        finally:
            if server is not None:
                server.stop()
        if status:
            sys.exit(status)

    def _start_database(self, server: Postgres) -> None:
        log = (settings.HOME / "postgres.log").open("ab")
        try:
            server.start(log=log)
        except PostgresError as error:
            raise CommandError(f"{error} (log: {log.name})") from None

    def _prepare(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_MIGRATION_LOCK])
            call_command("migrate", verbosity=0)
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_MIGRATION_LOCK])
        call_command("check", databases=["default"], stdout=io.StringIO())  # silent unless it refuses
        if not settings.DEBUG:
            call_command("collectstatic", interactive=False, verbosity=0)

    def _welcome(self, address: str, password: str, demo: bool) -> None:
        while not _answers(f"{address}login/"):
            time.sleep(0.1)
        if demo:
            subprocess.run([sys.executable, "manage.py", "demo"], cwd=settings.BASE_DIR, check=False)
        lines = [f"Telltale is up:  {address}", f"Sign in as:      operator / {password}", "Ctrl-C stops everything."]
        width = max(map(len, lines)) + 2
        frame = "─" * width
        self.stdout.write("\n".join([f"┌{frame}┐", *(f"│ {line:<{width - 1}}│" for line in lines), f"└{frame}┘"]))


def _require_port(port: int) -> None:
    """Another program there would answer in our name. What a start that was killed just now left behind soon ends."""
    deadline = time.monotonic() + _PORT_PATIENCE
    while True:
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server: old connections may linger
                probe.bind(("127.0.0.1", port))
            return
        except OSError as error:
            if time.monotonic() > deadline:
                other = 8001 if port == 8000 else 8000
                raise CommandError(
                    f"Nothing can listen on port {port}: {error.strerror}. Stop what uses it, or choose another one: "
                    f"PORT={other} make run"
                ) from None
            time.sleep(0.2)


def _services(concurrency: int) -> list[Service]:
    python, celery = [sys.executable, "-m"], [sys.executable, "-m", "celery", "--quiet", "-A", "config"]
    return [
        Service("web", [*python, "daphne", "-b", "127.0.0.1", "-p", str(settings.PORT), "config.asgi:application"]),
        Service("worker", [*celery, "worker", "-l", "INFO", "-O", "fair", "-c", str(concurrency)], stop_within=30),
        Service("beat", [*celery, "beat", "-l", "WARNING"]),
    ]


def _database_complaint(server: Postgres | None) -> str | None:
    if server is None or server.poll() is None:
        return None
    return f"PostgreSQL ended with status {server.poll()}; see {settings.HOME / 'postgres.log'}"


def operator_password(home: Path) -> str:
    """The account `operator` with a random password that is kept, so that later starts can print it again."""
    from django.contrib.auth.models import Group, User  # models are loaded only once the apps are

    from dashboard import roles

    file = home / "operator"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9))
    password = file.read_text().strip()
    user, created = User.objects.get_or_create(username="operator", defaults={"is_staff": True, "is_superuser": True})
    if created or not user.check_password(password):
        user.set_password(password)
        user.save()
    if created:
        user.groups.set(Group.objects.filter(name=roles.ADMINS))
    return password


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):  # noqa: S310  our own address
            return True
    except urllib.error.HTTPError:  # a refusal (another host name, TLS demanded) is an answer, too
        return True
    except OSError:
        return False
