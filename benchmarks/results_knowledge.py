"""What designers add to a student, as docs/results.md has it: from the results of the studies in recipes/curves."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from results_conclusions import CONTROLS, TRUSTED, own_outfits

from goeswith.experiments.study_page import section
from goeswith.tables import markdown, signed

Kept = Mapping[str, Any]
AGAINST = {
    CONTROLS[0]: "no knowledge", CONTROLS[1]: "shuffled designers", "another": "as many further own models",
    "own": "the own model", "cosine": "cosine", "records": "records, a floor",
}  # fmt: skip
HEAD = """## What designers' knowledge adds

Exhaustive AUC of a student with designers, who are trusted as far as its validation outfits say, less that of others;
95 % intervals over outfits and seeds. p is after Holm: over no knowledge and over shuffled designers, for these
lines of a study; else for all of its lines. The curves and all controls:
[what knowledge is worth](knowledge.md). What differs between the domains: [why it transfers, or does
not](knowledge-domains.md).
"""


def read_curves(folder: Path) -> dict[str, Kept]:
    """Study → its results, of all that a folder has."""
    return {
        path.stem.removeprefix("curves-"): json.loads(path.read_text()) for path in sorted(folder.glob("curves-*.json"))
    }


def knowledge(curves: Mapping[str, Kept]) -> str:
    """A table, one row a study and number of own outfits; nothing where no study was measured."""
    rows = []
    for results in curves.values():
        shown = {
            (line["against"], line["outfits"]): line for line in results["comparisons"] if line["scorer"] == TRUSTED
        }
        for size in dict.fromkeys(size for _, size in shown):
            cells = [_gain(shown.get((other, size))) for other in AGAINST]
            rows.append([results["study"]["title"], str(len(results["study"]["seeds"])), own_outfits(size), *cells])
    if not rows:
        return ""
    head = ["", "seeds", "own outfits", *(f"over {name}" for name in AGAINST.values())]
    return f"{HEAD}\n{markdown(head, rows)}\n"


def filled(page: str, curves: Mapping[str, Kept]) -> str:
    """docs/knowledge.md with the section of each study, between the comments that name it, as its results have it."""

    def part(match: re.Match[str]) -> str:
        name = match[1]
        body = section({**curves[name]}, f"results/curves-{name}.svg") if name in curves else "Not measured yet.\n"
        return f"<!-- curves of {name} -->\n\n{body}\n<!-- end -->"

    return re.sub(r"<!-- curves of (\S+) -->.*?<!-- end -->", part, page, flags=re.DOTALL)


def _gain(line: Mapping[str, Any] | None) -> str:
    if line is None:
        return "–"
    return f"{signed(line['difference'], 4)} [{signed(line['low'])}, {signed(line['high'])}], {line['shows']}"
