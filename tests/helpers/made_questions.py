"""Questions made by hand, with known answers."""

from types import SimpleNamespace
from typing import Any

import polars as pl

from goeswith.data.catalogue import Catalogue
from goeswith.data.questions import SCHEMA, Questions

CATALOGUE = Catalogue(pl.DataFrame({"item_id": [f"i{row}" for row in range(30)], "category": ["c"] * 30}))


DATASET: Any = SimpleNamespace(name="world", fingerprint="0123456789ab")


INFO = {"split": "test", "seed": "0"}


def question_rows(
    task: str,
    choices: int,
    answers: list[int],
    outfits: list[str] | None = None,
    negatives: str = "category",
    start: int = 0,
) -> list[dict[str, Any]]:
    """Question q asks for candidate number answers[q] among items i10, i11, ...; the context is i0, i1."""
    return [
        {
            "question_id": f"{task}-{negatives}-{q + start}",
            "task": task,
            "negatives": negatives,
            "outfit_id": outfits[q] if outfits else f"o{q}",
            "context": ["i0", "i1"],
            "candidates": [f"i{10 + choice}" for choice in range(choices)],
            "answer": index,
            "position": 1,
            "label": None,
        }
        for q, index in enumerate(answers)
    ]


def labelled(labels: list[int]) -> list[dict[str, Any]]:
    return [
        {
            "question_id": f"l{q}",
            "task": "compat",
            "negatives": "official",
            "outfit_id": f"o{q}",
            "context": ["i0", f"i{10 + q}"],
            "candidates": [],
            "answer": -1,
            "position": 0,
            "label": label,
        }
        for q, label in enumerate(labels)
    ]


def questions_of(rows: list[dict[str, Any]], **info: str) -> Questions:
    return Questions.from_frame(pl.DataFrame(rows, schema=SCHEMA), CATALOGUE, INFO | info)
