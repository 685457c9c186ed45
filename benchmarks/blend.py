"""Blend models of a recipe, each trusted as far as validation questions say, and ask the test questions once.

    python benchmarks/blend.py recipes/fashionvc.toml --models CSA-Net SCE-Net Type-Aware --control Two-tower \
        --valid official-valid-triplet --test official-test-triplet

For each seed, the models are trained as the recipe says (runs that are there are used), and their weights are fitted
on the validation questions by pairwise logistic regression: `goeswith.train.trust`, the first model is the one that is
never left out. The control is a blend of as many runs of one model, of this seed and the next ones of the recipe: what
a blend of anything gives. Kept in docs/results/blend-NAME.json, which docs/results.md shows.

With --popularity a second blend also knows how many training outfits wear an item: ln n, n at least 1, so that never is
as once. Where wrong answers are drawn evenly from a catalogue, popular items are right more often, whatever they are
worn with: that is no taste.

With --together one more blend is made, of the mean of each model over all seeds of the recipe that are trained, and the
mean of the first model alone stands beside it. There is one of each, whose interval knows no luck of training. The
models themselves then have all of these seeds.

With --with-validation the models are also trained again with the validation outfits (`TrainConfig.learn_from`), for as
many epochs as were best before that, and blended with the weights that are fitted without them.

    python benchmarks/blend.py recipes/fashionvc.toml --models "Group towers" CSA-Net SCE-Net Type-Aware \
        --control "Group towers" --popularity --together --with-validation \
        --valid official-valid-triplet --test official-test-triplet
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from goeswith.data.dataset import Dataset
from goeswith.data.questions import Questions, read_questions
from goeswith.errors import ConfigError, ModelError
from goeswith.evaluate.evaluate import Answers, Report, answer, report
from goeswith.evaluate.seeds import difference, judge, means
from goeswith.experiments.processes import processes
from goeswith.experiments.recipes import Recipe, read_recipe
from goeswith.experiments.trainings import trainings
from goeswith.experiments.trainings import work as train_one
from goeswith.files import fresh_file
from goeswith.models.floors import ItemFloor
from goeswith.train.run import Run
from goeswith.train.trust import TrustConfig, TrustQuestions, fit_trust

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
BLEND, POPULARITY, TOGETHER = "blend", "popularity", "blend of all seeds"
ALSO_VALIDATION = "validation outfits too"
"""Of what was trained again with them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--models", nargs="+", required=True, help="names of the recipe's models")
    parser.add_argument("--control", help="a model of the recipe, of whose seeds a control is blended")
    parser.add_argument("--popularity", action="store_true", help="also blend with how often items are worn")
    parser.add_argument("--together", action="store_true", help="also blend the means over all seeds that are trained")
    parser.add_argument(
        "--with-validation", action="store_true", help="also blend models trained again with validation outfits"
    )
    parser.add_argument("--valid", required=True, help="validation questions, by the file's name")
    parser.add_argument("--test", help="test questions; without, only validation ones are asked")
    parser.add_argument("--work", type=Path, default=Path("runs/results/bench"), help="folder of the benches")
    parser.add_argument("--data", help="the data set's folder, where it is not the recipe's")
    parser.add_argument("--seeds", nargs="*", type=int, help="the recipe's")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs trained side by side")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for what was measured")
    options = parser.parse_args()
    recipe = read_recipe(options.recipe)
    recipe = replace(recipe, dataset=options.data or recipe.dataset, seeds=tuple(options.seeds or recipe.seeds))
    results = measure(
        recipe, options.models, work=options.work / recipe.name, control=options.control, valid=options.valid,
        test=options.test, popularity=options.popularity, together=options.together,
        with_validation=options.with_validation, jobs=options.jobs, say=lambda text: print(text, file=sys.stderr),
    )  # fmt: skip
    if options.test:
        write(results, options.results)
    print(json.dumps(results, indent=1))


def write(results: Mapping[str, Any], folder: Path) -> None:
    """Keep what `measure` returned where the page finds it."""
    with fresh_file(folder / f"blend-{results['recipe']}.json") as partial:
        partial.write_text(json.dumps(results, indent=1) + "\n")


def measure(
    recipe: Recipe,
    models: Sequence[str],
    *,
    work: Path,
    valid: str,
    test: str | None,
    control: str | None = None,
    popularity: bool = False,
    together: bool = False,
    with_validation: bool = False,
    jobs: int = 1,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Each model, the blend and its control on the test questions, what the blend has over each, and the weights.

    work: the bench's folder. control: a model, where one is wanted. jobs: runs trained side by side. say: takes a line
    for each run that is trained.
    """
    dataset = Dataset(recipe.dataset)
    question_files = [
        read_questions(dataset.path / "questions" / f"{name}.parquet", dataset.catalogue)
        for name in (valid, test)
        if name
    ]
    seeds = recipe.seeds
    recipe = recipe.only([*models, *([control] if control else [])])
    further = learning_validation(recipe.only(models))
    train_side_by_side(recipe, work, jobs, say)
    worn = [answer(popularity_of(dataset), questions) for questions in question_files] if popularity else None
    answers = {seed: answered(recipe, seed, work, dataset, question_files) for seed in seeds}
    again = {}
    if with_validation:
        train_side_by_side(further, work / "with-validation", jobs, lambda text: say(f"{text}, {ALSO_VALIDATION}"))
        again = {seed: answered(further, seed, work / "with-validation", dataset, question_files) for seed in seeds}
    sittings: dict[str, list[list[Report]]] = {}
    fitted = []
    for seed, of_seed in answers.items():
        mixed = mixtures(BLEND, {name: of_seed[name] for name in models}, worn)
        if control:
            name = f"{control}, {len(models)} seeds"
            mixed[name] = mix(name, control_of(answers, control, seed, len(models)))
        weights, auc = mixed[BLEND][1:]
        spread = weights * [lead(of_seed[name][0]).std() for name in models]  # scores differ in scale
        shares = dict(zip(models, (spread / spread.sum()).tolist(), strict=True))
        aucs = {f"{name} valid_auc": each[2] for name, each in mixed.items() if name != BLEND}
        fitted.append({"seed": seed, "valid_auc": auc, "shares": shares, **aucs})
        of_seed |= {f"{name}, {ALSO_VALIDATION}": parts for name, parts in again.get(seed, {}).items()}
        if with_validation:
            name = f"{BLEND}, {ALSO_VALIDATION}"
            mixed[name] = mix(name, {model: of_seed[f"{model}, {ALSO_VALIDATION}"] for model in models})
        if test:
            every = [name for name in of_seed if name.removesuffix(f", {ALSO_VALIDATION}") in models]
            last = {name: of_seed[name][-1] for name in every} | {name: each[0] for name, each in mixed.items()}
            for name, each in last.items():
                sittings.setdefault(name, []).append([report(each, dataset)])
    if together:
        runs_of = dict(trained(recipe.only(models), work, dataset, question_files))
        means_of = {name: average(runs_of[name]) for name in models}
        mixed = mixtures(TOGETHER, means_of, worn)
        if with_validation:
            further_runs = dict(trained(further, work / "with-validation", dataset, question_files))
            name = f"{TOGETHER}, {ALSO_VALIDATION}"
            mixed[name] = mix(name, {model: average(further_runs[model]) for model in models})
        fitted.append({"seed": None, **{f"{name} valid_auc": each[2] for name, each in mixed.items()}})
        if test:
            last = {f"{models[0]}, all seeds": means_of[models[0]][-1]} | {n: each[0] for n, each in mixed.items()}
            sittings |= {name: [[report(each, dataset)]] for name, each in last.items()}
            sittings |= {name: [[report(run[-1], dataset)] for run in runs] for name, runs in runs_of.items()}
    scores = {name: next(iter(means(name, sat).values())) for name, sat in sittings.items()}
    compared = judge([difference(scores[BLEND], score) for name, score in scores.items() if name != BLEND])
    return {
        "recipe": recipe.name,
        "models": list(models),
        "seeds": list(seeds),
        "valid": fitted,
        "test": [mean.score.to_dict() for mean in scores.values()],
        "compared": [line.to_dict() for line in compared],
    }


def learning_validation(recipe: Recipe) -> Recipe:
    """The same models, trained again with validation outfits."""
    more = "learn_from=train+valid"
    return replace(recipe, models=tuple(replace(each, settings=(*each.settings, more)) for each in recipe.models))


def train_side_by_side(recipe: Recipe, work: Path, jobs: int, say: Callable[[str], None]) -> None:
    """Train what is not trained yet, each run in a process of one thread.

    Raises:
        ModelError: one of them cannot run.
    """
    planned = trainings(recipe, work)
    with processes(jobs) as pool:
        for (experiment, seed), outcome in zip(planned, pool.map(train_one, planned.values()), strict=True):
            if isinstance(outcome, str):
                raise ModelError(f"{experiment.name}, seed {seed}: {outcome}")
            say(f"{experiment.name}, seed {seed}: trained")


def popularity_of(dataset: Dataset) -> ItemFloor:
    """The mean of ln n over the items of an outfit, n how many training outfits wear an item, at least 1."""
    worn = np.bincount(dataset.outfits.split("train").items, minlength=len(dataset.catalogue))
    return ItemFloor(POPULARITY, np.log(np.maximum(worn, 1)))


def answered(
    recipe: Recipe, seed: int, work: Path, dataset: Dataset, question_files: Sequence[Questions]
) -> dict[str, list[Answers]]:
    """What each model of the recipe says with a seed, of each file of questions; trained where it has no run."""
    answers = {}
    for (experiment, _), training in trainings(replace(recipe, seeds=(seed,)), work).items():
        of_files = of_run(training.run(), dataset, question_files)
        answers[experiment.name] = [replace(each, scorer=experiment.name) for each in of_files]
    return answers


def of_run(run: Run, dataset: Dataset, question_files: Sequence[Questions]) -> list[Answers]:
    """What a run says of each file of questions, as it was before it learned from the outfits that are asked about."""
    return [
        answer(run.measurable(dataset, (questions.info["split"],)).scorer(dataset), questions)
        for questions in question_files
    ]


def trained(
    recipe: Recipe, work: Path, dataset: Dataset, question_files: Sequence[Questions]
) -> Iterator[tuple[str, list[list[Answers]]]]:
    """Each model of the recipe, and what each of its runs that are finished says of each file of questions."""
    for experiment in recipe.models:
        outs = [training.out for training in trainings(replace(recipe, models=(experiment,)), work).values()]
        finished = [out for out in outs if (out / "weights.safetensors").is_file()]
        yield experiment.name, [of_run(Run(out), dataset, question_files) for out in finished]


def average(runs: Sequence[Sequence[Answers]]) -> list[Answers]:
    """The mean of what some runs say of each file of questions."""
    return [replace(each[0], scores=np.mean([run.scores for run in each], axis=0)) for each in zip(*runs, strict=True)]


def control_of(
    answers: Mapping[int, Mapping[str, list[Answers]]], model: str, seed: int, count: int
) -> dict[str, list[Answers]]:
    """What a model says with a seed and with the next ones, `count` in all, the first following the last."""
    seeds = list(answers)
    if len(seeds) < count:
        raise ConfigError(f"a control of {count} runs needs {count} seeds, the recipe has {len(seeds)}")
    begin = seeds.index(seed)
    return {f"{model} {each}": answers[each][model] for each in (seeds[begin:] + seeds[:begin])[:count]}


def mixtures(
    name: str, parts: Mapping[str, list[Answers]], worn: list[Answers] | None
) -> dict[str, tuple[Answers, np.ndarray, float]]:
    """`mix` of some parts and, where there is one, of the same and of popularity."""
    mixed = {name: mix(name, parts)}
    if worn is not None:
        name = f"{name} with {POPULARITY}"
        mixed[name] = mix(name, {**parts, POPULARITY: worn})
    return mixed


def mix(name: str, parts: Mapping[str, list[Answers]]) -> tuple[Answers, np.ndarray, float]:
    """The weighted sum of the last answers of each part, the weights fitted on the first ones, and their AUC."""
    weights, auc = trusted([answers[0] for answers in parts.values()])
    return blended(name, [answers[-1] for answers in parts.values()], weights), weights, auc


def trusted(answers: Sequence[Answers]) -> tuple[np.ndarray, float]:
    """A weight for each model (S,), and the AUC of validation outfits, each judged by weights fitted without it."""
    questions = answers[0].questions
    differences = np.stack([lead(each) for each in answers], axis=1)
    owner = np.unique(questions.frame["context"].list.first().to_numpy(), return_inverse=True)[1]
    count = len(differences)
    trust_questions = TrustQuestions(differences[:, :, None], owner, np.full(count, 1 / count))
    trust = fit_trust(trust_questions, [0], TrustConfig(by_group=False))
    return trust.weights[:, 0], trust.auc


def lead(answers: Answers) -> np.ndarray:
    """(Q,) by how much the right one of two candidates is ahead; 0 where a score is missing."""
    starts = answers.questions.score_offsets[:-1]
    pairs = answers.scores[starts[:, None] + np.arange(2)]
    at = answers.questions.answers
    rows = np.arange(len(at))
    margin: np.ndarray = np.nan_to_num(pairs[rows, at] - pairs[rows, 1 - at])
    return margin


def blended(name: str, answers: Sequence[Answers], weights: np.ndarray) -> Answers:
    """The weighted sum of the scores."""
    scores = sum(weight * each.scores for weight, each in zip(weights, answers, strict=True) if weight)
    return replace(answers[0], scorer=name, scores=np.asarray(scores))


if __name__ == "__main__":
    main()
