"""A pretended device: tensors that call themselves meta, hold their numbers on the CPU and meet no CPU tensor.

So what would fail on a GPU fails here, a tensor that was left behind on the CPU, and the numbers can be compared.
"""

from contextlib import nullcontext
from typing import Any

import torch
from torch.utils._mode_utils import no_dispatch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta", 1)  # meta without a number has shapes alone, as ever
MOVES = {"aten::copy_", "aten::_to_copy"}


class Held(torch.Tensor):
    """A tensor on the pretended device."""

    inner: torch.Tensor

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> "Held":
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(),
            dtype=inner.dtype, device=DEVICE,
        )  # fmt: skip

    def __init__(self, inner: torch.Tensor) -> None:
        self.inner = inner

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Held({self.inner})"

    def tolist(self) -> Any:
        return self.inner.tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


class Pretended(TorchDispatchMode):
    """Inside, there is such a device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


def _computed(func: Any, args: Any, kwargs: Any) -> Any:
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    held = [tensor for tensor in tensors if isinstance(tensor, Held)]
    left = [tensor for tensor in tensors if not isinstance(tensor, Held) and tensor.dim()]
    name = func._schema.name
    if held and left and name not in MOVES:
        raise RuntimeError(f"{func} is given tensors of two devices")
    target = kwargs.get("device")
    there = bool(held) if target is None else torch.device(target) == DEVICE
    if there and target is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    own_args, own_kwargs = tree_map(lambda leaf: leaf.inner if isinstance(leaf, Held) else leaf, (args, kwargs))
    # In inference mode, what is made may be no view of a tensor from outside.
    with torch.inference_mode(False) if torch.is_inference_mode_enabled() else nullcontext(), torch.no_grad():
        made = func(*own_args, **own_kwargs)
        if name.endswith("_") and held and made is own_args[0]:
            if torch.Tag.inplace_view in func.tags:  # the shape changes with it
                with no_dispatch():
                    func(*args, **kwargs)
            return args[0]
        return tree_map(lambda leaf: Held(leaf) if there and isinstance(leaf, torch.Tensor) else leaf, made)
