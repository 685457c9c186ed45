"""The commands over a shop's catalogue: index it, complete looks, fill gaps, improve outfits, find substitutes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goeswith.cli.options import JsonOption, SetOption, bar, bars, with_filters

if TYPE_CHECKING:
    from goeswith.shop.stylist import Stylist

app = typer.Typer()


def _inside(path: Path) -> Path:
    """The index in the folder of a build; any other path as it is."""
    return path / "index" if (path / "index" / "index.json").is_file() else path


IndexArgument = Annotated[
    Path, typer.Argument(metavar="INDEX", callback=_inside, help="Folder made by goeswith index or goeswith build.")
]
ItemsArgument = Annotated[list[str], typer.Argument(metavar="ITEM...", help="Item ids.")]
PicturesOption = Annotated[
    bool | None, typer.Option("--pictures/--no-pictures", help="Small pictures; where the terminal can by default.")
]
DiversityOption = Annotated[float, typer.Option(help="0: the best scores; up to 1: answers that differ more.")]
CommonOption = Annotated[int, typer.Option(min=0, help="Added pieces that two looks may have in common.")]
PopularityOption = Annotated[
    float | None,
    typer.Option(help="0: taste alone; 1: bestsellers; by default as fitted on validation outfits."),
]
CoherentOption = Annotated[
    bool, typer.Option("--coherent/--incoherent", help="Add only items of the given ones' season and gender.")
]


@app.command()
def build(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder of an export: items, outfits, images.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to build in; the same call brings it up to date.")],
    layout: Annotated[str, typer.Option(help="Layout of the source, see goeswith import.")] = "table",
    column: Annotated[list[str] | None, typer.Option(metavar="OURS=YOURS", help="table: column names.")] = None,
    option: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the layout.")] = None,
    groups: Annotated[Path | None, typer.Option(help="table: file of lines like Kleider=dress.")] = None,
    model: Annotated[Path | None, typer.Option(metavar="RUN", help="Use this trained run instead of training.")] = None,
    settings: SetOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the splits, the training and the looks shown.")] = 0,
) -> None:
    """Build a shop that can be served from an export: import, encode, train, calibrate, index, show twelve looks."""
    from goeswith.cli.data import layout_options
    from goeswith.shop.pipeline import STAGES
    from goeswith.shop.pipeline import build as build_shop

    start = time.monotonic()

    def say(stage: str, line: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - start), 60)
        typer.echo(f"{minutes}:{seconds:02d}  {STAGES.index(stage) + 1}/{len(STAGES)} {stage}: {line}")

    with bars() as progress:
        built = build_shop(
            source, out, layout=layout, options=layout_options(layout, option, column, groups=groups), model=model,
            settings=settings or (), seed=seed, say=say, progress=progress,
        )  # fmt: skip
    typer.echo(f"Open {built.page} to see the looks, or serve them: goeswith serve {out}")


@app.command()
def index(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Data set folder: the catalogue.")],
    out: Annotated[Path, typer.Option(help="Folder of the index; one that is there is brought up to date.")],
    as_json: JsonOption = False,
) -> None:
    """Compute the states of a whole catalogue once, to search it; a killed one goes on where it stopped."""
    from goeswith.data.dataset import Dataset
    from goeswith.shop.build import build_index

    said: list[str] = []
    with bar("index") as progress:
        made = build_index(run, Dataset(dataset), out, say=said.append, progress=progress)
    if as_json:
        typer.echo(json.dumps(made.info, indent=2))
        return
    for line in said:
        typer.echo(f"{out}: {line}")


@app.command()
@with_filters
def complete(
    index: IndexArgument,
    items: ItemsArgument,
    slot: Annotated[
        list[str] | None,
        typer.Option(help="Group or category that the look lacks; repeatable. By default all that make it whole."),
    ] = None,
    budget: Annotated[float | None, typer.Option(help="Most that the whole look may cost.")] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="How many looks.")] = 5,
    beam: Annotated[int, typer.Option(help="Partial looks kept at each slot.")] = 16,
    diversity: DiversityOption = 0.0,
    common: CommonOption = 1,
    popularity: PopularityOption = None,
    coherent: CoherentOption = True,
    filters: Any = None,
    pictures: PicturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Whole looks around some items, the best first: a product is completed, or the slots that are named are filled."""
    stylist = _stylist(index)
    options: dict[str, Any] = {"budget": budget, "k": k, "beam": beam, "diversity": diversity, "common": common}
    options |= {"popularity": popularity, "coherent": coherent}
    found = stylist.complete(items, slots=slot or (), filters=filters, **options)
    _tell(stylist, found, as_json, pictures, "looks")


@app.command()
@with_filters
def looks(
    index: IndexArgument,
    out: Annotated[Path | None, typer.Option(help="The table to write: .csv, a row a piece, or .json.")] = None,
    wanted: Annotated[
        list[str] | None,
        typer.Option("--for", metavar="COLUMN=VALUE", help="Make looks for these items; repeatable, all must hold."),
    ] = None,
    anchors: Annotated[int | None, typer.Option(min=1, help="Make looks for so many of them, drawn by --seed.")] = None,
    per: Annotated[int, typer.Option(min=1, help="Looks for each item.")] = 3,
    sheet: Annotated[Path | None, typer.Option(help="A contact sheet of the looks to draw, .png or .jpg.")] = None,
    cap: Annotated[
        int | None,
        typer.Option(min=1, help="Looks that an item may be added to; four times its even share by default."),
    ] = None,
    common: CommonOption = 1,
    popularity: PopularityOption = None,
    coherent: CoherentOption = True,
    seed: Annotated[int, typer.Option(help="Of the draw of --anchors.")] = 0,
    filters: Any = None,
) -> None:
    """Whole looks for a catalogue, spread over it, as a table and as a contact sheet."""
    from goeswith.shop.looks import Maker, anchors_for, spread_of, table, write
    from goeswith.shop.sheet import draw_sheet

    if out is None and sheet is None:
        raise typer.BadParameter("say where the looks go: --out looks.csv, --sheet sheet.png, or both")
    stylist = _stylist(index)
    rows = anchors_for(stylist, wanted or (), anchors, seed)
    maker = Maker(stylist, filters, cap, common, popularity, coherent)
    with bar("looks") as progress:
        made = maker.looks(rows, per, progress)
    found = [look for looks in made.values() for look in looks]
    if out is not None:
        write(table(stylist, found), out)
    if sheet is not None:
        draw_sheet(stylist, found, sheet)
    fewer = sum(len(looks) < per for looks in made.values())
    short = f"; {fewer:,} of {len(made):,} items have fewer than {per}, for too little fits them" if fewer else ""
    typer.echo(f"{spread_of(stylist, found)}{short}")


@app.command()
@with_filters
def fill(
    index: IndexArgument,
    items: ItemsArgument,
    slot: Annotated[str, typer.Option(help="Group or category of the gap.")],
    k: Annotated[int, typer.Option("--k", "-k", help="How many.")] = 10,
    diversity: DiversityOption = 0.0,
    popularity: PopularityOption = None,
    coherent: CoherentOption = True,
    filters: Any = None,
    pictures: PicturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """The best items for one gap in an outfit."""
    stylist = _stylist(index)
    options: dict[str, Any] = {"k": k, "diversity": diversity, "popularity": popularity, "coherent": coherent}
    found = stylist.fill(items, slot, filters=filters, **options)
    _tell(stylist, found, as_json, pictures, "choices")


@app.command()
@with_filters
def improve(
    index: IndexArgument,
    items: ItemsArgument,
    lock: Annotated[list[str] | None, typer.Option(metavar="ITEM", help="This item must stay; repeatable.")] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="How many swaps.")] = 5,
    coherent: CoherentOption = True,
    filters: Any = None,
    pictures: PicturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which item hurts an outfit, and what to swap it for."""
    stylist = _stylist(index)
    found = stylist.improve(items, locked=lock or (), filters=filters, k=k, coherent=coherent)
    if not found and not as_json:
        typer.echo("no swap of one item makes the outfit better")
    _tell(stylist, found, as_json, pictures, "swaps")


@app.command()
@with_filters
def similar(
    index: IndexArgument,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Item id.")],
    k: Annotated[int, typer.Option("--k", "-k", help="How many.")] = 10,
    filters: Any = None,
    pictures: PicturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Substitutes for an item: of its category, nearest to what the model sees in it."""
    stylist = _stylist(index)
    found = stylist.similar(item, filters=filters, k=k)
    if not found and not as_json:
        typer.echo("no other item of its category fits the filters")
    _tell(stylist, found, as_json, pictures, "similar")


@app.command()
def explain(
    index: IndexArgument,
    items: ItemsArgument,
    swap: Annotated[bool, typer.Option("--swap/--no-swap", help="Look for the swap that helps most.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Why an outfit has its score: a sentence, then pairs, items, attributes and rules in numbers."""
    from goeswith.shop.explain import explain as explain_outfit
    from goeswith.shop.explain import tables

    found = explain_outfit(_stylist(index), items, swap=swap)
    typer.echo(json.dumps(found.to_dict(), indent=2) if as_json else "\n\n".join([found.sentence, *tables(found)]))


@app.command()
def serve(
    index: IndexArgument,
    host: Annotated[
        str, typer.Option(help="Address to listen at; any but this machine's own needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 8000,
    token: Annotated[
        str | None, typer.Option(envvar="GOESWITH_TOKEN", help="That every request has to give.", show_envvar=True)
    ] = None,
    feedback: Annotated[
        Path | None, typer.Option(help="File that saved outfits are kept in; feedback.jsonl beside INDEX.")
    ] = None,
) -> None:
    """Answer programs (/v1, documented at /docs) and people (the studio, at /) over HTTP, until Ctrl-C."""
    from goeswith.studio import run

    run(index, host=host, port=port, token=token, feedback=feedback, say=typer.echo)


@app.command()
def feedback(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What the studio saved: feedback.jsonl.")],
    out: Annotated[Path, typer.Option(help="The outfit table to write, a new CSV file.")],
    dataset: Annotated[
        str | None, typer.Option(metavar="DATASET", help="Leave out outfits with items that it does not have.")
    ] = None,
) -> None:
    """Outfits saved in the studio, as an outfit table that can be imported and trained on."""
    from goeswith.data.dataset import Dataset
    from goeswith.studio.service.feedback import write_outfits

    counts = write_outfits(file, out, None if dataset is None else Dataset(dataset).catalogue.ids)
    left_out = "".join(f"; left out {number}: {why}" for why, number in counts.items() if why != "outfits")
    typer.echo(f"{counts['outfits']:,} outfits in {out}{left_out}")


def _stylist(path: Path) -> Stylist:
    """Over an index; that the catalogue has changed since is said on standard error."""
    from goeswith.shop.index import Index
    from goeswith.shop.stylist import Stylist

    opened = Index(path)
    if opened.stale:
        typer.echo(f"goeswith: {opened.stale}", err=True)
    return Stylist(opened)


def _tell(stylist: Stylist, found: Sequence[Any], as_json: bool, pictures: bool | None, how: str) -> None:
    """What was found, as JSON or as the printer's table called `how`."""
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    from goeswith.cli.terminal import Printer

    getattr(Printer(stylist.index, pictures), how)(found)
