"""benchmarks/faithfulness.py: where the answer is known the wrong item is found, and tables go to their places."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from worlds import styles_world

from goeswith.evaluate.reliability import Bin, Reliability

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

import faithfulness as bench

EACH, STYLES = 12, 4


@pytest.fixture(scope="module")
def world():
    catalogue, outfits, _ = styles_world(outfits=600, styles=STYLES, each=EACH)
    return SimpleNamespace(catalogue=catalogue, outfits=outfits, path=Path("styles"))


class Agreement:
    """The share of pairs that have one style: an outfit with one wrong item is best without it."""

    name = "agreement"

    def __init__(self, world) -> None:
        self.style = np.arange(len(world.catalogue)) // EACH % STYLES
        self.present = np.ones(len(world.catalogue), bool)

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        style, both = self.style[items], mask[:, :, None] & mask[:, None, :] & ~np.eye(items.shape[1], dtype=bool)
        return ((style[:, :, None] == style[:, None, :]) & both).sum(axis=(1, 2)) / both.sum(axis=(1, 2))


@pytest.mark.slow
def test_the_figure_has_a_panel_for_each_scorer(tmp_path: Path) -> None:
    bins = (Bin(0.2, 0.3, 0.1, 0.5, 20), Bin(0.8, 0.7, 0.5, 0.9, 20))
    held = Reliability("test", "category", 40, 0.2, 0.15, 0.25, 0.1, 0.7, bins)
    svg = bench.reliability_curve({"known": held, "again": held}, tmp_path / "r.svg").read_text()
    assert svg.count("predicted probability") == 2
    assert "Brier 0.200, calibration error 0.100" in svg


def test_corrupted_outfits_have_one_wrong_item_and_three_or_more(world) -> None:
    scorer = Agreement(world)
    outfits = bench.corrupted(scorer, world)
    assert outfits.mask.sum(axis=1).min() == 3
    true = {tuple(sorted(world.outfits[at].tolist())) for at in range(len(world.outfits))}
    for row, real, position in zip(outfits.items, outfits.mask, outfits.wrong, strict=True):
        rest = set(np.delete(row, position)[np.delete(real, position)].tolist())
        assert any(rest < set(outfit) and len(outfit) == len(rest) + 1 for outfit in true)
        assert tuple(sorted(row[real].tolist())) not in true


def test_the_wrong_item_is_blamed_by_every_way(world) -> None:
    scorer = Agreement(world)
    outfits = bench.corrupted(scorer, world)
    style, rows = scorer.style[outfits.items], np.arange(len(outfits.items))
    others = outfits.mask & (np.arange(style.shape[1]) != outfits.wrong[:, None])
    first = style[rows, others.argmax(axis=1)]
    odd = style[rows, outfits.wrong] != first  # the others have the style of the outfit
    assert 0.6 < odd.mean() < 0.9
    for way, blame in bench.blames(scorer, world, outfits).items():
        assert (blame.argmax(axis=1) == outfits.wrong)[odd].mean() > 0.97, way
        assert np.isneginf(blame[~outfits.mask]).all()
    results = bench.faithfulness(scorer, world)
    for way, measures in results.items():
        value, low, high = measures["blames the wrong item"]
        assert low < value < high
        assert low > measures["by chance"][0]
        assert measures["difference without it"][1] > 0, way
        assert measures["difference replaced"][1] > 0, way
    assert results["its pairs"]["more than its pairs"] == (0, 0, 0)
    table = bench.faithfulness_table({"agreement": results})
    assert table.count("agreement") == 8


def test_replacing_an_odd_item_never_hurts_and_another_never_helps(world) -> None:
    scorer = Agreement(world)
    outfits = bench.corrupted(scorer, world)
    rise, every = bench.replaced(scorer, world, outfits, seed=1), np.arange(len(outfits.items))
    assert (np.isnan(rise) == ~outfits.mask).all()
    style, wrong = scorer.style[outfits.items], np.zeros(outfits.mask.shape, bool)
    wrong[every, outfits.wrong] = True
    first = style[every, (outfits.mask & ~wrong).argmax(axis=1)]
    odd = style[every, outfits.wrong] != first
    assert (rise[odd][wrong[odd]] >= 0).all()
    assert rise[odd][wrong[odd]].mean() > 0.05
    assert (rise[odd][outfits.mask[odd] & ~wrong[odd]] <= 1e-9).all()


def test_tables_go_between_their_comments() -> None:
    page = "a\n<!-- sizes -->\nold\n<!-- end of sizes -->\nb\n<!-- calibration -->\n<!-- end of calibration -->\n"
    text = bench.filled(bench.filled(page, "sizes", r"| new \1 |"), "calibration", "x")
    assert "old" not in text
    assert r"| new \1 |" in text
    assert text == bench.filled(bench.filled(text, "sizes", r"| new \1 |"), "calibration", "x")
    with pytest.raises(AssertionError, match="no place for faithfulness"):
        bench.filled(page, "faithfulness", "x")
    shown = bench.PAGE.read_text()
    for block in ("calibration", "sizes", "faithfulness"):
        assert f"<!-- {block} -->" in shown
