"""Looks that people decided on in the studio, as outfits and preferences to train on."""

import polars as pl
import pytest
import torch
from typer.testing import CliRunner
from worlds import styles_dataset

from goeswith.cli.main import app
from goeswith.data.dataset import Dataset
from goeswith.data.saved_looks import PAIRS, approved_outfits, known_items, preferences
from goeswith.errors import DataError
from goeswith.studio.service.comparisons import note_comparison
from goeswith.studio.service.looks import Looks
from goeswith.studio.service.saved_look import Piece, SavedLook
from goeswith.train.training import train


def saved(store, *ids, state="draft", pinned=""):
    look = SavedLook("", "-".join(ids), tuple(map(Piece, ids)), state=state, pinned_item=pinned)
    return store.save(look, "Ada")[0].look_id


@pytest.fixture
def store(tmp_path):
    return Looks(tmp_path / "looks.sqlite")


def pairs_of(path):
    return {("+".join(better), "+".join(worse), why) for better, worse, why in preferences(path).iter_rows()}


def test_what_was_rejected_changed_and_compared_becomes_pairs(store):
    good = saved(store, "a", "b", state="approved", pinned="a")
    saved(store, "a", "c", state="rejected", pinned="a")
    saved(store, "a", "d", pinned="a")  # nobody decided
    saved(store, "x", "y", state="rejected", pinned="x")  # beside no better one
    store.change(good, "Ada", items=(Piece("a"), Piece("e")))  # b was exchanged for e
    undone = store.change(good, "Ada", items=(Piece("a"), Piece("f")))[1]
    store.undo(undone, "Ada")
    winner, other = saved(store, "p", "q", state="live"), saved(store, "p", "r")
    note_comparison(store.path, winner, [winner, other], "Ada")
    loser = saved(store, "p", "s", state="approved")
    store.change(loser, "Ada", state="rejected")
    note_comparison(store.path, loser, [winner, loser], "Ada")  # rejected since: no longer preferred
    assert pairs_of(store.path) == {
        ("a+e", "a+c", "rejected"), ("", "x+y", "rejected"), ("a+e", "a+b", "changed"), ("p+q", "p+r", "compared"),
        ("a+e", "a+f", "changed"), ("", "p+s", "rejected"),
    }  # fmt: skip
    outfits = approved_outfits(store.path)
    assert sorted(outfits["item_ids"].to_list()) == [["a", "e"], ["p", "q"]]
    assert set(outfits["source"]) == {"studio"}
    pairs, strange = known_items(preferences(store.path), ("better", "worse"), ["a", "b", "c", "e", "x", "y"])
    assert (len(pairs), strange) == (3, 3)


@pytest.mark.parametrize("content", [None, b"", b"not a database", b"SQLite format 3\x00" + b"x" * 100])
def test_a_file_that_holds_no_looks_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "looks.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"looks\.sqlite"):
        preferences(path)


@pytest.mark.slow
def test_import_reads_looks_and_training_learns_what_was_preferred(tmp_path, store):
    made = styles_dataset(tmp_path, "made", seed=0)
    shop = tmp_path / "shop"
    shop.mkdir()
    made.catalogue.items.select("item_id", "category", "group").write_csv(shop / "items.csv")
    frame = made.outfits.to_frame(made.catalogue).select("outfit_id", pl.col("item_ids").list.join(";"))
    frame.write_csv(shop / "outfits.csv")
    tops = made.catalogue.items.filter(pl.col("group") == "top")["item_id"].to_list()
    shoes = made.catalogue.items.filter(pl.col("group") == "shoes")["item_id"].to_list()
    for top, good, bad in zip(tops[:8], shoes[:8], shoes[8:16], strict=True):
        saved(store, top, good, state="approved", pinned=top)
        saved(store, top, bad, state="rejected", pinned=top)
    saved(store, "elsewhere", "nowhere", state="approved")
    command = ["import", "table", str(shop), str(tmp_path / "data"), "--looks", str(store.path)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "8 approved looks and 8 preferences from looks.sqlite" in result.output
    assert "skipped 1: approved looks with an item that is not imported" in result.output
    data = Dataset(tmp_path / "data")
    assert (data.outfits.sources == "studio").sum() == 8
    table = pl.read_parquet(tmp_path / "data" / "preferences.parquet")
    assert dict(table.schema) == PAIRS
    assert len(table) == 8

    (made.path / "preferences.parquet").write_bytes((tmp_path / "data" / "preferences.parquet").read_bytes())
    settings = ["hidden=8", "epochs=4", "learning_rate=0.02"]
    run = train(
        "bpr-dae",
        made,
        tmp_path / "run",
        knowledge={"preferences": str(made.path)},
        settings=[*settings, "preference=5"],
    )
    plain = train("bpr-dae", made, tmp_path / "plain", settings=settings)
    assert run.config["preferences"]["pairs"] == 8
    assert _margin(run, made, table) > _margin(plain, made, table) + 0.1
    empty = table.with_columns(better=pl.lit([], dtype=pl.List(pl.String)), why=pl.lit("rejected"))
    empty.write_parquet(tmp_path / "alone.parquet")
    alone = train(
        "bpr-dae",
        made,
        tmp_path / "alone",
        knowledge={"preferences": str(tmp_path / "alone.parquet")},
        settings=settings,
    )
    assert alone.config["preferences"]["pairs"] == 8
    table.clear().write_parquet(tmp_path / "none.parquet")
    with pytest.raises(DataError, match="no pair"):
        train(
            "bpr-dae",
            made,
            tmp_path / "x",
            knowledge={"preferences": str(tmp_path / "none.parquet")},
            settings=settings,
        )


def _margin(run, dataset, pairs):
    """Mean of score(better) − score(worse)."""
    from goeswith.data.features import load_features
    from goeswith.data.outfits import OutfitBatch

    rows = {item_id: row for row, item_id in enumerate(dataset.catalogue.ids)}
    sides = [[[rows[item_id] for item_id in ids] for ids in pairs[name].to_list()] for name in ("better", "worse")]
    items = torch.tensor(sides).flatten(0, 1)
    features = torch.from_numpy(load_features(dataset).values)
    with torch.inference_mode():
        model = run.model
        states = model.encode_items(features, torch.from_numpy(run.vocabulary.codes(dataset.catalogue)))
        scores = model.score(states, OutfitBatch(items, torch.ones(items.shape, dtype=torch.bool))).view(2, -1)
    return float((scores[0] - scores[1]).mean())
