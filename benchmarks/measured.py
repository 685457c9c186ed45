"""What several seeds measured: means with intervals by outfit, and paired differences."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from goeswith.bootstrap import mean, resampled

KEYS = ["question_id", "outfit_id", "task", "negatives", "metric"]


def long_rows(answers: Any) -> pl.DataFrame:
    """Per-question values of `goeswith.evaluation.Answers`: the columns KEYS and value."""
    from goeswith.measures import POOLED

    rows = answers.rows
    keys = KEYS[:-1]
    apart = (*keys, "label", "answer", "scores", "answerable", str(POOLED))
    values = [name for name in rows.columns if name not in apart]
    return rows.unpivot(values, index=keys, variable_name="metric").drop_nulls()


def summary(name: str, answered: dict[str, list[pl.DataFrame]], signed: dict[Any, str]) -> list[dict[str, Any]]:
    """One line a measure: the mean of the seeds with its 95 % interval by outfit, and each seed's own value."""
    lines = []
    for what, part in average(answered[name]).group_by("task", "negatives", "metric", maintain_order=True):
        seeds = [
            frame.filter(pl.struct("task", "negatives", "metric") == dict(zip(KEYS[2:], what, strict=True)))[
                "value"
            ].mean()
            for frame in answered[name]
        ]
        lines.append(
            {"scorer": name, **dict(zip(KEYS[2:], what, strict=True)), **interval(part, part["value"]),
             "seeds": seeds, "signature": signed[what[:2]]}
        )  # fmt: skip
    return lines


def contrast(first: str, second: str, answered: dict[str, list[pl.DataFrame]]) -> list[dict[str, Any]]:
    """Paired difference of two variants, one line a measure: mean of the seeds, interval and p by outfit."""
    both = average(answered[first]).join(average(answered[second]), on=KEYS, suffix="_other", maintain_order="left")
    lines = []
    for what, part in both.group_by("task", "negatives", "metric", maintain_order=True):
        found = interval(part, part["value"] - part["value_other"])
        found["difference"] = found.pop("value")
        lines.append({"scorer": first, "against": second, **dict(zip(KEYS[2:], what, strict=True)), **found})
    return lines


def average(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    return pl.concat(list(frames)).group_by(KEYS, maintain_order=True).agg(pl.col("value").mean())


def interval(part: pl.DataFrame, values: pl.Series) -> dict[str, Any]:
    outfits = part["outfit_id"].rank("dense").to_numpy().astype(np.int64) - 1
    drawn = resampled([mean(values.to_numpy(), outfits)], int(outfits.max()) + 1, 0)[0]
    low, high = np.quantile(drawn, [0.025, 0.975])
    tail = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p = float(min(1.0, 2 * (tail + 1) / (len(drawn) + 1)))
    return {"value": float(values.to_numpy().mean()), "low": float(low), "high": float(high), "p": p, "n": len(values)}
