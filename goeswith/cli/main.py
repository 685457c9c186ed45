"""The command line: thin commands over the library; each imports what it needs when it runs."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from goeswith import __version__
from goeswith.cli import data as data_cli
from goeswith.cli import evaluation as evaluation_cli
from goeswith.cli import publishing as publishing_cli
from goeswith.cli import rules as rules_cli
from goeswith.cli import runs as run_cli
from goeswith.cli import serving as serving_cli
from goeswith.cli import shop as shop_cli
from goeswith.cli.failures import DEBUG, FAILED, careful_streams, flush, report_error
from goeswith.config import LARGEST

INTERRUPTED = 130
"""Exit code after Ctrl-C."""

app = typer.Typer(
    name="goeswith",
    help="Learn which clothes go together, evaluate models of it, and complete looks from a catalogue.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.command("import")(data_cli.import_)
for _command in (
    data_cli.check, data_cli.encode, data_cli.encoders, data_cli.questions, data_cli.audit,
    run_cli.train, evaluation_cli.evaluate, run_cli.score, run_cli.export,
):  # fmt: skip
    app.command()(_command)
app.add_typer(rules_cli.app, name="rules")
app.add_typer(shop_cli.app)
app.add_typer(serving_cli.app)
app.add_typer(publishing_cli.app)


def main() -> None:
    """Run the command line. Every error is one sentence and exit code 1, see `goeswith.cli.failures`."""
    # Threads that wait for each other sleep soon: on busy cores, spinning made small models several times slower.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    careful_streams()
    try:
        app()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else FAILED
        if code == INTERRUPTED:
            typer.echo("goeswith: interrupted; no file is half-written, run the same command again to resume", err=True)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough
        code = FAILED
    except BaseException as error:  # also what no Exception is, such as a panic of a library in Rust
        report_error(error)
        code = FAILED
    sys.exit(flush() or code)


def _version(show: bool) -> None:
    if show:
        typer.echo(f"goeswith {__version__}")
        raise typer.Exit


@app.callback()
def goeswith(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar=DEBUG, help="Show the traceback of an error; goes before the command.")
    ] = False,
) -> None:
    """Learn which clothes go together, evaluate models of it, and complete looks from a catalogue."""
    if debug:
        os.environ[DEBUG] = "1"


@app.command()
def bench(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.toml", help="Recipe: data set, models, questions.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for runs, tables, figures. Default: runs/bench/NAME.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Parallel training runs. Default: one per processor.")] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this model of the recipe; repeatable.")
    ] = None,
    search: Annotated[int, typer.Option(min=0, help="Search for settings first, with this many trials per model.")] = 0,
    collect: Annotated[
        bool, typer.Option("--collect", help="Train nothing; make the tables from the runs that are finished.")
    ] = False,
    tiny: Annotated[bool, typer.Option("--tiny", help="Smoke test: one seed, one epoch, smallest sizes.")] = False,
) -> None:
    """Train, evaluate and compare all models of a recipe.

    Writes tables and figures with intervals and signatures. Resumes if interrupted.

    \b
    Examples:
      goeswith bench recipes/mango.toml
      goeswith bench recipes/mango.toml --out runs/search --search 20 --jobs 2
    """
    from goeswith.experiments.bench import bench as run_bench
    from goeswith.experiments.recipes import read_recipe
    from goeswith.tables import plain, wide_table

    read = read_recipe(recipe).only(only or [])
    read = read.tiny() if tiny else read
    folder = out or Path("runs") / "bench" / read.name
    start = time.monotonic()

    def say(text: str) -> None:
        typer.echo(f"{time.monotonic() - start:6.0f} s  {text}", err=True)

    board = run_bench(read, folder, jobs=jobs or os.cpu_count() or 1, search=search, collect=collect, say=say)
    typer.echo(plain(*wide_table(board.scores, board.columns)))
    typer.echo(f"{folder / 'results.html'}: {board.conclusion}")
    for name, why in board.failures.items():
        typer.echo(f"{name} could not run: {why}")


@app.command()
def curves(
    study: Annotated[Path, typer.Argument(metavar="STUDY.toml", help="Study: student, designers, numbers of outfits.")],
    out: Annotated[Path | None, typer.Option(help="Folder for runs and results. Default: runs/curves/NAME.")] = None,
    results: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also write curves-NAME.json and .svg into this folder.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Parallel processes. Default: one per processor.")] = None,
    collect: Annotated[
        bool, typer.Option("--collect", help="Train nothing; make the tables from the runs that are finished.")
    ] = False,
    tiny: Annotated[bool, typer.Option("--tiny", help="Smoke test: one seed, one epoch, smallest sizes.")] = False,
) -> None:
    """Measure how much designers' outfits help a student.

    Students learn from few or many outfits of their own. Writes a figure, tables and results.json with intervals over
    seeds and outfits. Resumes if interrupted.

    \b
    Examples:
      goeswith curves recipes/curves/polyvore-fashionvc.toml
      goeswith curves recipes/curves/polyvore-fashionvc.toml --results docs/results
    """
    import shutil

    from goeswith.experiments.study import read_study
    from goeswith.experiments.study_page import draw, page
    from goeswith.experiments.study_results import measure

    chosen = read_study(study)
    chosen = chosen.tiny() if tiny else chosen
    folder = out or Path("runs") / "curves" / chosen.name
    start = time.monotonic()

    def say(text: str) -> None:
        typer.echo(f"{time.monotonic() - start:6.0f} s  {text}", err=True)

    measured = measure(chosen, folder, say, collect, jobs or os.cpu_count() or 1)
    draw(measured, folder / "curves.svg")
    (folder / "curves.md").write_text(page([(measured, "curves.svg")]), encoding="utf-8")
    if results is not None:
        results.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / "results.json", results / f"curves-{chosen.name}.json")
        shutil.copyfile(folder / "curves.svg", results / f"curves-{chosen.name}.svg")
    typer.echo((folder / "curves.md").read_text(encoding="utf-8"))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the sample, runs, report and index.")] = Path("demo"),
    outfits: Annotated[int, typer.Option(help="Number of outfits to generate.")] = 5000,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST, help="Random seed of the whole demo.")] = 0,
    data: Annotated[
        str | None, typer.Option(metavar="DATASET", help="Train on this data set instead of a generated one.")
    ] = None,
    serve: Annotated[bool, typer.Option("--serve", help="Open the studio at the end, until Ctrl-C.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the studio; 0: any free port.")] = 8000,
) -> None:
    """Run every stage on a generated wardrobe and write report.html.

    Generates pictures and outfits, encodes, trains, completes looks, evaluates. Takes minutes on two cores.

    \b
    Examples:
      goeswith demo
      goeswith demo --data data/mango --out runs/demo --serve
    """
    if data is None:
        from goeswith.experiments.demo import demo as run_demo

        run_demo(out, outfits=outfits, seed=seed, say=typer.echo)
    else:
        from goeswith.experiments.demo_data import demo as run_over

        run_over(data, out, seed=seed, say=typer.echo)
    if serve:
        from goeswith.studio import run

        run(out / "index", port=port, say=typer.echo)
