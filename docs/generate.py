"""Write docs/cli.md: the help of every command, as it is. ``--check`` only says whether the file is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import typer.main

from goeswith.cli import app

HERE = Path(__file__).resolve().parent


def help_text() -> str:
    """The help of goeswith and of each of its commands."""
    root = typer.main.get_command(app)
    parts = ["# Command line", "", "Made by `make docs`; do not edit.", ""]
    with click.Context(root, info_name="goeswith", terminal_width=100) as context:
        parts += ["```", root.get_help(context), "```", ""]
        for name in root.list_commands(context):
            command = root.get_command(context, name)
            with click.Context(command, info_name=name, parent=context, terminal_width=100) as own:
                parts += [f"## {name}", "", "```", command.get_help(own), "```", ""]
    return "\n".join(parts)


def main() -> int:
    path, text = HERE / "cli.md", help_text()
    if "--check" in sys.argv[1:]:
        if path.read_text() == text:
            return 0
        print(f"{path} is not up to date; run: make docs")
        return 1
    path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
