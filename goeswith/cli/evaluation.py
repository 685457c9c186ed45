"""Command evaluate: measure a run, or scores of another program, and print what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goeswith.cli.options import DeviceOption, JsonOption

if TYPE_CHECKING:
    from goeswith.evaluate.evaluation import Evaluation
    from goeswith.scores import Score


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
    """Evaluate a run, or another program's scores, on the questions.

    Prints AUC, FITB accuracy, MRR and recall with 95 % intervals and signatures, below those of simple baselines;
    with --json also pooled AUC and recall of retrieval questions.

    \b
    Examples:
      goeswith evaluate runs/add-gnn data/ccp --against runs/no-teacher
      goeswith evaluate data/ccp --scores clip.csv
    """
    from goeswith.data.dataset import Dataset
    from goeswith.data.devices import open_device
    from goeswith.evaluate.evaluation import evaluate as evaluate_run
    from goeswith.train.run import Run

    if len(paths) > 2 or (len(paths) == 1 and not scores):
        raise typer.BadParameter("give RUN and DATASET, or DATASET and --scores FILE")
    if allow_incomplete and not scores:
        raise typer.BadParameter("--allow-incomplete needs --scores FILE")
    dataset, processor = Dataset(paths[-1]), open_device(device)
    evaluation = evaluate_run(
        dataset,
        Run(paths[0], processor) if len(paths) == 2 else None,
        against=Run(against, processor) if against is not None else None,
        scores=scores or (),
        questions=questions or (),
        measures=measure or (),
        retrieval=retrieval,
        allow_incomplete=allow_incomplete,
    )
    if rows is not None:
        evaluation.write_rows(rows)
    if as_json:
        typer.echo(evaluation.to_json())
    else:
        _print(evaluation)


def _print(evaluation: Evaluation) -> None:
    """The tables, and lines on comparisons, probabilities, devices and incomplete files."""
    from goeswith.tables import RETRIEVAL, chance, few_questions, interval, plain, question_tables

    ranked = [score for score in evaluation.retrieval if (score.task, score.metric) in RETRIEVAL]
    scores = [*evaluation.summary, *(score for score in evaluation.retrieval if score.task == "exhaustive")]
    for caption, table in question_tables(scores).items():
        typer.echo(f"{caption}\n\n{plain(*table)}\n")
    for score in scores:
        if score.unanswered:
            typer.echo(
                f"{score.scorer}: {score.unanswered:,} of {score.n:,} without an answer, which counts as wrong "
                f"({' '.join(score.column)})"
            )
    _print_signatures(scores)
    if warning := few_questions(scores):
        typer.echo(f"{warning}\n")
    if ranked:
        _print_retrieval(ranked)
    compared: dict[str, list[list[str]]] = {}
    for line in evaluation.compared:
        row = [" ".join(line.column), interval(line), chance(line.p)]
        compared.setdefault(f"{line.scorer} − {line.against}", []).append(row)
    for pair, rows in compared.items():
        typer.echo(f"{plain([pair, '', ''], rows)}\n")
    for name, measured in evaluation.calibration.items():
        typer.echo(f"{name}, as a probability: {measured}")
    for name, note in evaluation.notes.items():
        typer.echo(f"{name}: {note}")
    for file in evaluation.outside:
        if faults := ", ".join(f"{count} {fault}" for fault, count in file.counts.items() if count):
            typer.echo(f"{file.path} is not complete: {faults}")


def _print_retrieval(scores: list[Score]) -> None:
    """The section on retrieval."""
    from goeswith.tables import OFFERS, plain, retrieval_table

    typer.echo(f"Retrieval. {OFFERS}\n")
    typer.echo(f"{plain(*retrieval_table(scores))}\n")
    _print_signatures(scores)


def _print_signatures(scores: list[Score]) -> None:
    """Each signature, and how many questions it stands for."""
    from goeswith.tables import signature_lines

    for line in signature_lines(scores):
        typer.echo(line)
    typer.echo("")
