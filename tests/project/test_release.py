"""What the release before wrote still opens, and says the same."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from goeswith import Dataset, Index, Stylist
from goeswith.data.features import load_features
from goeswith.data.outfits import read_outfits
from goeswith.data.questions import read_questions
from goeswith.shop.build import build_index
from goeswith.train.run import Run

RELEASE = Path(__file__).parent / "release-0.1.0"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A copy, for opening an index may write beside it."""
    return Path(shutil.copytree(RELEASE, tmp_path / "kept"))


def test_a_data_set_opens_with_its_features_and_questions(saved: Path) -> None:
    dataset = Dataset(saved / "data")
    assert (len(dataset.catalogue), len(dataset.outfits)) == (40, 60)
    assert load_features(dataset).present.all()
    files = sorted((saved / "data" / "questions").glob("*.parquet"))
    assert len(files) == 12
    assert all(len(read_questions(file, dataset.catalogue)) for file in files)


def test_a_run_gives_the_scores_that_it_gave(saved: Path) -> None:
    dataset = Dataset(saved / "data")
    outfits = read_outfits(saved / "outfits.csv", dataset.catalogue)
    scores = Run(saved / "run").scorer(dataset).score(*outfits.padded())
    before = pl.read_csv(saved / "scores.csv")
    assert outfits.outfit_ids.tolist() == before["outfit_id"].to_list()
    np.testing.assert_allclose(scores, before["score"].to_numpy(), rtol=1e-5, atol=1e-7)


def test_an_index_opens_answers_and_is_brought_up_to_date(saved: Path) -> None:
    index = Index(saved / "index")
    assert index.info["format"] == 1
    stylist = Stylist(index)
    [look] = stylist.complete(["i0"], k=1)
    assert len(look.item_ids) >= 3
    assert stylist.similar("i0", k=2)
    again = build_index(Run(saved / "run"), Dataset(saved / "data"), saved / "index")
    assert again.info["format"] == 2
    assert again.size == index.size
