"""Looks in their file: kept, changed, undone, by several at once; and the table that is trained on."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from goeswith.cli.main import app
from goeswith.errors import DataError
from goeswith.studio.service.limits import LOOK_ITEMS, LOOK_TAGS, NOTE_LENGTH
from goeswith.studio.service.look_schema import MIGRATIONS
from goeswith.studio.service.look_table import write_outfits
from goeswith.studio.service.looks import Looks, Piece, SavedLook
from goeswith.studio.service.refusals import Refused
from goeswith.studio.service.saved_look import Change


def look(*ids, name="One", **options):
    return SavedLook("", name, tuple(Piece(item_id, f"Title of {item_id}") for item_id in ids), **options)


@pytest.fixture
def store(tmp_path):
    return Looks(tmp_path / "new" / "looks.sqlite")


def test_a_sentence_about_a_look_shows_what_was_done_however_long_its_name():
    sentence = Change(1, "x", "", "", "approved", "Pleated midi skirt " * 9).sentence
    assert sentence.startswith("“Pleated midi skirt")
    assert sentence.endswith("…” was approved")
    assert len(sentence) < 80


def test_a_look_is_kept_whole_and_in_order(store):
    assert store.find() == []
    assert not store.path.exists()  # reading makes no file
    saved, _ = store.save(
        look("b", "a", name=" Office ", tags=(" june ", "", "june"), note=" n ", judged={"s": 1}), "Ada"
    )
    again = Looks(store.path).get(saved.look_id)
    assert again == saved
    assert (again.name, again.tags, again.note, again.who, again.version) == ("Office", ("june",), "n", "Ada", 1)
    assert again.item_ids == ("b", "a")
    assert again.state == "draft"
    assert again.created == again.changed
    with sqlite3.connect(store.path) as file:
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_looks_are_found_by_state_tag_and_words(store):
    office = store.save(look("a", "b", name="Office", tags=("june",)), "Ada")[0]
    beach = store.save(look("c", "item-d", name="Beach", note="for the LETTER"), "Bo")[0]
    store.change(office.look_id, "Ada", state="approved")
    assert [saved.look_id for saved in store.find()] == [office.look_id, beach.look_id]  # the latest change first
    for query, name in (
        ({"state": "approved"}, "Office"), ({"tag": "june"}, "Office"), ({"words": "letter bo"}, "Beach"),
        ({"words": "title item-d"}, "Beach"), ({"state": "draft", "words": "be"}, "Beach"),
    ):  # fmt: skip
        assert [saved.name for saved in store.find(**query)] == [name], query
    assert store.find(words="office letter") == []
    assert store.tags() == ["june"]


def test_every_change_can_be_undone_once_and_in_turn(store):
    first, saved = store.save(look("a", "b"), "Ada")
    renamed, change = store.change(first.look_id, "Bo", name="Two", etag=first.etag)
    assert renamed.version == 2
    assert renamed.etag != first.etag
    assert store.change(first.look_id, "Bo", name="Two") == (renamed, 0)  # nothing new, nothing noted
    with pytest.raises(Refused, match="changed again since"):
        store.undo(saved, "Bo")
    undone = store.undo(change, "Bo")
    assert replace(undone, changed="", version=0) == replace(first, changed="", version=0)
    assert undone.version > renamed.version  # an etag never comes back with another content
    deleted = store.delete(first.look_id, "Cy")
    with pytest.raises(Refused, match="no look"):
        store.get(first.look_id)
    assert store.last(deleted).sentence == "“One” was deleted"
    assert store.undo(deleted, "Cy").name == "One"
    assert [(change.who, change.what) for change in store.history(first.look_id)] == [
        ("Cy", "undone"), ("Cy", "deleted"), ("Bo", "undone"), ("Bo", "changed"), ("Ada", "saved"),
    ]  # fmt: skip
    copy, made = store.save(look("a", "b"), "Ada")
    assert store.undo(made, "Ada") is None
    assert copy.look_id not in [saved_copy.look_id for saved_copy in store.find()]
    with pytest.raises(Refused, match="nothing to undo"):
        store.undo(999, "Ada")


def test_a_conflicting_change_is_reported(store):
    first, _ = store.save(look("a", "b"), "Ada")
    store.change(first.look_id, "Bo", note="mine")
    for late in (lambda: store.change(first.look_id, "Cy", note="x", etag=first.etag),
                 lambda: store.delete(first.look_id, "Cy", etag=first.etag)):  # fmt: skip
        with pytest.raises(Refused, match="meanwhile") as raised:
            late()
        assert raised.value.status == 412
    assert store.get(first.look_id).note == "mine"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (look("a"), "two items or more"), (look("a", "a"), "twice"), (look("a", "b", name=" "), "needs a name"),
        (look(*map(str, range(LOOK_ITEMS + 1))), "too large"), (look("a", "b", state="gone"), "'gone' is unknown"),
        (look("a", "b", tags=tuple(map(str, range(LOOK_TAGS + 1)))), "tags"),
        (look("a", "b", tags=("x" * 61,)), "a tag"),
        (look("a", "b", note="x" * (NOTE_LENGTH + 1)), "note is longer"),
        (look("a", "b", name="x" * 301), "name is longer"),
    ],
)  # fmt: skip
def test_an_invalid_look_is_refused_and_leaves_nothing(store, bad, words):
    with pytest.raises(Refused, match=words):
        store.save(bad, "Ada")
    saved, _ = store.save(look("a", "b"), "Ada")
    with pytest.raises(Refused, match=words):
        store.change(saved.look_id, "Ada", name=bad.name, items=bad.items, state=bad.state, tags=bad.tags,
                     note=bad.note)  # fmt: skip
    assert store.find() == [saved]
    assert len(store.history(saved.look_id)) == 1


def test_many_save_at_once(store):
    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(lambda number: Looks(store.path).save(look(f"a{number}", "b"), "Ada")[0], range(40)))
    assert {own.look_id for own in store.find()} == {own.look_id for own in saved}
    assert len({own.look_id for own in saved}) == 40


def test_looks_of_an_older_schema_are_kept_and_their_items_lie_by_themselves(store):
    store.path.parent.mkdir()
    file = sqlite3.connect(store.path)
    file.executescript(f"{MIGRATIONS[0]}; PRAGMA user_version = 1")
    items = '[{"item_id": "a", "title": "Coat", "category": "coat", "group": "outer", "price": 9.5}, {"item_id": "b"}]'
    now = "2026-01-01T00:00:00+00:00"
    file.execute(
        "INSERT INTO looks VALUES (?, ?, '[]', '', ?, 'draft', 'Ada', ?, ?, 1, '{}')", ("x", "Old", items, now, now)
    )
    file.commit()
    file.close()
    (old,) = store.find()
    assert old.items == (Piece("a", "Coat", "coat", "outer", 9.5), Piece("b"))
    moved = replace(old.items[0], spot="250.300.400.2")
    assert store.change("x", "Ada", items=(moved, old.items[1]))[0].items[0].spot == "250.300.400.2"
    assert store.get("x").items[0] == moved


def test_a_file_that_is_no_home_for_looks_says_so(tmp_path):
    (tmp_path / "text").write_text("no database, but long enough to be read as one: " * 9)
    with pytest.raises(DataError, match="choose another --looks"):
        Looks(tmp_path / "text").find()
    with pytest.raises(DataError, match="choose another --looks"):
        Looks(tmp_path).find()
    with sqlite3.connect(tmp_path / "other") as file:
        file.execute("CREATE TABLE t (a)")
    with pytest.raises(DataError, match="database of something else"):
        Looks(tmp_path / "other").save(look("a", "b"), "Ada")
    Looks(tmp_path / "later").save(look("a", "b"), "Ada")
    with sqlite3.connect(tmp_path / "later") as file:
        file.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(DataError, match="newer goeswith"):
        Looks(tmp_path / "later").find()


@pytest.mark.parametrize(
    ("column", "value"),
    [("items", b"[{"), ("items", b'[{"item_id": "a", "categYry": ""}]'), ("tags", b"3"), ("name", b"\xc3\x28")],
)
def test_a_damaged_row_is_named(store, column, value):
    store.save(look("a", "b"), "Ada")
    with sqlite3.connect(store.path) as file:
        file.execute(f"UPDATE looks SET {column} = CAST(? AS TEXT)", (value,))
    with pytest.raises(DataError, match=r"is damaged|cannot use"):
        store.find()


def test_the_command_writes_approved_looks_as_a_table(store, tmp_path):
    ids = [store.save(look(*item_ids), "Ada")[0].look_id for item_ids in ("ab", "ba", "cd", "ef", "gh")]
    for at, state in ((0, "approved"), (1, "live"), (2, "rejected"), (3, "live")):
        store.change(ids[at], "Ada", state=state)
    out = tmp_path / "o.csv"
    result = CliRunner().invoke(app, ["feedback", str(store.path), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert result.output.strip() == f"2 outfits in {out}; left out 2: not approved or live; left out 1: the same items"
    table = f"outfit_id,item_ids,source\nlook-{ids[0]},a;b,studio\nlook-{ids[3]},e;f,studio\n"
    assert out.read_text() == table
    again = CliRunner().invoke(app, ["feedback", str(store.path), "--out", str(out)])
    assert f"another --out, such as {tmp_path / 'saved.csv'}" in str(again.exception)
    assert out.read_text() == table
    assert write_outfits(store.path, tmp_path / "r.csv", states=["rejected"])["outfits"] == 1
    assert "c;d" in (tmp_path / "r.csv").read_text()
    assert write_outfits(store.path, tmp_path / "k.csv", "abcd")["items not in the catalogue"] == 1


def test_looks_that_make_no_table_say_so(store, tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        write_outfits(store.path, tmp_path / "o.csv")
    saved, _ = store.save(look("a;b", "c"), "Ada")
    with pytest.raises(DataError, match=r"no look that can be used \(1 left out: not approved or live\)"):
        write_outfits(store.path, tmp_path / "o.csv")
    with pytest.raises(DataError, match="no looks of state 'good'"):
        write_outfits(store.path, tmp_path / "o.csv", states=["good"])
    store.change(saved.look_id, "Ada", state="live")
    with pytest.raises(DataError, match="contains a ';'"):
        write_outfits(store.path, tmp_path / "o.csv")
    assert not (tmp_path / "o.csv").exists()
