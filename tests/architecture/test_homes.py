"""Every fact has one home: statuses, history rows, enums, and what the working tree may name."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.processes import ROOT
from workflows import states
from workflows.models import Event, Step, Workflow

SOURCES = [
    path for package in ("workflows", "dashboard", "config", "examples") for path in (ROOT / package).rglob("*.py")
]


def sources_with(pattern: str) -> set[str]:
    """Names of source files in which the pattern occurs, migrations aside."""
    return {
        str(path.relative_to(ROOT))
        for path in SOURCES
        if "migrations" not in path.parts and re.search(pattern, path.read_text(encoding="utf-8"))
    }


SQL = ROOT / "workflows" / "sql"
TRANSITIONS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflows" / "transitions").glob("*.py"))
# Their statements insert history rows; `checkpoints` belongs to `event_log`, the others to `transitions`.
OF_TRANSITIONS = {"workflows/sql/claiming.py", "workflows/sql/lifecycle.py", "workflows/sql/waiting.py"}


def test_a_workflows_status_is_written_in_the_statements_of_transitions_only() -> None:
    assert sources_with(r"(?s)UPDATE workflows_workflow(?:(?!WHERE|UPDATE).)*\bstatus = ") == OF_TRANSITIONS
    assert sources_with(r"objects[^\n]*\.update\([^)]*status=") == set()
    assert sources_with(r"(?m)^\s*(?!self\b)\w+\.status = ") == set()
    for name in sorted(OF_TRANSITIONS):
        text = (ROOT / name).read_text(encoding="utf-8")
        statements = re.findall(r"(?ms)^([A-Z][A-Z_]+)[^=\n]*= (.*?)(?=^[_A-Z#d]|\Z)", text)
        assert len(statements) > 3
        for statement, body in statements:
            if re.search(r"status = '?(queued|waiting|running|cancelled|%|CASE)", body) and "UPDATE" in body:
                assert re.search(rf"\b{statement}\b", TRANSITIONS), f"{statement} is not used by transitions"


def test_history_rows_are_inserted_by_the_named_statements_only() -> None:
    homes = {"workflows/sql/checkpoints.py", "workflows/sql/parts.py", *OF_TRANSITIONS}
    assert sources_with(r"INSERT INTO workflows_event") == homes
    assert sources_with(
        r"\b(Event|events)(\.objects)?\.(bulk_)?(create|update)\(|(?<!threading\.)(?<!asyncio\.)\bEvent\(\w"
    ) == {"workflows/models/event.py"}


@pytest.mark.parametrize(
    ("model", "field", "enum"),
    [(Workflow, "status", states.Status), (Step, "status", states.StepStatus), (Event, "kind", states.EventKind)],
)
def test_the_tables_know_exactly_the_states_of_the_one_list(model: type, field: str, enum: type) -> None:
    choices = [value for value, _ in model._meta.get_field(field).choices]  # type: ignore[attr-defined]
    assert choices == [member.value for member in enum]  # type: ignore[attr-defined]


def test_every_transition_of_the_table_has_a_function_of_its_own_or_a_release() -> None:
    for name in set(states.TRANSITIONS) - {"release", "quarantine", "due"}:
        assert re.search(rf"^def {name}\(", TRANSITIONS, re.MULTILINE)
    assert "def hand_back(" in TRANSITIONS
    assert "def wake_due(" in TRANSITIONS
    assert "hopeless" in TRANSITIONS


def test_log_sentences_have_one_home() -> None:
    homes = sources_with(r"logging\.getLogger|_log\.(info|warning|error|exception)\(")
    assert {home for home in homes if home.startswith("workflows/")} == {"workflows/telemetry.py"}


def test_no_file_names_a_path_of_one_machine_or_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    hosts = "|".join(["pypi" + r"\.org", "pythonhosted" + r"\.org", "registry" + r"\.npmjs"])
    for name in listed:
        path = ROOT / name
        if path.suffix in {".png", ".gz"} or not path.is_file():
            continue
        assert not re.search(hosts, path.read_text(encoding="utf-8", errors="replace")), name


def test_no_module_is_called_after_nothing() -> None:
    assert not {path.name for path in SOURCES} & {"utils.py", "helpers.py", "common.py", "services.py", "managers.py"}


def test_every_module_says_what_it_owns() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if "migrations" not in path.parts
        and path.read_text(encoding="utf-8").strip()
        and not path.read_text(encoding="utf-8").lstrip().startswith(('"""', "#!"))
    ]
    assert silent == []


def test_the_sources_are_where_the_tests_look() -> None:
    assert len(SOURCES) > 50
    assert SQL / "lifecycle.py" in SOURCES
    assert "def start(" in TRANSITIONS
