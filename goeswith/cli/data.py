"""Commands for data: import outfits, encode their items, freeze questions, look for shortcuts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from goeswith.cli.options import DatasetArgument, EncoderOption, JsonOption, bar, features_if_any
from goeswith.errors import ConfigError, DataError


def import_(
    layout: Annotated[
        str, typer.Argument(help="Layout of SOURCE, e.g. mango or ccp; table: your own; sample: generated.")
    ],
    paths: Annotated[
        list[Path], typer.Argument(metavar="[SOURCE] DEST", help="Source (none for sample), then the new folder.")
    ],
    update: Annotated[
        bool, typer.Option("--update", help="Update the data set in DEST; splits and unchanged features are kept.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Name in signatures. Default: the name of the folder.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Random seed of splits and sample. Default: 0.")] = None,
    outfits: Annotated[int | None, typer.Option(help="Only for sample: how many outfits to generate.")] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the layout; repeatable.")
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="OURS=YOURS", help="Only for table: map a column; repeatable.")
    ] = None,
    groups: Annotated[Path | None, typer.Option(help="Only for table: file of lines such as Kleider=dress.")] = None,
) -> None:
    """Import a published data set, or your own tables, as a data set folder.

    SOURCE is never changed. DEST is written completely or not at all.

    \b
    Examples:
      goeswith import mango downloads/mango data/mango
      goeswith import table my-shop data/my-shop --column item_id=sku --column category=kind
    """
    from goeswith.data.importing import import_data

    if len(paths) > 2 or (len(paths) == 1) != (layout == "sample"):
        raise typer.BadParameter("give SOURCE and DEST (for sample, only DEST)")
    options, dest = layout_options(layout, option, column, outfits, groups), paths[-1]
    source = paths[0] if len(paths) == 2 else None
    with bar("draw") as progress:
        done = import_data(
            layout, source, dest, options=options, update=update, name=name, seed=seed, progress=progress
        )
    typer.echo(f"{dest}: {done.summary}")
    for line in done.lines:
        typer.echo(f"  {line}")


def layout_options(
    layout: str,
    option: list[str] | None,
    column: list[str] | None,
    outfits: int | None = None,
    groups: Path | None = None,
) -> dict[str, Any]:
    """What a reader is given: the options of its layout, and those that have a flag of their own."""
    options: dict[str, Any] = _pairs(option, "--option")
    if "columns" in options:
        raise ConfigError("columns are mapped with --column OURS=YOURS, not with --option")
    if "groups" in options:
        raise ConfigError("groups are chosen with --groups FILE, not with --option")
    if layout == "sample" and (taken := {"seed", "progress"} & set(options)):
        raise ConfigError(f"the sample has no option {min(taken)!r}; its seed is given with --seed")
    if column:
        if layout != "table":
            raise ConfigError(f"--column is for layout 'table', not for {layout!r}; leave it out")
        options["columns"] = _pairs(column, "--column")
    if outfits is not None:
        if layout != "sample" or "outfits" in options:
            raise ConfigError("--outfits sets the size of the sample and may be given once; leave it out")
        options["outfits"] = outfits
    if groups is not None:
        if layout != "table":
            raise ConfigError(f"--groups is for layout 'table', not for {layout!r}; leave it out")
        from goeswith.data.group_map import read_groups

        options["groups"] = read_groups(groups)
    return options


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


def encode(
    dataset: DatasetArgument,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Pictures: efficientnet-lite0, efficientnet-lite2, hf:MODEL. Text: minilm, words, st:MODEL. Default: "
            "efficientnet-lite0 if there are pictures, and minilm if there are titles."
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Number of items encoded at a time.")] = 32,
    workers: Annotated[
        int | None, typer.Option(help="Processes that decode pictures. Default: one per core, at most 8.")
    ] = None,
) -> None:
    """Compute the features of all items from their pictures or text.

    Items that have not changed are not computed again. Resumes if interrupted.

    \b
    Examples:
      goeswith encode data/mango
      goeswith encode data/mango --encoder minilm
    """
    from goeswith.data.dataset import Dataset
    from goeswith.data.encoders.encode import encode as encode_dataset
    from goeswith.data.encoders.encode import usual_encoders

    opened = Dataset(dataset)
    for name in [encoder] if encoder is not None else usual_encoders(opened):
        with bar(f"encode {name}") as progress:
            done = encode_dataset(opened, name, batch_size=batch_size, workers=workers, progress=progress)
        typer.echo(f"{done.path}: {done}")
        for item_id, reason in done.excluded.items():
            typer.echo(f"  left out {item_id}: {reason}")


def questions(
    dataset: DatasetArgument,
    task: Annotated[
        str | None, typer.Option(help="compat, fitb, triplet or retrieval. Default: all except triplet.")
    ] = None,
    negatives: Annotated[
        str | None, typer.Option(help="With --task: random, group, category or matched (default).")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed; the same seed gives the same questions.")] = 0,
    outfits: Annotated[Path | None, typer.Option(help="CSV of other outfits of this catalogue to ask about.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --outfits and --task: question file to write (.parquet).")
    ] = None,
) -> None:
    """Create the evaluation questions once, so that every model answers the same.

    Without --task: compat and fitb questions with random, category and matched negatives, and retrieval questions.

    \b
    Examples:
      goeswith questions data/mango
      goeswith questions data/mango --task triplet --negatives category --seed 1
    """
    from goeswith.data.dataset import Dataset
    from goeswith.data.freeze import PLAN, freeze, make_questions
    from goeswith.data.outfits import read_outfits
    from goeswith.data.questions import write_questions

    if (outfits is None) != (out is None) or (out is not None and task is None):
        raise typer.BadParameter("--outfits, --out and --task must be given together")
    if negatives is not None and task is None:
        raise typer.BadParameter("--negatives needs --task; without --task, all usual questions are created")
    if out is not None and out.suffix != ".parquet":
        raise typer.BadParameter(f"questions are stored as Parquet; {out} must end in .parquet")
    negatives = negatives or "matched"
    opened = Dataset(dataset)
    if outfits is not None and out is not None and task is not None:
        listed = read_outfits(outfits, opened.catalogue)
        frame, skipped = make_questions(
            opened.catalogue, listed, None, task, negatives, seed=seed, known=[opened.outfits]
        )
        if not len(frame):
            raise DataError(f"no {task} question with {negatives} negatives can be made from {outfits}: {skipped}")
        info = {"dataset": opened.name, "split": outfits.stem, "task": task, "negatives": negatives, "seed": str(seed)}
        write_questions(frame, out, opened.catalogue, listed, **info)
        typer.echo(f"{out}: {len(frame)} questions{_left_out(skipped)}")
        return
    with bar("freeze") as progress:
        done = freeze(
            opened.catalogue, opened.outfits, opened.path / "questions", dataset=opened.name, seed=seed,
            prefix=opened.outfit_source, plan=[(task, negatives)] if task else PLAN, progress=progress,
        )  # fmt: skip
    for file in done:
        state = "kept as it was" if file.kept else "written" if file.questions else "not written"
        typer.echo(f"{file.path}: {file.questions} questions, {state}{_left_out(file.skipped)}")


def _left_out(skipped: dict[str, int]) -> str:
    return "".join(f"; left out {count}: {reason}" for reason, count in skipped.items())


def audit(
    dataset: DatasetArgument,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[QUESTIONS]...", help="Question files. Default: all.")
    ] = None,
    encoder: EncoderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check question files for shortcuts that solve them without a look at the items.

    Scores each file with simple baselines (category counts, popularity, item pairs) and names the strongest one.

    \b
    Examples:
      goeswith audit data/mango
      goeswith audit data/mango data/mango/questions/test-fitb-random.parquet --json
    """
    from goeswith.data.dataset import Dataset
    from goeswith.evaluate.audit import audit as audit_files
    from goeswith.tables import plain

    opened = Dataset(dataset)
    with bar("audit") as progress:
        found = audit_files(opened, files or None, features_if_any(opened, encoder), progress)
    if as_json:
        typer.echo(found.to_json())
        return
    rows = [(file, score) for file, scores in found.scores.items() for score in scores]
    floors = list(dict.fromkeys(str(score.floor) for _, score in rows))
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for file, score in rows:
        lines.setdefault((file, score.metric), {})[str(score.floor)] = f"{score.value:.3f}"
    cells = [[*key, *(cell.get(f, "–") for f in floors)] for key, cell in lines.items()]
    typer.echo(plain(["questions", "metric", *floors], cells))
    for file, sentence in found.verdicts.items():
        typer.echo(f"{file}: {sentence}")
