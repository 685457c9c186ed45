"""Trust: good sources get weight, noise and harm get none, and a fit is the minimum that a plain search finds."""

import numpy as np
import pytest
from scipy.optimize import minimize

from goeswith.train.trust import TrustConfig, TrustQuestions, _fit, fit_trust


def trust_questions(signals: list[float], outfits: int = 300, each: int = 6, seed: int = 0) -> TrustQuestions:
    """Differences of sources whose mean is `signals`, in one group of two each."""
    random = np.random.default_rng(seed)
    values = random.standard_normal((outfits * each, len(signals), 1)) + np.array(signals)[:, None]
    group = random.integers(2, size=(len(values), 1, 1))
    differences = np.where(group == np.arange(2), values, 0.0)
    mass = random.random(len(values))
    return TrustQuestions(differences, np.repeat(np.arange(outfits), each), mass / mass.sum())


def test_a_fit_is_the_minimum_of_the_printed_loss() -> None:
    questions = trust_questions([0.5, 0.2, -0.4])
    values = questions.differences.sum(axis=2)
    penalty = np.array([0.0, 1e-2, 1e-2])
    deviation = np.sqrt([sum(a * d * d for a, d in zip(questions.mass, values[:, s], strict=True)) for s in range(3)])

    def loss(weights: np.ndarray) -> float:
        terms = [a * np.log1p(np.exp(-float(d @ weights))) for a, d in zip(questions.mass, values, strict=True)]
        return sum(terms) + float((penalty * (weights * deviation) ** 2).sum())

    plain = minimize(loss, np.full(3, 0.1), bounds=[(0, None)] * 3, method="L-BFGS-B")
    fitted = _fit(values, questions.mass, penalty)
    assert loss(fitted) == pytest.approx(plain.fun, abs=1e-6)
    assert fitted[2] == 0.0  # a source that is wrong more often than not
    assert fitted[0] > fitted[1] > 0


def test_a_good_source_is_trusted_and_noise_is_not() -> None:
    trust = fit_trust(trust_questions([0.3, 0.6, 0.0, -0.5]), anchors=[0])
    assert trust.weights[1].min() > trust.weights[0].max() > 0
    assert not trust.weights[3].any()
    assert trust.weights[2].max() < 0.15 * trust.weights[1].min()
    assert trust.auc - trust.anchor_auc > 3 * trust.error
    assert not trust.by_group


def test_with_nothing_but_noise_the_anchor_is_left() -> None:
    gains = []
    for seed in range(3):
        questions = trust_questions([0.5, 0.0, 0.0], outfits=120, seed=seed)
        trust = fit_trust(questions, anchors=[0])
        gains.append(trust.auc - trust.anchor_auc)
        assert trust.weights[0].min() > 0
        assert trust.weights[1:].max() < 0.3 * trust.weights[0].min()
    assert min(gains) > -0.005


def test_a_source_that_knows_one_group_is_trusted_there() -> None:
    questions = trust_questions([0.3, 1.0], outfits=600)
    noise = np.random.default_rng(5).standard_normal(len(questions.differences))
    questions.differences[:, 1, 1] = np.where(questions.differences[:, 1, 1] != 0, noise, 0.0)
    trust = fit_trust(questions, anchors=[0])
    assert trust.by_group
    assert trust.weights[1, 0] > 5 * trust.weights[1, 1]
    plain = fit_trust(questions, anchors=[0], config=TrustConfig(by_group=False))
    assert not plain.by_group
    assert plain.weights[1, 0] == plain.weights[1, 1]
    assert trust.auc > plain.auc


def test_one_outfit_alone_says_nothing_of_sources() -> None:
    """There is no other outfit to fit the weights on by which it is judged."""
    trust = fit_trust(trust_questions([0.5, 2.0], outfits=1), anchors=[0])
    assert trust.used == (True, False)
    assert (trust.auc, trust.anchor_auc, trust.error) == pytest.approx((0.5, 0.5, 0.0))
