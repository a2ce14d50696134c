"""A definition as a person reads it: from its signature and its docstring."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

from workflows.registry import Definition, parameters_text

_SECTION = re.compile(r"^(args|arguments|parameters|returns|raises|yields|examples?|notes?):\s*$", re.IGNORECASE)
_PARAMETERS = ("args", "arguments", "parameters")
_PARAMETER = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")


@dataclass(frozen=True)
class DefinitionCard:
    """What the list of definitions shows of one."""

    name: str
    queue: str
    summary: str
    signature: str


def definition_card(definition: Definition) -> DefinitionCard:
    """The card of a definition."""
    summary = prose(definition).split("\n", 1)[0]
    return DefinitionCard(definition.name, definition.queue, summary, parameters_text(definition))


def prose(definition: Definition) -> str:
    """The docstring up to its first section, one line per paragraph."""
    kept: list[str] = []
    for line in inspect.cleandoc(definition.doc).splitlines():
        if _SECTION.match(line):
            break
        kept.append(line)
    paragraphs = "\n".join(kept).strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs if paragraph.strip())


def parameter_help(definition: Definition) -> dict[str, str]:
    """Parameter → its text in the docstring's Args section."""
    texts: dict[str, str] = {}
    name = ""
    for line in _parameter_lines(inspect.cleandoc(definition.doc)):
        indent = len(line) - len(line.lstrip())
        found = _PARAMETER.match(line.strip()) if indent <= 4 else None
        if found and found[1] in definition.signature.parameters:
            name = found[1]
            texts[name] = found[2].strip()
        elif name:
            texts[name] = f"{texts[name]} {line.strip()}".strip()
    return texts


def _parameter_lines(doc: str) -> list[str]:
    """The lines of the Args section."""
    lines: list[str] = []
    inside = False
    for line in doc.splitlines():
        section = _SECTION.match(line)
        if section:
            inside = section[1].lower() in _PARAMETERS
        elif inside and line and not line[0].isspace():
            inside = False
        elif inside and line.strip():
            lines.append(line)
    return lines
