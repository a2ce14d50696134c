"""The walk is complete, ordered, continuable after any file, and survives what file systems really hold."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from examples import filetree


def test_a_walk_finds_every_file_once_and_can_continue_after_any_of_them(tmp_path: Path) -> None:
    for name in ["a.txt", "b/c.txt", "b/c/d.txt", "b/c-1.txt", "b c.txt", "é.txt", "z/y/x/w.txt", "b/.hidden"]:
        _write(tmp_path / name, name.encode())
    (tmp_path / "empty").mkdir()
    whole = [found.parts for found in filetree.walk(str(tmp_path))]
    assert sorted("/".join(parts) for parts in whole) == sorted(
        str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()
    )
    for index, parts in enumerate(whole):
        assert [found.parts for found in filetree.walk(str(tmp_path), parts)] == whole[index + 1 :]


def test_a_walk_goes_on_when_the_file_it_stopped_at_is_gone(tmp_path: Path) -> None:
    for number in range(10):
        _write(tmp_path / f"{number}", b"")
    (tmp_path / "4").unlink()
    assert [found.parts[0] for found in filetree.walk(str(tmp_path), ["4"])] == ["5", "6", "7", "8", "9"]


@pytest.mark.parametrize("root", ["/nowhere/at/all", "/etc/passwd"])
def test_a_root_that_is_no_directory_is_one_problem(root: str) -> None:
    found = list(filetree.walk(root))
    assert [one.parts for one in found] == [(".",)]
    assert found[0].problem in {"No such file or directory", "Not a directory"}


def test_links_and_pipes_are_left_alone_and_never_block(tmp_path: Path) -> None:
    _write(tmp_path / "real", b"content")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(tmp_path / "pipe")
    assert {found.parts[0]: found.regular for found in filetree.walk(str(tmp_path))} == {
        "link": False, "loop": False, "pipe": False, "real": True,
    }  # fmt: skip
    assert filetree.digest(str(tmp_path / "link")).problem == "Too many levels of symbolic links"
    assert filetree.digest(str(tmp_path / "pipe")).problem == "is no regular file any more"


def test_names_that_are_no_text_stay_different_and_storable(tmp_path: Path) -> None:
    names = [b"\xff", b"\\xff", b"\\\\xff", b"line\nfeed", b"\xed\xa0\x80"]
    for name in names:
        _write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)), name)
    found = list(filetree.walk(str(tmp_path)))
    visible = ["/".join(one.parts) for one in found]
    assert len(set(visible)) == len(names)
    assert all(name.encode() for name in visible)  # valid Unicode, no half surrogates
    assert {filetree.digest(one.path).sha256 for one in found} == {hashlib.sha256(name).hexdigest() for name in names}


def test_digests_are_those_of_sha256sum(tmp_path: Path) -> None:
    for size in (0, 1, 65_536, 300_000):
        _write(tmp_path / f"{size}.bin", os.urandom(size))
    printed = subprocess.run(
        ["sha256sum", *(str(path) for path in sorted(tmp_path.iterdir()))], capture_output=True, text=True, check=True
    ).stdout
    expected = {line.split("  ", 1)[1]: line.split("  ", 1)[0] for line in printed.splitlines()}
    for found in filetree.walk(str(tmp_path)):
        digest = filetree.digest(found.path)
        assert digest == filetree.Digest(os.path.getsize(found.path), expected[found.path])


def test_a_file_that_vanished_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    assert filetree.digest(str(tmp_path / "gone")).problem == "No such file or directory"


def test_a_directory_that_vanishes_under_the_walk_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    for name in ["a/1", "m/2", "z/3"]:
        _write(tmp_path / name, b"")
    walk = filetree.walk(str(tmp_path))
    assert next(walk).parts == ("a", "1")
    shutil.rmtree(tmp_path / "m")
    _write(tmp_path / "z" / "4", b"")  # comes in time
    found = [(one.parts, one.problem) for one in walk]
    assert found == [(("m",), "No such file or directory"), (("z", "3"), None), (("z", "4"), None)]


def test_a_file_that_is_written_to_meanwhile_is_called_changed(tmp_path: Path) -> None:
    path, done = tmp_path / "log", threading.Event()
    path.write_bytes(b"x" * 30_000_000)

    def write() -> None:
        with path.open("ab") as log:
            while not done.is_set():
                log.write(b"line\n")
                log.flush()
                done.wait(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        digest = filetree.digest(str(path))
    finally:
        done.set()
        writer.join()
    assert digest.changed
    assert not filetree.digest(str(path)).changed


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
