import json
import os

import polars as pl
import pytest

from goeswith.data import dataset
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.questions import read_questions
from goeswith.errors import CatalogueError, DataError

ASKED = pl.DataFrame(
    {
        "question_id": ["q1"],
        "task": ["fitb"],
        "negatives": ["official"],
        "outfit_id": ["1"],
        "context": [["a"]],
        "candidates": [["b", "c"]],
        "answer": [0],
        "position": [1],
        "label": pl.Series([None], dtype=pl.Int64),
    }
)


@pytest.fixture
def imported(tmp_path):
    """Twenty items, ten outfits; two items have one picture between them, one has none."""
    ids = [*"abcdefghijklmnopqrst"]
    picture, other = tmp_path / "one.JPG", tmp_path / "two.png"
    picture.write_bytes(b"1")
    other.write_bytes(b"22")
    return Imported(
        items=pl.DataFrame({"item_id": ids, "category": ["coat", "bag"] * 10, "shelf": range(20)}),
        outfits=pl.DataFrame({"outfit_id": range(10), "item_ids": [[ids[2 * i], ids[2 * i + 1]] for i in range(10)]}),
        source="a test",
        licence="none",
        images={"a": picture, "b": picture, "c": other},
        questions={"official-test-fitb": ASKED},
        skipped={"short rows": 2},
        notes=["mind the gap"],
    )


def test_what_is_created_is_what_is_opened(imported, tmp_path):
    made = create(imported, tmp_path / "deep" / "shop", layout="table", seed=5)
    opened = Dataset(str(made.path))
    assert opened.catalogue.items["image"][:4].to_list() == ["images/a.jpg", "images/b.jpg", "images/c.png", None]
    assert opened.catalogue.items["shelf"].to_list() == list(range(20))
    assert opened.outfits.to_frame(opened.catalogue)["item_ids"].to_list() == imported.outfits["item_ids"].to_list()
    assert opened.fingerprint == made.fingerprint
    assert (opened.path / "images/b.jpg").read_bytes() == b"1"
    info = json.loads((opened.path / "dataset.json").read_text())
    assert (info["name"], info["layout"], info["seed"], info["items"], info["pictures"]) == ("shop", "table", 5, 20, 3)
    assert (info["outfits"], info["splits"]) == (10, {"test": 2, "train": 7, "valid": 1})
    assert (info["source"], info["licence"], info["skipped"]) == ("a test", "none", {"short rows": 2})
    assert info["notes"] == ["mind the gap"]
    assert set(info["checksums"]) == {"items.parquet", "outfits.parquet", "images"}
    questions = read_questions(opened.path / "questions/official-test-fitb.parquet", opened.catalogue)
    assert (questions.info["dataset"], questions.info["split"], questions.info["seed"]) == ("shop", "test", "5")


def test_importing_twice_gives_the_same_data_and_checksums(imported, tmp_path):
    first, second = (create(imported, tmp_path / name, layout="table", name="shop", seed=1) for name in ("x", "y"))
    assert first.info == second.info
    assert first.fingerprint == second.fingerprint
    (tmp_path / "two.png").write_bytes(b"23")
    third = create(imported, tmp_path / "z", layout="table", name="shop", seed=1)
    assert third.info["checksums"]["images"] != first.info["checksums"]["images"]


def test_the_source_is_never_changed(imported, tmp_path):
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    create(imported, tmp_path / "shop", layout="table")
    assert {path: path.read_bytes() for path in before} == before


def test_pictures_are_copied_where_they_cannot_be_linked(imported, tmp_path, monkeypatch):
    def refuse(source, dest):
        raise OSError("other file system")

    monkeypatch.setattr(os, "link", refuse)
    made = create(imported, tmp_path / "shop", layout="table")
    assert (made.path / "images/c.png").read_bytes() == b"22"


def test_a_linked_picture_is_followed(imported, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "alias.jpg").symlink_to("../one.JPG")
    imported.images["d"] = tmp_path / "here" / "alias.jpg"
    made = create(imported, tmp_path / "shop", layout="table")
    assert (made.path / "images/d.jpg").read_bytes() == b"1"
    assert not (made.path / "images/d.jpg").is_symlink()


def test_odd_item_ids_become_safe_and_different_file_names(tmp_path):
    odd = ["../../evil", "a/b", "A/B", "a\\b", ".", "..", ".hidden", "con:1", "é", "x" * 300, "X" * 300, "a~1", " "]
    ids = [item_id for item_id in odd if item_id.strip()]
    picture = tmp_path / "p"  # no ending
    picture.write_bytes(b"1")
    imported = Imported(
        items=pl.DataFrame({"item_id": ids, "category": ["coat"] * len(ids)}),
        outfits=pl.DataFrame({"outfit_id": ["1"], "item_ids": [ids]}),
        source="s",
        licence="l",
        images=dict.fromkeys(ids, picture),
    )
    made = create(imported, tmp_path / "shop", layout="table")
    names = made.catalogue.items["image"].to_list()
    assert len({name.lower() for name in names}) == len(ids)
    assert sorted(names) == sorted(f"images/{path.name}" for path in (made.path / "images").iterdir())
    assert all((made.path / name).resolve().parent == made.path.resolve() / "images" for name in names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p", "shop"]


# --- bad input


def left_over(folder):
    return [path.name for path in folder.iterdir() if "shop" in path.name]


@pytest.mark.parametrize("raised", [KeyboardInterrupt, OSError, DataError])
@pytest.mark.parametrize("step", ["_link", "sha256", "write_questions"])
def test_an_interrupted_import_leaves_nothing(step, raised, imported, tmp_path, monkeypatch):
    def stop(*args, **kwargs):
        raise raised("stopped")

    monkeypatch.setattr(dataset, step, stop)
    with pytest.raises(DataError if raised is OSError else raised):
        create(imported, tmp_path / "shop", layout="table")
    assert left_over(tmp_path) == []


def refused(imported, tmp_path, *words, error=DataError):
    with pytest.raises(error) as raised:
        create(imported, tmp_path / "shop", layout="table")
    assert "\n" not in str(raised.value)
    for word in words:
        assert word in str(raised.value)
    assert left_over(tmp_path) == []


def test_a_folder_that_exists_is_left_alone(imported, tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "diary.txt").write_text("mine")
    with pytest.raises(DataError, match="already exists; choose another folder"):
        create(imported, tmp_path / "shop", layout="table")
    assert (tmp_path / "shop" / "diary.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_reported(imported, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot create the folder"):
        create(imported, tmp_path / "file" / "shop", layout="table")


def test_tables_that_contradict_each_other_are_refused(imported, tmp_path):
    outfits = imported.outfits
    imported.outfits = pl.DataFrame({"outfit_id": ["1"], "item_ids": [["a", "zebra"]]})
    refused(imported, tmp_path, "a test", "'zebra'", error=CatalogueError)
    imported.outfits = pl.DataFrame({"outfit_id": ["1"], "item_ids": [["a"]]})
    refused(imported, tmp_path, "row 1", "'1'", "1 item;")
    imported.outfits = outfits
    imported.questions["official-test-fitb"] = ASKED.with_columns(candidates=pl.lit(["b", "zebra"]))
    refused(imported, tmp_path, "official-test-fitb.parquet", "'zebra'", error=CatalogueError)
    imported.items = pl.concat([imported.items, imported.items[:1]])
    refused(imported, tmp_path, "'a'", "more than once", error=CatalogueError)


def test_a_missing_picture_is_reported_by_item(imported, tmp_path):
    (tmp_path / "two.png").unlink()
    refused(imported, tmp_path, "two.png", "'c'", "No such file")


def test_opening_what_is_no_data_set(imported, tmp_path):
    with pytest.raises(DataError, match=r"nowhere is not a folder; import a data set first: goeswith import"):
        Dataset(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no dataset.json"):
        Dataset(tmp_path)
    made = create(imported, tmp_path / "shop", layout="table")
    (made.path / "dataset.json").write_text("{")
    with pytest.raises(DataError, match="not valid JSON"):
        Dataset(made.path)
    (made.path / "dataset.json").write_text("[]")
    with pytest.raises(DataError, match=r"dataset\.json holds a list where a dict is expected; restore the file"):
        Dataset(made.path)


@pytest.mark.parametrize("table", ["items", "outfits"])
def test_opening_with_a_broken_or_missing_table(table, imported, tmp_path):
    made = create(imported, tmp_path / "shop", layout="table")
    path = made.path / f"{table}.parquet"
    path.write_bytes(path.read_bytes()[:100])
    read = {"items": lambda: Dataset(made.path).catalogue, "outfits": lambda: Dataset(made.path).outfits}[table]
    with pytest.raises(DataError, match=f"cannot read .*{table}.parquet"):
        read()
    path.unlink()
    with pytest.raises(DataError, match=f"there is no file .*{table}.parquet"):
        read()


def test_one_source_of_outfits_can_be_opened_alone(imported, tmp_path):
    imported.outfits = imported.outfits.with_columns(source=pl.Series(["designers"] * 4 + ["users"] * 6))
    made = create(imported, tmp_path / "shop", layout="table")
    assert len(Dataset(made.path).outfits) == 10
    users = Dataset(f"{made.path}#users")
    assert users.outfits.outfit_ids.tolist() == [str(number) for number in range(4, 10)]
    assert len(users.catalogue) == 20
    assert users.fingerprint != made.fingerprint
    with pytest.raises(DataError, match="no outfit of source 'robots'; the sources there are: designers, users"):
        Dataset(f"{made.path}#robots")  # at once: a command that only wants the items must not pass it over


def test_a_folder_may_have_the_sign_of_a_source_in_its_name(imported, tmp_path):
    assert len(Dataset(create(imported, tmp_path / "shop#1", layout="table").path).outfits) == 10


def test_a_source_of_outfits_that_have_none_is_refused(imported, tmp_path):
    made = create(imported, tmp_path / "shop", layout="table")
    with pytest.raises(DataError, match="the sources there are: none with a name"):
        Dataset(f"{made.path}#users")


def test_a_split_without_outfits_is_noted(imported, tmp_path):
    imported.outfits = imported.outfits[:3]
    made = create(imported, tmp_path / "shop", layout="table")
    assert made.info["notes"][0] == "mind the gap"
    assert made.info["notes"][1].startswith("outfits: none in split valid")
