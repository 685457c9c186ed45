"""Plug-ins: the example package of the documentation, found by paths and by entry points, trained and measured."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from worlds import styles_dataset

from goeswith.cli.main import app
from goeswith.data.dataset import Dataset
from goeswith.data.freeze import freeze
from goeswith.errors import ConfigError
from goeswith.evaluate.measures import Ranks, other_measures
from goeswith.experiments.recipes import read_recipe
from goeswith.experiments.trainings import trainings
from goeswith.models import model_classes
from goeswith.train.run import Run
from goeswith.train.training import train

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "plugins" / "goeswith_example.py"
POINTS = """
[goeswith.models]
centre = goeswith_example:Centre
[goeswith.knowledge]
liked = goeswith_example:LikedSource
[goeswith.negatives]
colour = goeswith_example:by_colour
[goeswith.measures]
ndcg = goeswith_example:ndcg
"""
QUICK = ["size=8", "epochs=2", "batch_size=64"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """A data set, and the example where Python can import it."""
    shutil.copy(EXAMPLE, tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return styles_dataset(tmp_path)


@pytest.fixture
def installed(tmp_path: Path, world: Dataset) -> None:
    """The example as an installed package."""
    info = tmp_path / "goeswith_example-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: goeswith-example\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)


@pytest.mark.parametrize("named", [("centre", "liked", "colour"), ("Centre", "LikedSource", "by_colour")])
def test_a_model_knowledge_and_negatives_of_another_package(
    world: Dataset, installed: None, tmp_path: Path, named: tuple[str, str, str]
) -> None:
    model, source, negatives = named if named[0] == "centre" else (f"goeswith_example:{name}" for name in named)
    liked = tmp_path / "liked.txt"
    liked.write_text("i0 i50\ni1 i60\n")
    run = train(
        model, world, tmp_path / "run", knowledge={source: str(liked)},
        settings=[*QUICK, f"negatives={negatives}", "liked_weight=0.5"],
    )  # fmt: skip
    assert run.config["liked"] == {"liked_weight": 0.5, "pairs": [["i0", "i50"], ["i1", "i60"]]}
    again = Run(run.path)
    items, mask = world.outfits.split("test").padded()
    assert np.isfinite(again.scorer(world).score(items, mask)).all()
    alone = train(model, world, tmp_path / "alone", settings=[*QUICK, f"negatives={negatives}"])
    assert (alone.path / "weights.safetensors").read_bytes() != (run.path / "weights.safetensors").read_bytes()


def test_the_commands_of_the_page(world: Dataset, tmp_path: Path) -> None:
    freeze(world.catalogue, world.outfits, world.path / "questions", splits=("test",), plan=[("fitb", "category")],
           usable=np.ones(len(world.catalogue), bool))  # fmt: skip
    words = ["train", "goeswith_example:Centre", str(world.path), "--out", str(tmp_path / "run")]
    settings = [*QUICK, "negatives=goeswith_example:by_colour"]
    done = CliRunner().invoke(app, [*words, *(word for setting in settings for word in ("--set", setting))])
    assert done.exit_code == 0, done.output
    words = ["evaluate", str(tmp_path / "run"), str(world.path), "--json", "--no-retrieval"]
    done = CliRunner().invoke(app, [*words, "--measure", "goeswith_example:ndcg"])
    assert done.exit_code == 0, done.output
    lines = json.loads(done.stdout)["summary"]
    measured = next(line for line in lines if line["metric"] == "goeswith_example:ndcg")
    accuracy = next(x for x in lines if x["metric"] == "accuracy" and x["scorer"] == measured["scorer"])
    assert accuracy["value"] < measured["value"] <= 1
    assert measured["low"] <= measured["value"] <= measured["high"]


def test_ndcg_is_the_mean_over_the_orders_of_ties(world: Dataset, installed: None) -> None:
    [measure] = other_measures()
    ranks = Ranks(np.array([0.0, 2.0, 1.0]), np.array([0.0, 0.0, 2.0]), np.full(3, 4.0), np.zeros(3, bool))
    expected = [1, 1 / np.log2(4), np.mean([1 / np.log2(1 + rank) for rank in (2, 3, 4)])]
    assert np.allclose(measure(ranks), expected)
    assert str(measure) == "ndcg"


def test_a_recipe_takes_a_plug_in(world: Dataset, installed: None, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(
        'name = "r"\ndataset = "d"\nquestions = ["test-fitb-colour"]\nset = ["size=4", "negatives=colour"]\n'
        '[[model]]\nname = "short"\nmodel = "centre"\n[[model]]\nname = "path"\nmodel = "goeswith_example:Centre"\n'
    )
    assert [model.model for model in read_recipe(path).models] == ["centre", "goeswith_example:Centre"]
    path.write_text(
        path.read_text() + 'knowledge = ["goeswith_example:LikedSource=pairs.txt"]\nset = ["liked_weight=2"]\n'
    )
    recipe = read_recipe(path)
    last = trainings(recipe, tmp_path)[recipe.models[1], 0]
    assert last.knowledge == ("goeswith_example:LikedSource=pairs.txt",)
    assert "--knowledge goeswith_example:LikedSource=pairs.txt --set" in last.command
    once = path.read_text()
    path.write_text(once.replace('=pairs.txt"]', '=pairs.txt", "goeswith_example:LikedSource=more.txt"]'))
    with pytest.raises(ConfigError, match=r"is given twice, as pairs\.txt and as more\.txt; give it once"):
        read_recipe(path)
    path.write_text(once.replace("=pairs.txt", ""))
    with pytest.raises(ConfigError, match=r"r\.toml, line \d+: .*'goeswith_example:LikedSource' must be NAME=PATH"):
        read_recipe(path)


def test_what_cannot_be_found_is_named(world: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no model 'centre'"):
        model_classes("centre")
    with pytest.raises(ConfigError, match="cannot import 'no_such_module:X'"):
        model_classes("no_such_module:X")
    with pytest.raises(ConfigError, match="there are no 'colour' negatives"):
        train("add-gnn", world, tmp_path / "a", settings=["negatives=colour"])
    with pytest.raises(ConfigError, match="there is no knowledge 'liked'; there are: designers, rules"):
        train("add-gnn", world, tmp_path / "b", knowledge={"liked": "x"})
    with pytest.raises(ConfigError, match="there is no measure 'ndcg'"):
        other_measures(["ndcg"])
    with pytest.raises(ConfigError, match="must have tasks"):
        other_measures(["json:loads"])
