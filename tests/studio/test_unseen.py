"""Pages that judge outfits held out: as the model saw them before it learned from them, whatever is served."""

import json
from pathlib import Path

import numpy as np
import pytest
from served import COLOURS, make_dataset
from shops import trained

from goeswith.data.freeze import freeze
from goeswith.shop.build import build_index
from goeswith.studio.pages import board_view, quiz, report
from goeswith.studio.pages import rule_effects as effects
from goeswith.studio.pages import rule_switches as switches
from goeswith.studio.pages.quiz_reasons import reason
from goeswith.studio.service.catalogue_view import CatalogueView
from goeswith.studio.service.shop_rules import Switches
from goeswith.train.run import HELD_OUT, Run

RULE = json.dumps(["colour", COLOURS[0], COLOURS[1], "-"])


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> tuple[CatalogueView, CatalogueView]:
    """Over an index whose model has learned from all outfits, and over one of the same model before that."""
    folder = tmp_path_factory.mktemp("unseen")
    dataset = make_dataset(folder)
    plan = [("compat", "category"), ("fitb", "category")]
    freeze(dataset.catalogue, dataset.outfits, dataset.path / "questions", dataset=dataset.name, plan=plan)
    run = trained(dataset, folder / "run", "epochs=6", "learn_from=train+valid+test", model="two-tower")
    served = build_index(run, dataset, folder / "served")
    plain = build_index(Run(run.path / HELD_OUT), dataset, folder / "plain")
    return CatalogueView(served.path), CatalogueView(plain.path)


def test_the_two_score_differently(views: tuple[CatalogueView, CatalogueView]) -> None:
    items, mask = np.array([[0, 60, 120]]), np.ones((1, 3), bool)
    served, plain = (float(view.index.scorer.score(items, mask)[0]) for view in views)
    assert abs(served - plain) > 1e-3


def test_the_quiz(views: tuple[CatalogueView, CatalogueView]) -> None:
    rows = quiz.questions(views[0]).head(30).to_dicts()
    assert rows
    for row in rows:
        served, plain = (quiz.answer(view, row, 0) for view in views)
        assert served["pick"] == plain["pick"]
        assert [look.score for look in served["looks"]] == pytest.approx([look.score for look in plain["looks"]])
        texts = [reason(view, row["context"], row["candidates"], row["answer"]) for view in views]
        assert texts[0] == texts[1]


def test_the_effect_of_rules(views: tuple[CatalogueView, CatalogueView]) -> None:
    served, plain = (effects.effect(view, switches.stored(view, Switches((), (RULE,)))) for view in views)
    assert served == plain
    ruled = [effects.effect(view, switches.stored(view, Switches((RULE,), (RULE,)))) for view in views]
    assert ruled[0]["right_before"] == served["right_before"]
    assert ruled[0]["coverage"] == ruled[1]["coverage"] > 0


def test_the_pairs_that_lines_are_compared_with(views: tuple[CatalogueView, CatalogueView]) -> None:
    served, plain = (board_view._worn_pair_scores(view) for view in views)
    assert served.keys() == plain.keys()
    for size, ascending in served.items():
        np.testing.assert_allclose(ascending, plain[size], atol=1e-6)


def test_the_report(views: tuple[CatalogueView, CatalogueView]) -> None:
    served, plain = (report.numbers(view) for view in views)
    assert not served["trouble"]
    tables = [[row["cells"] for row in numbers["rows"]] for numbers in (served, plain)]
    assert tables[0] == tables[1]
    shown = [[outfit["look"].item_ids for outfit in numbers["best"]] for numbers in (served, plain)]
    assert shown[0] == shown[1]
    assert (served["again"], plain["again"]) == (True, False)
    assert served["curve"] == plain["curve"]


def test_the_start_serves_what_is_served(views: tuple[CatalogueView, CatalogueView]) -> None:
    """Looks that are offered are judged by the model that offers them."""
    ids: list[str] = [views[0].catalogue.ids[row] for row in (0, 60, 120)]
    [served], [unseen] = (board_view.scored(views[0], [ids], unseen=unseen) for unseen in (False, True))
    assert served.score != unseen.score


def test_pages_without_features_say_so(views: tuple[CatalogueView, CatalogueView], tmp_path: Path) -> None:
    """The data set of an index may be gone where it is served; then there is no quiz, and the rest goes on."""
    features = views[0].index.dataset / "features"  # type: ignore[operator]
    features.rename(tmp_path / "features")
    view = CatalogueView(views[0].index.path)
    try:
        assert report._extremes(view)["best"] == []
        page = quiz.page(view, board_view.Board(), 0, 0, 0, 0, -1)
        assert "features" in page["trouble"]
        assert str(tmp_path) not in page["trouble"]
    finally:
        (tmp_path / "features").rename(features)
