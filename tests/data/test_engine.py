"""Engine: features and scores are the same on Ray's workers, and one that is killed loses nothing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import fsspec
import numpy as np
import polars as pl
import pytest
from worlds import styles_dataset

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.encoders.encode import encode
from goeswith.data.engine import spread
from goeswith.errors import ConfigError, DataError
from goeswith.train.score_files import FileScorer, score_files
from goeswith.train.training import train

ON_RAY = """
import json, os, signal, sys
from functools import partial
from goeswith.data.dataset import Dataset
from goeswith.data.encoders import encode
from goeswith.data.encoders.encode import ShardEncoder
from goeswith.train.score_files import score_files

class Dying(ShardEncoder):
    def __call__(self, inputs):
        if "word1100" in inputs[-1] and not os.path.exists(sys_marker):
            open(sys_marker, "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(inputs)

if __name__ == "__main__":
    folder, marker, run, data, outfits, out, answer = sys.argv[1:]
    def dying(encoder, batch_size, device, marker=marker):
        global sys_marker
        sys_marker = marker
        return Dying(encoder, batch_size, device)
    encode.SHARD, encode.ShardEncoder = 100, dying
    done = encode.encode(Dataset(folder), "words", engine="ray", workers=2)
    counts = score_files(run, data, outfits, out, engine="ray", workers=1)
    with open(answer, "w") as file:  # Ray prints what it does about the dead worker
        json.dump([done.encoded, counts], file)
"""


def words(folder: Path) -> None:
    """1,200 items that only words tell apart, one of them without a word."""
    titles = [f"word{row} shirt" if row != 7 else "" for row in range(1200)]
    items = {"item_id": [f"i{row}" for row in range(1200)], "category": [""] * 1200, "title": titles}
    worn = pl.DataFrame({"outfit_id": ["o0"], "item_ids": [["i0", "i1"]]})
    create(Imported(items=pl.DataFrame(items), outfits=worn, source="made", licence="none"), folder, layout="made")


def outfit_files(catalogue: Catalogue, address: str) -> None:
    """Three Parquet files of outfits."""
    for number in range(3):
        ids = [catalogue.ids[number : number + 2], catalogue.ids[60 : 63 + number]]
        frame = pl.DataFrame({"outfit_id": [f"{number}a", f"{number}b"], "item_ids": ids})
        with fsspec.open(f"{address}/part-{number}.parquet", "wb") as file:
            frame.write_parquet(file)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    dataset = styles_dataset(folder / "data")
    run = train("two-tower", dataset, folder / "run", settings=["epochs=1", "hidden=8"])
    return dataset, run


def test_files_of_outfits_become_files_of_scores(world):
    dataset, run = world
    outfit_files(dataset.catalogue, "memory://shop/outfits")
    seen = []
    kwargs = {"engine": "local", "progress": lambda *at: seen.append(at)}
    counts = score_files(str(run.path), str(dataset.path), "memory://shop/outfits", "memory://shop/scores", **kwargs)
    assert counts == {"files": 3, "outfits": 6, "without a score": 0, "kept": 0}
    assert seen == [(1, 3), (2, 3), (3, 3)]
    rows = [[60, 61, 62, 63]]
    expected = run.scorer(dataset).score(np.array(rows), np.ones((1, 4), bool))[0]
    with fsspec.open("memory://shop/scores/part-1.parquet") as file:
        scored = pl.read_parquet(file.read())
    assert scored.columns == ["outfit_id", "items", "score"]
    assert scored.row(1)[:2] == ("1b", 4)
    assert scored["score"][1] == pytest.approx(expected, abs=1e-6)
    memory = fsspec.filesystem("memory")
    memory.rm("/shop/scores/part-2.parquet")
    assert score_files(str(run.path), str(dataset.path), "memory://shop/outfits", "memory://shop/scores", **kwargs) == {
        "files": 3, "outfits": 2, "without a score": 0, "kept": 2,
    }  # fmt: skip
    memory.pipe_file("/shop/outfits/part-9.parquet", b"no table")
    with pytest.raises(DataError, match=r"cannot read memory://.*part-9\.parquet"):
        score_files(str(run.path), str(dataset.path), "memory://shop/outfits", "memory://shop/scores", **kwargs)
    with pytest.raises(DataError, match="has no Parquet files"):
        score_files(str(run.path), str(dataset.path), "memory://nothing", "memory://shop/scores", **kwargs)


def test_a_folder_of_outfits_may_have_a_name_that_looks_like_a_pattern(world, tmp_path):
    dataset, run = world
    source, out = tmp_path / "outfits [new]", tmp_path / "scores [new]"
    (source / "older").mkdir(parents=True)
    outfit_files(dataset.catalogue, str(source))
    (source / "part-2.parquet").rename(source / "older" / "part-2.parquet")  # which is not of this folder
    for counts in ({"files": 2, "outfits": 4, "kept": 0}, {"files": 2, "outfits": 0, "kept": 2}):
        done = score_files(str(run.path), str(dataset.path), str(source), str(out), engine="local")
        assert done == counts | {"without a score": 0}
    assert sorted(path.name for path in out.iterdir()) == ["part-0.parquet", "part-1.parquet"]
    with pytest.raises(DataError, match="has no Parquet files"):
        score_files(str(run.path), str(dataset.path), str(tmp_path / "none"), str(out), engine="local")


def test_files_of_outfits_name_items_by_sku_and_product(world, tmp_path):
    dataset, run = world
    items = dataset.catalogue.items.with_columns(skus=pl.concat_str(pl.lit("S-"), "item_id"), product_id=pl.lit("all"))
    renamed = Dataset(Path(shutil.copytree(dataset.path, tmp_path / "data")))
    items.write_parquet(renamed.path / "items.parquet")
    scorer = FileScorer(str(run.path), str(renamed.path))
    for number, ids in enumerate((["i0", "i60"], ["S-i0", "i60"])):
        table = pl.DataFrame({"outfit_id": ["o1", "o2"], "item_ids": [ids, ["i1", "i61", "i100"]]})
        table.write_parquet(tmp_path / f"{number}.parquet")
        assert json.loads(scorer((tmp_path / f"{number}.parquet", tmp_path / f"{number}-out.parquet"))) == [2, 0]
    assert pl.read_parquet(tmp_path / "0-out.parquet").equals(pl.read_parquet(tmp_path / "1-out.parquet"))
    pl.DataFrame({"outfit_id": ["o1", "o2"], "item_ids": [["i0", "i1"], ["i0", "all"]]}).write_parquet(
        tmp_path / "2.parquet"
    )
    with pytest.raises(DataError, match=r"2\.parquet, row 2: outfit 'o2' names 'all', which is 192 items; name one"):
        scorer((tmp_path / "2.parquet", tmp_path / "2-out.parquet"))


def test_an_engine_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="no engine 'spark'; choose one of local, ray"):
        list(spread("spark", lambda: bytes, [1]))


@pytest.mark.slow
def test_what_rays_workers_make_is_the_same_though_one_is_killed(world, tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="pip install 'goeswith[scale]'")
    dataset, run = world
    words(tmp_path / "here")
    words(tmp_path / "there")
    monkeypatch.setattr(sys.modules[encode.__module__], "SHARD", 100)
    encode(Dataset(tmp_path / "here"), "words")
    (tmp_path / "outfits").mkdir()
    outfit_files(dataset.catalogue, (tmp_path / "outfits").as_uri())
    (tmp_path / "program.py").write_text(ON_RAY)
    marker, out = tmp_path / "killed", tmp_path / "scores"
    result = subprocess.run(
        [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "there"), str(marker), str(run.path),
         str(dataset.path), (tmp_path / "outfits").as_uri(), out.as_uri(), str(tmp_path / "answer.json")],
        capture_output=True, text=True, timeout=900,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-2000:]
    encoded, counts = json.loads((tmp_path / "answer.json").read_text())
    assert (encoded, counts["outfits"]) == (1199, 6)
    assert marker.exists()
    local, by_ray = ((tmp_path / name / "features" / "words.safetensors").read_bytes() for name in ("here", "there"))
    assert local == by_ray
    score_files(str(run.path), str(dataset.path), str(tmp_path / "outfits"), str(tmp_path / "local"), engine="local")
    for number in range(3):
        name = f"part-{number}.parquet"
        there, here = (pl.read_parquet(folder / name) for folder in (out, tmp_path / "local"))
        assert there.drop("score").equals(here.drop("score"))
        np.testing.assert_allclose(there["score"], here["score"], atol=1e-6)
