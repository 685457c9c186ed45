"""Scores: JSON that is kept reads back as it was written."""

import json
from pathlib import Path

import pytest
from made_scores import made_difference, made_score

from goeswith.errors import DataError
from goeswith.scores import Difference, Score
from goeswith.train.export import read_report

RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
ALWAYS = ["scorer", "task", "negatives", "metric", "value", "low", "high", "n", "unanswered", "signature"]


OTHERS = ("curves-", "domains-", "blend-", "clock")  # these have forms of their own
BENCHES = sorted(path for path in RESULTS.glob("*.json") if not path.name.startswith(OTHERS))


@pytest.mark.parametrize("path", BENCHES, ids=lambda path: path.stem)
def test_saved_results_keep_their_keys(path: Path) -> None:
    info = json.loads(path.read_text())
    assert info["lines"]
    for part, kind, own in (("lines", Score, "kind"), ("compared", Difference, "note")):
        for line in info[part]:
            del line[own]
            assert json.dumps(kind.from_dict(line).to_dict()) == json.dumps(line)


def test_what_is_not_set_is_not_written_but_for_the_interval() -> None:
    plain = made_score("a", 0.5, low=None, high=None)
    assert list(plain.to_dict()) == ALWAYS
    assert plain.interval == (0.5, 0.5)
    full = made_score("a", 0.5, floor="chance", headline=False, alpha=0.0, beta=1.0, gamma=0.5, seeds=(0.4, 0.6))
    assert list(full.to_dict()) == ["floor", "headline", *ALWAYS, "alpha", "beta", "gamma", "seeds"]
    for score in (plain, full):
        assert Score.from_dict(json.loads(json.dumps(score.to_dict()))) == score
    earlier = made_score("item_pairs", 0.5, floor="item_pairs").to_dict()
    assert Score.from_dict(earlier) == made_score("item pairs", 0.5, floor="item pairs")
    assert Score.from_dict(made_score("my_run", 0.5).to_dict()).scorer == "my_run"
    judged = made_difference(0.1, 0.05, 0.15, 0.01, p_holm=0.02, shows="higher")
    assert Difference.from_dict(json.loads(json.dumps(judged.to_dict()))) == judged


def test_a_line_that_lacks_a_number_is_refused(tmp_path: Path) -> None:
    line = made_score("a", 0.5).to_dict()
    del line["n"]
    with pytest.raises(DataError, match="a measured number is without 'n'"):
        Score.from_dict(line)
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"summary": [line]}))
    with pytest.raises(DataError, match=r"report.json: a measured number is without 'n'; make it with: goeswith eval"):
        read_report(path)
