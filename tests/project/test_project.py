"""What the documents promise of the project itself."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import goeswith

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_generated_documents_are_up_to_date() -> None:
    """docs/architecture.md names every module with its room, and docs/cli.md is the help as it is."""
    result = subprocess.run([sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_public_names_exist_and_are_typed() -> None:
    for name in goeswith.__all__:
        assert getattr(goeswith, name) is not None
    assert (ROOT / "goeswith" / "py.typed").exists()


def test_public_names_stand_on_the_page_of_python() -> None:
    shown = re.findall(r"^::: ([\w.]+)$", (ROOT / "docs" / "python.md").read_text(), flags=re.MULTILINE)
    for name in set(goeswith.__all__) - {"__version__"}:
        module = getattr(goeswith, name).__module__
        assert {module, f"{module}.{name}"} & {*shown}, f"docs/python.md does not show {module}.{name}"


def test_no_pickle_is_read_or_written() -> None:
    for path in (ROOT / "goeswith").rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"\bpickle\b|torch\.save\(|allow_pickle=True", text), path
        assert text.count("torch.load(") == text.count("weights_only=True"), path
