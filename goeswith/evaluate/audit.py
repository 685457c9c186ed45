"""Audit: which shortcut (category, colour, season, popularity) solves a question file without looking at a garment."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goeswith.data.questions import Questions, read_questions
from goeswith.errors import DataError
from goeswith.evaluate.evaluate import answer, report
from goeswith.models import Scorer
from goeswith.models.floors import fit_floors

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset
    from goeswith.data.features import Features

SHORTCUTS = ("popularity", "rarity", "category", "season")
"""Floors that know nothing of taste. The others (colour, memory of item pairs, cosine) are there to be beaten."""

STRONG = 1.5
"""Odds of a right answer over those of chance, from which on questions are useless: AUC .6, of 4 choices .333."""

_WHAT = {
    "compat": "orders {} of the {} compat pairs correctly",
    "fitb": "answers {} of the {} fitb questions",
    "triplet": "orders {} of the {} triplets correctly",
    "retrieval": "reaches MRR {} on the {} retrieval questions",
}


@dataclass(frozen=True)
class Audit:
    """What the floors make of each question file.

    rows: one dict for each file, (task, negatives) in it and floor: file, floor, and a line of `Report.summary`
    with the headline measure. verdicts: file → one sentence.
    """

    rows: list[dict[str, Any]]
    verdicts: dict[str, str]

    def to_json(self) -> str:
        """Rows and verdicts as JSON."""
        return json.dumps({"rows": self.rows, "verdicts": self.verdicts}, indent=2)


def audit(
    dataset: Dataset,
    files: list[Path] | None = None,
    features: Features | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """Answer question files with floors that know the training outfits of the data set only.

    By default all files of its ``questions`` folder; of ``folder#source`` those whose name begins with the source.
    `progress` is told the files done and in all.

    Raises:
        DataError: there is no question file, or one is broken or of another data set.
    """
    if files is None:
        source = f"{dataset.outfit_source}-" if dataset.outfit_source else ""
        files = sorted((dataset.path / "questions").glob(f"{source}*.parquet"))
    if not files:
        raise DataError(f"{dataset.path} has no question files; make them with: goeswith questions {dataset.path}")
    known = yardsticks(dataset, features)
    rows: list[dict[str, Any]] = []
    verdicts = {}
    for done, file in enumerate(files, 1):
        lines = [
            {"file": file.name} | line for line in floor_rows(read_questions(file, dataset.catalogue), dataset, known)
        ]
        headlines = [line for line in lines if line["headline"]]
        rows += headlines
        verdicts[file.name] = verdict(headlines)
        if progress:
            progress(done, len(files))
    return Audit(rows, verdicts)


def yardsticks(dataset: Dataset, features: Features | None = None) -> dict[str, Scorer]:
    """The floors, fit on the training outfits; on the drawn sample also its true compatibility, as ``ceiling``.

    Raises:
        DataError: no outfit of the data set is in the training split.
    """
    known = fit_floors(dataset.catalogue, dataset.outfits.split("train"), features)
    if dataset.info.get("layout") == "sample":
        from goeswith.data.readers.sample import oracle

        known["ceiling"] = oracle(dataset.catalogue)
    return known


def floor_rows(questions: Questions, dataset: Dataset, known: Mapping[str, Scorer]) -> list[dict[str, Any]]:
    """Summary lines (see `Report`) of each of `known` (from `yardsticks`), for the head of a table.

    Each has two things more: floor, its name in `known`, and headline, whether its measure is the task's first.
    """
    lines = []
    for name, scorer in known.items():
        summary = report(answer(scorer, questions), dataset).summary
        for _, group in groupby(summary, key=lambda line: (line["task"], line["negatives"])):
            lines += [{"floor": name, "headline": place == 0, **line} for place, line in enumerate(group)]
    return lines


def verdict(lines: list[dict[str, Any]]) -> str:
    """One sentence on the headline lines of one question file: the strongest shortcut, and what follows from it.

    A shortcut counts if its 95 % interval lies above chance: where none is one, about one file in ten
    still shows one. The floors that are no shortcuts are named apart where they are above chance.
    """
    chance = {_kind(line): line["value"] for line in lines if line["floor"] == "chance"}

    def odds(line: dict[str, Any]) -> float:
        value, at = line["value"], chance[_kind(line)]
        return float(value * (1 - at) / max(at * (1 - value), 1e-12))

    shortcuts = [line for line in lines if line["floor"] in SHORTCUTS]
    ranked = sorted((line for line in lines if line["low"] > chance[_kind(line)]), key=odds, reverse=True)
    best = next((line for line in ranked if line["floor"] in SHORTCUTS), None)
    if best:
        solved = _WHAT[best["task"]].format(_told(best), best["negatives"])
        advice = (
            f"do not compare models on these {best['negatives']} questions"
            if odds(best) >= STRONG
            else "a model must beat that"
        )
        sentence = f"{_name(best)} alone {solved} (chance {_number(chance[_kind(best)])}): {advice}"
    else:
        near = max(shortcuts, key=lambda line: float(line["high"] - chance[_kind(line)]))
        at = chance[_kind(near)]
        room = _number(max(0.0, near["high"] - at))
        sentence = (
            f"no shortcut from counts alone beats chance ({_number(at)}) by more than {room}: "
            f"{_name(near)} has {_told(near)}"
        )
    more = [line for line in ranked if line["floor"] not in (*SHORTCUTS, "ceiling")]
    counted = [line["value"] for line in lines if line["floor"] in ("category", "category_colour")]
    more = [line for line in more if line["floor"] != "item_pairs" or line["value"] not in counted]  # fell back
    others = [f"{_name(line)} {_told(line)}" for line in more]
    return sentence + (f"; also to be beaten: {', '.join(others)}." if others else ".")


def _name(line: dict[str, Any]) -> str:
    names = {
        "category_colour": "category + colour",
        "item_pairs": "memory of item pairs",
        "cosine": "cosine of features",
        "standardised": "cosine of standardised features",
    }
    return names.get(line["floor"], str(line["floor"]))


def _kind(line: dict[str, Any]) -> tuple[str, str]:
    return line["task"], line["negatives"]


def _told(line: dict[str, Any]) -> str:
    return f"{_number(line['value'])} [{_number(line['low'])}, {_number(line['high'])}]"


def _number(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")
