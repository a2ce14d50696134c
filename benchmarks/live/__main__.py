"""`make bench-live`: what one server process on one core delivers to many sockets, beside Channels and a bare consumer.

Starts a PostgreSQL of its own (with fsync), pins the server to the first core, and gives the others to PostgreSQL, the
writer and the load generator. Sides take turns; a figure is the median of three rounds; each line is a ratio against a
named baseline of the same run. The exit status is 0 whatever it says.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator

from benchmarks.live.lines import GROUPS, ROWS, Effort, idle_lines, row_lines
from benchmarks.live.trial import staged
from benchmarks.sides import Line

QUICK, WHOLE = Effort(rounds=1, seconds=3.0, scale=0.2), Effort(rounds=3, seconds=10.0, scale=1.0)
_ACCOUNTS = 500  # so that none has many connections


def lines(groups: list[str], effort: Effort, generators: int) -> Iterator[Line]:
    """All measurements, as they are done."""
    with staged(generators, _ACCOUNTS) as stage:
        for group in groups:
            yield from idle_lines(stage, effort) if group == "idle" else row_lines(stage, ROWS[group], effort)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a fifth of the sockets, one short round: shows that it runs, decides nothing",
    )
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=GROUPS, metavar="GROUP", help=", ".join(GROUPS))
    parser.add_argument("--rounds", type=int, help="of each side; 3, or 1 with --quick")
    parser.add_argument("--generators", type=int, default=2, help="processes of the load generator")
    options = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 4:
        print("Fewer than 4 cores: PostgreSQL, writer and load generator get in each other's way.", file=sys.stderr)
    effort = QUICK if options.quick else WHOLE
    effort = effort._replace(rounds=options.rounds or effort.rounds)
    for line in lines(list(options.only), effort, options.generators):
        print(json.dumps(line._asdict()) if options.json else line.text(), flush=True)


if __name__ == "__main__":
    main()
