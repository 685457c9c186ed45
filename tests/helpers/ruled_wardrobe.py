"""Ruled wardrobe: a data set and a run that rules have taught, with every number by a loop."""

import math
from pathlib import Path

import numpy as np
import polars as pl
import torch
from PIL import Image
from worlds import write_made

from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.freeze import make_questions
from goeswith.data.questions import Questions
from goeswith.rules.rules import Rule, write_rules
from goeswith.train.run import Run
from goeswith.train.scorers import TaughtScorer
from goeswith.train.training import train

EVIL = "<script>alert('x')</script> & \"quoted\""
RULES = [
    Rule("colour", "red", "red", "+"),
    Rule("colour", "red", "blue", "-"),
    Rule("material", "wool", "wool", "+", note=EVIL),
    Rule("word", "plain", "dotted", "-"),
    Rule("colour", "green", "red", "+"),
]
COUNT = 40  # tops, bottoms and shoes: t0, ..., b0, ..., s0, ...
BARE = "b39"  # has no features


def write_dataset(folder: Path, name: str = "wardrobe", colours: tuple[str, ...] = ("red", "blue")) -> Dataset:
    """Outfits of a top, a bottom and often shoes that mostly agree in colour; two pictures, a title that attacks."""
    random = np.random.default_rng(0)
    side = np.repeat(["top", "bottom", "shoes"], COUNT)
    words = random.choice(["plain", "dotted"], 3 * COUNT)
    colour = random.choice(colours, 3 * COUNT)
    items = pl.DataFrame(
        {
            "item_id": [f"{s[0]}{n % COUNT}" for n, s in enumerate(side)],
            "category": side,
            "group": side,
            "colour": colour,
            "material": random.choice(["wool", "silk"], 3 * COUNT),
            "title": [EVIL if n == 0 else f"{word} thing" for n, word in enumerate(words)],
        }
    )  # fmt: skip
    lists = []
    for _ in range(300):
        top = random.integers(COUNT)
        agree = (colour[COUNT : 2 * COUNT] == colour[top]) == (random.random() < 0.8 or len(colours) == 1)
        lists.append(
            [f"t{top}", f"b{random.choice(np.flatnonzero(agree))}", f"s{random.integers(COUNT)}"][
                : random.integers(2, 4)
            ]
        )
    splits = np.where(np.arange(300) < 150, "train", "valid")
    outfits = pl.DataFrame({"outfit_id": [f"o{n}" for n in range(300)], "item_ids": lists, "split": splits})
    images = {name: folder / f"{name}.png" for name in ("t0", "b0")}
    for path in images.values():
        Image.new("RGB", (30, 30), "teal").save(path)
    dataset = create(Imported(items, outfits, "made", "none", images), folder / name, layout="test", name=EVIL)
    with_features = [item_id for item_id in dataset.catalogue.ids if item_id != BARE]
    write_made(dataset, with_features, random.random((len(with_features), 8)).astype(np.float32))
    return dataset


def write_run(folder: Path, dataset: Dataset, rules: list[Rule], *settings: str, name: str = "run") -> Run:
    write_rules(rules, folder / f"{name}.toml")
    chosen = ["hidden=6", "epochs=2", "negatives=group", "attention_width=4", "pairs=true", "blank=bottom", *settings]
    return train("akd-dbpr", dataset, folder / name, rules=folder / f"{name}.toml", settings=chosen)


def compat(dataset: Dataset) -> Questions:
    """Questions with contexts of one and two items, any of which may be the blank."""
    usable = np.ones(len(dataset.catalogue), bool)
    frame, _ = make_questions(dataset.catalogue, dataset.outfits, "valid", "compat", "category", usable=usable)
    return Questions.from_frame(frame, dataset.catalogue)


def applies(dataset: Dataset, rule: Rule, top: int, bottom: int) -> bool:
    """Whether two items make the pair of a rule."""
    first, second = (dataset.catalogue.items.row(row, named=True) for row in (top, bottom))
    column = "title" if rule.attribute == "word" else rule.attribute
    return (
        (first["group"], second["group"]) == ("top", "bottom")
        and rule.top in first[column].split()
        and rule.bottom in second[column].split()
    )


def one_by_one(taught: TaughtScorer, dataset: Dataset, context: list[int], pair: list[int]) -> dict | None:
    """One question in plain Python: p and q of the first candidate, and rule → (λ, whether it speaks for it)."""
    states, teacher = taught.student.states.hidden, taught.teacher
    scores = [taught.student.score(np.array([[*context, c]]), np.ones((1, len(context) + 1), bool))[0] for c in pair]
    if any(map(math.isnan, scores)):
        return None
    energy, backs = {}, {}
    for number, rule in enumerate(RULES):
        meets = [any(applies(dataset, rule, x, c) or applies(dataset, rule, c, x) for x in context) for c in pair]
        if meets[0] != meets[1]:
            with torch.no_grad():
                inner = teacher.context(states[context]).mean(0) + sum(teacher.candidate(states[c]) for c in pair)
                heat = torch.sigmoid(inner + teacher.rule[number]) @ teacher.vector + teacher.offset[number]
            energy[number], backs[number] = 3.0 * float(heat), meets[0] == (rule.sign == "+")
    whole = sum(math.exp(e) for e in energy.values())
    trust = {number: math.exp(e) / whole for number, e in energy.items()}
    p = [s / sum(scores) for s in scores]
    raised = [math.exp(sum(t for at, t in trust.items() if backs[at] == first)) for first in (True, False)]
    q = [x * up for x, up in zip(p, raised, strict=True)]
    q = [x / sum(q) for x in q]
    return {"p": p[0], "q": q[0], "trust": trust, "backs": backs, "rights": (ahead(*p), ahead(*q))}


def ahead(own: float, rival: float) -> float:
    return 0.5 if own == rival else float(own > rival)


def with_column(dataset: Dataset, folder: Path) -> Dataset:
    """The same data set with a column of its own."""
    items = dataset.catalogue.items.drop("image").with_columns(mood=pl.lit("calm"))
    made = create(
        Imported(items, dataset.outfits.to_frame(dataset.catalogue), "made", "none"), folder / "moods", layout="test"
    )
    write_made(made, made.catalogue.ids, np.ones((3 * COUNT, 8), np.float32))
    return made
