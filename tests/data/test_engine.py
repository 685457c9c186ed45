"""Engine: files of outfits become files of scores."""

import fsspec
import numpy as np
import polars as pl
import pytest
from worlds import styles_dataset

from goeswith.data.catalogue import Catalogue
from goeswith.data.engine import spread
from goeswith.errors import ConfigError, DataError
from goeswith.train.score_files import score_files
from goeswith.train.training import train


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
    given = {"engine": "local", "progress": lambda *at: seen.append(at)}
    counts = score_files(str(run.path), str(dataset.path), "memory://shop/outfits", "memory://shop/scores", **given)
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
    assert score_files(str(run.path), str(dataset.path), "memory://shop/outfits", "memory://shop/scores", **given) == {
        "files": 3, "outfits": 2, "without a score": 0, "kept": 2,
    }  # fmt: skip
    memory.pipe_file("/shop/outfits/part-9.parquet", b"no table")
    with pytest.raises(DataError, match=r"cannot read memory://.*part-9\.parquet"):
        score_files(str(run.path), str(dataset.path), "memory://shop/outfits", "memory://shop/scores", **given)
    with pytest.raises(DataError, match="has no Parquet files"):
        score_files(str(run.path), str(dataset.path), "memory://nothing", "memory://shop/scores", **given)


def test_an_engine_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="no engine 'spark'; choose one of local, ray"):
        list(spread("spark", lambda: bytes, [1]))
