"""The page of results: what was kept of each recipe, and the table over all of them."""

import json
import sys
from pathlib import Path

import pytest
from made_scores import made_difference, made_score

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import results_page  # noqa: E402

HEAD = {"task": "compat", "negatives": "matched", "metric": "auc"}


def line(kind: str, scorer: str, value: float, **more: str) -> dict:
    score = made_score(scorer, value, low=value - 0.1, high=value + 0.1, **HEAD | more)
    return {"kind": kind} | score.to_dict()


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results_page, "DOCS", tmp_path)
    monkeypatch.setattr(results_page, "RESULTS", tmp_path / "results")
    (tmp_path / "results").mkdir()
    report = {
        "splits": {"train": 1200, "test": 300}, "repeats_removed": 7, "test_overlap": 0.0,
        "test_overlap_random": 0.25, "test_items_unseen": 0.5,
    }  # fmt: skip
    lines = [
        line("floor", "item pairs", 0.6), line("floor", "rarity", 0.5), line("model", "NGNN", 0.8),
        line("model", results_page.ALONE, 0.7), line("control", "shuffled", 0.9),
        line("floor", "item pairs", 0.99, negatives="random"),
    ]  # fmt: skip
    graph = dict(zip(("scorer", "against"), results_page.GRAPH[0], strict=True))
    told = {
        "lines": lines,
        "compared": [made_difference(0.02, -0.01, 0.05, 0.2, **graph | HEAD).to_dict()],
        "described": {"source": "a shop", "licence": "none", "items": 9222, "pictures": 9000,
                      "split_report": {"sources": {"all": report}}},
        "page": "# mango\n\nBest\n\nMade by `goeswith bench` on `/home/x`; yes.\n\n![A](accuracy.svg)\n\n## Compared\n",
        "seconds": {"search": 1800.0, "teachers": 600.0, "runs": 4800.0},
    }  # fmt: skip
    (tmp_path / "results" / "mango.json").write_text(json.dumps(told))
    return tmp_path


def test_the_table_names_floor_best_model_graph_and_what_was_not_measured(kept: Path):
    text = results_page.write_page(["mango", "ccp"], 4).read_text()
    row = next(row for row in text.splitlines() if row.startswith("| mango |"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "mango", "item pairs 0.600 [0.500, 0.700]", "0.700 [0.600, 0.800]", "–", "NGNN 0.800 [0.700, 0.900]",
        "+0.020 [−0.010, +0.050]", "–",
    ]  # fmt: skip
    assert "mango: compat matched" in text
    assert "4 trials" in text
    assert "2.0 hours on one core (25 % of them for the search)" in " ".join(text.split())


def test_a_section_is_the_page_of_the_bench_with_its_pictures_and_no_path_of_this_machine(kept: Path):
    text = results_page.write_page(["mango"], 4).read_text()
    assert "9,222 items, 9,000 pictures; outfits 1,200 train, 300 test; 7 exact repeats removed" in text
    assert "0.0% (25.0% under a plain random split); test items unseen in training: 50%" in text
    assert "](results/mango-accuracy.svg)" in text
    assert "### Compared" in text
    assert "Made by `goeswith bench recipes/mango.toml`; yes." in text
    assert "/home/x" not in text
