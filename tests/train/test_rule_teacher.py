"""Runs that rules taught: kept with the run, resumed, scored apart, beside designers, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from worlds import styles_world, write_made

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.features import load_features
from goeswith.data.freeze import make_questions
from goeswith.data.questions import Questions
from goeswith.errors import ConfigError, DataError, ModelError
from goeswith.evaluate.evaluate import answer
from goeswith.rules.rules import Rule, write_rules
from goeswith.train.run import Run
from goeswith.train.training import train

SMALL = ("hidden=6", "epochs=3", "batch_size=64", "precision=fp32", "negatives=group", "blank=bottom")
RULES = [Rule("colour", "red", "red", "+"), Rule("colour", "red", "blue", "-"), Rule("colour", "blue", "blue", "+")]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The styles world with red and blue items."""
    catalogue, outfits, features = styles_world()
    colours = np.where(np.arange(len(catalogue)) % 3 == 0, "red", "blue")
    items = catalogue.items.drop("image").with_columns(colour=pl.Series(colours))
    frame = outfits.to_frame(catalogue).with_columns(source=pl.lit("made"))
    folder = tmp_path_factory.mktemp("world") / "styles"
    dataset = create(Imported(items=items, outfits=frame, source="a test", licence="none"), folder, layout="test")
    write_made(dataset, dataset.catalogue.ids, features)
    return dataset


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rules") / "rules.toml"
    write_rules(RULES, path)
    return path


def triplets(world: Dataset) -> Questions:
    frame, _ = make_questions(world.catalogue, world.outfits, "test", "triplet", "group", usable=np.ones(192, bool))
    return Questions.from_frame(frame, world.catalogue)


def test_rules_and_their_attention_are_kept_with_the_run(world: Dataset, rules: Path, tmp_path: Path) -> None:
    run = train("akd-dbpr", world, tmp_path / "run", rules=rules, settings=[*SMALL, "supervision=1"])
    again = Run(tmp_path / "run")
    assert [Rule(**rule) for rule in again.config["rules"]["rules"]] == RULES
    student = again.scorer(world)
    taught = again.taught(student, world.catalogue)
    assert taught is not None
    questions = triplets(world)
    alone, judged = answer(student, questions).scores, answer(taught, questions).scores
    shares = np.exp(judged).reshape(-1, 2)
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-5)
    p = alone.reshape(-1, 2) / alone.reshape(-1, 2).sum(axis=1, keepdims=True)
    colour = np.array(world.catalogue.items["colour"].to_list())
    group = np.array(world.catalogue.items["group"].to_list())
    moved = 0
    for n in range(len(questions)):
        tops = [row for row in questions.context[n][questions.context_mask[n]] if group[row] == "top"]
        fired = [
            {
                number
                for number, rule in enumerate(RULES)
                if any(colour[t] == rule.top and colour[c] == rule.bottom for t in tops)
            }
            for c in questions.candidates[2 * n : 2 * n + 2]
        ]
        if fired[0] == fired[1]:
            assert shares[n] == pytest.approx(p[n], abs=1e-5)
        else:
            moved += 1
            assert shares[n] != pytest.approx(p[n], abs=1e-3)
    assert 5 < moved < len(questions)
    weights = (run.path / "rules.safetensors").read_bytes()
    assert (
        train("akd-dbpr", world, tmp_path / "b", rules=rules, settings=[*SMALL, "supervision=1"]).path
        / "rules.safetensors"
    ).read_bytes() == weights
    (run.path / "rules.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(ModelError, match="does not hold the attention of these rules"):
        Run(run.path).taught(student, world.catalogue)


def test_a_killed_run_ends_with_bit_identical_attention(world: Dataset, rules: Path, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def say(_: str):
        def after_epoch(epoch: int, *__: object) -> None:
            if epoch == 2:
                raise Stopped

        return after_epoch

    def call(out: str, say=None) -> Run:
        return train("akd-dbpr", world, tmp_path / out, rules=rules, settings=[*SMALL, "dropout=0.2"], say=say)

    with pytest.raises(Stopped):
        call("killed", say)
    for file in ("weights.safetensors", "rules.safetensors"):
        assert (call("killed").path / file).read_bytes() == (call("straight").path / file).read_bytes()


@pytest.mark.slow
def test_designers_and_rules_teach_one_student(world: Dataset, rules: Path, tmp_path: Path) -> None:
    for model, settings in (
        ("add-gnn", ["attributes=2", "carry=masks+responses", "probability=softmax"]),
        ("akd-dbpr", ["carry=responses"]),
    ):
        both = train(
            model, world, tmp_path / model, teacher=str(world.path), rules=rules,
            settings=[*SMALL, *settings, "teacher.epochs=1"],
        )  # fmt: skip
        assert both.config["knowledge"]["carry"]
        assert both.config["rules"]["rules"]
        scorer = both.scorer(world)
        taught = both.taught(scorer, world.catalogue)
        assert taught is not None
        assert np.isfinite(answer(taught, triplets(world)).scores).all()


def test_rules_at_test_time_only_leave_the_student_as_it_is(world: Dataset, rules: Path, tmp_path: Path) -> None:
    alone = train("akd-dbpr", world, tmp_path / "alone", settings=SMALL)
    late = train(
        "akd-dbpr", world, tmp_path / "late", rules=rules, settings=[*SMALL, "imitation=0", "confidence=uniform"]
    )
    states = [run.scorer(world).states.hidden for run in (alone, late)]
    assert torch.equal(*states)
    assert late.taught(late.scorer(world), world.catalogue) is not None
    assert alone.taught(alone.scorer(world), world.catalogue) is None


def test_labelled_outfits_are_scored_by_the_student(world: Dataset, rules: Path, tmp_path: Path) -> None:
    run = train("akd-dbpr", world, tmp_path / "run", rules=rules, settings=[*SMALL, "epochs=1"])
    frame = pl.DataFrame(
        {
            "question_id": ["a", "b"], "task": "compat", "negatives": "official", "outfit_id": ["a", "b"],
            "context": [["i0", "i50"], ["i1", "i60"]], "candidates": [[], []], "answer": -1, "position": 0,
            "label": [1, 0],
        },
        schema_overrides={"candidates": pl.List(pl.String)},
    )  # fmt: skip
    questions = Questions.from_frame(frame, world.catalogue)
    student = run.scorer(world)
    assert (
        answer(run.taught(student, world.catalogue), questions).scores.tolist()
        == answer(student, questions).scores.tolist()
    )


def test_outfits_without_a_top_or_a_bottom_are_counted_and_left_out(world: Dataset, tmp_path: Path) -> None:
    settings = [*SMALL[:-2], "negatives=random"]  # a random wrong item often leaves no pair of a top and a bottom
    run = train("akd-dbpr", world, tmp_path / "some", settings=settings)
    result = run.config["result"]
    assert 0 < result["unservable"] < 3 * len(world.outfits.split("train"))
    assert all(np.isfinite(row["loss"]) for row in result["history"])


def test_a_category_outside_the_training_set_is_scored_by_its_group(world: Dataset, tmp_path: Path) -> None:
    run = train("akd-dbpr", world, tmp_path / "run", settings=[*SMALL, "epochs=1"])
    other = Dataset(world.path)
    renamed = pl.when(pl.col("category") == "shirt").then(pl.lit("tunic")).otherwise("category")
    other.catalogue = Catalogue(world.catalogue.items.with_columns(category=renamed))
    features = load_features(world)
    items, mask = world.outfits.split("test").padded()
    scores = run.scorer(other, features).score(items, mask)
    assert np.isfinite(scores).any()
    assert np.array_equal(scores, run.scorer(world).score(items, mask), equal_nan=True)
    other.catalogue = Catalogue(other.catalogue.items.with_columns(group=pl.lit(None, pl.String)))
    assert np.isnan(run.scorer(other, features).score(items, mask)).any()


def test_what_cannot_teach_or_be_taught_is_refused(world: Dataset, rules: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"masks and initialisation are for add-gnn only.*carry=responses"):
        train("akd-dbpr", world, tmp_path / "a", teacher=str(world.path), settings=[*SMALL, "teacher.epochs=1"])
    with pytest.raises(ConfigError, match="probability=softmax"):
        train("add-gnn", world, tmp_path / "b", rules=rules, settings=SMALL)
    with pytest.raises(ConfigError, match=r"--set supervision .* add --rules"):
        train("akd-dbpr", world, tmp_path / "c", settings=[*SMALL, "supervision=1"])
    bags = replace(world.outfits, items=world.outfits.items % 48 + 144)
    bare = Dataset(world.path)
    bare.outfits = bags
    with pytest.raises(ModelError, match=r"no outfit of a batch has a score in epoch 1.*sides=groups or pairs=true"):
        train("akd-dbpr", bare, tmp_path / "f", settings=[*SMALL[:-2], "negatives=category"])
    with pytest.raises(DataError, match="there is no rule file"):
        train("akd-dbpr", world, tmp_path / "d", rules=tmp_path / "none.toml", settings=SMALL)
    with pytest.raises(ConfigError, match=r"minilm-tokens needs --set text=cnn"):
        train("akd-dbpr", world, tmp_path / "e", settings=[*SMALL, "text=cnn"])
