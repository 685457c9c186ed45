"""Designers' knowledge: pairs, the teacher's equation, and each way it reaches a student."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from worlds import styles_data

from goeswith.data.catalogue import Catalogue
from goeswith.data.outfits import OutfitBatch, Outfits
from goeswith.data.pairs import tops_and_bottoms
from goeswith.errors import ConfigError, DataError
from goeswith.models import TrainingData, Vocabulary
from goeswith.models.add_gnn import AddGnn, AddGnnConfig
from goeswith.models.losses import mask_distance, response_divergence
from goeswith.models.teacher import Teacher, TeacherConfig
from goeswith.train.designers import Designers, DesignersConfig, shuffled_pairs
from goeswith.train.loop import fit
from goeswith.train.settings import TrainConfig
from goeswith.train.source import Step

WORDS = Vocabulary(("boots", "shirt", "skirt"), ("shoes", "top", "bottom"))


@pytest.fixture
def data() -> TrainingData:
    return styles_data()


def student_and_teacher(data: TrainingData, **settings: object) -> tuple[AddGnn, Teacher, Vocabulary]:
    words, dim = Vocabulary.of(data.catalogue), data.features.shape[1]
    torch.manual_seed(1)
    teacher = Teacher(TeacherConfig(attributes=2, rank=6), dim, words)
    return AddGnn(AddGnnConfig(attributes=2, hidden=6, **settings), dim, words), teacher, words  # type: ignore[arg-type]


def step_of(data: TrainingData, student: AddGnn) -> Step:
    padded, real = data.train.take(np.arange(40)).padded()
    items, mask = torch.from_numpy(padded), torch.from_numpy(real)
    rows, indices = items.unique(return_inverse=True)
    features, categories = data.features[rows], data.categories[rows]
    states, positive = student.encode_items(features, categories), OutfitBatch(indices, mask)
    right = student.score(states, positive)
    return Step(
        features=features, categories=categories, states=states, positive=positive, items=items,
        corrupt=items[:, None], negative=positive, right=right, wrong=right[:, None], objective=right.new_zeros(()),
        epoch=0, all_features=data.features, all_categories=data.categories,
        generator=torch.Generator().manual_seed(2),
    )  # fmt: skip


def test_every_top_is_paired_with_every_bottom_of_its_outfit_only() -> None:
    groups = ["top", "top", "bottom", "shoes", "bottom", None]
    catalogue = Catalogue(pl.DataFrame({"item_id": list("abcdef"), "category": ["x"] * 6, "group": groups}))
    frame = pl.DataFrame(
        {
            "outfit_id": ["1", "2", "3"],
            "item_ids": [list("abcd"), list("adf"), list("ebd")],
            "split": ["train", "train", "test"],
        }
    )
    pairs = tops_and_bottoms(Outfits.from_frame(frame, catalogue), catalogue)
    assert pairs.items.reshape(-1, 2).tolist() == [[0, 2], [1, 2], [1, 4]]
    assert pairs.splits.tolist() == ["train", "train", "test"]
    assert len(set(pairs.outfit_ids)) == 3
    with pytest.raises(DataError, match="group 'top' and one of group 'bottom'"):
        tops_and_bottoms(Outfits.from_frame(frame.slice(1, 1), catalogue), catalogue)


def test_shuffled_pairs_keep_the_items_and_the_splits(data: TrainingData) -> None:
    pairs = tops_and_bottoms(data.train, data.catalogue)
    mixed = shuffled_pairs(pairs, seed=0)
    before, after = pairs.items.reshape(-1, 2), mixed.items.reshape(-1, 2)
    assert np.array_equal(before[:, 0], after[:, 0])
    assert np.array_equal(np.sort(before[:, 1]), np.sort(after[:, 1]))
    assert (before[:, 1] != after[:, 1]).mean() > 0.8


@pytest.mark.parametrize("rank", [4, 0])
@pytest.mark.parametrize("activation", ["relu", "logistic"])
def test_the_teacher_is_equation_10(rank: int, activation: str) -> None:
    torch.manual_seed(0)
    teacher = Teacher(TeacherConfig(attributes=3, rank=rank, activation=activation), 5, WORDS).double()
    features, categories = torch.rand(6, 5).double(), torch.tensor([0, 1, 1, 2, 2, 3])
    batch = OutfitBatch(
        torch.tensor([[1, 3, 0, 4], [2, 4, 0, 0], [0, 1, 5, 1]]),
        torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]]).bool(),
    )
    states = teacher.encode_items(features, categories)
    scores = teacher.score(states, batch)
    act = torch.relu if activation == "relu" else torch.sigmoid

    def printed(top: int, bottom: int) -> float:
        total = 0.0
        for k in range(3):
            m_top, m_bottom = (act(teacher.attributes.masks[:, k] * features[i]) for i in (top, bottom))
            if rank:
                m_top, m_bottom = teacher.attributes.weight @ m_top, teacher.attributes.weight @ m_bottom
            total += float((m_top @ teacher.pair[k] @ m_bottom).detach())
        return total

    assert scores[0].item() == pytest.approx((printed(1, 3) + printed(1, 4)) / 2, rel=1e-6)
    assert scores[1].item() == pytest.approx(printed(2, 4), rel=1e-6)
    assert scores[2].isnan()  # no bottom


def test_masks_start_from_the_teachers_and_stay_near(data: TrainingData) -> None:
    student, teacher, words = student_and_teacher(data)
    source = Designers(teacher, DesignersConfig(distillation_weight=0.5), data, words)
    source.prepare(student)
    assert torch.equal(student.attributes.masks, teacher.attributes.masks)
    assert not torch.equal(student.attributes.weight, teacher.attributes.weight)
    step = step_of(data, student)
    assert source.loss(student, step).item() == pytest.approx(0, abs=1e-8)
    with torch.no_grad():
        student.attributes.masks.add_(0.1)
    wanted = 0.5 * mask_distance(step.features, student.attributes.masks, teacher.attributes.masks)
    torch.testing.assert_close(source.loss(student, step), wanted)
    assert not any(p.requires_grad for p in source.parameters())


def test_initialisation_carries_the_whole_scorer(data: TrainingData) -> None:
    student, teacher, words = student_and_teacher(data, steps=0)
    Designers(teacher, DesignersConfig(carry="initialisation"), data, words).prepare(student)
    for student_tensor, teacher_tensor in (
        (student.attributes.masks, teacher.attributes.masks),
        (student.pair, teacher.pair),
    ):
        assert torch.equal(student_tensor, teacher_tensor)
    assert torch.equal(student.attributes.weight, teacher.attributes.weight)


def test_responses_compare_student_and_teacher_on_the_same_candidates(data: TrainingData) -> None:
    student, teacher, words = student_and_teacher(data)
    source = Designers(teacher, DesignersConfig(carry="responses", candidates=4, temperature=2.0), data, words)
    seen: dict[str, torch.Tensor] = {}

    def remember(learned: torch.Tensor, taught: torch.Tensor, temperature: float) -> torch.Tensor:
        seen["taught"], seen["temperature"] = taught, torch.tensor(temperature)
        return response_divergence(learned, taught, temperature)

    import goeswith.train.designers as module

    original, module.response_divergence = module.response_divergence, remember
    try:
        loss = source.loss(student, step_of(data, student))
    finally:
        module.response_divergence = original
    assert loss.item() > 0
    assert seen["taught"].shape[1] == 4
    assert seen["taught"].isfinite().all()
    assert seen["temperature"] == 2
    loss.backward()
    assert student.pair.grad is not None
    assert student.pair.grad.abs().sum() > 0
    assert teacher.pair.grad is None


def test_a_student_of_responses_comes_to_rank_as_its_teacher(data: TrainingData) -> None:
    student, teacher, words = student_and_teacher(data, steps=0)
    with torch.no_grad():
        teacher.pair.mul_(30)  # a teacher with opinions
    source = Designers(teacher, DesignersConfig(carry="responses", candidates=6), data, words)
    optimiser = torch.optim.Adam(student.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        loss = source.divergence(student, step_of(data, student))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("teaching", ["joint", "ema"])
def test_a_teacher_that_learns_along_moves_and_ema_lags(data: TrainingData, tmp_path, teaching: str) -> None:
    student, teacher, words = student_and_teacher(data)
    pairs = replace(
        data, train=tops_and_bottoms(data.train, data.catalogue), valid=tops_and_bottoms(data.valid, data.catalogue)
    )
    source = Designers(teacher, DesignersConfig(teaching=teaching), data, words, own=pairs)
    start = teacher.attributes.masks.detach().clone()
    config = TrainConfig(negatives="category", epochs=2, batch_size=64, precision="fp32")
    fit(student, data, config, tmp_path, knowledge=[source])
    moved = (teacher.attributes.masks - start).abs().mean()
    assert moved > 0
    if teaching == "ema":
        assert 0 < (source.target.attributes.masks - start).abs().mean() < moved
    else:
        assert source.target is teacher


def test_what_cannot_be_carried_is_refused(data: TrainingData) -> None:
    student, _, words = student_and_teacher(data)
    other = Teacher(TeacherConfig(attributes=3, rank=6), data.features.shape[1], words)
    with pytest.raises(ConfigError, match="train both with the same encoder, attributes and activation"):
        Designers(other, DesignersConfig(), data, words).prepare(student)
    other = Teacher(TeacherConfig(attributes=2, rank=5), data.features.shape[1], words)
    with pytest.raises(ConfigError, match=r"teacher\.rank equal to hidden"):
        Designers(other, DesignersConfig(carry="initialisation"), data, words).prepare(student)
    with pytest.raises(ConfigError, match="'mask' is not one of masks, responses, initialisation"):
        DesignersConfig(carry="mask+responses")
    with pytest.raises(ConfigError, match=r"ema_decay is 7.*\[0, 1\)"):
        DesignersConfig(ema_decay=7)
    with pytest.raises(ConfigError, match="with teaching=joint the teacher would be trained"):
        DesignersConfig(untrained=True, teaching="joint")
    with pytest.raises(ConfigError, match="for ngnn, teach by rankings: --set carry=responses"):
        DesignersConfig().check("ngnn")
    DesignersConfig(carry="responses").check("ngnn")
    with pytest.raises(ConfigError, match="needs the designers' data set"):
        Designers(other, DesignersConfig(teaching="joint"), data, words)
