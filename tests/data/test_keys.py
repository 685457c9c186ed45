"""Keys: parts of columns, pools of matched negatives by them, and the overlap of a list with training outfits."""

import numpy as np
import polars as pl
import pytest

from goeswith.data import overlap as overlaps
from goeswith.data.catalogue import Catalogue
from goeswith.data.freeze import file_stem, freeze
from goeswith.data.keys import key_codes, key_values, parse_keys
from goeswith.data.negatives import is_matched, pools
from goeswith.data.outfits import Outfits, read_outfits
from goeswith.data.overlap import overlap_with
from goeswith.errors import ConfigError

ITEMS = pl.DataFrame(
    {
        "item_id": [f"{first}{row:02d}" for first in "AB" for row in range(30)],
        "category": ["top", "bottom"] * 30,
        "season": (["summer"] * 3 + ["winter"] * 2 + [None]) * 10,
        "collection": [f"c{row % 4}" for row in range(60)],
    }
)
CATALOGUE = Catalogue(ITEMS)


def outfits_of(rows: list[list[int]], splits: list[str] | None = None) -> Outfits:
    frame = pl.DataFrame(
        {
            "outfit_id": [f"o{index}" for index in range(len(rows))],
            "item_ids": [[CATALOGUE.ids[row] for row in own] for own in rows],
            "split": splits or ["train"] * len(rows),
        }
    )
    return Outfits.from_frame(frame, CATALOGUE)


def test_parts_of_columns_are_what_python_slices():
    assert key_values(CATALOGUE, "id[:1]").to_list() == [name[:1] for name in CATALOGUE.ids]
    assert key_values(CATALOGUE, "item_id[-2:]").to_list() == [name[-2:] for name in CATALOGUE.ids]
    assert key_values(CATALOGUE, "id[1:2]").to_list() == [name[1:2] for name in CATALOGUE.ids]
    assert key_values(CATALOGUE, "season[:1]").to_list()[:6] == ["s", "s", "s", "w", "w", None]
    assert parse_keys(" season, id[:2]") == ("season", "id[:2]")


def test_items_share_a_number_when_they_agree_in_all_keys():
    codes = key_codes(CATALOGUE, ("category", "season", "id[:1]"))
    values = list(zip(ITEMS["category"], ITEMS["season"], ITEMS["item_id"].str.slice(0, 1), strict=True))
    same = [[a == b for b in values] for a in values]
    assert ((codes[:, None] == codes) == np.array(same)).all()
    assert (pools(CATALOGUE, "matched:season,id[:1]") == codes).all()
    coarse = pools(CATALOGUE, "matched")
    assert (key_codes(CATALOGUE, ("category", "season")) == coarse).all()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("id[2]", r"'id\[2\]' is not a key; write a column"),
        ("season,season", "names a key twice"),
        ("seasn", "no column 'seasn' to match by; did you mean 'season'"),
    ],
)
def test_a_wrong_key_is_reported(keys: str, message: str):
    with pytest.raises(ConfigError, match=message):
        pools(CATALOGUE, f"matched:{keys}")


def test_questions_by_keys_have_wrong_items_that_agree_in_them(tmp_path):
    random = np.random.default_rng(0)
    rows = [[int(2 * random.integers(30)), int(2 * random.integers(30) + 1)] for _ in range(300)]
    made = outfits_of(rows, ["test"] * 300)
    [file] = freeze(CATALOGUE, made, tmp_path, splits=("test",), plan=[("fitb", "matched:collection,id[:1]")])
    assert is_matched("matched:season")
    assert file.path.name == "test-fitb-matched-collection-id-1.parquet"
    assert file_stem("test", "fitb", "matched") == "test-fitb-matched"
    assert file.questions > 50
    collection = dict(zip(CATALOGUE.ids, ITEMS["collection"], strict=True))
    for candidates in pl.read_parquet(file.path)["candidates"]:
        assert len({(collection[name], name[0]) for name in candidates}) == 1


def test_overlap_is_what_a_loop_counts(monkeypatch):
    monkeypatch.setattr(overlaps, "BLOCK", 7)
    random = np.random.default_rng(1)
    train = [random.choice(60, int(size), replace=False).tolist() for size in random.integers(2, 7, 80)]
    listed = [random.choice(60, int(size), replace=False).tolist() for size in random.integers(2, 7, 60)]
    listed += [train[0], train[1][::-1], [*train[2][:-1], 59] if 59 not in train[2] else train[2], train[3][:2]]
    overlap = overlap_with(outfits_of(listed), outfits_of(train))
    near = [any(len({*own} & {*other}) >= 0.8 * len(own) for other in train) for own in listed]
    same = [any({*own} == {*other} for other in train) for own in listed]
    assert (overlap.outfits, overlap.mostly, overlap.repeats) == (len(listed), sum(near), sum(same))
    assert 2 <= overlap.repeats < overlap.mostly
    assert "are exact repeats: a model may remember these" in str(overlap)
    assert "none of the 1 outfits" in str(overlap_with(outfits_of([[0, 1]]), outfits_of([[0, 2]])))


def test_columns_of_a_list_are_mapped(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("look,sku,item_id\na,A00,7\na,A01,8\nb,A02,9\nb,A03,1\n")
    read = read_outfits(path, CATALOGUE, {"outfit_id": "look", "item_id": "sku"})
    assert [read[number].tolist() for number in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(ConfigError, match="no column 'looks' to map to outfit_id; did you mean 'look'"):
        read_outfits(path, CATALOGUE, {"outfit_id": "looks"})
    with pytest.raises(ConfigError, match="has no column 'colour'; its columns are outfit_id, item_id, item_ids"):
        read_outfits(path, CATALOGUE, {"colour": "sku"})
