"""Models as ONNX graphs: they say what torch says, at any size; what is missing is told."""

import sys
from pathlib import Path

import numpy as np
import pytest
from worlds import styles_dataset

from goeswith.dataset import Dataset
from goeswith.errors import ModelError
from goeswith.run import Run, train

SMALL = ("epochs=1", "batch_size=64", "negatives=category", "precision=fp32")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return styles_dataset(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def run(world: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    settings = [*SMALL, "hidden=6", "attributes=2"]
    return train("add-gnn", world, tmp_path_factory.mktemp("runs") / "run", settings=settings)


def test_packages_that_are_not_here_are_named_and_nothing_is_left(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ModelError, match=r"ONNX needs a package that is not here .*pip install 'goeswith\[onnx\]'"):
        run.save_pretrained(tmp_path / "given", onnx=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning:onnx.*")
def test_graphs_score_a_real_catalogue_as_torch_does(run: Run, world: Dataset, tmp_path: Path) -> None:
    _ = [pytest.importorskip(name) for name in ("onnx", "onnxscript")]
    runtime = pytest.importorskip("onnxruntime")
    folder = run.save_pretrained(tmp_path / "given", onnx=True)
    assert "Without torch: `item_encoder.onnx` turns features (U, 16)" in (folder / "README.md").read_text()
    graphs = [runtime.InferenceSession(str(folder / name)) for name in ("item_encoder.onnx", "scorer.onnx")]
    scorer, (items, mask) = run.scorer(world), world.outfits.split("test").padded()
    features = np.random.default_rng(0).normal(size=(len(world.catalogue), 16)).astype(np.float32)  # of both signs
    known = {"features": features, "categories": run.vocabulary.codes(world.catalogue)}
    (hidden,) = graphs[0].run(["hidden"], known)
    asked = {"hidden": hidden, "categories": known["categories"], "items": items, "mask": mask}
    (scores,) = graphs[1].run(["scores"], asked)
    import torch

    from goeswith.training import encode

    scorer.states = encode(run.model, torch.from_numpy(features), torch.from_numpy(known["categories"]))
    assert np.allclose(scores, scorer.score(items, mask), atol=1e-5)
    assert np.ptp(scores) > 1e-3  # it says something
