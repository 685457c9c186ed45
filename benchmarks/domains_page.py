"""The page docs/knowledge-domains.md, from what docs/results/ keeps of each study alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from goeswith.experiments.study_results import outfits_text
from goeswith.tables import markdown, signed

HEAD = """# Why knowledge travels, or does not

Made by `python benchmarks/domains.py` from the files in `docs/results/`; do not edit. What differs between a student's
data and its designers', beside what [curves](knowledge.md) say of the gain. Models are those of one seed, without
intervals: this page describes, and tests nothing.

"""

FEATURES = """## The features

By encoder, of items that training outfits wear; in brackets the same for two halves of the designers' own items. Below
.5: the same items are on both sides (the generated sample has one catalogue).

- *shift*: how far the means are apart, in standard deviations (root mean square over the dimensions).
- *told apart*: AUC of a linear discriminant between the two sets, cross-fitted; .5: it cannot.
- *nearest from own side*: share of items whose nearest other item, by cosine, is of their own data set; .5: alike. The
  second column has each set standardised by itself, as trusted teachers see it.
- *axes*: share of the student's 32 main directions that lies in the designers' 32.
- *what goes together*: cosine of the two sets' products of features within outfits, categories taken out; 1: the same,
  0: nothing in common. In brackets: the student's own two halves, which have half the outfits each; then shuffled
  designers.

"""
SCORERS = """
## What the designers' model says

Exhaustive AUC of the student's test outfits. *At home*: the designers' model on their own test outfits.

"""
AGREEMENT = """
Rank correlation over all questions about the student's test outfits; *beyond likeness*: partial correlation, the cosine
held fixed. Where a model of shuffled designers agrees with the student's as much, that is no sign of a shared taste.

"""
PICTURES = """
## The pictures

Means of up to 500 pictures: share of pixels near the border's colour, brightness of the border from 0 to 255, its
deviation along the border, height in pixels, width / height.

"""


def write_page(results: Path, page: Path) -> Path:
    """Write the page from all studies that were measured."""
    studies = [json.loads(path.read_text()) for path in sorted(results.glob("domains-*.json"))]
    text = HEAD + gains(results, studies) + FEATURES + features(studies) + SCORERS + scorers(studies)
    page.write_text(text + AGREEMENT + agreement(studies) + PICTURES + pictures(studies))
    return page


def gains(results: Path, studies: Iterable[Mapping[str, Any]]) -> str:
    """One line a study: what designers add to no knowledge, of the curves."""
    lines = []
    for each in studies:
        path = results / f"curves-{each['name']}.json"
        comparisons = json.loads(path.read_text())["comparisons"] if path.is_file() else []
        gain = [
            f"{signed(line['difference'], 4)} ({line['shows']}) at {outfits_text(line['outfits'])}"
            for line in comparisons
            if (line["scorer"], line["against"]) == ("designers", "none")
        ]
        lines.append(f"- {each['title']}: {', '.join(gain) if gain else 'not measured'}")
    return "Gain of designers over no knowledge, in exhaustive AUC, by number of own outfits:\n\n" + "\n".join(
        [*lines, "", ""]
    )


def features(studies: Iterable[Mapping[str, Any]]) -> str:
    rows = []
    for each in studies:
        for encoder, measures in each["features"].items():
            taste = measures["taste"]
            rows.append(
                [
                    f"{each['title']}, `{encoder}`", _beside(measures["shift"], 2), _beside(measures["separated"]),
                    _beside(measures["nearest"]), _beside(measures["nearest_standardised"]), _beside(measures["axes"]),
                    f"{taste['domains']:.3f} ({taste['own halves']:.3f}; {taste['shuffled']:.3f})",
                ]
            )  # fmt: skip
    head = ["", "shift", "told apart", "nearest from own side", "the same, standardised", "axes", "what goes together"]
    return markdown(head, rows)


def _beside(measure: Mapping[str, float], digits: int = 3) -> str:
    return f"{measure['domains']:.{digits}f} ({measure['halves']:.{digits}f})"


SCORED = {
    "likeness": "cosine", "own": "own towers, all outfits", "designers": "designers, student's standard",
    "designers, own standard": "designers, their standard", "shuffled": "shuffled designers",
    "designers at home": "designers at home",
}  # fmt: skip
"""Of `domains.asked` → head of a column."""


def scorers(studies: Iterable[Mapping[str, Any]]) -> str:
    rows = [
        [each["title"], *(_number(each["scorers"]["auc"].get(name)) for name in SCORED)]
        for each in studies
    ]  # fmt: skip
    return markdown(["", *SCORED.values()], rows)


def agreement(studies: Iterable[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for each in studies for name in each["scorers"]["agreement"]))
    rows = [[each["title"], *(_number(each["scorers"]["agreement"].get(name)) for name in names)] for each in studies]
    return markdown(["", *names], rows)


def pictures(studies: Iterable[Mapping[str, Any]]) -> str:
    rows = []
    for each in studies:
        for who, look in zip(("student", "designers"), each["pictures"], strict=True):
            if look:
                sizes = [
                    f"{look['background']:.2f}", f"{look['border_brightness']:.0f}", f"{look['border_deviation']:.0f}",
                    f"{look['height']:.0f}", f"{look['proportion']:.2f}",
                ]  # fmt: skip
                rows.append([f"{each['title']}: {who}", *sizes])
    head = ["", "background", "border's brightness", "border's deviation", "height", "width / height"]
    return markdown(head, rows) if rows else "None of these data sets has pictures.\n"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
