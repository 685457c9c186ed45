"""A small shop with its run and its index."""

import shutil
from pathlib import Path

import pytest
from shops import indexed

from goeswith.data.dataset import Dataset
from goeswith.shop.index import Index
from goeswith.train.run import Run


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Run, Index]:
    """A shop, a run over it and its index; nothing of it may be changed."""
    return indexed(tmp_path_factory.mktemp("shop"), without=("i7", "i100"))


@pytest.fixture
def copied(world: tuple[Dataset, Run, Index], tmp_path: Path) -> Path:
    """The index of `world`, to be broken."""
    shutil.copytree(world[2].path, tmp_path / "index")
    return tmp_path / "index"
