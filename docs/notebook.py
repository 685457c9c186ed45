"""Run the notebooks of the documentation, from the top in a fresh kernel, and keep what they show.

python docs/notebook.py        # about two minutes
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).resolve().parent / "notebooks"


def run(path: Path) -> Any:
    """A notebook with its outputs, those on standard error left out; raises where a cell does."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as work:
        where = {"metadata": {"path": work}}
        NotebookClient(notebook, timeout=600, resources=where, coalesce_streams=True).execute()
    for cell in notebook.cells:
        cell.metadata.clear()  # the times at which it ran
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def main() -> None:
    """Run all of them and write them back."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        nbformat.write(run(path), path)
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
