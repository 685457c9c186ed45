"""Rule votes: a student's scores of two candidates, the votes of the rules, and the trust in each rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from goeswith.data.dataset import Dataset
from goeswith.data.features import Features, load_features
from goeswith.errors import ModelError
from goeswith.train.run import Run
from goeswith.train.scorers import Judgement, TaughtScorer

_BLOCK = 1 << 14  # questions at a time


@dataclass(frozen=True)
class Judged:
    """N questions of two candidates each, told for the first of them.

    scores: (N, 2) of the student; NaN where it has no answer. p, q: (N,) what student and teacher give the first.
    ahead_p, ahead_q: (N,) 1 where the first is ahead of the second, ½ at a tie, 0 behind.
    active: one row for each question and rule that is active in it: ``question`` (place among the N), ``rule`` (place
    among the L), ``trust`` (λ, which sum to 1 for a question), ``rivals`` (how many rules are active in the question,
    this one with them), ``backs`` (whether the rule speaks for the first).
    """

    scores: np.ndarray
    p: np.ndarray
    q: np.ndarray
    ahead_p: np.ndarray
    ahead_q: np.ndarray
    active: pl.DataFrame

    @property
    def decision(self) -> np.ndarray:
        """(N,) what the active rules say together, Σ λ over those for the first minus those against; 0 without any."""
        signs = np.where(self.active["backs"].to_numpy(), 1.0, -1.0) * self.active["trust"].to_numpy()
        return np.bincount(self.active["question"].to_numpy(), signs, len(self.scores))


def taught_scorer(run: Run, dataset: Dataset, features: Features | None = None) -> TaughtScorer:
    """The student and the rules of a run, over a catalogue.

    Raises:
        ModelError: no rules taught the run.
        CatalogueError: a rule names an attribute that the catalogue does not have.
    """
    if run.config.get("rules") is None:
        raise ModelError(
            f"{run.path} was trained without rules; train a run with them: "
            "goeswith train akd-dbpr DATASET --rules FILE --out RUN"
        )
    student = run.scorer(dataset, features or load_features(dataset, run.config["encoder"]))
    taught = run.taught(student, dataset.catalogue)
    assert taught is not None  # there are rules
    return taught


def judge(taught: TaughtScorer, context: np.ndarray, mask: np.ndarray, candidates: np.ndarray) -> Judged:
    """What is said of candidates (N, 2) beside outfits with a gap, rows (N, n) and their mask."""
    count = len(context)
    starts = range(0, max(count, 1), _BLOCK)
    blocks = [taught.judge(*(x[at : at + _BLOCK] for x in (context, mask, candidates))) for at in starts]
    scores, log_p, log_q = (
        np.concatenate([getattr(block, name).numpy() for block in blocks]) for name in ("scores", "log_p", "log_q")
    )
    active = pl.concat(
        _active(taught, block).with_columns(pl.col("question") + at) for block, at in zip(blocks, starts, strict=True)
    )
    return Judged(
        scores=scores,
        p=np.exp(log_p[:, 0]),
        q=np.exp(log_q[:, 0]),
        ahead_p=_ahead(scores),
        ahead_q=_ahead(log_q),
        active=active.with_columns(
            trust=pl.col("trust") / pl.col("trust").sum().over("question"), rivals=pl.len().over("question")
        ),
    )


def _active(taught: TaughtScorer, judged: Judgement) -> pl.DataFrame:
    """The active rules of one block with their λ, one row for each question and rule."""
    question, rule = judged.trust.question, judged.trust.rule
    backs = judged.fired[question, 0, rule] ^ taught.teacher.negative[rule]
    columns = {"question": question, "rule": rule, "trust": judged.trust.confidence.double(), "backs": backs}
    return pl.DataFrame({name: values.numpy() for name, values in columns.items()})


def _ahead(values: np.ndarray) -> np.ndarray:
    """(N, 2) → (N,): 1, ½ or 0 for the first before the second."""
    share: np.ndarray = (np.sign(values[:, 0] - values[:, 1]) + 1) / 2
    return share
