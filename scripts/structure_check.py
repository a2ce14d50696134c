"""Fails where the code grew past its bounds: module and function sizes, import cycles, untyped public functions.

usage: structure_check.py PACKAGE_DIR [PACKAGE_DIR…]   (migrations are left out; standard library only)
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

MODULE_LINES, FUNCTION_LINES = 400, 50
Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(package: Path) -> Iterator[tuple[str, str, ast.Module]]:
    """Name, text and tree of every module of a package."""
    for path in sorted(package.rglob("*.py")):
        if "migrations" not in path.parts:
            parts = path.relative_to(package.parent).with_suffix("").parts
            text = path.read_text(encoding="utf-8")
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), text, ast.parse(text)


def imports(tree: ast.Module) -> Iterator[str]:
    """What a module imports when it is loaded: not under TYPE_CHECKING, not inside functions."""
    stack: list[ast.stmt] = list(tree.body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not isinstance(node, Function) and not for_types_only(node):
            stack += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]


def for_types_only(node: ast.stmt) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`, which never runs."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """One import cycle, or nothing: what remains when modules without imports are taken away again and again."""
    left = {name: set(targets) for name, targets in graph.items()}
    while free := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in free:
            del left[name]
    return sorted(left)


def graph_of(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    """Module → modules it imports, among those given."""
    graph: dict[str, set[str]] = {}
    for name, tree in trees.items():
        targets = set()
        for name_imported in imports(tree):
            imported = name_imported
            while imported and imported not in trees:
                imported = imported.rpartition(".")[0]
            if imported and imported != name and not name.startswith(f"{imported}."):
                targets.add(imported)
        graph[name] = targets
    return graph


def untyped(function: Function) -> bool:
    """Whether a public function lacks its return type."""
    return function.returns is None and not function.name.startswith("_")


def main(packages: list[str]) -> int:
    """Print the figures and every violation; 1 if there is one."""
    if not packages:
        sys.exit("usage: structure_check.py PACKAGE_DIR [PACKAGE_DIR…]")
    complaints, sizes, lengths, trees = [], [], [], {}
    for package in packages:
        for name, text, tree in modules(Path(package)):
            trees[name] = tree
            sizes.append(text.count("\n"))
            if sizes[-1] > MODULE_LINES:
                complaints.append(f"{name} has {sizes[-1]} lines; at most {MODULE_LINES}")
            for function in (node for node in ast.walk(tree) if isinstance(node, Function)):
                lengths.append((function.end_lineno or 0) - function.lineno + 1)
                if lengths[-1] > FUNCTION_LINES:
                    complaints.append(f"{name}.{function.name} has {lengths[-1]} lines; at most {FUNCTION_LINES}")
                if untyped(function):
                    complaints.append(f"{name}.{function.name} does not say what it returns")
    circle = cycle(graph_of(trees))
    if circle:
        complaints.append(f"modules import each other in a circle: {', '.join(circle)}")
    print(
        f"{len(sizes)} modules, median {statistics.median(sizes):.0f} lines, largest {max(sizes)}; "
        f"{len(lengths)} functions, median {statistics.median(lengths):.0f} lines, longest {max(lengths)}"
    )
    print(*complaints, sep="\n", end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
