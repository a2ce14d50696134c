"""Files below a directory, in an order that can be continued after any of them, and their digests. Pure of workflows.

Order is by the parts of the path, each in its visible form. A walk that continues after a path reads only the
directories on the way to it, so a large tree can be worked off in batches without ever holding a list of it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Found(NamedTuple):
    """One thing below the root that is not a readable directory.

    `parts` is its visible path below the root, `path` opens it. `problem` says why a directory could not be listed;
    `regular` is false for links, sockets and the like, which are left alone.
    """

    parts: tuple[str, ...]
    path: str
    regular: bool = False
    problem: str | None = None


class Digest(NamedTuple):
    """What was read of a file: bytes and SHA-256, or why not. `changed`: it was written to meanwhile."""

    size: int
    sha256: str | None = None
    problem: str | None = None
    changed: bool = False


def walk(root: str, after: Sequence[str] = ()) -> Iterator[Found]:
    """Everything below the root except listable directories, in order, beginning after a found thing's `parts`."""
    resume = tuple(after)
    pending = [_entries(root, (), resume)]
    while pending:
        entry = next(pending[-1], None)
        if entry is None:
            pending.pop()
        elif isinstance(entry, Found):
            yield entry
        else:
            parts, path = entry
            pending.append(_entries(path, parts, resume))


def _entries(
    path: str, parts: tuple[str, ...], resume: tuple[str, ...]
) -> Iterator[Found | tuple[tuple[str, ...], str]]:
    """The content of one directory: things found, and (parts, path) of directories, beginning where to resume."""
    depth = len(parts)
    first = resume[depth] if depth < len(resume) and resume[:depth] == parts else ""
    try:
        with os.scandir(path) as found:
            listed = sorted(((visible(entry.name), entry) for entry in found), key=lambda pair: pair[0])
    except OSError as error:
        yield Found(parts or (".",), path, problem=reason(error))
        return
    for name, entry in listed:
        done_before = name < first or (name == first and len(resume) == depth + 1)
        if not done_before:
            yield _entry(entry, (*parts, name))


def _entry(entry: os.DirEntry[str], parts: tuple[str, ...]) -> Found | tuple[tuple[str, ...], str]:
    try:
        if entry.is_dir(follow_symlinks=False):
            return parts, entry.path
        return Found(parts, entry.path, regular=entry.is_file(follow_symlinks=False))
    except OSError as error:
        return Found(parts, entry.path, problem=reason(error))


def visible(name: str) -> str:
    """A file's name as text that can be stored: bytes that are no UTF-8 as `\\xNN`, and a backslash doubled."""
    return os.fsencode(name.replace("\\", "\\\\")).decode("utf-8", "backslashreplace")


def digest(path: str) -> Digest:
    """Read one regular file. Never blocks on a pipe and never follows a link that took the file's place."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as file:
            before = os.fstat(descriptor)
            if not stat.S_ISREG(before.st_mode):
                return Digest(0, problem="is no regular file any more")
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            after, size = os.fstat(descriptor), file.tell()
    except OSError as error:
        return Digest(0, problem=reason(error))
    changed = (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns)
    return Digest(size, sha256, changed=changed)


def reason(error: OSError) -> str:
    """The system's words for what went wrong, without the path."""
    return error.strerror or type(error).__name__
