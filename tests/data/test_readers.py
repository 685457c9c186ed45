"""What all readers have in common: the door, the options, and the groups of categories."""

from pathlib import Path

import polars as pl
import pytest
from folders import fail, write

from goeswith.data.garments import group_of
from goeswith.data.readers import READERS, read
from goeswith.errors import ConfigError


def test_an_unknown_layout_names_the_known_ones(tmp_path):
    fail("vogue", tmp_path, ["'vogue'", *READERS], ConfigError)


def test_every_layout_but_the_sample_needs_a_source(tmp_path):
    for layout in set(READERS) - {"sample"}:
        with pytest.raises(ConfigError, match="needs a source"):
            read(layout, None, workdir=tmp_path)


@pytest.mark.parametrize("layout", sorted(set(READERS) - {"sample"}))
def test_a_wrong_folder_says_what_is_missing(layout, tmp_path):
    fail(layout, write(tmp_path, {"holiday.txt": "sun"}), [str(tmp_path)])
    fail(layout, tmp_path / "nowhere", [str(tmp_path / "nowhere")])


@pytest.mark.parametrize("layout", sorted(set(READERS) - {"sample"}))
def test_an_unknown_option_names_the_known_ones(layout, tmp_path):
    fail(layout, tmp_path, [layout, "'colour_of_moon'"], ConfigError, colour_of_moon="1")


def test_the_documentation_has_a_command_for_every_layout():
    text = (Path(__file__).parents[2] / "docs" / "data.md").read_text()
    assert [layout for layout in READERS if f"goeswith import {layout} " not in text] == []


def test_options_come_as_text(tmp_path):
    write(tmp_path, {"items.csv": "item_id,category\na,coat\na,coat\n"})
    assert len(read("table", tmp_path, workdir=tmp_path, **{"skip-bad": "yes"}).items) == 1
    fail("table", tmp_path, ["'skip_bad'", "yes or no", "'perhaps'"], ConfigError, skip_bad="perhaps")
    fail("table", tmp_path, ["'skip_bad'", "given twice"], ConfigError, **{"skip-bad": "yes", "skip_bad": "no"})
    fail("fashionvc", tmp_path, ["'seed'", "number", "'one'"], ConfigError, seed="one")
    fail("table", tmp_path, ["'columns'", "as text"], ConfigError, columns="item_id")


def test_groups_of_categories_as_publishers_write_them():
    expected = {
        "Men's Dress Shoes": "shoes", "Cocktail Dresses": "dress", "dressers": "other", "Mini Skirts": "bottom",
        "t-shirts": "top", "Leather Jacket": "outer", "Tote Bags": "bag", "Bracelets & Bangles": "accessory",
        "Throw Pillows": "other", "Capri & Cropped Pants": "bottom", "Pyjama Shirt": "other", "Caps": "accessory",
        "Earrings": "accessory", "Napkin Rings": "other", "Ankle Booties": "shoes", "sweatpants": "bottom", "": "other",
    }  # fmt: skip
    table = pl.DataFrame({"category": list(expected)}).with_columns(group=group_of(pl.col("category")))
    assert dict(table.iter_rows()) == expected
