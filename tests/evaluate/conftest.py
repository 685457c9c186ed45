"""What tests of taught rules share: a data set, a run and what its rules taught."""

from pathlib import Path

import pytest
import torch
from ruled_wardrobe import RULES, write_dataset, write_run

from goeswith.data.dataset import Dataset
from goeswith.evaluate.rule_insights import Insights, insights
from goeswith.train.run import Run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("insights")


@pytest.fixture(scope="module")
def dataset(folder: Path) -> Dataset:
    return write_dataset(folder)


@pytest.fixture(scope="module")
def run(folder: Path, dataset: Dataset) -> Run:
    """A run whose attention is drawn anew, so that it trusts the rules in very different ways."""
    made = write_run(folder, dataset, RULES)
    from safetensors.torch import load_file, save_file

    generator = torch.Generator().manual_seed(4)
    weights = load_file(made.path / "rules.safetensors")
    save_file(
        {k: 2 * torch.randn(v.shape, generator=generator) for k, v in weights.items()}, made.path / "rules.safetensors"
    )
    return made


@pytest.fixture(scope="module")
def result(run: Run, dataset: Dataset) -> Insights:
    return insights(run, dataset)
