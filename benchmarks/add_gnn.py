"""Speed of ADD-GNN at the paper's sizes, as ratios measured in one run.

    python benchmarks/add_gnn.py

Training pairs/s (one positive, one negative; forward, backward and optimiser) against
(i) the same model written element by element and outfit by outfit, and
(ii) the bound: one matmul that does as many floating point operations as the step's matmuls.
Then FITB questions/s with item states kept.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, Vocabulary
from goeswith.models.add_gnn import AddGnn, AddGnnConfig
from goeswith.models.losses import bpr

CATEGORIES = 90


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Median time of a call, after one that warms up."""
    work()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return median(taken)


def naive_scores(model: AddGnn, features: Tensor, categories: Tensor, outfits: Tensor) -> Tensor:
    """Equations (1) to (8) as they are printed: masks element by element, one outfit and one pair at a time."""
    config, h, scores = model.config, model.config.hidden, []
    w_z, w_r, w_h = model.gates_in.split(h, dim=1)
    u_z, u_r = model.gates_state.split(h, dim=1)
    for outfit in outfits:
        codes = categories[outfit]
        states = []
        for f in features[outfit]:
            masked = (f[None, :] * model.attributes.masks.T).relu()  # (K, D), (1)
            states.append((masked @ model.attributes.weight.T + model.bias).tanh())  # (4)
        for _ in range(config.steps):
            moved = []
            for i, own in enumerate(states):
                near = [j for j in range(len(states)) if j != i]
                weights = torch.stack([model.graph[codes[i], codes[j]] for j in near])
                weights = weights / weights.sum()
                gathered = sum(w * states[j] for w, j in zip(weights, near, strict=True))  # (5)
                z = (gathered @ w_z + own @ u_z).sigmoid()
                r = (gathered @ w_r + own @ u_r).sigmoid()
                candidate = (gathered @ w_h + (r * own) @ model.candidate_state).tanh()
                moved.append((1 - z) * own + z * candidate)  # (6)
            states = moved
        total = torch.zeros(())
        for i, own in enumerate(states):
            for j, other in enumerate(states):
                if i != j:
                    for k in range(config.attributes):
                        total = total + own[k] @ model.pair[k] @ other[k]  # (7)
        scores.append(total / (len(states) * (len(states) - 1)))  # (8)
    return torch.stack(scores)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256, help="pairs in a step")
    parser.add_argument("--items", type=int, default=5, help="items in an outfit")
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    torch.manual_seed(0)
    b, n, d = options.batch, options.items, options.dim
    words = Vocabulary(tuple(f"c{i:02}" for i in range(CATEGORIES)), ("top",) * CATEGORIES)
    model = AddGnn(AddGnnConfig(hidden=options.hidden), d, words)
    features, categories = torch.rand(b * (n + 1), d), torch.randint(0, CATEGORIES, (b * (n + 1),))
    positive = torch.arange(b * n).view(b, n)
    negative = positive.clone()
    negative[torch.arange(b), torch.randint(0, n, (b,))] = torch.arange(b * n, b * (n + 1))
    both = torch.cat([positive, negative])
    batch = OutfitBatch(both, torch.ones_like(both, dtype=torch.bool))
    optimiser = torch.optim.RMSprop(model.parameters(), lr=1e-3, foreach=True)

    def step(bf16: bool) -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            scores = model.score(model.encode_items(features, categories), batch).float()
        loss = bpr(scores[:b], scores[b:]) + model.penalty()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    few = 8

    def naive_step() -> None:
        scores = naive_scores(model, features, categories, torch.cat([positive[:few], negative[:few]]))
        loss = bpr(scores[:few], scores[few:]) + model.penalty()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()

    with torch.no_grad():
        fast = model.score(model.encode_items(features, categories), batch)[:few]
        torch.testing.assert_close(
            fast, naive_scores(model, features, categories, positive[:few]), atol=1e-5, rtol=1e-3
        )

    # The counter does not know the in-place form, which does as much as the other.
    def addmm_flop(own: Tensor, left: Tensor, right: Tensor, **_: object) -> int:
        return 2 * left.numel() * right.shape[1]

    addmm_flop._get_raw = True  # type: ignore[attr-defined]  # given tensors, not their shapes
    in_place = {torch.ops.aten.addmm_: addmm_flop}
    with FlopCounterMode(display=False, custom_mapping=in_place) as counter:
        step(False)
    flops = counter.get_total_flops()
    side = 2048

    def bound(dtype: torch.dtype) -> float:
        left, right = torch.rand(side, side).to(dtype), torch.rand(side, side).to(dtype)
        return seconds(lambda: left @ right, options.repeats) * flops / (2 * side**3)

    print(f"D {d}, K 4, |h| {options.hidden}, T 2, {n} items, batch {b}, {torch.get_num_threads()} threads")
    print(f"matmul work: {flops / b / 1e9:.3f} GFLOP a pair")
    slow = seconds(naive_step, max(options.repeats // 2, 1)) / few
    print(f"naive fp32: {1 / slow:8.1f} pairs/s")
    for name, bf16, dtype in (("fp32", False, torch.float32), ("bf16", True, torch.bfloat16)):
        # Bound before and after, so that a neighbour's load weighs on both alike.
        before = bound(dtype)
        taken = seconds(lambda bf16=bf16: step(bf16), options.repeats)
        limit = (before + bound(dtype)) / 2
        print(
            f"goeswith {name}: {b / taken:8.1f} pairs/s = {slow * b / taken:.0f} x naive fp32, "
            f"{limit / taken:.0%} of the {name} matmul bound ({b / limit:.0f} pairs/s)"
        )

    with torch.inference_mode():
        states = model.encode_items(features, categories)
        questions = torch.randint(0, len(features), (1024, 4, n)).flatten(0, 1)
        question_batch = OutfitBatch(questions, torch.ones_like(questions, dtype=torch.bool))
        for name, bf16 in (("fp32", False), ("bf16", True)):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                kept_states = ItemStates(states.hidden.bfloat16() if bf16 else states.hidden, states.categories)
                taken = seconds(
                    lambda kept_states=kept_states: model.score(kept_states, question_batch), options.repeats
                )
            print(f"FITB {name}: {1024 / taken:8.0f} questions/s, item states kept")


if __name__ == "__main__":
    main()
