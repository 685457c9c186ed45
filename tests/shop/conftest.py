"""A small shop with its run and its index, and stylists over it."""

import shutil
from pathlib import Path

import pytest
from shops import Plain, indexed

import goeswith.shop.completion
from goeswith.data.dataset import Dataset
from goeswith.shop.grammar import Grammar
from goeswith.shop.index import Index
from goeswith.shop.stylist import Stylist
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


@pytest.fixture(scope="session")
def free(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Run, Index]:
    """A shop whose i7 has no features, and a run over it; nothing of it may be changed. Every outfit is right here."""
    dataset, run, index = indexed(tmp_path_factory.mktemp("free"), without=("i7",))
    index.grammar, index.correction = Grammar.free(), None
    return dataset, run, index


@pytest.fixture(scope="session")
def stylist(free: tuple[Dataset, Run, Index]) -> Stylist:
    """One that goes by the score alone."""
    return Plain(free[2])


@pytest.fixture(scope="session")
def strict(free: tuple[Dataset, Run, Index]) -> Stylist:
    """One with the grammar of the shop's outfits."""
    return Stylist(Index(free[2].path))


@pytest.fixture
def exhaustive(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is scored by the full model."""
    for name in ("FULL", "STEP"):
        monkeypatch.setattr(goeswith.shop.completion, name, 1 << 20)
