"""A blend of models, as docs/results.md has it: from what `benchmarks/blend.py` kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from goeswith.scores import Difference, Score
from goeswith.tables import chance, interval, markdown, value

HEAD = """**A blend of models**: the weighted sum of their scores. The weights are fitted on validation questions by
pairwise logistic regression (`benchmarks/blend.py`); what was asked of test questions, and when, is in `docs/LOG.md`. p
is after Holm."""

WORN = """ With popularity, ln of how many training outfits wear an item (never is as once) has a weight too: where
wrong answers are drawn evenly from the catalogue, popular items are right more often, which is no taste."""


ALSO_VALIDATION = """ Rows with validation outfits too: the models were trained again with them, for as many epochs
as were best before, and blended with the weights of the models before, which had not seen them."""


def blend(folder: Path, name: str) -> str:
    """A table of the blend and its models on the recipe's test questions; nothing where none was measured."""
    path = folder / f"blend-{name}.json"
    if not path.is_file():
        return ""
    results: dict[str, Any] = json.loads(path.read_text())
    over = {line["against"]: line for line in results["compared"]}
    seeds = [fit for fit in results["valid"] if "shares" in fit]
    shares = {model: [fit["shares"][model] for fit in seeds] for model in results["models"]}
    rows = [
        [
            line["scorer"],
            str(len(line["seeds"])),
            value(Score.from_dict(line)),
            *_beside(line["scorer"], over, shares),
        ]
        for line in results["test"]
    ]
    first = results["test"][0]
    head = ["", "seeds", f"AUC, {first['negatives']}", "the blend is ahead by", "share in it"]
    aucs = ", ".join(f"{fit['valid_auc']:.3f}" for fit in seeds)
    about = WORN if any("popularity" in line["scorer"] for line in results["test"]) else ""
    about += ALSO_VALIDATION if any("validation outfits" in line["scorer"] for line in results["test"]) else ""
    return f"{HEAD}{about} Validation AUC of the blend by seed, cross-fitted: {aucs}.\n\n{markdown(head, rows)}"


def _beside(model: str, over: Mapping[str, Any], shares: Mapping[str, list[float]]) -> tuple[str, str]:
    """What the blend has over a model, and the model's share in it."""
    if model not in over:
        return "–", "–"
    line = over[model]
    difference = f"{interval(Difference.from_dict(line))}, {chance(line['p_holm'])}, {line['shows']}"
    share = shares.get(model)  # a control has none
    return difference, f"{sum(share) / len(share):.2f}" if share else "–"
