"""Words that readers stumble over are in no help, page, template, recipe, message, docstring or comment."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from typer.main import get_command

from goeswith.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
HISTORY = ("docs/LOG.md",)

REFUSED = {
    r"anew": "again",
    r"afresh": "again",
    r"whence": "from which",
    r"wherefrom": "from which",
    r"whoever": "anyone who, if you",
    r"mend(s|ed|ing)?": "fix, correct",
    r"shall": "should, must",
    r"hath|lest|thereof|therein": "plain words",
    r"of everything": "name what it applies to",
    r"which shortcut solves this": "say what the command does",
    r"(stands?|stood) (twice|in|beside|above|below|there|first|last|already|inside)": "is duplicated, is in, is shown",
    r"(?<!there )(is|are) no (index|run|folder|list|picture|number|group|split|top|bottom|multiple|data set|rule)":
        "is not a",
    r"(is|are) no (finite|whole)": "is not",
    r"(goes|go|went) on where": "resumes",
    r"go(es)? on from there": "resumes",
    r"a killed (one|run|training|search)": "if interrupted",
    r"at hand": "at test time, available",
    r"exists already": "already exists",
    r"for want of": "because it lacks",
    r"(can|could)(not)? be had": "is (not) available",
    r"to be had": "available",
    r"in the mean(?! of)": "on average",
    r"(is|are|was) told": "is reported, is printed",
    r"a package that is not here": "not installed",
    r"speaks? (of|for|against) (it|the pair|them)": "applies to, supports, opposes",
    r"nothing but taste": "only taste",
    r"for (it|they|he) (is|are|has|have|knows?) ": "because",
    r"an? (item|outfit|question|row|rule|category|group|step|answer) a piece": "per",
    r"(row|picture|autoencoder|row|question|packshot|numbers|features|line) an (item|outfit)": "per item, per outfit",
    r"those who": "people who, if you",
}  # fmt: skip
"""Regular expression of a word or phrase → what to write instead."""

STUMBLE = re.compile(rf"(?<![\w-])(?:{'|'.join(REFUSED)})(?![\w-])", re.IGNORECASE)


def helps(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Every command under its full name, with its help."""
    with click.Context(command, info_name=name, parent=parent) as context:
        yield context.command_path, command.get_help(context)
        if isinstance(command, click.Group) or hasattr(command, "commands"):
            for inner in command.list_commands(context):
                yield from helps(command.commands[inner], inner, context)


def messages(path: Path) -> Iterator[tuple[str, str]]:
    """Where in a module a text of two words or more stands, docstrings left out, and the text."""
    nodes = [*ast.walk(ast.parse(path.read_text()))]
    bodies = (node.body for node in nodes if isinstance(getattr(node, "body", None), list))
    skipped = {id(line.value) for body in bodies for line in body if isinstance(line, ast.Expr)}
    for node in nodes:
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and " " in text and id(node) not in skipped:
            yield f"{path.relative_to(ROOT)}:{node.lineno}", text


def texts() -> Iterator[tuple[str, str]]:
    """Everything that a user reads, with its place."""
    yield from helps(get_command(app), "goeswith")
    pages = [ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "recipes").glob("*.toml")]
    pages += [path for kind in ("html", "md") for path in (ROOT / "goeswith").glob(f"**/templates/*.{kind}")]
    for page in sorted(pages):
        name = str(page.relative_to(ROOT))
        if name not in HISTORY:
            yield from ((f"{name}:{at}", line) for at, line in enumerate(page.read_text().splitlines(), 1))
    for notebook in (ROOT / "docs").rglob("*.ipynb"):
        for cell in json.loads(notebook.read_text())["cells"]:
            if cell["cell_type"] == "markdown":
                yield notebook.name, "".join(cell["source"])
    for module in sorted((ROOT / "goeswith").rglob("*.py")):
        yield from messages(module)
        lines = enumerate(module.read_text().splitlines(), 1)  # docstrings and comments
        yield from ((f"{module.relative_to(ROOT)}:{at}", line) for at, line in lines)


@pytest.mark.slow
def test_texts_use_plain_words() -> None:
    matches = [(where, match[0]) for where, text in texts() for match in STUMBLE.finditer(text)]
    assert not matches, "\n".join(f"{where}: {word!r}" for where, word in matches)


@pytest.mark.parametrize(
    "sentence",
    ["X is no index", "the id stands twice", "Of everything.", "draw it anew", "a killed one goes on", "mend the row"],
)
def test_the_list_catches_what_it_should(sentence: str) -> None:
    assert STUMBLE.search(sentence)


@pytest.mark.parametrize(
    "sentence",
    ["this is not an index", "recommended", "written by hand", "it is no longer open", "there is no folder x"],
)
def test_the_list_lets_plain_english_pass(sentence: str) -> None:
    assert not STUMBLE.search(sentence)


VAGUE = {"told", "said", "theirs", "ours", "given"}
"""Names that hide what is bound: a mask, a dict, a hash, a column of the user's file."""


@pytest.mark.slow
def test_no_vague_name_is_bound() -> None:
    vague = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.arg if isinstance(node, ast.arg) else node.id}"
        for folder in ("goeswith", "benchmarks", "docs", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if any(word in path.read_text() for word in VAGUE)  # to parse takes longer
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.arg) and node.arg in VAGUE)
        or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in VAGUE)
    ]
    assert not vague, "name it for what it is:\n" + "\n".join(vague)
