"""Checkpoint: the state of a training between epochs, in one file; resuming gives identical weights."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.optim import Optimizer

from goeswith.errors import ModelError
from goeswith.files import fresh_file

FILE = "state.safetensors"
Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """What is saved of a training.

    parts: tensors by part (``model``, ``optimiser`` and so on) and name. identity: what must be equal for a saved
    state to belong to a run. history: what each epoch measured. unservable: outfits that taught nothing so far.
    """

    parts: Mapping[str, Tensors]
    identity: str
    history: list[dict[str, float]]
    unservable: int

    def write(self, folder: Path) -> None:
        """Write the file, whole or not at all."""
        tensors = {f"{part}.{name}": value for part, named in self.parts.items() for name, value in named.items()}
        meta = {"history": json.dumps(self.history), "unservable": str(self.unservable), "config": self.identity}
        with fresh_file(folder / FILE) as partial:
            # Tensors that share memory (a best epoch that is also the last) must be told apart.
            save_file({k: v.detach().cpu().clone().contiguous() for k, v in tensors.items()}, partial, metadata=meta)

    @classmethod
    def read(cls, folder: Path, identity: str) -> Checkpoint | None:
        """What an earlier process left in the folder of a run; None where there is nothing.

        Raises:
            ModelError: the file is broken, or was left by a run with another identity.
        """
        path = folder / FILE
        if not path.is_file():
            return None
        try:
            with safe_open(path, framework="pt") as file:
                meta = file.metadata()
                saved = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except Exception as error:
            raise ModelError(f"cannot read {path} ({error}); remove the file to train from the start") from None
        if meta.get("config") != identity:
            raise ModelError(f"{path} was left by a run with other settings; train into another folder or remove it")
        parts: dict[str, dict[str, Tensor]] = {}
        for name, tensor in saved.items():
            part, _, field = name.partition(".")
            parts.setdefault(part, {})[field] = tensor
        return cls(parts, identity, json.loads(meta["history"]), int(meta["unservable"]))


def optimiser_state(optimiser: Optimizer) -> dict[str, Tensor]:
    """The state of an optimiser as named tensors: number of the parameter, a dot, name."""
    state = optimiser.state_dict()["state"]
    return {f"{index}.{name}": value for index, named in state.items() for name, value in named.items()}


def restore_optimiser(optimiser: Optimizer, saved: Tensors) -> None:
    """Put back what `optimiser_state` gave; the optimiser's settings stay."""
    state: dict[str, Any] = copy.copy(optimiser.state_dict())
    state["state"] = {}
    for name, tensor in saved.items():
        index, _, field = name.partition(".")
        state["state"].setdefault(int(index), {})[field] = tensor
    optimiser.load_state_dict(state)


def random_state(generator: torch.Generator, device: torch.device) -> dict[str, Tensor]:
    """The states of a training's own generator, of torch's, and of that of a GPU, which draws its dropout there."""
    states = {"generator": generator.get_state(), "torch": torch.get_rng_state()}
    if device.type in ("cuda", "mps"):
        states[device.type] = getattr(torch, device.type).get_rng_state()
    return states


def restore_random(generator: torch.Generator, saved: Tensors) -> None:
    """Put back what `random_state` gave; a run that resumes on another kind of device draws other dropout masks."""
    generator.set_state(saved["generator"])
    torch.set_rng_state(saved["torch"])
    for kind in {"cuda", "mps"} & set(saved):
        if getattr(torch, kind).is_available():
            getattr(torch, kind).set_rng_state(saved[kind])
