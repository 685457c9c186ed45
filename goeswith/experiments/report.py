"""Report: one self-contained HTML page with the results on any data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from goeswith import __version__
from goeswith.errors import DataError
from goeswith.evaluate.audit import ALSO
from goeswith.evaluate.curves import History, learning_curves
from goeswith.evaluate.showcase import Blank, Pictures, ScoredOutfit
from goeswith.experiments.results import Comparison, Row
from goeswith.files import fresh_file
from goeswith.scores import Column, Difference, Score
from goeswith.tables import OFFERS, chance, headlines, long_table, retrieval_table, signed, title
from goeswith.templates import environment

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset
    from goeswith.evaluate.reliability import Reliability

KINDS = {"floor": "Floors", "model": "Models", "control": "Controls", "ceiling": "Ceiling"}
"""Kinds of `Row`, in the order of the page's table, and how they are headed."""
FLOOR_NOTES = {
    "chance": "any item, at random",
    "popularity": "what many outfits wear",
    "category colour": "colours and categories that were worn together",
    "item pairs": "items that were worn together",
    "words": "words of titles that were worn together",
    "records": "columns, counts and picture files together, fitted",
    "records and ids": "the same, and what ids give away",
    "cosine": "likeness, nothing learned",
    "standardised": "likeness of standardised features, nothing learned",
}
"""What floors are, in a few words."""
Cell = dict[str, Any]
"""What the template needs to draw one number and its interval."""
Axis = tuple[float, float, float | None]
"""Low end, high end and mark."""


@dataclass(frozen=True)
class Findings:
    """All that `page` shows.

    verdict: the sentences at the top. lead: what was done, a sentence or two. audits: question file → its verdict.
    ladder: names of a few rows to draw at the top, by the headline measure. looks: catalogue rows of completed looks to
    begin with, the item that each was built around first.
    retrieval: scores on the whole catalogue, see `goeswith.tables.retrieval_table`.
    curves: caption → run → what each epoch measured. shown: the scorer whose choices `best`, `worst`, `right` and
    `wrong` are. reliability: of its probabilities. commands: how to make the numbers again.
    """

    rows: Sequence[Row]
    verdict: str = ""
    lead: str = ""
    ladder: Sequence[str] = ()
    looks: Sequence[Sequence[int]] = ()
    comparisons: Sequence[Comparison] = ()
    audits: Mapping[str, str] = field(default_factory=dict)
    retrieval: Sequence[Score] = ()
    curves: Mapping[str, Mapping[str, History]] = field(default_factory=dict)
    shown: str = ""
    best: Sequence[ScoredOutfit] = ()
    worst: Sequence[ScoredOutfit] = ()
    right: Sequence[Blank] = ()
    wrong: Sequence[Blank] = ()
    reliability: Reliability | None = None
    commands: Sequence[str] = ()


def page(dataset: Dataset, findings: Findings, out: Path, *, heading: str = "") -> Path:
    """Write one self-contained HTML file: tables, curves, pictures; light and dark, on a desk and on a phone.

    Nothing is loaded from elsewhere, and whatever comes from the data is escaped.

    Raises:
        DataError: nothing was measured, or a row is of an unknown kind.
    """
    scores = [score for row in findings.rows for score in row.scores]
    if not scores:
        raise DataError("a report needs at least one measured number; evaluate a run first")
    for row in findings.rows:
        if row.kind not in KINDS:
            raise DataError(f"{row.name!r} is of kind {row.kind!r}; the kinds are {', '.join(KINDS)}")
    columns = headlines(scores, ["exhaustive"]) + (headlines(scores) or [scores[0].column])
    signatures = {score.column: score.signature for score in scores}
    pages = environment("goeswith.experiments")
    pages.filters["score"] = _score
    written = pages.get_template("report.html").render(
        heading=heading or f"{dataset.name}: what goes with what",
        version=__version__,
        info=dataset.info,
        items=f"{len(dataset.catalogue):,}",
        outfits=f"{len(dataset.outfits):,}",
        name=dataset.name,
        source=dataset.outfit_source,
        fingerprint=dataset.fingerprint,
        findings=findings,
        several=any(len(score.seeds or ()) > 1 for score in scores),
        columns=[{"title": title(column), "signature": signatures[column]} for column in columns],
        groups=_groups(findings.rows, columns),
        ladder=_ladder(findings, columns[-1]),
        effects=_effects(findings.comparisons, columns),
        charts={caption: learning_curves(runs, (200, 60)) for caption, runs in findings.curves.items()},
        diagram=_diagram(findings.reliability),
        everything=long_table(scores),
        retrieval=retrieval_table(findings.retrieval) if findings.retrieval else None,
        offers=OFFERS,
        also=ALSO,
        asked=dict.fromkeys(score.signature for score in findings.retrieval),
        item=Pictures(dataset),
    )
    with fresh_file(out) as partial:
        partial.write_text(written, encoding="utf-8")
    return out


def _score(number: float) -> str:
    """A score with as many digits as tell candidates apart."""
    return f"{number:.{2 if abs(number) >= 1 else 3}f}".replace("-", "−")


def _groups(rows: Sequence[Row], columns: Sequence[Column]) -> dict[str, list[tuple[Row, list[Cell | None]]]]:
    """The rows of the table under the head of their kind, each with one cell a column."""
    scores = [score for row in rows for score in row.scores]
    axes = [_axis([score for score in scores if score.column == column]) for column in columns]
    groups: dict[str, list[tuple[Row, list[Cell | None]]]] = {}
    for kind, head in KINDS.items():
        for row in (row for row in rows if row.kind == kind):
            own = {score.column: score for score in row.scores}
            cells = [_level(own[at], axis) if at in own else None for at, axis in zip(columns, axes, strict=True)]
            groups.setdefault(head, []).append((row, cells))
    return groups


def _ladder(findings: Findings, column: Column) -> list[dict[str, Any]]:
    """The rows to draw at the top, each with its value and how it is read, from the lowest to the highest."""
    rows = [
        {"name": row.name, "kind": row.kind, "note": row.note or FLOOR_NOTES.get(row.name, ""), "value": score.value}
        for row in findings.rows
        for score in row.scores
        if row.name in findings.ladder and score.column == column
    ]
    return sorted(rows, key=lambda row: float(row["value"]))


def _axis(scores: Sequence[Score]) -> Axis:
    """An axis that holds the intervals of all scores, its ends at multiples of .05, with a mark at chance."""
    low = np.floor(20 * min(score.interval[0] for score in scores)) / 20
    high = np.ceil(20 * max(score.interval[1] for score in scores)) / 20
    return low, high, next((score.value for score in scores if score.scorer == "chance"), None)


def _level(score: Score, axis: Axis) -> Cell:
    low, high = score.interval
    ends = f"{low:.3f}–{high:.3f}" if high > low else ""
    placed = _placed(score.value, low, high, axis)
    return placed | {"text": f"{score.value:.3f}", "range": ends, "unanswered": score.unanswered}


def _effects(
    comparisons: Sequence[Comparison], columns: Sequence[Column]
) -> list[tuple[Comparison, list[Cell | None]]]:
    """The rows of the table of differences, on axes that are symmetric about zero."""
    lines = [line for comparison in comparisons for line in comparison.lines]
    reach = {column: max((max(-x.low, x.high) for x in lines if x.column == column), default=0.0) for column in columns}
    rows = []
    for comparison in comparisons:
        own = {line.column: line for line in comparison.lines}
        rows.append(
            (comparison, [_effect(own[column], reach[column]) if column in own else None for column in columns])
        )
    return rows


def _effect(line: Difference, reach: float) -> Cell:
    end = max(0.02, np.ceil(50 * reach) / 50)
    sure = line.shows in ("higher", "lower") if line.shows else line.low > 0 or line.high < 0
    return _placed(line.difference, line.low, line.high, (-end, end, 0.0)) | {
        "text": signed(line.difference),
        "range": f"[{signed(line.low)}, {signed(line.high)}]",
        "p": ", ".join(filter(None, [chance(line.p if line.p_holm is None else line.p_holm), line.shows])),
        "look": ("model" if line.difference > 0 else "control") if sure else "unsure",
    }


def _placed(at: float, start: float, end: float, axis: Axis) -> Cell:
    """Where a value, its interval and the mark of its axis lie, in per cent of the axis."""
    low, high, mark = axis

    def percent(number: float) -> float:
        return round(float(100 * (number - low) / max(high - low, 1e-9)), 2)

    return {
        "dot": percent(at),
        "start": percent(start),
        "width": round(percent(end) - percent(start), 2),
        "mark": None if mark is None else percent(mark),
        "axis": [signed(number, 2) if low < 0 else f"{number:.2f}" for number in (low, high)],
    }


def _diagram(reliability: Reliability | None) -> list[dict[str, Any]]:
    """Predicted against observed as points of a 200 × 200 drawing whose origin is at the top left."""
    return [
        {
            "x": round(200 * part.predicted, 1),
            "y": round(200 * (1 - part.observed), 1),
            "top": round(200 * (1 - part.high), 1),
            "bottom": round(200 * (1 - part.low), 1),
            "words": f"{part.predicted:.2f} told, {part.observed:.2f} true, {part.count:,} cases",
        }
        for part in (reliability.bins if reliability else ())
    ]
