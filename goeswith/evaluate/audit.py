"""Audit: which shortcut solves a question file without a look at the garments."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from goeswith.data.keys import key_values, parse_keys
from goeswith.data.negatives import BY
from goeswith.data.questions import Questions, read_questions
from goeswith.errors import ConfigError, DataError
from goeswith.evaluate.evaluate import Report, answer, report
from goeswith.evaluate.shortcuts import ClueScore, Shortcuts, single_clues
from goeswith.models import Scorer
from goeswith.models.floors import fit_floors
from goeswith.scores import Score
from goeswith.tables import few_questions

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset
    from goeswith.data.features import Features

SHORTCUTS = ("popularity", "rarity", "category", "season")
"""Floors that know nothing of taste. The others (colour, memory of item pairs, cosine) are there to be beaten."""

LEAK = 0.99
"""A floor from here on says that something gives the answers away, such as ids; it is no mark for models."""

STRONG = 1.5
"""Odds of a right answer over those of chance, from which on questions are useless: AUC .6, of 4 choices .333."""

ALSO = "; other baselines to beat: "
"""In a conclusion between what counts alone and what else a model must beat."""
ANSWERS = ("records", "records and ids")
"""Floors that are none on the generated sample, whose columns are all that its taste is made of."""
SHOWN = 5
"""Clues that a sentence names."""
_ROUNDING = 1e-9  # a mean of many equal reciprocals is not each of them

_WHAT = {
    "compat": "orders {} of the {} compat pairs correctly",
    "fitb": "answers {} of the {} fitb questions",
    "triplet": "orders {} of the {} triplets correctly",
    "retrieval": "reaches MRR {} on the {} retrieval questions",
}


@dataclass(frozen=True)
class Audit:
    """What the floors make of each question file.

    scores: file → for each (task, negatives) in it and each floor the headline measure. verdicts: file → one sentence,
    and others on what it rests on.
    clues: file → every clue of the records alone, the best first. used: file → clue → its part in the floor
    ``records and ids``, which weighs them all.
    left_out: files of training questions, to which floors that counted training outfits know the answers.
    """

    scores: dict[str, list[Score]]
    verdicts: dict[str, str]
    clues: dict[str, list[ClueScore]]
    used: dict[str, dict[str, float]]
    left_out: tuple[str, ...] = ()

    def to_json(self) -> str:
        """One row a score, the verdicts, the clues and how much each was used, as JSON."""
        rows = [{"file": file} | score.to_dict() for file, scores in self.scores.items() for score in scores]
        clues = [{"file": file} | clue._asdict() for file, own in self.clues.items() for clue in own]
        audited = {"rows": rows, "verdicts": self.verdicts, "clues": clues, "used": self.used}
        return json.dumps(audited | {"left_out": self.left_out}, indent=2)


def audit(
    dataset: Dataset,
    files: list[Path] | None = None,
    features: Features | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """Answer question files with floors that know the training outfits of the data set only.

    By default all files of its ``questions`` folder but those of training questions; of ``folder#source`` those whose
    name begins with the source.
    `progress` is called with the files done and the total.

    Raises:
        DataError: there is no question file, or one is broken or of another data set.
    """
    left_out: tuple[str, ...] = ()
    if files is None:
        source = f"{dataset.outfit_source}-" if dataset.outfit_source else ""
        there = sorted((dataset.path / "questions").glob(f"{source}*.parquet"))
        files = [file for file in there if not _of_training(file)]
        left_out = tuple(file.name for file in there if file not in files)
    if not files:
        raise DataError(f"{dataset.path} has no question files; make them with: goeswith questions {dataset.path}")
    shortcuts = Shortcuts(dataset)
    floors = yardsticks(dataset, features, shortcuts)
    audit = Audit({}, {}, {}, {}, left_out)
    for done, file in enumerate(files, 1):
        questions = read_questions(file, dataset.catalogue)
        headlines = [score for score in floor_scores(questions, dataset, floors) if score.headline]
        audit.scores.setdefault(file.name, []).extend(headlines)
        audit.clues[file.name] = single_clues(shortcuts, questions)
        audit.used[file.name] = shortcuts.fitted_to(questions).shares
        records = records_sentence(audit.clues[file.name], audit.used[file.name])
        labels = _LABELS if _is_sample(dataset) else ""
        finer = "" if labels else finer_sentence(audit.clues[file.name], questions, dataset)
        sentences = (conclusion(headlines), few_questions(headlines), records, finer, labels)
        audit.verdicts[file.name] = " ".join(filter(None, sentences))
        if progress:
            progress(done, len(files))
    return audit


def _of_training(file: Path) -> bool:
    try:
        return pl.read_parquet_metadata(file).get("split") == "train"
    except (OSError, pl.exceptions.ComputeError):
        return False  # a broken file is reported where it is read


def yardsticks(
    dataset: Dataset, features: Features | None = None, shortcuts: Shortcuts | None = None
) -> dict[str, Scorer]:
    """The floors, fit on the training outfits, ``records`` and ``records and ids`` when they are first asked.

    shortcuts: those of the data set, where they are there already.

    On the generated sample its true compatibility is there too, as ``ceiling``.

    Raises:
        DataError: no outfit of the data set is in the training split.
    """
    floors = fit_floors(dataset.catalogue, dataset.outfits.split("train"), features)
    floors |= (shortcuts or Shortcuts(dataset)).floors
    if _is_sample(dataset):
        from goeswith.data.readers.sample import oracle

        floors["ceiling"] = oracle(dataset.catalogue)
    return floors


def is_floor(name: str, dataset: Dataset) -> bool:
    """Whether one of the `yardsticks` of a data set knows nothing of taste."""
    return name != "ceiling" and not (name in ANSWERS and _is_sample(dataset))


def _is_sample(dataset: Dataset) -> bool:
    return dataset.info.get("layout") == "sample"


_LABELS = (
    "In the generated sample, columns (category, colour, material, pattern) define the taste, so records are labels of "
    "the answer and not a floor."
)


def floor_reports(questions: Questions, dataset: Dataset, floors: Mapping[str, Scorer]) -> list[Report]:
    """What each floor (from `yardsticks`) answers; its scores have its name there and whether they are a headline."""
    reports = []
    for name, scorer in floors.items():
        answered = report(answer(scorer, questions), dataset)
        summary = [
            replace(score, floor=name, headline=number == 0)
            for _, group in groupby(answered.summary, key=_kind)
            for number, score in enumerate(group)
        ]
        reports.append(replace(answered, summary=summary))
    return reports


def floor_scores(questions: Questions, dataset: Dataset, floors: Mapping[str, Scorer]) -> list[Score]:
    """The scores of `floor_reports`."""
    return [score for each in floor_reports(questions, dataset, floors) for score in each.summary]


def conclusion(scores: Sequence[Score]) -> str:
    """One sentence on the headline scores of one question file: the strongest shortcut, and what follows from it.

    A shortcut counts if its 95 % interval lies above chance: where none is one, about one file in ten
    still shows one. The floors that are no shortcuts are named apart where they are above chance.
    """
    chance = {_kind(score): score.value for score in scores if score.floor == "chance"}

    def odds(score: Score) -> float:
        value, at = score.value, chance[_kind(score)]
        return float(value * (1 - at) / max(at * (1 - value), 1e-12))

    shortcuts = [score for score in scores if score.floor in SHORTCUTS]
    above = (score for score in scores if score.interval[0] > chance[_kind(score)] + _ROUNDING)
    ranked = sorted(above, key=odds, reverse=True)
    best = next((score for score in ranked if score.floor in SHORTCUTS), None)
    if best:
        solved = _WHAT[best.task].format(_with_interval(best), best.negatives)
        advice = (
            f"do not compare models on these {best.negatives} questions"
            if odds(best) >= STRONG
            else "a model must beat that"
        )
        sentence = f"{_name(best)} alone {solved} (chance {_number(chance[_kind(best)])}): {advice}"
    else:
        near = max(shortcuts, key=lambda score: float(score.interval[1] - chance[_kind(score)]))
        at = chance[_kind(near)]
        margin = _number(max(0.0, near.interval[1] - at))
        sentence = (
            f"neither popularity, rarity, category nor season alone beats chance ({_number(at)}) by more than "
            f"{margin}: "
            f"{_name(near)} has {_with_interval(near)}"
        )
    more = [score for score in ranked if score.floor not in (*SHORTCUTS, "ceiling")]
    counted = [score.value for score in scores if score.floor in ("category", "category colour")]
    more = [score for score in more if score.floor != "item pairs" or score.value not in counted]  # fell back
    more.sort(key=lambda score: score.floor in ("records", "records and ids"))
    others = [f"{_name(score)} {_with_interval(score)}" for score in more if score.value < LEAK]
    leaks = [f"{_name(score)} {_with_interval(score)}" for score in more if score.value >= LEAK]
    sentence += f"{ALSO}{', '.join(others)}." if others else "."
    return sentence + (f" The answers are given away by {' and '.join(leaks)}: no mark for models." if leaks else "")


def records_sentence(clues: Sequence[ClueScore], used: Mapping[str, float]) -> str:
    """One sentence on the clues of the records: which tell most alone, and which the fitted floor uses most."""
    telling = [clue for clue in clues if clue.above]
    if not clues:
        return ""
    if not telling:
        return f"None of {len(clues)} clues from ids, columns, counts and picture files beats chance alone."
    alone = ", ".join(f"{clue.name} {_number(clue.value)}" for clue in telling[:SHOWN])
    most = ", ".join(list(used)[:SHOWN])
    count = f"{len(telling)} of {len(clues)} clues from records"
    return f"{count} beat chance alone: {alone}. Combined, they rely most on {most}."


def finer_sentence(clues: Sequence[ClueScore], questions: Questions, dataset: Dataset) -> str:
    """The command that makes matched questions whose items agree in the strongest clue, too; "" where none would.

    A clue from `LEAK` on names the outfit, so that nothing else agrees in it.
    """
    kinds = set(questions.frame["negatives"])
    kind = kinds.pop() if len(kinds) == 1 else ""
    if kind != "matched" and not kind.startswith(BY):
        return ""
    season = ("season",) if dataset.catalogue.codes("season")[1] else ()
    keys = parse_keys(kind.removeprefix(BY)) if kind.startswith(BY) else season
    telling = [clue.name for clue in clues if clue.above and clue.value < LEAK]
    names = (name.removeprefix("same ").removesuffix(" worn together") for name in telling)
    finer = next((name for name in names if _is_key(name, dataset) and name not in (*keys, "category")), None)
    if finer is None:
        return ""
    return (
        f"Questions whose items agree in {finer}, too: "
        f"goeswith questions {dataset.path} --match {shlex.quote(','.join((*keys, finer)))}"
    )


def _is_key(name: str, dataset: Dataset) -> bool:
    try:
        return key_values(dataset.catalogue, *parse_keys(name)).n_unique() > 1
    except ConfigError:
        return False


def _name(score: Score) -> str:
    names = {
        "category colour": "category + colour",
        "item pairs": "memory of item pairs",
        "cosine": "cosine of features",
        "standardised": "cosine of standardised features",
        "records": "all records together",
        "records and ids": "all records and ids together",
    }
    return names.get(str(score.floor), str(score.floor))


def _kind(score: Score) -> tuple[str, str]:
    return score.task, score.negatives


def _with_interval(score: Score) -> str:
    return f"{_number(score.value)} [{_number(score.interval[0])}, {_number(score.interval[1])}]"


def _number(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")
