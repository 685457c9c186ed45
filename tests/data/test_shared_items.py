"""Items that two data sets share under other ids, and outfits left out for them."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner
from worlds import styles_dataset, write_made

from goeswith.cli.main import app
from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.data.shared_items import SharedItems, named_alike
from goeswith.errors import DataError
from goeswith.train.run import Run


def test_items_of_two_sites_are_alike_where_one_title_begins_with_the_other():
    def named(*titles: str | None) -> Catalogue:
        ids = [f"i{row}" for row in range(len(titles))]
        return Catalogue(pl.DataFrame({"item_id": ids, "category": "top", "title": titles}))

    others = named("Red & velvet skirt", "black jeans", None, "a very long blue coat", "worn by nobody here")
    shop = named(
        "RED velvet skirt women fashion", "red velvet", "black jeans women fashion", None, "very long blue coat",
        "a new red velvet skirt", "worn by nobody here",
    )  # fmt: skip
    alike = named_alike(shop, others, np.array([0, 1, 2, 3]))
    assert alike.tolist() == [True, False, False, False, True, False, False]


def titled(dataset: Dataset, titles: list[str]) -> Dataset:
    """The data set with these titles, and its features with them."""
    features = load_features(dataset, "made").values
    dataset.catalogue.items.with_columns(title=pl.Series(titles)).write_parquet(dataset.path / "items.parquet")
    dataset = Dataset(dataset.path)
    write_made(dataset, dataset.catalogue.ids, features)
    return dataset


@pytest.fixture
def shared(tmp_path: Path) -> SharedItems:
    """A teacher one of whose items has the title of an item that a test outfit of the student wears."""
    student, teacher = styles_dataset(tmp_path, "own"), styles_dataset(tmp_path, "experts", seed=1)
    titles = [f"Plain item no {row} of wool" for row in range(len(student.catalogue))]
    titles[student.outfits.split("test").items[0]] = "The red, velvet skirt"
    others = ["some item or other"] * len(teacher.catalogue)
    others[int(teacher.outfits.split("train").items[0])] = "red velvet skirt women fashion skirts"
    return SharedItems.of(titled(teacher, others), titled(student, titles))


def test_outfits_with_a_shared_item_are_left_out(shared: SharedItems, tmp_path: Path) -> None:
    teacher = shared.teacher
    (copied,) = np.flatnonzero(shared.items)
    wear = [copied in teacher.outfits[outfit] for outfit in range(len(teacher.outfits))]
    assert shared.outfits.tolist() == wear
    assert 0 < sum(wear) < len(wear)
    apart = shared.left_out(tmp_path)
    assert apart.outfits.outfit_ids.tolist() == teacher.outfits.outfit_ids[~np.array(wear)].tolist()
    write_made(teacher, teacher.catalogue.ids, load_features(teacher, "made").values, encoder="later")
    again = shared.left_out(tmp_path)
    assert again.fingerprint == apart.fingerprint != teacher.fingerprint
    assert load_features(again, "later").values.shape == (len(teacher.catalogue), 16)
    assert not SharedItems.of(apart, shared.student).outfits.any()
    everything = SharedItems(teacher, shared.student, shared.items, np.ones(len(teacher.outfits), bool))
    with pytest.raises(DataError, match=r"all outfits of .*experts wear an item that outfits of .*own wear"):
        everything.left_out(tmp_path / "none")


@pytest.mark.slow
def test_train_reports_what_a_teacher_shares_and_leaves_it_out_if_told_to(shared: SharedItems, tmp_path: Path) -> None:
    teacher, student = str(shared.teacher.path), str(shared.student.path)
    small = ["epochs=1", "hidden=8", "teacher.epochs=1"]
    words = ["train", "add-gnn", student, "--teacher", teacher, *(f"--set={setting}" for setting in small)]
    count = f"{shared.outfits.sum()} of {len(shared.outfits)} outfits of {teacher} wear an item whose title begins with"
    plain = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "plain")])
    assert plain.exit_code == 0, plain.output
    assert count in plain.stderr
    assert "--drop-shared-items leaves them out" in plain.stderr
    apart = CliRunner().invoke(app, [*words, "--drop-shared-items", "--out", str(tmp_path / "apart")])
    assert apart.exit_code == 0, apart.output
    assert count in apart.stderr
    assert "leaves them out" not in apart.stderr
    taught = {name: Run(tmp_path / name / "teacher").config["dataset"]["fingerprint"] for name in ("plain", "apart")}
    assert taught["plain"] == shared.teacher.fingerprint
    assert taught["apart"] == shared.left_out(tmp_path).fingerprint != taught["plain"]
    other = ["train", "add-gnn", f"{teacher}#users", "--teacher", f"{teacher}#designers"]
    same = CliRunner().invoke(
        app, [*other, *(f"--set={setting}" for setting in small), "--out", str(tmp_path / "same")]
    )
    assert same.exit_code == 0, same.output
    assert "title begins with" not in same.stderr


def test_shared_items_without_a_teacher_are_refused(tmp_path: Path) -> None:
    student = styles_dataset(tmp_path, "own")
    refused = CliRunner().invoke(
        app, ["train", str(student.path), "--drop-shared-items", "--out", str(tmp_path / "run")]
    )
    assert refused.exit_code == 2
    assert "give --teacher" in refused.output
    assert not (tmp_path / "run").exists()
