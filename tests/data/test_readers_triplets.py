"""Readers of tops and bottoms in triplets: fashionvc, expfashion."""

import pytest
from folders import check, column, fail, outfits_of, write

from goeswith.data.readers import read

TRIPLETS = {
    "train_ijk_shuffled_811.txt": "1.0\t11.0\t12.0\t\r\n1.0\t11.0\t13.0\t\r\n2.0\t12.0\t11.0\t\r\n",
    "valid_ijk_shuffled_811.txt": "2.0\t13.0\t11.0\t\r\n",
    "test_ijk_shuffled_811.txt": "3.0\t13.0\t12.0\t\r\n3.0\t13.0\t11.0\t\r\n",
}


@pytest.fixture
def fashionvc(tmp_path):
    words = {
        "top_id.txt": "1.0\r\n2.0\r\n3.0\r\n",
        "top_text.txt": "silk shirt\r\n\r\nwool coat\r\n",
        "bottom_id.txt": "11.0\r\n12.0\r\n",
        "bottom_text.txt": "blue jeans\r\nred dress\r\n",
        "item_category.txt": "1\tshirt\t\r\n2\r\n3\tcoats\t\r\n11\tjeans\t\r\n12\tday dresses\t",
        "item_color.txt": "1\twhite\t\r\n2\tblack\t\r\nbroken\r\n",
    }
    return write(tmp_path, TRIPLETS | words)


def test_fashionvc_pairs_sides_and_labels(fashionvc):
    imported = read("fashionvc", fashionvc, workdir=fashionvc)
    assert outfits_of(imported) == {"1-11": ["1", "11"], "2-12": ["2", "12"], "2-13": ["2", "13"], "3-13": ["3", "13"]}
    assert imported.outfits["split"].to_list() == ["train", "train", "valid", "test"]
    assert column(imported, "group") == {
        "1": "top", "2": "top", "3": "top", "11": "bottom", "12": "bottom", "13": "bottom",
    }  # fmt: skip
    assert column(imported, "category")["2"] == "top"
    assert column(imported, "category")["13"] == "bottom"
    assert column(imported, "title") == {
        "1": "silk shirt", "2": None, "3": "wool coat", "11": "blue jeans", "12": "red dress", "13": None,
    }  # fmt: skip
    assert imported.skipped["lines of item_category.txt without a label"] == 1
    assert imported.skipped["lines of item_color.txt without a label"] == 1
    assert any("2 items have no text" in note for note in imported.notes)


def test_fashionvc_triplets_become_shuffled_questions(fashionvc):
    imported = read("fashionvc", fashionvc, workdir=fashionvc)
    assert set(imported.questions) == {f"official-{split}-triplet" for split in ("train", "valid", "test")}
    questions = imported.questions["official-test-triplet"]
    assert questions["context"].to_list() == [["3"], ["3"]]
    assert questions["outfit_id"].to_list() == ["3-13", "3-13"]
    for row, other in zip(questions.iter_rows(named=True), ("12", "11"), strict=True):
        assert set(row["candidates"]) == {"13", other}
        assert row["candidates"][row["answer"]] == "13"
        assert (row["task"], row["negatives"], row["position"], row["label"]) == ("triplet", "official", 1, None)


def test_the_answer_is_first_about_half_of_the_time(fashionvc):
    lines = "".join(f"{row}.0\t{1000 + row}.0\t{3000 + row}.0\t\n" for row in range(400))
    write(fashionvc, {"train_ijk_shuffled_811.txt": lines})
    first, again, other = (
        read("fashionvc", fashionvc, workdir=fashionvc, seed=seed).questions["official-train-triplet"]
        for seed in (0, 0, 1)
    )
    assert 150 < (first["answer"] == 0).sum() < 250
    assert first.equals(again)
    assert not first.equals(other)


def test_a_short_triplet_and_a_lost_line_are_reported(fashionvc):
    write(fashionvc, {"top_text.txt": "silk shirt\r\n"})
    fail("fashionvc", fashionvc, ["top_text.txt", "1 lines for the 3 ids"])
    write(fashionvc, {"valid_ijk_shuffled_811.txt": "1.0\t2.0\t3.0\n1.0\t2.0\n"})
    fail("fashionvc", fashionvc, ["valid_ijk_shuffled_811.txt, line 2", "2 fields"])


def test_expfashion_has_colours_only(tmp_path):
    write(
        tmp_path,
        TRIPLETS | {"top_color.txt": "1\tblack\n2\tred\n9\tgray\n", "bottom_color.txt": "11\tblue\n12\n13\tolive\n"},
    )
    imported = read("expfashion", tmp_path, workdir=tmp_path)
    assert column(imported, "title") == {
        "1": "black top", "2": "red top", "9": "gray top", "11": "blue bottom", "13": "olive bottom", "3": "top",
        "12": "bottom",
    }  # fmt: skip
    assert imported.skipped["lines of bottom_color.txt without a label"] == 1
    assert any("2 items have no colour" in note for note in imported.notes)


@pytest.mark.real
@pytest.mark.parametrize(
    ("layout", "triplets", "pairs", "sides"),
    [
        ("fashionvc", (49_716, 6_213, 6_216), 20_715, (14_870, 13_662)),
        ("expfashion", (48_000, 6_000, 6_000), 20_000, (29_112, 20_902)),
    ],
)
def test_real_triplets(real, tmp_path, layout, triplets, pairs, sides):
    imported = read(layout, real / layout, workdir=tmp_path)
    _, outfits = check(imported)
    assert tuple(len(table) for table in imported.questions.values()) == triplets
    assert (len(outfits), 3 * len(outfits)) == (pairs, sum(triplets))
    assert tuple((imported.items["group"] == side).sum() for side in ("top", "bottom")) == sides
