"""Photos: picture files are found under every name that means them, in a fixed order, and never outside the folder."""

import os
import unicodedata
from pathlib import Path

import pytest
from helpers.folders import PIXEL, write
from hypothesis import given
from hypothesis import strategies as st

from goeswith.data.dataset import create
from goeswith.data.encoders.pictures import ENDINGS
from goeswith.data.readers import read
from goeswith.data.readers.photos import IRREGULAR, OUTSIDE, Photos
from goeswith.errors import DataError


def folder(where: Path, *names: str) -> Path:
    return write(where / "images", dict.fromkeys(names, PIXEL))


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_that_is_decoded_is_found(tmp_path: Path, ending: str) -> None:
    photos = Photos(folder(tmp_path, f"a{ending}", f"B{ending.upper()}", "c.txt"))
    assert set(photos.by_stem(["a", "B", "c"])[0]) == {"a", "B"}


def test_names_may_differ_in_case_and_unicode_form(tmp_path: Path) -> None:
    apart = unicodedata.normalize("NFD", "café.JPG")
    root = folder(tmp_path, apart, "Hut.jpg", "deep/Ärmel.png")
    photos = Photos(root)
    assert photos.by_stem(["café", "HUT", "none"])[0] == {"café": root / apart, "HUT": root / "Hut.jpg"}
    named = photos.named(["café.jpg", "images/hut.JPG", ".\\deep\\ärmel.png", "x.jpg"])
    assert named == {
        "café.jpg": root / apart, "images/hut.JPG": root / "Hut.jpg", ".\\deep\\ärmel.png": root / "deep/Ärmel.png",
    }  # fmt: skip


def test_the_exact_name_comes_first(tmp_path: Path) -> None:
    root = folder(tmp_path, "a.jpg", "A.jpg")
    photos = Photos(root)
    assert photos.by_stem(["a", "A"]) == ({"a": root / "a.jpg", "A": root / "A.jpg"}, {})
    assert photos.named(["A.jpg"]) == {"A.jpg": root / "A.jpg"}


def test_two_pictures_of_one_item_are_reported_and_the_first_by_name_is_taken(tmp_path: Path) -> None:
    root = folder(tmp_path, "front/A.jpg", "back/A.jpg", "B.jpg", "back/B.png")
    paths, several = Photos(root).by_stem(["A", "B"])
    assert paths == {"A": root / "back/A.jpg", "B": root / "B.jpg"}
    assert several == {"A": ["back/A.jpg", "front/A.jpg"], "B": ["B.jpg", "back/B.png"]}
    write(tmp_path, {"items.csv": "item_id,category\nA,shirt\nB,skirt\n"})
    note = "2 items have several pictures; the first by name is used: back/A.jpg, front/A.jpg"
    assert note in read("table", tmp_path, workdir=tmp_path).notes


def test_links_inside_the_folder_are_followed_and_others_are_not(tmp_path: Path) -> None:
    write(tmp_path, {"secret/s.jpg": PIXEL})
    root = folder(tmp_path, "real/a.jpg")
    (root / "b.jpg").symlink_to("real/a.jpg")
    (root / "linked").symlink_to("real")
    (root / "out.jpg").symlink_to(tmp_path / "secret/s.jpg")
    (root / "away").symlink_to(tmp_path / "secret")
    (root / "real/up").symlink_to("..")
    (root / "gone.jpg").symlink_to("nothing.jpg")
    photos = Photos(root)
    assert {"real/a.jpg", "b.jpg", "linked/a.jpg"} <= set(photos.files)
    assert not {"out.jpg", "away/s.jpg"} & set(photos.files)
    assert photos.left_out == {OUTSIDE: 1, "folders whose link points outside the folder": 1}
    assert photos.by_stem(["a"])[1] == {}  # two names of one file are one picture
    (tmp_path / "link").symlink_to(root)
    assert set(Photos(tmp_path / "link").files) == set(photos.files)


def test_folders_that_link_to_each_other_end(tmp_path: Path) -> None:
    names = [f"d{number}" for number in range(5)]
    root = folder(tmp_path, *(f"{name}/{name}.jpg" for name in names))
    for name in names:
        for other in names:
            (root / name / f"to-{other}").symlink_to(root / other)
    assert {f"{name}/{name}.jpg" for name in names} <= set(Photos(root).files)


def test_pipes_are_left_out_and_nobody_waits_for_them(tmp_path: Path) -> None:
    root = folder(tmp_path, "a.jpg")
    os.mkfifo(root / "b.jpg")
    (root / "c.jpg").symlink_to("/dev/zero")
    photos = Photos(root)
    assert set(photos.files) == {"a.jpg"}
    assert photos.left_out == {IRREGULAR: 1, OUTSIDE: 1}
    write(tmp_path, {"items.csv": "item_id,category\na,shirt\nb,skirt\n"})
    imported = read("table", tmp_path, workdir=tmp_path)
    assert (set(imported.images), imported.skipped[IRREGULAR]) == ({"a"}, 1)
    imported.images["b"] = root / "b.jpg"
    with pytest.raises(DataError, match=r"picture of item 'b', is not a regular file"):
        create(imported, tmp_path / "dest", layout="table")


def test_published_layouts_follow_no_link_out_either(tmp_path: Path) -> None:
    write(tmp_path, {"away/3.jpg": PIXEL})
    lines = ["id,gender,articleType,productDisplayName", "1,Men,Shirts,a", "2,Men,Jeans,b", "3,Men,Caps,c"]
    source = write(tmp_path / "shop", {"styles.csv": "\n".join(lines) + "\n", "images/1.jpg": PIXEL})
    os.mkfifo(source / "images/2.jpg")
    (source / "images/3.jpg").symlink_to(tmp_path / "away/3.jpg")
    imported = read("fashion-products", source, workdir=tmp_path)
    assert set(imported.images) == {"1"}
    assert (imported.skipped[IRREGULAR], imported.skipped[OUTSIDE]) == (1, 1)


@given(st.text(st.characters(exclude_characters="/\\\x00", exclude_categories=["Cs"]), min_size=1, max_size=12))
def test_a_picture_called_after_an_id_is_its_picture(stem: str) -> None:
    photos = Photos(None)
    photos.files = {f"{form}.jpg": Path(form) for form in (unicodedata.normalize("NFD", stem), "another one")}
    assert photos.by_stem([stem])[0] == {stem: Path(unicodedata.normalize("NFD", stem))}
