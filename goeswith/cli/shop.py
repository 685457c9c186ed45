"""Commands for a shop's catalogue: index it, complete looks, fill gaps, improve outfits, find substitutes."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goeswith.cli.options import (
    AllowPrivateOption,
    CoherentOption,
    DeviceOption,
    DownloadOption,
    JsonOption,
    Output,
    PopularityOption,
    Preferences,
    Reading,
    SetOption,
    bar,
    bars,
    with_groups,
)
from goeswith.config import LARGEST
from goeswith.data.filters import Filters

if TYPE_CHECKING:
    from goeswith.shop.stylist import Stylist

app = typer.Typer()


def _inside(path: Path) -> Path:
    from goeswith.shop.index import index_folder

    return index_folder(path)


IndexArgument = Annotated[
    Path, typer.Argument(metavar="INDEX", callback=_inside, help="Folder written by goeswith index or goeswith build.")
]
ItemsArgument = Annotated[list[str], typer.Argument(metavar="ITEM...", help="Items, by id, SKU or product id.")]
CommonOption = Annotated[int, typer.Option(min=0, help="How many added items two looks may share.")]


@app.command()
@with_groups
def build(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Export: a file, or a folder with orders, pictures, ...")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to build in; updated if it exists.")],
    layout: Annotated[str, typer.Option(help="Layout of SOURCE, see goeswith import. Default: detected.")] = "auto",
    *,
    reading: Reading,
    model: Annotated[Path | None, typer.Option(metavar="RUN", help="Use this run instead of training one.")] = None,
    rules: Annotated[
        Path | None, typer.Option(help="Rule file of what goes with what, if there are too few outfits.")
    ] = None,
    settings: SetOption = None,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST, help="Random seed of splits, training and looks shown.")] = 0,
    download: DownloadOption = True,
    allow_private: AllowPrivateOption = False,
) -> None:
    """Build all that goeswith serve needs from a shop's export.

    Imports, encodes, makes test questions, trains, calibrates, indexes, and writes a page with twelve looks. If there
    are too few outfits, looks combine items of similar style and follow --rules. Resumes if interrupted.

    \b
    Examples:
      goeswith build my-shop shops/mine --column item_id=sku --column category=kind
      goeswith build my-shop shops/mine --model runs/mango
    """
    from goeswith.cli.data import layout_options
    from goeswith.shop.pipeline import STAGES
    from goeswith.shop.pipeline import build as build_shop

    start = time.monotonic()

    def say(stage: str, line: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - start), 60)
        typer.echo(f"{minutes}:{seconds:02d}  {STAGES.index(stage) + 1}/{len(STAGES)} {stage}: {line}")

    with bars() as progress:
        built = build_shop(
            source, out, layout=layout, model=model, rules=rules, settings=settings or (), seed=seed,
            options=layout_options(layout, reading, allow_private=allow_private),
            pictures=download, say=say, progress=progress,
        )  # fmt: skip
    typer.echo(f"Open {built.page} to see the looks, or serve them: goeswith serve {out}")
    if built.unlearned:
        typer.echo(
            f"{built.unlearned} Add orders, wish lists or sets to {source} and build again, or use a model trained "
            "elsewhere (--model RUN)."
        )


@app.command()
def index(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Data set folder with the catalogue.")],
    out: Annotated[Path, typer.Option(help="Folder of the index; an existing index is updated.")],
    vectors: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Folder or address (s3://bucket/shop) of the vectors of very large categories. Default: in the index.",
        ),
    ] = None,
    device: DeviceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build or update the index of a catalogue, for searches.

    Computes what the model needs of each item, once. Resumes if interrupted.

    \b
    Examples:
      goeswith index runs/add-gnn data/mango --out indices/mango
      goeswith index runs/add-gnn data/mango --out indices/mango --json
    """
    from goeswith.data.dataset import Dataset
    from goeswith.data.devices import open_device
    from goeswith.shop.build import build_index

    messages: list[str] = []
    with bar("index") as progress:
        made = build_index(
            run, Dataset(dataset), out, vectors=vectors, say=messages.append, progress=progress,
            device=open_device(device),
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(made.info, indent=2))
        return
    for line in messages:
        typer.echo(f"{out}: {line}")


@app.command()
@with_groups
def complete(
    index: IndexArgument,
    items: ItemsArgument,
    slot: Annotated[
        list[str] | None,
        typer.Option(help="Group or category to add; repeatable. Default: all that the look lacks."),
    ] = None,
    budget: Annotated[float | None, typer.Option(help="Highest total price of a look.")] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="Number of looks.")] = 5,
    beam: Annotated[int, typer.Option(help="Beam width: partial looks kept at each slot.")] = 16,
    common: CommonOption = 1,
    *,
    preferences: Preferences,
    filters: Filters,
    output: Output,
) -> None:
    """Complete looks around some items, the best looks first.

    \b
    Examples:
      goeswith complete indices/mango top-17
      goeswith complete indices/mango top-17 --slot shoes --slot bag --budget 120 -k 3
    """
    stylist = _stylist(index)
    results = stylist.complete(
        items, slots=slot or (), filters=filters, budget=budget, k=k, beam=beam, common=common, **vars(preferences)
    )
    _print_results(stylist, results, output, "looks")


@app.command()
@with_groups
def looks(
    index: IndexArgument,
    out: Annotated[Path | None, typer.Option(help="Table to write: .csv (one row per item) or .json.")] = None,
    wanted: Annotated[
        list[str] | None,
        typer.Option(
            "--for", metavar="COLUMN=VALUE", help="Only for items with this value; repeatable, all must match."
        ),
    ] = None,
    anchors: Annotated[int | None, typer.Option(min=1, help="Only for this many items, drawn at random.")] = None,
    per: Annotated[int, typer.Option(min=1, help="Number of looks per item.")] = 3,
    sheet: Annotated[Path | None, typer.Option(help="Contact sheet of the looks to write: .png or .jpg.")] = None,
    cap: Annotated[
        int | None,
        typer.Option(min=1, help="How many looks an item may be added to. Default: four times an even share."),
    ] = None,
    common: CommonOption = 1,
    popularity: PopularityOption = None,
    coherent: CoherentOption = True,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST, help="Random seed for --anchors.")] = 0,
    *,
    filters: Filters,
) -> None:
    """Make looks for many items, as a table and a contact sheet.

    Spreads the added items over the catalogue, so that the looks do not repeat a few bestsellers.

    \b
    Examples:
      goeswith looks indices/mango --out looks.csv --for group=dress
      goeswith looks indices/mango --anchors 12 --per 1 --sheet looks.jpg
    """
    from goeswith.shop.looks import Maker, anchors_for, spread_of, table, write
    from goeswith.shop.sheet import draw_sheet

    if out is None and sheet is None:
        raise typer.BadParameter("give --out looks.csv, --sheet sheet.png, or both")
    if sheet is not None and sheet.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise typer.BadParameter(f"{sheet} is not named as a picture; name it .png or .jpg")
    if out is not None and out.suffix.lower() not in (".csv", ".json"):
        raise typer.BadParameter(f"{out} is neither .csv nor .json; name a file of one of these types")
    stylist = _stylist(index)
    rows = anchors_for(stylist, wanted or (), anchors, seed)
    maker = Maker(stylist, filters, cap, common, popularity, coherent)
    with bar("looks") as progress:
        made = maker.looks(rows, per, progress)
    chosen = [look for looks in made.values() for look in looks]
    if out is not None:
        write(table(stylist, chosen), out)
    if sheet is not None:
        draw_sheet(stylist, chosen, sheet)
    fewer = sum(len(looks) < per for looks in made.values())
    short = ""
    if fewer:
        none = sum(not looks for looks in made.values())
        some = f" ({none:,} have none)" if none and per > 1 else ""
        short = (
            f"; {fewer:,} of {len(made):,} items have fewer than {per} looks{some}: too few items fit that are not "
            f"offered often already (--cap)"
        )
    typer.echo(f"{spread_of(stylist, chosen)}{short}")


@app.command()
@with_groups
def fill(
    index: IndexArgument,
    items: ItemsArgument,
    slot: Annotated[str, typer.Option(help="Group or category to fill, e.g. shoes.")],
    k: Annotated[int, typer.Option("--k", "-k", help="Number of results.")] = 10,
    *,
    preferences: Preferences,
    filters: Filters,
    output: Output,
) -> None:
    """Find the best items for one missing slot of an outfit.

    \b
    Examples:
      goeswith fill indices/mango top-17 bottom-4 --slot shoes
      goeswith fill indices/mango top-17 --slot bag -k 3 --price-max 50 --in-stock
    """
    stylist = _stylist(index)
    results = stylist.fill(items, slot, filters=filters, k=k, **vars(preferences))
    _print_results(stylist, results, output, "choices")


@app.command()
@with_groups
def improve(
    index: IndexArgument,
    items: ItemsArgument,
    lock: Annotated[list[str] | None, typer.Option(metavar="ITEM", help="Keep this item; repeatable.")] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="Number of swaps.")] = 5,
    coherent: CoherentOption = True,
    *,
    filters: Filters,
    output: Output,
) -> None:
    """Find swaps of one item that improve an outfit.

    \b
    Examples:
      goeswith improve indices/mango top-17 bottom-4 shoes-9
      goeswith improve indices/mango top-17 bottom-4 shoes-9 --lock top-17 -k 3
    """
    stylist = _stylist(index)
    swaps = stylist.improve(items, locked=lock or (), filters=filters, k=k, coherent=coherent)
    why_none = "" if swaps else stylist.why_no_swap(items, lock or (), filters, coherent)
    _print_results(stylist, swaps, output, "swaps", why_none)


@app.command()
@with_groups
def similar(
    index: IndexArgument,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Item, by id, SKU or product id.")],
    k: Annotated[int, typer.Option("--k", "-k", help="Number of results.")] = 10,
    *,
    filters: Filters,
    output: Output,
) -> None:
    """Find substitutes for an item: the most alike of its category.

    \b
    Examples:
      goeswith similar indices/mango shoes-9
      goeswith similar indices/mango shoes-9 -k 5 --colour black
    """
    stylist = _stylist(index)
    substitutes = stylist.similar(item, filters=filters, k=k)
    why_none = "" if substitutes else stylist.why_none_alike(item, filters)
    _print_results(stylist, substitutes, output, "similar", why_none)


@app.command()
@with_groups
def explain(
    index: IndexArgument,
    items: ItemsArgument,
    swap: Annotated[bool, typer.Option("--swap/--no-swap", help="Also search for the best swap.")] = True,
    lock: Annotated[list[str] | None, typer.Option(metavar="ITEM", help="Keep this item; repeatable.")] = None,
    *,
    output: Output,
) -> None:
    """Explain the score of an outfit.

    Prints a sentence, then the contributions of pairs, items, attributes and rules.

    \b
    Examples:
      goeswith explain indices/mango top-17 bottom-4 shoes-9
      goeswith explain indices/mango top-17 bottom-4 --no-swap --json
    """
    from goeswith.shop.explain import explain as explain_outfit
    from goeswith.shop.explain import tables

    stylist = _stylist(index)
    explanation = explain_outfit(stylist, items, swap=swap, locked=lock or ())
    if output.as_json:
        typer.echo(json.dumps(explanation.to_dict(), indent=2))
        return
    from goeswith.cli.terminal import Printer

    Printer(stylist.index, output.pictures).pieces(explanation.item_ids)
    typer.echo("\n\n".join([explanation.sentence, *tables(explanation)]))


@app.command()
def feedback(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File with saved looks: looks.sqlite.")],
    out: Annotated[Path, typer.Option(help="Outfit table to write: a new CSV file.")],
    dataset: Annotated[
        str | None, typer.Option(metavar="DATASET", help="Skip outfits with items that this data set lacks.")
    ] = None,
    state: Annotated[
        list[str], typer.Option(help="Looks to write: draft, approved, rejected or live. Repeat for several.")
    ] = ["approved", "live"],  # noqa: B006
) -> None:
    """Write looks approved in the studio as a table to import.

    \b
    Examples:
      goeswith feedback indices/looks.sqlite --out saved.csv --dataset data/mango
      goeswith feedback indices/looks.sqlite --out rejected.csv --state rejected
    """
    from goeswith.data.dataset import Dataset
    from goeswith.studio.service.look_table import write_outfits

    counts = write_outfits(file, out, None if dataset is None else Dataset(dataset).catalogue.ids, state)
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


def _print_results(stylist: Stylist, results: Sequence[Any], output: Output, how: str, why_none: str = "") -> None:
    """What was found, as JSON or as the printer's table called `how`; where that is nothing, why."""
    if not results and why_none:
        typer.echo(why_none, err=output.as_json)
    if output.as_json:
        typer.echo(json.dumps([asdict(result) for result in results], indent=2))
        return
    if not results:
        return
    from goeswith.cli.terminal import Printer

    getattr(Printer(stylist.index, output.pictures), how)(results)
