"""TextCNN against naive loops; padding, short texts and frozen vectors."""

import pytest
import torch
from torch import Tensor

from goeswith.models.textcnn import TextCnn

VECTORS = torch.randn(40, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def made(seed: int = 0, heights: tuple[int, ...] = (2, 3, 4, 5)) -> TextCnn:
    torch.manual_seed(seed)
    model = TextCnn(VECTORS, maps=7, heights=heights).double()
    torch.nn.init.normal_(model.bias)
    return model


def texts(*lengths: int, width: int = 9) -> Tensor:
    tokens = torch.randint(1, len(VECTORS), (len(lengths), width), generator=torch.Generator().manual_seed(2))
    return tokens * (torch.arange(width) < torch.tensor(lengths)[:, None])


def naive(model: TextCnn, tokens: Tensor) -> Tensor:
    rows = []
    for text in tokens.tolist():
        words = [VECTORS[word] for word in text if word]
        pooled, first = [], 0
        for height, bias in zip(model.heights, model.bias, strict=True):
            filled = words + [torch.zeros(6, dtype=torch.float64)] * (height - len(words))
            kernel = model.kernels[:, first : first + height]  # (E, h, maps)
            values = [
                sum(filled[start + s] @ kernel[:, s] for s in range(height)) + bias
                for start in range(len(filled) - height + 1)
            ]
            pooled.append(torch.stack(values).relu().amax(0))
            first += height
        rows.append(torch.cat(pooled))
    return torch.stack(rows)


@pytest.mark.parametrize("heights", [(2, 3, 4, 5), (1,), (3, 1)])
def test_it_says_what_loops_say(heights: tuple[int, ...]) -> None:
    model, tokens = made(heights=heights), texts(9, 5, 4, 3, 2, 1, 0, 7)
    weights = torch.randn(8, model.dim, dtype=torch.float64)
    gradients = []
    for form in (model, lambda tokens: naive(model, tokens)):
        model.zero_grad()
        out = form(tokens)
        (out * weights).sum().backward()
        gradients.append((out.detach(), model.kernels.grad.clone(), model.bias.grad.clone()))
    for fast, slow in zip(*gradients, strict=True):
        torch.testing.assert_close(fast, slow)
    assert gradients[0][0].shape == (8, 7 * len(heights))
    assert (gradients[0][0] > 0).any()


@pytest.mark.parametrize("width", [1, 2, 4, 9, 30])
def test_padding_and_neighbours_change_nothing(width: int) -> None:
    model, tokens = made(), texts(1, 0, 1)
    alone = model(tokens[:1, :1])
    wide = torch.nn.functional.pad(tokens[:, :1], (0, width - 1))
    long = torch.cat([wide, texts(width, width=width)])
    torch.testing.assert_close(model(wide)[:1], alone)
    torch.testing.assert_close(model(long)[:1], alone)


def test_an_empty_text_has_the_answer_of_no_words() -> None:
    model = made()
    torch.testing.assert_close(model(texts(0))[0], model.bias.relu().flatten())
    assert model(texts(0)[:0]).shape == (0, model.dim)


def test_the_vectors_are_frozen_not_saved_and_padding_has_none() -> None:
    model = made()
    assert {name for name, _ in model.named_parameters()} == set(model.state_dict()) == {"kernels", "bias"}
    assert not model.vectors[0].any()
    assert VECTORS[0].any()
    again = made(seed=5)
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(texts(8, 3)), model(texts(8, 3)))


def test_numbers_as_features_hold_them_are_taken() -> None:
    model = made()
    assert torch.equal(model(texts(8, 3).float()), model(texts(8, 3)))


def test_it_learns_which_pair_of_words_matters() -> None:
    """A known answer: texts with word 3 straight before word 4, among texts with both apart."""
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(5, 40, (256, 10), generator=generator)
    tokens[:, 2], tokens[:, 6] = 3, 4
    tokens[::2, 6], tokens[::2, 3] = 9, 4
    truth = (torch.arange(256) % 2 == 0).float()
    torch.manual_seed(0)
    model, head = TextCnn(VECTORS.float(), maps=8), torch.nn.Linear(32, 1)
    optimiser = torch.optim.Adam([*model.parameters(), *head.parameters()], lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        scores = head(model(tokens[:200]))[:, 0]
        torch.nn.functional.binary_cross_entropy_with_logits(scores, truth[:200]).backward()
        optimiser.step()
    right = (head(model(tokens[200:]))[:, 0] > 0) == truth[200:].bool()
    assert right.float().mean() > 0.9
