"""Showcase: example outfits and questions, with thumbnails small enough for a page."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from goeswith.data.captions import title_of
from goeswith.errors import DataError

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset
    from goeswith.data.questions import Questions
    from goeswith.evaluate.evaluate import Report
    from goeswith.models import Scorer

log = logging.getLogger(__name__)

THUMBNAIL = 208
"""Pixels along a picture on the page: twice what a screen of ordinary density shows."""


@dataclass(frozen=True)
class ScoredOutfit:
    """An outfit that was scored. rows: (n,) catalogue rows."""

    outfit_id: str
    rows: Sequence[int]
    score: float


@dataclass(frozen=True)
class Blank:
    """A FITB question that was answered.

    context: catalogue rows without the blank, in order. position: place of the blank. candidates: catalogue rows.
    scores: one a candidate. answer: place of the truth in `candidates`; pick: of the highest score.
    """

    question_id: str
    context: Sequence[int]
    position: int
    candidates: Sequence[int]
    scores: Sequence[float]
    answer: int
    pick: int


def extremes(
    scorer: Scorer, dataset: Dataset, split: str = "test", count: int = 5
) -> tuple[list[ScoredOutfit], list[ScoredOutfit]]:
    """The outfits of a split that the scorer likes best, and those it likes least, the worst first.

    Outfits without a score are in neither.
    """
    outfits = dataset.outfits.split(split)
    scores = np.asarray(scorer.score(*outfits.padded()))
    order = np.argsort(-scores, kind="stable")[: int((~np.isnan(scores)).sum())].tolist()
    count = min(count, len(order) // 2)
    looks = [ScoredOutfit(str(outfits.outfit_ids[at]), outfits[at].tolist(), float(scores[at])) for at in order]
    return looks[:count], looks[::-1][:count]


def blanks(report: Report, questions: Questions, count: int = 4, seed: int = 0) -> tuple[list[Blank], list[Blank]]:
    """FITB questions that a scorer answered correctly and wrongly, `count` of each, taken by chance and not chosen.

    Questions with a tie at the top or a missing score are in neither.
    """
    right: list[Blank] = []
    wrong: list[Blank] = []
    for at in np.random.default_rng(seed).permutation(len(questions)).tolist():
        scores, answer = np.array(report.rows["scores"][at]), int(questions.answers[at])
        if answer < 0 or np.isnan(scores).any() or (scores == scores.max()).sum() > 1:
            continue
        start, end = questions.candidate_offsets[at : at + 2]
        blank = Blank(
            question_id=questions.frame["question_id"][at],
            context=questions.context[at][questions.context_mask[at]].tolist(),
            position=int(questions.positions[at]),
            candidates=questions.candidates[start:end].tolist(),
            scores=scores.tolist(),
            answer=answer,
            pick=int(scores.argmax()),
        )
        kind = right if blank.pick == answer else wrong
        if len(kind) < count:
            kind.append(blank)
        if len(right) == len(wrong) == count:
            break
    return right, wrong


class Pictures:
    """Called with a catalogue row: its name and its picture as a small data URI, none where it has no picture."""

    def __init__(self, dataset: Dataset) -> None:
        self.folder, self.items = dataset.path, dataset.catalogue.items
        self.cached: dict[int, dict[str, str]] = {}

    def __call__(self, row: int) -> dict[str, str]:
        """name, category and picture of an item."""
        if row not in self.cached:
            item = self.items.row(row, named=True)
            self.cached[row] = {
                "name": title_of(item) or f"{item['category']} {item['item_id']}",
                "category": item["category"],
                "picture": self.thumbnail(item["image"]),
            }
        return self.cached[row]

    def thumbnail(self, image: str | None) -> str:
        """A square JPEG as a data URI, on white; empty where there is no picture or it cannot be read."""
        from PIL import Image

        from goeswith.data.encoders.pictures import read_picture

        if not image:
            return ""
        try:
            pixels = read_picture(self.folder / image, (THUMBNAIL, THUMBNAIL))
        except DataError as error:
            log.warning("the report shows no picture of %s: %s", image, error)
            return ""
        written = io.BytesIO()
        Image.fromarray(pixels).save(written, "JPEG", quality=80, optimize=True)
        return "data:image/jpeg;base64," + base64.b64encode(written.getvalue()).decode()
