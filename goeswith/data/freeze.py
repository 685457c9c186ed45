"""Freeze: creates question files once, from a seed, for a data set's outfits or for another list of outfits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
import torch

from goeswith.data.catalogue import Catalogue
from goeswith.data.negatives import Negatives, is_matched
from goeswith.data.outfits import Outfits
from goeswith.data.pairs import as_outfits, bottoms, pair_of_each, worn_together
from goeswith.data.questions import SCHEMA, TASKS, read_info, write_questions
from goeswith.errors import ConfigError, DataError
from goeswith.files import read_table

Choices = int | Literal["all"]

CHOICES: dict[str, Choices] = {"compat": 2, "fitb": 4, "triplet": 2, "retrieval": 100}
"""Candidates of one question of each task, if not said otherwise."""

LIMITS = {"retrieval": 500}
"""How many questions `freeze` makes of a task; of the others, one an outfit."""

PLAN = (
    *((task, negatives) for task in ("compat", "fitb") for negatives in ("random", "category", "matched")),
    ("retrieval", "category"),
)
"""The (task, negatives) that `freeze` makes, if not said otherwise."""


def make_questions(
    catalogue: Catalogue,
    outfits: Outfits,
    split: str | None,
    task: str,
    negatives: str,
    *,
    choices: Choices | None = None,
    seed: int = 0,
    limit: int | None = None,
    usable: np.ndarray | None = None,
    known_outfits: Sequence[Outfits] = (),
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Make one question of each outfit: a blank at one of its places, the truth among wrong items.

    The blank is as likely at each place that can serve (`Negatives.blanks`); for one seed it is the same under all
    negatives that can serve it. Wrong items that complete another known outfit are refused. ``triplet`` asks for the
    bottom of one (top, bottom) pair.

    ``matched`` wrong items are drawn once for a place, so that popularity gives nothing away (`goeswith.data.negatives`
    shows why); where they do not fit, the next place has its turn. That keeps nearly all outfits, of which one place
    alone would lose a quarter with four choices, and gives popularity back less than .005 of AUC on real outfits.
    Retrieval needs more items than one draw gives, so it draws again, and its rare candidates are often wrong.

    Args:
        catalogue, outfits: whose questions; every split, since the others are known outfits too.
        split: the split to ask about; None for all outfits.
        task: one of `TASKS`. negatives: one of `goeswith.data.negatives.STRATEGIES`.
        choices: candidates per question, two or more, or "all" for the whole pool; by default as in `CHOICES`.
        seed: equal seeds make equal tables.
        limit: at most so many questions, of outfits taken by chance.
        usable: (U,) bool, items that may be truth or wrong; by default those with a picture, or where there are no
            pictures those with a title.
        known_outfits: beside `outfits`, what no wrong item may complete, e.g. the data set's own for another list.

    Returns:
        The table (columns of `SCHEMA`, in the order of the outfits), and what was left out, counted by reason.

    Raises:
        ConfigError: no such task or negatives, or fewer than two choices.
        DataError: no outfit is in that split.
    """
    if task not in TASKS:
        raise ConfigError(f"there is no task {task!r}; choose one of {', '.join(TASKS)}")
    choices = CHOICES[task] if choices is None else choices
    if choices != "all" and choices < 2:
        raise ConfigError(f"a question needs two or more choices, not {choices}")
    own = outfits if split is None else outfits.split(split)
    known_outfits = [outfits, *known_outfits]
    usable = _shown(catalogue) if usable is None else usable
    whole = len(own)
    if task == "triplet":
        known_outfits = [as_outfits(worn_together(some, catalogue), some) for some in known_outfits]
        own, usable = pair_of_each(own, catalogue, seed), usable & bottoms(catalogue)

    drawer = Negatives(catalogue, own, negatives, usable, known_outfits)
    chance = torch.Generator().manual_seed(seed)
    batch = own.batch()
    items, mask = batch.items, batch.mask
    luck = torch.rand(mask.shape, generator=chance)
    count = 1 if choices == "all" else choices - 1
    luck[~drawer.blanks(items, mask, count)] = -1.0
    can = (luck >= 0).any(1).nonzero()[:, 0]
    chosen = _some(can, limit, chance)
    items, mask, luck = items[chosen], mask[chosen], luck[chosen]
    if choices == "all":
        position = luck.argmax(1)
        owner, wrong = drawer.everything(items, mask, position)
        ok = torch.zeros(len(chosen), dtype=torch.bool).index_fill(0, owner, True)
    else:
        redraw = not is_matched(negatives) or task == "retrieval"
        position, rows, ok = _draw(drawer, items, mask, luck, count, redraw, chance)
        owner, wrong = ok.nonzero()[:, 0].repeat_interleave(count), rows[ok].flatten()
    counts = torch.bincount(owner, minlength=len(chosen))[ok]
    blanks = own.take(chosen[ok].numpy()), position[ok].numpy()
    frame = _table(catalogue, *blanks, wrong.numpy(), counts.numpy(), seed).with_columns(
        pl.format("{}-{}-{}-{}", pl.lit(task), pl.lit(negatives), "outfit_id", "position").alias("question_id"),
        task=pl.lit(task),
        negatives=pl.lit(negatives),
        label=pl.lit(None, pl.Int64),
    )
    skipped = {
        "outfits without a top and a bottom": whole - len(own),
        "outfits without an item that has enough negatives": len(own) - len(can),
        "outfits whose negatives were rejected": int((~ok).sum()),
        "negatives that would have completed another known outfit": drawer.completions,
    }
    return frame.select(*SCHEMA), {reason: number for reason, number in skipped.items() if number}


def _some(values: torch.Tensor, limit: int | None, chance: torch.Generator) -> torch.Tensor:
    """At most `limit` of the values (N,), taken by chance, in their order."""
    if limit is None or limit >= len(values):
        return values
    return values[torch.randperm(len(values), generator=chance)[:limit].sort().values]


def _draw(
    drawer: Negatives,
    items: torch.Tensor,
    mask: torch.Tensor,
    luck: torch.Tensor,
    count: int,
    redraw: bool,
    chance: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Blanks (B,), wrong items (B, count) and whether they fit (B,): the luckiest place for which the draw fits.

    luck: (B, n) random numbers, −1 for places that cannot serve.
    """
    luck = luck.clone()
    position, ok = torch.zeros(len(items), dtype=torch.long), torch.zeros(len(items), dtype=torch.bool)
    rows = torch.zeros((len(items), count), dtype=torch.long)
    left = torch.arange(len(items))
    while len(left):
        position[left] = luck[left].argmax(1)
        rows[left], ok[left] = drawer.draw(items[left], mask[left], position[left], count, chance, redraw=redraw)
        luck[left, position[left]] = -1.0
        left = left[~ok[left] & (luck[left] >= 0).any(1)]
    return position, rows, ok


def _table(
    catalogue: Catalogue, outfits: Outfits, position: np.ndarray, wrong: np.ndarray, counts: np.ndarray, seed: int
) -> pl.DataFrame:
    """Columns outfit_id, context, candidates, answer and position; the candidates of each question shuffled.

    wrong: (total,) rows, question after question; counts: (Q,) how many each has. position: (Q,).
    """
    here = np.arange(len(outfits))
    stays = np.ones(len(outfits.items), bool)
    blank = outfits.offsets[:-1] + position
    stays[blank] = False
    owner = np.concatenate([here, np.repeat(here, counts)])
    rows = np.concatenate([outfits.items[blank], wrong])
    order = np.lexsort([np.random.default_rng(seed).random(len(rows)), owner])
    offsets = np.concatenate([[0], np.cumsum(counts + 1)])[:-1]
    return pl.DataFrame(
        {
            "outfit_id": pl.Series(outfits.outfit_ids.tolist(), dtype=pl.String),
            "context": _lists(catalogue, outfits.items[stays], outfits.lengths - 1),
            "candidates": _lists(catalogue, rows[order], counts + 1),
            "answer": np.flatnonzero(order < len(here)) - offsets,  # the truths came first
            "position": position,
        }
    )


def _lists(catalogue: Catalogue, rows: np.ndarray, lengths: np.ndarray) -> pl.Series:
    """Lists of item ids, of the given lengths (Q,), none of them 0."""
    flat = pl.DataFrame(
        {"owner": np.repeat(np.arange(len(lengths)), lengths), "ids": catalogue.items["item_id"].gather(rows)}
    )
    return flat.group_by("owner", maintain_order=True).agg("ids")["ids"]


@dataclass(frozen=True)
class Frozen:
    """What became of one question file: `questions` rows (0: too few items, no file) and what was left out."""

    path: Path
    questions: int
    skipped: dict[str, int]
    kept: bool = False
    """The file was there already, made with the same settings."""


def freeze(
    catalogue: Catalogue,
    outfits: Outfits,
    folder: Path,
    *,
    dataset: str = "",
    splits: Iterable[str] = ("valid", "test"),
    plan: Iterable[tuple[str, str]] = PLAN,
    seed: int = 0,
    prefix: str = "",
    usable: np.ndarray | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Frozen]:
    """Write the question files ``<split>-<task>-<negatives>.parquet`` of a data set to `folder`.

    Args:
        catalogue, outfits: of every split. dataset: its name, for the files' metadata.
        splits, plan: which files. seed: of all of them.
        prefix: put before the names with a hyphen, e.g. the source that the outfits were limited to.
        usable: as for `make_questions`.
        progress: called with files done and files in all.

    Raises:
        DataError: a file is there already and was made with other settings: frozen files are never changed.
        ConfigError: the plan names an unknown task or negatives.
    """
    usable = _shown(catalogue) if usable is None else usable
    files = [(split, task, negatives) for split in splits for task, negatives in plan]
    done: list[Frozen] = []
    for split, task, negatives in files:
        path = folder / f"{prefix and prefix + '-'}{file_stem(split, task, negatives)}.parquet"
        info = {
            "dataset": dataset,
            "split": split,
            "task": task,
            "negatives": negatives,
            "choices": str(CHOICES[task]) if task in CHOICES else "",
            "limit": str(LIMITS.get(task, "")),
            "seed": str(seed),
            "usable": str(int(usable.sum())),
        }
        if path.exists():
            _same(path, info | {"catalogue": catalogue.fingerprint, "outfits": outfits.fingerprint})
            done.append(Frozen(path, len(read_table(path)), {}, kept=True))
        else:
            frame, skipped = make_questions(
                catalogue, outfits, split, task, negatives, seed=seed, limit=LIMITS.get(task), usable=usable
            )
            if len(frame):
                write_questions(frame, path, catalogue, outfits, **info)
            done.append(Frozen(path, len(frame), skipped))
        if progress:
            progress(len(done), len(files))
    return done


def file_stem(split: str, task: str, negatives: str) -> str:
    """The name of a question file; keys of negatives are written without signs, e.g. test-fitb-matched-season-id-2."""
    return f"{split}-{task}-{re.sub(r'[^A-Za-z0-9_.]+', '-', negatives).strip('-')}"


def _same(path: Path, info: dict[str, str]) -> None:
    """Raise DataError unless the file at `path` was made with these settings."""
    recorded = read_info(path)
    for name, value in info.items():
        if recorded.get(name) != value:
            raise DataError(
                f"{path} already holds frozen questions, with {name} {recorded.get(name)!r}, not {value!r}; "
                "remove the file or choose another place"
            )


def _shown(catalogue: Catalogue) -> np.ndarray:
    """(U,) bool: items with a picture; where no item has one, those with a title; else all."""
    for name in ("image", "title"):
        shown = (catalogue.items[name].fill_null("").str.strip_chars() != "").to_numpy()
        if shown.any():
            return shown
    return np.ones(len(catalogue), bool)
