"""Trust: the weight of each source of a mixture, fitted on held-out outfits.

A held-out outfit o asks, at each of its places, whether it scores above itself with another matched item there (the
questions of the exhaustive AUC, see `goeswith.data.positions`). With d_q the differences of the sources' scores and a_q
the weight of question q in that AUC, Σ a_q = 1, the weights w of `goeswith.models.mixture` minimise

    Σ_q a_q ln(1 + exp(−w · d_q)) + λ Σ_s (w_s σ_s)²        w ≥ 0, σ_s the deviation of d_s

a logistic regression on pairs. The first sources, `anchors`, are not shrunk: with λ large only they are left. Weights
that depend on the group of the item are one weight a source and deviations from it, shrunk too.

λ, and whether a source is used and weights depend on the group, is decided by cross-fitting: outfits are put in folds,
and each is judged by weights that were fitted without it. A source whose absence does not make that loss larger has
weight 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from goeswith.config import at_least

STRENGTHS = (1e-4, 1e-3, 1e-2)
"""λ that are tried."""


@dataclass(frozen=True)
class TrustConfig:
    """How trust is fitted. folds: of cross-fitting. questions: candidates of a place that are asked about, at most.
    by_group: let weights depend on the group of the item where that helps by more than a standard error.
    """

    folds: int = 10
    questions: int = 8
    by_group: bool = True

    def __post_init__(self) -> None:
        at_least(self, 2, "folds")
        at_least(self, 1, "questions")


@dataclass(frozen=True)
class TrustQuestions:
    """Questions of held-out outfits.

    differences: (F, S, G) float64, how much higher each source scores the outfit than its corruption, by the group of
    the items. owner: (F,) int64 outfit of each. mass: (F,) a, in all 1.
    """

    differences: np.ndarray
    owner: np.ndarray
    mass: np.ndarray

    @property
    def folds_of(self) -> np.ndarray:
        """(N,) a number from 0 on for each outfit, by chance."""
        return np.random.default_rng(0).permutation(int(self.owner.max(initial=-1)) + 1)


@dataclass(frozen=True)
class Trust:
    """What was fitted.

    weights: (S, G) ≥ 0. strength: λ. by_group: whether the weights depend on the group. auc: exhaustive AUC of the
    held-out outfits, each judged by weights fitted without it; anchor_auc: of the anchors alone. error: standard error
    of the difference of the two, by outfit. used: which sources are.
    """

    weights: np.ndarray
    strength: float
    by_group: bool
    auc: float
    anchor_auc: float
    error: float
    used: tuple[bool, ...]


def fit_trust(questions: TrustQuestions, anchors: Sequence[int], config: TrustConfig | None = None) -> Trust:
    """Weights of S sources, see the module. anchors: sources that are not shrunk, whose mixture is the fallback."""
    config = config or TrustConfig()
    total = questions.differences.sum(axis=2)  # (F, S)
    count = total.shape[1]
    alone = [number in anchors for number in range(count)]
    base = _held_out(total[:, alone], questions, np.zeros(sum(alone)), config)
    used, strength, logits = _chosen(total, questions, anchors, config)
    if _losses(logits, questions).sum() >= _losses(base, questions).sum():
        used, strength, logits = alone, STRENGTHS[-1], base
    weights = np.zeros((count, questions.differences.shape[2]))
    by_group = False
    if (
        config.by_group
        and (fitted := _by_group(questions, used, _penalty(used, anchors, strength), logits, config)) is not None
    ):
        weights[used], logits = fitted
        by_group = True
    else:
        weights[used] = _fit(total[:, used], questions.mass, _penalty(used, anchors, strength))[:, None]
    auc, plain = _aucs(logits, questions), _aucs(base, questions)
    error = float(np.sqrt(np.square(auc - plain - _share(questions) * (auc - plain).sum()).sum()))
    return Trust(weights, strength, by_group, float(auc.sum()), float(plain.sum()), error, tuple(map(bool, used)))


def _chosen(
    total: np.ndarray, questions: TrustQuestions, anchors: Sequence[int], config: TrustConfig
) -> tuple[list[bool], float, np.ndarray]:
    """Which sources are used (S,), λ, and held-out logits (F,): from all sources, the least useful go one by one."""
    used = [True] * total.shape[1]
    strength, logits = _best_strength(total, questions, used, anchors, config)
    while True:
        weights = _fit(total[:, used], questions.mass, _penalty(used, anchors, strength))
        effect = dict(zip(np.flatnonzero(used), weights * total[:, used].std(axis=0), strict=True))
        for number in sorted((number for number in effect if number not in anchors), key=lambda number: effect[number]):
            fewer = [flag and source != number for source, flag in enumerate(used)]
            without = _held_out(total[:, fewer], questions, _penalty(fewer, anchors, strength), config)
            if _losses(without, questions).sum() <= _losses(logits, questions).sum():
                used, logits = fewer, without
                break
        else:
            return used, strength, logits


def _best_strength(
    total: np.ndarray, questions: TrustQuestions, used: list[bool], anchors: Sequence[int], config: TrustConfig
) -> tuple[float, np.ndarray]:
    held_out = [
        _held_out(total[:, used], questions, _penalty(used, anchors, strength), config) for strength in STRENGTHS
    ]
    losses = [_losses(logits, questions).sum() for logits in held_out]
    best = int(np.argmin(losses))
    return STRENGTHS[best], held_out[best]


def _by_group(
    questions: TrustQuestions, used: Sequence[bool], penalty: np.ndarray, logits: np.ndarray, config: TrustConfig
) -> tuple[np.ndarray, np.ndarray] | None:
    """Weights (S', G) of the used sources and their held-out logits; None where they do not help."""
    values = questions.differences[:, used]  # (F, S', G)
    wide = np.concatenate([values.sum(axis=2)[:, :, None], values], axis=2).reshape(len(values), -1)
    strength = max(float(penalty.max(initial=0.0)), STRENGTHS[0])
    shrink = np.concatenate([penalty[:, None], np.full(values.shape[1:], strength)], axis=1).ravel()
    apart = _held_out(wide, questions, shrink, config)
    gain = _losses(logits, questions) - _losses(apart, questions)
    if gain.sum() <= np.sqrt(np.square(gain - _share(questions) * gain.sum()).sum()):
        return None
    fitted = _fit(wide, questions.mass, shrink).reshape(values.shape[1], -1)
    return fitted[:, :1] + fitted[:, 1:], apart


def _penalty(used: Sequence[bool], anchors: Sequence[int], strength: float) -> np.ndarray:
    return np.array([0.0 if number in anchors else strength for number in np.flatnonzero(used)])


def _fit(values: np.ndarray, mass: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """w (P,) ≥ 0 for differences (F, P), see the module."""
    deviation = np.sqrt(mass @ np.square(values) / mass.sum())
    scale = np.divide(1.0, deviation, out=np.zeros(len(deviation)), where=deviation > 1e-12)
    scaled = values * scale

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = scaled @ weights
        value = mass @ np.logaddexp(0.0, -logits) / mass.sum() + penalty @ np.square(weights)
        slope = -mass / mass.sum() / (1.0 + np.exp(np.clip(logits, -500, 500)))
        return float(value), slope @ scaled + 2.0 * penalty * weights

    begin = np.full(values.shape[1], 0.1)
    optimum = minimize(loss, begin, jac=True, bounds=[(0.0, None)] * len(begin), method="L-BFGS-B")
    weights: np.ndarray = optimum.x * scale
    return weights


def _held_out(values: np.ndarray, questions: TrustQuestions, penalty: np.ndarray, config: TrustConfig) -> np.ndarray:
    """Logits (F,) of differences (F, P), each by weights that were fitted without the fold of its outfit.

    0 where all questions are of one fold, so that nothing is left to fit them on.
    """
    fold = questions.folds_of[questions.owner] % config.folds
    logits = np.zeros(len(values))
    for number in range(config.folds):
        out = fold == number
        if out.any() and not out.all():
            logits[out] = values[out] @ _fit(values[~out], questions.mass[~out], penalty)
    return logits


def _losses(logits: np.ndarray, questions: TrustQuestions) -> np.ndarray:
    """(N,) each outfit's share of the loss."""
    return np.bincount(questions.owner, questions.mass * np.logaddexp(0.0, -logits))


def _aucs(logits: np.ndarray, questions: TrustQuestions) -> np.ndarray:
    """(N,) each outfit's share of the exhaustive AUC."""
    return np.bincount(questions.owner, questions.mass * ((logits > 0) + (logits == 0) / 2))


def _share(questions: TrustQuestions) -> np.ndarray:
    """(N,) the mass of each outfit."""
    return np.bincount(questions.owner, questions.mass)
