"""How well the two stages of an index find what the full model would: retrieval over whole categories.

    python benchmarks/retrieval.py RUN DATASET [RUN DATASET ...] [--write docs/look.md]

Each question is an outfit with a gap and every item of the missing one's category (`choices="all"`). Ranked three
ways: by the first stage alone, by the full model among the first R of it and the first stage behind them, and by the
full model over all. R is the least of `COUNTS` for which the best 10 of a VALIDATION question are, in the mean, to 95 %
those of the full model; what is told is measured on test. Second: whole looks by beam search as it is against a beam
four times as wide that scores eight times as many.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from goeswith.data.dataset import Dataset
from goeswith.data.freeze import make_questions
from goeswith.data.questions import Questions
from goeswith.evaluate.bootstrap import mean, resampled
from goeswith.evaluate.measures import MEASURES, Ranks
from goeswith.shop.build import build_index
from goeswith.shop.candidates import FULL
from goeswith.shop.completion import STEP
from goeswith.shop.gaps import Gap
from goeswith.shop.index import Index
from goeswith.shop.stylist import Stylist

COUNTS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
AIM = 0.95
TOP = 10


def ask(index: Index, dataset: Dataset, split: str) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """Context rows, candidate rows (ascending) and the row of the truth, for each question of a split."""
    frame, _ = make_questions(dataset.catalogue, dataset.outfits, split, "retrieval", "category", choices="all", seed=0)
    questions = Questions.from_frame(frame, index.catalogue)
    answers = []
    for at, (start, end) in enumerate(
        zip(questions.candidate_offsets[:-1], questions.candidate_offsets[1:], strict=True)
    ):
        rows = questions.candidates[start:end]
        answers.append(
            (questions.context[at][questions.context_mask[at]], np.sort(rows), int(rows[questions.answers[at]]))
        )
    return answers


def rank(index: Index, questions: list[tuple[np.ndarray, np.ndarray, int]]) -> list[dict[str, Any]]:
    """For each question the candidates by the first stage, their full-model scores in that order, and the truth."""
    answers = []
    for context, rows, truth in questions:
        items, _ = index.candidates.shortlist(Gap(context[None], rows), len(rows))
        looks = np.column_stack([np.repeat(context[None], len(rows), axis=0), items[0]])
        scores = index.scorer.score(looks, np.ones(looks.shape, bool))
        answers.append({"scores": scores, "truth": int(np.flatnonzero(items[0] == truth)[0])})
    return answers


def overlap(answer: dict[str, Any], count: int) -> float:
    """Share of the full model's best 10 that are among the re-ranked best 10."""
    scores = answer["scores"]
    best = set(np.argsort(-scores, kind="stable")[:TOP].tolist())
    near = np.argsort(-scores[:count], kind="stable")[:TOP].tolist()
    return len(best & set(near)) / len(best)


def ranks(answers: list[dict[str, Any]], count: int | None) -> Ranks:
    """Where the truth stands: by the first stage (count 0), by R = count re-ranked, by the full model (None)."""
    above, equal, wrong = [], [], []
    for answer in answers:
        scores, truth = answer["scores"], answer["truth"]
        here = len(scores) if count is None else count
        if truth < here:  # among those that the full model scored
            above.append((scores[:here] > scores[truth]).sum())
            equal.append((scores[:here] == scores[truth]).sum() - 1)
        else:
            above.append(truth)
            equal.append(0)
        wrong.append(len(scores) - 1)
    return Ranks(*(np.array(x, np.float64) for x in (above, equal, wrong)), np.zeros(len(answers), bool))


def mean_and_interval(values: np.ndarray) -> str:
    owner = np.arange(len(values))
    low, high = np.quantile(resampled([mean(values, owner)], len(values), 0)[0], [0.025, 0.975])
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


def measure(run: Path, data: Path, work: Path) -> dict[str, Any]:
    dataset = Dataset(data)
    index = build_index(run, dataset, work / f"{run.parent.name}-{run.name}")
    started = time.process_time()
    valid, test = (rank(index, ask(index, dataset, split)) for split in ("valid", "test"))
    by_count = {count: float(np.mean([overlap(answer, count) for answer in valid])) for count in COUNTS}
    chosen = next(count for count in COUNTS if by_count[count] >= AIM)
    rows = {}
    ways = {"first stage": 0, f"re-ranked {chosen}": chosen, f"re-ranked {FULL}": FULL, "exhaustive": None}
    for name, count in ways.items():
        ranked = ranks(test, count)
        rows[name] = {str(kind): mean_and_interval(kind(ranked)) for kind in MEASURES["retrieval"]}
        shared = np.array([overlap(a, len(a["scores"]) if count is None else max(count, TOP)) for a in test])
        rows[name]["top 10 shared"] = mean_and_interval(shared)
    return {
        "run": f"{run.parent.name}/{run.name}",
        "questions": len(test),
        "candidates": round(float(np.mean([len(answer["scores"]) for answer in test]))),
        "most candidates": max(len(answer["scores"]) for answer in test),
        "valid overlap": by_count,
        "chosen": chosen,
        "test": rows,
        "looks": looks(index),
        "processor seconds": round(time.process_time() - started),
    }


def looks(index: Index, count: int = 24) -> dict[str, Any]:
    """Best looks by the beam as it is and by a wide one."""
    import goeswith.shop.stylist

    stylist, chance = Stylist(index), np.random.default_rng(0)
    tops = index.catalogue.items.with_row_index("row").filter(pl.col("group") == "top")["item_id"]
    same, gaps, spreads = [], [], []
    for item_id in chance.choice(tops.to_list(), count, replace=False):
        arguments = {"slots": ["bottom", "shoes", "bag"], "k": 10}
        usual = stylist.complete([item_id], **arguments)
        goeswith.shop.stylist.STEP = 8 * STEP
        wide = stylist.complete([item_id], **arguments, beam=64)
        goeswith.shop.stylist.STEP = STEP
        same.append(set(usual[0].item_ids) == set(wide[0].item_ids))
        gaps.append(wide[0].score - usual[0].score)
        spreads.append(wide[0].score - wide[-1].score)
    return {
        "anchors": count,
        "same best look": float(np.mean(same)),
        "score below the wide beam, mean": float(np.mean(gaps)),
        "from the wide beam, best to tenth, mean": float(np.mean(spreads)),
    }


def page(results: list[dict[str, Any]]) -> str:
    lines = []
    for result in results:
        kinds, beam = list(next(iter(result["test"].values()))), result["looks"]
        lines += [
            f"`{result['run']}`: {result['questions']:,} test questions with {result['candidates']:,} candidates in "
            f"the mean, {result['most candidates']:,} at most. On validation, {result['chosen']} re-ranked are "
            f"enough for {AIM:.0%}.",
            "",
            f"| ranked by | {' | '.join(kinds)} |",
            f"|---|{'---|' * len(kinds)}",
            *(f"| {name} | {' | '.join(row.values())} |" for name, row in result["test"].items()),
            "",
            "| re-ranked | " + " | ".join(str(count) for count in result["valid overlap"]) + " |",
            "|---|" + "---|" * len(result["valid overlap"]),
            "| top 10 shared, validation | " + " | ".join(f"{v:.3f}" for v in result["valid overlap"].values()) + " |",
            "",
            f"Whole looks of four items around {beam['anchors']} tops: a beam four times as wide that scores eight "
            f"times as many finds the same best look for {beam['same best look']:.0%}. Its best score is higher by "
            f"{beam['score below the wide beam, mean']:.3f} on average; from its best to its tenth look it is "
            f"{beam['from the wide beam, best to tenth, mean']:.3f}.",
            "",
        ]
    return "\n".join(lines).rstrip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="+", type=Path, metavar="RUN DATASET")
    parser.add_argument("--write", type=Path, help="Page to write between <!-- retrieval --> and <!-- end -->.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if len(options.pairs) % 2:
        parser.error("give RUN DATASET, once or more")
    with tempfile.TemporaryDirectory() as scratch:
        results = [
            measure(run, data, Path(scratch)) for run, data in zip(options.pairs[::2], options.pairs[1::2], strict=True)
        ]
    print(json.dumps(results, indent=2) if options.json else page(results))
    if options.write:
        text = options.write.read_text()
        new = re.sub(
            r"(<!-- retrieval -->\n).*?(<!-- end -->)", lambda m: f"{m[1]}\n{page(results)}\n\n{m[2]}", text, flags=re.S
        )
        options.write.write_text(new)


if __name__ == "__main__":
    main()
