"""What children of the pool say to each other stays apart, also when one is killed in the middle of a message."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from config.pool import packets
from tests.processes import ROOT
from tests.wait import PATIENCE

LONG = 150_000  # bytes: three packets


def test_messages_of_any_length_arrive_whole() -> None:
    reader, writer = packets()
    for message in ("", "short", {"content": "x" * LONG}, None):
        writer.send(message)
        assert reader.recv() == message
    assert not reader.poll(0)


@pytest.mark.parametrize("taken", [1, 2])
def test_what_a_dead_reader_left_of_a_message_is_passed_over(taken: int) -> None:
    reader, writer = packets()
    writer.send_bytes(b"x" * LONG)
    for _ in range(taken):
        os.read(reader.fileno(), 100_000)
    writer.send("next")
    assert reader.recv() == "next"


def test_a_message_whose_writer_died_is_passed_over() -> None:
    reader, writer = packets()
    writer.send_bytes(b"x" * LONG)
    begun = os.read(reader.fileno(), 100_000)
    while reader.poll(0):
        os.read(reader.fileno(), 100_000)
    os.write(writer.fileno(), begun)
    writer.send_bytes(b"y" * LONG)
    assert reader.recv_bytes() == b"y" * LONG


def test_the_end_of_all_writers_is_the_end() -> None:
    reader, writer = packets()
    writer.close()
    with pytest.raises(EOFError):
        reader.recv()


def test_what_a_killed_child_took_is_accepted_as_lost_and_the_pool_goes_on() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.taken_along"], cwd=ROOT, capture_output=True, text=True, timeout=4 * PATIENCE
    )
    assert (told.returncode, told.stdout.split()) == (0, ["lost", "lost", "lost", "3", "4"]), told.stderr
