"""Scorers: trained models over one catalogue, whose item states are computed once."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from goeswith.data.outfits import OutfitBatch, beside
from goeswith.models import ItemStates, Model, Towers
from goeswith.train.rule_teacher import RuleTeacher, Trust
from goeswith.train.scoring import score

BLOCK = 1 << 15
"""Outfits scored at a time."""


class RunScorer:
    """A trained model over the item states of one catalogue, as a `goeswith.models.Scorer`.

    states: hidden (U, ...) and categories (U,). present: (U,) bool, items that have features.
    """

    def __init__(self, name: str, model: Model, states: ItemStates, present: np.ndarray) -> None:
        self.name, self.model, self.states, self.present = name, model, states, present

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Scores (B,) float64; NaN for an outfit with an item that has no features."""
        parts = [self._score(items[at : at + BLOCK], mask[at : at + BLOCK]) for at in range(0, len(items), BLOCK)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        # Only the states that are asked about: a model may do work for each of them.
        rows, batch = OutfitBatch.of(items, mask).distinct()
        scores = score(self.model, self.states_of(rows), batch).cpu().double().numpy()
        return np.where((self.present[items] | ~mask).all(axis=1), scores, np.nan)

    @property
    def device(self) -> torch.device:
        """Where the states are."""
        return self.states.categories.device

    def states_of(self, rows: Tensor) -> ItemStates:
        """States of some items, rows (n,) of the catalogue."""
        rows = rows.to(self.device)
        return self.states.rows(rows)


class TowerScorer(RunScorer):
    """A model whose score of a candidate for a gap is an inner product of a query and a key, exactly."""

    def fill(self, context: np.ndarray, mask: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """query · key (B, m) float64 of the items `rows` (m,) beside outfits with a gap (B, n); NaN = no features."""
        kinds, kind = torch.unique(self.states_of(torch.from_numpy(rows)).categories.cpu(), return_inverse=True)
        used, batch = OutfitBatch.of(context, mask).distinct()
        batch = batch.to(self.device)
        scores, model = np.empty((len(context), len(rows))), cast(Towers, self.model)
        with torch.inference_mode():
            states = self.states_of(used)
            keys = model.keys(self.states_of(torch.from_numpy(rows)))
            for index, kind_code in enumerate(kinds.tolist()):
                queries = model.queries(states, batch, torch.full((len(context),), kind_code, device=self.device))
                at = (kind == index).nonzero()[:, 0]
                scores[:, at.numpy()] = (queries @ keys[at.to(self.device)].T).cpu().double().numpy()
        answerable = (self.present[context] | ~mask).all(axis=1)[:, None] & self.present[rows]
        return np.where(answerable, scores, np.nan)


class Judgement(NamedTuple):
    """What student and rules say of B questions with m candidates each.

    scores: (B, m) float64 of the student. fired: (B, m, L) bool, see `Matches.fire`. log_p, log_q: (B, m) of student
    and teacher. trust: of the active rules.
    """

    scores: Tensor
    fired: Tensor
    log_p: Tensor
    log_q: Tensor
    trust: Trust


class TaughtScorer:
    """The teacher q of a run that rules taught: the student's scores, corrected by the rules that apply.

    It sees the candidates of a question together; an outfit alone it scores as the student does.
    """

    def __init__(self, student: RunScorer, teacher: RuleTeacher) -> None:
        self.name = f"{student.name} with rules"
        self.student, self.teacher = student, teacher

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """The student's scores (B,)."""
        return self.student.score(items, mask)

    def choose(self, context: np.ndarray, mask: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """ln q of the candidates (B, m) beside the context (B, n) with its mask: (B, m) float64, NaN = no answer."""
        return self.judge(context, mask, candidates).log_q.numpy()

    def judge(self, context: np.ndarray, mask: np.ndarray, candidates: np.ndarray) -> Judgement:
        """All that is said of candidates (B, m) beside the context (B, n) with its mask."""
        count, width = candidates.shape[1], context.shape[1]
        items, outfits_mask = beside(context, mask, candidates)
        scores = torch.from_numpy(self.student.score(items, outfits_mask).reshape(candidates.shape))
        blank = np.full(len(context), width)
        fired = torch.from_numpy(self.teacher.matches.fire(items[::count], outfits_mask[::count], blank, candidates))
        rows, indices = np.unique(np.concatenate([context, candidates], axis=1), return_inverse=True)
        context_indices, chosen = torch.from_numpy(indices.reshape(len(context), -1)).split([width, count], dim=1)
        with torch.inference_mode():
            states = self.student.states_of(torch.from_numpy(rows)).hidden.flatten(1).cpu()
            attended = self.teacher.attend(states, context_indices, torch.from_numpy(mask), chosen[:, None])
            return Judgement(scores, fired, *self.teacher.judge(scores, attended, fired))
