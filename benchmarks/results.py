"""Make docs/results.md: every model on every data set, by the recipes, after an equal search for settings.

    python benchmarks/results.py --data ../shared/data

Every stage is kept under --work: the command goes on where it stopped, and trains nothing twice. What was measured is
kept in docs/results/, a JSON file and pictures for each recipe; --tables makes the page anew from these alone.
--collect trains nothing and keeps what is finished, each model with the seeds that it has.

It measures what the page shows: the models that it has, with a search where the name of a recipe says so. --all adds
the models that were left out for want of time, --models chooses some. --only names recipes; the longest needs to be.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
from results_page import LONG, RESULTS, shown, write_page

from goeswith.data.dataset import Dataset, create
from goeswith.data.encoders.encode import encode
from goeswith.data.freeze import make_questions
from goeswith.data.pairs import tops_and_bottoms
from goeswith.data.questions import read_questions, write_questions
from goeswith.data.readers import read
from goeswith.errors import GoeswithError
from goeswith.experiments.bench import bench
from goeswith.experiments.recipes import Experiment, Recipe, read_recipe
from goeswith.experiments.search import TRIALS as TRIALS_FILE
from goeswith.experiments.search import read_trials
from goeswith.files import fresh_file
from goeswith.scores import Column

ROOT = Path(__file__).resolve().parents[1]
RECIPES = (
    "mango", "mango-search", "mango-search-further", "mango-softmax", "mango-parts", "ccp", "ccp-search",
    "ccp-negatives", "polyvore", "sample", "fashionvc", "fashionvc-rules", "mango-pairs",
)  # fmt: skip
TRIALS = 20
"""Of the search for each model's settings."""
LENGTHS = (10, 100)
"""T of the retrieval of AKD-DBPR's paper, for tops that training has seen and for others."""
SAMPLE = {"outfits": 6000, "items": 1000}
"""Of the generated sample; half of the outfits are users'."""
KEPT_PICTURES = ("accuracy", "differences", "costs", "learning", "k")

Say = Callable[[str], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the published data sets")
    parser.add_argument("--work", type=Path, default=Path("runs/results"), help="folder for all that can be made again")
    parser.add_argument(
        "--only", nargs="*", default=[name for name in RECIPES if name not in LONG], help="recipes to measure"
    )
    parser.add_argument("--models", nargs="*", default=(), help="models to train, by name (those that the page shows)")
    parser.add_argument("--all", action="store_true", help="train all models of the recipes")
    parser.add_argument("--seeds", nargs="*", type=int, default=(), help="seeds to train (the recipe's)")
    parser.add_argument("--trials", type=int, help=f"of the search for each model ({TRIALS} where a recipe has one)")
    parser.add_argument("--collect", action="store_true", help="train nothing, keep what is finished")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs trained side by side")
    parser.add_argument("--tables", action="store_true", help="measure nothing, make the page anew")
    options = parser.parse_args()
    logging.getLogger("goeswith").setLevel(logging.ERROR)
    start = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - start:7.0f} s  {text}", flush=True)

    if not options.tables:
        data, work = options.data.resolve(), options.work.resolve()
        os.chdir(ROOT)  # where the rule files of the recipes lie
        for name in options.only:
            try:
                if not options.collect:
                    clocked = on_the_clock(work / "clock" / f"{name}.json", options.jobs, say)
                    measure(name, data, work, options, clocked)
                    clocked(f"{name}: measured")
                collect(name, data, work, options, say)
            except GoeswithError as error:
                say(f"{name}: {error}")
    say(str(write_page(RECIPES)))


def on_the_clock(file: Path, jobs: int, say: Say) -> Say:
    """`say` that also keeps, at each line, how many seconds of a core the recipe has taken, in all calls together."""
    before = float(json.loads(file.read_text())) if file.is_file() else 0.0
    start = time.monotonic()

    def clocked(text: str) -> None:
        say(text)
        with fresh_file(file) as partial:
            partial.write_text(json.dumps(round(before + (time.monotonic() - start) * jobs)))

    file.parent.mkdir(parents=True, exist_ok=True)
    return clocked


def measure(name: str, data: Path, work: Path, options: argparse.Namespace, say: Say) -> None:
    """Train and ask the models of a recipe that are wanted, after a search for settings where it has one."""
    recipe = read_recipe(ROOT / "recipes" / f"{name}.toml")
    there = [experiment.name for experiment in recipe.models]
    wanted = options.models or (there if options.all else shown(name, recipe))
    if not (chosen := [model for model in there if model in wanted]):
        return
    recipe = recipe.only(chosen)
    recipe = moved(replace(recipe, seeds=tuple(options.seeds) or recipe.seeds), data, work, say)
    trials = _trials(name, options)
    bench(recipe, work / "bench" / name, jobs=options.jobs, search=trials, say=lambda line: say(f"{name}: {line}"))


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
    for folder in dict.fromkeys(needed):
        prepare(Path(folder).name.partition("#")[0], recipe, data, work / "data", say)
    paths = {name: str(work / path) for name in ("dataset", "designers") if (path := getattr(recipe, name))}
    recipe = replace(recipe, **paths)
    return replace(recipe, questions=(*recipe.questions, *own_questions(recipe)))


def prepare(name: str, recipe: Recipe, data: Path, folder: Path, say: Say) -> None:
    """Import and encode a data set, as far as that has not been done."""
    dest = folder / name
    if not dest.exists():
        say(f"import {name}")
        dest.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=dest.parent) as drawn:
            drawing = name == "sample"
            imported = read(name, None if drawing else data / name, workdir=Path(drawn), **(SAMPLE if drawing else {}))
            create(imported, dest, layout=name)
    wanted = [recipe.encoder or "", *(experiment.encoder for experiment in recipe.models)]
    for encoder in dict.fromkeys(name for each in wanted for name in each.split("+") if name):
        if not (dest / "features" / f"{encoder}.safetensors").exists():
            say(f"encode {name} with {encoder}")
            encode(Dataset(dest), encoder)


def own_questions(recipe: Recipe) -> list[str]:
    """The paper's questions about pairs that a recipe cannot name, made where they are missing; their names."""
    if not any("-triplet" in name for name in recipe.questions):
        return []
    dataset = Dataset(recipe.dataset)
    names, signature = [], {"dataset": dataset.name, "split": "test", "seed": "0"}
    for name, frame in pair_questions(dataset):
        path = dataset.path / "questions" / f"{name}.parquet"
        if not path.exists():
            write_questions(frame, path, dataset.catalogue, dataset.outfits, **signature)
        names.append(name)
    return names


def pair_questions(dataset: Dataset) -> Iterator[tuple[str, pl.DataFrame]]:
    """Published triplets within one category, and retrieval of bottoms for tops seen and unseen in training."""
    catalogue = dataset.catalogue
    official = dataset.path / "questions" / "official-test-triplet.parquet"
    if official.is_file():
        published = read_questions(official, catalogue).frame
        kinds = dict(zip(catalogue.ids, catalogue.category_codes, strict=True))
        alike = pl.Series([kinds[a] == kinds[b] for a, b in published["candidates"]])
        yield "own-same-category", published.filter(alike).with_columns(negatives=pl.lit("official, same category"))
    pairs = tops_and_bottoms(dataset.outfits, catalogue)
    bottoms = (catalogue.items["group"] == "bottom").fill_null(False).to_numpy()
    worn = [catalogue.ids[row] for row in set(pairs.split("train").items.tolist())]
    for length in LENGTHS:
        frame, _ = make_questions(catalogue, pairs, "test", "retrieval", "group", choices=length, usable=bottoms)
        seen = pl.col("context").list.first().is_in(worn)
        for label, chosen in (("seen", seen), ("unseen", ~seen)):
            some = frame.filter(chosen).with_columns(negatives=pl.lit(f"{length} bottoms, {label} top"))
            yield f"own-{length}-bottoms-{label}-top", some


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
    results["clock"] = json.loads(clock.read_text()) if (clock := work / "clock" / f"{name}.json").is_file() else None
    RESULTS.mkdir(parents=True, exist_ok=True)
    with fresh_file(RESULTS / f"{name}.json") as partial:
        text = json.dumps(results, indent=1, ensure_ascii=False)
        partial.write_text(text.replace(f"{work}/", "") + "\n")  # where it was measured is nobody's business
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
