"""Draw the picture of the first page: outfits with a gap, and what the true taste gives four items for it.

python docs/pictures.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from goeswith.data.catalogue import Catalogue
from goeswith.data.freeze import make_questions
from goeswith.data.outfits import Outfits
from goeswith.data.questions import Questions
from goeswith.data.readers.sample import oracle
from goeswith.data.sample.drawing import draw
from goeswith.data.sample.outfits import make_outfits
from goeswith.data.sample.wardrobe import make_items
from goeswith.evaluate.evaluate import answer

OUT = Path(__file__).resolve().parent / "pictures" / "blanks.jpg"
SHOWN, SIDE, SEED = 2, 200, 5
INK, WARM = "#26221f", "#a8432a"


def garment(axes: Axes, item: dict[str, str], number: int) -> None:
    """A drawn item, without axes."""
    picture = draw(
        item["category"], item["colour"], item["pattern"], item["material"], summer=item["season"] == "summer",
        seed=(SEED, number), size=SIDE,
    )  # fmt: skip
    axes.imshow(np.asarray(picture))


def main() -> None:
    """Gaps taken by chance among those with three other items; the item that was worn is framed."""
    luck = np.random.default_rng(SEED)
    catalogue = Catalogue(make_items(440, luck))
    worn = Outfits.from_frame(make_outfits(catalogue, 120, luck), catalogue)
    usable = np.ones(len(catalogue), dtype=bool)
    frame, _ = make_questions(catalogue, worn, None, "fitb", "category", seed=SEED, usable=usable)
    questions = Questions.from_frame(frame, catalogue)
    scores = answer(oracle(catalogue), questions).scores
    fitting = np.flatnonzero(questions.context_mask.sum(axis=1) == 3)
    figure, grid = plt.subplots(SHOWN, 8, figsize=(10, 1.28 * SHOWN), width_ratios=[1, 1, 1, 0.7, 1, 1, 1, 1])
    for line, question in zip(grid, luck.choice(fitting, SHOWN, replace=False), strict=True):
        first, last = questions.candidate_offsets[question : question + 2]
        rows = [*questions.context[question][questions.context_mask[question]], None, *questions.candidates[first:last]]
        for axes, row in zip(line, rows, strict=True):
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if row is not None:
                garment(axes, catalogue.items.row(row, named=True), int(row))
        line[3].text(0.5, 0.5, "+  ?", ha="center", va="center", fontsize=20, color=INK)
        for index, (axes, score) in enumerate(zip(line[4:], scores[first:last], strict=True)):
            right = index == questions.answers[question]
            axes.set_xlabel(f"{score:+.2f}", fontsize=10, color=WARM if right else INK, labelpad=3)
            axes.spines[:].set(visible=bool(right), color=WARM, linewidth=2)
    figure.tight_layout(pad=0.4, h_pad=0.6)
    OUT.parent.mkdir(exist_ok=True)
    figure.savefig(OUT, dpi=140, pil_kwargs={"quality": 88, "optimize": True})
    print(f"{OUT.name}: {OUT.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
