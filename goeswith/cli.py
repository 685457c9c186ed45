"""The command line: thin commands over the library, each importing what it needs when it runs."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goeswith import __version__, rules_cli, shop_cli
from goeswith.errors import ConfigError, DataError, GoeswithError

if TYPE_CHECKING:
    from goeswith.training import Progress

INTERRUPTED = 130
"""Exit code after Ctrl-C."""

app = typer.Typer(
    name="goeswith",
    help="What goes with what: learn fashion compatibility, measure it honestly, use it on a catalogue.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(rules_cli.app, name="rules")
app.add_typer(shop_cli.app)

DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="Data set folder, or FOLDER#SOURCE.")]
EncoderOption = Annotated[str | None, typer.Option(help="Whose features to use; the only ones there by default.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change a setting.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def main() -> None:
    """Run the command line; an error meant for the user is one sentence and exit code 1."""
    # Threads that wait for each other sleep soon: on busy cores, spinning made small models several times slower.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        app()
    except GoeswithError as error:
        typer.echo(f"goeswith: {error}", err=True)
        sys.exit(1)
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            typer.echo("goeswith: stopped, nothing is half-written; run the same command again", err=True)
        raise


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"goeswith {__version__}")
        raise typer.Exit


@app.callback()
def goeswith(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """What goes with what: learn fashion compatibility, measure it honestly, use it on a catalogue."""


@app.command("import")
def import_(
    layout: Annotated[str, typer.Argument(help="Published layout, e.g. mango, ccp, fashionvc, table, sample.")],
    paths: Annotated[list[Path], typer.Argument(metavar="[SOURCE] DEST", help="Source (none for sample), new folder.")],
    name: Annotated[str | None, typer.Option(help="Name in signatures; the folder's by default.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the splits, and of the drawn sample.")] = 0,
    outfits: Annotated[int | None, typer.Option(help="sample: how many to make.")] = None,
    option: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the layout.")] = None,
    column: Annotated[list[str] | None, typer.Option(metavar="OURS=YOURS", help="table: column names.")] = None,
) -> None:
    """Bring outfits as they were published, or your own tables, into a data set folder."""
    import os
    import tempfile

    from goeswith.dataset import create
    from goeswith.files import sweep
    from goeswith.readers import read
    from goeswith.splits import describe

    if len(paths) > 2 or (len(paths) == 1) != (layout == "sample"):
        raise typer.BadParameter("give SOURCE and DEST (only DEST for the sample)")
    options = _options(layout, option, column, outfits)
    dest = paths[-1]
    if dest.exists():
        raise DataError(f"{dest} exists already; choose another folder or remove it first")
    try:
        dest.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot make the folder {dest.parent} ({error.strerror}); choose another DEST") from None
    sweep(dest)
    # Beside DEST, so that drawn pictures are linked and not copied.
    with tempfile.TemporaryDirectory(dir=dest.parent, prefix=f".{dest.name}.{os.getpid()}.", suffix=".partial") as work:
        if layout == "sample":
            with _bar("draw") as progress:
                imported = read(layout, None, workdir=Path(work), seed=seed, progress=progress, **options)
        else:
            imported = read(layout, paths[0], workdir=Path(work), **options)
        dataset = create(imported, dest, layout=layout, name=name, seed=seed)
    info = dataset.info
    typer.echo(f"{dest}: {info['items']:,} items, {info['pictures']:,} pictures, {info['outfits']:,} outfits")
    for line in describe(info["split_report"]):
        typer.echo(f"  {line}")
    for reason, count in info["skipped"].items():
        if count:
            typer.echo(f"  skipped {count:,}: {reason}")
    for note in info["notes"]:
        typer.echo(f"  note: {note}")


def _options(layout: str, option: list[str] | None, column: list[str] | None, outfits: int | None) -> dict[str, Any]:
    """What a reader is given: the options of its layout, and those that have a flag of their own."""
    options: dict[str, Any] = _pairs(option, "--option")
    if "columns" in options:
        raise ConfigError("columns are mapped with --column OURS=YOURS, not with --option")
    if layout == "sample" and (taken := {"seed", "progress"} & set(options)):
        raise ConfigError(f"the sample has no option {min(taken)!r}; its seed is given with --seed")
    if column:
        if layout != "table":
            raise ConfigError(f"--column is for layout 'table', not for {layout!r}; leave it out")
        options["columns"] = _pairs(column, "--column")
    if outfits is not None:
        if layout != "sample" or "outfits" in options:
            raise ConfigError("--outfits says how many the sample has, and once; leave it out")
        options["outfits"] = outfits
    return options


@app.command()
def encode(
    dataset: DatasetArgument,
    encoder: Annotated[
        str, typer.Option(help="efficientnet-lite0, efficientnet-lite2, hf:MODEL (pictures); minilm, st:MODEL (words).")
    ] = "efficientnet-lite0",
    batch_size: Annotated[int, typer.Option(help="Items at a time.")] = 32,
    workers: Annotated[int | None, typer.Option(help="Processes that decode pictures.")] = None,
) -> None:
    """Turn pictures or titles into features, once; a killed run goes on where it stopped."""
    from goeswith.dataset import Dataset
    from goeswith.encoders import encode as encode_dataset

    with _bar("encode") as progress:
        done = encode_dataset(Dataset(dataset), encoder, batch_size=batch_size, workers=workers, progress=progress)
    typer.echo(f"{done.path}: {done.encoded} items encoded, {len(done.excluded)} left out")
    for item_id, reason in done.excluded.items():
        typer.echo(f"  left out {item_id}: {reason}")


@app.command()
def questions(
    dataset: DatasetArgument,
    task: Annotated[
        str | None, typer.Option(help="compat, fitb, triplet or retrieval; all usual ones by default.")
    ] = None,
    negatives: Annotated[
        str | None, typer.Option(help="With --task: random, category or matched (the default).")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds freeze equal questions.")] = 0,
    outfits: Annotated[Path | None, typer.Option(help="Another list of outfits over this catalogue (CSV).")] = None,
    out: Annotated[Path | None, typer.Option(help="With --outfits and --task: the question file to write.")] = None,
) -> None:
    """Freeze compat, FITB and retrieval questions by random, category and matched negatives."""
    from goeswith.dataset import Dataset
    from goeswith.freezing import PLAN, freeze, make_questions
    from goeswith.outfits import read_outfits
    from goeswith.questions import write_questions

    if (outfits is None) != (out is None) or (out is not None and task is None):
        raise typer.BadParameter("--outfits, --out and --task go together")
    if negatives is not None and task is None:
        raise typer.BadParameter("--negatives is for one --task; without it, every usual task and kind is frozen")
    if out is not None and out.suffix != ".parquet":
        raise typer.BadParameter(f"questions are kept as Parquet; let the name {out} end in .parquet")
    negatives = negatives or "matched"
    opened = Dataset(dataset)
    if outfits is not None and out is not None and task is not None:
        listed = read_outfits(outfits, opened.catalogue)
        frame, skipped = make_questions(
            opened.catalogue, listed, None, task, negatives, seed=seed, known=[opened.outfits]
        )
        if not len(frame):
            raise DataError(f"{outfits} can serve no {task} question with {negatives} negatives: {skipped}")
        info = {"dataset": opened.name, "split": outfits.stem, "task": task, "negatives": negatives, "seed": str(seed)}
        write_questions(frame, out, opened.catalogue, listed, **info)
        typer.echo(f"{out}: {len(frame)} questions{_left_out(skipped)}")
        return
    with _bar("freeze") as progress:
        done = freeze(
            opened.catalogue, opened.outfits, opened.path / "questions", dataset=opened.name, seed=seed,
            prefix=opened.outfit_source, plan=[(task, negatives)] if task else PLAN, progress=progress,
        )  # fmt: skip
    for file in done:
        state = "kept as it was" if file.kept else "written" if file.questions else "not written"
        typer.echo(f"{file.path}: {file.questions} questions, {state}{_left_out(file.skipped)}")


@app.command()
def audit(
    dataset: DatasetArgument,
    files: Annotated[list[Path] | None, typer.Argument(metavar="[QUESTIONS]...", help="All by default.")] = None,
    encoder: EncoderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which shortcut solves this? Score question files with counters that see no picture."""
    from goeswith.audit import audit as audit_files
    from goeswith.dataset import Dataset
    from goeswith.tables import plain

    opened = Dataset(dataset)
    with _bar("audit") as progress:
        found = audit_files(opened, files or None, _features_if_any(opened, encoder), progress)
    if as_json:
        typer.echo(found.to_json())
        return
    floors = list(dict.fromkeys(row["floor"] for row in found.rows))
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in found.rows:
        lines.setdefault((row["file"], row["metric"]), {})[row["floor"]] = f"{row['value']:.3f}"
    cells = [[*key, *(cell.get(f, "–") for f in floors)] for key, cell in lines.items()]
    typer.echo(plain(["questions", "metric", *floors], cells))
    for file, sentence in found.verdicts.items():
        typer.echo(f"{file}: {sentence}")


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="add-gnn, akd-dbpr, ...; teacher for a designers' teacher alone.")],
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    teacher: Annotated[str | None, typer.Option(help="Designers' data set, or a teacher's run.")] = None,
    rules: Annotated[Path | None, typer.Option(help="Rule file, see goeswith rules mine; its rules teach too.")] = None,
    settings: SetOption = None,
    encoder: EncoderOption = None,
) -> None:
    """Train a model, and its teacher where it has one; a killed run goes on where it stopped."""
    from goeswith.dataset import Dataset
    from goeswith.run import train as train_run

    run = train_run(
        model,
        Dataset(dataset),
        out,
        teacher=teacher,
        rules=rules,
        settings=settings or (),
        encoder=encoder,
        say=_epochs,
    )
    result = run.config["result"]
    typer.echo(
        f"{out}: best epoch {result['best_epoch']} of {result['epochs']}, "
        f"validation AUC {result['valid_auc']:.4f}, {result['seconds']:.0f} s"
    )


@app.command()
def evaluate(
    paths: Annotated[
        list[str], typer.Argument(metavar="[RUN] DATASET", help="Folder of a run (not needed with --scores); data set.")
    ],
    questions: Annotated[list[Path] | None, typer.Option(help="Question file; the data set's test files.")] = None,
    against: Annotated[Path | None, typer.Option(help="Another run: paired comparison on the same questions.")] = None,
    scores: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Scores of another program (CSV, Parquet), see docs/evaluate.md; repeatable."
        ),
    ] = None,
    allow_incomplete: Annotated[
        bool, typer.Option("--allow-incomplete", help="With --scores: missing ones count as wrong, others are ignored.")
    ] = False,
    rows: Annotated[Path | None, typer.Option(help="Folder for the per-question rows, as Parquet.")] = None,
    as_json: JsonOption = False,
) -> None:
    """AUC, FITB, MRR and recall with intervals, floors above, a signature on every line."""
    from goeswith.audit import floor_rows, yardsticks
    from goeswith.dataset import Dataset
    from goeswith.evaluation import answer, compare, report
    from goeswith.features import load_features
    from goeswith.outside import read_answers
    from goeswith.questions import read_questions
    from goeswith.run import Run
    from goeswith.tables import difference, long_table, plain

    outside = list(dict.fromkeys(scores or []))
    if len(paths) > 2 or (len(paths) == 1 and not outside):
        raise typer.BadParameter("give RUN and DATASET, or DATASET and --scores FILE")
    if allow_incomplete and not outside:
        raise typer.BadParameter("--allow-incomplete is for --scores FILE")
    opened = Dataset(paths[-1])
    runs = [Run(path) for path in (*paths[:-1], against) if path is not None]
    files = questions or _test_questions(opened)
    asked = [read_questions(file, opened.catalogue) for file in files]
    features = load_features(opened, runs[0].config["encoder"]) if runs else _features_if_any(opened, None)
    floors = yardsticks(opened, features)
    names = _told_apart([run.path for run in runs] + outside, [floor.name for floor in floors.values()], len(runs))
    given = [
        read_answers(path, asked, name=name, allow_incomplete=allow_incomplete)
        for path, name in zip(outside, names[len(runs) :], strict=True)
    ]
    scorers: list[Any] = []
    for run, name in zip(runs, names, strict=False):
        scorers.append(run.scorer(opened, features if run.config["encoder"] == features.encoder else None))
        scorers[-1].name = name
    if len(paths) == 2 and (taught := runs[0].taught(scorers[0], opened)):
        scorers.append(taught)
    lines: list[dict[str, Any]] = []
    compared: list[dict[str, Any]] = []
    for place, file in enumerate(files):
        own = [answer(scorer, asked[place]) for scorer in scorers]
        theirs = [one.answers[place] for one in given]
        reports = [report(told, opened) for told in (own + theirs if len(paths) == 2 else theirs + own)]
        lines += floor_rows(asked[place], opened, floors)
        lines += [line for told in reports for line in told.summary]
        compared += [line for told in reports[1:] for line in compare(reports[0], told)]
        if rows is not None:
            for told in reports:
                told.write(rows / f"{told.scorer}-{file.stem}.parquet")
    if as_json:
        counts = [{"scorer": one.name, "file": str(one.path), **one.counts} for one in given]
        typer.echo(json.dumps({"summary": lines, "compared": compared, "scores": counts}, indent=2))
        return
    typer.echo(plain(*long_table(lines)))
    for line in compared:
        what = f"{line['scorer']} − {line['against']}, {line['task']} {line['negatives']} {line['metric']}"
        typer.echo(f"{what}: {difference(line)}")
    for one in given:
        if faults := ", ".join(f"{count} {fault}" for fault, count in one.counts.items() if count):
            typer.echo(f"{one.path} is not complete: {faults}")


def _test_questions(dataset: Any) -> list[Path]:
    """The question files of the test split; of ``folder#source`` those of the source."""
    folder, prefix = dataset.path / "questions", f"{dataset.outfit_source}-" if dataset.outfit_source else ""
    found = [*sorted(folder.glob(f"{prefix}test-*.parquet")), *sorted(folder.glob("official-test-*.parquet"))]
    if not found:
        named = f"{dataset.path}{f'#{dataset.outfit_source}' if prefix else ''}"
        raise DataError(f"{dataset.path} has no test questions; make them with: goeswith questions {named}")
    return found


def _told_apart(paths: Sequence[Path], taken: Sequence[str], folders: int) -> list[str]:
    """A name for each scorer: of its folder (the first `folders` paths) or file, its path where that is not enough."""
    short = [path.name if place < folders else path.stem for place, path in enumerate(paths)]
    every = [*taken, *short]
    return [
        name if every.count(name) == 1 else "-".join(path.parts).lstrip("/-.")
        for name, path in zip(short, paths, strict=True)
    ]


@app.command()
def score(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    dataset: DatasetArgument,
    outfits: Annotated[Path, typer.Option(help="CSV of outfit_id,item_id or outfit_id,item_ids.")],
    out: Annotated[Path, typer.Option(help="CSV to write: outfit_id, items, score.")],
) -> None:
    """Score a list of outfits; higher goes together better."""
    import polars as pl

    from goeswith.dataset import Dataset
    from goeswith.files import fresh_file
    from goeswith.outfits import read_outfits
    from goeswith.run import Run

    opened = Dataset(dataset)
    listed = read_outfits(outfits, opened.catalogue)
    if out.resolve() == outfits.resolve():
        raise DataError(f"--out {out} would overwrite the list of outfits; choose another file")
    trained = Run(run)
    scorer = trained.scorer(opened)
    scores = scorer.score(*listed.padded())
    table = pl.DataFrame({"outfit_id": listed.outfit_ids.tolist(), "items": listed.lengths, "score": scores})
    with fresh_file(out) as partial:
        table.with_columns(pl.col("score").fill_nan(None)).write_csv(partial)
    silent = listed.take(table["score"].is_nan().to_numpy())
    typer.echo(f"{out}: {len(table) - len(silent)} outfits scored, {len(silent)} without a score")
    if len(silent):
        bare = dict.fromkeys(opened.catalogue.ids[row] for row in silent.items if not scorer.present[row])
        typer.echo(f"  without a score: {_some(silent.outfit_ids.tolist())}")
        remedy = f"goeswith encode {opened.path} --encoder {trained.config['encoder']} says why"
        typer.echo(f"  items without features: {_some(list(bare))}; {remedy}")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    folder: Annotated[Path, typer.Argument(help="New folder, to give away.")],
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What goeswith evaluate --json printed, for the model card.")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option(help="What it was trained on, for source and licence; repeatable.")
    ] = None,
    licence: Annotated[str | None, typer.Option(help="Of the weights, e.g. apache-2.0.")] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write item_encoder.onnx and scorer.onnx too.")] = False,
) -> None:
    """Make a run into a folder to give away: weights, settings, rules and a model card."""
    from goeswith.dataset import Dataset
    from goeswith.pretrained import read_report, save
    from goeswith.run import Run

    lines = read_report(report) if report is not None else ()
    known = [Dataset(path) for path in dataset or ()]
    save(Run(run), folder, report=lines, datasets=known, licence=licence, onnx=onnx)
    typer.echo(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")


@app.command()
def bench(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.toml", help="What to train, ask and compare.")],
    out: Annotated[Path | None, typer.Option(help="Folder for runs, tables and figures; runs/bench/NAME.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Runs trained side by side; as many as processors.")] = None,
    only: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this model of the recipe.")] = None,
    search: Annotated[int, typer.Option(min=0, help="First search settings, so many trials for each model.")] = 0,
    tiny: Annotated[
        bool, typer.Option("--tiny", help="One seed, one epoch, smallest sizes: does all of it run?")
    ] = False,
) -> None:
    """Train, ask and compare all that a recipe says: tables, figures, intervals, signatures; resumed after a kill."""
    from goeswith.bench import bench as run_bench
    from goeswith.recipes import read_recipe
    from goeswith.tables import plain, wide_table

    read = read_recipe(recipe).only(only or [])
    read = read.tiny() if tiny else read
    folder = out or Path("runs") / "bench" / read.name
    start = time.monotonic()

    def say(text: str) -> None:
        typer.echo(f"{time.monotonic() - start:6.0f} s  {text}", err=True)

    board = run_bench(read, folder, jobs=jobs or os.cpu_count() or 1, search=search, say=say)
    typer.echo(plain(*wide_table([line for row in board.rows for line in row.lines], board.columns)))
    typer.echo(f"{folder / 'results.html'}: {board.verdict}")
    for name, why in board.failures.items():
        typer.echo(f"{name} could not run: {why}")


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the sample, the runs and the report.")] = Path("demo"),
    outfits: Annotated[int, typer.Option(help="Outfits to make.")] = 5000,
    seed: Annotated[int, typer.Option(min=0, help="Of everything.")] = 0,
) -> None:
    """Draw a wardrobe, train on it, measure, and write report.html: every stage for real."""
    from goeswith.demo import demo as run_demo

    run_demo(out, outfits=outfits, seed=seed, say=typer.echo)


def _pairs(texts: list[str] | None, flag: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in texts or []:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            raise ConfigError(f"{flag} {text!r} has no '='; write {flag} key=value")
        if key in found:
            raise ConfigError(f"{flag} {key} is given twice, as {found[key]!r} and as {value!r}; give it once")
        found[key] = value
    return found


def _some(names: Sequence[str], most: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def _left_out(skipped: dict[str, int]) -> str:
    return "".join(f"; left out {count}: {reason}" for reason, count in skipped.items())


def _features_if_any(dataset: Any, encoder: str | None) -> Any:
    """Features for the cosine floor; none where nothing is encoded yet and none were asked for."""
    from goeswith.features import load_features

    if encoder is None and len(list((dataset.path / "features").glob("*.safetensors"))) != 1:
        return None
    return load_features(dataset, encoder)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; silent where that is no terminal."""
    from rich.console import Console
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _epochs(stage: str) -> Progress:
    """One line on standard error for each epoch of a stage."""

    def told(epoch: int, epochs: int, measured: dict[str, float]) -> None:
        typer.echo(
            f"{stage} {epoch}/{epochs}: loss {measured['loss']:.4f}, validation AUC {measured['valid_auc']:.4f}, "
            f"{measured['pairs_per_second']:.0f} pairs/s",
            err=True,
        )

    return told
