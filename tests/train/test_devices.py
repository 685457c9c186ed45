"""Training and scoring on another device: a pretended one here, which no tensor of the CPU may meet."""

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pretend import DEVICE, Held, Pretended
from shops import shop, trained
from small_models import small
from worlds import styles_data

from goeswith.data import mapped
from goeswith.data.dataset import Dataset
from goeswith.data.devices import open_device
from goeswith.data.features import load_features
from goeswith.data.mapped import MappedFeatures
from goeswith.data.outfits import Outfits
from goeswith.errors import ConfigError, ModelError
from goeswith.models import MODELS, TrainingData, Vocabulary
from goeswith.shop.build import build_index
from goeswith.shop.contributions import pair_matrix
from goeswith.shop.index import Index
from goeswith.shop.stylist import Stylist
from goeswith.train.loop import fit
from goeswith.train.run import Run
from goeswith.train.settings import TrainConfig


def data_for(name: str) -> TrainingData:
    data = styles_data(60)
    if name != "teacher":
        return data

    def pairs(outfits: Outfits) -> Outfits:
        first = (outfits.offsets[:-1, None] + np.arange(2)).ravel()
        ends = np.arange(0, len(first) + 1, 2)
        return Outfits(outfits.items[first], ends, outfits.outfit_ids, outfits.splits, outfits.sources)

    return replace(data, train=pairs(data.train), valid=pairs(data.valid))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_on_a_device_as_on_the_cpu(name: str, tmp_path: Path) -> None:
    data = data_for(name)
    config = TrainConfig(
        negatives="category", epochs=1, batch_size=32, precision="fp32", optimiser="adamw", learning_rate=1e-3,
        objective="softmax" if name == "two-tower" else "pairwise",
    )  # fmt: skip
    words = Vocabulary.of(data.catalogue)
    histories = []
    for there in (False, True):
        model = small(name, data.features.shape[1], words)
        model.observe(data)
        torch.manual_seed(1)
        if there:
            with Pretended():
                result = fit(model, data, config, tmp_path / "there", device=DEVICE)
                assert all(isinstance(value, Held) for value in model.state_dict().values())
        else:
            result = fit(model, data, config, tmp_path / "here")
        histories.append([row["loss"] for row in result.history] + [row["valid_auc"] for row in result.history])
    assert histories[0] == pytest.approx(histories[1], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("model", ["add-gnn", "two-tower"])
def test_an_index_answers_on_a_device_as_on_the_cpu(model: str, tmp_path: Path) -> None:
    dataset = shop(tmp_path / "data", without=("i7",))
    run = trained(dataset, tmp_path / "run", model=model)
    index = build_index(run, dataset, tmp_path / "index")
    anchor = index.catalogue.ids[int(np.flatnonzero(index.known)[0])]
    answers = []
    for device in (None, DEVICE):
        with Pretended() if device else contextlib.nullcontext():
            opened = Index(tmp_path / "index", device)
            stylist = Stylist(opened)
            assert isinstance(opened.scorer.states.hidden, Held) == bool(device)
            looks = stylist.complete([anchor], slots=["top", "bottom"], k=3)
            swaps = stylist.improve(list(looks[0].item_ids), k=2)
            near = stylist.similar(anchor, k=3)
            pairs = pair_matrix(opened.scorer, np.arange(6).reshape(2, 3), np.ones((2, 3), bool))
            scored = (
                Run(tmp_path / "run", device).scorer(dataset).score(np.arange(8).reshape(2, 4), np.ones((2, 4), bool))
            )
            answers.append((looks, swaps, near, pairs, scored))
    here, there = answers
    assert [look.item_ids for look in here[0]] == [look.item_ids for look in there[0]]
    assert [look.score for look in here[0]] == pytest.approx([look.score for look in there[0]], rel=1e-5)
    assert [swap.added for swap in here[1]] == [swap.added for swap in there[1]]
    assert [item.item_id for item in here[2]] == [item.item_id for item in there[2]]
    np.testing.assert_allclose(here[3], there[3], rtol=1e-5)
    np.testing.assert_allclose(here[4], there[4], rtol=1e-5)


@pytest.mark.parametrize("model", ["add-gnn", "two-tower"])
def test_features_that_stay_in_their_file_give_the_same_bits(model: str, tmp_path: Path) -> None:
    dataset = shop(tmp_path / "data", without=("i7", "i100"))
    runs = [trained(dataset, tmp_path / where, f"features={where}", model=model) for where in ("memory", "stream")]
    assert [run.config["computed_on"]["features"] for run in runs] == ["memory", "stream"]
    for in_memory, in_file in zip(*(run.model.state_dict().values() for run in runs), strict=True):
        assert torch.equal(in_memory, in_file)
    first, second = (run.config["result"]["history"] for run in runs)
    assert [row["loss"] for row in first] == [row["loss"] for row in second]


def test_features_are_left_in_their_file_where_memory_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features = MappedFeatures.open(shop(tmp_path / "data"))
    size = 4 * np.prod(features.shape)
    for free, fits in ((2 * size, True), (2 * size - 1, False)):
        monkeypatch.setattr(mapped, "free_memory", lambda device=None, free=free: float(free))
        assert features.fit(torch.device("cpu")) == fits
    whole = load_features(Dataset(tmp_path / "data"))
    assert (features.encoder, features.fingerprint, features.blocks) == (whole.encoder, whole.fingerprint, whole.blocks)
    np.testing.assert_array_equal(features.in_memory().values, whole.values)


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert open_device("auto") == torch.device("cpu")
    monkeypatch.setenv("GOESWITH_DEVICE", "cpu")
    assert open_device() == torch.device("cpu")
    with pytest.raises(ConfigError, match="finds no cuda device on this machine; use --device cpu or auto"):
        open_device("cuda")
    monkeypatch.setenv("GOESWITH_DEVICE", "gpu")
    with pytest.raises(ConfigError, match="there is no device 'gpu'; choose one of auto, cpu, cuda, mps"):
        open_device()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv("LOCAL_RANK", "3")
    assert open_device("auto") == torch.device("cuda", 1)


def test_where_a_run_was_trained_is_recorded_and_makes_no_other_run(tmp_path: Path) -> None:
    dataset = shop(tmp_path / "data")
    run = trained(dataset, tmp_path / "run", "precision=fp32")
    assert run.config["computed_on"] == {"device": "cpu", "precision": "fp32", "processes": 1, "features": "memory"}
    assert run.notes == "trained on cpu in fp32, scored on cpu in fp32"
    file = tmp_path / "run" / "config.json"
    config = json.loads(file.read_text())
    config["computed_on"]["device"] = "cuda"
    file.write_text(json.dumps(config))
    again = trained(dataset, tmp_path / "run", "precision=fp32")  # found finished, not trained again
    assert again.notes == "trained on cuda in fp32, scored on cpu in fp32"
    del config["computed_on"]  # as an earlier version left it
    file.write_text(json.dumps(config))
    assert trained(dataset, tmp_path / "run", "precision=fp32").notes == "scored on cpu in fp32"


def test_a_forward_pass_is_compiled_where_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def compile_(function, dynamic: bool):
        assert dynamic  # batches differ in size
        compiled.append(function.__name__)
        return function

    from torch._dynamo.exc import Unsupported  # imported here, because it takes seconds

    monkeypatch.setattr(torch, "compile", compile_)
    dataset = shop(tmp_path / "data")
    plain, by_compiler = (trained(dataset, tmp_path / f"{way}", f"compile={way}") for way in ("false", "true"))
    assert compiled == ["encode_items", "score"]
    assert [row["loss"] for row in plain.config["result"]["history"]] == [
        row["loss"] for row in by_compiler.config["result"]["history"]
    ]

    def fails(function, dynamic: bool):
        def call(*args: object) -> None:
            raise Unsupported("no C++ compiler")

        return call

    monkeypatch.setattr(torch, "compile", fails)
    with pytest.raises(
        ModelError, match=r"cannot compile this model here \(no C\+\+ compiler\); leave out compile=true"
    ):
        trained(dataset, tmp_path / "failed", "compile=true")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU, and this machine has none")
@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_on_a_gpu_as_on_the_cpu(name: str, tmp_path: Path) -> None:
    data, words = data_for(name), Vocabulary.of(data_for(name).catalogue)
    config = TrainConfig(negatives="category", epochs=1, batch_size=32, precision="fp32", optimiser="sgd")
    losses = []
    for device in ("cpu", "cuda"):
        model = small(name, data.features.shape[1], words)
        model.observe(data)
        torch.manual_seed(1)
        result = fit(model, data, config, tmp_path / device, device=torch.device(device))
        losses.append(result.history[0]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=0.05)  # dropout is drawn on the device
