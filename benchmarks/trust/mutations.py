"""Mutations: files that commands read, damaged at random, and what the commands say to them.

Workers are forked: one that a library aborts, or that hangs, is counted and replaced. A fault names its seed.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import select
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trust.world import KINDS, World

PATIENCE = 20.0
"""Seconds after which an input is a hang."""
FUNCTIONS = 3
"""Times as long for inputs that one function reads as for those that a whole command reads."""
ODD = [None, True, -1, 0, 1e308, 10**30, "", "\x00", "é", "nan", [], {}, [None], {"": None}, [[[]]], "../../etc/passwd"]
"""Values that stand where others are expected."""
CELLS = [b"", b"nan", b"-1", b"1e999", b'"', b"\x00", b"\xff", b"9" * 40, b";", b"\t", "１２".encode(), b"=1+1", b"a,b"]


@dataclass
class Tried:
    """Inputs tried by kind, what was answered, and every fault as (kind, seed, what happened)."""

    inputs: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    tracebacks: list[tuple[str, int, str]] = field(default_factory=list)
    hangs: list[tuple[str, int, str]] = field(default_factory=list)
    aborts: list[tuple[str, int, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """A file of the world and what reads it. sealed: its checksum in index.json is made to fit."""

    kind: str
    path: Path
    read: Callable[[], int]
    sealed: bool = False


def targets(world: World) -> tuple[list[Target], list[Target]]:
    """Every file that a command reads: with the command, and with no more than the function by which it reads it."""
    from goeswith.data.encoders.pictures import read_picture
    from goeswith.experiments.recipes import read_recipe
    from goeswith.rules.rules import read_rules
    from goeswith.sheets import read_sheet

    data, run, index, out = world.data, world.run, world.index, world.root / "out"

    def shell(*arguments: object) -> Callable[[], int]:
        return lambda: command([*map(str, arguments)], out)

    def call(read: Callable[..., object], *arguments: object) -> Callable[[], int]:
        return lambda: function(read, *arguments)

    fill = shell("fill", index, "i0", "--slot", "shoes")
    score = shell("score", run, data, "--outfits", world.source / "outfits.csv", "--out", out)
    imported = shell("import", "table", world.source, out)
    question_file = sorted((data / "questions").glob("test-*.parquet"))[0]
    picture, photo = world.root / "picture.png", world.root / "photo.jpg"
    make_pictures(picture, photo)
    feed, lines, mapping, groups, looks = (world.root / name for name in OTHERS)
    make_others(feed, lines, mapping, groups, looks)
    commands = [
        Target("items.csv, import", world.source / "items.csv", imported),
        Target("outfits.csv, import", world.source / "outfits.csv", imported),
        Target("outfits.csv, score", world.source / "outfits.csv", score),
        Target("dataset.json, rules check", data / "dataset.json", shell("rules", "check", world.rules, data)),
        Target("config.json of a run, score", run / "config.json", score),
        Target("weights.safetensors, score", run / "weights.safetensors", score),
        Target("features, score", data / "features" / "words.safetensors", score),
        Target("items.parquet, score", data / "items.parquet", score),
        Target("outfits.parquet, rules check", data / "outfits.parquet", shell("rules", "check", world.rules, data)),
        Target("questions, audit", question_file, shell("audit", data, question_file)),
        Target("rules.toml, rules check", world.rules, shell("rules", "check", world.rules, data)),
        Target("index.json, fill", index / "index.json", fill),
        *(Target(f"{name} of an index, fill", index / name, fill, sealed=True)
          for name in ("grammar.json", "scale.json", "taste.safetensors", "states.safetensors", "items.parquet",
                       "model/config.json", "model/model.safetensors")
          if (index / name).is_file()),
    ]  # fmt: skip
    from goeswith.data.baskets import read_baskets
    from goeswith.data.dataset import Dataset
    from goeswith.data.features import load_features
    from goeswith.data.group_map import read_groups
    from goeswith.data.mapping import read_mapping
    from goeswith.data.outfits import read_outfits
    from goeswith.data.questions import read_questions
    from goeswith.data.readers.feed_file import read_feed
    from goeswith.shop.index import Index
    from goeswith.studio.service.looks import Looks
    from goeswith.train.run import Run

    catalogue = Dataset(data).catalogue
    item_of = {item: item for item in catalogue.ids}
    group_of = {item: KINDS[row % 4][1] for row, item in enumerate(catalogue.ids)}

    def baskets() -> object:
        return read_baskets([world.root / "orders.csv"], item_of, group_of, "orders")

    quick = [
        Target("dataset.json", data / "dataset.json", call(Dataset, data)),
        Target("items.parquet", data / "items.parquet", call(lambda: Dataset(data).catalogue)),
        Target("features", data / "features" / "words.safetensors", call(lambda: load_features(Dataset(data)))),
        Target("questions", question_file, call(read_questions, question_file, catalogue)),
        Target(
            "outfits.csv", world.source / "outfits.csv", call(read_outfits, world.source / "outfits.csv", catalogue)
        ),
        Target("config.json of a run", run / "config.json", call(lambda: Run(run).model)),
        Target("weights.safetensors", run / "weights.safetensors", call(lambda: Run(run).model)),
        Target("index.json", index / "index.json", call(Index, index)),
        Target("grammar.json", index / "grammar.json", call(lambda: Index(index).grammar), sealed=True),
        Target("scale.json", index / "scale.json", call(lambda: Index(index).scale), sealed=True),
        Target("taste.safetensors", index / "taste.safetensors", call(lambda: Index(index).correction), sealed=True),
        Target("CSV tables", world.source / "items.csv", call(read_sheet, world.source / "items.csv")),
        Target("rule files", world.rules, call(read_rules, world.rules)),
        Target("recipes", world.recipe, call(read_recipe, world.recipe)),
        Target("XML feeds", feed, call(read_feed, feed)),
        Target("JSON lines of products", lines, call(read_feed, lines)),
        Target("mapping.toml", mapping, call(read_mapping, mapping)),
        Target("maps of groups", groups, call(read_groups, groups)),
        Target("orders", world.root / "orders.csv", call(baskets)),
        Target("looks.sqlite", looks, call(lambda: Looks(looks).find())),
        Target("PNG", picture, call(read_picture, picture, (24, 24))),
        Target("JPEG", photo, call(read_picture, photo, (24, 24))),
    ]
    return commands, quick


OTHERS = ("feed.xml", "products.jsonl", "mapping.toml", "groups.txt", "looks.sqlite")


def make_others(feed: Path, lines: Path, mapping: Path, groups: Path, looks: Path) -> None:
    """Files that a shop gives or a person edits beside the tables, and those that the studio keeps."""
    from goeswith.studio.service.looks import Looks, Piece, SavedLook

    entries = "".join(
        f"<item><g:id>i{row}</g:id><title>red skirt {row}</title><g:price>19.90 EUR</g:price></item>"
        for row in range(6)
    )
    feed.write_text(
        f'<rss xmlns:g="http://base.google.com/ns/1.0"><channel><title>shop</title>{entries}</channel></rss>'
    )
    products = [
        {"@type": "Product", "sku": f"i{row}", "name": "skirt", "offers": {"@type": "Offer", "price": "9.50"}}
        for row in range(6)
    ]
    lines.write_text("".join(json.dumps(product) + "\n" for product in products))
    mapping.write_text('layout = "table"\n\n[columns]\ntitle = "title"\ncategory = "category"\n')
    groups.write_text('skirt = "bottom"\nboots = "shoes"\n')
    orders = [f"{order},i{row}" for order in range(20) for row in (order, order + 1, order + 2)]
    (feed.parent / "orders.csv").write_text("\n".join(["order_id,item_id", *orders]) + "\n")
    if not looks.exists():
        Looks(looks).save(SavedLook(look_id="", name="one", items=(Piece("i0"), Piece("i1"))), "a person")


def make_pictures(*paths: Path) -> None:
    import numpy as np
    from PIL import Image

    for path in paths:
        pixels = np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8)
        Image.fromarray(pixels).save(path)


def command(arguments: list[str], out: Path) -> int:
    """The exit code of a command that runs here; whatever it may write is removed."""
    from goeswith.cli import main as cli

    shutil.rmtree(out, ignore_errors=True)
    out.unlink(missing_ok=True)
    sys.argv = ["goeswith", *arguments]
    try:
        cli.main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    return 0


def function(read: Callable[..., object], *arguments: object) -> int:
    """As a command that calls this function would end."""
    from goeswith.cli.failures import report_error

    try:
        read(*arguments)
    except Exception as error:
        report_error(error)
        return 1
    return 0


def damaged(data: bytes, name: str, luck: random.Random) -> bytes:
    """The content of a file, with one fault or several."""
    for _ in range(luck.choice([1, 1, 1, 2, 5])):
        data = _by_value(data, name, luck) if luck.random() < 0.6 else _by_byte(data, luck)
    return data


def _by_byte(data: bytes, luck: random.Random) -> bytes:
    if not data:
        return luck.randbytes(3)
    at, length = luck.randrange(len(data)), luck.choice([1, 2, 8, 64])
    return luck.choice(
        [
            lambda: data[:at],
            lambda: data[:at] + luck.randbytes(length) + data[at + length :],
            lambda: data[:at] + data[at + length :],
            lambda: data[:at] + data[at : at + length] * luck.choice([2, 50]) + data[at + length :],
            lambda: data[:at] + bytes([data[at] ^ 1 << luck.randrange(8)]) + data[at + 1 :],
            lambda: luck.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"PK\x03\x04", b"\x1f\x8b", b"PAR1"]) + data,
        ]
    )()


def _by_value(data: bytes, name: str, luck: random.Random) -> bytes:
    """The same file of its kind, with a value that does not belong there."""
    if name.endswith(".json"):
        with contextlib.suppress(ValueError):
            return json.dumps(_odd_value(json.loads(data), luck)).encode()
    if name.endswith(".safetensors") and len(data) > 8:
        size = int.from_bytes(data[:8], "little")
        with contextlib.suppress(ValueError):
            header = json.dumps(_odd_value(json.loads(data[8 : 8 + size]), luck)).encode()
            return len(header).to_bytes(8, "little") + header + data[8 + size :]
    if name.endswith((".csv", ".toml")):
        lines = data.split(b"\n")
        row = luck.randrange(len(lines))
        cells = lines[row].split(b"," if name.endswith(".csv") else b"=")
        cells[luck.randrange(len(cells))] = luck.choice(CELLS)
        lines[row] = b",".join(cells) if name.endswith(".csv") else b"=".join(cells)
        if luck.random() < 0.2:
            luck.shuffle(lines)
        return b"\n".join(lines)
    return _by_byte(data, luck)


def _odd_value(value: Any, luck: random.Random) -> Any:
    """JSON with one value replaced, one key lost, or nested deeply."""
    if isinstance(value, dict) and value and luck.random() < 0.9:
        key = luck.choice(sorted(value))
        if luck.random() < 0.2:
            return {name: inner for name, inner in value.items() if name != key}
        return value | {key: _odd_value(value[key], luck)}
    if isinstance(value, list) and value and luck.random() < 0.7:
        at = luck.randrange(len(value))
        return [*value[:at], _odd_value(value[at], luck), *value[at + 1 :]]
    if isinstance(value, int | float) and abs(value) < 1e300 and luck.random() < 0.6:
        return luck.choice([value * 10**9, -value, value + 0.5, 1 << 70, float("inf"), float("nan"), 0])
    return luck.choice(ODD)


def once(target: Target, index: Path, seed: int) -> tuple[str, str]:
    """Damage the file, read it, put it back; (its outcome, its messages)."""
    luck, before = random.Random(seed), target.path.read_bytes()
    seal = (index / "index.json").read_bytes()
    target.path.write_bytes(damaged(before, target.path.name, luck))
    if target.sealed:
        info = json.loads(seal)
        name = str(target.path.relative_to(index))
        info["checksums"][name] = hashlib.sha256(target.path.read_bytes()).hexdigest()
        (index / "index.json").write_text(json.dumps(info))
    stderr = io.StringIO()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(stderr):
            code = target.read()
    except BaseException:
        return "traceback", traceback.format_exc()
    finally:
        target.path.write_bytes(before)
        if target.sealed:
            (index / "index.json").write_bytes(seal)
    text = stderr.getvalue()
    if "Traceback" in text or "internal error" in text:
        return "traceback", text
    messages = [line for line in text.splitlines() if line.startswith("goeswith: ")]
    if code not in (0, 1, 2) or (code == 1 and not messages):
        return "traceback", f"exit code {code}: {text}"
    return f"exit code {code}", text


def work(world: World, line: int, seed: int, until: float) -> None:
    """Try inputs until the time is up, and tell each in a line: seed and kind before, what came of it after."""
    import torch

    torch.set_num_threads(1)
    commands, functions = targets(world)
    spent = [0.0, 0.0]
    with os.fdopen(line, "w", buffering=1) as log:
        while time.monotonic() < until:
            quick = spent[1] < spent[0] * FUNCTIONS
            some = functions if quick else commands
            target, began = some[seed % len(some)], time.monotonic()
            log.write(json.dumps([seed, target.kind]) + "\n")
            came, text = once(target, world.index, seed)
            log.write(json.dumps([seed, target.kind, came, text[-600:] if came == "traceback" else ""]) + "\n")
            spent[quick] += time.monotonic() - began
            seed += 1
    os._exit(0)


def run(world: World, seconds: float, seed: int) -> Tried:
    """Damage files for so many seconds, in one worker after another."""
    tried, until = Tried(), time.monotonic() + seconds
    copy = World(world.root / "mutated")
    while time.monotonic() < until - 1:
        shutil.rmtree(copy.root, ignore_errors=True)
        copy.root.mkdir()
        for path in (world.source, world.data, world.run, world.index):
            shutil.copytree(path, copy.root / path.name)
        for path in (world.rules, world.recipe):
            shutil.copyfile(path, copy.root / path.name)
        seed = _watched(copy, tried, seed, until) + 1
    shutil.rmtree(copy.root, ignore_errors=True)
    return tried


def _watched(world: World, tried: Tried, seed: int, until: float) -> int:
    """One worker, until the time is up or it ends; the last seed that it tried."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        noise = os.open(os.devnull, os.O_WRONLY)
        os.dup2(noise, 1)
        os.dup2(noise, 2)
        try:
            work(world, writing, seed, until)
        finally:
            os._exit(1)
    os.close(writing)
    kind, open_, rest, begun = "start", False, b"", time.monotonic()
    while True:
        ready, _, _ = select.select([reading], [], [], PATIENCE if kind != "start" else 120)
        data = os.read(reading, 1 << 16) if ready else b""
        if not data:
            break
        *lines, rest = (rest + data).split(b"\n")
        for record in map(json.loads, lines):
            seed, kind, open_ = record[0], record[1], len(record) == 2
            if not open_:
                tried.inputs[kind] += 1
                tried.answers[record[2]] += 1
                if record[2] == "traceback":
                    tried.tracebacks.append((kind, seed, record[3]))
    hung = not ready
    if hung:
        os.kill(child, signal.SIGKILL)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if hung:
        tried.hangs.append((kind, seed, f"more than {PATIENCE:.0f} s"))
    elif open_ or status:
        tried.aborts.append((kind, seed, f"ended with {os.waitstatus_to_exitcode(status)} after {begun:.0f}"))
    if open_:
        tried.inputs[kind] += 1
    return seed
