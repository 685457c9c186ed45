"""What the documents promise of the project itself."""

import re
import subprocess
import sys
from pathlib import Path

import goeswith

ROOT = Path(__file__).resolve().parents[1]


def test_the_file_map_of_the_readme_is_the_folder() -> None:
    section = (ROOT / "README.md").read_text().split("## Files", 1)[1].split("\n## ", 1)[0]
    mapped = set(re.findall(r"^\| `([^`]+)` \|", section, flags=re.M))
    there = {p.relative_to(ROOT).as_posix() for p in (ROOT / "goeswith").rglob("*.py") if p.name != "__main__.py"}
    assert mapped == there


def test_the_documented_help_is_the_help() -> None:
    told = subprocess.run([sys.executable, ROOT / "docs" / "generate.py", "--check"], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


def test_public_names_exist_and_are_typed() -> None:
    for name in goeswith.__all__:
        assert getattr(goeswith, name) is not None
    assert (ROOT / "goeswith" / "py.typed").exists()


def test_no_pickle_is_read_or_written() -> None:
    for path in (ROOT / "goeswith").rglob("*.py"):
        text = path.read_text()
        assert not re.search(r"\bpickle\b|torch\.save\(|allow_pickle=True", text), path
        for load in re.findall(r"torch\.load\([^)]*\)", text):
            assert "weights_only=True" in load, path
