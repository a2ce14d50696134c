"""What one request cost, and whether it may cost that."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.bigdata.plans import Statement
from benchmarks.bigdata.requests import Asked

BAR = 100.0  # ms, of the 95th percentile
BAR_OF_WHOLE = 1_000.0  # ms, of what is about the whole history of one workflow
MOST_ROWS = 20_000  # that one request may read of large tables
MOST_ROWS_OF_WHOLE = 500_000
MOST_STATEMENTS = 40
_SHOWN = 400  # characters of a statement
HEAD = (
    f"{'request':<78} {'p50 ms':>8} {'p95 ms':>8} {'of bar':>6} {'stmts':>5} {'rows':>8} {'KB':>7}  verdict\n"
    f"{'':<78} bar: {BAR:g} ms; {BAR_OF_WHOLE:g} ms for all of one long workflow. rows: read of large tables."
)


@dataclass
class Result:
    """What one request cost. `wrong`: what must not be; `times`: ms."""

    asked: Asked
    statements: int = 0
    rows: int = 0
    bytes: int = 0
    wrong: set[str] = field(default_factory=set)
    times: list[float] = field(default_factory=list)

    @property
    def p50(self) -> float:
        """ms."""
        return statistics.median(self.times) if self.times else 0.0

    @property
    def p95(self) -> float:
        """ms."""
        return sorted(self.times)[min(len(self.times) - 1, int(len(self.times) * 0.95))] if self.times else 0.0

    @property
    def bar(self) -> float:
        """ms."""
        return BAR_OF_WHOLE if self.asked.whole else BAR

    def text(self) -> str:
        """As a row."""
        verdict = "; ".join(sorted(self.wrong)) or ("ok" if self.p95 <= self.bar else "short")
        costs = f"{self.p50:>8.1f} {self.p95:>8.1f} {self.p95 / self.bar:>6.2f} {self.statements:>5} {self.rows:>8,}"
        return f"{self.asked.name[:78]:<78} {costs} {self.bytes / 1024:>7,.0f}  {verdict}"

    def look(self, status: int, statements: Sequence[Statement], *, most_rows: int = MOST_ROWS) -> None:
        """Take note of what an answer took, and of what is wrong with that."""
        rows = sum(one.rows for one in statements)
        self.statements, self.rows = max(self.statements, len(statements)), max(self.rows, rows)
        if status not in (200, 204):
            self.wrong.add(f"answered {status}")
        for one in statements:
            self.wrong |= {f"COUNT over {table}: {_line(one)}" for table in one.counted}
            self.wrong |= {f"SCAN of {table}: {_line(one)}" for table in one.scanned}
        if rows > (MOST_ROWS_OF_WHOLE if self.asked.whole else most_rows):
            self.wrong.add(f"{rows:,} ROWS: {_line(max(statements, key=lambda one: one.rows))}")
        if len(statements) > MOST_STATEMENTS:
            often, times = Counter(map(_line, statements)).most_common(1)[0]
            self.wrong.add(f"{len(statements)} STATEMENTS, {times} times {often}")


def _line(statement: Statement) -> str:
    return " ".join(statement.text.split())[:_SHOWN]
