"""Showcase: the outfits and questions that are shown are the ones that they are said to be."""

import base64
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from worlds import styles_world

from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.freeze import make_questions
from goeswith.data.questions import Questions
from goeswith.evaluate.evaluate import answer, report
from goeswith.evaluate.showcase import THUMBNAIL, Pictures, blanks, extremes


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Outfits of a made-up world; i0 has a see-through picture, i1 a broken one, the others none."""
    folder = tmp_path_factory.mktemp("showcase")
    catalogue, outfits, _ = styles_world(outfits=120)
    Image.new("RGBA", (40, 80), (255, 0, 0, 0)).save(folder / "clear.png")
    (folder / "broken.jpg").write_text("no picture")
    items = catalogue.items.select("item_id", "category", "group").with_columns(
        title=pl.when(pl.col("item_id") == "i2").then(pl.lit(" ")).otherwise("item_id")
    )
    images = {"i0": folder / "clear.png", "i1": folder / "broken.jpg"}
    return create(Imported(items, outfits.to_frame(catalogue), "made", "none", images), folder / "data", layout="table")


EVERY = np.ones(192, bool)
VALUES = np.where(np.arange(192) % 29 == 0, np.nan, np.random.default_rng(0).integers(0, 12, 192))


class Sum:
    """Sums a whole number an item, so that ties happen; says nothing of some items."""

    name = "sum"

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Scores (B,)."""
        return np.where(mask, VALUES[items], 0).sum(axis=1)


def test_extremes_are_the_best_and_the_worst_and_no_outfit_is_both(dataset: Dataset):
    outfits = dataset.outfits.split("test")
    scores = {str(outfits.outfit_ids[at]): VALUES[outfits[at]].sum() for at in range(len(outfits))}
    ordered = sorted(score for score in scores.values() if not np.isnan(score))
    assert 10 < len(ordered) < len(outfits)
    best, worst = extremes(Sum(), dataset, count=3)
    assert [look.score for look in best] == ordered[:-4:-1]
    assert [look.score for look in worst] == ordered[:3]
    assert all(scores[look.outfit_id] == look.score == VALUES[look.rows].sum() for look in best + worst)
    best, worst = extremes(Sum(), dataset, count=1000)
    assert len(best) == len(worst) == len(ordered) // 2
    assert not {look.outfit_id for look in best} & {look.outfit_id for look in worst}


def test_blanks_are_right_and_wrong_and_put_the_truth_where_it_was(dataset: Dataset):
    frame, _ = make_questions(dataset.catalogue, dataset.outfits, "test", "fitb", "category", usable=EVERY)
    questions = Questions.from_frame(frame, dataset.catalogue)
    result = report(answer(Sum(), questions), dataset)
    right, wrong = blanks(result, questions, count=1000)
    scores = [np.array(row) for row in result.rows["scores"]]
    clear = [s for s in scores if not np.isnan(s).any() and (s == s.max()).sum() == 1]
    assert 0 < len(right) + len(wrong) == len(clear) < len(frame)
    assert all(blank.pick == blank.answer for blank in right)
    assert all(blank.pick != blank.answer for blank in wrong)
    worn = {outfit_id: dataset.outfits[at].tolist() for at, outfit_id in enumerate(dataset.outfits.outfit_ids)}
    owner = dict(frame.select("question_id", "outfit_id").iter_rows())
    for blank in right + wrong:
        rows = list(blank.context)
        rows.insert(blank.position, blank.candidates[blank.answer])
        assert rows == worn[owner[blank.question_id]]
        assert blank.scores[blank.pick] == max(blank.scores)


def test_equal_seeds_show_equal_questions(dataset: Dataset):
    frame, _ = make_questions(dataset.catalogue, dataset.outfits, None, "fitb", "category", usable=EVERY)
    questions = Questions.from_frame(frame, dataset.catalogue)
    result = report(answer(Sum(), questions), dataset)
    assert blanks(result, questions, count=2, seed=3) == blanks(result, questions, count=2, seed=3)
    assert blanks(result, questions, count=2, seed=3) != blanks(result, questions, count=2, seed=4)


def test_a_picture_is_small_and_white_behind_what_is_see_through(dataset: Dataset):
    pictures = Pictures(dataset)
    shown = pictures(dataset.catalogue.ids.index("i0"))
    kind, _, data = shown["picture"].partition(",")
    assert kind == "data:image/jpeg;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.size == (THUMBNAIL, THUMBNAIL)
    assert min(picture.getpixel((THUMBNAIL // 2, THUMBNAIL // 2))) > 250


def test_an_item_without_a_picture_has_words(dataset: Dataset, caplog: pytest.LogCaptureFixture):
    pictures = Pictures(dataset)
    assert pictures(dataset.catalogue.ids.index("i1"))["picture"] == ""
    assert "no picture of images/i1.jpg: the file is not a picture" in caplog.text
    shown = pictures(dataset.catalogue.ids.index("i2"))
    assert (shown["picture"], shown["name"]) == ("", "shirt i2")


def test_pages_do_not_depend_on_where_they_are_made(dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    row = dataset.catalogue.ids.index("i0")
    here = Pictures(dataset)(row)
    monkeypatch.chdir(tmp_path)
    assert Pictures(dataset)(row) == here
