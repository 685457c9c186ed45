"""The page docs/results.md, from what docs/results/ keeps of each recipe alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from goeswith import __version__
from goeswith.scores import Difference, Score
from goeswith.tables import HARDEST, interval, markdown, value

DOCS = Path(__file__).resolve().parents[1] / "docs"
RESULTS = DOCS / "results"

TITLES = {
    "mango": "MANGO stylists' outfits, pictures",
    "ccp": "Street looks (CCP) taught by MANGO stylists, pictures",
    "polyvore": "Users' outfits (Polyvore Maryland) taught by FashionVC experts, words",
    "sample": "The drawn sample: users taught by designers, pictures",
    "fashionvc": "Experts' tops and bottoms (FashionVC), words and labels",
    "mango-pairs": "Tops and bottoms of MANGO stylists, pictures",
}
ALONE, TAUGHT = "ADD-GNN without knowledge", "ADD-GNN"
GRAPH = ((ALONE, "ADD-GNN without knowledge or graph"), (TAUGHT, "ADD-GNN without graph"))

INTRO = """# Results

Made by `make results` (goeswith {version}); do not edit. Every number is the mean over the seeds, with its
95 % interval by outfit in brackets. Everything took {hours:.1f} hours on one core ({search:.0f} % of them for the
search), two training runs in parallel: about {clock:.1f} hours on two cores. The command resumes if interrupted.

**Equal terms.** Every model was given {trials} trials for its learning rate, dropout and size on the validation
outfits of the first seed, the first trial being the setting of the recipe; ablations and controls of a model use its
settings. All other settings are in `recipes/`, including the number of epochs and layers that time allowed. The
search did not use test outfits. An earlier version of it, with fewer models and other settings, had been seen on the
same test outfits; `docs/LOG.md` says what was learnt from it.

**Negatives.** `matched` (same category and season, drawn as often as they are worn) is the headline: only taste
distinguishes right from wrong. `category` and `random` are reported too, because the field uses them. Models were
trained on matched negatives unless their name says otherwise.

**Stand-ins.** *Designers* are MANGO's stylists (pictures) and FashionVC's experts (words), *users* are CCP's street
looks and Polyvore Maryland. Fashion32 and Fashion Show, which the ADD-GNN paper used, are not available; the paper's
own numbers (.883 AUC, .731 FITB on random negatives) come from another protocol and are in no table here.

**OutfitTransformer** has 2 layers instead of 6, to save time, and learnt only on FashionVC: read its rows as our
version's, not as its paper's.

**Floors** are baselines that look at no garment: `item pairs` remembers which items were worn together, `rarity`
whether an item was seen in training, `words` which words were. A model that does not beat them has learnt nothing
more. If items are worn only once (CCP, Polyvore), a `random` or `category` negative can be recognised because
training has seen it. [shortcuts.md](shortcuts.md) does the same for published question files.

## In one table

The hardest questions of each data set: {headlines}.

{overview}
*The graph* is ADD-GNN compared with itself without the graph, *knowledge* with designers' masks compared with none; an
interval that contains zero shows no difference.

"""


def write_page(names: Iterable[str], trials: int) -> Path:
    """Write the page, with a section for each recipe that has been measured."""
    kept = {name: json.loads(path.read_text()) for name in names if (path := RESULTS / f"{name}.json").is_file()}
    seconds = [told["seconds"] for told in kept.values()]
    total = sum(sum(parts.values()) for parts in seconds) or 1
    intro = INTRO.format(
        version=__version__,
        trials=trials,
        hours=total / 3600,
        search=100 * sum(parts["search"] for parts in seconds) / total,
        clock=total / 7200,
        headlines="; ".join(f"{name}: {' '.join(_headline(told)[:2])}" for name, told in kept.items()),
        overview=markdown(
            ["", "strongest floor", ALONE, "with designers' masks", "best model", "the graph", "knowledge"],
            [[name, *_overview(told)] for name, told in kept.items()],
        ),
    )
    sections = (_section(name, told) for name, told in kept.items())
    (DOCS / "results.md").write_text(intro + "\n".join(sections))
    return DOCS / "results.md"


def _headline(told: Mapping[str, Any]) -> tuple[str, str, str]:
    """Task, negatives and metric of the hardest questions."""
    there = dict.fromkeys((line["task"], line["negatives"]) for line in told["lines"] if line["task"] != "retrieval")
    ranked = sorted(there, key=lambda what: HARDEST.index(what[1]) if what[1] in HARDEST else len(HARDEST))
    return next(((*what, "auc") for what in ranked if what[0] in ("compat", "triplet")), ("", "", ""))


def _overview(told: Mapping[str, Any]) -> list[str]:
    what = _headline(told)
    lines = {
        line["scorer"]: line for line in told["lines"] if (line["task"], line["negatives"], line["metric"]) == what
    }
    by_kind = {kind: [line for line in lines.values() if line["kind"] == kind] for kind in ("floor", "model")}
    top = {kind: max(found, key=lambda line: line["value"], default=None) for kind, found in by_kind.items()}
    cells = [f"{line['scorer']} {_value(line)}" if line else "–" for line in (top["floor"],)]
    cells += [_value(lines[name]) if name in lines else "–" for name in (ALONE, TAUGHT)]
    cells.append(f"{top['model']['scorer']} {_value(top['model'])}" if top["model"] else "–")
    found = [_compared(told, first, second, what) for first, second in GRAPH]
    cells.append(next((_interval(line) for line in found if line), "–"))
    knowledge = _compared(told, TAUGHT, ALONE, what)
    return [*cells, _interval(knowledge) if knowledge else "–"]


def _value(line: Mapping[str, Any]) -> str:
    return value(Score.from_dict(line))


def _interval(line: Mapping[str, Any]) -> str:
    return interval(Difference.from_dict(line))


def _compared(told: Mapping[str, Any], first: str, second: str, what: Sequence[str]) -> dict[str, Any] | None:
    asked = (first, second, *what)
    names = ("scorer", "against", "task", "negatives", "metric")
    return next((line for line in told["compared"] if tuple(line[name] for name in names) == asked), None)


def _section(name: str, told: Mapping[str, Any]) -> str:
    """The page of a bench under a heading of ours, its pictures by their kept names."""
    body = told["page"].split("\n", 2)[2]
    body = re.sub(r"^## ", "### ", body, flags=re.MULTILINE)
    body = re.sub(r"\]\((\w+\.svg)\)", rf"](results/{name}-\1)", body)
    body = re.sub(r"Made by `goeswith bench` on `[^`]*`", f"Made by `goeswith bench recipes/{name}.toml`", body)
    return f"## {TITLES[name]}\n\n{_described(told)}\n\n{body}"


def _described(told: Mapping[str, Any]) -> str:
    dataset, seconds = told["described"], sum(told["seconds"].values())
    sources = dataset["split_report"]["sources"]
    report = sources.get("users", next(iter(sources.values())))
    return (
        f"{dataset['items']:,} items, {dataset['pictures']:,} pictures; outfits "
        f"{', '.join(f'{n:,} {split}' for split, n in report['splits'].items())}; {report['repeats_removed']} exact "
        f"repeats removed. Test outfits that share 80 % of their items with a training outfit: "
        f"{report['test_overlap']:.1%} ({report['test_overlap_random']:.1%} under a plain random split); test items "
        f"unseen in training: {report['test_items_unseen']:.0%}. Source: {dataset['source']}; licence: "
        f"{dataset['licence']}. Everything took {seconds / 60:.0f} minutes on one core."
    )
