"""ADD-GNN against the printed equations, one outfit, item, attribute and number at a time."""

import math
from itertools import permutations

import numpy as np
import polars as pl
import pytest
import torch

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import OutfitBatch, Outfits
from goeswith.errors import ConfigError
from goeswith.models import ItemStates, TrainingData, Vocabulary
from goeswith.models.add_gnn import AddGnn, AddGnnConfig
from goeswith.models.category_graph import category_graph
from goeswith.models.kernels import GatedStep

WORDS = Vocabulary(("coat", "jeans", "shirt"), ("outer", "bottom", "top"))


def model_of(signed: bool = False, **settings: object) -> tuple[AddGnn, torch.Tensor, torch.Tensor, OutfitBatch]:
    torch.manual_seed(3)
    model = AddGnn(AddGnnConfig(attributes=3, hidden=5, rank=2, **settings), 7, WORDS).double().eval()  # type: ignore[arg-type]
    model.graph.copy_(torch.rand(4, 4))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    features = torch.randn(6, 7, dtype=torch.float64)
    features = features if signed else features.abs()
    items = torch.tensor([[0, 1, 2, 3], [4, 2, 0, 0], [5, 1, 3, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]).bool()
    return model, features, torch.tensor([0, 1, 2, 2, 3, 0]), OutfitBatch(items, mask)


def printed_score(model: AddGnn, features: torch.Tensor, categories: list[int]) -> float:
    """Equations (1), (4), (5), (6), (7) and (8) for one outfit, written out."""
    config, n = model.config, len(features)
    act = {"relu": lambda x: max(x, 0.0), "logistic": lambda x: 1 / (1 + math.exp(-x)), "tanh": math.tanh}
    masks, w0, b0 = (t.detach().numpy() for t in (model.attributes.masks, model.attributes.weight, model.bias))
    h = [[None] * config.attributes for _ in range(n)]
    for i in range(n):
        for k in range(config.attributes):
            m = np.array([act[config.activation](float(features[i, j]) * masks[j, k]) for j in range(len(masks))])
            h[i][k] = np.array([act[config.state_activation](float(x)) for x in w0 @ m + b0])
    if config.nodes == "categories":
        kinds = sorted(set(categories))
        own = [[i for i in range(n) if categories[i] == kind] for kind in kinds]
        h = [[sum(h[i][k] for i in some) / len(some) for k in range(config.attributes)] for some in own]
        categories, n = kinds, len(kinds)
        if n == 1:
            return 0.0
    a = model.graph.numpy()
    if config.steps:
        w_z, w_r, w_h = np.split(model.gates_in.detach().numpy(), 3, axis=1)
        u_z, u_r = np.split(model.gates_state.detach().numpy(), 2, axis=1)
        u_h = model.candidate_state.detach().numpy()
    for _ in range(config.steps):
        new = [[None] * config.attributes for _ in range(n)]
        for i in range(n):
            near = [j for j in range(n) if j != i or config.self_loop]
            total = sum(a[categories[i], categories[j]] for j in near)
            for k in range(config.attributes):
                gathered = sum(a[categories[i], categories[j]] / total * h[j][k] for j in near)
                z = 1 / (1 + np.exp(-(gathered @ w_z + h[i][k] @ u_z)))
                r = 1 / (1 + np.exp(-(gathered @ w_r + h[i][k] @ u_r)))
                candidate = np.tanh(gathered @ w_h + (r * h[i][k]) @ u_h)
                new[i][k] = (1 - z) * h[i][k] + z * candidate
        h = new
    w = model.pair.detach().numpy()
    if config.pair == "diagonal":
        forms = [np.diag(w[k]) for k in range(config.attributes)]
    elif config.pair == "low-rank":
        forms = [w[0, k] @ w[1, k].T for k in range(config.attributes)]
    elif config.pair == "symmetric":
        forms = [(w[k] + w[k].T) / 2 for k in range(config.attributes)]
    else:
        forms = [w[k] for k in range(config.attributes)]
    total = sum(h[i][k] @ forms[k] @ h[j][k] for i, j in permutations(range(n), 2) for k in range(config.attributes))
    return float(total / (n * (n - 1)))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"signed": True},
        {"steps": 0},
        {"steps": 1, "self_loop": True},
        {"activation": "logistic"},
        {"activation": "tanh", "signed": True},
        {"pair": "diagonal"},
        {"pair": "low-rank", "steps": 0},
        {"pair": "symmetric"},
        {"state_activation": "logistic"},
        {"state_activation": "relu", "steps": 1},
        {"nodes": "categories"},
        {"nodes": "categories", "self_loop": True, "steps": 1},
        {"nodes": "categories", "steps": 0},
    ],
    ids=str,
)
def test_a_batch_scores_as_the_printed_equations(settings: dict) -> None:
    model, features, categories, batch = model_of(**settings)
    scores = model.score(model.encode_items(features, categories), batch)
    for outfit, (items, mask) in enumerate(zip(batch.items, batch.mask, strict=True)):
        rows = items[mask]
        wanted = printed_score(model, features[rows], categories[rows].tolist())
        assert scores[outfit].item() == pytest.approx(wanted, rel=1e-9)


def test_the_gradient_of_a_gated_step_is_that_of_its_equation() -> None:
    torch.manual_seed(0)
    shapes = [(4, 3), (4, 3), (3, 9), (3, 6), (3, 3)]
    arguments = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(GatedStep.apply, arguments)


@pytest.mark.parametrize("nodes", ["items", "categories"])
def test_pair_scores_average_to_the_score(nodes: str) -> None:
    model, features, categories, batch = model_of(nodes=nodes)
    states = model.encode_items(features, categories)
    pairs, size = model.pair_scores(states, batch), batch.mask.sum(dim=1)
    torch.testing.assert_close(pairs.sum(dim=(1, 2)) / (size * (size - 1)), model.score(states, batch))
    assert pairs[1, 2:].abs().sum() == 0


def test_masks_take_part_in_the_first_projection_only_where_they_are_positive() -> None:
    model, features, _, _ = model_of()
    with torch.no_grad():
        model.attributes.masks.copy_(-model.attributes.masks.abs())
    assert model.attributes(features).abs().max() == 0  # relu(M ⊙ f) = 0 for f >= 0 and M <= 0


@pytest.mark.parametrize("signed", [[], [0], [1, 3], None])
def test_projections_are_those_of_masked_features_whichever_dimensions_are_negative(signed: list[int] | None) -> None:
    model, features, _, _ = model_of(signed=True)
    if signed is not None:
        kept = features[:, signed]
        features = features.abs()
        features[:, signed] = kept
    with torch.no_grad():
        model.attributes.masks[::2] *= -1
    literal = torch.relu(features[:, None, :] * model.attributes.masks.T) @ model.attributes.weight.T
    torch.testing.assert_close(model.attributes(features), literal)


def test_states_depend_on_the_item_alone() -> None:
    model, features, categories, _ = model_of()
    whole = model.encode_items(features, categories)
    assert isinstance(whole, ItemStates)
    torch.testing.assert_close(model.encode_items(features[2:3], categories[2:3]).hidden, whole.hidden[2:3])


def test_the_graph_counts_outfits_not_items() -> None:
    items = np.array([0, 1, 0, 2, 1, 1, 2])  # outfits: (0 1), (0 2 1), (1 2) with categories as below
    outfits = Outfits(
        items=items,
        offsets=np.array([0, 2, 5, 7]),
        outfit_ids=np.array(["a", "b", "c"], dtype=object),
        splits=np.array(["train"] * 3, dtype=object),
        sources=np.array([""] * 3, dtype=object),
    )
    codes, s, n = np.array([0, 0, 1]), 0.5, 2  # items 0 and 1 are both of category 0
    graph = category_graph(outfits, codes, n, s).numpy()
    alone, together = [3, 2], [[2, 2], [2, 0]]
    for i in range(n):
        for j in range(n):
            assert graph[i, j] == pytest.approx((together[i][j] + s) / (alone[i] + n * s))
    assert graph[2].tolist() == pytest.approx([1 / n] * 3)


def test_an_unseen_category_scores_and_observe_counts_training_outfits() -> None:
    model, features, _, batch = model_of()
    unseen = torch.full((6,), len(WORDS.categories))
    assert model.score(model.encode_items(features, unseen), batch).isfinite().all()
    uniform = AddGnn(AddGnnConfig(edges="uniform"), 7, WORDS)
    before = uniform.graph.clone()
    outfits = Outfits(*(np.array(x) for x in ([0, 1], [0, 2])), *[np.array(["x"], dtype=object)] * 3)
    catalogue = Catalogue(pl.DataFrame({"item_id": ["a", "b"], "category": ["coat", "jeans"]}))
    codes = torch.tensor([0, 1])
    data = TrainingData(catalogue, torch.zeros(2, 7), codes, np.ones(2, bool), outfits, outfits)
    uniform.observe(data)
    assert torch.equal(uniform.graph, before)
    counted = AddGnn(AddGnnConfig(), 7, WORDS)
    counted.observe(data)
    assert counted.graph[0, 1] > counted.graph[0, 2]


def test_the_penalty_is_what_equation_12_adds() -> None:
    model, *_ = model_of(mask_weight=0.5, weight_norm=0.25)
    largest = max(sum(abs(float(x)) for x in row) for row in model.attributes.masks.detach())
    norm = math.sqrt(sum(float(x) ** 2 for p in model.parameters() for x in p.detach().flatten()))
    assert model.penalty().item() == pytest.approx(0.5 * largest + 0.25 * norm)


def test_a_summed_loss_is_the_mean_times_the_pairs() -> None:
    right, wrong = torch.randn(4), torch.randn(4, 3)
    mean, total = (
        model_of(reduction=reduction)[0].objective(right, wrong, None, None)  # type: ignore[arg-type]
        for reduction in ("mean", "sum")
    )
    assert total.item() == pytest.approx(12 * mean.item(), rel=1e-6)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="attributes is 0"):
        AddGnnConfig(attributes=0)
    with pytest.raises(ConfigError, match="dropout is"):
        AddGnnConfig(dropout=1.0)


@pytest.mark.parametrize("pair", ["full", "symmetric", "diagonal"])
def test_from_the_identity_an_untrained_model_is_the_mean_cosine_of_masked_features(pair: str) -> None:
    settings = {"attributes": 3, "hidden": 5, "steps": 0, "pair": pair}
    model = AddGnn(AddGnnConfig(start="identity", normalise=True, **settings), 7, WORDS).eval()
    states = model.encode_items(torch.rand(4, 7), torch.tensor([0, 1, 2, 2]))
    torch.testing.assert_close(states.hidden.flatten(1).norm(dim=1), torch.ones(4))
    plain = AddGnn(AddGnnConfig(**settings), 7, WORDS).eval()
    plain.load_state_dict(model.state_dict())
    assert not torch.allclose(plain.encode_items(torch.rand(4, 7), torch.zeros(4).long()).hidden, states.hidden)
    rows = torch.tensor([[0, 1, 3]])
    score = model.score(states, OutfitBatch(rows, torch.ones(1, 3, dtype=torch.bool)))
    pairs = [
        torch.cosine_similarity(states.hidden[i].flatten(), states.hidden[j].flatten(), dim=0)
        for i, j in permutations(rows[0].tolist(), 2)
    ]
    torch.testing.assert_close(score[0], torch.stack(pairs).mean())


def test_no_low_rank_matrix_is_the_identity() -> None:
    with pytest.raises(ConfigError, match="start=identity is for pair=full, symmetric or diagonal"):
        AddGnnConfig(start="identity", pair="low-rank")


@pytest.mark.parametrize("pair", ["full", "symmetric", "diagonal", "low-rank"])
def test_without_the_graph_the_score_is_the_mean_of_query_times_key(pair: str) -> None:
    model, features, categories, batch = model_of(steps=0, pair=pair)
    assert model.exact
    assert not model_of()[0].exact
    states = model.encode_items(features, categories)
    gaps, keys = model.gaps(states, batch), model.keys(states)[batch.items]
    values = (gaps * keys).sum(2) * batch.mask
    torch.testing.assert_close(values.sum(1) / batch.mask.sum(1), model.score(states, batch))
    pairs = model.pair_scores(states, batch)
    both = (pairs + pairs.mT).sum(2) / 2 / (batch.mask.sum(1, keepdim=True) - 1)
    torch.testing.assert_close(values, both * batch.mask)
