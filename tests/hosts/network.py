"""Hosts that are network namespaces at one switch. Nothing of it touches the network of the machine.

Links fail without a word: no RST, no ICMP, no answer to ARP that would tell anybody. So each host knows the others'
hardware addresses for good, as if a router were in between; what is cut vanishes, as behind a router that lost its way.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_NOWHERE = "02:00:00:00:00:ff"
_PREFIX = "telltale-hosts-"
APART = ["unshare", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child"]  # a name and process ids of its own


class NotPermitted(RuntimeError):
    """This account, or this system, may not make network namespaces; says why."""


def ip(*arguments: str) -> str:
    """Run `ip`. Raises NotPermitted."""
    try:
        done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise NotPermitted("there is no `ip` (apt-get install iproute2)") from None
    if done.returncode:
        raise NotPermitted(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


class Network:
    """Namespaces with an address each, 10.213.7.1 and up. `remove` in any case."""

    def __init__(self, hosts: list[str]) -> None:
        self._prefix = f"{_PREFIX}{os.getpid()}-"
        self._numbers = {host: number for number, host in enumerate(hosts, 1)}
        self._switch = f"{self._prefix}switch"

    def make(self) -> None:
        """Make everything; first remove what a killed run left behind. Raises NotPermitted."""
        _remove([name for name in _existing() if not Path(f"/proc/{_owner(name)}").exists()])
        ip("netns", "add", self._switch)
        ip("netns", "exec", self._switch, *APART, "true")
        ip("-n", self._switch, "link", "add", "bridge", "type", "bridge", "forward_delay", "0")
        ip("-n", self._switch, "link", "set", "bridge", "up")
        for host, number in self._numbers.items():
            namespace = self.namespace(host)
            ip("netns", "add", namespace)
            ip("-n", self._switch, "link", "add", host, "type", "veth", "peer", "name", "net", "netns", namespace)
            ip("-n", self._switch, "link", "set", host, "master", "bridge", "up")
            ip("-n", namespace, "link", "set", "net", "address", self._hardware(number))
            ip("-n", namespace, "address", "add", f"{self.address(host)}/24", "dev", "net")
            ip("-n", namespace, "link", "set", "lo", "up")
            ip("-n", namespace, "link", "set", "net", "up")
        for host in self._numbers:
            for other in set(self._numbers) - {host}:
                self._direct(host, other, self._hardware(self._numbers[other]))

    def remove(self) -> None:
        """Kill what runs in it, and take it away."""
        if shutil.which("ip"):
            _remove([name for name in _existing() if name.startswith(self._prefix)])

    def address(self, host: str) -> str:
        """Of a host."""
        return f"10.213.7.{self._numbers[host]}"

    def namespace(self, host: str) -> str:
        """As `ip` calls it."""
        return self._prefix + host

    def enter(self, host: str) -> None:
        """The calling thread makes its connections from this host from now on."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/run/netns/{self.namespace(host)}").open() as namespace:
            if libc.setns(namespace.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"{host} cannot be entered")

    def cut(self, host: str) -> None:
        """From now on nothing reaches this host, and nothing leaves it. It does not notice: its link stays up."""
        for other in set(self._numbers) - {host}:
            self.part(host, other)

    def join(self, host: str) -> None:
        """The end of `cut`."""
        for other in set(self._numbers) - {host}:
            self.unite(host, other)

    def part(self, one: str, other: str) -> None:
        """These two do not reach each other any more; everybody else reaches both."""
        self._direct(one, other, _NOWHERE)
        self._direct(other, one, _NOWHERE)

    def unite(self, one: str, other: str) -> None:
        """The end of `part`."""
        self._direct(one, other, self._hardware(self._numbers[other]))
        self._direct(other, one, self._hardware(self._numbers[one]))

    def _direct(self, host: str, other: str, hardware: str) -> None:
        where = [self.address(other), "lladdr", hardware, "dev", "net", "nud", "permanent"]
        ip("-n", self.namespace(host), "neighbour", "replace", *where)

    @staticmethod
    def _hardware(number: int) -> str:
        return f"02:00:00:00:00:{number:02x}"


def _existing() -> list[str]:
    names = [line.split()[0] for line in ip("netns", "list").splitlines() if line]
    return [name for name in names if name.startswith(_PREFIX)]


def _owner(namespace: str) -> str:
    return namespace.removeprefix(_PREFIX).partition("-")[0]


def _remove(namespaces: list[str]) -> None:
    for namespace in namespaces:
        deadline = time.monotonic() + 30
        while pids := ip("netns", "pids", namespace).split():
            if str(os.getpid()) in pids or time.monotonic() > deadline:
                break
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.05)  # the kernel takes its time with dead processes
        ip("netns", "delete", namespace)
