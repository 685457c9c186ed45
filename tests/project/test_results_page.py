"""The page of results: tables of what was kept, and sentences at the top that the tables carry."""

import argparse
import json
import re
import sys
from pathlib import Path

import pytest
from made_scores import made_difference, made_score

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import results  # noqa: E402
import results_clock  # noqa: E402
import results_page  # noqa: E402
from results_conclusions import (  # noqa: E402
    GRAPH,
    MASKS,
    OURS,
    RECORDS,
    RULES,
    WITH_IDS,
    conclusions,
    gains,
    standings,
)
from results_floors import shared_floors  # noqa: E402
from results_knowledge import filled, read_curves  # noqa: E402
from results_study import PREFIX, measure_study  # noqa: E402
from worlds import styles_dataset  # noqa: E402

from goeswith.experiments.recipes import read_recipe  # noqa: E402

HEAD = {"task": "compat", "negatives": "matched", "metric": "auc"}
KEY = [HEAD["task"], HEAD["negatives"], HEAD["metric"]]


def line(kind: str, scorer: str, value: float, seeds: int = 5, **more: str) -> dict:
    score = made_score(scorer, value, low=value - 0.1, high=value + 0.1, **HEAD | more)
    return {"kind": kind} | score.to_dict() | {"seeds": [value] * seeds}


def compared(first: str, second: str, difference: float, shows: str, **more: str) -> dict:
    line = made_difference(difference, difference - 0.03, difference + 0.03, 0.2, scorer=first, against=second)
    return {"note": "why"} | line.to_dict() | HEAD | {"shows": shows, "p_holm": 0.4} | more


def recipe_results(**more: object) -> dict:
    """What was kept of a bench of four models, one of them not measured."""
    report = {
        "splits": {"train": 1200, "test": 300}, "repeats_removed": 7, "test_overlap": 0.0,
        "test_overlap_random": 0.25, "test_items_unseen": 0.5,
    }  # fmt: skip
    names = {OURS: "", GRAPH[0][0]: "", GRAPH[0][1]: "", MASKS[0][0]: "designers", "NGNN": ""}
    models = [
        {"name": name, "teacher": teacher, "rules": "", "settings": ["hidden=64"]} for name, teacher in names.items()
    ]
    lines = [
        line("floor", RECORDS, 0.612), line("floor", WITH_IDS, 0.991),
        line("floor", "rarity", 0.501), line("model", OURS, 0.801),
        line("model", GRAPH[0][0], 0.702, seeds=1), line("model", GRAPH[0][1], 0.604),
        line("model", MASKS[0][0], 0.605, seeds=1),
        line("control", "shuffled", 0.903), line("ceiling", "ceiling", 0.95),
        line("floor", RECORDS, 0.990, negatives="random"), line("model", OURS, 0.333, task="fitb", metric="accuracy"),
        line("model", OURS, 0.444, task="anchor", negatives="group", metric="recall@10"),
    ]  # fmt: skip
    run = {"parameters": 1234, "attributes": None, "seconds": 10.0, "best_epoch": 3, "valid_auc": 0.7}
    return {
        "recipe": {"models": models, "seeds": [0, 1, 2, 3, 4], "encoder": "made", "dataset": "mango"},
        "lines": lines,
        "compared": [
            compared(OURS, GRAPH[0][0], 0.1, "higher"),
            compared(*GRAPH[0], 0.1, "not shown"),
            compared(*MASKS[0], -0.1, "lower"),
        ],
        "marks": [{"scorer": OURS, "column": KEY, "marks": "*"}],
        "trained": {OURS: [run, run]},
        "verdict": "Two-tower is best.",
        "described": {"source": "a shop", "licence": "none", "items": 9222, "pictures": 9000,
                      "split_report": {"sources": {"all": report}}},
        "page": "# mango\n\nBest\n\nMade by `goeswith bench` on `/home/x`; yes.\n\n![A](accuracy.svg)\n\n## Compared\n",
        "seconds": {"search": 1800.0, "teachers": 600.0, "runs": 4800.0},
        "trials": 0,
        "dataset": {"name": "mango"},
    } | more  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results_page, "DOCS", tmp_path)
    monkeypatch.setattr(results_page, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(results_page, "RECIPES", tmp_path / "recipes")
    names = [model["name"] for model in recipe_results()["recipe"]["models"]]
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "mango.toml").write_text(
        'name = "mango"\ndataset = "data/mango"\nquestions = ["test-fitb-matched"]\nseeds = [0]\n'
        + "".join(f'[[model]]\nname = "{name}"\nmodel = "two-tower"\n' for name in [*names, "added later"])
    )
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "mango.json").write_text(json.dumps(recipe_results()))
    return tmp_path


def curve(**gains: tuple[float, str]) -> dict:
    """What a study found with 0 and all own outfits: the gain over each other arm, and what it shows."""
    lines = [
        {"scorer": "designers", "against": other, "outfits": size, "difference": gain, "low": gain - 0.01,
         "high": gain + 0.01, "shows": shows}
        for other, (gain, shows) in gains.items() for size in (0, -1)
    ]  # fmt: skip
    lines[-1]["shows"] = "not shown"
    study = {"title": "Words", "seeds": [0, 1, 2, 3, 4], "dataset": "data/users", "designers": "data/experts"}
    return {"study": study, "comparisons": lines}


TRAVELS = {"words": curve(none=(0.0139, "higher"), shuffled=(0.0168, "higher"))}


def test_five_sentences_say_what_the_numbers_say():
    assert conclusions({"mango": recipe_results()}, TRAVELS) == [
        "By AUC on the hardest questions (exhaustive where it says so, else one question per outfit), the best model "
        "of the tables is above the strongest floor on MANGO (0.801 against 0.612).",
        "Two-tower has not been compared with peers over 5 seeds.",
        "Records of the items (columns, counts, picture files) have, without looking at a garment, an AUC on the "
        "hardest questions of 0.612 on MANGO.",
        "In ADD-GNN, the graph has not been measured; transfer by designers' masks has not been measured.",
        "Designers, trusted as far as held-out outfits support it, help more than no knowledge and more than shuffled "
        "designers for 1 of 1 pairs of real data sets, with some number of own outfits (second table below).",
    ]
    few = "| Two-tower | MANGO | AUC | – | fewer than 5 seeds: ADD-GNN without knowledge | – |"
    assert standings({"mango": recipe_results()}, {}).splitlines()[2:] == [few]
    assert gains(TRAVELS).splitlines()[2:] == ["| Words | +0.0139 | 0 | – |"]
    assert standings({}, {}) == gains({}) == ""


def test_other_numbers_make_other_sentences():
    many = [line("model", name, 0.7) for name in (*GRAPH[0], MASKS[0][0], "NGNN")]
    changed = recipe_results(
        marks=[],
        lines=[line("floor", RECORDS, 0.612), line("model", OURS, 0.801), *many],
        compared=[
            compared(OURS, GRAPH[0][0], -0.1, "lower"), compared(OURS, "NGNN", 0.0, "equivalent"),
            compared(OURS, RECORDS, 0.1, "higher"), compared(*GRAPH[0], 0.1, "not shown"),
            compared(*MASKS[0], 0.1, "higher"), compared(*MASKS[0], 0.1, "lower", negatives="random"),
        ],
    )  # fmt: skip
    first, second, _, fourth, fifth = conclusions(
        {"mango": recipe_results(), "ccp": changed}, {"words": curve(none=(0.0139, "higher"))}
    )
    assert "on MANGO (0.801 against 0.612); not shown to differ from the strongest floor on CCP (0.801" in first
    once = "Counting each peer once per data set, and as beaten only if every row below shows it, Two-tower is ahead of"
    assert second == f"{once} 0 of 2 and behind 1 (first table below)."
    table = standings({"ccp": changed}, {})
    assert table.endswith("| Two-tower | CCP | AUC | – | NGNN (equivalent) | ADD-GNN without knowledge |")
    assert fourth == ("In ADD-GNN, the graph is not shown to matter on CCP; transfer by designers' masks helps on CCP.")
    released, printed, *_, at_test = (pairs[0] for pairs in RULES.values())
    ruled = recipe_results(
        lines=[line("model", name, 0.7) for name in {*released, *printed, *at_test}],
        compared=[
            compared(*released, -0.1, "lower"), compared(*printed, -0.1, "lower"), compared(*at_test, 0.1, "higher"),
        ],
    )  # fmt: skip
    assert conclusions({"ccp": changed}, {}, {"fashionvc-rules": ruled})[3].endswith(
        ". In AKD-DBPR, by AUC on the hardest questions of each table: on FashionVC (rules), mixing rules in at test "
        "time alone helps, and teaching by rules as released and teaching as printed hurt."
    )
    assert fifth.endswith(
        "shuffled designers for 0 of 1 pairs of real data sets, with some number of own outfits (second table below)."
    )
    again, sample = curve(none=(0.0139, "higher")), curve(none=(0.0139, "higher"), shuffled=(0.0168, "higher"))
    sample["study"] |= {"dataset": "data/sample#users"}
    assert conclusions({}, TRAVELS | {"again": again, "sample": sample})[4].endswith(
        "for 1 of 1 pairs of real data sets, with some number of own outfits, and on the generated sample, where taste "
        "is shared (second table below)."
    )
    assert gains({"words": curve(none=(0.0139, "higher"))}).endswith("| Words | – | not shown | – |")
    floor = {"scorer": "designers", "against": "records", "outfits": -1, "difference": -0.0021, "shows": "not shown"}
    words = curve(none=(0.0139, "higher"))
    words["comparisons"].append(floor)
    leak = "polyvore-fashionvc"  # whose recipe leaves out what an earlier measurement had
    assert "Words (who wear some of the test items)" in gains({leak: words})
    assert "in 1 of these pairs the designers wear some of the test items" in conclusions({}, {leak: words})[4]
    clean = words | {"study": words["study"] | {"drop_shared_items": True}}
    assert "test items" not in gains({leak: clean}) + conclusions({}, {leak: clean})[4]
    assert gains({"words": words}).endswith("| not shown | −0.0021 (not shown) |")
    bare = recipe_results(
        lines=[line("model", OURS, 0.801), line("control", f"{OURS}, no memory", 0.7), *many],
        compared=[compared(OURS, "NGNN", 0.1, "higher"), compared(f"{OURS}, no memory", "NGNN", 0.0, "not shown")],
    )
    assert conclusions({"mango": bare}, {})[1] == (
        f"{once} 1 of 1 and behind none; without its memory of training items, which they do not have, ahead of 0 of 1 "
        "and behind none (first table below)."
    )
    level = recipe_results(
        lines=[line("model", OURS, 0.801), line("model", "NGNN", 0.7)],
        compared=[compared(OURS, "NGNN", 0.0, "not shown")],
    )
    twice = conclusions({"mango": bare}, {}, {"mango-search": level})[1]
    assert twice.startswith(f"{once} 0 of 1 and behind none")  # a lead that one of two tables does not show is none
    exhaustive = {"task": "exhaustive"}
    bare["compared"] += [
        compared(OURS, "NGNN", 0.02, "equivalent", **exhaustive),
        compared(f"{OURS}, no memory", "NGNN", 0.04, "higher", **exhaustive),
    ]
    assert standings({"mango": bare}, {}).splitlines()[2:] == [
        "| Two-tower | MANGO | exhaustive AUC | – | NGNN (equivalent) | – |",
        "| Two-tower, no memory | MANGO | exhaustive AUC | NGNN | – | – |",
    ]
    below = conclusions({"mango": recipe_results(marks=[{"scorer": OURS, "column": KEY, "marks": "†"}])}, {})[0]
    assert below.endswith("the best model of the tables is below the strongest floor on MANGO (0.801 against 0.612).")
    assert "has not been measured" in conclusions({"ccp": recipe_results(compared=[])}, {})[4]
    apart = conclusions({"mango": recipe_results()}, {}, {"parts": changed})
    assert "the graph is not shown to matter on parts" in apart[3]
    assert apart[1] == second
    assert "| Two-tower | parts | AUC | – | NGNN (equivalent) |" in standings({}, {"parts": changed})
    assert not any("parts" in apart[number] for number in (0, 2, 4))


def test_floors_that_answered_about_every_place_are_compared_by_that():
    every = {"task": "exhaustive", "negatives": "matched"}
    whole = [
        line("floor", RECORDS, 0.7, **every),
        line("model", OURS, 0.72, **every),
        line("model", "NGNN", 0.6, **every),
    ]
    asked = [line("floor", RECORDS, 0.75), line("model", OURS, 0.76)]
    mark = [{"scorer": OURS, "column": ["exhaustive", "matched", "auc"], "marks": "*"}]
    [first, *_] = conclusions({"mango": recipe_results(lines=asked + whole, marks=mark)}, {})
    assert first.endswith("is above the strongest floor on MANGO (0.720 against 0.700, exhaustive).")
    models_alone = recipe_results(lines=asked + whole[1:], marks=mark)
    [first, *_] = conclusions({"mango": models_alone}, {})
    assert first.endswith("is not shown to differ from the strongest floor on MANGO (0.760 against 0.750).")
    search = {"mango-search": recipe_results(lines=asked + whole, marks=mark)}
    [first, *_] = conclusions({"mango": models_alone}, {}, search)
    assert first.endswith("is above the strongest floor on MANGO (0.720 against 0.700, exhaustive, equal search).")
    lower = recipe_results(lines=[*asked, *whole[:1], line("model", OURS, 0.71, **every)], marks=[])
    [first, *_] = conclusions({"mango": lower}, {}, search)  # the best model of all tables, not of the main one
    assert first.endswith("is above the strongest floor on MANGO (0.720 against 0.700, exhaustive, equal search).")
    [first, *_] = conclusions({"mango": models_alone | {"dataset": {"name": "ccp"}}}, {}, search)
    assert first.endswith("on MANGO (0.760 against 0.750).")


def test_floors_are_shared_where_the_same_questions_were_asked():
    every = {"task": "exhaustive", "negatives": "matched", "signature": "same"}
    mine = [line("floor", RECORDS, 0.6), line("floor", "likeness", 0.5, **every), line("model", OURS, 0.72, **every)]
    marks = [
        {"scorer": OURS, "column": ["exhaustive", "matched", "auc"], "marks": "*↓"},
        {"scorer": OURS, "column": KEY, "marks": "*"},
    ]
    stronger, weaker, other, leaking = (
        line("floor", RECORDS, value, **every | more)
        for value, more in ((0.7, {}), (0.4, {}), (0.8, {"signature": "other"}), (0.995, {}))
    )

    page = "# a\n\nBest\n\n|  | compat AUC, matched | exhaustive AUC, matched |\n| --- | --- | --- |\n"
    page += f"| {OURS} | **0.801** * | 0.720 [0.6, 0.8] *↓ |\n| NGNN | 0.7 † | **0.4** † |\n\nMarks: old.\n"
    there = {"b": {"lines": [stronger], "marks": []}}
    kept = shared_floors({"a": {"lines": mine, "marks": marks, "page": page, "trials": 0}, **there})["a"]
    whole = results_page._whole("a", kept)
    assert f"| {OURS} | **0.801** * | 0.720 [0.6, 0.8] ↓ |\n| NGNN | 0.7 † | **0.4** |\n" in whole
    assert "a floor without a number in the column is left out" in whole
    assert "Marks: old" not in whole

    def shared(*lines: dict) -> tuple[list[dict], list[str]]:
        results = shared_floors({"a": {"lines": mine, "marks": marks}, "b": {"lines": [*lines], "marks": []}})["a"]
        return results["lines"], [mark["marks"] for mark in results["marks"]]

    assert shared(stronger) == ([*mine, stronger], ["↓", "*"])
    assert shared(weaker) == ([*mine, weaker], ["*↓", "*"])
    assert shared(leaking) == ([*mine, leaking], ["*↓", "*"])
    assert shared(other) == (mine, ["*↓", "*"])
    assert shared({**stronger, "kind": "model"}, {**stronger, "scorer": "not a floor of a"}) == (mine, ["*↓", "*"])


def test_sections_of_the_knowledge_page_are_those_of_the_kept_results():
    page, curves = (ROOT / "docs" / "knowledge.md").read_text(), read_curves(ROOT / "docs" / "results")
    assert filled(page, curves) == page
    assert all(f"<!-- curves of {name} -->" in page for name in curves)
    assert filled("<!-- curves of x -->old<!-- end -->", {}) == (
        "<!-- curves of x -->\n\nNot measured yet.\n\n<!-- end -->"
    )


def test_a_number_that_no_table_has_is_refused():
    results_page.carried(["AUC 0.801 and 0.612"], "| 0.801 [0.701, 0.901] | 0.612 |")
    with pytest.raises(ValueError, match=r"0\.613 is in no table of the page"):
        results_page.carried(["AUC 0.613"], "| 0.612 |")


def test_masks_help_in_a_study_that_shows_them_above_none_and_above_shuffled_ones_at_one_size():
    def study(*shown: tuple[str, int]) -> dict:
        lines = [
            {"scorer": "masks", "against": against, "outfits": size,
             "shows": "higher" if (against, size) in shown else "not shown"}
            for against in ("add-gnn", "shuffled masks") for size in (30, -1)
        ]  # fmt: skip
        return {"study": {"arms": ["add-gnn", "masks", "shuffled masks"]}, "comparisons": lines}

    at_one, apart = study(("add-gnn", 30), ("shuffled masks", 30)), study(("add-gnn", 30), ("shuffled masks", -1))
    fourth = conclusions({}, {"one": at_one, "apart": apart, "none": study(), "words": TRAVELS["words"]})[3]
    assert fourth.endswith(
        "with some number of own outfits, they help more than none and more than shuffled designers' in 1 of 3 studies."
    )


def test_the_page_has_floors_first_then_what_is_folded_and_says_what_was_cut(folder: Path):
    (folder / "results" / "curves-words.json").write_text(json.dumps(TRAVELS["words"]))
    text = results_page.write_page(["mango", "ccp"]).read_text()
    assert (
        "| Words | 5 | 0 | +0.0139 [+0.004, +0.024], higher | +0.0168 [+0.007, +0.027], higher | – | – | – | – |"
        in text
    )
    table = text.split("## MANGO", 1)[1].split("<details", 1)[0]
    rows = [row.strip("|").split("|") for row in table.splitlines() if row.startswith("|")]
    assert [row[0].strip() for row in rows] == [
        "", "---", RECORDS, WITH_IDS, "rarity", OURS, GRAPH[0][0], GRAPH[0][1], MASKS[0][0], "shuffled", "ceiling",
    ]  # fmt: skip
    assert [cell.strip() for cell in rows[0]] == ["", "seeds", "AUC, matched", "FITB, matched", "R@10 from one item"]
    cells = [cell.strip() for cell in rows[5]]
    assert cells == [
        OURS, "5", "0.801 [0.701, 0.901] *", "0.333 [0.233, 0.433]", "0.444 [0.344, 0.544]",  # alone: no best
    ]  # fmt: skip
    assert rows[9][2].strip() == "**0.903 [0.803, 1.003]**"  # a control may be the best
    assert "0.990" not in table  # an easier question
    order = [
        "1. By AUC on the hardest", "<summary>What was cut", "## MANGO", "<summary>Knowledge", "<summary>Ablations",
        "<summary>Speed", "<summary>All questions", "## What designers' knowledge adds",
    ]  # fmt: skip
    assert [text.index(part) for part in order] == sorted(text.index(part) for part in order)
    knowledge = text.split("<summary>Knowledge", 1)[1].split("</details>", 1)[0]
    assert "why: ADD-GNN, softmax, with masks − ADD-GNN, softmax" in knowledge
    assert "p = 0.400, lower" in knowledge
    assert GRAPH[0][1] not in knowledge
    assert (
        "*mango*: no search, the settings of the recipe; fewer seeds than 5: ADD-GNN without knowledge 1, "
        "ADD-GNN, softmax, with masks 1; "
    ) in text
    assert "2 of 6 models not measured (NGNN; added later)" in text  # of the recipe as it is now
    assert "Not measured: ccp." in text
    assert "](results/mango-accuracy.svg)" in text
    assert "Made by `goeswith bench recipes/mango.toml`; yes." in text
    assert "/home/x" not in text
    assert "9,222 items, 9,000 pictures; outfits 1,200 train, 300 test; 7 exact repeats removed" in text


def test_the_clock_goes_on_in_the_next_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    now, lines = iter([100.0, 110.0, 130.0, 500.0, 507.0]), []
    monkeypatch.setattr(results_clock.time, "monotonic", lambda: next(now))
    file = tmp_path / "clock" / "mango.json"
    say = results_clock.on_the_clock(file, 2, lines.append)
    say("first")
    say("second")
    assert json.loads(file.read_text()) == 60
    results_clock.on_the_clock(file, 1, lines.append)("third")
    assert (json.loads(file.read_text()), lines) == (67, ["first", "second", "third"])
    for name, seconds in (("mango", 1), ("ccp", 7200), ("mango", 3600)):
        (tmp_path / f"{name}.json").write_text(str(seconds))
        results_clock.keep_clock(tmp_path / f"{name}.json", tmp_path)
    assert results_clock.hours_on_two_cores(tmp_path, ["mango", "ccp"]) == 1.5
    assert results_clock.hours_on_two_cores(tmp_path, ["mango", "ccp", "polyvore"]) is None


def test_what_the_page_shows_is_measured_again_and_searched_where_it_was(folder: Path):
    recipe = read_recipe(folder / "recipes" / "mango.toml")
    assert results_page.shown("mango", recipe) == [OURS, *GRAPH[0], MASKS[0][0]]
    assert results_page.shown("another", recipe) == [model.name for model in recipe.models]  # nothing is there yet
    text = results_page.write_page(["mango"]).read_text()
    assert re.search(
        r"took \d+\.\d hours of one core\. `make results` measures the\n.* lack of time \(below\)\.\n", text
    )
    assert "`mango-search`, `mango-search-further`, `ccp-search`. Intervals and p of `mango-search` and" in text
    asked = [name for name in (*results_page.TABLES, *results_page.STUDIES) if name not in results_page.LONG]
    (folder / "results" / "clock.json").write_text(json.dumps(dict.fromkeys(asked, 3600)))
    text = results_page.write_page(["mango"]).read_text()
    assert f"It takes {len(asked) / 2:.1f} hours on two cores, with data, floors and answers.\n" in text
    chosen = argparse.Namespace(trials=None)
    names = ("mango", "mango-search", "mango-search-further", "ccp-search", "polyvore")
    assert [results._trials(name, chosen) for name in names] == [0, 20, 20, 20, 0]
    assert results._trials("mango-search", argparse.Namespace(trials=0)) == 0


def test_with_nothing_measured_there_is_a_page(folder: Path):
    (folder / "results" / "mango.json").unlink()
    text = results_page.write_page(["mango"]).read_text()
    assert "No model has been measured beside floors." in text
    assert "Not measured: mango." in text


def test_a_search_shows_what_it_found_and_whether_the_order_changed(folder: Path):
    names = {"Two-tower": (0.66, 0.65), "CSA-Net": (0.64, 0.60), "NGNN": (0.62, 0.61)}
    exhaustive = {"task": "exhaustive"}
    models, lines = [], [line("model", "alone", 0.9, **exhaustive)]
    for name, (after, before) in names.items():
        own = {"name": name, "settings": ["hidden=32"], "search": True, "like": None}
        models += [own, own | {"name": f"{name}, as it was", "search": False, "like": own}]
        lines += [line("model", name, after, **exhaustive), line("model", f"{name}, as it was", before, **exhaustive)]
    found = {
        "trials": 20, "pruned": 11, "failed": 1, "epochs": 345, "first": 0.601, "best": 0.702, "train": None,
        "settings": "hidden=32 dropout=0.1",
    }  # fmt: skip
    results = recipe_results(searches={"CSA-Net": found}, trials=20)
    results["compared"] += [
        compared("Two-tower", "CSA-Net", 0.02, "higher", **exhaustive),
        compared("Two-tower", "NGNN", 0.04, "not shown", **exhaustive),
        compared("NGNN", "NGNN, as it was", 0.01, "not shown", **exhaustive),
    ]
    results["recipe"]["models"], results["lines"] = models, results["lines"] + lines
    (folder / "results" / "mango.json").write_text(json.dumps(results))
    part = results_page.write_page(["mango"]).read_text().split("<summary>The search", 1)[1].split("</details>", 1)[0]
    assert "| CSA-Net | 20 | 11 | 1 | 345 | 0.601 | 0.702 | – | `hidden=32 dropout=0.1` |" in part
    assert "settings found: Two-tower 0.660, CSA-Net 0.640, NGNN 0.620. With" in part
    assert "not searched: Two-tower 0.650, NGNN 0.610, CSA-Net 0.600. 1 of 3 pairs of models change places" in part
    assert "Two-tower is first after the search, Two-tower before." in part
    assert "shown in 1 of 2 comparisons between two models that were searched, and in 0 of 1 between" in part
    assert "The search for settings" not in results_page.write_page(["ccp"]).read_text()


@pytest.mark.slow
def test_a_study_is_measured_on_its_own_data_and_names_no_folder(tmp_path: Path):
    work = tmp_path / "work"
    styles_dataset(work / "data")
    (tmp_path / "small.toml").write_text(
        'name = "small"\ndataset = "data/styles#users"\ndesigners = "data/styles#designers"\nencoder = "made"\n'
        'outfits = [0]\nseeds = [0, 1]\narms = ["cosine", "designers", "shuffled"]\ncandidates = 4\n'
        'set = ["hidden=8", "epochs=1", "memory=false", "teacher.hidden=8", "teacher.epochs=1", "folds=2"]\n'
    )
    lines: list[str] = []
    for collect, count in ((False, 6), (True, 0)):
        lines.clear()
        measure_study(
            tmp_path / "small.toml", tmp_path, work, tmp_path / "results", lines.append, jobs=1, collect=collect
        )
        assert len(lines) == count
    text = (tmp_path / "results" / "curves-small.json").read_text()
    assert str(tmp_path) not in text
    kept = json.loads(text)
    assert (kept["study"]["dataset"], kept["study"]["designers"]) == ("data/styles#users", "data/styles#designers")
    assert {point["arm"] for point in kept["points"]} == {"cosine", "designers", "shuffled"}
    assert (tmp_path / "results" / "curves-small.svg").is_file()


def test_every_recipe_of_the_page_and_every_study_has_a_file():
    assert {*results_page.LONG} < {*results_page.TABLES, *results_page.STUDIES}
    for name in results_page.TABLES:
        assert (ROOT / "recipes" / f"{name}.toml").is_file()
    assert {name.removeprefix(PREFIX) for name in results_page.STUDIES} == {
        path.stem for path in (ROOT / "recipes" / "curves").glob("*.toml")
    }
    assert {name for models in results.BLENDS.values() for name in models} <= {
        model.name for model in read_recipe(ROOT / "recipes" / "fashionvc.toml").models
    }
