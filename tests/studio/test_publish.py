"""Publish: looks as files: what is in them, that they are written whole, and that only what changed is written."""

import json
import os
import re
from pathlib import Path

import pytest
from answers import Parts
from served import BARE, BROKEN, SCRIPT, VARIANTS
from test_storefront import KEY, TOKEN, save
from typer.testing import CliRunner

from goeswith.cli.main import app
from goeswith.errors import DataError
from goeswith.studio import publish
from goeswith.studio.service.looks import Looks
from goeswith.studio.storefront.publish import file_name
from goeswith.studio.storefront.schemas import ItemLooks


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Looks:
    store = Looks(tmp_path_factory.mktemp("published") / "looks.sqlite")
    save(store, "live", (BROKEN, "i0"), "live")
    save(store, "the same as approved", ("i52", "i100", "i0"), "approved")
    save(store, "approved", ("i0", "i52", "i100"))
    save(store, "a draft", ("i1", "i51"), "draft")
    return store


def test_approved_looks_are_files_that_need_nothing_else(world: Path, store: Looks, tmp_path: Path) -> None:
    out = tmp_path / "public" / "looks"
    done = publish(world / "index", out, looks=store.path)
    assert (done.items, done.looks, done.approved) == (4, 5, 5)
    written = contents(out)
    published = ItemLooks.model_validate(json.loads(written["looks/i0.json"]))
    assert [(look.name, look.approved) for look in published.looks] == [("live", True), ("approved", True)]
    assert published.item.image is not None
    for address in [published.item.image.src, *re.findall(r"\S+(?= \d+w)", published.item.image.srcset)]:
        assert written[address.removeprefix("../")][:3] == b"\xff\xd8\xff"  # JPEG
    assert json.loads(written["looks/p0.json"]) == {"see": "i0"}  # the id of its product
    assert file_name(BROKEN) == "_2E_2E_2F_2E_2E_2Fetc_2Fpasswd"
    assert f"looks/{file_name(BROKEN)}.json" in written
    assert {path for path in written if path.endswith((".js", ".css"))} == {"looks.js", "published.css"}
    pages = {path: Parts(data.decode()) for path, data in written.items() if path.endswith(".html")}
    assert len(pages) == 5
    for path, page in pages.items():
        for tag, attributes in page.tags:
            for address in filter(None, (attributes.get(name) for name in ("src", "href"))):
                assert address.startswith("data:") or (out / path).parent.joinpath(address).is_file(), (path, tag)
        assert SCRIPT.encode() not in written[path]
    whole = b"".join(data for path, data in written.items() if not path.startswith("pictures/"))
    for secret in (KEY, TOKEN, "secret", "colleague", "a note", "draft", str(world), "verdict", "score"):
        assert secret.encode() not in whole, secret


def test_only_what_changed_is_written(world: Path, store: Looks, tmp_path: Path) -> None:
    out, index = tmp_path / "looks", world / "index"
    copied = Looks(tmp_path / "looks.sqlite")
    copied.path.write_bytes(store.path.read_bytes())
    os.utime(copied.path)
    first = publish(index, out, looks=store.path)
    before, inode = contents(out), out.stat().st_ino
    again = publish(index, out, looks=store.path)
    assert (again.written, again.unchanged, again.removed) == (0, first.written, 0)
    assert (contents(out), out.stat().st_ino) == (before, inode)
    other = Looks(tmp_path / "other.sqlite")
    save(other, "approved", ("i0", "i52", "i100"))
    stamps = {path: (out / path).stat().st_ino for path in before}
    changed = publish(index, out, looks=other.path)
    after = contents(out)
    same = {path for path in after if before.get(path) == after[path]}
    assert changed.removed == len(before.keys() - after.keys()) > 0
    assert changed.unchanged == len(same) > 0
    assert changed.written == len(after) - len(same) > 0
    assert {path: (out / path).stat().st_ino for path in same} == {path: stamps[path] for path in same}
    assert [path.name for path in tmp_path.iterdir() if ".partial" in path.name] == []


@pytest.mark.slow
def test_the_model_adds_looks(world: Path, store: Looks, tmp_path: Path) -> None:
    done = publish(world / "index", tmp_path / "looks", looks=store.path, made=2)
    assert done.items > 150
    assert done.approved == 5
    info = json.loads((tmp_path / "looks" / "looks" / "i0.json").read_bytes())
    assert [look["approved"] for look in info["looks"]] == [True, True]
    info = json.loads((tmp_path / "looks" / "looks" / "i100.json").read_bytes())
    assert [look["approved"] for look in info["looks"]] == [True, False]
    assert info["looks"][1]["items"][0]["item_id"] == "i100"
    assert not (tmp_path / "looks" / "looks" / f"{BARE}.json").exists()  # which the model cannot judge
    assert json.loads((tmp_path / "looks" / "looks" / "one.json").read_bytes())["see"] in VARIANTS
    assert "these are the first" not in (tmp_path / "looks" / "index.html").read_text()


def test_it_is_written_whole_or_not_at_all(
    world: Path, store: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, index = tmp_path / "looks", world / "index"
    publish(index, out, looks=store.path)
    before = contents(out)

    def full(*arguments: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("goeswith.studio.storefront.publish.as_json", full)
    with pytest.raises(DataError, match="No space left"):
        publish(index, out, looks=store.path)
    with pytest.raises(DataError, match="No space left"):
        publish(index, tmp_path / "new", looks=store.path)
    assert contents(out) == before
    assert {path.name for path in tmp_path.iterdir()} == {"looks"}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("my own")
    with pytest.raises(DataError, match="was not made by goeswith publish"):
        publish(index, tmp_path / "mine", looks=store.path)
    (tmp_path / "none.sqlite").touch()
    with pytest.raises(DataError, match="--made 3"):
        publish(index, tmp_path / "none", looks=tmp_path / "none.sqlite")


def test_the_command_says_what_it_wrote(world: Path, store: Looks, tmp_path: Path) -> None:
    words = ["publish", str(world / "index"), str(tmp_path / "looks"), "--looks", str(store.path)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "5 looks of 4 items, 5 of them approved" in result.stdout


@pytest.mark.parametrize("item_id", ["linen-dress:navy", "a b/c?d", "été_1.2~", "('*!')", "..", "a_b", "a%5Fb"])
def test_names_of_files_are_safe_and_each_its_own(item_id: str) -> None:
    name = file_name(item_id)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", name)
    back = re.sub(r"_([0-9A-F]{2})", lambda match: f"%{match[1]}", name)
    from urllib.parse import unquote

    assert unquote(back) == item_id


def test_a_file_of_looks_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        publish(tmp_path / "index", tmp_path / "out", looks=tmp_path / "none.sqlite")
    assert not (tmp_path / "out").exists()
