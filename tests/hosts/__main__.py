"""`python -m tests.hosts`: several hosts, and links between them that fail without a word. Exit status 1 when a promise
is broken; 3 when there can be no network namespaces here, which is no failure of `make hosts`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.hosts.network import NotPermitted
from tests.hosts.world import World


def main() -> int:
    """The exit status."""
    home = Path(tempfile.mkdtemp(prefix="telltale-hosts-"))
    home.chmod(0o711)
    world = World(home)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(2))
    kept = True
    try:
        world.network.make()
        _play(world)
        kept = False
        return 0
    except NotPermitted as error:
        kept = False
        print(f"NOT TRIED: this needs root and network namespaces on Linux: {error}", file=sys.stderr)
        return 3
    except AssertionError as error:
        print(f"BROKEN PROMISE: {error}", file=sys.stderr)
        return 1
    finally:
        world.end()
        if kept:
            print(f"logs are kept in {home}", file=sys.stderr)
        else:
            shutil.rmtree(home, ignore_errors=True)


def _play(world: World) -> None:
    world.start_database()
    os.environ.update(world.environment(world.local_url))
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from tests.hosts.scenario import WORKERS, Scenario, workers_are_known  # models need django.setup()
    from tests.wait import until
    from workflows.listener import listener

    world.start_web()
    for worker in WORKERS:
        world.start_worker(worker)
    ready = lambda: all(" ready." in world.said(worker) for worker in WORKERS)  # noqa: E731
    until(lambda: ready() and workers_are_known(), within=120, what="the workers are ready")
    try:
        Scenario(world).play()
    finally:
        listener().stop()


if __name__ == "__main__":
    sys.exit(main())
