"""The page docs/results.md and its pictures, from the JSON files in docs/results/ alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from goeswith import __version__
from goeswith.figures import k_curve
from goeswith.tables import markdown, value

DOCS = Path(__file__).resolve().parents[1] / "docs"

BASELINE = "without knowledge"
MASKS = "ADD-GNN (masks)"
OUTFITS = "DBPR on whole outfits (ours)"
CONTRASTS = (
    (MASKS, BASELINE, "Designers' knowledge as printed"),
    (MASKS, "control: masks of an untrained teacher", "A trained against an untrained teacher"),
    (MASKS, "control: masks of shuffled pairs", "Designers' pairs against shuffled ones"),
    (MASKS, "control: masks of the student's own data", "Designers' data against the student's own"),
    ("masks + initialisation", BASELINE, "The teacher's whole scorer as a start"),
    ("masks + initialisation", "control: initialisation of shuffled pairs", "The same against shuffled pairs"),
    ("responses", BASELINE, "The teacher's rankings"),
    ("responses", "control: responses of shuffled pairs", "The same against shuffled pairs"),
    (BASELINE, "without knowledge, without graph", "The graph, without knowledge"),
    (MASKS, "ADD-GNN without graph", "The graph, with knowledge"),
    (BASELINE, OUTFITS, "ADD-GNN against DBPR on whole outfits"),
)
"""Pairs of variants whose difference answers a question, and the question."""

DBPR = "DBPR"
WITH_RULES = ", with rules at hand"
MENDED = "AKD-DBPR mended"
SHUFFLED = "control: AKD-DBPR mended, shuffled rules"
RULE_CONTRASTS = (
    (DBPR + WITH_RULES, DBPR, "Rules applied at test time only"),
    ("AKD-DBPR as released", DBPR, "What the student learns from rules, as released"),
    (MENDED, DBPR, "What the student learns from rules, mended"),
    (MENDED, SHUFFLED, "The same against shuffled rules"),
    (MENDED + WITH_RULES, DBPR + WITH_RULES, "Learned trust against rules at test time only, rules at hand"),
    (MENDED + WITH_RULES, SHUFFLED + WITH_RULES, "Rules against shuffled ones, rules at hand"),
)
"""The same for rules."""

HEADLINE = {"compat": "auc", "fitb": "accuracy"}
SHORT = {"compat": "AUC", "fitb": "FITB"}

INTRO = """# Results

Made by `make results`; do not edit. Every number is the mean of {seeds} seeds with its 95 % interval by outfit.
The learning rate, the optimiser and the length of training were compared on MANGO's validation outfits; |h|, dropout
and K were set for the time there was, not searched. The test outfits of MANGO, CCP and Polyvore were asked twice: first
runs, stopped before their models had learnt, were seen on test and thrown away, and training was made longer after
that, on validation.

Negatives: `matched` (same category and season, drawn as often as it is worn) is the headline; `category` and `random`
stand beside it. Models were trained on matched negatives unless the row says otherwise; all that is not named is the
paper's (K 4, T 2, RMSprop, λ 1e-3). *DBPR on whole outfits* is AKD-DBPR's student without rules and with a projection
for each group of items (`docs/rules.md`); its settings were not searched, and some of its seeds stopped before they had
learnt.

What these data are: **designers** are MANGO's stylists (pictures) and FashionVC's experts (words), **users** are CCP's
street looks and Polyvore Maryland. Fashion32 and Fashion Show, which the paper used, cannot be had; its own numbers
(ADD-GNN .883 AUC, .731 FITB on random negatives) are another protocol's and stand in no table here.

How to read the floors: `item_pairs` only remembers which items were worn together, `rarity` only whether an item was
seen in training; neither looks at a garment. A model that does not beat them has learnt nothing else. Where items are
worn once (CCP, Polyvore) a `random` or `category` negative gives itself away by having been seen in training.
"""


RULES_INTRO = """# AKD-DBPR: rules as a teacher

Tops and bottoms only. *Student* rows know no rule when they are asked, they were taught by them; rows *with rules at
hand* are the teacher q, which corrects the student by the rules that apply to the triplet. FashionVC's published AUC
with pictures is about .785 (recalled from the paper, not verified); here there are words and labels only. The rule
files were mined from training pairs by `goeswith rules mine`; the command stands at the head of each file. Features,
learning rate, length of training, whence wrong items come and what is mended were compared on FashionVC's validation
triplets alone, with the numbers in `docs/LOG.md`; MANGO takes them over.
"""


def write_page(settings: Iterable[Any], rule_settings: Iterable[Any], seeds: Sequence[int]) -> None:
    """Write the page, with a section for each setting that has been measured."""
    parts = [INTRO.format(seeds=len(seeds))]
    for setting in settings:
        path = DOCS / "results" / f"{setting.name}.json"
        if path.exists():
            parts += _section(setting, json.loads(path.read_text()))
    told = [setting for setting in rule_settings if (DOCS / "results" / f"{setting.name}.json").exists()]
    parts += [RULES_INTRO] if told else []
    for setting in told:
        parts += _rule_section(setting, json.loads((DOCS / "results" / f"{setting.name}.json").read_text()))
    parts.append(f"goeswith {__version__}")
    (DOCS / "results.md").write_text("\n".join(parts) + "\n")


def _section(setting: Any, kept: dict[str, Any]) -> list[str]:
    lines = [line for line in (*kept["floors"], *kept["rows"]) if line["metric"] in HEADLINE.values()]
    shown = [line for line in lines if not line["scorer"].startswith("K = ")]
    columns = [(task, negatives) for negatives in ("matched", "category", "random") for task in HEADLINE]
    columns = [what for what in columns if any((line["task"], line["negatives"]) == what for line in shown)]
    table = []
    for scorer in dict.fromkeys(line["scorer"] for line in shown):
        own = {(line["task"], line["negatives"]): line for line in shown if line["scorer"] == scorer}
        table.append([scorer, *(value(own[what]) if what in own else "–" for what in columns)])
    hardest = columns[0][1]
    return [
        f"## {setting.title}",
        "",
        _described(kept),
        "",
        markdown(["", *(f"{SHORT[task]} {negatives}" for task, negatives in columns)], table),
        f"What makes a difference, on {hardest} negatives, paired by question:",
        "",
        *(_sentence(kept["contrasts"], *contrast, hardest) for contrast in CONTRASTS),
        "",
        *_curve(setting.name, [line for line in lines if line["negatives"] == hardest]),
        "<details><summary>Signatures</summary>",
        "",
        *(f"- `{signature}`" for signature in sorted({line["signature"] for line in shown})),
        "",
        "</details>",
        "",
    ]


def _rule_section(setting: Any, kept: dict[str, Any]) -> list[str]:
    headline = {"triplet": "auc", "retrieval": "mrr"}
    lines = [line for line in (*kept["floors"], *kept["rows"]) if line["metric"] == headline.get(line["task"])]
    columns = list(dict.fromkeys((line["task"], line["negatives"]) for line in lines))
    dataset, table = kept["dataset"], []
    for scorer in dict.fromkeys(line["scorer"] for line in lines):
        own = {(line["task"], line["negatives"]): line for line in lines if line["scorer"] == scorer}
        table.append([scorer, *(value(own[what]) if what in own else "–" for what in columns)])
    counts = {(line["task"], line["negatives"]): line["n"] for line in kept["rows"]}
    asked = ", ".join(f"{counts[what]} {what[1]}" for what in columns)
    return [
        f"## {setting.title}",
        "",
        f"{dataset['items']} items, {dataset['pictures']} pictures, features of `{kept['encoder']}`; source: "
        f"{dataset['source']}; licence: {dataset['licence']}. Rules: `{kept['rules']}`. Settings: "
        f"`{' '.join(kept['settings'])}`. Questions: {asked}. All of it took "
        f"{kept['cpu_minutes']:.0f} minutes of one core.",
        "",
        markdown(["", *(f"{'AUC' if task == 'triplet' else 'MRR'} {what}" for task, what in columns)], table),
        f"What makes a difference, on {columns[0][1]} triplets, paired by question:",
        "",
        *(_sentence(kept["contrasts"], *contrast, columns[0][1], {"triplet": "auc"}) for contrast in RULE_CONTRASTS),
        "",
        "<details><summary>Signatures</summary>",
        "",
        *(f"- `{signature}`" for signature in sorted({line["signature"] for line in lines})),
        "",
        "</details>",
        "",
    ]


def _curve(name: str, lines: list[dict[str, Any]]) -> list[str]:
    """Figure 2 of the paper, where more than one K was measured."""
    size = {MASKS: 4} | {line["scorer"]: int(line["scorer"][4:]) for line in lines if line["scorer"].startswith("K = ")}
    points = [{**line, "attributes": size[line["scorer"]]} for line in lines if line["scorer"] in size]
    if len({point["attributes"] for point in points}) < 2:
        return []
    picture = k_curve(points, DOCS / "results" / f"{name}-k.svg")
    return [f"![AUC and FITB against the number of attributes K](results/{picture.name})", ""]


def _described(kept: dict[str, Any]) -> str:
    dataset = kept["dataset"]
    sources = dataset["split_report"]["sources"]
    report = sources.get("users", next(iter(sources.values())))
    return (
        f"{dataset['items']} items, {dataset['pictures']} pictures; outfits {report['splits']}; "
        f"{report['repeats_removed']} exact repeats removed. Test outfits that share 80 % of their items with a "
        f"training outfit: {report['test_overlap']:.1%} ({report['test_overlap_random']:.1%} under a plain random "
        f"split); test items unseen in training: {report['test_items_unseen']:.0%}. Source: {dataset['source']}; "
        f"licence: {dataset['licence']}. Settings: `{' '.join(kept['settings'])}`. All of it took "
        f"{kept['cpu_minutes']:.0f} minutes of one core."
    )


def _sentence(
    lines: list[dict[str, Any]], first: str, second: str, what: str, negatives: str, headline: dict[str, str] = HEADLINE
) -> str:
    told = []
    for line in lines:
        asked = (line["scorer"], line["against"], line["negatives"]) == (first, second, negatives)
        if asked and line["metric"] == headline.get(line["task"]):
            low, high = line["low"], line["high"]
            verdict = "better" if low > 0 else "worse" if high < 0 else "no difference shown"
            told.append(
                f"{SHORT.get(line['task'], 'AUC')} {line['difference']:+.3f} [{low:+.3f}, {high:+.3f}] ({verdict})"
            )
    return f"- {what}, *{first}* against *{second}*: {'; '.join(told) or 'no part of this setting'}."
