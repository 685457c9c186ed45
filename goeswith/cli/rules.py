"""Commands for rules: mine them from outfits, check a rule file, report and explain what a run learned."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goeswith.cli.options import DatasetArgument, JsonOption
from goeswith.config import LARGEST
from goeswith.errors import DataError

if TYPE_CHECKING:
    from goeswith.rules.check import Checked
    from goeswith.rules.mine import Mined
    from goeswith.rules.pairs import RuleScore

app = typer.Typer(help="Mine, check and explain rules for tops and bottoms.")

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="Run trained with --rules.")]


@app.command()
def mine(
    dataset: DatasetArgument,
    out: Annotated[Path | None, typer.Option(help="Rule file to write (TOML), for you to edit.")] = None,
    most: Annotated[int, typer.Option("--max", help="Maximum number of rules.")] = 60,
    attribute: Annotated[
        list[str] | None,
        typer.Option(help="Text column, or word for words of titles; repeatable. Default: all the usual ones."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST, help="Random seed of triplets, if none are published.")] = 0,
) -> None:
    """Mine rules from the training outfits, most useful first.

    Words of titles can also reveal the shop (its name, a product line): read the rules before you use them.

    \b
    Examples:
      goeswith rules mine data/fashionvc --out rules.toml
      goeswith rules mine data/fashionvc --attribute category --attribute colour --max 20
    """
    from goeswith import __version__
    from goeswith.data.dataset import Dataset
    from goeswith.rules.mine import mine as mine_rules
    from goeswith.rules.rules import write_rules
    from goeswith.tables import plain

    if out is not None and out.exists():
        raise DataError(f"{out} already exists and may have been edited by hand; choose another name or remove it")
    opened = Dataset(dataset)
    mined = mine_rules(opened, attributes=attribute, most=most, seed=seed)
    if not mined:
        raise DataError(
            f"the training outfits of {dataset} give no rule that is strong and significant; import more outfits"
        )
    head = ["rule", "train pairs", "by chance", "lift", "valid coverage", "right on", "p"]
    rows = [
        [str(m.rule), str(m.support), f"{m.expected:.1f}", f"{m.lift:.2f}", *_shares(m.valid), f"{m.p:.0e}"]
        for m in mined
    ]
    typer.echo(plain(head, rows))
    if out is None:
        return
    options = ["--max", str(most), "--seed", str(seed), *(part for a in attribute or () for part in ("--attribute", a))]
    command = shlex.join(["goeswith", "rules", "mine", dataset, "--out", str(out), *options])
    comment = (
        f"Rules of {opened.name}, found by goeswith {__version__} with:\n  {command}\n"
        "Edit freely: remove rules, add your own, and check them with: goeswith rules check FILE DATASET"
    )
    write_rules([m.rule for m in mined], out, comment=comment, comments=[_numbers(m) for m in mined])
    typer.echo(f"{out}: {len(mined)} rules")


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Rule file.")],
    dataset: DatasetArgument,
    examples: Annotated[int, typer.Option(min=0, help="Number of triplets to show for and against each rule.")] = 0,
    test: Annotated[
        bool, typer.Option("--test", help="Also measure on test; use it last, once all choices are made.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST, help="Random seed of triplets, if none are published.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Measure how often each rule of a file applies and is right.

    Warns of rules that never apply, are wrong more often than right, or contradict each other.

    \b
    Examples:
      goeswith rules check rules.toml data/fashionvc
      goeswith rules check rules.toml data/fashionvc --examples 3 --test
    """
    from goeswith.data.dataset import Dataset
    from goeswith.rules.check import check as check_rules
    from goeswith.rules.rules import read_rules
    from goeswith.tables import plain

    splits = ("train", "valid", *(["test"] if test else []))
    results = check_rules(read_rules(file), Dataset(dataset), splits=splits, examples=examples, seed=seed)
    if as_json:
        typer.echo(json.dumps([checked.to_dict() for checked in results], indent=2))
    else:
        columns = [f"{split} {measure}" for split in splits for measure in ("coverage", "right on")]
        rows = [
            [str(c.rule), str(c.tops), str(c.bottoms), *(t for split in splits for t in _shares(c.measured[split]))]
            for c in results
        ]
        typer.echo(plain(["rule", "tops", "bottoms", *columns], rows))
        for checked in results if examples else ():
            typer.echo(_shown(checked))
    for warning in (sentence for checked in results for sentence in checked.warnings):
        typer.echo(f"goeswith: {file}: {warning}", err=True)


def _shares(measured: RuleScore) -> list[str]:
    """Coverage, and precision with its 95 % interval, in percent."""
    low, high = measured.interval
    coverage = f"{100 * measured.coverage:.1f} %" if measured.triplets else "–"
    right = f"{100 * measured.precision:.1f} % [{100 * low:.1f}, {100 * high:.1f}]" if measured.active else "–"
    return [coverage, right]


def _numbers(mined: Mined) -> str:
    """One line for the file: what speaks for a rule."""
    coverage, precision = _shares(mined.valid)
    return (
        f"{mined.support} training pairs where chance would give {mined.expected:.0f} (lift {mined.lift:.2f}); "
        f"applies to {coverage} of the validation triplets and is right on {precision} of those"
    )


def _shown(checked: Checked) -> str:
    """The examples of one rule, each on a line: the pair worn, and the bottom that was not."""
    lines = [str(checked.rule)]
    for sign, some in (("right", checked.right), ("wrong", checked.wrong)):
        for example in some:
            top, worn, other = (f"{i} ({t})" if t else i for i, t in zip(example.items, example.titles, strict=True))
            lines.append(f"  {sign}: {top} was worn with {worn}, not with {other}")
    return "\n".join(lines)


@app.command("report")
def report_(
    run: RunArgument,
    dataset: DatasetArgument,
    out: Annotated[Path, typer.Option(help="Page to write; its numbers are saved beside it as .json.")] = Path(
        "rules.html"
    ),
    questions: Annotated[
        Path | None, typer.Option(help="Question file with two candidates each. Default: validation triplets.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST, help="Random seed of generated questions and of the cases shown.")
    ] = 0,
) -> None:
    """Write a page on what a run learned from its rules.

    Shows how often each rule is right and how much weight the run gives it.

    \b
    Examples:
      goeswith rules report runs/akd data/fashionvc
      goeswith rules report runs/akd data/fashionvc --out reports/rules.html --seed 1
    """
    from goeswith.data.dataset import Dataset
    from goeswith.data.questions import read_questions
    from goeswith.evaluate.rule_insights import insights
    from goeswith.experiments.rules_page import summary, write_page
    from goeswith.train.run import Run

    opened = Dataset(dataset)
    question_set = read_questions(questions, opened.catalogue) if questions else None
    learned = insights(Run(run), opened, question_set, seed=seed)
    typer.echo("\n".join([*summary(learned), f"{write_page(learned, out)}: {len(learned.rules)} rules"]))


@app.command()
def explain(
    run: RunArgument,
    dataset: DatasetArgument,
    top: Annotated[str, typer.Argument(metavar="TOP", help="A top, by id, SKU or product id.")],
    bottom: Annotated[str, typer.Argument(metavar="BOTTOM", help="A bottom, by id, SKU or product id.")],
    seed: Annotated[int, typer.Option(min=0, max=LARGEST, help="Random seed for the choice of other bottoms.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")] = False,
) -> None:
    """Explain how a run scores a top with a bottom.

    Ranks the bottom among other bottoms for this top, by the student, by rules and by both, and lists the rules that
    apply to the pair.

    \b
    Examples:
      goeswith rules explain runs/akd data/fashionvc top-17 bottom-4
      goeswith rules explain runs/akd data/fashionvc top-17 bottom-4 --json
    """
    from goeswith.data.dataset import Dataset
    from goeswith.evaluate.pair_explanation import explain_pair
    from goeswith.train.run import Run

    explanation = explain_pair(Run(run), Dataset(dataset), top, bottom, seed=seed)
    typer.echo(json.dumps(explanation.to_dict(), indent=2) if as_json else str(explanation))
