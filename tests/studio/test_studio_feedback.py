"""Outfits saved in the studio: kept whole, and a table that is read again."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.testing import CliRunner

from goeswith.cli.main import app
from goeswith.data.readers import read
from goeswith.errors import DataError
from goeswith.studio.service.feedback import keep, kept, write_outfits


def test_saved_outfits_become_a_table_that_is_read_again(client, wall, tmp_path):
    answer = client.post("/board/save", data={"on": ["i0", "i100"]})
    assert answer.status_code == 200
    assert "Saved" in answer.text
    client.post("/board/save", data={"on": ["i100", "i0"]})
    client.post("/board/save", data={"on": ["i1", "i101"]})
    assert 'role="alert"' in client.post("/board/save", data={"on": ["i0"]}).text
    file = client.app.state.feedback
    saved, broken = kept(file)
    assert broken == 0
    assert [told["item_ids"] for told in saved] == [["i0", "i100"], ["i100", "i0"], ["i1", "i101"]]
    assert saved[0]["probability"] == wall.stylist.judge(["i0", "i100"]).probability
    keep(file, ["guest-1", "i0"])
    counts = write_outfits(file, tmp_path / "outfits.csv", wall.catalogue.ids)
    assert counts == {"outfits": 2, "saved before": 1, "with items that the catalogue does not have": 1}
    wall.catalogue.items.select("item_id", "category", "group").write_csv(tmp_path / "items.csv")
    again = read("table", tmp_path, workdir=tmp_path).outfits
    assert again["item_ids"].to_list() == [["i0", "i100"], ["i1", "i101"]]
    assert again["source"].to_list() == ["studio", "studio"]


def test_the_command_writes_the_table(tmp_path):
    keep(tmp_path / "f.jsonl", ["a", "b"])
    keep(tmp_path / "f.jsonl", ["b", "a"])
    told = CliRunner().invoke(app, ["feedback", str(tmp_path / "f.jsonl"), "--out", str(tmp_path / "o.csv")])
    assert told.exit_code == 0, told.output
    assert told.output.strip() == f"1 outfits in {tmp_path / 'o.csv'}; left out 1: saved before"
    table = "outfit_id,item_ids,source\nsaved-1,a;b,studio\n"
    assert (tmp_path / "o.csv").read_text() == table
    keep(tmp_path / "f.jsonl", ["c", "d"])
    again = CliRunner().invoke(app, ["feedback", str(tmp_path / "f.jsonl"), "--out", str(tmp_path / "o.csv")])
    assert isinstance(again.exception, DataError)
    assert f"{tmp_path / 'o.csv'} exists" in str(again.exception)
    assert f"another --out, such as {tmp_path / 'saved.csv'}, or remove it" in str(again.exception)
    assert (tmp_path / "o.csv").read_text() == table


def test_many_save_at_once_and_a_torn_line_costs_only_itself(tmp_path):
    file = tmp_path / "new" / "feedback.jsonl"
    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(lambda number: keep(file, [f"a{number}", "b"]), range(40)))
    assert sorted(ids, key=lambda told: int(told[6:])) == [f"saved-{number}" for number in range(1, 41)]
    with open(file, "ab") as torn:
        torn.write(b'{"outfit_id": "saved-41", "item')
    assert keep(file, ["c", "d"]) == "saved-42"
    saved, broken = kept(file)
    assert (len(saved), broken) == (41, 1)
    assert saved[-1]["item_ids"] == ["c", "d"]


def test_feedback_that_cannot_be_used_says_so(tmp_path):
    with pytest.raises(DataError, match=r"1 item\(s\) cannot be saved"):
        keep(tmp_path / "f", ["a"])
    with pytest.raises(DataError, match="choose another --feedback"):
        keep(tmp_path, ["a", "b"])
    with pytest.raises(DataError, match="cannot read"):
        kept(tmp_path / "none")
    (tmp_path / "f").write_text("{}\n[1]\nno\n")
    with pytest.raises(DataError, match=r"no outfit that can be used \(3 broken lines\)"):
        write_outfits(tmp_path / "f", tmp_path / "out.csv")
    keep(tmp_path / "g", ["a;b", "c"])
    with pytest.raises(DataError, match="contains a ';'"):
        write_outfits(tmp_path / "g", tmp_path / "out.csv")
