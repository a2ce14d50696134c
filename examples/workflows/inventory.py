"""Take stock of a directory: hash every file in batches and find the duplicates, across any number of crashes.

Each batch is a step that continues the walk after the last file of the batch before it. So no step's result grows with
the tree, a killed worker repeats at most one batch, and the report is the same as if nothing had happened.
"""

from __future__ import annotations

import hashlib
import json
import sysconfig
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from examples import filetree
from workflows.durable import set_event, step, track, workflow

BATCH_MAX_CHARS = 256 * 1024  # a step's result may be 1 MiB; long paths end a batch early
MOST_SHOWN = 20  # examples listed in the report; the counts are complete
PATH_MAX_SHOWN = 300

Entry = list[Any]  # [path, bytes, sha256 or None, problem or None], the stored form of one file


@workflow(keys={"phase": "public", "progress": "public", "files": "public"})
def inventory(root: str = sysconfig.get_path("stdlib"), batch_size: int = 200) -> dict[str, Any]:
    """Hash every file below a directory and report how many there are, how large, and which have equal content."""
    if not isinstance(root, str):  # a number would be taken for a file descriptor of the worker
        raise TypeError(f"root is {root!r}; it is the path of a directory, as text.")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; a batch has at least one file.")
    set_event("phase", "counting")
    expected = count_files(root)
    set_event("phase", "hashing")
    stock = Stock()
    for entry in track(hashed(root, batch_size), "hashing", total=expected["files"]):
        stock.add(*entry)
    set_event("files", stock.files)
    set_event("phase", "done")
    return {"root": root, "counted_before": expected["files"], **stock.report()}


@step
def count_files(root: str) -> dict[str, int]:
    """How many files there are to expect, for the progress bar."""
    found = track(filetree.walk(root), "counting")
    return {"files": sum(one.regular or one.problem is not None for one in found)}


def hashed(root: str, batch_size: int) -> Iterator[Entry]:
    """Every file with its digest, batch after batch."""
    after: list[str] = []
    files = 0
    while True:
        batch = hash_batch(root, after, batch_size)
        yield from batch["entries"]
        files += len(batch["entries"])
        set_event("files", files)
        after = batch["last"]
        if not batch["more"]:
            return


@step(attempts=3)
def hash_batch(root: str, after: list[str], batch_size: int) -> dict[str, Any]:
    """Hash the next files after a path; `more` says whether the walk was cut off, `last` where."""
    began = time.monotonic()
    entries: list[Entry] = []
    last, more, chars = after, False, 0
    for found in filetree.walk(root, after):
        if len(entries) == batch_size or chars >= BATCH_MAX_CHARS:
            more = True
            break
        last = list(found.parts)
        entry = _entry(found)
        if entry is not None:
            entries.append(entry)
            chars += len(json.dumps(entry))
    elapsed = time.monotonic() - began
    set_event("bytes_per_second", round(sum(entry[1] for entry in entries) / max(elapsed, 1e-6)))
    return {"entries": entries, "last": last, "more": more}


def _entry(found: filetree.Found) -> Entry | None:
    path = "/".join(found.parts)
    if found.problem is not None:
        return [path, 0, None, found.problem]
    if not found.regular:
        return None
    digest = filetree.digest(found.path)
    return [path, digest.size, digest.sha256, "changed while it was read" if digest.changed else digest.problem]


class Copies(NamedTuple):
    """Files of equal content."""

    size: int
    paths: list[str]


class Stock:
    """What was found so far. Rebuilt from the recorded batches on every execution."""

    def __init__(self) -> None:
        self.files = self.bytes = 0
        self._by_digest: dict[str, Copies] = {}
        self._problems: list[tuple[str, str]] = []
        self._listing = hashlib.sha256()

    def add(self, path: str, size: int, sha256: str | None, problem: str | None) -> None:
        """Count one file. One that could not be read in peace is reported, and compared with nothing."""
        if problem is not None or sha256 is None:
            self._problems.append((path, problem or "not read"))
            return
        self.files += 1
        self.bytes += size
        self._by_digest.setdefault(sha256, Copies(size, [])).paths.append(path)
        self._listing.update(f"{sha256}  {path}\n".encode())

    def report(self) -> dict[str, Any]:
        """The result of the workflow. `digest` is the SHA-256 of the list that `sha256sum` would print."""
        groups = [(sha256, copies) for sha256, copies in self._by_digest.items() if len(copies.paths) > 1]
        groups.sort(key=lambda group: (-_wasted(group[1]), group[0]))
        return {
            "files": self.files,
            "bytes": self.bytes,
            "digest": self._listing.hexdigest(),
            "duplicate_groups": len(groups),
            "duplicate_files": sum(len(copies.paths) - 1 for _, copies in groups),
            "duplicate_bytes": sum(_wasted(copies) for _, copies in groups),
            "largest_duplicates": [_shown_group(sha256, copies) for sha256, copies in groups[:MOST_SHOWN]],
            "unreadable_files": len(self._problems),
            "unreadable": [[path[:PATH_MAX_SHOWN], problem] for path, problem in self._problems[:MOST_SHOWN]],
        }


def _wasted(copies: Copies) -> int:
    return copies.size * (len(copies.paths) - 1)


def _shown_group(sha256: str, copies: Copies) -> dict[str, Any]:
    paths = [path[:PATH_MAX_SHOWN] for path in copies.paths[:MOST_SHOWN]]
    return {"sha256": sha256, "bytes": copies.size, "copies": len(copies.paths), "paths": paths}
