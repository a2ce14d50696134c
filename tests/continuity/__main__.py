"""`python -m tests.continuity --minutes 5 --seed 7`: does every page see every event once and in order? Status 1: no.

Writers publish; pages watch by WebSocket, Server-Sent Events and polling, from a server that hears hints and from one
that does not; sockets, listening connections, web processes, writers and PostgreSQL are killed, cut and frozen at
random. In the end each page's log must be the database's history, and its fold the database's state.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.continuity.world import LiveWorld


def main() -> int:
    """The exit status."""
    options = _options()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    print(f"SEED={seed}", flush=True)
    home = Path(tempfile.mkdtemp(prefix="telltale-continuity-"))
    home.chmod(0o711)
    chance = random.Random(seed)
    world = LiveWorld(home, chance)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(2))
    kept = True
    try:
        kept = _play(world, chance, options)
        return int(kept)
    finally:
        world.end()
        if kept:
            print(f"logs are kept in {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.continuity", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="how long faults are injected")
    parser.add_argument("--seed", type=int, help="of everything random; default: a new one, printed")
    parser.add_argument("--settle", type=float, default=60.0, help="seconds in which everybody must have caught up")
    parser.add_argument("--workflows", type=int, default=6, help="how many workflows publish at the same time")
    parser.add_argument("--carriers", nargs="+", default=["socket", "stream", "polling"], help="by which pages watch")
    parser.add_argument("--gap", type=float, default=1.0, help="mean seconds between two faults")
    parser.add_argument("--only", default="", help="inject only faults whose name has this text")
    return parser.parse_args()


def _play(world: LiveWorld, chance: random.Random, options: argparse.Namespace) -> bool:
    """Whether anything was wrong."""
    world.start_database()
    os.environ.update(world.environment())
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from tests.chaos.weather import Weather
    from tests.continuity.faults import FAULTS
    from tests.continuity.round import Round, report  # models need django.setup()

    world.start_servers()
    weather = Weather(world, chance, [one for one in FAULTS if options.only in one.name], gap=options.gap)
    played = Round(world, chance, options.carriers, options.workflows)
    played.begin(latest=options.minutes * 40)
    weather.rage(options.minutes * 60)
    settled = played.settle(options.settle)
    violations = list(played.violations())
    report(played, weather, settled, violations)
    return bool(violations)


if __name__ == "__main__":
    sys.exit(main())
