"""Curves: validation AUC by epoch as the points of a chart, for pages that draw it themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

History = Sequence[Mapping[str, float]]
"""What each epoch measured, see `goeswith.train.loop.fit`."""


def learning_curves(
    runs: Mapping[str, History], size: tuple[int, int], margin: tuple[int, int] = (4, 4)
) -> list[dict[str, Any]]:
    """One curve for each run that has a history, all on the same axes.

    Args:
        runs: name → history. size: width and height of the drawing, whose origin is at the top left.
        margin: what is left free at the sides, and at top and bottom.

    Returns:
        For each run its name, ``points`` as SVG has them, ``dot`` (x, y) of the best epoch, ``best`` AUC, ``epoch``
        and ``epochs``, and the ``low`` and ``high`` ends of the axis.
    """
    series = {name: [float(row["valid_auc"]) for row in history] for name, history in runs.items() if history}
    values = [value for curve in series.values() for value in curve]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    longest = max(map(len, series.values()), default=1)
    (width, height), (aside, above) = size, margin
    charts = []
    for name, curve in series.items():
        xs = aside + (width - 2 * aside) * np.arange(len(curve)) / max(longest - 1, 1)
        ys = height - above - (height - 2 * above) * (np.array(curve) - low) / max(high - low, 1e-9)
        best = int(np.argmax(curve))
        charts.append(
            {
                "name": name,
                "points": " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True)),
                "dot": (round(float(xs[best]), 1), round(float(ys[best]), 1)),
                "best": f"{curve[best]:.3f}",
                "epoch": best + 1,
                "epochs": len(curve),
                "low": f"{low:.3f}",
                "high": f"{high:.3f}",
            }
        )
    return charts
