"""Models as ONNX graphs: they say what torch says, at any size; what is missing or cannot be is told."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import SMALL
from worlds import styles_dataset

from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.errors import ModelError
from goeswith.models import MODELS
from goeswith.train.onnx import GRAPHS
from goeswith.train.run import Run
from goeswith.train.scoring import encode
from goeswith.train.training import train

QUICK = ("epochs=1", "batch_size=256", "precision=fp32")
MORE = {
    "add-gnn": ("activation=tanh", "pair=low-rank", "steps=1", "self_loop=true"),
    "akd-dbpr": ("sides=roles", "activation=hard-sigmoid", "negatives=group", "pairs=true"),
    "ngnn": ("steps=2", "edges=counts"),
    "group-towers": ("towers=one",),
}
"""Settings that make another graph of a model."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return styles_dataset(tmp_path_factory.mktemp("world"))


def trained(name: str, world: Dataset, folder: Path, *more: str) -> Run:
    small = [f"{field}={value}" for field, value in SMALL[name].items()]
    negatives = () if name == "teacher" else ("negatives=category",)
    return train(name, world, folder / "run", settings=[*small, *QUICK, *negatives, *more])


def test_packages_that_are_not_here_are_named_and_nothing_is_left(
    world: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained("add-gnn", world, tmp_path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        ModelError, match=r"ONNX needs a package that is not installed .*pip install 'goeswith\[onnx\]'"
    ):
        run.save_pretrained(tmp_path / "given", onnx=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_model_that_reads_words_says_why_it_cannot(world: Dataset, tmp_path: Path) -> None:
    _ = [pytest.importorskip(name) for name in ("onnx", "onnxscript", "onnxruntime")]
    run = trained("akd-dbpr", world, tmp_path)
    run.model.text = torch.nn.Identity()
    with pytest.raises(
        ModelError, match=r"reads titles word by word \(text=cnn or ids\), and a graph cannot look words up"
    ):
        run.save_pretrained(tmp_path / "given", onnx=True)
    assert not (tmp_path / "given").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the exporter's own parts
@pytest.mark.parametrize("name", [*MODELS, *(f"{name} {' '.join(more)}" for name, more in MORE.items())])
def test_graphs_score_a_real_catalogue_as_torch_does(
    name: str, world: Dataset, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _ = [pytest.importorskip(name) for name in ("onnx", "onnxscript")]
    runtime = pytest.importorskip("onnxruntime")
    name, *more = name.split()
    run = trained(name, world, tmp_path, *more)
    folder = run.save_pretrained(tmp_path / "given", onnx=True)
    assert not "".join(capfd.readouterr())  # the exporter's talk is not the user's
    assert "Without torch: `item_encoder.onnx` turns features (U, 16)" in (folder / "README.md").read_text()
    graphs = [runtime.InferenceSession(str(folder / graph)) for graph in GRAPHS]
    scorer, (items, mask) = run.scorer(world), world.outfits.split("test").padded()
    features = np.random.default_rng(0).normal(size=(len(world.catalogue), 16)).astype(np.float32)  # of both signs
    codes = run.vocabulary.codes(world.catalogue)
    codes[::7] = len(run.vocabulary.categories)  # never seen in training
    (hidden,) = graphs[0].run(["hidden"], {"features": features, "categories": codes})
    inputs = {"hidden": hidden, "categories": codes, "items": items, "mask": mask}
    (scores,) = graphs[1].run(["scores"], {node.name: inputs[node.name] for node in graphs[1].get_inputs()})
    scorer.states = encode(run.model, torch.from_numpy(features), torch.from_numpy(codes))
    assert np.allclose(scores, scorer.score(items, mask), atol=1e-4, rtol=1e-4, equal_nan=True)
    assert np.nanstd(scores) > 1e-4  # it says something
    own = load_features(world).values  # of items that training knows, which a model may remember
    inputs = {"features": own, "categories": run.vocabulary.codes(world.catalogue)}
    (hidden,) = graphs[0].run(["hidden"], inputs)
    expected = encode(run.model, torch.from_numpy(own), torch.from_numpy(inputs["categories"])).hidden.numpy()
    assert np.allclose(hidden, expected, atol=1e-4, rtol=1e-4)
