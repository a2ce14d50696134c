"""What the documents say is so: links lead somewhere, code runs, every variable is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.execution import run
from tests.processes import ROOT
from workflows import conf, registry
from workflows.durable import send

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def code(document: Path, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_inside_the_project_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_python_example_compiles(document: Path) -> None:
    for block in code(document, "python"):
        compile(block, str(document), "exec")


def test_the_first_command_comes_early() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert (
        lines.index(
            "make run     # everything on a fresh machine: database, web, worker, beat, examples; prints the address and a password"
        )
        < 20
    )


@pytest.mark.django_db(transaction=True)
def test_the_workflow_of_the_readme_runs() -> None:
    definitions: dict[str, object] = {"__name__": "readme"}
    exec(code(ROOT / "README.md", "python")[0], definitions)
    try:
        handle = registry.get("ship").using(workflow_id="order-42").start(["tea", "cups"])  # type: ignore[attr-defined]
        send("order-42", "payment", {"amount": 12})
        run(handle)
        assert handle.result() == "shipped"
        assert handle.get_event("phase", type=str, timeout=10) == "waiting for payment"
        assert handle.values()["progress"].value["done"] == 2
    finally:
        registry._definitions.pop("ship")


def test_every_variable_that_the_project_reads_is_in_the_operating_guide() -> None:
    guide = (ROOT / "docs" / "guides" / "operating.md").read_text(encoding="utf-8")
    sources = [*(ROOT / "config").rglob("*.py")]
    read = {
        name
        for source in sources
        for name in re.findall(
            r"env\.(?:text|flag|number|words|database)\(\s*\"([A-Z_]+)\"|environ\.get\(\"([A-Z_]+)\"",
            source.read_text(encoding="utf-8"),
        )
        for name in name
        if name
    }
    assert {"DATABASE_URL", "PORT", "HTTPS"} <= read
    assert not {name for name in read if f"`{name}`" not in guide} - {"XDG_RUNTIME_DIR"}


def test_every_tunable_is_explained() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    for name in conf.Conf.__dataclass_fields__:
        row = re.search(rf"^\| `{name.upper()}` \| [^|]+ \| (.*) \|$", page, re.MULTILINE)
        assert row, name
        assert row[1].strip(), f"{name} says no reason"
