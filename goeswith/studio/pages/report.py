"""Report: the report page of a run: results beside floors, training curve, best and worst outfits."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from goeswith import Dataset
from goeswith.data.encoders.networks import sees_pictures
from goeswith.data.features import Features, load_features
from goeswith.data.questions import read_questions
from goeswith.errors import GoeswithError
from goeswith.evaluate.audit import is_floor, yardsticks
from goeswith.evaluate.curves import learning_curves
from goeswith.evaluate.evaluate import answer, report
from goeswith.evaluate.reliability import reliability
from goeswith.models import Scorer
from goeswith.schemas import Result
from goeswith.scores import Score
from goeswith.studio.pages.board import Board
from goeswith.studio.pages.board_view import scored
from goeswith.studio.pages.report_findings import COUNTERS, NAMES, Findings, findings
from goeswith.studio.pages.views import items
from goeswith.studio.service.catalogue_view import CatalogueView, once
from goeswith.studio.service.source import dataset, outfit_ids
from goeswith.tables import HARDEST, headlines, title
from goeswith.train.run import Run

log = logging.getLogger(__name__)

EXTREMES = 6
"""Outfits shown of the best and of the worst."""
WIDTH, HEIGHT = 360, 200
"""Of a chart."""
NOTHING: dict[str, Any] = {"columns": [], "rows": [], "trouble": "", "sentence": "", "verdict": "", "charts": []}
"""What the page shows before anything is measured."""
MODELS_IN_WORDS = {
    "two-tower": "Two-tower", "add-gnn": "ADD-GNN", "akd-dbpr": "AKD-DBPR", "ngnn": "NGNN", "bilstm": "Bi-LSTM",
    "bpr-dae": "BPR-DAE", "csa-net": "CSA-Net", "outfit-transformer": "Outfit Transformer", "sce-net": "SCE-Net",
    "type-aware": "Type-Aware", "group-towers": "Group towers", "starter": "Starter, similar style",
}  # fmt: skip


def page(view: CatalogueView) -> dict[str, Any]:
    """What is known at once; the numbers come later, see `numbers`."""
    config, info = view.index.run.config, view.index.info
    made = MODELS_IN_WORDS.get(config["model"], config["model"])
    facts = [("Model", f"{made}, run {info['model']['title']}"), ("Looks at", _encoders(config["encoder"]))]
    facts += [("Items", f"{view.index.size:,}")]
    try:
        data = dataset(view)
        facts += [
            ("Outfits", f"{len(data.outfits):,}"), ("Data set", f"{data.name}, {data.fingerprint}"),
            ("Where from", str(data.info.get("source", ""))), ("Licence", str(data.info.get("licence", ""))),
        ]  # fmt: skip
    except GoeswithError as error:
        log.info("no outfits to report on: %s", error)
    return {"facts": [(name, text) for name, text in facts if text]}


def curve(result: Result | None) -> dict[str, Any] | None:
    """Validation AUC by epoch as a chart; none where the run does not say."""
    history = [row for row in result.get("history", []) if "valid_auc" in row] if result else []
    if len(history) < 2:
        return None
    [chart] = learning_curves({"": history}, (WIDTH, HEIGHT), (6, 14))
    x, y = chart["dot"]
    return chart | {"x": x, "y": y}


@once
def numbers(view: CatalogueView) -> dict[str, Any]:
    """Tables, calibration, best and worst outfits; measured once, when somebody first looks."""
    values, drawn = dict(NOTHING), None
    try:
        data = dataset(view)
        run = Run(view.index.path / "model").measurable(data)
        run.title = view.index.run.title
        features = load_features(data, run.config["encoder"])
        scorer = run.scorer(data, features)
        drawn = _reliability(view, data, scorer)
        values |= _table(data, features, scorer)
    except GoeswithError as error:
        values |= {"trouble": str(error)}
    charts = {"reliability": drawn, "curve": curve(view.index.run.config.get("result"))}
    return values | charts | _extremes(view) | {"again": "test" in view.index.run.learned_from}


def _files(data: Dataset) -> list[Path]:
    """The file of each task with the hardest questions that are frozen: only those are shown."""
    start = f"{data.outfit_source}-" if data.outfit_source else ""
    files = ([data.path / "questions" / f"{start}test-{task}-{kind}.parquet" for kind in HARDEST]
             for task in ("compat", "fitb"))  # fmt: skip
    return [path for path in (next(filter(Path.is_file, paths), None) for paths in files) if path]


def _table(data: Dataset, features: Features, model: Scorer) -> dict[str, Any]:
    """The model and the floors on the frozen test questions, one row each."""
    files = _files(data)
    if not files:
        return {"trouble": _why_no_questions(data)}
    floors = yardsticks(data, features)
    scorers: dict[str, Scorer] = {model.name: model} | floors
    questions = [read_questions(file, data.catalogue) for file in files]
    # One file after the other, for they share what is drawn for their intervals.
    of_file = [
        {name: report(answer(scorer, some), data, headline=True) for name, scorer in scorers.items()}
        for some in questions
    ]
    reports = {name: [own[name] for own in of_file] for name in scorers}
    counters = [name for name in COUNTERS if is_floor(name, data)]
    results = [findings(own[model.name], {name: own[name] for name in floors}, counters) for own in of_file]
    scores: dict[str, list[Score]] = {
        NAMES.get(name, name) if name in floors else name: [score for some in report_list for score in some.summary]
        for name, report_list in reports.items()
    }
    columns = headlines([score for some in scores.values() for score in some])
    rows = []
    for name, own in scores.items():
        cells = {score.column: score for score in own}
        rows.append(
            {"name": name, "model": name == model.name, "cells": [_cell(cells.get(column)) for column in columns]}
        )
    picks = next(
        (result for result in results if result.sentence.startswith("In ")), results[0] if results else Findings()
    )
    charts = [chart for result in results for chart in result.charts]
    return {
        "columns": [title(column) for column in columns], "rows": rows, "sentence": picks.sentence,
        "verdict": picks.verdict, "charts": charts,
    }  # fmt: skip


def _why_no_questions(data: Dataset) -> str:
    """Why there is nothing to measure a model on, in words for a shop."""
    if not len(data.outfits):
        return "there are no outfits to measure the model on; add orders, wish lists or sets, and build the shop again"
    if not (data.outfits.splits == "test").any():
        return "there are too few outfits to keep some for a test; with more of them, the model can be measured"
    return "no test questions have been made of the outfits yet; build the shop again to have it measured"


def _encoders(names: str) -> str:
    """What the features of a model are made of, in words."""
    parts = ["pictures" if sees_pictures(name) else "words" for name in names.split("+")]
    return f"{' and '.join(dict.fromkeys(parts))} ({names.replace('+', ' + ')})"


def _cell(score: Score | None) -> dict[str, str] | None:
    if score is None:
        return None
    low, high = score.interval
    return {"value": f"{score.value:.3f}", "range": f"{low:.3f}–{high:.3f}"}


def _reliability(view: CatalogueView, data: Dataset, scorer: Scorer) -> dict[str, Any] | None:
    """How far the probability can be relied on, as a chart."""
    if view.index.scale is None:
        return None
    try:
        measured = reliability(view.index.scale, scorer, data)
    except GoeswithError as error:
        log.info("no reliability: %s", error)
        return None
    if measured is None:
        return None
    side = HEIGHT

    def at(share: float) -> float:
        return round(6 + (side - 12) * share, 1)

    dots = [{"x": at(b.predicted), "y": side - at(b.observed), "low": side - at(b.low), "high": side - at(b.high)}
            for b in measured.bins]  # fmt: skip
    return {"words": str(measured), "dots": dots, "points": " ".join(f"{dot['x']},{dot['y']}" for dot in dots)}


def _extremes(view: CatalogueView) -> dict[str, Any]:
    """The complete test outfits that the model likes best, and least, and how many others there are.

    Outfits such as baskets of two pieces are left out: that they lack something is no judgement of taste.
    """
    try:
        data = dataset(view)
        outfits = [outfit_ids(data, number) for number in np.flatnonzero(data.outfits.splits == "test").tolist()]
        outfits = [ids for ids in outfits if all(item_id in view.index.row_of for item_id in ids)]
        looks = [look for look in scored(view, outfits, unseen=True) if np.isfinite(look.score)]
    except GoeswithError as error:
        log.info("no outfits to show: %s", error)
        return {"best": [], "worst": [], "incomplete": 0, "tested": 0}
    tested, looks = len(looks), [look for look in looks if not look.findings]
    looks.sort(key=lambda look: -(look.score if look.probability is None else look.probability))
    count = min(EXTREMES, len(looks) // 2)
    outfits_shown = [
        {"look": look, "pieces": items(view, look.item_ids), "url": Board.of(look.item_ids, ()).url}
        for look in (*looks[:count], *looks[::-1][:count])
    ]
    return {
        "best": outfits_shown[:count], "worst": outfits_shown[count:], "incomplete": tested - len(looks),
        "tested": tested,
    }  # fmt: skip
