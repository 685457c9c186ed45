"""Demo experiments: what the demo trains and compares: ways to carry knowledge, controls, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from goeswith.experiments import recipes
from goeswith.experiments.recipes import Experiment, Pairing, Recipe
from goeswith.scores import Difference
from goeswith.tables import interval

ENCODER = "efficientnet-lite0"
LOOP = ("epochs=20", "patience=5", "batch_size=64")
SETTINGS = {"teacher": LOOP, "add-gnn": ("hidden=64", "negatives=matched", *LOOP)}
"""Small enough for minutes; students are trained on what the headline questions ask."""

TEACHERS = {
    "designers": "designers' pairs",
    "shuffled": "the same pairs, shuffled",
    "own": "users' own pairs",
}
"""Who teaches → what the curves call the teacher."""
ALONE = Experiment("without knowledge", "add-gnn", note="ADD-GNN with its graph, no teacher")
NO_GRAPH = Experiment("without knowledge or graph", "add-gnn", settings=("steps=0",), note="scores from h⁰")
WAYS = tuple(
    Experiment(
        f"knowledge by {way.replace('+', ' + ')}", "add-gnn", teacher="designers", settings=(f"carry={way}",), note=note
    )
    for way, note in {
        "masks": "all that the paper carries over",
        "masks+initialisation": "the scorer starts from the teacher's",
        "responses": "matches the teacher's ranking",
    }.items()
)


def controls(way: Experiment) -> tuple[Experiment, ...]:
    """Teachers that know nothing of designers, which teach in the same way."""
    same = replace(way, kind="control", note=way.name.removeprefix("knowledge "))
    return (
        replace(same, name="untrained teacher", teacher="untrained"),
        replace(same, name="teacher of shuffled pairs", teacher="shuffled"),
        replace(same, name="teacher of users' own pairs", teacher="own"),
    )


def demo_recipe(sample: Path, seed: int, models: Sequence[Experiment]) -> Recipe:
    """The recipe of the demo's `models` on a sample: users' outfits to learn from, designers' to be taught by."""
    theirs = [f"teacher.{setting}" for setting in SETTINGS["teacher"]]
    settled = [
        replace(
            model,
            settings=(
                *SETTINGS["add-gnn"],
                *(theirs if model.teacher else ()),
                *model.settings,
                *recipes.TEACHERS.get(model.teacher, ()),
            ),
        )
        for model in models
    ]
    return Recipe(
        "demo", f"{sample}#users", (), tuple(settled), designers=f"{sample}#designers", encoder=ENCODER, seeds=(seed,)
    )


def pairings(best: Experiment, floor: str) -> tuple[Pairing, ...]:
    """What each way to carry knowledge adds, what its controls add, what the graph adds, what learning adds."""
    pairs = [
        *((way.name, ALONE.name) for way in WAYS),
        *((best.name, control.name) for control in controls(best)),
        (ALONE.name, NO_GRAPH.name),
        (best.name, floor),
    ]
    return tuple(Pairing(*pair) for pair in pairs)


def verdict(best: str, compared: Mapping[tuple[str, str], Difference]) -> str:
    """What paired differences say of knowledge, of the graph, and of learning at all: one sentence, from intervals.

    Args:
        best: the way to carry knowledge that validation chose.
        compared: (first, second) → difference on the headline questions. Of `best` there are those to the student
            without knowledge, then to its controls, and last to the strongest floor.
    """
    taught, *against, learned = (line for (first, _), line in compared.items() if first == best)
    said = f"designers' {best} {_effect(taught)}"
    if taught.low > 0:
        even = [line.against for line in against if line.low <= 0]
        said += f", but not clearly more than {' or '.join(even)}" if even else ", and more than every control"
    level = "beats" if learned.low > 0 else "loses to" if learned.high < 0 else "does not clearly beat"
    return (
        f"On {taught.n} {taught.negatives} {_ASKED[taught.task]} questions, with one training seed, {said}; "
        f"the graph {_effect(compared[ALONE.name, NO_GRAPH.name])}; "
        f"and the taught student {level} the strongest floor, {learned.against} ({interval(learned)})."
    )


_ASKED = {"fitb": "fill-in-the-blank", "compat": "compatibility"}


def _effect(line: Difference) -> str:
    word = "helps" if line.low > 0 else "hurts" if line.high < 0 else "makes no difference that they can show"
    return f"{word} ({interval(line)})"
