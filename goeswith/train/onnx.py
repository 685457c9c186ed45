"""ONNX: a trained model as two ONNX graphs, for programs without torch; checked as they are made.

item_encoder.onnx  features (U, D) float32, categories (U,) int64 -> hidden (U, ...)
scorer.onnx  hidden (U, ...), categories (U,), items (B, n) int64, mask (B, n) bool -> scores (B,)
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from goeswith.data.outfits import OutfitBatch
from goeswith.errors import ModelError
from goeswith.models import ItemStates, Model

GRAPHS = ("item_encoder.onnx", "scorer.onnx")
TOLERANCE = 1e-4
"""How far a graph may be from torch, absolutely and of the score: float32 sums in another order."""


class ItemEncoder(nn.Module):
    """What a model knows of items alone, as a graph."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, features: Tensor, categories: Tensor) -> Tensor:
        """Hidden states (U, ...) from features (U, D) and category codes (U,)."""
        return self.model.encode_items(features, categories).hidden


class OutfitScorer(nn.Module):
    """What a model says of outfits, as a graph over the states of items."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, hidden: Tensor, categories: Tensor, items: Tensor, mask: Tensor) -> Tensor:
        """Scores (B,) of outfits (B, n) whose items are rows of the states."""
        return self.model.score(ItemStates(hidden, categories), OutfitBatch(items, mask))


def write_onnx(model: Model, folder: Path, *, dim: int, categories: int, name: str) -> None:
    """Write the two graphs of a model into a folder; the numbers of items, outfits and places are free in both.

    dim: of the features. categories: how many it knows. name: what messages call it.

    Raises:
        ModelError: onnx, onnxscript or onnxruntime is not installed; the model cannot be written in this form, or
            the graphs do not give what torch gives.
    """
    runtime = _needed()
    if getattr(model, "text", None) is not None:
        raise ModelError(
            f"{name} reads titles word by word (text=cnn or ids), and a graph cannot look words up; leave --onnx out"
        )
    made = _sample(dim, categories, items=5, outfits=3, width=4)
    any_items, any_outfits = {0: torch.export.Dim.DYNAMIC}, {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    free = {"features": any_items, "hidden": any_items, "categories": any_items} | dict.fromkeys(
        ("items", "mask"), any_outfits
    )
    try:
        with _quiet(), _unfused(), torch.no_grad():
            made["hidden"] = model.encode_items(made["features"], made["categories"]).hidden
            for file, graph, inputs, output in _graphs(model):
                arguments = tuple(made[key] for key in inputs)
                torch.onnx.export(
                    graph.eval(), arguments, folder / file, dynamo=True, external_data=False, verbose=False,
                    input_names=inputs, output_names=[output], dynamic_shapes=tuple(free[key] for key in inputs),
                )  # fmt: skip
    except Exception as error:  # the exporter raises errors of many kinds
        raise ModelError(f"{name} cannot be written as ONNX ({_reason(error)}); leave --onnx out") from None
    _check(model, folder, runtime, dim, categories, name)


def _graphs(model: Model) -> list[tuple[str, nn.Module, list[str], str]]:
    """File, graph, inputs and output of each."""
    return [
        (GRAPHS[0], ItemEncoder(model), ["features", "categories"], "hidden"),
        (GRAPHS[1], OutfitScorer(model), ["hidden", "categories", "items", "mask"], "scores"),
    ]


def _sample(dim: int, categories: int, items: int, outfits: int, width: int) -> dict[str, Tensor]:
    """Made-up items and outfits of two items or more, every category code among them as far as they go."""
    chance = torch.Generator().manual_seed(items)
    lengths = 2 + torch.arange(outfits) % (width - 1)
    return {
        "features": torch.randn(items, dim, generator=chance),
        "categories": torch.arange(items) % (categories + 1),
        "items": torch.randint(0, items, (outfits, width), generator=chance),
        "mask": torch.arange(width) < lengths[:, None],
    }


def _check(model: Model, folder: Path, runtime: Any, dim: int, categories: int, name: str) -> None:
    """Ask torch and the graphs about a sample of other sizes than they were made with.

    Raises:
        ModelError: they differ.
    """
    sample = _sample(dim, categories, items=23, outfits=41, width=6)
    arrays = {name: value.numpy() for name, value in sample.items()}
    with torch.inference_mode():
        states = model.encode_items(sample["features"], sample["categories"])
        expected = {
            "hidden": states.hidden.numpy(),
            "scores": model.score(states, OutfitBatch(sample["items"], sample["mask"])).numpy(),
        }
    for file, _, _, output in _graphs(model):
        try:
            session = runtime.InferenceSession(str(folder / file), providers=["CPUExecutionProvider"])
            (arrays[output],) = session.run([output], {node.name: arrays[node.name] for node in session.get_inputs()})
        except Exception as error:  # of onnxruntime's own kinds
            raise ModelError(f"{file} of this {name} does not run ({_reason(error)}); leave --onnx out") from None
        if not np.allclose(arrays[output], expected[output], rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
            raise ModelError(f"{file} of this {name} does not give what torch gives; leave --onnx out")


def _reason(error: BaseException) -> str:
    """The first line of what began it: the exporter wraps errors in pages of advice to its own authors."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _needed() -> Any:
    """The runtime, after a look whether all that writes graphs is there.

    Raises:
        ModelError: something is not installed.
    """
    try:
        _ = [import_module(name) for name in ("onnx", "onnxscript")]
        return import_module("onnxruntime")
    except ImportError as error:
        raise ModelError(
            f"ONNX needs a package that is not installed ({error}): pip install 'goeswith[onnx]'"
        ) from None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's talk of its own insides from the user."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "torch._subclasses", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _unfused() -> Iterator[None]:
    """Attention as the operations it is made of: there is no graph of torch's fused one."""
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
