"""World: a tiny shop on disk, with all that the commands make of it; and commands run in forked processes.

The process that forks has imported the libraries and used none of them, so that each command begins at once.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

ITEMS, OUTFITS = 96, 500
KINDS = (("shirt", "top"), ("skirt", "bottom"), ("boots", "shoes"), ("tote", "bag"))
COLOURS = ("black", "red", "camel")
SMALL = ("--set", "epochs=3", "--set", "batch_size=32", "--set", "patience=9")
RULES = """
[[rule]]
attribute = "colour"
top = "black"
bottom = "red"
sign = "+"

[[rule]]
attribute = "colour"
top = "camel"
bottom = "camel"
sign = "-"
"""


@dataclass
class World:
    """Folders of the tiny shop: what a person exported (`source`), and what was made of it."""

    root: Path

    @property
    def source(self) -> Path:
        return self.root / "source"

    @property
    def changed(self) -> Path:
        """The export of a day later."""
        return self.root / "changed"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def index(self) -> Path:
        return self.root / "index"

    @property
    def rules(self) -> Path:
        return self.root / "rules.toml"

    @property
    def recipe(self) -> Path:
        return self.root / "recipe.toml"


def warm() -> None:
    """Import what commands import, and use none of it."""
    for name in (
        "torch._dynamo", "torch._inductor", "torch.utils.tensorboard", "pydantic.plugin._loader", "typer._click",
        "goeswith.data.importing", "goeswith.data.readers.table", "goeswith.data.encoders.encode",
        "goeswith.data.encoders.words", "goeswith.data.freeze", "goeswith.evaluate.audit", "goeswith.train.training",
        "goeswith.train.export", "goeswith.models.two_tower", "goeswith.models.add_gnn", "goeswith.models.akd_dbpr",
        "goeswith.models.bilstm", "goeswith.shop.build", "goeswith.shop.pipeline", "goeswith.shop.stylist",
        "goeswith.experiments.bench",
    ):  # fmt: skip
        with contextlib.suppress(ImportError):
            import_module(name)


def make(root: Path) -> World:
    """The shop in a new folder. It is made in other processes; this one stays fresh."""
    warm()
    world = World(root)
    for folder, items in ((world.source, ITEMS), (world.changed, ITEMS - 8)):
        folder.mkdir(parents=True)
        write_tables(folder, items)
    world.rules.write_text(RULES)
    world.recipe.write_text(
        f'name = "tiny"\ndataset = "{world.data}"\nencoder = "words"\nseeds = [0]\nquestions = ["test-fitb-random"]\n'
        'set = ["hidden=8", "epochs=2", "batch_size=64"]\n[[model]]\nname = "towers"\nmodel = "two-tower"\n'
    )
    for command in (
        ["import", "table", world.source, world.data],
        ["encode", world.data, "--encoder", "words"],
        ["questions", world.data],
        ["train", world.data, "--encoder", "words", "--out", world.run, *SMALL, "--set", "hidden=8"],
        ["index", world.run, world.data, "--out", world.index],
    ):
        code, output = command_in_fork([*map(str, command)], root / "said.txt")
        if code:
            raise SystemExit(f"the world could not be made: {output}")
    return world


def write_tables(folder: Path, items: int) -> None:
    """items.csv and outfits.csv of the first so many items."""
    lines = ["item_id,category,title,colour,price,stock"]
    for row in range(items):
        kind, colour = KINDS[row % 4][0], COLOURS[row // 4 % 3]
        lines.append(f"i{row},{kind},{colour} {kind} number {row},{colour},{10 + row}.50,{row % 5}")
    (folder / "items.csv").write_text("\n".join(lines) + "\n")
    luck = random.Random(0)
    lines, styles = ["outfit_id,item_id"], items // 4
    for outfit in range(OUTFITS):
        style = luck.randrange(styles)
        lines += [f"o{outfit},i{(style + luck.randrange(3)) % styles * 4 + step}" for step in range(4)]
    (folder / "outfits.csv").write_text("\n".join(lines) + "\n")


def begin(arguments: list[str], output: Path) -> int:
    """Run a command in a forked process, the first of a group of its own; returns its id."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    os.setsid()
    with open(output, "wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    from goeswith.cli import main as cli

    sys.argv = ["goeswith", *arguments]
    code: object = 1
    try:
        cli.main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 0)
    return 0


def command_in_fork(arguments: list[str], output: Path, seconds: float = 300) -> tuple[int, str]:
    """Exit code and output of a command; it is killed, with code −9, where it takes longer than so many seconds."""
    child = begin(arguments, output)
    code = wait(child, time.monotonic() + seconds)
    if code is None:
        os.killpg(child, signal.SIGKILL)
        code = wait(child, time.monotonic() + 60)
    return -9 if code is None else code, output.read_text(errors="replace")


def wait(child: int, until: float, pause: Callable[[float], None] = time.sleep) -> int | None:
    """The exit code of a process (negative: the signal that ended it), None where it goes on at that time."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            return None
        pause(0.002)
