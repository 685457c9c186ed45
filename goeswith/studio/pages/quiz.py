"""Quiz: fill in the blank, a person against the model, on test outfits that the model was not trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from goeswith.data.freeze import make_questions
from goeswith.data.questions import read_questions
from goeswith.errors import DataError, GoeswithError
from goeswith.studio.pages.board import Board, address
from goeswith.studio.pages.board_view import scored
from goeswith.studio.pages.quiz_card import ending
from goeswith.studio.pages.quiz_reasons import reason
from goeswith.studio.pages.views import items
from goeswith.studio.service.catalogue_view import CatalogueView, once
from goeswith.studio.service.source import dataset, held_out, in_words

KINDS = ("matched", "category", "random")
"""Negatives of the question file to ask, the first that is there: matched ones leave nothing to go by but taste."""
SEEDS = 10**6
CHOICES = 4
ROUND = 10
"""Questions of one round; then the score is shown, with a card to share."""
MOST_WORN = 8
"""Items beside the blank; larger outfits do not fit on a phone."""


@once
def questions(view: CatalogueView) -> pl.DataFrame:
    """The questions of the quiz: the data set's frozen ones, else some made of its test outfits.

    Raises:
        DataError: the data set is gone, or has no test outfit that makes one.
    """
    data = dataset(view)
    start = f"{data.outfit_source}-" if data.outfit_source else ""
    files = [data.path / "questions" / f"{start}test-fitb-{kind}.parquet" for kind in KINDS]
    for file in filter(Path.is_file, files):
        frame = _askable(view, read_questions(file, data.catalogue).frame)
        if len(frame):
            return frame
    for kind in KINDS:
        try:
            frame, _ = make_questions(data.catalogue, data.outfits, "test", "fitb", kind, limit=200)
        except GoeswithError:
            continue
        if len(frame := _askable(view, frame)):
            return frame
    raise DataError(
        "there are too few outfits that the model has not seen to ask about; "
        "add orders, wish lists or sets, and build the shop again"
    )


def _askable(view: CatalogueView, frame: pl.DataFrame) -> pl.DataFrame:
    """Those of four choices whose items are all in the index, with features, and fit on a screen."""
    present = set(np.array(view.catalogue.ids, object)[view.index.scorer.present].tolist())
    able = [
        len(row["candidates"]) == CHOICES and row["label"] is None and len(row["context"]) <= MOST_WORN
        and present.issuperset((*row["context"], *row["candidates"]))
        for row in frame.iter_rows(named=True)
    ]  # fmt: skip
    return frame.filter(pl.Series(able, dtype=pl.Boolean))


def order(count: int, seed: int) -> np.ndarray:
    """Places (count,) of the questions in the order that they are asked in."""
    shuffled: np.ndarray = np.random.default_rng(seed).permutation(count)
    return shuffled


def ask(view: CatalogueView, seed: int, number: int) -> dict[str, Any]:
    """A question as it is shown, without its answer: what is worn, where the blank is, and the candidates."""
    frame = questions(view)
    row = frame.row(int(order(len(frame), seed)[number % len(frame)]), named=True)
    worn = items(view, row["context"])
    return {
        "before": worn[: row["position"]], "after": worn[row["position"] :],
        "candidates": items(view, row["candidates"]), "row": row, "questions": len(frame),
    }  # fmt: skip


def answer(view: CatalogueView, row: dict[str, Any], choice: int) -> dict[str, Any]:
    """What was worn, what the model picks, and who is right; a tie at the top makes the model wrong."""
    at = row["position"]
    outfits = [[*row["context"][:at], candidate, *row["context"][at:]] for candidate in row["candidates"]]
    looks = scored(view, outfits, unseen=True)
    scores = np.array([look.score for look in looks])
    best = np.flatnonzero(scores == np.nanmax(scores))
    pick = int(best[0]) if len(best) == 1 else -1
    return {
        "truth": row["answer"], "choice": choice, "pick": pick, "looks": looks,
        "you_right": choice == row["answer"], "model_right": pick == row["answer"],
    }  # fmt: skip


def page(view: CatalogueView, board: Board, seed: int, asked: int, you: int, model: int, choice: int) -> dict[str, Any]:
    """All that the page shows. Nothing of the answer is in it before there is a choice."""
    shown: dict[str, Any] = dict.fromkeys(("trouble", "next", "announcement", "end", "why"), "")
    shown |= {"answered": None, "questions": 0}
    counts = {"asked": max(asked, 0), "you": min(max(you, 0), asked), "model": min(max(model, 0), asked)}
    if counts["asked"] >= ROUND:
        end = ending(counts["you"], counts["model"], counts["asked"])
        again = board.at("/quiz", seed=(seed + 1) % SEEDS)
        card = address("/quiz/card", you=counts["you"], model=counts["model"], asked=counts["asked"])
        return shown | counts | {"end": end, "announcement": end, "next": again, "card": card}
    try:
        question = ask(view, seed, counts["asked"])
        held_out(view)  # without which the model has no answer
    except GoeswithError as error:
        return shown | counts | {"trouble": in_words(view, error)}
    row = question.pop("row")
    shown |= question
    shown["same"] = len({candidate.category for candidate in question["candidates"]}) == 1
    shown["state"] = [("seed", seed), *counts.items()]
    shown["announcement"] = f"Question {counts['asked'] + 1}"
    if 0 <= choice < CHOICES:
        answered = answer(view, row, choice)
        counts = {
            "asked": counts["asked"] + 1, "you": counts["you"] + answered["you_right"],
            "model": counts["model"] + answered["model_right"],
        }  # fmt: skip
        shown["why"] = reason(view, row["context"], row["candidates"], row["answer"])
        shown |= {"answered": answered, "announcement": _outcome(answered["you_right"], answered["model_right"])}
        shown["next"] = board.at("/quiz", seed=seed, **counts)
    return shown | counts


def _outcome(you: bool, model: bool) -> str:
    if you and model:
        return "Both right"
    if you:
        return "You are right, the model is not"
    return "The model is right this time" if model else "Neither of you"
