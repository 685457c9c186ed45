"""The commands over data: bring outfits in, encode their items, freeze questions, look for shortcuts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from goeswith.cli.options import DatasetArgument, EncoderOption, JsonOption, bar, features_if_any
from goeswith.errors import ConfigError, DataError


def import_(
    layout: Annotated[
        str,
        typer.Argument(
            help="Layout, e.g. shopify, google, woo, table, mango; by default told from the header.", metavar="[LAYOUT]"
        ),
    ],
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[SOURCE] DEST", help="Source (none for sample), new folder.")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Bring the data set in DEST up to date; its splits and features stay.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what is understood of SOURCE, and write nothing.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Name in signatures; the folder's by default.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the splits, and of the drawn sample; 0.")] = None,
    outfits: Annotated[int | None, typer.Option(help="sample: how many to make.")] = None,
    option: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the layout.")] = None,
    column: Annotated[
        list[str] | None, typer.Option(metavar="OURS=YOURS", help="Tables and exports: column names.")
    ] = None,
    groups: Annotated[Path | None, typer.Option(help="Tables and exports: file of lines like Kleider=dress.")] = None,
    download: Annotated[bool, typer.Option(help="Download pictures that are named by address.")] = True,
    allow_private: Annotated[bool, typer.Option("--allow-private", help="Download from private networks too.")] = False,
) -> None:
    """Bring outfits as they were published, a shop's export, or your own tables into a data set folder."""
    from goeswith.data.importing import AUTO, import_data, preview
    from goeswith.data.readers import READERS

    places = list(paths or [])
    if layout not in (*READERS, AUTO) and len(places) < 2 and ("/" in layout or "." in layout or Path(layout).exists()):
        layout, places = AUTO, [Path(layout), *places]
    if layout != "sample" and dry_run and len(places) == 1:
        places.append(Path())
    if len(places) > 2 or not places or (len(places) == 1) != (layout == "sample"):
        raise typer.BadParameter("give SOURCE and DEST (only DEST for the sample)")
    options, dest = layout_options(layout, option, column, outfits, groups, allow_private), places[-1]
    source = places[0] if len(places) == 2 else None
    if dry_run:
        if source is None:
            raise typer.BadParameter("--dry-run is about a source; the sample has none")
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
            progress=progress,
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
    allow_private: bool = False,
) -> dict[str, Any]:
    """What a reader is given: the options of its layout, and those that have a flag of their own."""
    from goeswith.data.readers import OWN_PICTURES

    mapped = (*OWN_PICTURES, "auto")
    options: dict[str, Any] = _pairs(option, "--option")
    if "columns" in options:
        raise ConfigError("columns are mapped with --column OURS=YOURS, not with --option")
    if "groups" in options:
        raise ConfigError("groups are chosen with --groups FILE, not with --option")
    if layout == "sample" and (taken := {"seed", "progress"} & set(options)):
        raise ConfigError(f"the sample has no option {min(taken)!r}; its seed is given with --seed")
    if column:
        if layout not in mapped:
            raise ConfigError(f"--column is for layout 'table' and exports, not for {layout!r}; leave it out")
        options["columns"] = _pairs(column, "--column")
    if outfits is not None:
        if layout != "sample" or "outfits" in options:
            raise ConfigError("--outfits says how many the sample has, and once; leave it out")
        options["outfits"] = outfits
    if groups is not None:
        if layout not in mapped:
            raise ConfigError(f"--groups is for layout 'table' and exports, not for {layout!r}; leave it out")
        from goeswith.data.group_map import read_groups

        options["groups"] = read_groups(groups)
    if allow_private:
        if layout not in mapped:
            raise ConfigError(f"layout {layout!r} downloads nothing; leave --allow-private out")
        options["allow_private"] = True
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
            help="efficientnet-lite0, efficientnet-lite2, hf:MODEL (pictures); minilm, st:MODEL (words); by default "
            "efficientnet-lite0 where there are pictures and minilm where there are titles."
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Items at a time.")] = 32,
    workers: Annotated[int | None, typer.Option(help="Processes that decode pictures.")] = None,
) -> None:
    """Turn pictures or titles into features, once; only what has changed is computed, a killed run goes on."""
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
    from goeswith.data.dataset import Dataset
    from goeswith.data.freeze import PLAN, freeze, make_questions
    from goeswith.data.outfits import read_outfits
    from goeswith.data.questions import write_questions

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
    files: Annotated[list[Path] | None, typer.Argument(metavar="[QUESTIONS]...", help="All by default.")] = None,
    encoder: EncoderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which shortcut solves this? Score question files with counters that see no picture."""
    from goeswith.data.dataset import Dataset
    from goeswith.evaluate.audit import audit as audit_files
    from goeswith.tables import plain

    opened = Dataset(dataset)
    with bar("audit") as progress:
        found = audit_files(opened, files or None, features_if_any(opened, encoder), progress)
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
