"""Ranks: several processes that train one model together, each its share of every batch.

A launcher (``torchrun``, ``accelerate launch``) starts the same command so many times. All of them draw the same batch
with the same chance; each encodes its share of the items and scores its share of the outfits, and gets what the others
have done, through which gradients flow back. So whatever a model's loss compares, in-batch negatives among it, it is
the loss of one process with the whole batch, whose size is that of the settings. The parts that the processes have in
the loss add up to it, and so do their gradients.
"""

from __future__ import annotations

import atexit
import importlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from goeswith.errors import GoeswithError

Made = TypeVar("Made")


def is_first() -> bool:
    """Whether this process is the one that reports: the first that a launcher started, or the only one."""
    return os.environ.get("RANK", "0") == "0"


@dataclass(frozen=True)
class Ranks:
    """The processes of a training. rank: the number of this one, from 0. count: how many there are."""

    rank: int = 0
    count: int = 1

    @classmethod
    def join(cls, device: torch.device) -> Ranks:
        """Meet the processes that a launcher started; one alone where none did. GPUs talk by NCCL, others by gloo."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        if not dist.is_initialized():
            # Loaded after the group is made, its functions would have the group as a default and keep it for good: its
            # threads then outlive the interpreter, and the process aborts in one of ten exits.
            importlib.import_module("torch.distributed.nn.functional")
            if device.type == "cuda":
                torch.cuda.set_device(device)
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
            atexit.register(dist.destroy_process_group)
        return cls(dist.get_rank(), dist.get_world_size())

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and reports."""
        return self.rank == 0

    def share(self, total: int, rank: int | None = None) -> slice:
        """Which of so many rows are this process's, or another's: shares differ by one at most, and may be empty."""
        rank = self.rank if rank is None else rank
        return slice(total * rank // self.count, total * (rank + 1) // self.count)

    def busy(self, total: int) -> slice:
        """`share`, but one row at least: a process without any repeats the first, and `gather` leaves that out."""
        own = self.share(total)
        return own if own.stop > own.start else slice(0, 1)

    def gather(self, own: Tensor, total: int) -> Tensor:
        """All rows (total, ...) of what each process has of its `busy` rows, with gradients."""
        return own if self.count == 1 else cast(Tensor, _Gather.apply(own, total, self))

    def sum(self, value: Tensor) -> Tensor:
        """The sum over the processes of a tensor that has no gradient."""
        if self.count > 1:
            dist.all_reduce(value)
        return value

    def total(self, count: int, device: torch.device) -> int:
        """The sum over the processes of a number."""
        return count if self.count == 1 else int(self.sum(torch.tensor(count).to(device)))

    def sum_gradients(self, parameters: Sequence[torch.nn.Parameter]) -> None:
        """Give every process the sum of the gradients; one that no process has a part in stays without."""
        if self.count == 1:
            return
        own = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        have = torch.tensor([float(p.grad is not None) for p in parameters]).to(own[0].device)
        whole = self.sum(torch.cat([*(g.flatten() for g in own), have]))
        *sums, have = whole.split([*(p.numel() for p in parameters), len(parameters)])
        for parameter, total, some in zip(parameters, sums, have.tolist(), strict=True):
            parameter.grad = total.view_as(parameter).clone() if some else None

    def agree(self, tensors: Iterable[Tensor]) -> None:
        """Give every process the first one's values, in place."""
        if self.count > 1:
            for tensor in tensors:
                dist.broadcast(tensor.detach(), 0)

    def from_first(self, work: Callable[[], Made]) -> Made:
        """What `work` gives in the first process, which alone does it; an error of it is raised in all."""
        if self.count == 1:
            return work()
        outcome: list[Any] = [None, None]
        if self.first:
            try:
                outcome[0] = work()
            except GoeswithError as error:
                outcome[1] = error
        dist.broadcast_object_list(outcome, 0)
        if outcome[1] is not None:
            raise outcome[1]
        return cast(Made, outcome[0])


class _Gather(torch.autograd.Function):
    """Rows of all processes; the gradient of each process's rows is the sum over what all of them made of them."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, total: int, ranks: Ranks) -> Tensor:
        ctx.ranks, ctx.total = ranks, total
        shares = [ranks.share(total, rank) for rank in range(ranks.count)]
        sizes = [share.stop - share.start for share in shares]
        padded = own.new_zeros(max(sizes), *own.shape[1:])
        padded[: len(own)] = own
        # As bytes, for not every kind of number has a way between processes.
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather([part.view(torch.uint8) for part in parts], padded.view(torch.uint8))
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (whole,) = gradients
        whole = ctx.ranks.sum(whole.float().contiguous() if whole.dtype == torch.bfloat16 else whole.contiguous())
        share = ctx.ranks.share(ctx.total)
        own = whole[share].to(gradients[0].dtype)
        return (own if len(own) else torch.zeros_like(gradients[0][:1])), None, None
