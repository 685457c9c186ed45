"""What the rules taught: every number against a loop, and what is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
from html_pages import Page
from ruled_wardrobe import COUNT, RULES, compat, one_by_one, with_column, write_dataset, write_run
from worlds import write_made

from goeswith.data.dataset import Dataset, Imported, create
from goeswith.data.freeze import make_questions
from goeswith.data.questions import Questions
from goeswith.errors import CatalogueError, DataError
from goeswith.evaluate.rule_insights import KINDS, Insights, insights, valid_questions
from goeswith.evaluate.rule_votes import taught_scorer
from goeswith.experiments.rules_page import percent, ranked, summary, write_page
from goeswith.rules.pairs import RuleScore
from goeswith.rules.rules import Rule
from goeswith.train.run import Run
from goeswith.train.scorers import TaughtScorer


@pytest.mark.parametrize("form", ["triplet", "compat"])
def test_every_number_is_that_of_a_loop_over_the_questions(run: Run, dataset: Dataset, form: str):
    taught = taught_scorer(run, dataset)
    questions = compat(dataset) if form == "compat" else valid_questions(dataset, taught.student.present)
    result = insights(run, dataset, None if form == "triplet" else questions)
    answered, unanswered = [], 0
    for row in questions.frame.iter_rows(named=True):
        truth, other = row["candidates"][row["answer"]], row["candidates"][1 - row["answer"]]
        context, pair = (dataset.catalogue.rows(ids).tolist() for ids in (row["context"], [truth, other]))
        case = one_by_one(taught, dataset, context, tuple(pair))
        answered += [case] if case else []
        unanswered += case is None
    active = [case for case in answered if case["trust"]]
    assert result.questions == len(answered) > 50
    assert result.unanswered == unanswered
    assert (unanswered > 0) == (form == "compat")
    assert result.active == len(active) < len(answered)
    assert result.rivalled == sum(len(case["trust"]) > 1 for case in active) > 10
    assert result.right == pytest.approx([np.mean([case["rights"][n] for case in answered]) for n in (0, 1)])
    assert result.right_active == pytest.approx([np.mean([case["rights"][n] for case in active]) for n in (0, 1)])
    assert result.gain[0] == pytest.approx(result.right_active[1] - result.right_active[0])
    assert result.gain[1] <= result.gain[0] <= result.gain[2]
    verdicts = [sum(t if case["backs"][at] else -t for at, t in case["trust"].items()) for case in active]
    disputes = [v > 0 for v, case in zip(verdicts, active, strict=True) if case["rights"][0] == (v < 0)]
    assert (result.disputes, result.rules_right) == (len(disputes), sum(disputes))
    turned = [case["rights"][1] for case in active if {*case["rights"]} == {0, 1}]
    assert (result.overturned, result.overturned_right) == (len(turned), sum(turned))
    assert result.overturned > 0
    for index, rule in enumerate(result.rules):
        mine = [case for case in active if index in case["trust"]]
        assert rule.measured == RuleScore(len(answered), len(mine), sum(case["backs"][index] for case in mine))
        if not mine:
            assert rule.trust is rule.rivalled is rule.student is None
            continue
        assert rule.student == pytest.approx(np.mean([case["rights"][0] for case in mine]))
        assert rule.taught == pytest.approx(np.mean([case["rights"][1] for case in mine]))
        check_spread(rule.trust, [(case["trust"][index], len(case["trust"])) for case in mine])
        check_spread(
            rule.rivalled, [(case["trust"][index], len(case["trust"])) for case in mine if len(case["trust"]) > 1]
        )
    for attribute, spread in result.attributes.items():
        entries = [
            (t, len(case["trust"])) for case in active if len(case["trust"]) > 1
            for at, t in case["trust"].items() if RULES[at].attribute == attribute
        ]  # fmt: skip
        check_spread(spread, entries)
    assert set(result.attributes) == {"colour", "material", "word"}
    check_cases(result, taught, dataset)


def check_spread(spread, entries: list[tuple[float, int]]) -> None:
    trust = [t for t, _ in entries]
    assert spread.count == len(entries)
    assert spread.mean == pytest.approx(np.mean(trust), abs=1e-5)
    assert spread.relative == pytest.approx(np.mean([t * n for t, n in entries]), abs=1e-5)
    assert spread.quantiles == pytest.approx(np.quantile(trust, [0.1, 0.25, 0.5, 0.75, 0.9]), abs=1e-5)


def check_cases(result: Insights, taught: TaughtScorer, dataset: Dataset) -> None:
    """Each case is what its kind says, and there are at most two of a kind, of different contexts."""
    shown = set()
    for index, rule in enumerate(result.rules):
        for kind, cases in rule.cases.items():
            shown.add(kind)
            assert len(cases) in (1, 2)
            assert len({case.context[0] for case in cases}) == len(cases)
            for case in cases:
                row = one_by_one(taught, dataset, list(case.context), (case.right, case.wrong))
                share = row["trust"][index] * len(row["trust"]) >= 1 - 1e-6
                assert kind == KINDS[2 * (not share) + (not row["backs"][index])]
                assert (case.trust, case.p, case.q) == pytest.approx(
                    (row["trust"][index], row["p"], row["q"]), abs=1e-5
                )
                assert case.rivals == len(row["trust"])
    assert shown == set(KINDS)


def test_published_validation_triplets_are_asked_first(run: Run, dataset: Dataset, tmp_path: Path):
    usable = np.ones(len(dataset.catalogue), bool)
    frame, _ = make_questions(dataset.catalogue, dataset.outfits, "valid", "triplet", "group", limit=40, usable=usable)
    imported = Imported(
        items=dataset.catalogue.items.drop("image"), outfits=dataset.outfits.to_frame(dataset.catalogue),
        source="made", licence="none", questions={"official-valid-triplet": frame},
    )  # fmt: skip
    other = create(imported, tmp_path / "published", layout="test")
    write_made(other, other.catalogue.ids, np.random.default_rng(1).random((3 * COUNT, 8)).astype(np.float32))
    result = insights(run, other)
    assert result.questions == 40
    assert result.asked.endswith("official-valid-triplet.parquet")
    assert "|valid|triplet|group|" in result.signatures[0]


def test_uniform_trust_is_an_even_share_and_is_reported(folder: Path, dataset: Dataset):
    result = insights(write_run(folder, dataset, RULES, "confidence=uniform", name="uniform"), dataset)
    assert all(rule.rivalled.relative == pytest.approx(1) for rule in result.rules if rule.rivalled)
    assert not any(kind.startswith("distrusted") for rule in result.rules for kind in rule.cases)
    assert "weights all active rules equally (confidence=uniform)" in " ".join(summary(result))


def test_the_control_is_named_as_one(folder: Path, dataset: Dataset):
    result = insights(write_run(folder, dataset, RULES, "shuffled_rules=true", name="control"), dataset)
    assert any(sentence.startswith("This run is the control") for sentence in summary(result))


def test_rules_never_active_together_have_no_trust_to_compare(folder: Path, dataset: Dataset, tmp_path: Path):
    result = insights(write_run(folder, dataset, RULES[:1], name="single"), dataset)
    assert (result.rivalled, result.attributes, result.rules[0].rivalled) == (0, {}, None)
    assert result.rules[0].trust.mean == 1
    assert "Rules are rarely active together" in " ".join(summary(result))
    page = Page(write_page(result, tmp_path / "rules.html"))
    assert "No two rules are ever active in one question" in page.text
    assert "alone wherever it is active" in page.text


def test_the_summary_says_what_was_measured(result: Insights):
    first, reach, disputes, turned, *_ = summary(result)
    assert percent(result.right_active[0], 1) in first
    assert percent(result.right_active[1], 1) in first
    assert re.search(r"rules (helps|hurts|makes no clear difference):", first)
    assert reach.startswith(f"Of {result.questions} questions, {result.active} (")
    assert f"disagree in {result.disputes} questions" in disputes
    assert f"the rules are right in {percent(result.rules_right / result.disputes)}," in disputes
    assert f"change its pick in {result.overturned} questions" in turned
    often = [rule for rule in ranked(result.rules) if rule.rivalled and rule.rivalled.count >= 20]
    assert len(often) > 1
    assert any(f"the run trusts “{often[0].rule}”" in sentence for sentence in summary(result))
    assert any(f"most and “{often[-1].rule}”" in re.sub(r" \([^)]*\)", "", sentence) for sentence in summary(result))
    assert summary(result)[-1] == "1 of the 5 rules is never active on these questions."


def test_uninformative_questions_are_refused_in_one_sentence(folder: Path, run: Run, dataset: Dataset, tmp_path: Path):
    other = Questions.from_frame(compat(dataset).frame, dataset.catalogue, {"catalogue": "0" * 12})
    with pytest.raises(DataError, match=r"was made from another catalogue than .*; give questions of this data set"):
        insights(run, dataset, other)
    frame, _ = make_questions(
        dataset.catalogue, dataset.outfits, "valid", "fitb", "category", usable=np.ones(3 * COUNT, bool)
    )
    with pytest.raises(DataError, match=r"has no question of two candidates; give triplets"):
        insights(run, dataset, Questions.from_frame(frame, dataset.catalogue))
    grey = write_dataset(tmp_path, colours=("grey",))
    silent = write_run(folder, grey, RULES[:1], name="silent")
    with pytest.raises(DataError, match=r"none of the 1 rules of .* is active in any of the \d+ answered questions"):
        insights(silent, grey)
    bare = create(
        Imported(dataset.catalogue.items.drop("image"), dataset.outfits.to_frame(dataset.catalogue), "made", "none"),
        tmp_path / "bare", layout="test",
    )  # fmt: skip
    write_made(bare, bare.catalogue.ids, np.ones((3 * COUNT, 8), np.float32))
    unknown = write_run(folder, with_column(dataset, tmp_path), [Rule("mood", "calm", "calm", "+")], name="moody")
    with pytest.raises(CatalogueError, match=r"rule 'mood: calm \+ calm': the catalogue has no attribute 'mood'"):
        insights(unknown, bare)
