"""Writes docs/api.md from the interface's own OpenAPI document: every operation, what it takes and what it answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dashboard.api.interface import PREFIX, document
from dashboard.api.problems import KINDS, TYPE
from dashboard.api_tokens import Scope

_INTRODUCTION = f"""# The API

Everything is below `/{PREFIX}`, JSON in and out. [The guide](guides/api.md) says how to begin; the same as OpenAPI 3.1
is at `/{PREFIX}/openapi.json`. Each operation names the scope that a token needs for it, and what its owner must be
allowed. Ids, keys and names in addresses: letters, digits and `._:@+=,-` stand for themselves, every other byte of
UTF-8 is `~HH`. A field that is not known is refused; one with a `?` may be left out.
"""


def api_page() -> str:
    """The whole page."""
    found = json.loads(document())
    schemas = found["components"]["schemas"]
    return (
        "\n".join([_INTRODUCTION, *_operations(found), "\n## Shapes\n", *_shapes(schemas), *_scopes(), *_problems()])
        + "\n"
    )


def _operations(found: dict[str, Any]) -> Iterator[str]:
    tag = ""
    for path, methods in found["paths"].items():
        for method, operation in methods.items():
            if operation["tags"][0] != tag:
                tag = operation["tags"][0]
                yield f"\n## {tag.capitalize()}"
            yield f"\n### `{method.upper()} {path.removeprefix('/' + PREFIX)}`\n"
            yield f"{' '.join(operation['description'].split())}\n"
            needed = ", ".join(f"`{one}`" for one in operation["x-permissions"])
            yield f"Scope `{operation['x-scope']}`; permission {needed}. {_answer(operation)}"
            yield from _parameters(operation)


def _answer(operation: dict[str, Any]) -> str:
    body = operation.get("requestBody")
    taken = f"Takes {_type(body['content']['application/json']['schema'])}. " if body else ""
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            told = _type(content["schema"]) if kind == "application/json" else f"`{kind}`"
            return f"{taken}Answers {status} with {told}."
    return taken


def _parameters(operation: dict[str, Any]) -> Iterator[str]:
    shown = [one for one in operation["parameters"] if one["in"] != "path"]
    if shown:
        yield "\n| parameter | type | |\n|---|---|---|"
        for one in shown:
            where = " (header)" if one["in"] == "header" else ""
            yield f"| `{one['name']}`{where} | {_type(one['schema'])} | {one.get('description', '')} |"


def _shapes(schemas: dict[str, Any]) -> Iterator[str]:
    for name, schema in schemas.items():
        if schema.get("type") != "object" or name == "Problem":
            continue
        yield f"### {name}\n\n{' '.join(schema.get('description', '').split())}\n"
        yield "| field | type | |\n|---|---|---|"
        required = schema.get("required", [])
        for field, details in schema["properties"].items():
            mark = "" if field in required else "?"
            yield f"| `{field}`{mark} | {_type(details)} | {details.get('description', '')} |"
        yield ""


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if name not in ("Status", "EventKind") else f"[{name}](state-machine.md)"
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return " ".join(f"`{json.dumps(one)}`" for one in schema["enum"])
    kind = schema.get("type", "any JSON")
    if kind == "array":
        return f"list of {_type(schema['items'])}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return str(schema.get("format", kind)) + _bounds(schema)


def _bounds(schema: dict[str, Any]) -> str:
    least = schema.get("minimum", schema.get("exclusiveMinimum"))
    most = schema.get("maximum", schema.get("maxLength"))
    told = [f"from {least:g}" if least is not None else "", f"to {most:g}" if most is not None else ""]
    return "".join(f", {one}" if place == 0 else f" {one}" for place, one in enumerate(filter(None, told)))


def _scopes() -> Iterator[str]:
    yield f"## Scopes\n\n{', '.join(f'`{scope}`' for scope in Scope)}."


def _problems() -> Iterator[str]:
    yield f"\n## Problems\n\nThe `type` is `{TYPE}` and a word of these:\n\n| type | status | |\n|---|---|---|"
    for name, kind in KINDS.items():
        yield f"| `{name}` | {kind.status} | {kind.title} |"
