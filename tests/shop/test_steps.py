"""Steps: several searches whose steps are computed together answer what each of them answers alone."""

import numpy as np
import pytest

from goeswith.data.filters import Filters
from goeswith.errors import CatalogueError
from goeswith.shop import candidates
from goeswith.shop.build import build_index
from goeswith.shop.completion import Request, complete
from goeswith.shop.steps import compute, finish
from goeswith.shop.stylist import Stylist
from goeswith.train.training import train

REQUESTS = [
    (["i60"], Request(["shoes", "bag"])),
    (["i3"], Request(["bottom", "shoes"], k=3, diversity=0.4)),
    (["i60", "i110"], Request(["top", "bag"], Filters(colours=("black", "blue")), coherent=False)),
    (["i100"], Request(["top"], budget=400.0)),
    (["i12"], Request.one("shoes")),
    (["i7"], Request()),
    (["i150"], Request(["top", "bottom", "shoes"], common=None, beam=4)),
]


@pytest.fixture(scope="module")
def two_tower(world, tmp_path_factory):
    dataset, _, _ = world
    folder = tmp_path_factory.mktemp("two-tower")
    run = train("two-tower", dataset, folder / "run", settings=["epochs=2", "hidden=16", "negatives=category"])
    return build_index(run, dataset, folder / "index")


def together(index, searches):
    """What several searches return, each of which begins a step later than the one before."""
    results, wanted, waiting = {}, {}, dict(enumerate(searches))
    while waiting or wanted:
        answers = dict(zip(wanted, compute(index, list(wanted.values())), strict=True))
        number = next(iter(waiting), None)
        answers |= {} if number is None else {number: None}
        for number, answer in answers.items():
            waiting.pop(number, None)
            try:
                wanted[number] = searches[number].send(answer)
            except (StopIteration, CatalogueError) as end:
                wanted.pop(number, None)
                results[number] = end.value if isinstance(end, StopIteration) else str(end)
    return [results[number] for number in range(len(searches))]


@pytest.mark.slow
@pytest.mark.parametrize("block", [candidates.BLOCK, 7])
def test_searches_that_share_their_steps_give_the_same_answers_as_alone(world, two_tower, block, monkeypatch):
    """Also where a category is more than what is multiplied at once."""
    for index in (world[2], two_tower):
        assortment = Stylist(index).assortment
        monkeypatch.setattr(candidates, "BLOCK", candidates.BLOCK)
        alone = together_alone(index, assortment)
        monkeypatch.setattr(candidates, "BLOCK", block)
        shared = together(index, [complete(assortment, anchors, request) for anchors, request in REQUESTS])
        assert sum(isinstance(looks, list) for looks in alone) > 4
        for first, second in zip(alone, shared, strict=True):
            if isinstance(first, str):
                assert first == second
                continue
            assert [look.item_ids for look in first] == [look.item_ids for look in second]
            np.testing.assert_allclose([look.score for look in first], [look.score for look in second], atol=1e-6)


def together_alone(index, assortment):
    results = []
    for anchors, request in REQUESTS:
        try:
            results.append(finish(index, complete(assortment, anchors, request)))
        except CatalogueError as error:
            results.append(str(error))
    return results
