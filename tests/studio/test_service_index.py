"""The index behind the service: replaced while it answers, broken, or older than its catalogue."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import served
from answers import png, refused
from served import OUTFIT
from starlette.testclient import TestClient

from goeswith.errors import CatalogueError, DataError, ModelError
from goeswith.shop.guests import GuestEncoder
from goeswith.studio.app import create_app


def test_another_index_in_the_folder_is_opened_and_guests_stay(copied: tuple[Path, TestClient], world: Path) -> None:
    index, client = copied
    guest = client.post("/v1/items", files={"picture": ("x", png(), "image/png")}, data={"category": "shirt"}).json()
    before = client.get("/v1/index").json()
    assert (before["items"], before["guests"], before["stale"], before["changed"]) == (193, 1, "", False)
    spare = index.with_name("spare")
    shutil.move(index, spare)
    info = json.loads((spare / "index.json").read_text())
    shutil.copytree(spare, index)
    (index / "index.json").write_text(json.dumps(info | {"model": info["model"] | {"title": "newer"}}))
    assert client.get("/v1/index").json()["changed"] is True
    after = client.post("/v1/reload").json()
    assert (after["model"], after["changed"], after["guests"], after["lost"]) == ("newer", False, 1, "")
    assert client.get(f"/v1/items/{guest['item_id']}").json() == guest
    assert client.get(guest["image"]).status_code == 200


def test_guests_that_a_new_index_does_not_take_are_reported(
    copied: tuple[Path, TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, client = copied
    uploads = [{"picture": ("x", png(grey=grey), "image/png")} for grey in (50, 100, 150)]
    ids = [client.post("/v1/items", files=files, data={"category": "shirt"}).json()["item_id"] for files in uploads]

    taken: list[GuestEncoder] = []  # one guest, and no more

    def choosy(self: GuestEncoder, *arguments: Any) -> np.ndarray:
        if self in taken:
            raise CatalogueError("minilm reads text, and the item has none; add a title")
        taken.append(self)
        return served.seen(self, *arguments)

    monkeypatch.setattr(GuestEncoder, "features", choosy)
    after = client.post("/v1/reload").json()
    assert after["guests"] == 1
    assert "cannot take these uploaded items (minilm reads text" in after["lost"]
    assert after["lost"].endswith(f"): {ids[1]}, {ids[2]}")
    assert [client.get(f"/v1/items/{item_id}").status_code for item_id in ids] == [200, 404, 404]


def test_a_broken_index_in_the_folder_leaves_the_old_one_answering(copied: tuple[Path, TestClient]) -> None:
    index, client = copied
    right = client.post("/v1/score", json={"outfits": [OUTFIT]}).json()
    for name in ("states.safetensors", "model/model.safetensors", "items.parquet", "index.json"):
        content = (index / name).read_bytes()
        (index / name).unlink()
        (index / name).write_bytes(content[: len(content) // 2])
        refused(client.post("/v1/reload"), 409, "broken_index")
        assert client.post("/v1/score", json={"outfits": [OUTFIT]}).json() == right
        (index / name).write_bytes(content)
    shutil.rmtree(index)
    refused(client.post("/v1/reload"), 409, "broken_index", "no folder")
    assert client.get("/v1/index").json()["changed"] is True


def test_an_index_that_cannot_be_opened_is_reported_at_the_start(world: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no index"):
        create_app(tmp_path)
    index = Path(shutil.copytree(world / "index", tmp_path / "index"))
    weights = index / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\1\2\3\4")
    with pytest.raises(ModelError, match=r"not the file that belongs to the index"):
        create_app(index)


def test_a_catalogue_that_changed_under_the_index_is_reported(world: Path, tmp_path: Path) -> None:
    shutil.copytree(world / "shop", tmp_path / "shop")
    index = Path(shutil.copytree(world / "index", tmp_path / "index"))
    info = json.loads((index / "index.json").read_text())
    info["dataset"]["path"] = str(tmp_path / "shop")
    (index / "index.json").write_text(json.dumps(info))
    items = pl.read_parquet(tmp_path / "shop" / "items.parquet")
    (tmp_path / "shop" / "items.parquet").unlink()
    items.with_columns(price=pl.lit(1.0)).write_parquet(tmp_path / "shop" / "items.parquet")
    with TestClient(create_app(index)) as client:
        assert "has changed since it was indexed" in client.get("/v1/index").json()["stale"]
        assert client.post("/v1/score", json={"outfits": [OUTFIT]}).status_code == 200
