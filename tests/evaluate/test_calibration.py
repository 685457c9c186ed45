"""Calibration: probabilities that are known are found again, whatever the size of an outfit does to its score."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from made_scores import made_score
from typer.testing import CliRunner
from worlds import styles_dataset, styles_world

from goeswith.cli.main import app
from goeswith.data.freeze import freeze
from goeswith.errors import DataError
from goeswith.evaluate.calibration import LEAST, Cases, Scale, cases
from goeswith.evaluate.reliability import calibrated, measure, reliability
from goeswith.evaluate.seeds import Mean
from goeswith.experiments.report import Findings, _diagram, page
from goeswith.experiments.results import Row
from goeswith.train.training import train

SCORE = made_score("known", 0.5)
MEASURED = {SCORE.column: Mean(SCORE, np.empty(0))}


@pytest.fixture(scope="module")
def world():
    """So many items that hardly an outfit comes twice; those that do are dropped."""
    catalogue, outfits, _ = styles_world(outfits=5000, each=200, dim=1)
    items, mask = outfits.padded()
    first = np.unique(np.sort(np.where(mask, items, -1), axis=1), axis=0, return_index=True)[1]
    return SimpleNamespace(catalogue=catalogue, outfits=outfits.take(np.sort(first)), path=Path("styles"))


class Known:
    """Scores N(1, 1) for the outfits of a world and N(0, 1) for all others, so that P(true | s) = σ(s − ½).

    `bend` makes of a score and a size what a model of that scale would say.
    """

    name = "known"

    def __init__(self, world, bend=lambda score, size: score) -> None:
        numbers = np.random.default_rng(3).standard_normal(len(world.catalogue))
        self.numbers = (numbers - numbers.mean()) / numbers.std()
        self.true = {frozenset(world.outfits[at].tolist()) for at in range(len(world.outfits))}
        self.bend = bend

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        size = mask.sum(axis=1)
        noise = (self.numbers[items] * mask).sum(axis=1) / np.sqrt(size)
        true = [frozenset(row[real].tolist()) in self.true for row, real in zip(items, mask, strict=True)]
        return self.bend(noise + np.array(true), size)


@pytest.mark.parametrize(
    "bend",
    [lambda s, n: s, lambda s, n: 100 * s - 7, lambda s, n: (s - 0.5) / n, lambda s, n: 3 * np.log(n) + s],
    ids=["plain", "scaled", "mean-like", "grows"],
)
def test_known_probabilities_are_found_whatever_the_size_does(world, bend) -> None:
    scale = Scale.fit(Known(world, bend), world, negatives="category")
    assert scale is not None
    assert scale.outfits > 400
    scores = np.linspace(-1.5, 2.5, 9)
    truth = 1 / (1 + np.exp(0.5 - scores))
    for size in (2, 3, 4):
        probabilities = scale.probability(bend(scores, np.full(9, size)), size)
        assert np.abs(probabilities - truth).max() < 0.08
        sizes = np.full(9, size)
        assert scale.probability(bend(scores, sizes), sizes) == pytest.approx(probabilities)
    held = reliability(scale, Known(world, bend), world)
    assert held is not None
    assert held.ece < 0.04
    assert held.brier_low < held.brier < held.brier_high < 0.23
    assert held.auc == pytest.approx(0.76, abs=0.03)  # Φ(1 / √2)


def test_percentiles_of_held_out_outfits_are_uniform_and_ignore_train(world) -> None:
    scorer = Known(world)
    scale = Scale.fit(scorer, world, negatives="category")
    assert scale is not None
    test = world.outfits.split("test")
    percentiles = scale.percentile(scorer.score(*test.padded()), test.lengths)
    assert np.quantile(percentiles, [0.1, 0.5, 0.9]) == pytest.approx([10, 50, 90], abs=4)
    assert scale.percentile(np.array([-99, 99, np.nan]), 3).tolist()[:2] == [0, 100]
    assert np.isnan(scale.percentile(np.array([np.nan]), 3)[0])
    assert np.isnan(scale.probability(np.array([np.nan]), 3)[0])

    class Loud(Known):  # raises what it was trained on
        def score(self, items, mask):
            train = world.outfits.split("train")
            seen = {frozenset(train[at].tolist()) for at in range(len(train))}
            rows = zip(items, mask, strict=True)
            return super().score(items, mask) + [9.0 * (frozenset(i[m].tolist()) in seen) for i, m in rows]

    loud = Scale.fit(Loud(world), world, negatives="category")
    assert loud is not None
    assert loud.quantiles == pytest.approx(scale.quantiles)


def test_a_useless_or_reversed_score_has_probability_one_half(world) -> None:
    constant = SimpleNamespace(name="constant", score=lambda items, mask: np.full(len(items), 4.0))
    contrary = SimpleNamespace(name="contrary", score=lambda items, mask: -Known(world).score(items, mask))
    for scorer in (constant, contrary):
        scale = Scale.fit(scorer, world, negatives="category")
        assert scale is not None
        assert scale.probability(np.array([4.0, -4.0]), 3).tolist() == [0.5, 0.5]
    scale = Scale.fit(constant, world, negatives="category")
    assert scale is not None
    assert scale.percentile(np.array([4.0]), 3) == pytest.approx([50])


def test_each_outfit_has_corruptions_that_differ_by_one_item(world) -> None:
    batches = []

    def scored(items, mask):
        batches.append((items, mask))
        return np.arange(len(items), dtype=float)

    result = cases(SimpleNamespace(name="spy", score=scored), world, "valid", negatives="category", repeats=3)
    (items, mask), (wrong, _) = batches
    assert result.good.mean() == 0.5
    assert len(result.scores) == 6 * len(items)
    assert ((np.repeat(items, 3, axis=0) != wrong).sum(axis=1) == 1).all()
    for number in (0, 7, len(items) - 1):
        own = result.outfits == number
        assert result.scores[own & result.good].tolist() == [number] * 3
        assert result.scores[own & ~result.good].tolist() == [3 * number, 3 * number + 1, 3 * number + 2]
        assert (result.sizes[own] == mask[number].sum()).all()
    gaps = SimpleNamespace(name="gaps", score=lambda i, m: np.where(np.arange(len(i)) == 0, np.nan, scored(i, m)))
    assert len(np.unique(cases(gaps, world, "valid", negatives="category").outfits)) == len(items) - 1
    with pytest.raises(DataError, match="no outfit of split 'spare' of styles has two items"):
        cases(gaps, world, "spare")


def test_too_few_outfits_have_no_scale_and_the_log_says_why(world, caplog) -> None:
    few = SimpleNamespace(**vars(world) | {"outfits": world.outfits.take(np.arange(10 * (LEAST - 1)))})
    with caplog.at_level(logging.WARNING):
        assert Scale.fit(Known(few), few, negatives="category") is None
        assert calibrated(Known(few), few) is None
    counted = "29 of 29 validation outfits can be used (0 have fewer than two items with features, 0 have no score, "
    assert f"styles: {counted}0 lack 4 different category negatives for a random position)" in caplog.text
    here = np.isin(np.arange(len(few.catalogue)), few.outfits.items[::4], invert=True)
    bare = SimpleNamespace(name="bare", present=here, score=Known(few).score)
    lost = sum(here[few.outfits[at]].sum() < 2 for at in np.flatnonzero(few.outfits.splits == "valid"))
    assert Scale.fit(bare, few, negatives="category") is None
    assert lost > 0
    assert f"of 29 validation outfits can be used ({lost} have fewer than two" in caplog.text
    none = SimpleNamespace(**vars(world) | {"outfits": world.outfits.split("train")})
    assert Scale.fit(Known(none), none) is None
    silent = SimpleNamespace(name="silent", score=lambda items, mask: np.full(len(items), np.nan))
    valid = (world.outfits.splits == "valid").sum()
    assert Scale.fit(silent, world) is None
    assert f"can be used (0 have fewer than two items with features, {valid} have no score, 0 lack" in caplog.text
    untested = SimpleNamespace(**vars(world) | {"outfits": world.outfits.take(world.outfits.splits != "test")})
    assert calibrated(Known(untested), untested) is None


def test_reliability_is_what_a_loop_counts() -> None:
    random = np.random.default_rng(0)
    probabilities, owners = random.random(400), np.tile(np.arange(50), 8)
    good = random.random(400) < probabilities**2
    reliability = measure(probabilities, Cases(probabilities, probabilities, good, owners), "test", "matched", bins=4)
    assert reliability.brier == pytest.approx(np.mean([(p - y) ** 2 for p, y in zip(probabilities, good, strict=True)]))
    order, gaps = np.argsort(probabilities), []
    for part, shown in zip(np.split(order, 4), reliability.bins, strict=True):
        gaps.append(abs(probabilities[part].mean() - good[part].mean()))
        assert (shown.predicted, shown.observed, shown.count) == pytest.approx(
            (probabilities[part].mean(), good[part].mean(), 100)
        )
        assert shown.low < shown.observed < shown.high
    assert reliability.ece == pytest.approx(np.mean(gaps))
    wins = [float(a > b) + 0.5 * float(a == b) for a in probabilities[good] for b in probabilities[~good]]
    assert reliability.auc == pytest.approx(np.mean(wins))
    flat = measure(np.full(400, 0.5), Cases(probabilities, probabilities, good, owners), "test", "matched")
    assert len(flat.bins) == 1
    assert flat.brier == pytest.approx(0.25)


def test_a_scale_comes_back_from_json_and_a_broken_one_is_refused(world) -> None:
    scale = Scale.fit(Known(world), world, negatives="category")
    assert scale is not None
    assert Scale.from_json(scale.to_json()) == scale
    info = json.loads(scale.to_json())
    for text in ("{", "[]", "{}", json.dumps(info | {"means": [1]}), json.dumps(info | {"quantiles": []})):
        with pytest.raises(DataError, match=r"the calibration \(scale.json\) .*; run goeswith build again"):
            Scale.from_json(text)


def test_the_page_shows_every_bin(world, tmp_path: Path) -> None:
    held, dataset = calibrated(Known(world), world), styles_dataset(tmp_path)
    assert held is not None
    path = page(
        dataset,
        Findings([Row("known", "model", MEASURED)], reliability=held, shown="<b>known</b>"),
        tmp_path / "p",
    )
    assert path.read_text().count("<circle") == len(held.bins)
    assert "how sure &lt;b&gt;known&lt;/b&gt; is" in path.read_text()
    assert (
        "What a score means" not in page(dataset, Findings([Row("k", "model", MEASURED)]), tmp_path / "q").read_text()
    )
    dots = _diagram(held)
    assert len(dots) == len(held.bins) == 10
    for dot, part in zip(dots, held.bins, strict=True):
        assert dot["top"] < dot["y"] < dot["bottom"]
        assert dot["x"] == pytest.approx(200 * part.predicted, abs=0.1)
    assert "always ½: 0.250" in str(held)


@pytest.mark.slow
def test_evaluate_tells_how_far_probabilities_can_be_relied_on(tmp_path: Path) -> None:
    dataset = styles_dataset(tmp_path)
    run = train("add-gnn", dataset, tmp_path / "run", settings=["hidden=6", "epochs=2", "negatives=category"])
    freeze(
        dataset.catalogue, dataset.outfits, dataset.path / "questions", dataset="styles", plan=[("fitb", "category")]
    )
    result = CliRunner().invoke(app, ["evaluate", str(run.path), str(dataset.path)])
    assert result.exit_code == 0, result.output
    held = calibrated(run.scorer(dataset), dataset)
    assert f"run, as a probability: {held}" in result.stdout
    numbers = json.loads(CliRunner().invoke(app, ["evaluate", str(run.path), str(dataset.path), "--json"]).stdout)
    assert [line["brier"] for line in numbers["calibration"]] == [pytest.approx(held.brier if held else None)]
