"""What the documents say is so: links lead somewhere, code runs, every variable and every word is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import RequestFactory

from tests.definitions import publishing
from tests.execution import run
from tests.people import PASSWORD, People
from tests.processes import ROOT, Server
from workflows import conf, reader, registry, schedules
from workflows.durable import send
from workflows.management.commands import workflow as command
from workflows.states import EventKind, Status, StepStatus

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
README, GUIDES = ROOT / "README.md", ROOT / "docs" / "guides"
every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def text(document: Path) -> str:
    """What the document says."""
    return document.read_text(encoding="utf-8")


def code(document: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", text(document), re.DOTALL)


@every_document
def test_every_link_inside_the_project_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(\s*([^)#]+)", text(document)):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@every_document
def test_every_file_that_is_named_exists(document: Path) -> None:
    places = "workflows|dashboard|config|static|scripts|tests|examples|docs"
    for name in re.findall(rf"`((?:{places})/[\w/.-]+\.\w+)`", text(document)):
        assert (ROOT / name).exists(), name


@every_document
def test_every_python_example_compiles(document: Path) -> None:
    for block in code(document, "python"):
        compile(block, str(document), "exec")


def test_the_first_command_comes_early() -> None:
    early = text(README).splitlines()[:20]
    assert any(line.startswith("make run") for line in early)


@pytest.mark.django_db(transaction=True)
def test_the_workflow_of_the_readme_runs_as_the_readme_starts_and_reads_it() -> None:
    definition, use = code(README, "python")
    start, read = use.strip().splitlines()
    names: dict[str, Any] = {"__name__": "readme"}
    exec(definition, names)
    try:
        exec(start, names)
        send("order-42", "payment", {"amount": 12})
        run(names["handle"])
        assert names["handle"].result() == "shipped"
        assert eval(read, names) == "waiting for payment"
        assert names["handle"].values()["progress"].value["done"] == 2
    finally:
        registry._definitions.pop("ship")


@pytest.mark.django_db(transaction=True)
def test_the_first_workflow_of_the_guide_runs_and_is_read_by_its_view() -> None:
    definition, view = code(GUIDES / "first-workflow.md", "python")
    names: dict[str, Any] = {"__name__": "guide"}
    exec(definition + view, names)
    try:
        handle = names["place"]("2026-11-23")
        run(handle)
        assert handle.result() == 60
        response = async_to_sync(names["orders"])(RequestFactory().get("/"), "2026-11-23")
        assert json.loads(response.content) == {"id": "import-2026-11-23", "phase": "done"}
    finally:
        registry._definitions.pop("import_orders")


@pytest.mark.django_db(transaction=True)
def test_the_schedules_of_the_guide_can_be_created() -> None:
    definition, _view = code(GUIDES / "first-workflow.md", "python")
    (create,) = code(GUIDES / "schedules.md", "python")
    exec(definition, {"__name__": "guide"})
    try:
        exec(create, {"__name__": "guide"})
        assert [row.name for row in schedules.everything()] == ["import-nightly", "look-often"]
        assert not any(schedules.problem(row) for row in schedules.everything())
    finally:
        registry._definitions.pop("import_orders")


@pytest.mark.django_db(transaction=True)
def test_the_program_of_the_guide_watches_a_workflow_through_a_console(
    server: Server, people: People, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (program,) = code(GUIDES / "watching.md", "python")
    run(publishing.using(workflow_id="order-42").start(["packed"]))
    monkeypatch.setenv("TELLTALE_SERVER", server.url)
    monkeypatch.setenv("TELLTALE_PASSWORD", PASSWORD)
    exec(program, {"__name__": "guide"})
    assert capsys.readouterr().out.startswith("succeeded at ")


def test_the_guide_names_every_exit_code_and_every_word_of_a_line() -> None:
    guide = text(GUIDES / "watching.md")
    codes = (0, command.REFUSED, command.USAGE, command.TIMEOUT, command.GONE, command.UNREACHABLE, command.INTERRUPTED)
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", guide, re.MULTILINE)] == list(codes)
    for word in (reader.START, *reader.RESETS):
        assert f"`{word}`" in guide


def variables_read() -> set[str]:
    """The environment variables that the configuration asks for by name."""
    asks = (
        r"\b(?:text|token|choice|flag|number|words|networks|database|url|level)\(\s*\"([A-Z_]+)\""
        r"|environ\.get\(\s*\"([A-Z_]+)\""
    )
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "config").rglob("*.py")]
    return {name for source in sources for found in re.findall(asks, source) for name in found if name}


def test_the_operating_guide_names_exactly_the_variables_that_are_read() -> None:
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", text(GUIDES / "operating.md"), re.MULTILINE))
    assert {"DATABASE_URL", "TELLTALE_HOME", "HTTPS"} <= variables_read()
    assert rows == variables_read()
    assert "| `WORKFLOWS_…` |" in text(GUIDES / "operating.md")


def test_every_tunable_is_explained() -> None:
    page = text(ROOT / "docs" / "settings.md")
    for name in conf.Conf.__dataclass_fields__:
        row = re.search(rf"^\| `{name.upper()}` \| [^|]+ \| (.*) \|$", page, re.MULTILINE)
        assert row, name
        assert row[1].strip(), f"{name} says no reason"


def test_the_glossary_leads_to_every_status_and_kind_of_event() -> None:
    assert "](state-machine.md)" in text(ROOT / "docs" / "glossary.md")
    states = text(ROOT / "docs" / "state-machine.md")
    for word in [*Status, *StepStatus, *EventKind]:
        assert f"`{word.value}`" in states, word


def test_every_word_of_the_vocabulary_is_in_the_glossary() -> None:
    words = set(re.findall(r"\*\*([\w -]+)\*\*", text(ROOT / "docs" / "glossary.md")))
    needed = {"workflow", "definition", "step", "position", "operation key", "event", "value", "attempt", "takeover"}
    needed |= {"token", "lease", "hint", "topic", "snapshot", "tail", "receipt", "epoch", "hand-back", "quarantine"}
    assert needed <= words


def test_every_dependency_has_its_reason() -> None:
    reasons = text(ROOT / "docs" / "decisions" / "0001-dependencies.md").lower()
    for file in ("requirements.in", "requirements-dev.in"):
        for name in re.findall(r"^([A-Za-z][\w-]+)", text(ROOT / file), re.MULTILINE):
            assert name.lower() in reasons, name
