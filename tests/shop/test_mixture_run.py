"""A mixture is a run like any other: trained, resumed, scored, indexed, given away; good teachers are trusted."""

import itertools
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner
from worlds import styles_dataset, write_made

from goeswith.cli.main import app
from goeswith.data.catalogue import GROUPS
from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.data.outfits import OutfitBatch
from goeswith.data.text import LENGTH
from goeswith.errors import ConfigError, ModelError
from goeswith.shop.build import build_index
from goeswith.train.mixture import other_outfits, train_mixture
from goeswith.train.mixture_sources import Maker
from goeswith.train.run import Run
from goeswith.train.training import train
from goeswith.train.trust import Trust, TrustConfig, TrustQuestions

SMALL = ["hidden=8", "epochs=3", "memory=false", "batch_size=64"]
SETTINGS = [*SMALL, *(f"teacher.{setting}" for setting in SMALL), "folds=3"]


def numbered(dataset: Dataset) -> None:
    """Words of the items of `styles_dataset`: the number of the style, and one of three that say nothing."""
    rows = np.arange(len(dataset.catalogue))
    ids = np.zeros((len(rows), LENGTH))
    ids[:, 0], ids[:, 1] = 1 + rows // 12 % 4, 10 + rows % 3
    write_made(dataset, dataset.catalogue.ids, ids, encoder="word-ids")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Dataset, Run]:
    """Users' outfits taught by the designers of the same world, and by those of another one, whose styles mislead."""
    folder = tmp_path_factory.mktemp("mixture")
    styles_dataset(folder, "own")
    styles_dataset(folder, "strange", seed=9)
    dataset = Dataset(folder / "own#users")
    teachers = [f"{folder / 'own'}#designers", str(folder / "strange")]
    settings = [*SETTINGS, "outfits=40"]
    run = train_mixture(dataset, folder / "run", teachers=teachers, settings=settings)
    weights, begun = run.weights.stat().st_mtime_ns, Run(folder / "run" / "sources" / "own").config
    assert begun["train"]["outfits"] == 40
    again = train_mixture(dataset, folder / "run", teachers=teachers, settings=settings)
    assert again.weights.stat().st_mtime_ns == weights
    return folder, dataset, run


def test_sources_are_weighed_on_validation_outfits(made: tuple[Path, Dataset, Run]) -> None:
    _, _, run = made
    result = run.config["result"]
    names = ["likeness made", "own two-tower", "own 2 two-tower", "strange two-tower"]
    assert list(result["sources"]) == names
    assert result["valid_auc"] > result["likeness_auc"] - 0.02
    assert all(min(_values(weight)) >= 0 for weight in result["sources"].values())
    used = [name for name, weight in result["sources"].items() if np.any(_values(weight))]
    assert len(run.model.sources) == len(used)


def test_a_teacher_sees_items_here_by_their_own_standard_and_keeps_its_own(
    made: tuple[Path, Dataset, Run], tmp_path: Path
) -> None:
    _, dataset, run = made
    teacher = Run(run.path / "sources" / "strange")
    before = teacher.model.mean.clone()
    source = Maker(dataset, tmp_path / "run", load_features(dataset), [], None).tower_of(teacher)
    assert not torch.allclose(source.model.mean, before)
    assert torch.equal(teacher.model.mean, before)


def _values(weight: float | dict[str, float]) -> list[float]:
    return list(weight.values()) if isinstance(weight, dict) else [weight]


@pytest.mark.slow
def test_a_teacher_of_several_seeds_says_their_mean(
    made: tuple[Path, Dataset, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, dataset, _ = made
    shapes: list[tuple[int, ...]] = []

    def fitted(questions: TrustQuestions, anchors: Sequence[int], config: TrustConfig) -> Trust:
        shapes.append(questions.differences.shape[1:])
        weights = np.array([[2.0], [3.0]]) * np.ones((1, len(GROUPS)))
        return Trust(weights, 0.01, False, 0.7, 0.6, 0.0, (True, True))

    monkeypatch.setattr("goeswith.train.mixture.fit_trust", fitted)
    settings = [*SETTINGS, "own=false", "teacher_seeds=2"]
    run = train_mixture(dataset, tmp_path / "run", teachers=[f"{folder / 'own'}#designers"], settings=settings)
    assert shapes == [(2, len(GROUPS))]
    runs = [tmp_path / "run" / "sources" / name for name in ("own-2", "own-2-seed-1000")]
    assert [Run(path).config["train"]["seed"] for path in runs] == [0, 1000]
    assert run.config["result"]["sources"] == {"likeness made": 2.0, "own 2 two-tower": 3.0}
    assert run.config["knowledge"]["teacher_seeds"] == 2
    items, mask = dataset.outfits.split("test").padded()
    sources = _parts_of(run, dataset, items, mask)
    assert not np.allclose(sources[:, 1], sources[:, 2])
    for path, part in zip(runs, list(run.model.sources)[1:], strict=True):
        torch.testing.assert_close(part.model.key, Run(path).model.by_category().key)
    expected = 2 * sources[:, 0] + 3 * sources[:, 1:].mean(axis=1)
    np.testing.assert_allclose(run.scorer(dataset).score(items, mask), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigError, match="teacher_seeds"):
        train_mixture(dataset, tmp_path / "none", settings=["teacher_seeds=0"])


@pytest.mark.slow
def test_learned_words_are_sources_where_words_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    styles_dataset(tmp_path, "own")
    dataset = Dataset(f"{tmp_path / 'own'}#users")
    numbered(dataset)

    def fitted(questions: TrustQuestions, anchors: Sequence[int], config: TrustConfig) -> Trust:
        used = np.array([0.0, 0, 2, 0, 3])
        weights = used[:, None] * np.ones((1, len(GROUPS)))
        return Trust(weights, 0.01, False, 0.7, 0.6, 0.0, tuple(used > 0))

    monkeypatch.setattr("goeswith.train.mixture.fit_trust", fitted)
    learning = ["hidden=8", "size=4", "epochs=3", "batch_size=32", "learning_rate=0.02", "drawn_negatives=32"]
    settings = [*SETTINGS, *(f"group-towers.{setting}" for setting in learning), "outfits=60"]
    settings.append("teacher.shuffled_items=true")
    teachers = [f"{tmp_path / 'own'}#designers"]
    run = train_mixture(dataset, tmp_path / "run", teachers=teachers, settings=settings, encoder="made+word-ids")
    names = ["likeness made", "own two-tower", "own learned words", "own 2 two-tower", "own 2 learned words"]
    assert list(run.config["result"]["sources"]) == names
    assert run.config["knowledge"]["learned_words"]["train"]["drawn_negatives"] == 32
    runs = [Run(tmp_path / "run" / "sources" / name) for name in ("own-learned-words", "own-2-learned-words")]
    learned_from = [(each.config["train"]["outfits"], each.config["train"]["shuffled_items"]) for each in runs]
    assert learned_from == [(60, False), (0, True)]
    features = load_features(dataset, "made+word-ids").values
    worn = np.unique(dataset.outfits.split("train").items)
    items, mask = dataset.outfits.split("test").padded()
    expected = np.zeros(len(items))
    for weight, source in zip((2, 3), runs, strict=True):
        model, dim = source.model, features.shape[1] - LENGTH
        seen = torch.from_numpy(features[worn, :dim])
        model.mean, deviation = seen.mean(dim=0), (seen - seen.mean(dim=0)).square().mean().sqrt()
        model.factor = torch.ones(dim) / deviation
        vectors = model.encode_items(torch.from_numpy(features), torch.zeros(len(features), dtype=torch.long)).hidden
        vectors = vectors[:, :4].detach().double().numpy()
        vectors -= vectors[worn].mean(axis=0)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        for row, (some, real) in enumerate(zip(items, mask, strict=True)):
            pairs = itertools.combinations(some[real], 2)
            expected[row] += weight * np.mean([vectors[first] @ vectors[second] for first, second in pairs])
    np.testing.assert_allclose(run.scorer(dataset).score(items, mask), expected, rtol=1e-4, atol=1e-5)
    exported = Run(run.save_pretrained(tmp_path / "given"))
    np.testing.assert_array_equal(exported.scorer(dataset).score(items, mask), run.scorer(dataset).score(items, mask))
    index = build_index(run, dataset, tmp_path / "index")
    assert index.candidates.exact
    with pytest.raises(ModelError, match="a graph cannot look words up"):
        run.save_pretrained(tmp_path / "graphs", onnx=True)
    with pytest.raises(ConfigError, match="learned words are those of text=ids and towers=one"):
        train_mixture(dataset, tmp_path / "b", settings=["group-towers.towers=groups"], encoder="made+word-ids")
    with pytest.raises(ConfigError, match="is for learned words, and made has none"):
        train_mixture(dataset, tmp_path / "c", settings=["group-towers.epochs=3"], encoder="made")


def _parts_of(run: Run, dataset: Dataset, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(B, S) what each source of a mixture says of outfits, as if its weight were 1."""
    scorer = run.scorer(dataset)
    batch = OutfitBatch(torch.from_numpy(items), torch.from_numpy(mask))
    parts: np.ndarray = scorer.model.parts(scorer.states, batch).sum(dim=2).detach().numpy()
    return parts


def test_the_index_searches_a_mixture_exactly(made: tuple[Path, Dataset, Run]) -> None:
    folder, dataset, run = made
    index = build_index(run, dataset, folder / "index")
    scorer = run.scorer(dataset)
    context = np.array([[0, 60], [5, 100]])
    whole = np.ones_like(context, dtype=bool)
    rows = np.flatnonzero(dataset.catalogue.items["category"].to_numpy() == "boots")
    filled = scorer.fill(context, whole, rows)
    assert index.candidates.exact
    assert filled.shape == (2, len(rows))
    best = index.run.model.queries(
        scorer.states, _batch(context), torch.full((2,), run.vocabulary.categories.index("boots"))
    )
    keys = run.model.keys(scorer.states)[torch.from_numpy(rows)]
    np.testing.assert_allclose(filled, (best @ keys.T).numpy(), atol=1e-4)


def _batch(items: np.ndarray) -> OutfitBatch:
    return OutfitBatch(torch.from_numpy(items), torch.ones(items.shape, dtype=torch.bool))


def test_an_exported_mixture_scores_the_same(made: tuple[Path, Dataset, Run]) -> None:
    folder, dataset, run = made
    exported = Run(run.save_pretrained(folder / "given"))
    items, mask = dataset.outfits.split("test").padded()
    np.testing.assert_array_equal(exported.scorer(dataset).score(items, mask), run.scorer(dataset).score(items, mask))
    card = (folder / "given" / "README.md").read_text()
    assert "likeness made" in card
    assert json.loads((folder / "given" / "config.json").read_text())["model"] == "mixture"


def test_teachers_are_found_beside_and_in_the_data_set(made: tuple[Path, Dataset, Run]) -> None:
    folder, dataset, _ = made
    teachers = other_outfits(dataset)
    assert teachers == [f"{folder / 'own'}#designers"]  # the other one is of the same publisher
    info = json.loads((folder / "strange" / "dataset.json").read_text())
    (folder / "strange" / "dataset.json").write_text(json.dumps(info | {"source": "somebody else"}))
    assert other_outfits(dataset) == [*teachers, str(folder / "strange")]


@pytest.mark.slow
def test_the_command_line_finds_teachers_and_reports_their_trust(
    made: tuple[Path, Dataset, Run], tmp_path: Path
) -> None:
    folder, _, _ = made
    flags = [flag for setting in SETTINGS for flag in ("--set", setting)]
    words = ["train", f"{folder / 'own'}#users", "--teacher", "auto", "--out", str(tmp_path / "run"), *flags]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert f"teachers found: {folder / 'own'}#designers" in result.stderr
    assert "own 2 two-tower" in result.stdout
    assert "over likeness" in result.stdout
    assert Run(tmp_path / "run").name == "mixture"
    two = CliRunner().invoke(app, ["train", "add-gnn", *words[1:], "--teacher", "x"])
    assert "add-gnn learns from one teacher" in two.output


@pytest.mark.slow
def test_a_mixture_is_written_as_onnx(made: tuple[Path, Dataset, Run]) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    folder, _, run = made
    run.save_pretrained(folder / "graphs", onnx=True)
    assert (folder / "graphs" / "scorer.onnx").is_file()


def test_what_cannot_teach_is_reported(made: tuple[Path, Dataset, Run], tmp_path: Path) -> None:
    _, dataset, run = made
    with pytest.raises(ConfigError, match="only a run of two-tower"):
        train_mixture(dataset, tmp_path / "run", teachers=[str(run.path)], settings=SETTINGS)
    path = tmp_path / "rules.toml"
    path.write_text('[[rule]]\nattribute = "colour"\ntop = "red"\nbottom = "blue"\nsign = "+"\n')
    with pytest.raises(ConfigError, match="rules are found in hashed words"):
        train_mixture(dataset, tmp_path / "run", rules=path, settings=SETTINGS)


def test_towers_start_as_those_of_a_run(made: tuple[Path, Dataset, Run], tmp_path: Path) -> None:
    folder, dataset, _ = made
    start = folder / "run" / "sources" / "strange"
    first = train(
        "two-tower", dataset, tmp_path / "a", settings=[*SMALL, "learning_rate=1e-9"], knowledge={"start": str(start)}
    )
    learned = Run(start).model
    names = Run(start).vocabulary.categories
    assert names == first.vocabulary.categories
    torch.testing.assert_close(first.model.key, learned.key, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(first.model.category, learned.category, atol=1e-5, rtol=1e-4)
    assert not torch.equal(first.model.mean, learned.mean)
    with pytest.raises(ConfigError, match="only one of two-tower"):
        train("two-tower", dataset, tmp_path / "b", settings=["hidden=4"], knowledge={"start": str(start)})
    with pytest.raises(ConfigError, match="a start is for two-tower"):
        train("csa-net", dataset, tmp_path / "c", knowledge={"start": str(start)})


def test_where_no_other_item_can_be_asked_about_likeness_is_left(tmp_path: Path) -> None:
    """Each validation item is the only one of its season and category."""
    made = styles_dataset(tmp_path, "own")
    seasons = made.catalogue.items["item_id"].alias("season")
    made.catalogue.items.with_columns(seasons).write_parquet(made.path / "items.parquet")
    dataset = Dataset(f"{made.path}#users")
    run = train_mixture(dataset, tmp_path / "run", settings=[*SMALL, "negatives=category"])
    assert run.config["result"]["sources"] == {"likeness made": 1.0}


def test_each_teacher_has_a_folder_of_its_own_whatever_its_name(
    made: tuple[Path, Dataset, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, dataset, run = made
    titles = ["Own", "own", "服装", "мода", "***", "two+words", "two words"]
    teachers = [str(shutil.copytree(run.path / "sources" / "strange", tmp_path / title)) for title in titles]
    maker, names = Maker(dataset, tmp_path / "run", load_features(dataset), ["own=false"], None), []
    monkeypatch.setattr(maker, "teacher", lambda name, path: names.append(name) or [])
    maker.sources(teachers, None)
    assert names == ["Own 2", "own 3", "服装", "мода", "*** 2", "two+words", "two words 2"]
    folders = [maker.folder(name) for name in names]
    assert len(set(folders)) == len(titles)
    assert {folder.parent for folder in folders} == {tmp_path / "run" / "sources"}
