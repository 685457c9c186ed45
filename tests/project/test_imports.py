"""Subpackages import in one direction, and no module imports itself by way of others."""

import ast
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "docs"))

from import_graph import ROOT, SUBPACKAGES, backward, circle, imports, subpackage


def test_every_folder_of_the_package_is_a_subpackage() -> None:
    folders = {path.parent.name for path in (ROOT / "goeswith").glob("*/__init__.py")}
    assert folders == set(SUBPACKAGES)


def test_subpackages_import_in_one_direction() -> None:
    assert backward(imports()) == []


def test_no_circles() -> None:
    assert circle(imports()) == []


def test_few_modules_are_at_the_top() -> None:
    top = {name for name in imports() if not subpackage(name)}
    assert len(top) <= 11, top


def test_wrong_imports_are_detected() -> None:
    graph = {
        "goeswith.data.a": {"goeswith.models.b", "goeswith.errors"},
        "goeswith.models.b": {"goeswith.data.a"},
        "goeswith.errors": set(),
    }
    assert backward(graph) == ["goeswith.data.a -> goeswith.models.b"]
    assert set(circle(graph)) == {"goeswith.data.a", "goeswith.models.b"}


@pytest.mark.slow
def test_no_module_imports_what_windows_lacks() -> None:
    """Locks are filelock's; resource is imported where its absence is caught."""
    for path in (ROOT / "goeswith").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"fcntl", "resource", "pwd", "grp", "termios"}, path
