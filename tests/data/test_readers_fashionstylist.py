"""Reader of fashionstylist."""

from pathlib import Path

import pytest
from folders import check, column, fail, outfits_of, write

from goeswith.data.readers import read

HEAD = "itemID,category,title,gender,style,outline,materials,color,pattern,detail,donning/doffing\n"
LOOKS = "outfitID,items,look,season,occasion\n"


@pytest.fixture
def fashionstylist(tmp_path: Path) -> Path:
    return write(
        tmp_path,
        {
            "Female/label_en.csv": "\ufeff" + HEAD
            + "p1,outerwear,white long coat,Women's,wool,loose,wool fabric,white,\"plain, collared\",,\n"
            + "p2,inner_top,silk shirt,Women's,basic,slim,silk,Pure White,,,\n"
            + "p3,onepiece,red dress,Women's,,,,red,,,\n"
            + "p4,cape,cape,Women's,,,,,,,\n",
            "Female/look_en.csv": "\ufeff" + LOOKS
            + 'b1,"p1,p2",Urban,Winter,School\nb2,"p1，p3,,p2,p1,p9",Vintage,Autumn/Winter,Home\n'
            + "b3,p3,Lone,Summer,Home\n",
            "Child/label_en.csv": HEAD + "p1,shoes,sneakers,Unisex,,,mesh,silver,,,\n"
            + "p2,bottom,joggers,Unisex,,,,black,,,\n",
            "Child/look_en.csv": LOOKS + 'b1,"p1,p2",Sporty,Spring,Daily/Sports\n',
        },
    )  # fmt: skip


def test_folders_become_sources_and_outfits_give_season_and_occasion(fashionstylist: Path) -> None:
    imported = read("fashionstylist", fashionstylist, workdir=fashionstylist)
    assert outfits_of(imported) == {
        "female-b1": ["female-p1", "female-p2"],
        "female-b2": ["female-p1", "female-p3", "female-p2"],
        "child-b1": ["child-p1", "child-p2"],
    }
    assert imported.outfits["source"].to_list() == ["female", "female", "child"]
    assert column(imported, "season") == {
        "female-p1": "Winter", "female-p2": "Winter", "female-p3": "Autumn/Winter", "female-p4": None,
        "child-p1": "Spring", "child-p2": "Spring",
    }  # fmt: skip
    assert column(imported, "occasion")["child-p1"] == "Daily/Sports"
    assert column(imported, "title")["female-p1"] == "white long coat"  # the colour is in it
    assert column(imported, "title")["female-p2"] == "Pure White silk shirt"
    assert column(imported, "title")["female-p4"] == "cape"
    assert set(column(imported, "group").values()) == {"outer", "top", "dress", "other", "shoes", "bottom"}
    assert column(imported, "material")["child-p1"] == "mesh"
    check(imported)


def test_what_is_left_out_is_counted(fashionstylist: Path) -> None:
    imported = read("fashionstylist", fashionstylist, workdir=fashionstylist)
    assert imported.skipped == {
        "items with a duplicate id": 0,
        "outfit rows that name an unknown item": 1,
        "outfit rows that repeat an item": 1,
        "outfits with a single item": 1,
    }
    assert "missing from the full publication: Male" in imported.notes
    assert any("1 items are in no outfit" in note for note in imported.notes)


def test_broken_files_are_reported(fashionstylist: Path, tmp_path: Path) -> None:
    write(fashionstylist, {"Child/look_en.csv": "outfitID,look\nb1,x\n"})
    fail("fashionstylist", fashionstylist, ["look_en.csv", "no column items, season, occasion"])
    write(fashionstylist, {"Child/look_en.csv": LOOKS + ',"p1,p2",x,Spring,Daily\n'})
    fail("fashionstylist", fashionstylist, ["look_en.csv, row 2", "outfitID is empty"])
    fail("fashionstylist", tmp_path / "Female", ["none of Female, Male, Child"])


@pytest.mark.real
def test_the_published_folders() -> None:
    source = Path("../shared/data/fashionstylist")
    if not source.is_dir():
        pytest.skip("the published files are not here")
    imported = read("fashionstylist", source, workdir=source)
    assert (len(imported.items), len(imported.outfits)) == (4637, 1000)
    assert "Unisex" in imported.items["gender"].to_list()
    assert imported.skipped["outfit rows that name an unknown item"] == 0
