"""An ensemble is a run like any other: the mean of its seeds, trained, resumed, scored, indexed, given away."""

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner
from worlds import styles_dataset

from goeswith.cli.main import app
from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.errors import ConfigError, ModelError
from goeswith.shop.build import build_index
from goeswith.train.corruptions import valid_pairs
from goeswith.train.ensemble import train_ensemble
from goeswith.train.run import Run
from goeswith.train.settings import TrainConfig
from goeswith.train.training import training_data

SETTINGS = ["hidden=8", "epochs=2", "batch_size=64", "seed=3"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Dataset, Run]:
    folder = tmp_path_factory.mktemp("ensemble")
    dataset = styles_dataset(folder, "own")
    return folder, dataset, train_ensemble(dataset, folder / "run", 3, settings=SETTINGS)


def test_the_score_is_the_mean_of_the_seeds(made: tuple[Path, Dataset, Run]) -> None:
    folder, dataset, run = made
    seeds = [Run(folder / "run" / "sources" / f"seed-{seed}") for seed in (3, 4, 5)]
    assert [seed.config["train"]["seed"] for seed in seeds] == [3, 4, 5]
    items, mask = dataset.outfits.split("test").padded()
    expected = np.array([seed.scorer(dataset).score(items, mask) for seed in seeds])
    assert not np.allclose(expected[0], expected[1])
    np.testing.assert_allclose(run.scorer(dataset).score(items, mask), expected.mean(axis=0), rtol=1e-4, atol=1e-5)
    assert list(run.config["result"]["sources"]) == ["seed-3", "seed-4", "seed-5"]
    assert run.config["knowledge"] == {"seeds": [3, 4, 5]}


def test_its_validation_auc_counts_outfits_above_their_corruptions(made: tuple[Path, Dataset, Run]) -> None:
    _, dataset, run = made
    config = TrainConfig(**run.config["train"])
    scorer = run.scorer(dataset)
    data, _, _ = training_data(dataset, load_features(dataset), None, config)
    pairs = valid_pairs(data, config)
    right = wrong = 0.0
    for number in range(len(pairs)):
        both = pairs.both.take(torch.tensor([number, number + len(pairs)]))
        true, corrupted = scorer.score(both.items.numpy(), both.mask.numpy())
        right, wrong = right + (true > corrupted) + 0.5 * (true == corrupted), wrong + 1
    assert run.config["result"]["valid_auc"] == pytest.approx(right / wrong)


def test_the_index_searches_it_exactly(made: tuple[Path, Dataset, Run]) -> None:
    folder, dataset, run = made
    index = build_index(run, dataset, folder / "index")
    assert index.candidates.exact
    rows = np.flatnonzero(dataset.catalogue.items["category"].to_numpy() == "boots")
    context, whole = np.array([[0, 60], [5, 100]]), np.ones((2, 2), dtype=bool)
    seeds = [Run(path).scorer(dataset).fill(context, whole, rows) for path in (folder / "run" / "sources").iterdir()]
    np.testing.assert_allclose(
        run.scorer(dataset).fill(context, whole, rows), np.mean(seeds, axis=0), rtol=1e-4, atol=1e-5
    )


def test_it_resumes_and_trains_no_seed_twice(made: tuple[Path, Dataset, Run]) -> None:
    folder, dataset, run = made
    times = {path: path.stat().st_mtime_ns for path in (folder / "run").rglob("*.safetensors")}
    train_ensemble(dataset, folder / "run", 3, settings=SETTINGS)
    assert times == {path: path.stat().st_mtime_ns for path in (folder / "run").rglob("*.safetensors")}
    (folder / "run" / "weights.safetensors").unlink()  # as if killed before the end
    text = (folder / "run" / "config.json").read_text()
    (folder / "run" / "config.json").write_text(text[: text.index('  "result"')].rstrip().rstrip(",") + "\n}\n")
    again = train_ensemble(dataset, folder / "run", 3, settings=SETTINGS)
    sources = {path: moment for path, moment in times.items() if "sources" in path.parts}
    assert sources == {path: path.stat().st_mtime_ns for path in sources}
    assert again.config["result"]["valid_auc"] == run.config["result"]["valid_auc"]
    with pytest.raises(ModelError, match="holds another run"):
        train_ensemble(dataset, folder / "run", 2, settings=SETTINGS)


def test_it_is_given_away_and_opened_from_the_command_line(made: tuple[Path, Dataset, Run], tmp_path: Path) -> None:
    folder, dataset, run = made
    run.save_pretrained(tmp_path / "given")
    card = (tmp_path / "given" / "README.md").read_text()
    assert "Two-tower models of the seeds 3, 4, 5, with equal weights" in card
    assert "`hidden=8`" in card
    assert "- knowledge" not in card
    items, mask = dataset.outfits.split("test").padded()
    opened = Run(tmp_path / "given").scorer(dataset).score(items, mask)
    np.testing.assert_allclose(opened, run.scorer(dataset).score(items, mask), rtol=1e-5)
    options = [option for setting in SETTINGS for option in ("--set", setting)]
    arguments = ["train", str(dataset.path), "--out", str(folder / "run"), "--seeds", "3", *options]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "3 seeds of two-tower as one, validation AUC" in done.output


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--seeds", "1"], "should be greater than or equal to 2"),
        (["--seeds", "2", "--teacher", "other"], "an ensemble takes no --teacher"),
        (["--seeds", "2", "--rules", "rules.toml"], "an ensemble takes no --teacher"),
    ],
)
def test_what_an_ensemble_cannot_be_made_of(
    made: tuple[Path, Dataset, Run], tmp_path: Path, more: list[str], says: str
) -> None:
    _, dataset, _ = made
    failed = CliRunner().invoke(app, ["train", str(dataset.path), "--out", str(tmp_path / "run"), *more])
    assert failed.exit_code == 2
    assert says in " ".join(failed.output.replace("│", " ").split())
    assert not (tmp_path / "run").exists()


def test_lines_of_progress_name_the_seed(made: tuple[Path, Dataset, Run], tmp_path: Path) -> None:
    lines: list[str] = []
    settings = [*SETTINGS, "epochs=1", "hidden=4"]
    train_ensemble(made[1], tmp_path / "run", 2, settings=settings, say=lambda stage: lambda *_: lines.append(stage))
    assert lines == ["seed 3, two-tower", "seed 4, two-tower"]


def test_a_seed_too_large_for_the_last_one_is_refused_before_anything_is_done(
    made: tuple[Path, Dataset, Run], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=f"seed={2**63 - 2} with 3 seeds ends at {2**63}, but whole numbers end at"):
        train_ensemble(made[1], tmp_path / "run", 3, settings=[f"seed={2**63 - 2}"])
    with pytest.raises(ConfigError, match=f"set seed={2**63 - 3} or a smaller one"):
        train_ensemble(made[1], tmp_path / "run", 3, settings=[f"seed={2**63 - 2}"])
    with pytest.raises(ConfigError, match=r"an ensemble has 2 to 100 seeds, not 1,000,000,000,000; .* give fewer"):
        train_ensemble(made[1], tmp_path / "run", 10**12)
    assert not (tmp_path / "run").exists()


def test_other_models_and_launchers_are_refused(
    made: tuple[Path, Dataset, Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, dataset, _ = made
    failed = CliRunner().invoke(app, ["train", "csa-net", str(dataset.path), "--out", str(tmp_path), "--seeds", "2"])
    assert "ensemble of two-tower, not of csa-net" in " ".join(failed.output.replace("│", " ").split())
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="an ensemble is made by one process"):
        train_ensemble(dataset, tmp_path / "run", 2)
