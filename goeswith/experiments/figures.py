"""Figures: curves for the documentation, drawn to SVG or PNG files."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from goeswith.errors import DataError
from goeswith.files import fresh_file
from goeswith.scores import Score
from goeswith.tables import title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, QUIET, ACCENT = "#1d1d1f", "#8a8a8e", "#2f5bd0"
_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "none",
    "svg.hashsalt": "goeswith",
}


def k_curve(points: Iterable[tuple[int, Score]], out: Path) -> Path:
    """Draw how the measures depend on K, the number of attributes: Figure 2 of ADD-GNN.

    One panel for each (task, negatives, metric) in `points`; one dot for each score with its 95 % interval, the runs
    (seeds) of one K side by side, and a curve through their means. The picture is an .svg, .png or .pdf.

    Args:
        points: K and a score, run by run.

    Raises:
        DataError: there is no score, or `out` is not a picture.
    """
    points = list(points)
    if not points:
        raise DataError("the curve over K needs scores; measure runs of more than one K")
    panels = list(dict.fromkeys(score.column for _, score in points))
    with sheet(out, 1, len(panels)) as axes:
        for panel, column in zip(axes, panels, strict=True):
            _panel(panel, [(size, score) for size, score in points if score.column == column])
            panel.set_title(title(column).replace(", ", "\n"))
    return out


@contextlib.contextmanager
def sheet(
    out: Path, rows: int, columns: int, width: float = 3.6, height: float = 2.9, *, shared: bool = False
) -> Iterator[list[Axes]]:
    """Panels of `width` by `height` inches to draw on, row after row; the file is written when the block ends well.

    The same drawing makes the same file: no date is in it. shared: all panels have the same axes.

    Raises:
        DataError: `out` is not named as a picture, or cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    kind = out.suffix.lower()
    if kind not in (".svg", ".png", ".pdf"):
        raise DataError(f"{out} is not a picture; name it .svg, .png or .pdf")
    with rc_context(cast(Any, _STYLE)):
        figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
        FigureCanvasAgg(figure)
        yield list(figure.subplots(rows, columns, squeeze=False, sharex=shared, sharey=shared).flat)
        with fresh_file(out) as partial:
            stamp = {"Date": None} if kind == ".svg" else {"CreationDate": None} if kind == ".pdf" else {}
            figure.savefig(partial, format=kind[1:], dpi=200, metadata=stamp)
            if kind == ".svg":
                partial.write_text(compact(partial.read_text(encoding="utf-8")), encoding="utf-8")


def compact(svg: str) -> str:
    """The same drawing in fewer bytes: two decimals of a point, no comments, empty groups, long lists of fonts."""
    svg = re.sub(r"<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]*>", lambda tag: _compact_tag(tag[0]), svg)  # text between tags stays as it is
    svg = re.sub(r'<g id="[\w.]+"/>', "", svg)
    return re.sub(r">\s+<", ">\n<", svg)


def _compact_tag(tag: str) -> str:
    tag = re.sub(r"-?\d+\.\d{3,}", lambda number: f"{round(float(number[0]), 2):g}", tag)
    tag = re.sub(r' transform="rotate\(-0 [-\d. ]+\)"', "", tag)
    tag = re.sub(r"font-family: ('[^']+'), [^;]*sans-serif", r"font-family: \1, sans-serif", tag)
    return re.sub(r"\s+", " ", tag)


def _panel(axes: Axes, points: list[tuple[int, Score]]) -> None:
    sizes = sorted({size for size, _ in points})
    means = []
    for column, size in enumerate(sizes):
        runs = [score for own, score in points if own == size]
        values = [run.value for run in runs]
        means.append(sum(values) / len(values))
        for number, run in enumerate(runs):
            at = column + 0.16 * (number - (len(runs) - 1) / 2)
            axes.vlines(at, *run.interval, color=ACCENT, alpha=0.35, linewidth=1.6)
            axes.plot(at, run.value, "o", color=ACCENT, markersize=3.4)
    axes.plot(range(len(sizes)), means, color=INK, linewidth=1.1, zorder=0)
    axes.set_xticks(range(len(sizes)), [str(size) for size in sizes])
    axes.set_xlabel("attributes K")
    axes.set_xlim(-0.5, len(sizes) - 0.5)
    axes.grid(axis="y", color=QUIET, alpha=0.2, linewidth=0.6)
    axes.tick_params(length=0)
