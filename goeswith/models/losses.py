"""Losses: plain functions on tensors, each with the equation it computes.

"ADD" numbers are those of Chen et al., "Learning from Designers: Fashion Compatibility Analysis via
Dataset Distillation".
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

TINY = 1e-24
"""Below this a squared norm has gradient zero: the subgradient at 0, where a student starts as its teacher."""


def bpr(positive: Tensor, negative: Tensor, reduction: str = "mean") -> Tensor:
    """−ln σ(y_pos − y_neg), ADD (9), the ``mean`` or ``sum`` over the pairs.

    positive: (B,) scores. negative: (B,) or (B, r) scores of the corruptions of the same outfits.
    """
    if negative.dim() == 2:
        positive = positive[:, None]
    losses = F.softplus(negative - positive)
    return losses.sum() if reduction == "sum" else losses.mean()


def mask_penalty(masks: Tensor, kind: str) -> Tensor:
    """L_M of ADD (2) for masks (D, K): ``literal`` max_j Σ_k |M_j^k|, ``mean`` the mean of |M|.

    The literal maximum sends a gradient to one of the D rows a step, so it hardly moves the masks.
    """
    size = masks.abs()
    return size.sum(dim=1).max() if kind == "literal" else size.mean()


def mask_distance(features: Tensor, student: Tensor, teacher: Tensor) -> Tensor:
    """L_D of ADD (11) for ReLU masks: mean over items of Σ_k ‖relu(M_S^k ⊙ f) − relu(M_T^k ⊙ f)‖₂.

    features: (U, D), student and teacher: (D, K). Splitting f into f⁺ and f⁻ makes the squared norm two
    matmuls, (f⁺)² (R(S) − R(T))² + (f⁻)² (R(−S) − R(−T))²; no (U, D, K) tensor is made.
    """
    squared = features.clamp_min(0).square() @ (student.relu() - teacher.relu()).square()
    if bool((features < 0).any()):
        squared = squared + features.clamp_max(0).square() @ ((-student).relu() - (-teacher).relu()).square()
    return squared.clamp_min(TINY).sqrt().sum(dim=1).mean()


def masked_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """L_D of ADD (11) from masked features (U, K, D) as they are: for activations that do not fold."""
    return (student - teacher).square().sum(dim=2).clamp_min(TINY).sqrt().sum(dim=1).mean()


def response_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Mean KL(teacher ‖ student) over candidates (B, M), both softened; times τ² (Hinton et al. 2015)."""
    target = (teacher / temperature).softmax(dim=1)
    learned = (student / temperature).log_softmax(dim=1)
    return F.kl_div(learned, target, reduction="batchmean") * temperature**2


def parameter_norm(parameters: Iterable[Tensor], squared: bool) -> Tensor:
    """‖Θ‖ of ADD (12): the L2 norm of all parameters as one vector, or its square."""
    total = torch.stack([p.square().sum() for p in parameters]).sum()
    return total if squared else total.clamp_min(TINY).sqrt()
