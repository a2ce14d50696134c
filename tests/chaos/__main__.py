"""`python -m tests.chaos --minutes 30 --seed 7`: a storm, its calm, and a verdict. Exit status 1 on any violation."""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.chaos.disk import mounted
from tests.chaos.world import World

_QUEUES = [
    ["default", "storm-limited", "storm-keyed"],
    ["default", "storm-limited", "storm-rated"],
    ["default", "storm-keyed", "storm-single"],
    ["default", "storm-limited", "storm-keyed", "storm-single", "storm-rated"],
]
_DISK = 512 * 1024**2


def main() -> int:
    """The exit status."""
    options = _options()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(2**32)
    print(f"SEED={seed}", flush=True)
    home = Path(tempfile.mkdtemp(prefix="telltale-chaos-"))
    home.chmod(0o711)
    chance = random.Random(seed)
    world = World(home, chance, mounted(home / "disk", size=_DISK))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(2))
    kept = True
    try:
        kept = bool(_storm(world, chance, options))
        return int(kept)
    finally:
        world.end()
        if kept:
            print(f"logs are kept in {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long faults are injected")
    parser.add_argument("--seed", type=int, help="of everything random; default: a new one, printed")
    parser.add_argument("--settle", type=float, default=90.0, help="seconds in which everything must have ended")
    parser.add_argument("--active", type=int, default=40, help="how many workflows are kept active")
    parser.add_argument("--gap", type=float, default=1.0, help="mean seconds between two faults")
    parser.add_argument("--only", default="", help="inject only faults whose name has this text")
    return parser.parse_args()


def _storm(world: World, chance: random.Random, options: argparse.Namespace) -> int:
    world.start_database()
    os.environ.update(world.environment())
    _prepare(world)
    from tests.chaos.faults import FAULTS
    from tests.chaos.load import Load  # Django's settings are read only now that the database is there
    from tests.chaos.storm import Storm

    world.start_workers(_QUEUES)
    chosen = [fault for fault in FAULTS if options.only in fault.name]
    storm = Storm(world, chance, chosen, gap=options.gap)
    load = Load(random.Random(chance.random()), target=options.active)
    load.start()
    world.pause(5)
    storm.rage(options.minutes * 60)
    settled = storm.settle(load, options.settle)
    storm.probe()
    storm.judge(load, options.settle)
    _report(storm, load, settled)
    return 1 if storm.violations else 0


def _prepare(world: World) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from tests.chaos import limits, timetable

    limits.impose()
    timetable.begin()
    if world.disk is not None:
        account = world.postgres.account
        space = world.disk.directory / "space"
        space.mkdir(mode=0o700)
        if account is not None:
            os.chown(space, account.pw_uid, account.pw_gid)
        with world.connect() as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{space}'")
            for table in ("event", "value"):
                connection.execute(f"ALTER TABLE workflows_{table} SET TABLESPACE small")


def _report(storm: Any, load: Any, settled: float) -> None:
    from tests.chaos import oracle

    _table("faults injected", storm.injected)
    _table("faults not injected", storm.skipped)
    _table("workflows by kind", Counter(one.kind for one in load.started))
    _table("errors that callers saw", load.refused)
    for process in storm.world.processes():
        _table(f"exits of {process.name}", process.exits)
    print(f"settled after {settled:.1f} s; {len(storm.revived)} innocent workflows were resumed from quarantine")
    for sentence in storm.violations:
        print(f"VIOLATION: {sentence}")
    offenders = {sentence.split(":")[0].removeprefix("not settled") for sentence in storm.violations}
    for one in [one for one in load.started if one.id in offenders][:10]:
        print(f"history of {one.id}:\n    {oracle.told(one.id, storm.world.bodies)}")
    faults, workflows = sum(storm.injected.values()), len(load.started)
    verdict = f"{len(storm.violations)} VIOLATIONS" if storm.violations else "no violation"
    print(f"{time.strftime('%H:%M:%S')} {workflows} workflows, {faults} faults: {verdict}", flush=True)


def _table(title: str, counts: Counter[str]) -> None:
    if counts:
        print(f"{title}:")
        for name, count in sorted(counts.items()):
            print(f"  {count:6} {name}")


if __name__ == "__main__":
    sys.exit(main())
