"""Dropout: numbers of a table set to zero by chance, in place."""

from __future__ import annotations

import torch
from torch import Tensor

DIGITS = 16
"""Binary digits of the share of numbers that is kept."""
WORD = 32
"""Bits of a word, each of which keeps or drops a number."""


def drop_(values: Tensor, dropped: float) -> Tensor:
    """Set the share `dropped` of float numbers to zero, by chance, to a 65,536th; the others stay as they are."""
    if values.device.type in ("cuda", "mps") or torch.compiler.is_compiling():
        return values.mul_(torch.rand_like(values).ge_(dropped))
    # A bit a number where half of them are dropped: so many floats take fifteen times as long to draw on the CPU.
    flat = values.view(torch.int32 if values.element_size() == 4 else torch.int64).flatten()
    count = -(-len(flat) // WORD)
    words = _bits(count, 1 - dropped, values.device)
    kept = torch.empty_like(words)
    for place, part in enumerate(flat.split(count)):  # one bit of all words, which stay in the cache
        torch.bitwise_left_shift(words, place, out=kept).bitwise_right_shift_(WORD - 1)  # all ones or all zeros
        part.bitwise_and_(kept[: len(part)])
    return values


def _bits(count: int, share: float, device: torch.device) -> Tensor:
    """(count,) int32 whose bits are ones with probability `share`.

    A bit of chance is compared with `share` digit by digit, from the last one that is not zero: with a digit of 1 the
    comparison is won by a 1 of the draw or by what was decided before, with one of 0 by both together.
    """
    digits = min(max(round(share * 2**DIGITS), 1), 2**DIGITS - 1)
    bits = None
    for place in range(DIGITS):
        digit = digits >> place & 1
        if bits is None and not digit:
            continue
        drawn = torch.empty(-(-count // 2), dtype=torch.long, device=device).random_(-(2**63), None)
        bits = drawn if bits is None else bits.bitwise_or_(drawn) if digit else bits.bitwise_and_(drawn)
    assert bits is not None
    return bits.view(torch.int32)[:count]
