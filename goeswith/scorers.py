"""Scorers: trained models over one catalogue, whose item states are computed once."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from goeswith.features import Features
from goeswith.knowledge.attentive import RuleTeacher
from goeswith.outfits import OutfitBatch
from goeswith.training import encode, score


class RunScorer:
    """A trained model as a `goeswith.models.Scorer` over one catalogue."""

    def __init__(self, name: str, model: Any, features: Features, codes: np.ndarray) -> None:
        self.name, self.model = name, model
        self.states = encode(model, torch.from_numpy(features.values), torch.from_numpy(codes))
        self.present = features.present

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Scores (B,) float64; NaN for an outfit with an item that has no features."""
        batch = OutfitBatch(torch.from_numpy(items), torch.from_numpy(mask))
        scores = score(self.model, self.states, batch).double().numpy()
        return np.where((self.present[items] | ~mask).all(axis=1), scores, np.nan)


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
        count = candidates.shape[1]
        items = np.concatenate([np.repeat(context, count, axis=0), candidates.reshape(-1, 1)], axis=1)
        whole = np.concatenate([np.repeat(mask, count, axis=0), np.ones((len(items), 1), bool)], axis=1)
        scores = self.student.score(items, whole).reshape(candidates.shape)
        first, there = items[::count], whole[::count]
        blank = np.full(len(first), context.shape[1])
        fired = self.teacher.matches.fire(first, there, blank, candidates)
        with torch.inference_mode():
            states = self.student.states.hidden.flatten(1)
            rows, places = np.unique(np.concatenate([context, candidates], axis=1), return_inverse=True)
            context_places, candidate_places = (
                torch.from_numpy(x) for x in np.split(places.reshape(len(context), -1), [context.shape[1]], axis=1)
            )
            attended = self.teacher.attend(
                states[torch.from_numpy(rows)], context_places, torch.from_numpy(mask), candidate_places[:, None]
            )
            _, log_q, _ = self.teacher.judge(torch.from_numpy(scores).float(), attended, torch.from_numpy(fired))
        return log_q.double().numpy()
