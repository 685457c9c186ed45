"""Figures: the curve over K shows every run."""

import re
from pathlib import Path

import pytest
from made_scores import made_score

from goeswith.errors import DataError
from goeswith.experiments.figures import compact, k_curve
from goeswith.scores import Score


def lines(metrics: tuple[tuple[str, str], ...] = (("compat", "auc"), ("fitb", "accuracy"))) -> list[tuple[int, Score]]:
    """Three seeds of K = 1, 2, 8."""
    return [
        (k, made_score("add-gnn", at, task=task, metric=metric, low=at - 0.02, high=at + 0.02))
        for task, metric in metrics for k in (1, 2, 8) for at in (0.5 + k / 100, 0.51 + k / 100, 0.52 + k / 100)
    ]  # fmt: skip


def test_every_run_is_a_dot_in_its_panel(tmp_path: Path):
    svg = k_curve(lines(), tmp_path / "k.svg").read_text()
    dots = re.findall(r'<use xlink:href="#m\w+" x="([\d.]+)" y="([\d.]+)" style="fill: #2f5bd0', svg)
    assert len(dots) == 18
    assert len({x for x, _ in dots}) == 18  # no seed hides another
    for text in ("Compatibility AUC", "Fill in the blank accuracy", "attributes K"):
        assert text in svg


@pytest.mark.slow
def test_the_same_numbers_make_the_same_picture(tmp_path: Path):
    first, second = (k_curve(lines(), tmp_path / f"{name}.svg").read_bytes() for name in "ab")
    assert first == second
    assert k_curve(lines(), tmp_path / "k.png").read_bytes().startswith(b"\x89PNG")


def test_an_empty_curve_and_files_that_are_not_pictures_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="the curve over K needs scores"):
        k_curve([], tmp_path / "k.svg")
    with pytest.raises(DataError, match=r"k.txt is not a picture; name it .svg, .png or .pdf"):
        k_curve(lines(), tmp_path / "k.txt")
    assert not list(tmp_path.iterdir())


def test_a_drawing_gets_smaller_and_its_words_stay():
    svg = """<g id="text_1">
  <!-- 0.12345 -->
  <path d="M 1.23456 2.0
L 10 -3.99999
" style="x"/>
  <g id="line_1"/>
  <text transform="rotate(-0 1 2)" y="1.004001">Brier 0.1234,  3.0</text>
</g>
"""
    small = compact(svg)
    assert small == (
        '<g id="text_1">\n<path d="M 1.23 2.0 L 10 -4 " style="x"/>\n<text y="1">Brier 0.1234,  3.0</text>\n</g>\n'
    )
    assert compact(small) == small
