"""Import graph: which module of the package imports which, and the subpackages that they are in."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUBPACKAGES = ("data", "rules", "models", "train", "evaluate", "shop", "experiments", "studio", "cli")
"""Folders of the package; each may import from those before it, and all from the modules at the top.

``experiments`` stands beside ``shop``: the demo builds an index.
"""


def modules() -> dict[str, Path]:
    """Module name → file."""
    files = sorted((ROOT / "goeswith").rglob("*.py"))
    return {".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


@functools.cache
def imports() -> dict[str, set[str]]:
    """Module → the modules of the package that it imports, wherever in its file, for types too."""
    files = modules()
    return {name: set(_imported(file, files)) - {name} for name, file in files.items()}


def subpackage(module: str) -> str:
    """The subpackage of a module; empty for those at the top."""
    first = module.split(".")[1] if "." in module else ""
    return first if first in SUBPACKAGES else ""


def backward(graph: dict[str, set[str]]) -> list[str]:
    """Imports from a subpackage to one that comes after it, as ``module -> module``."""
    order = {name: number for number, name in enumerate(("", *SUBPACKAGES))}
    return [
        f"{name} -> {other}"
        for name, others in graph.items()
        if name not in ("goeswith", "goeswith.__main__")  # public names; the program itself
        for other in sorted(others)
        if order[subpackage(other)] > order[subpackage(name)]
    ]


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The modules of one circle of imports, or none."""
    try:
        list(TopologicalSorter({name: others - {"goeswith"} for name, others in graph.items()}).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def between_subpackages(graph: dict[str, set[str]]) -> dict[str, dict[str, int]]:
    """Subpackage → the subpackages that it imports from, with how many imports there are."""
    counts: dict[str, dict[str, int]] = {name: {} for name in SUBPACKAGES}
    for name, others in graph.items():
        for other in others:
            here, there = subpackage(name), subpackage(other)
            if here and there and here != there:
                counts[here][there] = counts[here].get(there, 0) + 1
    return counts


def _imported(file: Path, files: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "goeswith":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in files else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)
