"""Where items stand in many pairs, equal ones are computed once, to the same distances and gradients."""

import pytest
import torch
from small_models import small

from goeswith.data.outfits import OutfitBatch
from goeswith.models import ItemStates, Vocabulary, item_pairs


@pytest.mark.parametrize("name", ["csa-net", "type-aware"])
def test_what_is_computed_once_is_what_pairs_say(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = Vocabulary(("shirt", "skirt", "boots"), ("top", "bottom", "shoes"))
    model = small(name, 6, words)
    generator = torch.Generator().manual_seed(1)
    features, codes = torch.randn(9, 6, generator=generator), torch.arange(9) % 4  # code 3 = a category never seen
    items = torch.randint(0, 9, (60, 5), generator=generator)
    batch = OutfitBatch(items, torch.arange(5) < torch.randint(2, 6, (60, 1), generator=generator))
    answers, gradients = [], []
    for crowded in (10**9, 0):
        monkeypatch.setattr(item_pairs, "CROWDED", crowded)
        model.zero_grad()
        states = model.encode_items(features, codes)
        scores = model.score(ItemStates(*states), batch)
        (scores * torch.arange(60)).sum().backward()
        answers.append(scores.detach())
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert torch.allclose(*answers, atol=1e-6)
    assert torch.allclose(*gradients, atol=1e-4, rtol=1e-5)
    assert gradients[0].abs().max() > 1
