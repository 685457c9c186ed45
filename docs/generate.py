"""Write the generated parts of the documents: docs/cli.md, the map of modules, tables of settings and of models.

``--check`` writes nothing and says whether they are up to date.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import sys
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
import torch
import typer.core
import typer.main
from import_graph import SUBPACKAGES, between_subpackages, imports, subpackage

from goeswith.cli.main import app
from goeswith.data.catalogue import GROUPS
from goeswith.models import MODELS, Vocabulary, model_classes, training_settings
from goeswith.train.designers import DesignersConfig
from goeswith.train.rule_teacher import RulesConfig
from goeswith.train.settings import TrainConfig

ROOT = Path(__file__).resolve().parents[1]
_SHOWN = (".py", ".html", ".md", ".css", ".js", ".svg", ".toml")
PART = re.compile(
    r"(<!-- (settings|models|subpackages|modules|curves)(?: of ([\w-]+))? -->\n).*?(\n?<!-- end -->)", re.DOTALL
)
DIM, CATEGORIES = 1280, 100
"""Sizes for which parameters are counted: features of the default encoder, and number of categories."""
OTHER_SETTINGS = {"training": TrainConfig, "designers": DesignersConfig, "rules": RulesConfig}
PLAIN = {
    "negatives_per_positive": "r, the number of negatives per outfit",
    "epochs": "maximum number of epochs",
    "batch_size": "outfits per step",
    "optimiser": "the paper's; `sgd` has momentum .9",
    "learning_rate": "learning rate of the optimiser",
    "weight_decay": "weight decay of the optimiser",
    "self_loop": "an item also sends messages to itself",
    "squared_norm": "use ‖Θ‖² instead of ‖Θ‖",
    "warmup": "see `schedule`",
    "seed": "random seed of weights, order, negatives and dropout",
    "ema_decay": "for `teaching=ema`: share of the average that is kept at each step",
    "attributes": "K, as for the student",
    "activation": "activation of the masks, as for the student",
    "mask_loss": "as for the student",
    "hidden": "H",
    "layers": "layers of self-attention",
    "heads": "heads of each layer",
    "dropout": "dropout of the features in training; not in the paper",
}
"""What a setting means, if its class does not say."""


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


def subpackages() -> str:
    """The subpackages in the order in which they may import, with what they hold and import from."""
    arrows = between_subpackages(imports())
    rows = (
        [
            f"`{name}`",
            _first(ROOT / "goeswith" / name / "__init__.py").partition(": ")[2] or "The command line.",
            ", ".join(f"`{other}`" for other in SUBPACKAGES if other in arrows[name]),
        ]
        for name in SUBPACKAGES
    )
    return _table(["subpackage", "what", "imports from"], rows)


def map_of_modules() -> str:
    """For the top and each subpackage a table of its modules, templates and styles, with what each is."""
    package = ROOT / "goeswith"
    files = sorted(path for path in package.rglob("*") if path.suffix in _SHOWN and path.name != "__init__.py")
    parts = []
    for name in ("", *SUBPACKAGES):
        inside = [path for path in files if subpackage(".".join(path.relative_to(ROOT).parts)) == name]
        rows = ([f"`{path.relative_to(package).as_posix()}`", _what(path)] for path in inside)
        parts.append(f"### {name or 'At the top'}\n\n{_table(['file', 'what'], rows)}")
    return "\n".join(parts)


def _what(path: Path) -> str:
    """The first sentence of a module; of a template or style, that it is one."""
    if path.suffix == ".py":
        return _first(path)
    return {".html": "template of a page", ".md": "template", ".css": "style", ".js": "script", ".svg": "picture"}.get(
        path.suffix, "words"
    )


def settings(name: str) -> str:
    """The settings of a model, of training, or of a way to teach: defaults, other values, what each is."""
    kind = OTHER_SETTINGS[name] if name in OTHER_SETTINGS else model_classes(name)[1]
    hints, meanings, rows = typing.get_type_hints(kind), _meanings(kind), []
    for field in dataclasses.fields(kind):
        others = [value for value in typing.get_args(hints[field.name]) if value != field.default]
        meaning = meanings.get(field.name) or PLAIN.get(field.name, "")
        default = f"`{_typed(field.default)}`{_of_models(field.name) if name == 'training' else ''}"
        rows.append([f"`{field.name}`", default, ", ".join(f"`{o}`" for o in others), meaning])
    table = _table(["setting", "default", "also", "what"], rows)
    if name in OTHER_SETTINGS:
        return table
    own = ", ".join(f"`{setting}={_typed(value)}`" for setting, value in training_settings(name).items())
    trained = f" Its own defaults of training: {own}." if own else ""
    size = f"{parameters(name):,} parameters with {DIM:,} features per item and {CATEGORIES} categories."
    return f"{table}\n{size}{trained}\n"


def _of_models(setting: str) -> str:
    """The defaults of the models that have another one of a setting of training."""
    own = {name: training_settings(name).get(setting) for name in MODELS}
    values = [f"{name}: `{_typed(value)}`" for name, value in own.items() if value is not None]
    return f"; {', '.join(values)}" if values else ""


def models() -> str:
    """The models, by the name that the command line has for them."""
    rows = (
        [f"`{name}`", _first(ROOT / f"{module.replace('.', '/')}.py"), f"{parameters(name):,}"]
        for name, (module, _, _) in MODELS.items()
    )
    return _table(["model", "what", "parameters"], rows)


def parameters(name: str) -> int:
    """How many numbers a model learns with its default settings."""
    model, config = model_classes(name)
    groups = tuple(GROUPS[number % len(GROUPS)] for number in range(CATEGORIES))
    words = Vocabulary(tuple(f"c{number:03}" for number in range(CATEGORIES)), groups)
    with torch.device("meta"):  # shapes without numbers
        made = model(config(), DIM, words)
    return sum(weight.numel() for weight in made.parameters() if weight.requires_grad)


def _meanings(kind: type) -> dict[str, str]:
    """Field → what the docstring of its class says of it: sentences after ``field:`` or ``field, field:``."""
    names = [field.name for field in dataclasses.fields(kind)]
    text = re.sub(r"\s+", " ", (kind.__doc__ or "").partition("\n\n")[2])
    alternatives = "|".join(names)
    parts = re.split(rf"(?:^|(?<=[.;:]) ?)\s*((?:{alternatives})(?:, (?:{alternatives}))*): ", text)
    meanings: dict[str, str] = {}
    for heads, words in zip(parts[1::2], parts[2::2], strict=True):
        meaning = words.replace("``", "`").replace(", see the module", "").strip().rstrip(".;")
        meanings |= dict.fromkeys(heads.split(", "), meaning.replace("|", "&#124;"))
    for name in names:  # named in what is said of another
        other = next((head for head, meaning in meanings.items() if f"`{name}`" in meaning), None)
        if name not in meanings and other:
            meanings[name] = f"see `{other}`"
    return meanings


def _typed(value: Any) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _first(path: Path) -> str:
    """The first sentence or so of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0].replace("\n", " ")


def _table(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [" | ".join(cell.replace("|", "&#124;") for cell in row) for row in rows]
    return f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n" + "".join(f"| {line} |\n" for line in lines)


def curves(name: str) -> str:
    """What was measured of a study, see `goeswith.experiments.study_page`."""
    from goeswith.experiments.study_page import section

    file = ROOT / "docs" / "results" / f"curves-{name}.json"
    if not file.is_file():
        return "Not measured yet.\n"
    return section(json.loads(file.read_text()), f"results/curves-{name}.svg")


def with_parts(text: str) -> str:
    """A page with its parts, from ``<!-- settings of NAME -->`` (models, subpackages, modules, curves) to the end."""
    makers: dict[str, Callable[[str], str]] = {
        "settings": settings,
        "models": lambda _: models(),
        "subpackages": lambda _: subpackages(),
        "modules": lambda _: map_of_modules(),
        "curves": curves,
    }
    return PART.sub(lambda m: f"{m[1]}\n{makers[m[2]](m[3])}\n{m[4].strip()}", text)


def main() -> int:
    """Write what is stale, or with ``--check`` name it; returns the exit code."""
    pages = sorted((ROOT / "docs").rglob("*.md"))
    wanted = {path: with_parts(path.read_text()) for path in pages if PART.search(path.read_text())}
    wanted[ROOT / "docs" / "cli.md"] = help_text()
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
