"""`make big-data`: a database with a million workflows and ten million events; `make big-data-check`: what pages cost.

The data set goes into the database of DATABASE_URL, or into an embedded one under `.big-data`, or under TELLTALE_HOME.
The same seed makes the same data. `check` asks for every page, filter and list, prints what each costs, and ends with
status 1 where a statement scans or counts a large table, or reads far more rows than a page shows; never for slowness,
which depends on the machine.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime

from benchmarks.bigdata import place


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bigdata", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    filling = verbs.add_parser("fill", help="make the data set")
    filling.add_argument("--workflows", type=int, default=1_000_000)
    filling.add_argument("--events", type=int, default=10_000_000)
    filling.add_argument("--seed", type=int, default=1)
    filling.add_argument("--until", type=datetime.fromisoformat, help="when the newest was created; default: now")
    filling.add_argument("--beside", action="store_true", help="fill a database that has other workflows, too")
    filling.add_argument("--again", action="store_true", help="make it anew although it is there")
    checking = verbs.add_parser("check", help="ask for every page, and judge")
    checking.add_argument("--repeat", type=int, default=20, help="how often each is asked for, besides once unmeasured")
    checking.add_argument("--only", default="", help="requests whose name contains this")
    checking.add_argument("--json", action="store_true", help="one JSON object per line")
    verbs.add_parser("remove", help="delete the embedded database")
    options = parser.parse_args()
    if options.verb == "remove":
        print(place.remove())
        return 0
    with place.database() as home:
        if options.verb == "fill":
            return _fill(options)
        from benchmarks.bigdata import check  # models are loaded once Django is set up

        return check.run(home, repeat=options.repeat, only=options.only, as_json=options.json)


def _fill(options: argparse.Namespace) -> int:
    from django.db import connection  # models are loaded once Django is set up

    from benchmarks.bigdata import fill

    until = (options.until or datetime.now(UTC)).astimezone(UTC)
    size = fill.Size(options.workflows, options.events, options.seed, until)
    there = fill.about()
    if there is not None and not options.again:
        same = all(there[name] == getattr(size, name) for name in ("workflows", "events", "seed"))
        print(f"There is a data set of {there['workflows']:,} workflows and {there['events']:,} events already"
              + ("." if same else "; say FILL=--again to replace it."))  # fmt: skip
        return 0 if same else 1
    try:
        fill.fill(size, beside=options.beside)
    except fill.Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    print(f"{size.workflows:,} workflows and {size.events:,} events: {place.size_of_database()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
