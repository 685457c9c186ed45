"""Seeds: the mean of several trainings, its interval, and paired differences."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from made_scores import made_difference
from scipy.stats import ttest_1samp, ttest_ind
from worlds import styles_dataset

from goeswith.data.dataset import Dataset
from goeswith.data.freeze import make_questions
from goeswith.data.questions import Questions
from goeswith.errors import DataError
from goeswith.evaluate import seeds
from goeswith.evaluate.bootstrap import RESAMPLES, interval, over_few_seeds, over_seeds, spread
from goeswith.evaluate.evaluate import Report, answer, compare, report
from goeswith.evaluate.seeds import DRAWS, difference, holm, judge, means


class Luck:
    """Scores by chance, a little better where items share a style."""

    def __init__(self, seed: int) -> None:
        self.name, self.values = f"luck{seed}", np.random.default_rng(seed).random(4096)

    def score(self, items: np.ndarray, mask: np.ndarray) -> np.ndarray:
        style = items // 12 % 4
        same = (np.where(mask, style, style[:, :1]) == style[:, :1]).mean(axis=1)
        return self.values[(items * mask).sum(axis=1) % 4096] + 0.5 * same


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[list[Report]]:
    """Four scorers on two question files."""
    dataset: Dataset = styles_dataset(tmp_path_factory.mktemp("seeds"))
    usable = np.ones(len(dataset.catalogue), bool)
    files = [
        Questions.from_frame(
            make_questions(dataset.catalogue, dataset.outfits, "test", task, "category", usable=usable)[0],
            dataset.catalogue,
        )
        for task in ("compat", "fitb")
    ]
    return [[report(answer(Luck(seed), questions), dataset) for questions in files] for seed in range(4)]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many draws as a report has."""
    monkeypatch.setattr(seeds, "DRAWS", RESAMPLES)


@pytest.mark.usefixtures("few")
def test_one_seed_is_its_own_report(reports: list[list[Report]]):
    scores = [mean.score for mean in means("luck0", reports[:1]).values()]
    lines = [line for single in reports[0] for line in single.summary]
    assert [replace(score, seeds=None) for score in scores] == lines


def test_a_mean_of_seeds_is_the_mean_of_their_values_and_pooled_auc_is_among_them(reports: list[list[Report]]):
    averages = means("luck", reports[:3])
    assert ("compat", "category", "pooled_auc") in averages
    for at, (column, mean) in enumerate(averages.items()):
        values = [
            [line for single in seed_reports for line in single.summary][at].value for seed_reports in reports[:3]
        ]
        assert mean.score.seeds == pytest.approx(values)
        assert mean.score.value == pytest.approx(np.mean(values))
        assert mean.draws.shape == (DRAWS,)
        assert mean.score.low < mean.score.value < mean.score.high
        assert (mean.score.task, mean.score.negatives, mean.score.metric) == column


@pytest.mark.usefixtures("few")
def test_a_difference_is_that_of_a_paired_comparison(reports: list[list[Report]]):
    first, second = means("luck0", reports[:1]), means("luck1", reports[1:2])
    lines = [line for a, b in zip(reports[0], reports[1], strict=True) for line in compare(a, b)]
    for column, line in zip(first, lines, strict=True):
        assert asdict(difference(first[column], second[column])) == pytest.approx(asdict(line))


def test_other_questions_are_not_compared(reports: list[list[Report]]):
    compat, _, fitb = means("luck", reports[:1]).values()
    with pytest.raises(DataError, match="did not answer the same questions"):
        difference(compat, fitb)


def test_holm_is_the_printed_procedure():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_draws_have_other_seeds_too_with_the_variance_of_seeds():
    random = np.random.default_rng(0)
    values = np.array([0.1, 0.2, 0.6])
    drawn = over_seeds(np.repeat(values[:, None], 200_000, axis=1), 1)  # outfits make no difference
    assert drawn.mean() == pytest.approx(values.mean(), abs=0.002)
    assert drawn.var() == pytest.approx(values.var(ddof=1) / 3, rel=0.02)
    single = random.random((1, 50))
    np.testing.assert_array_equal(over_seeds(single, 1), single[0])
    both = random.random((4, 1000))
    np.testing.assert_allclose(over_seeds(both + 0.25, 1) - over_seeds(both, 1), 0.25)  # the same seeds: paired


def test_few_seeds_err_as_often_as_they_say():
    """Of 2,000 differences that are none, p is below a level about as often as the level says, whoever is uncertain."""
    random = np.random.default_rng(0)
    outfits, runs = 400, 2000
    for share in (0.2, 0.5, 0.9):  # of the variance that is due to seeds
        chances, naive, covered = [], [], []
        for _ in range(runs):
            seeds_of = random.normal(0, (5 * share) ** 0.5, 5) + random.normal(0, (1 - share) ** 0.5)
            draws = over_seeds(seeds_of[:, None] + random.normal(0, (1 - share) ** 0.5, (1, 400)), 1)
            paired = over_few_seeds(seeds_of.mean(), draws, outfits, seeds_of)
            chances.append(paired.p)
            naive.append(spread(draws).p)
            covered.append(paired.low < 0 < paired.high)
        assert np.mean(np.array(chances) < 0.05) == pytest.approx(0.05, abs=0.015)
        assert np.mean(np.array(chances) < 0.005) < 0.01
        assert np.mean(covered) == pytest.approx(0.95, abs=0.015)
    assert np.mean(np.array(naive) < 0.05) > 0.09  # quantiles of the draws do not


def test_t_of_seeds_alone_is_student_s():
    """With no luck of outfits the interval and p are those of a textbook's t test of k values."""
    values = np.array([0.012, 0.019, 0.008, 0.022, 0.015])
    draws = over_seeds(np.repeat(values[:, None], 100_000, axis=1), 1)
    known = ttest_1samp(values, 0.0)
    paired = over_few_seeds(float(values.mean()), draws, 10**6, values)
    assert paired.p == pytest.approx(known.pvalue, rel=0.05)
    assert (paired.low, paired.high) == pytest.approx(known.confidence_interval(0.95), rel=0.02)
    other = np.array([0.001, 0.004, -0.002])
    drawn = draws - over_seeds(np.repeat(other[:, None], 100_000, axis=1), 1)
    apart = over_few_seeds(float(values.mean() - other.mean()), drawn, 10**6, values, other)
    assert apart.p == pytest.approx(ttest_ind(values, other, equal_var=False).pvalue, rel=0.1)
    assert over_few_seeds(0.0, np.zeros(9), 4, np.zeros(5)) == (0.0, 0.0, 1.0)
    low, high = interval(float(values.mean()), draws, 10**6, values)
    assert high - low > 1.3 * np.subtract(*np.quantile(draws, [0.975, 0.025]))


def test_seeds_that_answered_other_questions_have_no_mean(reports: list[list[Report]]):
    older = [replace(each, summary=[replace(line, signature="older") for line in each.summary]) for each in reports[1]]
    with pytest.raises(DataError, match="the seeds of luck did not answer the same questions"):
        means("luck", [reports[0], older])


def test_an_interval_over_seeds_is_wider_than_one_over_outfits(reports: list[list[Report]]):
    column = ("fitb", "category", "accuracy")
    line = means("luck", reports[:3])[column].score
    alone = [means("luck", reports[seed : seed + 1])[column].score for seed in range(3)]
    assert np.std(line.seeds) > 0
    shared = np.mean([line.high - line.low for line in alone]) / 3**0.5
    assert line.high - line.low > shared


def test_equivalent_differs_from_not_shown():
    lines = [
        made_difference(0.05, 0.02, 0.08, 0.001),
        made_difference(-0.05, -0.08, -0.02, 0.001),
        made_difference(0.001, -0.004, 0.006, 0.7),
        made_difference(0.001, -0.04, 0.06, 0.7),
        made_difference(0.01, 0.001, 0.06, 0.03),  # not after Holm
    ]
    lines = judge(lines)
    assert [line.shows for line in lines] == ["higher", "lower", "equivalent", "not shown", "not shown"]
    assert lines[4].p_holm == pytest.approx(0.09)
