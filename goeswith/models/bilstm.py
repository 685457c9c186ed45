"""Bi-LSTM: reads an outfit as a sentence and predicts each item from those before it and from those after it.

Han, Wu, Jiang, Davis: "Learning Fashion Compatibility with Bidirectional LSTMs", ACM Multimedia 2017; the visual
part. U distinct items, D feature dimensions, H hidden, P items of the pool, B outfits of at most n items.

An outfit x_1 ... x_N is read from head to foot. Forward, x_{N+1} = 0 is the end of the sentence:
    E_f = −1/N Σ_{t=1..N} ln Pr(x_{t+1} | x_1 ... x_t),  Pr = exp(h_t · x_{t+1}) / Σ_{x in X} exp(h_t · x)
and E_b is the same for the outfit read backwards, with weights of its own. The score is −(E_f + E_b), which training
makes large for the outfits alone: the paper learns from no wrong ones.

Our reading. X: in training, all items of the step and the end, as in the paper; later, where an outfit must not
depend on what else is in its batch, P items of the training outfits drawn once from a fixed seed and kept with the
weights (the released program takes all test items). X is the same whether or not the next item is in it, so
an item seen in training gains nothing; Pr of an item outside X is its odds against X. Order: top, dress, outer,
bottom, shoes, bag, accessory; within a group by category, then by the first number of x, so the order in which an
outfit is stored says nothing. A gap is filled by the score of the whole outfit: the paper adds the two
probabilities of the gap alone, this also asks whether the rest follows from the candidate.

Deviations. The paper trains the CNN too; here x is a linear map of frozen features. The sentence is never paired
with words (no visual-semantic loss). Each outfit weighs the same in the loss, not each of its items. The released
program learns by SGD and cuts large gradients. Take `optimiser=adamw` here: the first steps of RMSprop are ten
times the learning rate, and the dot products run away (measured on MANGO).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from goeswith.config import at_least, below_one
from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, TrainingData, Vocabulary
from goeswith.models.losses import bpr

READING = ("top", "dress", "outer", "bottom", "shoes", "bag", "accessory", "other")
"""Groups in the order of the sentence: clothes from the inside out and from head to foot, then what goes with them."""


@dataclass(frozen=True)
class BiLstmConfig:
    """Settings of Bi-LSTM; hidden and dropout are the released program's.

    hidden: H, size of the embedding and of each LSTM. dropout: dropout of the inputs and outputs of an LSTM.
    pool_size: P, number of items that a prediction is compared with after training.
    ranking_weight: weight of a ranking loss L_BPR over outfits and corruptions, which the paper does not have.
    """

    hidden: int = 512
    dropout: float = 0.3
    pool_size: int = 1024
    ranking_weight: float = 0.0

    def __post_init__(self) -> None:
        at_least(self, 1, "hidden", "pool_size")
        at_least(self, 0, "ranking_weight")
        below_one(self, "dropout")


class BiLstm(nn.Module):
    """See the module.

    Args:
        config: see `BiLstmConfig`.
        dim: D, the size of the features.
        vocabulary: the categories; their groups say where in the sentence an item stands.
    """

    pool: Tensor
    place: Tensor

    def __init__(self, config: BiLstmConfig, dim: int, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config = config
        h = config.hidden
        self.embedding = nn.Linear(dim, h, bias=False)
        self.onward = nn.LSTM(h, h, batch_first=True)
        self.backward_ = nn.LSTM(h, h, batch_first=True)
        self.next, self.previous = nn.Linear(h, h), nn.Linear(h, h)
        self.register_buffer("pool", torch.zeros(config.pool_size, dim))
        self.register_buffer("place", places(vocabulary), persistent=False)

    def observe(self, data: TrainingData) -> None:
        """Draw the pool from the items of training outfits; where they are fewer than P, they come round again."""
        worn = torch.from_numpy(np.unique(data.train.items))
        order = torch.randperm(len(worn), generator=torch.Generator().manual_seed(0))
        again = -(-self.config.pool_size // len(worn))
        self.pool.copy_(data.features[worn[order].repeat(again)[: self.config.pool_size]])

    def encode_items(self, features: Tensor, categories: Tensor) -> ItemStates:
        """x (U, H), from features (U, D) and categories (U,)."""
        return ItemStates(self.embedding(features), categories)

    def score(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """−(E_f + E_b) of each outfit: (B,)."""
        rows, lengths = self.in_order(states, batch), batch.mask.sum(dim=1)
        pool = states.hidden if self.training else self.embedding(self.pool)
        forth = self.likelihood(self.onward, self.next, states.hidden[rows], lengths, pool)
        step = torch.arange(rows.shape[1], device=rows.device)
        turned = rows.gather(1, (lengths[:, None] - 1 - step).clamp_min(0))
        return forth + self.likelihood(self.backward_, self.previous, states.hidden[turned], lengths, pool)

    def in_order(self, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """Rows of the states (B, n) in the order of the sentence, padding last."""
        items = batch.items
        rank = states.hidden[:, 0][items].argsort(dim=1).argsort(dim=1)
        position = self.place[states.categories][items].masked_fill(~batch.mask, len(self.place))
        return items.gather(1, (position * items.shape[1] + rank).argsort(dim=1))

    def likelihood(self, lstm: nn.LSTM, head: nn.Linear, items: Tensor, lengths: Tensor, pool: Tensor) -> Tensor:
        """−E of one direction: (B,). items: (B, n, H) as read, padding last; what follows it never looks back.

        pool: (P, H), or (U, H) in training. The end of the sentence is the zero vector, of logit 0.
        """
        rate = self.config.dropout
        states, _ = lstm(F.dropout(items, rate, self.training))
        guess = head(F.dropout(states, rate, self.training))  # (B, n, H)
        exact = torch.promote_types(guess.dtype, torch.float32)  # bfloat16 would round the score itself
        step = torch.arange(items.shape[1], device=items.device)
        item_follows = step[:-1] + 1 < lengths[:, None]  # (B, n - 1)
        following = (guess[:, :-1] * items[:, 1:]).sum(dim=2, dtype=exact) * item_follows
        against = (guess @ pool.T).to(exact).logsumexp(dim=2)
        against = torch.logaddexp(against, torch.zeros_like(against))  # (B, n), the end among them
        return (following.sum(dim=1) - (against * (step < lengths[:, None])).sum(dim=1)) / lengths.clamp_min(1)

    def objective(self, right: Tensor, wrong: Tensor, states: ItemStates, batch: OutfitBatch) -> Tensor:
        """Mean E_f + E_b of the outfits, and `ranking_weight` times L_BPR."""
        loss = -right.mean()
        return loss + self.config.ranking_weight * bpr(right, wrong) if self.config.ranking_weight else loss

    def penalty(self) -> Tensor:
        """None."""
        return torch.zeros(())


def places(vocabulary: Vocabulary) -> Tensor:
    """(C + 1,) by category code: its rank in the order of `READING`, then of the vocabulary; unknown ones come last."""
    keys = [(READING.index(group), code) for code, group in enumerate(vocabulary.groups)]
    ranks = {code: rank for rank, (_, code) in enumerate(sorted(keys))}
    return torch.tensor([ranks[code] for code in range(len(keys))] + [len(keys)])
