"""AKD-DBPR against its printed equations, one triplet, rule and number at a time."""

import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from worlds import styles_data

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import OutfitBatch
from goeswith.errors import ConfigError
from goeswith.models import TrainingData, Vocabulary
from goeswith.models.add_gnn import AddGnn, AddGnnConfig
from goeswith.models.akd_dbpr import AkdDbpr, AkdDbprConfig
from goeswith.rules.rules import Rule, match
from goeswith.train.corruptions import blanks, corruptions
from goeswith.train.loop import fit
from goeswith.train.rule_teacher import RulesConfig, RuleTeacher, shuffled
from goeswith.train.settings import TrainConfig
from goeswith.train.source import Step

WORDS = Vocabulary(("boots", "coat", "dress", "shirt", "skirt"), ("shoes", "outer", "dress", "top", "bottom"))
RULES = [
    Rule("category", "shirt", "skirt", "+"),
    Rule("category", "shirt", "dress", "-"),
    Rule("colour", "red", "red", "+"),
    Rule("colour", "red", "blue", "-"),
]
CATALOGUE = Catalogue(
    pl.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(8)],
            "category": ["shirt", "shirt", "skirt", "skirt", "dress", "dress", "boots", "shirt"],
            "group": ["top", "top", "bottom", "bottom", "dress", "dress", "shoes", "top"],
            "colour": ["red", "blue", "red", "blue", "red", "blue", "red", None],
        }
    )
)
TRIPLETS = [(0, 2, 5), (0, 4, 3), (1, 2, 4), (1, 2, 3), (0, 2, 3), (7, 3, 2), (7, 4, 5)]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def student(**settings: object) -> tuple[AkdDbpr, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    model = AkdDbpr(AkdDbprConfig(hidden=4, **settings), 3, WORDS).double().eval()  # type: ignore[arg-type]
    features = torch.rand(8, 3, dtype=torch.float64)
    return model, features, torch.from_numpy(WORDS.codes(CATALOGUE))


@torch.no_grad()
def test_a_pair_scores_as_printed() -> None:
    model, features, codes = student()
    model.low.copy_(torch.tensor([0.1, 0.2, 0.3]))
    model.span.copy_(torch.tensor([0.5, 2.0, 1.0]))
    batch = OutfitBatch(torch.tensor([[0, 2], [4, 1]]), torch.ones(2, 2, dtype=torch.bool))
    scores = model.score(model.encode_items(features, codes), batch)
    for (top, bottom), score in zip([(0, 2), (1, 4)], scores.tolist(), strict=True):
        total = 0.0
        for h in range(4):
            z = [float(model.bias[side, h]) for side in (0, 1)]
            for d in range(3):
                for side, item in enumerate((top, bottom)):
                    scaled = (float(features[item, d]) - float(model.low[d])) / float(model.span[d])
                    z[side] += float(model.weight[side, h, d]) * scaled
            total += sigmoid(z[0]) * sigmoid(z[1])
        assert score == pytest.approx(total, abs=1e-6)


@pytest.mark.parametrize("sides", ["roles", "groups"])
@torch.no_grad()
def test_an_outfit_is_the_mean_of_its_pairs(sides: str) -> None:
    model, features, codes = student(sides=sides)
    states = model.encode_items(features, codes)
    outfits = [[0, 2, 6], [1, 0, 4, 3], [2, 5], [0, 6]]
    mask = torch.tensor([[n < len(o) for n in range(4)] for o in outfits])
    batch = OutfitBatch(torch.tensor([o + [7] * (4 - len(o)) for o in outfits]), mask)
    for items, score in zip(outfits, model.score(states, batch).tolist(), strict=True):
        pairs = []
        for a in items:
            for b in items:
                roles = [{"top": 0, "bottom": 1, "dress": 1}.get(CATALOGUE.items["group"][x]) for x in (a, b)]
                if (sides == "groups" and a < b) or (sides == "roles" and roles == [0, 1]):
                    pairs.append(float(states.hidden[a] @ states.hidden[b]))
        if pairs:
            assert score == pytest.approx(sum(pairs) / len(pairs), abs=1e-5)
        else:
            assert math.isnan(score)


def test_the_range_of_features_is_that_of_training_items() -> None:
    data = styles_data()
    model = AkdDbpr(AkdDbprConfig(hidden=4), data.features.shape[1], Vocabulary.of(data.catalogue))
    model.observe(data)
    worn = sorted(set(data.train.items.tolist()))
    lows = [min(float(data.features[i, d]) for i in worn) for d in range(data.features.shape[1])]
    highs = [max(float(data.features[i, d]) for i in worn) for d in range(data.features.shape[1])]
    assert model.low.tolist() == pytest.approx(lows)
    assert (model.low + model.span).tolist() == pytest.approx(highs, rel=1e-5)


def teacher(**settings: object) -> RuleTeacher:
    torch.manual_seed(2)
    made = RuleTeacher(match(RULES, CATALOGUE), RulesConfig(attention_width=3, **settings), 4).double()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    return made


def naive(made: RuleTeacher, m: list[float], z: list[list[float]]) -> tuple[list[float], list[float], dict[int, float]]:
    """p, q and λ of one triplet whose item states are z = [z_i, z_j, z_k]; `place` says which triplet it is."""
    config = made.config
    top, *bottoms = naive.items  # type: ignore[attr-defined]
    column = {name: CATALOGUE.items[name].to_list() for name in ("category", "colour")}
    f: dict[int, list[int]] = {}
    for number, rule in enumerate(RULES):
        meets = [column[rule.attribute][top] == rule.top and column[rule.attribute][b] == rule.bottom for b in bottoms]
        if meets[0] != meets[1]:
            f[number] = [int(x == (rule.sign == "+")) for x in meets]
    energy = {}
    for number in f:
        energy[number] = 0.0
        if config.confidence == "attention":
            energy[number] = float(made.offset[number])
            for a in range(config.attention_width):
                inner = float(made.context.bias[a]) + float(made.rule[number, a])
                for s in range(4):
                    inner += float(made.context.weight[a, s]) * z[0][s]
                    inner += float(made.candidate.weight[a, s]) * (z[1][s] + z[2][s])
                energy[number] += float(made.vector[a]) * sigmoid(inner)
    inside = config.strength if config.strength_in == "softmax" else 1.0
    whole = sum(math.exp(inside * e) for e in energy.values())
    trust = {number: math.exp(inside * e) / whole for number, e in energy.items()}
    if config.strength_in == "exponent":
        trust = {number: config.strength * value for number, value in trust.items()}
    if config.probability == "ratio":
        p = [x / sum(m) for x in m]
    else:
        p = [math.exp(x / config.smoothness) for x in m]
        p = [x / sum(p) for x in p]
    q = [p[c] * math.exp(sum(trust[number] * f[number][c] for number in f)) for c in range(2)]
    return p, [x / sum(q) for x in q], trust


SETTINGS = [
    {},
    {"strength_in": "exponent"},
    {"confidence": "uniform"},
    {"probability": "softmax", "smoothness": 0.5},
]


@pytest.mark.parametrize("settings", SETTINGS)
@torch.no_grad()
def test_the_teacher_judges_as_printed(settings: dict[str, object]) -> None:
    made, (model, features, codes) = teacher(**settings), student()
    states = model.encode_items(features, codes)
    rows = np.array(TRIPLETS)
    items = torch.from_numpy(rows[:, :2].copy())
    whole = torch.stack([torch.from_numpy(rows[:, [0, at]].copy()) for at in (1, 2)], dim=1).flatten(0, 1)
    scores = model.score(states, OutfitBatch(whole, torch.ones_like(whole, dtype=torch.bool))).view(-1, 2)
    blank = np.ones(len(rows), np.int64)
    fired = made.matches.fire(rows[:, :2], np.ones((len(rows), 2), bool), blank, rows[:, 1:])
    others = torch.tensor([[True, False]]).expand(len(rows), 2)
    attended = made.attend(states.hidden, items, others, torch.from_numpy(rows[:, None, 1:].copy()))
    log_p, log_q, trust = made.judge(scores.double(), attended, torch.from_numpy(fired))
    spoken = 0
    for n, triplet in enumerate(TRIPLETS):
        naive.items = triplet  # type: ignore[attr-defined]
        p, q, expected = naive(made, scores[n].tolist(), [states.hidden[x].tolist() for x in triplet])
        assert log_p[n].exp().tolist() == pytest.approx(p, abs=1e-6)
        assert log_q[n].exp().tolist() == pytest.approx(q, abs=1e-6)
        here = trust.question == n
        assert dict(zip(trust.rule[here].tolist(), trust.confidence[here].tolist(), strict=True)) == pytest.approx(
            expected
        )
        spoken += len(expected)
    assert spoken > 6
    silent = [n for n in range(len(TRIPLETS)) if n not in trust.question.tolist()]
    assert silent  # and there q = p
    torch.testing.assert_close(log_q[silent], log_p[silent])


def world() -> TrainingData:
    """The styles world with red and blue items."""
    data = styles_data()
    colours = np.where(np.arange(len(data.catalogue)) % 3 == 0, "red", "blue")
    return replace(data, catalogue=Catalogue(data.catalogue.items.with_columns(colour=pl.Series(colours))))


def step_of(data: TrainingData, model: AkdDbpr, epoch: int = 4) -> Step:
    from goeswith.data.negatives import Negatives

    negatives = Negatives(data.catalogue, data.train, "group")
    generator = torch.Generator().manual_seed(2)
    outfits, blank = data.train.take(np.arange(40)).batch(), blanks(data.catalogue, "bottom")
    pairs = corruptions(outfits, negatives, 2, generator, blank)
    items, mask, corrupt = pairs.items, pairs.mask, pairs.corrupt
    states = model.encode_items(data.features, data.categories)
    positive = OutfitBatch(items, mask)
    negative = OutfitBatch(corrupt.flatten(0, 1), mask.repeat_interleave(2, dim=0))
    right, wrong = model.score(states, positive), model.score(states, negative).view(-1, 2)
    return Step(
        features=data.features, categories=data.categories, states=states, positive=positive, items=items,
        corrupt=corrupt, negative=negative, right=right, wrong=wrong,
        objective=model.objective(right, wrong, states, positive), epoch=epoch, all_features=data.features,
        all_categories=data.categories, generator=generator,
    )  # fmt: skip


COLOURS = [
    Rule("colour", "red", "red", "+"),
    Rule("colour", "blue", "red", "-"),
    Rule("category", "shirt", "skirt", "+"),
    Rule("colour", "red", "blue", "-"),
]


@torch.no_grad()
def test_the_loss_is_imitation_by_triplet() -> None:
    data = world()
    words = Vocabulary.of(data.catalogue)
    torch.manual_seed(5)
    model = AkdDbpr(AkdDbprConfig(hidden=4), data.features.shape[1], words)
    config = RulesConfig(attention_width=3, decay=0.9, supervision=0.5)
    made = RuleTeacher(match(COLOURS, data.catalogue), config, 4)
    step = step_of(data, model)
    assert (step.items != step.corrupt[:, 0]).sum() == len(step.items)
    group, colour = (data.catalogue.items[name].to_list() for name in ("group", "colour"))
    entropy, supervised, count = 0.0, [], 0
    states = step.states.hidden
    for b in range(len(step.items)):
        for r in range(2):
            size = int(step.positive.mask[b].sum())
            items, wrong = step.items[b, :size].tolist(), step.corrupt[b, r, :size].tolist()
            position = next(n for n in range(size) if items[n] != wrong[n])
            assert group[items[position]] == "bottom"
            rest = [x for n, x in enumerate(items) if n != position]
            fired = []
            for candidate in (items[position], wrong[position]):
                tops = [x for x in rest if group[x] == "top"]
                meets = [
                    [colour[t] == "red" and colour[candidate] == "red" for t in tops],
                    [colour[t] == "blue" and colour[candidate] == "red" for t in tops],
                    [True for _ in tops],
                    [colour[t] == "red" and colour[candidate] == "blue" for t in tops],
                ]
                fired.append([any(x) for x in meets])
            judged = made.judge(
                torch.stack([step.right[b], step.wrong[b, r]])[None],
                (
                    made.context(states[rest]).mean(dim=0)
                    + made.candidate(states[items[position]])
                    + made.candidate(states[wrong[position]])
                )[None],
                torch.tensor(fired)[None],
            )
            entropy -= float((judged[1].exp() * judged[0]).sum())
            count += 1
            if fired[0] != fired[1]:
                supervised.append(-float(judged[1][0, 0]))
    assert len(supervised) > 5
    weight = 1 - 0.9**5
    expected = weight * (entropy / count - float(step.objective)) + 0.5 * sum(supervised) / len(supervised)
    assert float(made.loss(model, step)) == pytest.approx(expected, abs=1e-4)


def test_a_gradient_reaches_all_of_the_attention_and_the_student() -> None:
    data = world()
    model = AkdDbpr(AkdDbprConfig(hidden=4), data.features.shape[1], Vocabulary.of(data.catalogue))
    made = RuleTeacher(match(COLOURS, data.catalogue), RulesConfig(attention_width=3), 4)
    made.loss(model, step_of(data, model)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in [*made.parameters(), *model.parameters()])


def test_supervision_is_for_the_attention_alone() -> None:
    data = world()
    model = AkdDbpr(AkdDbprConfig(hidden=4), data.features.shape[1], Vocabulary.of(data.catalogue))
    made = RuleTeacher(match(COLOURS, data.catalogue), RulesConfig(attention_width=3, imitation=0, supervision=1), 4)
    step = step_of(data, model)
    loss = made.loss(model, step)
    of_scores = torch.autograd.grad(loss, [step.right, step.wrong], retain_graph=True, allow_unused=True)
    assert all(gradient is None or gradient.abs().max() < 1e-6 for gradient in of_scores)
    loss.backward()
    assert made.vector.grad is not None
    assert made.vector.grad.abs().sum() > 0


def test_shuffled_rules_fire_as_often_and_on_other_bottoms() -> None:
    data = world()
    matches = match(COLOURS, data.catalogue)
    other = shuffled(matches, data.catalogue)
    assert (other.tops == matches.tops).all()
    assert (other.bottoms != matches.bottoms).any()
    bits = [np.unpackbits(x.bottoms, axis=1).sum(axis=0).tolist() for x in (matches, other)]
    assert bits[0] == bits[1]
    aside = (data.catalogue.items["group"] != "bottom").to_numpy()
    assert (other.bottoms[aside] == matches.bottoms[aside]).all()


def colour_world(right: float = 0.95) -> tuple[TrainingData, list[Rule]]:
    """Pairs match in colour, which no feature shows: rules alone know."""
    generator = np.random.default_rng(0)
    count = 200
    colours = np.array(["red", "blue"])[generator.integers(0, 2, 2 * count)]
    items = pl.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(2 * count)],
            "category": ["shirt"] * count + ["skirt"] * count,
            "group": ["top"] * count + ["bottom"] * count,
            "colour": colours,
        }
    )
    catalogue = Catalogue(items)
    rows = []
    for n in range(600):
        top = int(generator.integers(0, count))
        same = generator.random() < right
        able = np.flatnonzero((colours[count:] == colours[top]) == same) + count
        rows.append((f"o{n}", [f"i{top}", f"i{generator.choice(able)}"], "train" if n < 400 else "valid"))
    from goeswith.data.outfits import Outfits

    outfits = Outfits.from_frame(pl.DataFrame(rows, ["outfit_id", "item_ids", "split"], orient="row"), catalogue)
    words = Vocabulary.of(catalogue)
    return TrainingData(
        catalogue=catalogue,
        features=torch.from_numpy(generator.random((2 * count, 8)).astype(np.float32)),
        categories=torch.from_numpy(words.codes(catalogue)),
        usable=np.ones(2 * count, bool),
        train=outfits.split("train"),
        valid=outfits.split("valid"),
    ), [Rule("colour", "red", "red", "+"), Rule("colour", "red", "skirt", "+")]


def test_attention_learns_which_rule_to_trust(tmp_path) -> None:
    """One rule is right, the other says the opposite: after training the right one is trusted more."""
    data, _ = colour_world()
    rules = [Rule("colour", "red", "red", "+"), Rule("colour", "red", "red", "-")]
    torch.manual_seed(0)
    model = AkdDbpr(AkdDbprConfig(hidden=8), 8, Vocabulary.of(data.catalogue))
    made = RuleTeacher(match(rules, data.catalogue), RulesConfig(attention_width=8, supervision=1.0), 8)
    config = TrainConfig(
        negatives="group", blank="bottom", epochs=20, patience=20, batch_size=32, precision="fp32",
        optimiser="sgd", learning_rate=0.05,
    )  # fmt: skip
    model.observe(data)
    fit(model, data, config, tmp_path, knowledge=[made])
    trust = made.trust(
        made.attend(torch.rand(3, 8), torch.tensor([[0, 1]]), torch.tensor([[True, False]]), torch.tensor([[[1, 2]]])),
        torch.ones(1, 2, dtype=torch.bool),
    )
    assert trust.confidence[0] > 0.8


def test_what_cannot_be_is_refused() -> None:
    data = world()
    with pytest.raises(ConfigError, match="hidden is 0"):
        AkdDbprConfig(hidden=0)
    with pytest.raises(ConfigError, match=r"imitation=2.*\[0, 1\]"):
        RulesConfig(imitation=2)
    with pytest.raises(ConfigError, match="smoothness is"):
        RulesConfig(smoothness=0)
    gnn = AddGnn(AddGnnConfig(attributes=2, hidden=6), data.features.shape[1], Vocabulary.of(data.catalogue))
    made = RuleTeacher(match(COLOURS, data.catalogue), RulesConfig(), 12)
    with pytest.raises(ConfigError, match="add --set probability=softmax"):
        made.prepare(gnn)


def test_titles_are_read_by_a_textcnn_beside_what_is_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    from goeswith.data.text import LENGTH
    from goeswith.models import akd_dbpr

    torch.manual_seed(7)
    monkeypatch.setattr(akd_dbpr, "word_vectors", lambda: torch.randn(20, 6))
    model = AkdDbpr(AkdDbprConfig(hidden=4, text="cnn"), 3 + LENGTH, WORDS).eval()
    assert model.low.shape == (3,)  # the numbers of words are not scaled
    tokens = torch.zeros(8, LENGTH)
    tokens[:, :5] = torch.randint(1, 20, (8, 5))
    tokens[3] = 0  # an empty title
    features, codes = torch.cat([torch.rand(8, 3), tokens], dim=1), torch.from_numpy(WORDS.codes(CATALOGUE))
    states = model.encode_items(features, codes).hidden
    assert model.text is not None
    for item in (0, 2, 3):
        both = torch.cat([features[item, :3], model.text(tokens[item : item + 1])[0]])
        side = 0 if CATALOGUE.items["group"][item] == "top" else 1
        torch.testing.assert_close(states[item], (model.weight[side] @ both + model.bias[side]).sigmoid())
    states.sum().backward()
    assert model.text.kernels.grad is not None
    with pytest.raises(ConfigError, match="text=cnn needs the features of minilm-tokens"):
        AkdDbpr(AkdDbprConfig(text="cnn"), 5, WORDS)
