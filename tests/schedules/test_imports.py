"""Imports among the modules of ``schedules`` point one way."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

SCHEDULES = Path(__file__).parents[2] / "schedules"
MODULES = {".".join(("schedules", *path.relative_to(SCHEDULES).with_suffix("").parts)): path for path in SCHEDULES.rglob("*.py")}


def imported(path: Path) -> set[str]:
    """Modules of ``schedules`` that a file imports anywhere in it, functions included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names & MODULES.keys()


def test_imports_have_no_circles():
    graph = {name: imported(path) for name, path in MODULES.items()}
    assert graph["schedules.cpu.direct"] >= {"schedules.cpu.unit", "schedules.cpu.parameters"}  # the walk sees imports
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle
