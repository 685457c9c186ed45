"""Commands for runs: train a model, evaluate it, score outfits with it, export it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goeswith.cli.options import (
    DatasetArgument,
    DeviceOption,
    EncoderOption,
    EngineOption,
    JsonOption,
    SetOption,
    bar,
    features_if_any,
)
from goeswith.errors import DataError

if TYPE_CHECKING:
    from goeswith.data.dataset import Dataset
    from goeswith.schemas import Result
    from goeswith.scores import Difference, Score
    from goeswith.train.loop import Progress


def train(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] DATASET",
            help="Model: two-tower (default), add-gnn, akd-dbpr, ...; data set folder, or FOLDER#SOURCE.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to save the run in.")],
    teacher: Annotated[
        list[str] | None,
        typer.Option(
            help="Data set of designers' outfits, or a trained teacher; repeatable; 'auto': those beside DATASET."
        ),
    ] = None,
    rules: Annotated[Path | None, typer.Option(help="Rule file to learn from (see goeswith rules mine).")] = None,
    knowledge: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Further source of knowledge, e.g. from a plug-in; repeatable."),
    ] = None,
    settings: SetOption = None,
    encoder: EncoderOption = None,
    seeds: Annotated[
        int | None,
        typer.Option(min=2, help="Train this many two-tower models with different seeds; the run is their mean."),
    ] = None,
    device: DeviceOption = None,
) -> None:
    """Train a model and keep its best epoch on the validation outfits.

    With --teacher it also learns from designers, with --rules from rules. Unless you name another model, that is a
    mixture: how far each teacher is trusted, if at all, is decided on the validation outfits. Resumes if interrupted.
    Started by torchrun or accelerate launch, several processes train one model together.

    \b
    Examples:
      goeswith train data/polyvore-maryland --teacher data/fashionvc --out runs/taught
      goeswith train akd-dbpr data/fashionvc --rules rules.toml --set epochs=20 --out runs/akd
    """
    from goeswith.data.dataset import Dataset
    from goeswith.models import DEFAULT, is_model
    from goeswith.train.mixture import other_outfits, train_mixture
    from goeswith.train.mixture_sources import MIXTURE
    from goeswith.train.ranks import is_first
    from goeswith.train.training import train as train_run

    if len(names) > 2 or (is_model(names[-1]) and not Path(names[-1]).exists()):
        raise typer.BadParameter("give DATASET, or MODEL and DATASET")
    opened, teachers = Dataset(names[-1]), teacher or []
    model = names[0] if len(names) == 2 else MIXTURE if teachers and not knowledge else DEFAULT
    if seeds:
        _ensemble(model, seeds, bool(teachers or rules or knowledge), opened, out, settings, encoder, device)
        return
    if "auto" in teachers and not Path("auto").exists():
        others = other_outfits(opened, encoder)
        typer.echo(f"teachers found: {', '.join(others) or 'none'}", err=True)
        teachers = [name for value in teachers for name in (others if value == "auto" else [value])]
    if model == MIXTURE:
        if knowledge:
            raise typer.BadParameter("--knowledge does not go with mixture; give --teacher or --rules")
        run = train_mixture(
            opened, out, teachers=teachers, rules=rules, settings=settings or (), encoder=encoder, say=_epochs,
            device=device,
        )  # fmt: skip
        typer.echo(f"{out}: {_trusted(run.config['result'])}")
        return
    if len(teachers) > 1:
        raise typer.BadParameter(f"{model} learns from one teacher; leave the model out to mix several")
    run = train_run(
        model,
        opened,
        out,
        teacher=teachers[0] if teachers else None,
        rules=rules,
        knowledge=_named(knowledge or ()),
        settings=settings or (),
        encoder=encoder,
        say=_epochs,
        device=device,
    )
    if not is_first():
        return
    result = run.config["result"]
    typer.echo(
        f"{out}: best epoch {result['best_epoch']} of {result['epochs']}, "
        f"validation AUC {result['valid_auc']:.4f}, {result['seconds']:.0f} s"
    )


def _ensemble(
    model: str,
    seeds: int,
    taught: bool,
    dataset: Dataset,
    out: Path,
    settings: list[str] | None,
    encoder: str | None,
    device: str | None,
) -> None:
    """Train an ensemble and say what it reached.

    Raises:
        typer.BadParameter: of another model, or one that something teaches.
    """
    from goeswith.models import DEFAULT
    from goeswith.train.ensemble import train_ensemble

    if taught:
        raise typer.BadParameter(
            "an ensemble takes no --teacher, --rules or --knowledge; for a teacher of several seeds: "
            "--teacher DATA --set teacher_seeds=3"
        )
    if model != DEFAULT:
        raise typer.BadParameter(f"--seeds makes an ensemble of {DEFAULT}, not of {model}; leave the model out")
    run = train_ensemble(dataset, out, seeds, settings=settings or (), encoder=encoder, say=_epochs, device=device)
    result = run.config["result"]
    typer.echo(
        f"{out}: {seeds} seeds of {DEFAULT} as one, validation AUC {result['valid_auc']:.4f}, {result['seconds']:.0f} s"
    )


def _trusted(result: Result) -> str:
    """Whom a mixture trusts, and what it gains by that."""
    weights = {
        name: max(weight.values()) if isinstance(weight, dict) else weight for name, weight in result["sources"].items()
    }
    by_group = ", by group (the largest is shown)" if result.get("by_group") else ""
    weights_text = ", ".join(f"{name} {weight:.1f}" for name, weight in weights.items())
    if "valid_auc" not in result:
        return f"too few validation outfits to trust anybody; {weights_text}"
    gain = result["valid_auc"] - result["likeness_auc"]
    return (
        f"weights{by_group}: {weights_text}; validation exhaustive AUC {result['valid_auc']:.4f}, "
        f"{gain:+.4f} ± {result['error']:.4f} over likeness, {result['seconds']:.0f} s"
    )


def _named(texts: Sequence[str]) -> dict[str, str]:
    """Name → path, from ``NAME=PATH``."""
    pairs = [text.partition("=") for text in texts]
    for name, equals, path in pairs:
        if not (name and equals and path):
            raise typer.BadParameter(f"--knowledge {name!r} must be NAME=PATH")
    return {name: path for name, _, path in pairs}


def _epochs(stage: str) -> Progress:
    """One line on standard error for each epoch of a stage."""

    def print_epoch(epoch: int, epochs: int, measured: dict[str, float]) -> None:
        training_auc = f" (training {measured['train_auc']:.4f})" if "train_auc" in measured else ""
        typer.echo(
            f"{stage} {epoch}/{epochs}: loss {measured['loss']:.4f}, "
            f"validation AUC {measured['valid_auc']:.4f}{training_auc}, {measured['pairs_per_second']:.0f} pairs/s",
            err=True,
        )

    return print_epoch


def evaluate(
    paths: Annotated[
        list[str], typer.Argument(metavar="[RUN] DATASET", help="Folder of a run (optional with --scores), data set.")
    ],
    questions: Annotated[
        list[Path] | None, typer.Option(help="Question file; repeatable. Default: all test files.")
    ] = None,
    against: Annotated[Path | None, typer.Option(help="Another run to compare with, paired by question.")] = None,
    scores: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Scores of another program (CSV or Parquet, see docs/evaluate.md); repeatable."
        ),
    ] = None,
    allow_incomplete: Annotated[
        bool,
        typer.Option(
            "--allow-incomplete", help="With --scores: missing scores count as wrong, extra rows are ignored."
        ),
    ] = False,
    rows: Annotated[Path | None, typer.Option(help="Folder to save per-question results in (Parquet).")] = None,
    retrieval: Annotated[
        bool, typer.Option(help="Also measure retrieval over whole groups. Off with --questions.")
    ] = True,
    measure: Annotated[
        list[str] | None, typer.Option(help="Another measure, module:Name; repeatable (see docs/plugins.md).")
    ] = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure a run, or scores of another program, on the frozen test questions.

    Prints AUC, FITB accuracy, MRR and recall with 95 % intervals and signatures, below those of simple baselines.

    \b
    Examples:
      goeswith evaluate runs/add-gnn data/ccp --against runs/no-teacher
      goeswith evaluate data/ccp --scores clip.csv
    """
    import numpy as np

    from goeswith.data.dataset import Dataset
    from goeswith.data.devices import open_device
    from goeswith.data.features import load_features
    from goeswith.data.questions import read_questions
    from goeswith.evaluate.audit import floor_scores, yardsticks
    from goeswith.evaluate.evaluate import answer, compare, report
    from goeswith.evaluate.external import read_answers
    from goeswith.evaluate.reliability import calibrated
    from goeswith.evaluate.retrieval_report import survey
    from goeswith.tables import difference, long_table, plain
    from goeswith.train.run import Run

    outside = list(dict.fromkeys(scores or []))
    if len(paths) > 2 or (len(paths) == 1 and not outside):
        raise typer.BadParameter("give RUN and DATASET, or DATASET and --scores FILE")
    if allow_incomplete and not outside:
        raise typer.BadParameter("--allow-incomplete needs --scores FILE")
    opened = Dataset(paths[-1])
    processor = open_device(device)
    runs = [Run(path, processor) for path in (*paths[:-1], against) if path is not None]
    files = questions or _test_questions(opened)
    question_sets = [read_questions(file, opened.catalogue) for file in files]
    features = load_features(opened, runs[0].config["encoder"]) if runs else features_if_any(opened, None)
    floors = yardsticks(opened, features)
    names = _unique_names([run.path for run in runs] + outside, [floor.name for floor in floors.values()], len(runs))
    answer_files = [
        read_answers(path, question_sets, name=name, allow_incomplete=allow_incomplete)
        for path, name in zip(outside, names[len(runs) :], strict=True)
    ]
    scorers: list[Any] = []
    for run, name in zip(runs, names, strict=False):
        scorers.append(run.scorer(opened, features if run.config["encoder"] == features.encoder else None))
        scorers[-1].name = name
    if len(paths) == 2 and (taught := runs[0].taught(scorers[0], opened.catalogue)):
        scorers.append(taught)
    scored: list[Score] = []
    compared: list[Difference] = []
    for number, file in enumerate(files):
        run_answers = [answer(scorer, question_sets[number], measures=measure or ()) for scorer in scorers]
        file_answers = [replace(some.answers[number], measures=tuple(measure or ())) for some in answer_files]
        in_order = run_answers + file_answers if len(paths) == 2 else file_answers + run_answers
        reports = [report(answers, opened) for answers in in_order]
        scored += floor_scores(question_sets[number], opened, floors)
        scored += [score for each in reports for score in each.summary]
        compared += [line for each in reports[1:] for line in compare(reports[0], each)]
        if rows is not None:
            for each in reports:
                each.write(rows / f"{each.scorer}-{file.stem}.parquet")
    retrieved: list[Score] = []
    if retrieval and scorers and not questions:
        usable = features.present if features else np.ones(len(opened.catalogue), bool)
        floor_reports, measured = survey(opened, floors, scorers, usable)
        retrieved = [score for each in floor_reports + measured for score in each.summary]
        names = [scorer.name for scorer in scorers]
        plainly = [each for each in measured if each.scorer in names]  # without corrections
        compared += [line for each in plainly[1:] for line in compare(plainly[0], each)]
        if rows is not None:
            for each in plainly:
                each.write(rows / f"{each.scorer}-retrieval.parquet")
    calibrations = [(scorer.name, held) for scorer in scorers[: len(runs)] if (held := calibrated(scorer, opened))]
    if as_json:
        counts = [{"scorer": external.name, "file": str(external.path), **external.counts} for external in answer_files]
        relied = [{"scorer": name, **asdict(held)} for name, held in calibrations]
        parts = {
            "summary": [score.to_dict() for score in scored],
            "retrieval": [score.to_dict() for score in retrieved],
            "compared": [line.to_dict() for line in compared],
            "scores": counts,
            "calibration": relied,
            "notes": [f"{name}: {run.notes}" for run, name in zip(runs, names, strict=False)],
        }
        typer.echo(json.dumps(parts, indent=2))
        return
    typer.echo(plain(*long_table(scored)))
    if retrieved:
        _print_retrieval(retrieved)
    for line in compared:
        difference_of = f"{line.scorer} − {line.against}, {line.task} {line.negatives} {line.metric}"
        typer.echo(f"{difference_of}: {difference(line)}")
    for name, held in calibrations:
        typer.echo(f"{name}, as a probability: {held}")
    for run, name in zip(runs, names, strict=False):
        typer.echo(f"{name}: {run.notes}")
    for external in answer_files:
        if faults := ", ".join(f"{count} {fault}" for fault, count in external.counts.items() if count):
            typer.echo(f"{external.path} is not complete: {faults}")


def _print_retrieval(scores: list[Score]) -> None:
    """The section on retrieval."""
    from goeswith.tables import OFFERS, plain, retrieval_table

    typer.echo(f"\nRetrieval. {OFFERS}\n")
    typer.echo(plain(*retrieval_table(scores)))
    typer.echo("")
    for signature in dict.fromkeys(score.signature for score in scores):
        typer.echo(signature)
    typer.echo("")


def _test_questions(dataset: Any) -> list[Path]:
    """The question files of the test split; of ``folder#source`` those of the source."""
    folder, prefix = dataset.path / "questions", f"{dataset.outfit_source}-" if dataset.outfit_source else ""
    files = [*sorted(folder.glob(f"{prefix}test-*.parquet")), *sorted(folder.glob("official-test-*.parquet"))]
    if not files:
        named = f"{dataset.path}{f'#{dataset.outfit_source}' if prefix else ''}"
        raise DataError(f"{dataset.path} has no test questions; make them with: goeswith questions {named}")
    return files


def _unique_names(paths: Sequence[Path], used: Sequence[str], folders: int) -> list[str]:
    """A name for each scorer: of its folder (the first `folders` paths) or file, its path where that is not enough."""
    short = [path.name if number < folders else path.stem for number, path in enumerate(paths)]
    every = [*used, *short]
    return [
        name if every.count(name) == 1 else "-".join(path.parts).lstrip("/-.")
        for name, path in zip(short, paths, strict=True)
    ]


def score(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    dataset: DatasetArgument,
    outfits: Annotated[
        str,
        typer.Option(
            help="CSV with columns outfit_id,item_id or outfit_id,item_ids; or a folder of Parquet files, also in "
            "object storage, with outfit_id and lists item_ids. Items by id, SKU or product id."
        ),
    ],
    out: Annotated[str, typer.Option(help="CSV to write: outfit_id, items, score; for a folder, a folder.")],
    engine: EngineOption = "local",
    workers: Annotated[int | None, typer.Option(min=1, help="With --engine: processes. Default: one per core.")] = None,
) -> None:
    """Score a list of outfits; a higher score means a better match.

    A folder of Parquet files becomes one of files with the same names. Files that are there already are kept.

    \b
    Examples:
      goeswith score runs/add-gnn data/ccp --outfits looks.csv --out scores.csv
      goeswith score runs/add-gnn data/ccp --outfits outfits/ --out scores/ --engine ray
    """
    if "://" in outfits or Path(outfits).is_dir():
        from goeswith.train.score_files import score_files

        with bar("score") as progress:
            done = score_files(str(run), dataset, outfits, out, engine=engine, workers=workers, progress=progress)
        unchanged = f"; {done['kept']:,} files were there already" if done["kept"] else ""
        typer.echo(f"{out}: {done['outfits']:,} outfits scored, {done['without a score']:,} without a score{unchanged}")
        return
    if engine != "local" or workers is not None:
        raise typer.BadParameter("--engine and --workers need --outfits to be a folder of Parquet files")
    _score_list(run, dataset, Path(outfits), Path(out))


def _score_list(run: Path, dataset: str, outfits: Path, out: Path) -> None:
    import polars as pl

    from goeswith.data.dataset import Dataset
    from goeswith.data.outfits import read_outfits
    from goeswith.files import table_kind, write_table
    from goeswith.train.run import Run

    table_kind(out)
    opened = Dataset(dataset)
    listed = read_outfits(outfits, opened.catalogue)
    if out.resolve() == outfits.resolve():
        raise DataError(f"--out {out} would overwrite the list of outfits; choose another file")
    trained = Run(run)
    scorer = trained.scorer(opened)
    scores = scorer.score(*listed.padded())
    table = pl.DataFrame({"outfit_id": listed.outfit_ids.tolist(), "items": listed.lengths, "score": scores})
    write_table(table.with_columns(pl.col("score").fill_nan(None)), out)
    silent = listed.take(table["score"].is_nan().to_numpy())
    typer.echo(f"{out}: {len(table) - len(silent)} outfits scored, {len(silent)} without a score")
    if len(silent):
        bare = dict.fromkeys(opened.catalogue.ids[row] for row in silent.items if not scorer.present[row])
        typer.echo(f"  without a score: {_some(silent.outfit_ids.tolist())}")
        remedy = f"goeswith encode {opened.path} --encoder {trained.config['encoder']} shows why"
        typer.echo(f"  items without features: {_some(list(bare))}; {remedy}")


def _some(names: Sequence[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="New folder to write.")],
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Output of goeswith evaluate --json, for the model card.")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(help="Data set it was trained on, for source and licence; repeatable.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Licence of the weights, e.g. apache-2.0.")] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Also write item_encoder.onnx and scorer.onnx.")] = False,
) -> None:
    """Export a run as a folder to share: weights, settings, rules and a model card.

    \b
    Examples:
      goeswith export runs/add-gnn exported/add-gnn --licence apache-2.0
      goeswith export runs/add-gnn exported/add-gnn --dataset data/ccp --report report.json --onnx
    """
    from goeswith.data.dataset import Dataset
    from goeswith.train.export import read_report, save
    from goeswith.train.run import Run

    lines = read_report(report) if report is not None else ()
    datasets = [Dataset(path) for path in dataset or ()]
    save(Run(run), folder, report=lines, datasets=datasets, licence=licence, onnx=onnx)
    typer.echo(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
