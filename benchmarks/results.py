"""Make docs/results.md: every model on every data set, by the recipes, and what designers' knowledge adds, by studies.

    python benchmarks/results.py --data ../shared/data

Every stage is kept under --work: the command goes on where it stopped, and trains nothing twice. What was measured is
kept in docs/results/, a JSON file and pictures for each recipe and study; --tables makes the page again from these
alone. --collect trains nothing and keeps what is finished, each model with the seeds that it has.

It measures what the page shows: the models that it has, with a search where the name of a recipe says so. --all adds
the models that were left out for want of time, --models chooses some. --only names recipes and studies; the longest
need to be named.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import blend
from results_clock import Say, keep_clock, on_the_clock
from results_data import pair_question_files, prepare
from results_page import LONG, RESULTS, STUDIES, TABLES, shown, write_page
from results_study import PREFIX, measure_study

from goeswith.data.dataset import Dataset
from goeswith.errors import GoeswithError
from goeswith.experiments.bench import bench
from goeswith.experiments.recipes import Experiment, Recipe, read_recipe
from goeswith.experiments.search import TRIALS as TRIALS_FILE
from goeswith.experiments.search import read_trials
from goeswith.files import fresh_file
from goeswith.scores import Column

ROOT = Path(__file__).resolve().parents[1]
TRIALS = 20
"""Of the search for each model's settings."""
BLENDS = {"fashionvc": ("Group towers", "CSA-Net", "SCE-Net", "Type-Aware")}
"""Recipe → which of its models are blended as well; the control is a blend of the first one's seeds."""
BLENDED: dict[str, Any] = {
    "valid": "official-valid-triplet", "test": "official-test-triplet",
    "popularity": True, "together": True, "with_validation": True,
}  # fmt: skip
"""On which questions and in which ways, see `benchmarks/blend.py`."""
KEPT_PICTURES = ("accuracy", "differences", "costs", "learning", "k")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the published data sets")
    parser.add_argument("--work", type=Path, default=Path("runs/results"), help="folder for all that can be made again")
    every = [*TABLES, *STUDIES]
    parser.add_argument(
        "--only", nargs="*", metavar="NAME", choices=every, default=[name for name in every if name not in LONG],
        help=f"what to measure: {', '.join(every)}",
    )  # fmt: skip
    parser.add_argument("--models", nargs="*", default=(), help="models to train, by name (those that the page shows)")
    parser.add_argument("--all", action="store_true", help="train all models of the recipes")
    parser.add_argument("--seeds", nargs="*", type=int, default=(), help="seeds to train (the recipe's)")
    parser.add_argument("--trials", type=int, help=f"of the search for each model ({TRIALS} where a recipe has one)")
    parser.add_argument("--collect", action="store_true", help="train nothing, keep what is finished")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs trained side by side")
    parser.add_argument("--tables", action="store_true", help="measure nothing, make the page again")
    options = parser.parse_args()
    logging.getLogger("goeswith").setLevel(logging.ERROR)
    start = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - start:7.0f} s  {text}", flush=True)

    failed = []
    if not options.tables:
        data, work = options.data.resolve(), options.work.resolve()
        os.chdir(ROOT)  # where the rule files of the recipes lie
        for name in options.only:
            clock = work / "clock" / f"{name}.json"
            clocked = say if options.collect else on_the_clock(clock, options.jobs, say)
            try:
                if name in STUDIES:
                    study = ROOT / "recipes" / "curves" / f"{name.removeprefix(PREFIX)}.toml"
                    measure_study(study, data, work, RESULTS, clocked, options.jobs, options.collect)
                elif options.collect:
                    collect(name, data, work, options, clocked)
                else:
                    measure(name, data, work, options, clocked)
                clocked(f"{name}: measured")
                if not (options.collect or options.models or options.seeds or options.trials is not None):
                    keep_clock(clock, RESULTS)
            except GoeswithError as error:
                say(f"{name}: {error}")
                failed.append(name)
    say(str(write_page(TABLES)))
    if failed:
        sys.exit(f"not measured, see above: {', '.join(failed)}")


def measure(name: str, data: Path, work: Path, options: argparse.Namespace, say: Say) -> None:
    """Train and ask the models of a recipe that are wanted, after a search for settings where it has one; keep them.

    Where only some models or seeds are wanted, all that are finished are kept.
    """
    recipe = read_recipe(ROOT / "recipes" / f"{name}.toml")
    there = [experiment.name for experiment in recipe.models]
    wanted = options.models or (there if options.all else shown(name, recipe))
    if not (chosen := [model for model in there if model in wanted]):
        return
    recipe = recipe.only(chosen)
    recipe = moved(replace(recipe, seeds=tuple(options.seeds) or recipe.seeds), data, work, say)
    trials, out = _trials(name, options), work / "bench" / name
    bench(recipe, out, jobs=options.jobs, search=trials, say=lambda line: say(f"{name}: {line}"))
    if options.models or options.seeds:
        collect(name, data, work, options, say)
    else:
        keep(name, Dataset(recipe.dataset), out, work, trials)
        if name in BLENDS:
            models = BLENDS[name]
            say(f"{name}: a blend of {', '.join(models)}")
            each = {"work": out, "jobs": options.jobs, "say": lambda line: say(f"{name}: {line}")}
            blend.write(blend.measure(recipe, models, control=models[0], **each, **BLENDED), RESULTS)


def _trials(name: str, options: argparse.Namespace) -> int:
    """Of the search for each model's settings; 0 for the settings of the recipe."""
    if options.trials is not None:
        return int(options.trials)
    return TRIALS if "search" in name.split("-") else 0


def collect(name: str, data: Path, work: Path, options: argparse.Namespace, say: Say) -> None:
    """Keep what is finished of a recipe."""
    if not (work / "bench" / name / "runs").is_dir():
        return
    recipe = moved(read_recipe(ROOT / "recipes" / f"{name}.toml"), data, work, say, designers=False)
    trials = _trials(name, options)
    bench(recipe, work / "bench" / name, search=trials, collect=True, say=lambda line: say(f"{name}: {line}"))
    keep(name, Dataset(recipe.dataset), work / "bench" / name, work, trials)


def moved(recipe: Recipe, data: Path, work: Path, say: Say, designers: bool = True) -> Recipe:
    """The recipe with its data sets, which are imported and encoded as far as they are needed, below `work`."""
    needed = [recipe.dataset]
    if designers and recipe.designers and any(experiment.teacher for experiment in recipe.models):
        needed.append(recipe.designers)
    encoders = [recipe.encoder or "", *(experiment.encoder or "" for experiment in recipe.models)]
    for path in needed:
        prepare(path, encoders, data, work / "data", say)
    paths = {name: str(work / path) for name in ("dataset", "designers") if (path := getattr(recipe, name))}
    recipe = replace(recipe, **paths)
    return replace(recipe, questions=(*recipe.questions, *_pair_questions(recipe)))


def _pair_questions(recipe: Recipe) -> list[str]:
    return pair_question_files(Dataset(recipe.dataset)) if any("-triplet" in name for name in recipe.questions) else []


def _column(line: Mapping[str, Any]) -> Column:
    return line["task"], line["negatives"], line["metric"]


def keep(name: str, dataset: Dataset, out: Path, work: Path, trials: int) -> None:
    """Keep what the page shows of a bench in docs/results: numbers, what they cost, and the pictures."""
    results: dict[str, Any] = json.loads((out / "results.json").read_text())
    shown: dict[tuple[str, str], Column] = {}  # the headline measure of each question file comes first
    for line in results["lines"]:
        shown.setdefault((line["task"], line["negatives"]), _column(line))
    for part in ("lines", "compared"):
        results[part] = [line for line in results[part] if _column(line) in shown.values()]
    for trained in results["trained"].values():
        for trained_run in trained:
            history = trained_run.pop("history")  # the picture of learning curves has them
            trained_run["train_auc"] = history[trained_run["best_epoch"] - 1].get("train_auc")
    results["described"] = {
        key: dataset.info[key] for key in ("source", "licence", "items", "pictures", "split_report")
    }
    results["page"], results["trials"] = (out / "results.md").read_text(), trials
    results["searches"] = searches(out / "search", results["recipe"]["models"])
    results["seconds"] = {part: spent(out / part) for part in ("search", "teachers", "runs")}
    RESULTS.mkdir(parents=True, exist_ok=True)
    with fresh_file(RESULTS / f"{name}.json") as partial:
        text = json.dumps(results, indent=1, ensure_ascii=False)
        partial.write_text(text.replace(f"{work}/", "") + "\n")  # local paths are not published
    for picture in KEPT_PICTURES:
        if (out / f"{picture}.svg").is_file():
            (RESULTS / f"{name}-{picture}.svg").write_text((out / f"{picture}.svg").read_text())


def searches(folder: Path, models: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What the search of each model came to, by the model's name, of those that were searched."""
    found = {}
    for model in (Experiment(name=model["name"], model=model["model"]) for model in models):
        if trials := read_trials(folder / model.slug / TRIALS_FILE):
            complete = [trial for trial in trials if trial.valid_auc is not None and not trial.pruned]
            best = max(complete, key=lambda trial: trial.valid_auc or 0.0)
            found[model.name] = {
                "trials": len(trials),
                "pruned": sum(trial.pruned for trial in trials),
                "failed": sum(trial.valid_auc is None for trial in trials),
                "epochs": sum(len(trial.epochs) for trial in trials),
                "first": trials[0].valid_auc,
                "best": best.valid_auc,
                "train": best.train_epochs[best.epochs.index(max(best.epochs))] if best.train_epochs else None,
                "settings": " ".join(best.settings),
            }
    return found


def spent(folder: Path) -> float:
    """Seconds of all trainings below a folder, each on one thread."""
    configs = (json.loads(path.read_text()) for path in folder.rglob("config.json") if path.parent.name != "teacher")
    return sum(config["result"]["seconds"] for config in configs if "result" in config)


if __name__ == "__main__":
    main()
