"""Run a Python command beside a throw-away broker: `python -m scripts.with_broker redis -m pytest tests/acceptance`.

The command finds it in CELERY_BROKER_URL. Each broker has sixteen rooms, named 0 to 15, that share no message: Redis
has databases, RabbitMQ is given virtual hosts. Everything lies in a temporary directory and ends with this process.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from config.supervisor import die_with_parent

_ROOMS = 16


class BrokerError(RuntimeError):
    """The broker cannot be used; says why and what to do."""


class Broker:
    """One server on free ports with its data in a directory; started again, it is found at the same address."""

    name: str
    programs: tuple[str, ...]  # what must be installed
    package: str  # Debian's name
    _scheme: str
    _greeting: bytes  # what a client says first, and how the answer begins
    _answer: bytes

    def __init__(self, home: Path, *, rooms: int = _ROOMS) -> None:
        missing = [program for program in self.programs if shutil.which(program, path=_path()) is None]
        if missing:
            raise BrokerError(f"{self.name} is not installed: no {missing[0]}. Run: apt-get install {self.package}")
        self._home, self._rooms = home, rooms
        self._port, self._password = _free_port(), secrets.token_hex(8)
        self._processes: list[subprocess.Popen[bytes]] = []

    @classmethod
    def is_installed(cls) -> bool:
        """Whether its programs are on this machine."""
        return all(shutil.which(program, path=_path()) for program in cls.programs)

    def url(self, room: int = 0) -> str:
        """CELERY_BROKER_URL of one room."""
        return f"{self._scheme}://telltale:{self._password}@127.0.0.1:{self._port}/{room}"

    def start(self, timeout: float = 60.0) -> None:
        """Start it and wait until it answers. Raises BrokerError."""
        self._prepare()
        self._launch()
        self._wait(self._port, self._greeting, self._answer, timeout)

    def stop(self, timeout: float = 20.0) -> None:
        """Ask it to stop, wait, and kill what is left of it."""
        for process in reversed(self._processes):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to everything that belongs to it."""
        self.signal(signal.SIGKILL)
        for process in self._processes:
            process.wait()
        self._processes.clear()

    def signal(self, number: int) -> None:
        """A signal to all of its processes: SIGSTOP makes it hang, SIGCONT go on."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    def _prepare(self) -> None:
        """Write its configuration."""

    def _launch(self) -> None:
        """Start its processes."""
        raise NotImplementedError

    def _spawn(self, command: list[str], **environment: str) -> None:
        with (self._home / "broker.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._home,
                env={**os.environ, "PATH": _path(), **environment},
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509  calls prctl only, which takes no lock
            )
        self._processes.append(process)

    def _wait(self, port: int, greeting: bytes, answer: bytes, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not _answers(port, greeting, answer):
            ended = [process for process in self._processes if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                log = (self._home / "broker.log").read_text(errors="replace")[-2000:]
                what = "ended at once" if ended else f"does not answer after {timeout:g} s"
                raise BrokerError(f"{self.name} {what}; its log says: {log}")
            time.sleep(0.05)


class Redis(Broker):
    """Redis without persistence: stopping it loses every message."""

    name, programs, package = "Redis", ("redis-server",), "redis-server"
    _scheme, _greeting, _answer = "redis", b"PING\r\n", b"-NOAUTH"

    def _prepare(self) -> None:
        lines = [f"port {self._port}", "bind 127.0.0.1", 'save ""', "appendonly no", f"databases {self._rooms}"]
        lines += ["user default off", f"user telltale on >{self._password} ~* &* +@all"]
        (self._home / "redis.conf").write_text("\n".join([*lines, ""]))

    def _launch(self) -> None:
        self._spawn(["redis-server", str(self._home / "redis.conf")])


class RabbitMQ(Broker):
    """RabbitMQ with an Erlang port mapper of its own, because the one that it starts by itself stays behind."""

    name, package = "RabbitMQ", "rabbitmq-server"
    programs = ("/usr/lib/rabbitmq/bin/rabbitmq-server", "epmd")  # Debian's wrapper on PATH insists on its own account
    _scheme, _greeting, _answer = "amqp", b"AMQP\x00\x00\x09\x01", b"\x01"
    consumer_timeout = 1800.0  # seconds that a message may be with a worker unacknowledged; what RabbitMQ itself allows

    def _prepare(self) -> None:
        salt = secrets.token_bytes(4)
        digest = hashlib.sha256(salt + self._password.encode()).digest()
        rooms = [str(room) for room in range(self._rooms)]
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        user = {"name": "telltale", "password_hash": base64.b64encode(salt + digest).decode(), "tags": ""}
        definitions = {
            "users": [{**user, "hashing_algorithm": "rabbit_password_hashing_sha256"}],
            "vhosts": [{"name": room} for room in rooms],
            "permissions": [{"user": "telltale", "vhost": room, **everything} for room in rooms],
        }
        (self._home / "definitions.json").write_text(json.dumps(definitions))
        lines = [f"listeners.tcp.1 = 127.0.0.1:{self._port}", f"load_definitions = {self._home}/definitions.json"]
        (self._home / "rabbitmq.conf").write_text("\n".join([*lines, ""]))
        milliseconds = int(self.consumer_timeout * 1000)
        advanced = f"{{consumer_timeout, {milliseconds}}}, {{channel_tick_interval, {min(60_000, milliseconds // 3)}}}"
        (self._home / "advanced.config").write_text(f"[{{rabbit, [{advanced}]}}].\n")
        (self._home / "plugins").write_text("[].\n")
        (self._home / "environment").write_text("")  # instead of the machine's own

    def _launch(self) -> None:
        mapper = str(_free_port())
        self._spawn(["epmd", "-port", mapper, "-address", "127.0.0.1"])
        self._wait(int(mapper), b"\x00\x01n", b"", 10)  # asks for the names of nodes
        home = str(self._home)
        self._spawn(
            ["/usr/lib/rabbitmq/bin/rabbitmq-server"],
            HOME=home,  # has the Erlang cookie
            ERL_EPMD_PORT=mapper,
            ERL_EPMD_ADDRESS="127.0.0.1",
            RABBITMQ_NODENAME=f"telltale{self._port}@localhost",
            RABBITMQ_DIST_PORT=str(_free_port()),
            RABBITMQ_MNESIA_BASE=f"{home}/data",
            RABBITMQ_LOG_BASE=f"{home}/log",
            RABBITMQ_LOGS="-",
            RABBITMQ_CONFIG_FILE=f"{home}/rabbitmq.conf",
            RABBITMQ_ADVANCED_CONFIG_FILE=f"{home}/advanced.config",
            RABBITMQ_CONF_ENV_FILE=f"{home}/environment",
            RABBITMQ_ENABLED_PLUGINS_FILE=f"{home}/plugins",
            RABBITMQ_PID_FILE=f"{home}/pid",
            RUNNING_UNDER_SYSTEMD="1",  # the script becomes the server instead of waiting for it
        )


BROKERS: dict[str, type[Broker]] = {"redis": Redis, "rabbitmq": RabbitMQ}


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _free_port() -> int:
    """Below the ports that systems give to clients, and tests to servers: one of those could take it meanwhile."""
    while True:
        port = 11_000 + secrets.randbelow(9_000)
        with socket.socket() as free, suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


def _answers(port: int, greeting: bytes, answer: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
            client.sendall(greeting)
            received = client.recv(16)
            return bool(received) and received.startswith(answer)
    except OSError:
        return False


def main(name: str, command: list[str]) -> int:
    """The command's exit status."""
    running: list[subprocess.Popen[bytes]] = []

    def terminated(*_: int | FrameType | None) -> None:
        if not running:
            sys.exit(128 + signal.SIGTERM)
        running[0].terminate()

    signal.signal(signal.SIGTERM, terminated)
    with tempfile.TemporaryDirectory(prefix="telltale-broker-", ignore_cleanup_errors=True) as home:
        broker = BROKERS[name](Path(home))
        try:
            broker.start()
            environment = {**os.environ, "CELERY_BROKER_URL": broker.url()}
            signal.signal(signal.SIGINT, lambda *_: None)  # the terminal gives it to the command, which then ends
            running.append(
                subprocess.Popen(
                    [sys.executable, *command],
                    env=environment,
                    preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509  calls prctl only, which takes no lock
                )
            )
            return running[0].wait()
        finally:
            broker.kill()


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in BROKERS:
        sys.exit(f"usage: python -m scripts.with_broker {'|'.join(BROKERS)} <python arguments>")
    try:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
    except BrokerError as error:
        sys.exit(f"\n*** {error}\n")
