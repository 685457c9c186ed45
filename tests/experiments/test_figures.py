"""Figures: the curve over K shows every run."""

import re
from pathlib import Path

import pytest

from goeswith.errors import DataError
from goeswith.experiments.figures import k_curve


def lines(metrics: tuple[tuple[str, str], ...] = (("compat", "auc"), ("fitb", "accuracy"))) -> list[dict]:
    """Three seeds of K = 1, 2, 8."""
    return [
        {"attributes": k, "task": task, "negatives": "matched", "metric": metric, "value": at, "low": at - 0.02,
         "high": at + 0.02}
        for task, metric in metrics for k in (1, 2, 8) for at in (0.5 + k / 100, 0.51 + k / 100, 0.52 + k / 100)
    ]  # fmt: skip


def test_every_run_is_a_dot_in_its_panel(tmp_path: Path):
    svg = k_curve(lines(), tmp_path / "k.svg").read_text()
    dots = re.findall(r'<use xlink:href="#m\w+" x="([\d.]+)" y="([\d.]+)" style="fill: #2f5bd0', svg)
    assert len(dots) == 18
    assert len({x for x, _ in dots}) == 18  # no seed hides another
    for text in ("Compatibility AUC", "Fill in the blank accuracy", "attributes K"):
        assert text in svg


def test_the_same_numbers_make_the_same_picture(tmp_path: Path):
    first, second = (k_curve(lines(), tmp_path / f"{name}.svg").read_bytes() for name in "ab")
    assert first == second
    assert k_curve(lines(), tmp_path / "k.png").read_bytes().startswith(b"\x89PNG")


def test_lines_without_k_and_files_that_are_no_picture_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="say their 'attributes'"):
        k_curve([{"task": "fitb"}], tmp_path / "k.svg")
    with pytest.raises(DataError, match=r"k.txt is not a picture; name it .svg, .png or .pdf"):
        k_curve(lines(), tmp_path / "k.txt")
    assert not list(tmp_path.iterdir())
