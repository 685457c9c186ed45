"""The help of each command: a sentence that is not cut off, and two examples that can be typed."""

import shlex
from collections.abc import Iterator

import click
import pytest
from typer.main import get_command

from goeswith.cli.main import app


def commands(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """The full name of every command that does something, with its help."""
    with click.Context(command, info_name=name, parent=parent, terminal_width=100) as context:
        if hasattr(command, "commands"):
            for inner in command.list_commands(context):
                yield from commands(command.commands[inner], inner, context)
        else:
            yield context.command_path, command.get_help(context)


ALL = dict(commands(get_command(app), "goeswith"))


@pytest.mark.parametrize("name", ALL)
def test_a_command_shows_two_examples_that_parse(name: str) -> None:
    shown = ALL[name].partition("Examples:\n")[2].partition("\n\n")[0]
    examples = [line.strip() for line in shown.splitlines()]
    assert len(examples) == 2, ALL[name]
    for example in examples:
        command, words = get_command(app), shlex.split(example)
        words = words[words.index("goeswith") + 1 :]
        assert words[: name.count(" ")] == name.split()[1:], example
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        command.make_context("example", list(words), resilient_parsing=False)  # unknown words and flags raise


def test_no_summary_is_cut_off() -> None:
    for command, least in ((get_command(app), 20), (get_command(app).commands["rules"], 3)):
        with click.Context(command, info_name="goeswith") as context:  # as wide as click makes it, 80 columns
            listed = command.get_help(context).partition("Commands:")[2]
        assert listed.count("\n") > least
        assert "..." not in listed
