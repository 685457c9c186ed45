"""Commands for data: import outfits, encode their items, freeze questions, look for shortcuts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from goeswith.cli.options import (
    AllowPrivateOption,
    DatasetArgument,
    DeviceOption,
    DownloadOption,
    EncoderOption,
    EngineOption,
    JsonOption,
    Reading,
    SetOption,
    bar,
    bars,
    with_groups,
)
from goeswith.config import LARGEST
from goeswith.errors import ConfigError, DataError


@with_groups
def import_(
    layout: Annotated[
        str,
        typer.Argument(
            help="Layout of SOURCE, e.g. shopify, google, woo, table, mango. Default: detected from the header.",
            metavar="[LAYOUT]",
        ),
    ],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[SOURCE] DEST", help="Source (none for sample), then the new folder."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Update the data set in DEST; splits and unchanged features are kept.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print how SOURCE is understood, and write nothing.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Name in signatures. Default: the name of the folder.")] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=LARGEST, help="Random seed of splits and sample. Default: 0.")
    ] = None,
    outfits: Annotated[int | None, typer.Option(help="Only for sample: how many outfits to generate.")] = None,
    *,
    reading: Reading,
    looks: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Saved looks of the studio (looks.sqlite) to learn from.")
    ] = None,
    download: DownloadOption = True,
    allow_private: AllowPrivateOption = False,
) -> None:
    """Import a published data set, a shop's export, or your tables.

    SOURCE is never changed. DEST is written completely or not at all. With --looks, looks approved in the studio become
    outfits, and goeswith train --knowledge preferences=DEST learns from what was rejected or exchanged.

    \b
    Examples:
      goeswith import products_export.csv data/shop
      goeswith import table my-shop data/my-shop --column item_id=sku --column category=kind
    """
    from goeswith.data.importing import import_data, preview

    layout, positional = _paths_of(layout, paths or [], dry_run)
    options, dest = layout_options(layout, reading, outfits, allow_private), positional[-1]
    source = positional[0] if len(positional) == 2 else None
    if dry_run:
        if source is None:
            raise typer.BadParameter("--dry-run needs a source; the sample has none")
        for line in preview(layout, source, options):
            typer.echo(line)
        return
    with bar("draw" if source is None else "download") as progress:
        done = import_data(
            layout,
            source,
            dest,
            options=options,
            update=update,
            name=name,
            seed=seed,
            pictures=download,
            looks=looks,
            progress=progress,
        )
    typer.echo(f"{dest}: {done.summary}")
    for line in done.lines:
        typer.echo(f"  {line}")


def _paths_of(layout: str, paths: list[Path], dry_run: bool) -> tuple[str, list[Path]]:
    """The layout, and SOURCE and DEST as far as they are needed; without a layout, its argument is the source.

    A file or folder that is called like a layout is the source where none is given beside it.
    """
    from goeswith.data.importing import AUTO
    from goeswith.data.readers import READERS

    needed = 1 if dry_run or layout == "sample" else 2
    if len(paths) < 2 and (layout not in (*READERS, AUTO) or (len(paths) < needed and Path(layout).exists())):
        layout, paths = AUTO, [Path(layout), *paths]
    if layout != "sample" and dry_run and len(paths) == 1:
        paths = [*paths, Path()]
    if len(paths) > 2 or not paths or (len(paths) == 1) != (layout == "sample"):
        after = f" after the layout {layout}" if layout != AUTO and len(paths) < 2 else ""
        raise typer.BadParameter(f"give SOURCE and DEST{after} (for sample, only DEST)")
    return layout, paths


def layout_options(
    layout: str, reading: Reading, outfits: int | None = None, allow_private: bool = False
) -> dict[str, Any]:
    """What a reader is given: the options of its layout, and those that have a flag of their own."""
    from goeswith.data.readers import OWN_PICTURES

    mapped = (*OWN_PICTURES, "auto")
    options: dict[str, Any] = _pairs(reading.option, "--option")
    if "columns" in options:
        raise ConfigError("columns are mapped with --column OURS=YOURS, not with --option")
    if "groups" in options:
        raise ConfigError("groups are chosen with --groups FILE, not with --option")
    if layout == "sample" and (reserved := {"seed", "progress"} & set(options)):
        raise ConfigError(f"the sample has no option {min(reserved)!r}; its seed is given with --seed")
    if reading.column:
        if layout not in mapped:
            raise ConfigError(f"--column is for layout 'table' and exports, not for {layout!r}; leave it out")
        options["columns"] = _pairs(reading.column, "--column")
    if outfits is not None:
        if layout != "sample" or "outfits" in options:
            raise ConfigError("--outfits sets the size of the sample and may be given once; leave it out")
        options["outfits"] = outfits
    if reading.groups is not None:
        if layout not in mapped:
            raise ConfigError(f"--groups is for layout 'table' and exports, not for {layout!r}; leave it out")
        from goeswith.data.group_map import read_groups

        options["groups"] = read_groups(reading.groups)
    if allow_private:
        if layout not in mapped:
            raise ConfigError(f"layout {layout!r} downloads nothing; leave --allow-private out")
        options["allow_private"] = True
    return options


def _pairs(texts: list[str] | None, flag: str) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for text in texts or []:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            form = "OURS=YOURS, e.g. item_id=sku" if flag == "--column" else "KEY=VALUE"
            raise ConfigError(f"{flag} {text!r} has no '='; write {flag} {form}")
        if key in pairs:
            raise ConfigError(f"{flag} {key} is given twice, as {pairs[key]!r} and as {value!r}; give it once")
        pairs[key] = value
    return pairs


def encode(
    dataset: DatasetArgument,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Pictures: efficientnet-lite0, efficientnet-lite2, hf:MODEL. Text: minilm, words, st:MODEL, "
            "hf-text:MODEL. Default: efficientnet-lite0 if there are pictures, and minilm if there are titles."
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Number of items encoded at a time.")] = 32,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes that decode pictures, or encode with --engine. Default: one per core, at most 8."),
    ] = None,
    engine: EngineOption = "local",
    device: DeviceOption = None,
) -> None:
    """Compute the features of all items from their pictures or text.

    Items that have not changed are not computed again. Resumes if interrupted.

    \b
    Examples:
      goeswith encode data/mango
      goeswith encode data/mango --encoder words --engine ray
    """
    from goeswith.data.dataset import Dataset
    from goeswith.data.encoders.encode import encode as encode_dataset
    from goeswith.data.encoders.encode import usual_encoders

    opened = Dataset(dataset)
    for name in [encoder] if encoder is not None else usual_encoders(opened):
        with bar(f"encode {name}") as progress:
            done = encode_dataset(
                opened, name, batch_size=batch_size, workers=workers, engine=engine, progress=progress, device=device
            )
        typer.echo(f"{done.path}: {done}")
        for item_id, reason in done.excluded.items():
            typer.echo(f"  left out {item_id}: {reason}")


def encoders(
    dataset: DatasetArgument,
    encoder: Annotated[
        list[str] | None, typer.Option(help="Compare this one too, see goeswith encode; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the runs. Default: runs/encoders/NAME.")] = None,
    pairs: Annotated[bool, typer.Option("--pairs/--single", help="Also compare pairs of encoders.")] = True,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare encoders on your data, by quality and by cost.

    Trains a quick model with each encoder that the data set has features of, and with pairs of them, and compares
    these models on validation outfits. Resumes if interrupted.

    \b
    Examples:
      goeswith encoders data/mango
      goeswith encoders data/mango --encoder words --encoder hf:models/fashion-siglip --single
    """
    from goeswith.data.dataset import Dataset
    from goeswith.experiments.encoders import compare, table
    from goeswith.tables import plain

    opened = Dataset(dataset)
    folder = out or Path("runs") / "encoders" / opened.name
    with bars() as progress:
        rows = compare(
            opened, folder, encoder or (), pairs=pairs, settings=settings or (),
            say=lambda line: typer.echo(line, err=True), progress=progress,
        )  # fmt: skip
    typer.echo(json.dumps([asdict(row) for row in rows], indent=2) if as_json else plain(*table(rows)))


def questions(
    dataset: DatasetArgument,
    task: Annotated[
        str | None, typer.Option(help="compat, fitb, triplet or retrieval. Default: all except triplet.")
    ] = None,
    negatives: Annotated[
        str | None, typer.Option(help="With --task: random, group, category or matched (default).")
    ] = None,
    match: Annotated[
        str | None,
        typer.Option(
            metavar="KEYS",
            help="Columns in which wrong items agree with the right one, beside the category, e.g. season,id[:2].",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=LARGEST, help="Random seed; the same seed gives the same questions.")
    ] = 0,
    outfits: Annotated[Path | None, typer.Option(help="CSV of other outfits of this catalogue to ask about.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="OURS=YOURS", help="With --outfits: map a column of the file; repeatable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="With --outfits and --task: question file to write (.parquet).")
    ] = None,
) -> None:
    """Create the test questions once, the same for every model.

    Without --task: compat and fitb questions with random, category and matched negatives, and retrieval questions.
    With --match: compat and fitb questions whose wrong items share the category and all of these columns (or parts of
    a column) with the right one.

    \b
    Examples:
      goeswith questions data/mango --task triplet --negatives category --seed 1
      goeswith questions data/mango --match 'season,id[:2]'
    """
    from goeswith.data.dataset import Dataset
    from goeswith.data.freeze import PLAN, freeze, make_questions
    from goeswith.data.negatives import BY, check_strategy
    from goeswith.data.outfits import read_outfits
    from goeswith.data.overlap import overlap_with
    from goeswith.data.questions import write_questions

    if (outfits is None) != (out is None) or (out is not None and task is None):
        raise typer.BadParameter("--outfits, --out and --task must be given together")
    if negatives is not None and task is None:
        raise typer.BadParameter("--negatives needs --task; without --task, all usual questions are created")
    if out is not None and out.suffix.lower() != ".parquet":
        raise typer.BadParameter(f"questions are stored as Parquet; {out} must end in .parquet")
    if match is not None and negatives not in (None, "matched"):
        raise typer.BadParameter(f"--match is for matched negatives, not for {negatives}")
    if column and outfits is None:
        raise typer.BadParameter("--column maps columns of --outfits FILE")
    negatives = BY + match if match is not None else negatives or "matched"
    check_strategy(negatives)
    usual = [(kind, negatives) for kind in ("compat", "fitb")] if match is not None else PLAN
    opened = Dataset(dataset)
    if outfits is not None and out is not None and task is not None:
        listed = read_outfits(outfits, opened.catalogue, _pairs(column, "--column"))
        frame, skipped = make_questions(
            opened.catalogue, listed, None, task, negatives, seed=seed, known_outfits=[opened.outfits]
        )
        if not len(frame):
            raise DataError(
                f"no {task} question with {negatives} negatives can be made from {outfits}{_left_out(skipped)}; "
                "choose other --negatives or add outfits"
            )
        info = {"dataset": opened.name, "split": outfits.stem, "task": task, "negatives": negatives, "seed": str(seed)}
        write_questions(frame, out, opened.catalogue, listed, **info)
        typer.echo(f"{out}: {len(frame)} questions{_left_out(skipped)}")
        typer.echo(f"overlap: {overlap_with(listed, opened.outfits.split('train'))}")
        return
    with bar("freeze") as progress:
        done = freeze(
            opened.catalogue, opened.outfits, opened.path / "questions", dataset=opened.name, seed=seed,
            prefix=opened.outfit_source, plan=[(task, negatives)] if task else usual, progress=progress,
        )  # fmt: skip
    for file in done:
        state = "kept as it was" if file.kept else "written" if file.questions else "not written"
        typer.echo(f"{file.path}: {file.questions} questions, {state}{_left_out(file.skipped)}")


def _left_out(skipped: dict[str, int]) -> str:
    return "".join(
        f"; {'refused' if reason.startswith('negatives') else 'left out'} {count}: {reason}"
        for reason, count in skipped.items()
    )


def audit(
    dataset: DatasetArgument,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[QUESTIONS]...", help="Question files. Default: all but training questions."),
    ] = None,
    encoder: EncoderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find shortcuts that answer questions without seeing an item.

    Scores each file with simple baselines (category counts, popularity, item pairs) and names the strongest. Then does
    the same with every column, id, date and picture file (size, border) of the catalogue, each alone and all together,
    fitted on training outfits, and names those that give most away.

    \b
    Examples:
      goeswith audit data/mango
      goeswith audit data/mango data/mango/questions/test-fitb-random.parquet --json
    """
    from goeswith.data.dataset import Dataset
    from goeswith.data.features import features_if_any
    from goeswith.evaluate.audit import audit as audit_files
    from goeswith.tables import plain

    opened = Dataset(dataset)
    with bar("audit") as progress:
        result = audit_files(opened, files or None, features_if_any(opened, encoder), progress)
    if as_json:
        typer.echo(result.to_json())
        return
    rows = [(file, score) for file, scores in result.scores.items() for score in scores]
    floors = list(dict.fromkeys(str(score.floor) for _, score in rows))
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for file, score in rows:
        lines.setdefault((file, score.metric), {})[str(score.floor)] = f"{score.value:.3f}"
    cells = [[*key, *(cell.get(f, "–") for f in floors)] for key, cell in lines.items()]
    typer.echo(plain(["questions", "metric", *floors], cells))
    for file, sentence in result.verdicts.items():
        typer.echo(f"{file}: {sentence}")
    if result.left_out:
        typer.echo(
            f"Left out, because floors have counted the answers to training questions: {', '.join(result.left_out)}."
        )


def check(dataset: DatasetArgument, as_json: JsonOption = False) -> None:
    """Report what a catalogue lacks, and items that no look can use.

    \b
    Examples:
      goeswith check data/shop
      goeswith check data/shop --json
    """
    from goeswith.data.dataset import Dataset
    from goeswith.shop.catalogue_report import check_catalogue

    report = check_catalogue(Dataset(dataset))
    if as_json:
        typer.echo(json.dumps(asdict(report), indent=2))
        return
    for line in report.lines:
        typer.echo(line)
