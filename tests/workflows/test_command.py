"""`manage.py workflow` as people and scripts use it: what it prints, how it exits, and what it never lets through."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import select
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests import processes
from tests.definitions import SWITCH, catching, doubling, listening, switching
from tests.execution import run
from tests.processes import Shell
from tests.wait import PATIENCE, until
from workflows import operations
from workflows.durable import Status, retrieve, set_event
from workflows.management import arguments, terminal

HOSTILE = "\x1b]0;owned\x07\x1b[2J\r\u202egnp.exe\x9b31m\u2028"


def workflow(*words: str) -> str:
    """What the command prints."""
    out = io.StringIO()
    call_command("workflow", *words, stdout=out)
    return out.getvalue()


def refused(*words: str) -> tuple[int, str]:
    """The exit code and the message of a command that fails."""
    with pytest.raises(CommandError) as caught:
        workflow(*words)
    return caught.value.returncode, str(caught.value)


def answer(*words: str) -> Any:
    """What the command prints with --json."""
    return json.loads(workflow(*words, "--json"))


def test_options_may_stand_anywhere_among_the_words(db: None) -> None:
    assert workflow("start", "listening", "topic=news", "--id", "l-1", "timeout=1.5") == "l-1\n"
    assert workflow("start", "--id", "l-2", "listening", "--queue", "slow", "topic=news") == "l-2\n"
    assert _input("l-1")["kwargs"] == {"topic": "news", "timeout": 1.5}
    workflow("cancel", "l-1", "--reason", "no news", "l-2")
    assert [retrieve(workflow_id).status() for workflow_id in ("l-1", "l-2")] == [Status.CANCELLED] * 2


def test_help_says_what_the_exit_codes_mean(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        workflow("--help")
    assert "Exit codes: 0 done; 1 the workflow failed" in capsys.readouterr().out


def test_a_waiting_or_stuck_workflow_says_what_for(transactional_db: None) -> None:
    handle = listening.using(workflow_id="l-1").start("news")
    assert "No worker lives. Start one" in workflow("show", "l-1")
    run(handle)
    assert "waits for message 'news'" in workflow("list")
    assert "waits for message 'news'" in workflow("show", "l-1")


def test_start_takes_pairs_and_json_and_prints_the_id(db: None) -> None:
    workflow_id = workflow("start", "listening", "topic=news", "timeout=1.5").strip()
    assert _input(workflow_id) == {"args": [], "kwargs": {"topic": "news", "timeout": 1.5}}
    by_json = answer("start", "doubling", "--input", '{"numbers": [1, 2]}', "--id", "d-1")
    assert by_json == {"id": "d-1", "status": "queued"}
    assert _input("d-1")["kwargs"] == {"numbers": [1, 2]}
    answer("start", "doubling", "--input", "[[3]]", "--id", "d-2", "--queue", "slow")
    assert _input("d-2") == {"args": [[3]], "kwargs": {}}
    assert answer("show", "d-2")["state"]["workflow"]["queue"] == "slow"
    assert answer("show", "d-2")["created_by"].endswith("(shell)")


def _input(workflow_id: str) -> Any:
    return answer("show", workflow_id)["input"]


def test_starting_an_id_twice_is_one_workflow_and_other_input_is_refused(db: None) -> None:
    for _ in range(2):
        assert workflow("start", "listening", "topic=a", "--id", "once") == "once\n"
    code, message = refused("start", "listening", "topic=b", "--id", "once")
    assert code == 1
    assert "exists already, with other input" in message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["start", "nothing"], "No definition is named 'nothing'"),
        (["start", "listening"], "missing a required argument: 'topic'"),
        (["start", "listening", "topic=a", "tpoic=b"], "unexpected keyword argument 'tpoic'"),
        (["start", "listening", "topic=a", "--input", '{"topic": 1}'], "'topic' is given twice"),
        (["start", "listening", "topic=a", "--id", "a b"], "only visible characters"),
        (["start", "listening", "topic=NaN"], "NaN, Infinity"),
        (["start", "listening", "topic"], "is not key=value"),
        (["start", "listening", "--input", "{"], "this is not JSON"),
        (["start", "listening", "--input", "3"], "JSON object"),
        (["list", "--before", "yesterday"], "no cursor"),
        (["list", "--limit", "1000000"], "not a number from 1 to 1000"),
        (["list", "--status", "sleeping"], "invalid choice"),
        (["watch", "x", "--timeout", "-1"], "not a number of seconds"),
        (["show", "unknown"], "There is no workflow 'unknown'"),
        (["watch", "unknown"], "There is no workflow 'unknown'"),
        (["cancel", "unknown"], "There is no workflow 'unknown'"),
        (["send", "unknown", "topic", "1"], "There is no workflow 'unknown'"),
    ],
)
def test_bad_usage_exits_with_2_says_why_and_starts_nothing(db: None, words: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=re.escape(message)) as caught:
        workflow(*words)
    # argparse's own errors carry their code only at the shell, see below.
    assert caught.value.returncode == 2 or "Error: " in str(caught.value)
    assert answer("list")["workflows"] == []


def test_list_pages_filters_and_searches(db: None) -> None:
    for number in range(5):
        workflow("start", "listening", "topic=a", "--id", f"l-{number}")
    workflow("cancel", "l-3")
    first = answer("list", "--limit", "2")
    assert [row["id"] for row in first["workflows"]] == ["l-4", "l-3"]
    second = answer("list", "--limit", "3", "--before", first["older"])
    assert [row["id"] for row in second["workflows"]] == ["l-2", "l-1", "l-0"]
    assert second["older"] is None
    assert [row["id"] for row in answer("list", "--status", "cancelled")["workflows"]] == ["l-3"]
    assert [row["id"] for row in answer("list", "--search", "l-1")["workflows"]] == ["l-1"]
    assert answer("list", "--definition", "other")["workflows"] == []
    printed = workflow("list", "--limit", "2")
    assert "⊘ cancelled" in printed
    assert f"--before '{first['older']}'" in printed
    assert workflow("list", "--definition", "other") == "No workflow matches.\n"


def test_show_tells_the_whole_story(db: None) -> None:
    handle = doubling.using(workflow_id="story").start([1, 2])
    run(handle)
    printed = workflow("show", "story")
    for words in ("✓ succeeded", "Input", "Values", 'phase = "end"', "double", "step_succeeded", "Output", "4"):
        assert words in printed
    document = answer("show", "story", "--events", "3")
    assert document["output"] == [2, 4]
    assert document["state"]["workflow"]["status"] == "succeeded"
    assert [event[2] for event in document["events"]][-1] == "succeeded"
    assert len(document["events"]) == 3


def test_show_prints_the_error_of_a_failed_workflow(db: None) -> None:
    SWITCH["body"] = _fail
    handle = switching.start()
    run(handle)
    printed = workflow("show", handle.id)
    assert "ZeroDivisionError: division by zero" in printed
    assert "1 / 0" in printed


def _fail() -> Any:
    return 1 / 0


def test_cancel_and_send_do_what_they_say(db: None) -> None:
    handle = listening.using(workflow_id="c").start("news")
    assert workflow("send", "c", "news", '{"a": 1}', "--idempotency-key", "k").startswith("Message ")
    first = answer("send", "c", "news", "ignored", "--idempotency-key", "k")
    assert first["id"] == "c"
    run(handle)
    assert handle.result() == {"a": 1}
    other = listening.using(workflow_id="d").start("news")
    assert workflow("cancel", "d", "--reason", "changed my mind") == "d is cancelled.\n"
    assert list(other.history())[-1].data["reason"] == "changed my mind"
    assert refused("cancel", "d")[0] == 1
    assert refused("send", "d", "news", "1")[0] == 1


def test_hostile_text_never_reaches_the_terminal_as_a_command(db: None) -> None:
    handle = switching.using(workflow_id="hostile").start()

    def body() -> Any:
        set_event("key\u202e", {HOSTILE: HOSTILE})
        set_event("progress", {"done": 10**14, "total": 1, "label": HOSTILE, "rate": 1e300})
        set_event("phase", HOSTILE)
        raise ValueError(HOSTILE)

    SWITCH["body"] = body
    run(handle)
    operations.start("listening", args=[HOSTILE], workflow_id="asked\u0301", by=HOSTILE)
    for words in (
        ["list"],
        ["show", "hostile"],
        ["show", "asked\u0301"],
        ["list", "--json"],
        ["show", "hostile", "--json"],
    ):
        printed = workflow(*words)
        assert not [c for c in printed if c != "\n" and (ord(c) < 32 or c in "\x7f\x9b\u202e\u2028")], words
    assert "\\x1b]0;owned" in workflow("show", "hostile")
    with pytest.raises(CommandError) as caught:
        workflow("show", HOSTILE)
    assert "\x1b" not in str(caught.value)


def test_watch_prints_what_was_and_exits_as_the_workflow_ended(db: None) -> None:
    good, bad = catching.using(workflow_id="good").start(), listening.using(workflow_id="bad").start("t")
    run(good)
    assert "✓ succeeded" in workflow("watch", "good")
    operations.cancel(bad.id)
    with pytest.raises(SystemExit) as exit:
        workflow("watch", "bad")
    assert exit.value.code == 1


@pytest.mark.django_db(transaction=True)
def test_watch_gives_up_with_3_and_leaves_the_workflow_alone() -> None:
    listening.using(workflow_id="slow").start("t")
    code, message = refused("watch", "slow", "--timeout", "0.2")
    assert code == 3
    assert "still going on after 0.2 s" in message
    assert retrieve("slow").status() == Status.QUEUED


@pytest.mark.django_db(transaction=True)
def test_a_script_starts_watches_and_reads_one_json_line_per_event(worker: processes.Worker) -> None:
    shell = Shell(
        "start", "doubling", "numbers=[1,2,3]", "--id", "piped", "--watch", "--json", "--timeout", "120",
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    code, output = shell.end()
    assert code == 0
    lines = [json.loads(line) for line in output.splitlines()]
    end = lines[-1]
    assert (end["t"], end["status"], end["output"], end["error"]) == ("end", "succeeded", [2, 4, 6], None)
    seqs = [line["seq"] for line in lines[1:-1]]
    first = lines[0]["state"]["seq"]
    assert seqs == list(range(first + 1, len(list(retrieve("piped").history())) + 1))


@pytest.mark.django_db(transaction=True)
def test_a_pipe_gets_plain_lines_and_the_exit_code_of_a_failure(worker: processes.Worker) -> None:
    shell = Shell("start", "listening", "topic=t", "--id", "plain", "--watch", stdout=subprocess.PIPE, text=True)
    until(
        lambda: "wait_started" in [event.kind for event in retrieve("plain").history()] if _exists("plain") else False
    )
    assert Shell("cancel", "plain", stdout=subprocess.PIPE, text=True).end()[0] == 0
    code, output = shell.end()
    assert code == 1
    assert "\x1b" not in output
    assert "wait_started" in output
    assert output.splitlines()[-1].split()[2] == "cancelled"


def _exists(workflow_id: str) -> bool:
    try:
        retrieve(workflow_id)
    except LookupError:
        return False
    return True


@pytest.mark.django_db(transaction=True)
def test_a_terminal_gets_one_block_that_is_drawn_over_itself() -> None:
    handle = listening.using(workflow_id="tty").start("t")
    reader, writer = pty.openpty()
    shell = Shell("watch", "tty", stdout=writer, stderr=writer, text=True)
    os.close(writer)
    seen = _read_until(reader, lambda text: "queued" in text)
    operations.send("tty", "t", HOSTILE)
    seen += _read_until(reader, lambda text: "message_sent" in text)
    run(handle)
    seen += _read_until(reader, lambda text: "succeeded" in text)
    assert shell.process.wait(PATIENCE) == 0
    os.close(reader)
    assert re.search(r"\x1b\[\d+F", seen)  # back to the first line of the block
    rest = re.sub(r"\x1b\[(\d+F|2K|0J|[0-9;]*m)", "", seen)  # our own sequences
    assert "\x1b" not in rest
    assert "\x9b" not in rest


def _read_until(descriptor: int, seen: Callable[[str], bool]) -> str:
    text = ""

    def read_more() -> bool:
        nonlocal text
        if select.select([descriptor], [], [], 0.1)[0]:
            text += os.read(descriptor, 65536).decode()
        return seen(text)

    until(read_more, what=f"terminal shows it; so far {text!r}")
    return text


@pytest.mark.django_db(transaction=True)
def test_ctrl_c_exits_with_130_and_the_workflow_goes_on() -> None:
    listening.using(workflow_id="interrupted").start("t")
    shell = Shell("watch", "interrupted", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert shell.process.stdout is not None
    assert "queued" in shell.process.stdout.readline()
    shell.process.send_signal(signal.SIGINT)
    _, errors = shell.process.communicate(timeout=PATIENCE)
    assert shell.process.returncode == 130
    assert "Traceback" not in errors
    assert retrieve("interrupted").status() == Status.QUEUED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("words", [["start", "listening", "topic"], ["fly"], [], ["show", "unknown"]])
def test_bad_usage_exits_with_2_at_the_shell(words: list[str]) -> None:
    shell = Shell(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    code, output = shell.end()
    assert code == 2
    assert "Traceback" not in output


@pytest.mark.django_db(transaction=True)
def test_a_reader_that_stops_reading_is_no_error() -> None:
    for number in range(200):
        listening.using(workflow_id=f"many-{number}").start("t")
    shell = Shell("list", "--limit", "200", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert shell.process.stdout is not None
    assert shell.process.stderr is not None
    shell.process.stdout.close()
    assert "Traceback" not in shell.process.stderr.read()
    assert shell.process.wait(PATIENCE) == 0
    shell.process.stderr.close()


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ('"3"', "3"), ("three", "three"), ("[1,", "[1,"), ("null", None), ("", ""), ("1e400", float("inf"))],
)
def test_values_are_json_where_they_are_json(text: str, value: Any) -> None:
    assert arguments.json_or_text(text) == value


@pytest.mark.parametrize(
    "progress",
    [
        None,
        True,
        "half",
        [],
        {},
        {"done": "3"},
        {"done": None},
        {"done": 10**400},
        10**400,
        {"done": 1, "total": 10**400},
    ],
)
def test_a_bar_is_drawn_only_of_what_is_progress(progress: Any) -> None:
    assert terminal.bar(progress) == "" or " 1" in terminal.bar(progress)


def test_a_bar_shows_how_far_it_is() -> None:
    assert terminal.bar(0.5, 4) == "██░░ 50%"
    assert terminal.bar(7, 4) == "████ 100%"
    assert terminal.bar({"done": 1, "total": 4, "label": "pages", "rate": 2}, 4) == "█░░░ pages 1 of 4  2.0/s"
    assert terminal.bar({"done": 1_000, "total": None, "label": "pages"}, 4) == "···· pages 1,000"


def test_text_is_cut_by_columns_not_by_characters() -> None:
    assert terminal.plain("日本語テキスト", 7) == "日本語…"
    assert terminal.columns(terminal.padded("日本", 7)) == 7
    assert terminal.plain("abc", 0) == ""
