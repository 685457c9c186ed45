"""The form of questions: read back as written, whole outfits as a loop would build them, one sentence for bad files."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import Outfits
from goeswith.data.questions import SCHEMA, Questions, read_info, read_questions, write_questions
from goeswith.errors import CatalogueError, DataError

CATALOGUE = Catalogue(pl.DataFrame({"item_id": list("abcdefgh"), "category": ["one"] * 4 + ["two"] * 4}))
OUTFITS = Outfits.from_frame(pl.DataFrame({"outfit_id": ["1"], "item_ids": [["a", "e"]]}), CATALOGUE)


def table() -> pl.DataFrame:
    """Two candidates, three candidates, and a labelled whole outfit."""
    rows = [
        ("q1", "fitb", "random", "1", ["a", "b"], ["c", "d"], 1, 1, None),
        ("q2", "fitb", "random", "2", ["e"], ["f", "g", "h"], 0, 0, None),
        ("q3", "compat", "official", "3", ["a", "e", "f"], [], -1, 0, 1),
        ("q4", "fitb", "random", "1", ["a", "b", "c"], ["d", "e"], 1, 3, None),
        ("q5", "compat", "official", "4", ["g", "h"], [], -1, 0, 0),
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def test_reads_back_what_was_written(tmp_path):
    path = tmp_path / "questions" / "test.parquet"
    write_questions(table(), path, CATALOGUE, OUTFITS, split="test", seed="3")
    read = read_questions(path, CATALOGUE)
    assert read.frame.equals(table())
    assert read.path == path
    assert read.info["catalogue"] == CATALOGUE.fingerprint
    assert read.info["outfits"] == OUTFITS.fingerprint
    assert (read.info["task"], read.info["split"], read.info["seed"]) == ("compat+fitb", "test", "3")
    assert read.answers.tolist() == [1, 0, -1, 1, -1]
    assert read.labels.tolist() == [-1, -1, 1, -1, 0]
    assert read.candidate_offsets.tolist() == [0, 2, 5, 5, 7, 7]
    assert read.score_offsets.tolist() == [0, 2, 5, 6, 8, 9]


def test_writes_equal_bytes_and_nothing_when_a_row_is_wrong(tmp_path):
    for name in ("one", "two"):
        write_questions(table(), tmp_path / f"{name}.parquet", CATALOGUE, OUTFITS)
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()
    with pytest.raises(DataError, match=r"the questions for bad\.parquet, row 1"):
        write_questions(change(0, answer=9), tmp_path / "bad.parquet", CATALOGUE, OUTFITS)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["one.parquet", "two.parquet"]


@pytest.mark.parametrize("rows", [1, 2, 4, 100])
def test_blocks_hold_the_outfits_that_a_loop_builds(rows):
    questions = Questions.from_frame(table(), CATALOGUE)
    expected = []
    for row in table().iter_rows(named=True):
        for candidate in row["candidates"] or [None]:
            outfit = list(row["context"])
            if candidate is not None:
                outfit.insert(row["position"], candidate)
            expected.append(outfit)
    outfits = []
    for block in questions.blocks(rows):
        assert block.start == len(outfits)
        assert len(block.items) <= rows
        assert block.items.dtype == np.int64
        assert ((block.items >= 0) & (block.items < len(CATALOGUE))).all()
        for items, mask in zip(block.items, block.mask, strict=True):
            outfits.append([CATALOGUE.ids[row] for row in items[mask]])
            assert mask[: len(outfits[-1])].all()  # padding comes last
    assert outfits == expected
    assert len(outfits) == questions.score_offsets[-1]


def test_no_questions_make_no_blocks():
    questions = Questions.from_frame(pl.DataFrame(schema=SCHEMA), CATALOGUE)
    assert len(questions) == 0
    assert list(questions.blocks()) == []


def change(row: int, **values: object) -> pl.DataFrame:
    rows = table().to_dicts()
    rows[row] |= values
    return pl.DataFrame(rows, schema=SCHEMA)


BAD = {
    "has no column 'answer'": table().drop("answer"),
    "has a column of the wrong kind": table().with_columns(answer=pl.lit("first")),
    "row 2: question 'q1' has a question id that appears more than once": change(1, question_id="q1"),
    "row 1: question 'q1' has an answer outside its candidates": change(0, answer=2),
    "row 4: question 'q4' has an answer outside its candidates": change(3, answer=-1),
    "row 4: question 'q4' has a blank outside its outfit": change(3, position=4),
    "row 2: question 'q2' has fewer than two candidates": change(1, candidates=["f"]),
    "row 1: question 'q1' has an empty context": change(0, context=[]),
    "row 3: question 'q3' has a label that is neither 0 nor 1": change(2, label=2),
    "row 3: question 'q3' has a label and candidates": change(2, candidates=["a", "b"]),
    "row 5: question 'q5' lacks a required value": change(4, outfit_id=None),
    "names 1 item that the catalogue does not have, the first is 'z'": change(1, candidates=["f", "z", "h"]),
}


@pytest.mark.parametrize("sentence", BAD)
def test_a_bad_row_is_named(tmp_path, sentence):
    path = tmp_path / "q.parquet"
    BAD[sentence].write_parquet(path, metadata={"catalogue": CATALOGUE.fingerprint})
    with pytest.raises(DataError) as caught:
        read_questions(path, CATALOGUE)
    assert str(caught.value).startswith(str(path))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_item_that_is_not_there_is_an_error_of_the_catalogue():
    with pytest.raises(CatalogueError):
        Questions.from_frame(change(0, context=["a", "z"]), CATALOGUE)


def test_a_file_of_another_catalogue_is_refused(tmp_path):
    path = tmp_path / "q.parquet"
    write_questions(table(), path, CATALOGUE, OUTFITS)
    other = Catalogue(CATALOGUE.items.with_columns(category=pl.lit("three")))
    with pytest.raises(DataError, match=f"another catalogue .{CATALOGUE.fingerprint}, not {other.fingerprint}.; use"):
        read_questions(path, other)


def test_a_file_that_is_no_question_file_is_refused(tmp_path):
    path = tmp_path / "q.parquet"
    table().write_parquet(path)
    with pytest.raises(DataError, match="does not say which catalogue it was made from; make it with"):
        read_questions(path, CATALOGUE)
    path.write_bytes(b"no parquet at all")
    with pytest.raises(DataError, match="cannot read"):
        read_questions(path, CATALOGUE)
    csv = tmp_path / "q.csv"
    csv.write_text("question_id\nq1\n")
    with pytest.raises(DataError, match="does not say which catalogue"):
        read_questions(csv, CATALOGUE)
    with pytest.raises(DataError, match="there is no file"):
        read_questions(tmp_path / "none.parquet", CATALOGUE)


def test_info_of_a_file_is_what_was_written(tmp_path):
    path = Path(tmp_path / "q.parquet")
    write_questions(table(), path, CATALOGUE, OUTFITS, dataset="here")
    assert set(read_info(path)) == {"catalogue", "outfits", "task", "negatives", "goeswith", "dataset"}
