"""The page docs/results.md, from what docs/results/ keeps of each recipe alone."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from results_blend import blend
from results_clock import hours_on_two_cores, read_clock
from results_conclusions import conclusions, gains, headline, standings
from results_floors import shared_floors
from results_knowledge import filled, knowledge, read_curves
from results_settings import searched, speed

from goeswith import __version__
from goeswith.evaluate.audit import LEAK
from goeswith.evaluate.seeds import ALPHA, DRAWS, SAME
from goeswith.experiments.recipes import Recipe, read_recipe
from goeswith.experiments.results import ABOVE, BEATEN, BELOW
from goeswith.experiments.scoreboard import MARKS, short
from goeswith.scores import Difference, Score
from goeswith.tables import chance, interval, markdown, value

DOCS = Path(__file__).resolve().parents[1] / "docs"
RESULTS = DOCS / "results"
RECIPES = DOCS.parent / "recipes"

Kept = Mapping[str, Any]
"""What was kept of a recipe."""
What = tuple[str, str, str]
"""Task, negatives, metric."""

TITLES = {
    "mango": "MANGO stylists' outfits, pictures and words",
    "mango-search": "An equal search for each model's settings, on MANGO",
    "mango-search-further": "Further models in the equal search on MANGO",
    "mango-softmax": "One loss for all models: softmax on MANGO, 15 epochs each",
    "mango-parts": "ADD-GNN's graph and masks under that loss, at half of its size",
    "ccp-search": "An equal search for each model's settings, on CCP",
    "ccp-negatives": "Each model trained on each kind of negatives, on CCP",
    "ccp": "Street looks (CCP), taught by MANGO stylists, pictures and labels",
    "polyvore": "Users' outfits (Polyvore Maryland), taught by FashionVC experts, words",
    "sample": "The generated sample: users taught by designers",
    "fashionvc": "Experts' tops and bottoms (FashionVC), words and labels",
    "fashionvc-rules": "AKD-DBPR and its ablations on FashionVC, words and labels",
    "mango-pairs": "Tops and bottoms of MANGO stylists, pictures",
}
NOTES = {
    "mango-search-further": "CSA-Net, Type-Aware, SCE-Net and ADD-GNN without graph have the settings that the search "
    "above chose for them. They were trained again by later code, which trains faster and draws dropout in another "
    "order, so that their numbers differ a little from those above. OutfitTransformer has two of its six layers, for "
    "time.",
}
"""Recipe → what else a reader must know of its table."""
ABLATIONS = (
    "mango-search", "mango-search-further", "mango-softmax", "mango-parts", "ccp-search", "ccp-negatives",
    "fashionvc-rules", "mango-pairs",
)  # fmt: skip
"""Recipes about the data of another section: the conclusions take comparisons from them, and no best model."""
TABLES_ALONE = ("ccp-negatives",)
"""Those of them with so many comparisons that the conclusions leave these to their tables."""
TABLES = (
    "mango", "mango-search", "mango-search-further", "mango-softmax", "mango-parts", "ccp", "ccp-search",
    "ccp-negatives", "polyvore", "sample", "fashionvc", "fashionvc-rules", "mango-pairs",
)  # fmt: skip
"""The recipes that `make results` measures, in the order of the page."""
STUDIES = (
    "curves-polyvore-fashionvc-learned-words", "curves-polyvore-fashionvc", "curves-polyvore-fashionstylist",
    "curves-ccp-mango", "curves-mango-seasons", "curves-sample",
)  # fmt: skip
"""The studies that it measures after them."""
CONVERTED = ("mango-search", "mango-search-further")
"""Searches whose answers were not kept, with intervals and p computed again from seeds and intervals."""
LONG = (*CONVERTED, "ccp-search")
"""What it leaves out unless it is named, because all takes more than ten hours on two cores: the searches."""
HEADS = {
    ("exhaustive", "auc"): "exhaustive AUC", ("anchor", "recall@10"): "R@10 from one item",
    ("rest", "recall@10"): "R@10 from the rest", ("compat", "auc"): "AUC", ("fitb", "accuracy"): "FITB",
    ("triplet", "auc"): "AUC", ("retrieval", "mrr"): "MRR",
}  # fmt: skip
"""(Task, metric) → head of a column."""

INTRO = """# Results

Made by `make results` (goeswith {version}) from the files in `docs/results/`; do not edit.

{conclusions}

{tables}

**How it was measured.** Questions are frozen, and no setting, epoch or weight was chosen by test outfits. `matched`
negatives (same category and season, drawn as often as they are worn) are the headline. Every number is the mean over
the seeds in its row, with its 95 % interval from {draws:,} draws of outfits and, for models, seeds; seeds are few, so
intervals and p have [the tails of Student's t](evaluate.md#intervals-and-comparisons).

- **Marks**: ↓ below the best model or control of the column (in bold, if there are two or more), * above its strongest
  floor, † below it, each with p < {sure} after Holm's correction for the rows of the column. A floor without a number
  in a column is ignored there. Floors that were not asked with a table have the numbers that another table has for the
  same questions; where one of these is the strongest, the column has no * and no †.
- **Comparisons** are those of the recipes, tested as one table: higher or lower (p < {sure} after Holm), equivalent
  (the interval is inside ±{same}), or not shown (neither).
- **Settings** are those of the recipes: two-tower has its own for each data set, chosen on validation outfits, and its
  peers share theirs. In the tables of an equal search, each model has the best settings of the same number of trials.
- **Floors** learn no taste from garments: they count, or compare features
  ([evaluation](evaluate.md#the-shortcut-problem)). `records` combines all columns, counts and picture files;
  `records and ids` adds the ids. A floor of {leak} or more only says that the answers are given away (CCP's ids name
  the photo), and models are not compared with it. On the generated sample the columns define the taste,
  so records are no floor there.
- **Earlier looks at the test outfits**: recipes and studies were added after earlier ones, with fewer models and other
  settings, had been evaluated on the same test outfits. Holm's correction covers a table, not their sequence;
  `docs/LOG.md` says what was learnt from each.
- **Time**: the trainings and searches of all tables took {hours:.1f} hours of one core. `make results` measures the
  tables and the curves again, but for what it leaves out for lack of time (below).{whole}

<details markdown><summary>What was cut, or needs to be asked for: recipes, models, seeds</summary>

{cut}

</details>

**Stand-ins.** *Designers* are MANGO's stylists (pictures) and FashionVC's experts (words), *users* are CCP's street
looks and Polyvore Maryland. Fashion32 and Fashion Show, which the ADD-GNN paper used, are not available; the paper's
own numbers (.883 AUC, .731 FITB on random negatives) come from another protocol and are in no table here
(with them, `recipes/add-gnn-paper.toml` repeats its tables).

"""


def write_page(names: Iterable[str]) -> Path:
    """Write the page, with a section for each recipe of which anything has been measured."""
    names = list(names)
    by_recipe = shared_floors(read(RESULTS, names))
    tables = {name: main_table(results) for name, results in by_recipe.items()}
    sections = [_section(name, results, tables[name]) for name, results in by_recipe.items()]
    curves = read_curves(RESULTS)
    body = "\n".join([*sections, knowledge(curves)])
    ablations = {name: by_recipe[name] for name in ABLATIONS if name in by_recipe}
    main = {name: results for name, results in by_recipe.items() if name not in ablations}
    compared = {name: results for name, results in ablations.items() if name not in TABLES_ALONE}
    sentences = conclusions(main, curves, compared)
    carried(sentences, body)
    summaries = [standings(main, compared), gains(curves)]
    intro = INTRO.format(
        version=__version__,
        conclusions="\n".join(f"{number}. {sentence}" for number, sentence in enumerate(sentences, 1)),
        tables="\n\n".join(filter(None, summaries)),
        draws=DRAWS,
        sure=ALPHA,
        same=SAME,
        leak=LEAK,
        **_time(by_recipe),
        cut="\n".join(
            f"- {line}"
            for line in [
                _left_out(by_recipe),
                *(_cut(name, results) for name, results in by_recipe.items()),
                _missing(names, by_recipe),
            ]
            if line
        ),
    )
    (DOCS / "results.md").write_text(intro + body)
    if (page := DOCS / "knowledge.md").is_file():
        page.write_text(filled(page.read_text(), curves))
    return DOCS / "results.md"


def read(folder: Path, names: Iterable[str]) -> dict[str, Kept]:
    """What a folder keeps of each recipe that it has."""
    return {name: json.loads(path.read_text()) for name in names if (path := folder / f"{name}.json").is_file()}


def carried(sentences: Iterable[str], tables: str) -> None:
    """Make sure that every number of the sentences stands in the tables.

    Raises:
        ValueError: one does not.
    """
    there = set(re.findall(r"\d\.\d{3}", tables))
    for sentence in sentences:
        lacking = sorted(set(re.findall(r"\d\.\d{3}", sentence)) - there)
        if lacking:
            raise ValueError(f"{lacking[0]} is in no table of the page, but is said: {sentence}")


def columns(results: Kept) -> list[What]:
    """What the main table shows: the hardest questions of each task, all triplets, and the whole catalogue."""
    there = list(dict.fromkeys((line["task"], line["negatives"], line["metric"]) for line in results["lines"]))
    hardest = headline(results)[1]
    tasks = [
        column
        for column in there
        if column[0] == "triplet" or (column[0] in ("compat", "fitb") and column[1] == hardest)
    ]
    return tasks + [column for task in ("exhaustive", "anchor", "rest") for column in there if column[0] == task]


def main_table(results: Kept) -> str:
    """Floors first, then models, controls and the ceiling, one column for each of `columns`."""
    shown = columns(results)
    marks = {(mark["scorer"], *mark["column"]): mark["marks"] for mark in results["marks"]}
    rows: dict[tuple[str, str], dict[What, Mapping[str, Any]]] = {}
    for line in results["lines"]:
        rows.setdefault((line["kind"], line["scorer"]), {})[line["task"], line["negatives"], line["metric"]] = line
    best = {column: _best(rows, column) for column in shown}
    table = []
    for kind in ("floor", "model", "control", "ceiling"):
        for (_, name), own in (row for row in rows.items() if row[0][0] == kind):
            cells = [_cell(own.get(column), best[column] == name, marks.get((name, *column), "")) for column in shown]
            seeds = max(len(line.get("seeds") or ()) for line in own.values())
            table.append([name, "–" if kind in ("floor", "ceiling") else str(seeds), *cells])
    return markdown(["", "seeds", *(_head(column) for column in shown)], table)


def _best(rows: Mapping[tuple[str, str], Mapping[What, Mapping[str, Any]]], column: What) -> str:
    trained = {name: own for (kind, name), own in rows.items() if column in own and kind in ("model", "control")}
    values = {name: own[column]["value"] for name, own in trained.items()}
    return max(values, key=lambda name: values[name]) if len(values) > 1 else ""  # one alone is no best


def _cell(line: Mapping[str, Any] | None, best: bool, marks: str) -> str:
    if line is None:
        return "–"
    number = value(Score.from_dict(line))
    return (f"**{number}**" if best else number) + (f" {marks}" if marks else "")


def _head(column: What) -> str:
    head = HEADS.get((column[0], column[2]), " ".join(column))
    return f"{head}, {column[1]}" if column[0] in ("compat", "fitb", "triplet", "retrieval") else head


def _section(name: str, results: Kept, table: str) -> str:
    knowledge = [
        line for line in results["compared"] if _taught(results, line["scorer"]) != _taught(results, line["against"])
    ]
    others = [line for line in results["compared"] if line not in knowledge]
    parts = [
        f"## {TITLES.get(name, name)}",
        "",
        _described(results),
        "",
        results["verdict"],
        *(("", NOTES[name]) if name in NOTES else ()),
        "",
        table,
        blend(RESULTS, name),
    ]
    parts += _folded("The search for settings", searched(results))
    parts += _folded("Learning curves", _picture(name, "learning", "Validation AUC by epoch"))
    parts += _folded("Knowledge: what designers and rules add", _compared(results, knowledge))
    parts += _folded("Ablations and peers", _compared(results, others))
    parts += _folded("Speed and settings", speed(results))
    parts += _folded("All questions, figures and signatures", _whole(name, results))
    return "\n".join(parts)


def _folded(title: str, body: str) -> list[str]:
    """A part of a section that is shown when it is asked for; nothing where there is nothing to show."""
    body = body.strip()
    return [f"<details markdown>\n<summary>{title}</summary>\n\n{body}\n\n</details>\n"] if body else []


def _picture(name: str, kind: str, caption: str) -> str:
    return f"![{caption}](results/{name}-{kind}.svg)" if (RESULTS / f"{name}-{kind}.svg").is_file() else ""


def _taught(results: Kept, scorer: str) -> tuple[str, str, bool]:
    """Who teaches a row, and by which rules."""
    name = scorer.removesuffix(", with rules at test time")
    model = next((model for model in results["recipe"]["models"] if model["name"] == name), {})
    return model.get("teacher", ""), model.get("rules", ""), name != scorer


def _compared(results: Kept, lines: Sequence[Mapping[str, Any]]) -> str:
    shown = [column for column in columns(results) if column[0] not in ("anchor", "rest")]
    rows: dict[str, dict[What, str]] = {}
    for line in lines:
        column = line["task"], line["negatives"], line["metric"]
        name = f"{line['note']}: {line['scorer']} − {line['against']}".removeprefix(": ")
        p = line["p"] if line.get("p_holm") is None else line["p_holm"]
        verdict = f", {line['shows']}" if line.get("shows") else ""
        rows.setdefault(name, {})[column] = f"{interval(Difference.from_dict(line))}, {chance(p)}{verdict}"
    cells = [[name, *(row.get(column, "–") for column in shown)] for name, row in rows.items()]
    return markdown(["", *map(_head, shown)], cells) if cells else ""


def _whole(name: str, results: Kept) -> str:
    """The page of the bench under headings of ours, its pictures by their kept names, its marks as in our tables."""
    body = results["page"].split("\n", 2)[2]
    body = _remarked(body, {short(tuple(column)) for column in results["unmarked"]})
    body = re.sub(r"^Marks: .*$", MARKS, body, flags=re.MULTILINE)
    body = re.sub(r"^## ", "### ", body, flags=re.MULTILINE)
    body = re.sub(r"\]\((\w+\.svg)\)", rf"](results/{name}-\1)", body)
    return re.sub(r"Made by `goeswith bench` on `[^`]*`", f"Made by `goeswith bench recipes/{name}.toml`", body)


def _remarked(body: str, unmarked: Collection[str]) -> str:
    """The page without marks of floors in the columns of its first table that have none."""
    table = re.search(r"^\|.*(?:\n\|.*)*", body, flags=re.MULTILINE)
    if not table:
        return body
    head, rule, *rows = [line.split(" | ") for line in table[0].split("\n")]
    lost = [at for at, name in enumerate(head) if name.strip(" |") in unmarked]
    for row in rows:
        for at in lost:
            row[at] = re.sub(rf" [{ABOVE}{BELOW}]+(?={BEATEN}?(?: \||$))", " ", row[at]).replace("  ", " ").rstrip()
    again = "\n".join(" | ".join(cells) for cells in (head, rule, *rows))
    return body[: table.start()] + again + body[table.end() :]


def _described(results: Kept) -> str:
    dataset, seconds = results["described"], sum(results["seconds"].values())
    sources = dataset["split_report"]["sources"]
    report = sources.get("users", next(iter(sources.values())))
    return (
        f"{dataset['items']:,} items, {dataset['pictures']:,} pictures; outfits "
        f"{', '.join(f'{n:,} {split}' for split, n in report['splits'].items())}; {report['repeats_removed']} exact "
        f"repeats removed. Test outfits that share 80 % of their items with a training outfit: "
        f"{report['test_overlap']:.1%} ({report['test_overlap_random']:.1%} under a plain random split); test items "
        f"unseen in training: {report['test_items_unseen']:.0%}. Source: {dataset['source']}; licence: "
        f"{dataset['licence']}. Encoder: {results['recipe'].get('encoder') or 'the only one'}. All trainings took "
        f"{seconds / 60:.0f} minutes on one core that was shared."
    )


def _cut(name: str, results: Kept) -> str:
    """What the section of a recipe lacks: a search, seeds, models."""
    trials, wanted = results.get("trials", 0), results["recipe"]["seeds"]
    search = f"{trials} trials for each model" if trials else "no search, the settings of the recipe"
    trained = [line for line in results["lines"] if line["kind"] in ("model", "control")]
    measured = {line["scorer"]: len(line.get("seeds") or ()) for line in trained}
    short = [f"{model} {seeds}" for model, seeds in measured.items() if seeds < len(wanted) and seeds]
    names = [experiment.name for experiment in read_recipe(RECIPES / f"{name}.toml").models]
    lacking = [model for model in names if model not in measured]
    parts = [search]
    parts += [f"fewer seeds than {len(wanted)}: {', '.join(short)}"] if short else []
    parts += [f"{len(lacking)} of {len(names)} models not measured ({'; '.join(lacking)})"] if lacking else []
    return f"*{name}*: {'; '.join(parts)}."


def shown(name: str, recipe: Recipe) -> list[str]:
    """The models of a recipe that the page has; all of them where it has none."""
    kept = read(RESULTS, [name]).get(name, {"lines": ()})
    measured = {line["scorer"] for line in kept["lines"] if line["kind"] in ("model", "control")}
    names = [experiment.name for experiment in recipe.models]
    return [model for model in names if model in measured] or names


def _time(by_recipe: Mapping[str, Kept]) -> dict[str, Any]:
    """Hours of one core of the tables, and how long `make results` takes, once all of it was measured on the clock."""
    hours = sum(_hours(results) for results in by_recipe.values())
    whole = hours_on_two_cores(RESULTS, [name for name in (*TABLES, *STUDIES) if name not in LONG])
    takes = f" It takes {whole:.1f} hours on two cores, with data, floors and answers." if whole else ""
    return {"hours": hours, "whole": takes}


def _hours(results: Kept) -> float:
    return sum(results.get("seconds", {}).values()) / 3600


def _left_out(by_recipe: Mapping[str, Kept]) -> str:
    """What `make results` leaves out, and how it is measured again."""
    clock = read_clock(RESULTS)
    hours = {
        name: f" ({_hours(by_recipe[name]):.1f} hours of one core to train)" if name in by_recipe else ""
        for name in LONG
    }
    hours |= {
        name: f" ({clock[name] / 3600:.1f} hours of one core, floors and answers too)" for name in LONG if name in clock
    }
    return (
        f"Left out by `make results`, unless it is named (`RESULTS='--only NAME'`): "
        f"{', '.join(f'`{name}`{took}' for name, took in hours.items())}. Intervals and p of "
        f"{' and '.join(f'`{name}`' for name in CONVERTED)} were computed again from the seeds and intervals that were "
        "kept; their marks are as they were measured."
    )


def _missing(names: Sequence[str], by_recipe: Mapping[str, Kept]) -> str:
    lacking = [name for name in names if name not in by_recipe]
    return f"Not measured: {', '.join(lacking)}." if lacking else ""
