"""`goeswith check`: what a catalogue lacks, equal pictures, and items that no look can use; against naive counts."""

import json
from itertools import product

import numpy as np
import polars as pl
import pytest
from folders import write
from typer.testing import CliRunner
from worlds import write_made

from goeswith.cli.main import app
from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset
from goeswith.data.encoders.encode import PICTURES, WORDS
from goeswith.data.features import features_path, write_features
from goeswith.data.importing import import_data
from goeswith.shop.catalogue_report import CORES, check_catalogue, missing, unusable

ITEMS = """\
item_id,category,title,colour,price,gender,image
t1,shirt,a,red,5,women,t1.jpg
t2,shirt,b,,7,women,t2.jpg
b1,skirt,c,red,,women,b1.jpg
s1,boots,d,red,9,women,s1.jpg
s2,boots,e,,9,men,s2.jpg
m1,mug,f,red,9,women,m1.jpg
d1,dress,,,,men,
d2,dress,g,,,kids,
"""


@pytest.fixture
def dataset(tmp_path):
    pictures = {f"images/{name}.jpg": f"picture of {name}".encode() for name in ("t1", "b1", "s1", "s2", "m1")}
    write(tmp_path / "shop", {"items.csv": ITEMS, **pictures, "images/t2.jpg": b"picture of t1"})
    write(tmp_path / "shop", {"outfits.csv": "outfit_id,item_ids\n1,t1;b1;s1\n"})
    import_data("table", tmp_path / "shop", tmp_path / "data")
    return Dataset(tmp_path / "data")


def naive_looks(items, fit):
    by_group = {
        group: [item for item in items if item["group"] == group and fit(item)]
        for group in ("top", "bottom", "dress", "shoes")
    }
    return sum(len([*product(*(by_group[group] for group in core))]) for core in CORES)


def test_what_is_missing_costs_the_looks_that_a_loop_counts(dataset):
    items = dataset.catalogue.items.to_dicts()
    whole = naive_looks(items, lambda item: True)
    parts = {part.column: part for part in missing(dataset.catalogue)}
    for column in ("title", "image", "price", "colour", "gender"):
        lacking = [item for item in items if item[column] is None]
        if not lacking:
            assert column not in parts
            continue
        assert parts[column].items == len(lacking)
        assert parts[column].looks == pytest.approx(
            1 - naive_looks(items, lambda item, c=column: item[c] is not None) / whole
        )
    assert (parts["link"].items, parts["link"].looks) == (8, 1)


def test_items_that_no_look_can_use_are_named_by_reason(dataset):
    """A model needs features by all encoders that are used: with pictures in the catalogue, a picture of each item."""
    assert check_catalogue(dataset).unusable == {
        "are in group other (say their group with --groups)": ["m1"],
        f"have no picture that {PICTURES} can encode": ["d1", "d2"],
        "have no items for the rest of a look in their season and gender": ["s2"],
    }
    effects = {part.column: part.effect for part in check_catalogue(dataset).missing}
    assert effects["image"] == f"in no look: {PICTURES} has no picture of it to encode"


def test_without_pictures_items_are_judged_by_their_words(tmp_path):
    write(tmp_path / "shop", {"items.csv": ITEMS.replace(",image", ",photo")})
    import_data("table", tmp_path / "shop", tmp_path / "data")
    report = check_catalogue(Dataset(tmp_path / "data"))
    assert report.encoders == [WORDS]
    assert report.unusable == {
        "are in group other (say their group with --groups)": ["m1"],
        "have no items for the rest of a look in their season and gender": ["d2"],  # s2 goes with d1
    }
    effects = {part.column: part.effect for part in report.missing}
    assert effects["image"] == "judged by its words alone, and shown without a picture"
    assert effects["title"] == "judged by its colour and category alone"


def test_what_an_encoder_left_out_is_in_no_look(dataset, tmp_path):
    bare = dataset.catalogue.ids
    write_features(
        features_path(dataset, PICTURES), [np.ones((1, 4), np.float32)], (1, 4), item_ids=bare[:1],
        encoder=PICTURES, catalogue=dataset.catalogue, excluded={bare[1]: "the picture is broken"},
    )  # fmt: skip
    assert "t2" in check_catalogue(dataset).unusable[f"have no picture that {PICTURES} can encode"]


def test_seasons_part_a_catalogue_in_two():
    items = pl.DataFrame({
        "item_id": list("abcdefg"), "category": ["x"] * 7, "title": ["t"] * 7,
        "group": ["top", "bottom", "shoes", "top", "shoes", "bag", "bag"],
        "season": ["summer"] * 3 + ["winter", None, "winter", None],
    })  # fmt: skip
    alone = "have no items for the rest of a look in their season and gender"
    assert unusable(Catalogue(items), {}) == {alone: ["d", "f"]}
    shoeless = {WORDS: np.isin(items["item_id"], ["c", "e"])}
    assert unusable(Catalogue(items), shoeless)[alone] == ["a", "b", "d", "f", "g"]


def test_equal_pictures_are_found_by_bytes_and_then_by_features(dataset):
    report = check_catalogue(dataset)
    assert report.same_pictures == [["t1", "t2"]]
    lost = dataset.path / dataset.catalogue.items.filter(pl.col("item_id") == "s2")["image"][0]
    picture = lost.read_bytes()
    lost.unlink()
    assert check_catalogue(dataset).same_pictures == [["t1", "t2"]]
    lost.write_bytes(picture)
    assert "equal files" in report.compared
    assert report.unworn == 5
    ids = dataset.catalogue.ids
    chance = np.random.default_rng(0)
    values = chance.normal(size=(len(ids), 16)).astype(np.float32)
    values[3] = values[0] * 2  # s1 is t1, brighter
    write_made(dataset, ids, values)
    [made] = (dataset.path / "features").glob("*.safetensors")
    made.rename(features_path(dataset, PICTURES))
    report = check_catalogue(dataset)
    assert report.same_pictures == [["t1", "s1"]]
    assert report.compared == f"features of {PICTURES}"


def test_the_command_prints_it_as_text_and_json(dataset):
    result = CliRunner().invoke(app, ["check", str(dataset.path)])
    assert result.exit_code == 0, result.output
    assert "8 items (" in result.output
    assert "4 items that no look can use" in result.output
    assert f"items are judged by {PICTURES} and {WORDS}, unless you name" in result.output
    data = json.loads(CliRunner().invoke(app, ["check", str(dataset.path), "--json"]).output)
    assert data["same_pictures"] == [["t1", "t2"]]
    assert {part["column"] for part in data["missing"]} >= {"price", "link", "stock"}
