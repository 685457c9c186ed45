"""Write the generated parts of the documents: docs/cli.md and the file map of the README.

``--check`` writes nothing and says whether they are up to date.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import click
import typer.core
import typer.main

from goeswith.cli import app

ROOT = Path(__file__).resolve().parents[1]
MAP = re.compile(r"(?<=\n## Files\n\n).*?(?=\n## )", re.DOTALL)


def help_text() -> str:
    """The help of goeswith and of each of its commands."""
    parts = ["# Command line", "", "Made by `make docs`; do not edit.", ""]
    return "\n".join([*parts, *_help(typer.main.get_command(app), "goeswith", None)])


def _help(command: click.Command, name: str, parent: click.Context | None) -> list[str]:
    """The help of a command, then of the commands in it."""
    with click.Context(command, info_name=name, parent=parent, terminal_width=100) as context:
        title = [f"## {context.command_path.removeprefix('goeswith ')}", ""] if parent else []
        parts = [*title, "```", command.get_help(context), "```", ""]
        if isinstance(command, typer.core.TyperGroup):
            for inner in command.list_commands(context):
                parts += _help(command.commands[inner], inner, context)
        return parts


def file_map() -> str:
    """A table of the package's modules, each with the first line of its docstring."""
    rows = ["| file | what |", "|---|---|"]
    for path in sorted((ROOT / "goeswith").rglob("*.py"), key=lambda p: (len(p.parts), p)):
        told = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0].replace("\n", " ")
        rows.append(f"| `{path.relative_to(ROOT)}` | {told.replace('|', '&#124;')} |")
    return "\n".join(rows) + "\n"


def main() -> int:
    """Write what is stale, or with ``--check`` name it; returns the exit code."""
    readme = ROOT / "README.md"
    wanted = {
        ROOT / "docs" / "cli.md": help_text(),
        readme: MAP.sub(lambda _: file_map(), readme.read_text(), count=1),
    }
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text() != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not up to date; run: make docs")
        return 1 if stale else 0
    for path in stale:
        path.write_text(wanted[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
