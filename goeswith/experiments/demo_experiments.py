"""Demo experiments: what the demo trains and compares: towers, ADD-GNN with and without knowledge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from goeswith.experiments import recipes
from goeswith.experiments.recipes import Experiment, Pairing, Recipe
from goeswith.scores import Difference, Score
from goeswith.tables import interval

PICTURES, ENCODER = "efficientnet-lite0", "words"
"""All models of the drawn wardrobe learn from its words (colour, material, pattern, season are all said): on validation
they do better without the pictures. One's own data may have pictures and few words, and there both are used."""
LOOP = ("epochs=20", "patience=5", "batch_size=64")
SETTINGS = {
    "two-tower": (
        "epochs=15",
        "batch_size=64",
        "memory=false",
        "dropout=0.2",
        "weight_decay=0.5",
        "correct_popularity=false",
    ),
    "teacher": LOOP,
    "add-gnn": ("hidden=64", "negatives=matched", *LOOP),
}
"""Small enough for minutes; all are trained on what the headline questions ask."""

TEACHERS = {"designers": "designers' pairs", "shuffled": "the same pairs, shuffled"}
"""Who teaches → what the curves call the teacher."""
TOWERS = Experiment("two-tower", "two-tower", note="the model that is trained by default")
ALONE = Experiment("ADD-GNN", "add-gnn", note="without knowledge")
TAUGHT = Experiment(
    "ADD-GNN taught by designers",
    "add-gnn",
    teacher="designers",
    settings=("carry=masks+initialisation",),
    note="starts from the masks and the scorer of a teacher",
)
CONTROL = replace(
    TAUGHT,
    name="ADD-GNN taught by shuffled pairs",
    kind="control",
    teacher="shuffled",
    note="the same, with a teacher of shuffled pairs",
)
EXPERIMENTS = (TOWERS, ALONE, TAUGHT, CONTROL)


def demo_recipe(sample: Path, seed: int) -> Recipe:
    """The recipe of the demo on a sample: users' outfits to learn from, designers' to be taught by."""
    teacher_settings = [f"teacher.{setting}" for setting in SETTINGS["teacher"]]
    settled = [
        replace(
            model,
            settings=(
                *SETTINGS[model.model],
                *(teacher_settings if model.teacher else ()),
                *model.settings,
                *recipes.TEACHERS.get(model.teacher, ()),
            ),
        )
        for model in EXPERIMENTS
    ]
    return Recipe(
        "demo", f"{sample}#users", (), tuple(settled), designers=f"{sample}#designers", encoder=ENCODER, seeds=(seed,)
    )


def pairings(best: str, floor: str) -> tuple[Pairing, ...]:
    """What learning adds, how the two models compare, what knowledge adds, and what is left beside the control.

    best: the model that validation chose.
    """
    return (
        Pairing(best, floor, "the best model against the strongest floor"),
        Pairing(TOWERS.name, ALONE.name, "against the paper's model"),
        Pairing(TAUGHT.name, ALONE.name, "what designers' knowledge adds"),
        Pairing(TAUGHT.name, CONTROL.name, "against a teacher of shuffled pairs"),
    )


def conclusion(
    best: str, scores: Mapping[str, Score], floor: str, compared: Mapping[tuple[str, str], Difference]
) -> str:
    """What is right, of which floor, under which ceiling, and what knowledge adds: two sentences, from intervals.

    Args:
        best: the model that validation chose.
        scores: scorer → its score on the headline questions, with those of ``chance`` and ``ceiling``.
        floor: the strongest floor. compared: the pairings, (first, second) → difference on the headline questions.
    """
    model, learned = scores[best], compared[best, floor]
    taught, control = compared[TAUGHT.name, ALONE.name], compared[TAUGHT.name, CONTROL.name]
    level = {1: "beats", -1: "loses to", 0: "does not clearly beat"}[_direction(learned)]
    helps = _effect(taught)
    if _direction(taught) > 0:
        helps += ", more than a teacher of shuffled pairs" if _direction(control) > 0 else (
            ", but not clearly more than a teacher of shuffled pairs does"
        )  # fmt: skip
    return (
        f"{best[0].upper()}{best[1:]}, the best model on validation, {_MEASURE[model.task]} {_share(model)} "
        f"on {model.n} {model.negatives} questions: "
        f"chance has {_share(scores['chance'])}, the strongest floor ({floor}) {_share(scores[floor])}, "
        f"and the taste that made the outfits {_share(scores['ceiling'])}. "
        f"It {level} that floor ({_interval(learned)}). Designers' knowledge {helps}; one training seed."
    )


_MEASURE = {"fitb": "finds the missing garment among four in", "compat": "ranks an outfit above a corrupted one in"}


def _share(score: Score) -> str:
    return f"{100 * score.value:.0f} %"


def _effect(line: Difference) -> str:
    word = {1: "helps", -1: "hurts", 0: "makes no difference that can be shown to"}[_direction(line)]
    return f"{word} ADD-GNN ({_interval(line)})"


def _direction(line: Difference) -> int:
    """1 where the first is shown to be higher, −1 where lower, as in the table: corrected for how many are compared."""
    if line.shows:
        return {"higher": 1, "lower": -1}.get(line.shows, 0)
    return int(line.low > 0) - int(line.high < 0)


def _interval(line: Difference) -> str:
    """The difference; what an interval without zero does not show is said."""
    apart = line.low > 0 or line.high < 0
    return interval(line) + ("; not shown when all comparisons are counted" if apart and not _direction(line) else "")
