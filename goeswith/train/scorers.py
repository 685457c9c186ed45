"""Scorers: trained models over one catalogue, whose item states are computed once."""

from __future__ import annotations

from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from goeswith.data.outfits import OutfitBatch, beside
from goeswith.models import ItemStates, Model, Searchable, Towers
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


class LinearScorer(RunScorer):
    """A model whose score of an outfit is linear in the state of each item, see `goeswith.models.Linear`.

    The model sees an outfit with a gap once for each category that is offered for it, and not once for each item.
    """

    def fill(self, context: np.ndarray, mask: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Scores (B, m) float64 of outfits with a gap (B, n), each with one of the items `rows` (m,); NaN: none."""
        _, first, kind = np.unique(self._codes(rows), return_index=True, return_inverse=True)
        count, kinds = len(context), len(first)
        scores = np.empty((count, len(rows)))
        with torch.inference_mode():
            queries, offsets = self._queries(
                np.repeat(context, kinds, axis=0), np.repeat(mask, kinds, axis=0), np.tile(rows[first], count)
            )
            for number in range(kinds):
                at = np.flatnonzero(kind == number)
                products = queries[number::kinds] @ self._keys(rows[at]).T + offsets[number::kinds, None]
                scores[:, at] = products.cpu().double().numpy()
        return np.where(self._answerable(context, mask)[:, None] & self.present[rows], scores, np.nan)

    def complete(self, context: np.ndarray, mask: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """Scores (B, m) float64 of outfits with a gap (B, n), each with one of its own candidates (B, m); NaN: none."""
        offered, owner = candidates.reshape(-1), np.repeat(np.arange(len(context)), candidates.shape[1])
        codes = self._codes(offered)
        asked = owner * (codes.max(initial=0) + 1) + codes  # an outfit and a category
        _, first, query = np.unique(asked, return_index=True, return_inverse=True)
        scores = np.empty(len(offered))
        with torch.inference_mode():
            queries, offsets = self._queries(context[owner[first]], mask[owner[first]], offered[first])
            for start in range(0, len(offered), BLOCK):
                at = torch.from_numpy(query[start : start + BLOCK]).to(self.device)
                products = torch.linalg.vecdot(queries[at], self._keys(offered[start : start + BLOCK])) + offsets[at]
                scores[start : start + BLOCK] = products.cpu().double().numpy()
        answerable = self._answerable(context, mask)[:, None] & self.present[candidates]
        return np.where(answerable, scores.reshape(candidates.shape), np.nan)

    def _queries(self, context: np.ndarray, mask: np.ndarray, like: np.ndarray) -> tuple[Tensor, Tensor]:
        """Vectors (B, d) and offsets (B,) of outfits with a gap (B, n) for items of the category of `like` (B,)."""
        model = cast(Searchable, self.model)
        whole, length = np.take_along_axis(context, np.argsort(~mask, axis=1, kind="stable"), axis=1), mask.sum(axis=1)
        keys = self._keys(like[:1])
        vectors, offsets = keys.new_empty(len(like), keys.shape[1]), keys.new_empty(len(like))
        for width in np.unique(length).tolist():  # `query` is asked about outfits of one length
            outfits = np.flatnonzero(length == width)
            used, places = np.unique(whole[outfits, :width], return_inverse=True)
            items = torch.from_numpy(places.reshape(len(outfits), width)).to(self.device)
            typical = self.states_of(torch.from_numpy(like[outfits]))
            at = torch.from_numpy(outfits).to(self.device)
            vectors[at], offsets[at] = model.query(self.states_of(torch.from_numpy(used)), items, typical)
        return vectors, offsets

    def _codes(self, rows: np.ndarray) -> np.ndarray:
        """(m,) category codes of some items."""
        return self.states.categories[torch.from_numpy(rows).to(self.device)].cpu().numpy()

    def _keys(self, rows: np.ndarray) -> Tensor:
        """What a query is multiplied with, (m, d), of some items."""
        return cast(Searchable, self.model).keys(self.states_of(torch.from_numpy(rows)))

    def _answerable(self, context: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """(B,) bool, outfits whose items all have features."""
        return (self.present[context] | ~mask).all(axis=1)


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

    def _student(self, context: np.ndarray, mask: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """The student's scores (B, m) of candidates beside the context."""
        if isinstance(self.student, LinearScorer):
            return self.student.complete(context, mask, candidates)
        return self.student.score(*beside(context, mask, candidates)).reshape(candidates.shape)

    def judge(self, context: np.ndarray, mask: np.ndarray, candidates: np.ndarray) -> Judgement:
        """All that is said of candidates (B, m) beside the context (B, n) with its mask."""
        count, width = candidates.shape[1], context.shape[1]
        items, outfits_mask = beside(context, mask, candidates[:, :1])
        scores = torch.from_numpy(self._student(context, mask, candidates))
        blank = np.full(len(context), width)
        fired = torch.from_numpy(self.teacher.matches.fire(items, outfits_mask, blank, candidates))
        rows, indices = np.unique(np.concatenate([context, candidates], axis=1), return_inverse=True)
        context_indices, chosen = torch.from_numpy(indices.reshape(len(context), -1)).split([width, count], dim=1)
        with torch.inference_mode():
            states = self.student.states_of(torch.from_numpy(rows)).hidden.flatten(1).cpu()
            attended = self.teacher.attend(states, context_indices, torch.from_numpy(mask), chosen[:, None])
            return Judgement(scores, fired, *self.teacher.judge(scores, attended, fired))
