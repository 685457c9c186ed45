"""The commands over a shop's catalogue: index it, complete looks, fill gaps, improve outfits, find substitutes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from goeswith.look import Stylist

app = typer.Typer()

IndexArgument = Annotated[Path, typer.Argument(metavar="INDEX", help="Folder that goeswith index made.")]
ItemsArgument = Annotated[list[str], typer.Argument(metavar="ITEM...", help="Item ids.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
PicturesOption = Annotated[
    bool | None, typer.Option("--pictures/--no-pictures", help="Small pictures; where the terminal can by default.")
]
CategoryOption = Annotated[list[str] | None, typer.Option(help="Offer only this category; repeatable, as those below.")]
GroupOption = Annotated[list[str] | None, typer.Option(help="Offer only this group, e.g. shoes.")]
BrandOption = Annotated[list[str] | None, typer.Option(help="Offer only this brand.")]
ColourOption = Annotated[list[str] | None, typer.Option(help="Offer only this colour.")]
SeasonOption = Annotated[list[str] | None, typer.Option(help="Offer only this season.")]
GenderOption = Annotated[list[str] | None, typer.Option(help="Offer only this gender.")]
ExcludeOption = Annotated[list[str] | None, typer.Option(metavar="ITEM", help="Never offer this item.")]
LowOption = Annotated[float | None, typer.Option(help="Least price of an offered item.")]
HighOption = Annotated[float | None, typer.Option(help="Highest price of an offered item.")]
StockOption = Annotated[bool, typer.Option("--in-stock", help="Offer only what the column stock says is there.")]
DiversityOption = Annotated[float, typer.Option(help="0: the best scores; up to 1: answers that differ more.")]


@app.command()
def index(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Data set folder: the catalogue.")],
    out: Annotated[Path, typer.Option(help="Folder of the index; one that is there is brought up to date.")],
    as_json: JsonOption = False,
) -> None:
    """Compute the states of a whole catalogue once, to search it; a killed one goes on where it stopped."""
    from goeswith.dataset import Dataset
    from goeswith.indexing import build_index

    said: list[str] = []
    with _bar("index") as progress:
        made = build_index(run, Dataset(dataset), out, say=said.append, progress=progress)
    if as_json:
        typer.echo(json.dumps(made.info, indent=2))
        return
    for line in said:
        typer.echo(f"{out}: {line}")


@app.command()
def complete(
    index: IndexArgument,
    items: ItemsArgument,
    slot: Annotated[list[str], typer.Option(help="Group or category that the look lacks; repeatable.")],
    budget: Annotated[float | None, typer.Option(help="Most that the whole look may cost.")] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="How many looks.")] = 5,
    beam: Annotated[int, typer.Option(help="Partial looks kept at each slot.")] = 16,
    diversity: DiversityOption = 0.0,
    category: CategoryOption = None,
    group: GroupOption = None,
    brand: BrandOption = None,
    colour: ColourOption = None,
    season: SeasonOption = None,
    gender: GenderOption = None,
    exclude: ExcludeOption = None,
    price_min: LowOption = None,
    price_max: HighOption = None,
    in_stock: StockOption = False,
    pictures: PicturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Whole looks around some items: the best item for each slot, the best looks first."""
    filters = _filters(category, group, brand, colour, season, gender, exclude, price_min, price_max, in_stock)
    stylist = _stylist(index)
    found = stylist.complete(items, slots=slot, filters=filters, budget=budget, k=k, beam=beam, diversity=diversity)
    _tell(stylist, found, as_json, pictures, "looks")


@app.command()
def fill(
    index: IndexArgument,
    items: ItemsArgument,
    slot: Annotated[str, typer.Option(help="Group or category of the gap.")],
    k: Annotated[int, typer.Option("--k", "-k", help="How many.")] = 10,
    diversity: DiversityOption = 0.0,
    category: CategoryOption = None,
    group: GroupOption = None,
    brand: BrandOption = None,
    colour: ColourOption = None,
    season: SeasonOption = None,
    gender: GenderOption = None,
    exclude: ExcludeOption = None,
    price_min: LowOption = None,
    price_max: HighOption = None,
    in_stock: StockOption = False,
    pictures: PicturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """The best items for one gap in an outfit."""
    filters = _filters(category, group, brand, colour, season, gender, exclude, price_min, price_max, in_stock)
    stylist = _stylist(index)
    found = stylist.fill(items, slot, filters=filters, k=k, diversity=diversity)
    _tell(stylist, found, as_json, pictures, "choices")


@app.command()
def improve(
    index: IndexArgument,
    items: ItemsArgument,
    lock: Annotated[list[str] | None, typer.Option(metavar="ITEM", help="This item must stay; repeatable.")] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="How many swaps.")] = 5,
    category: CategoryOption = None,
    group: GroupOption = None,
    brand: BrandOption = None,
    colour: ColourOption = None,
    season: SeasonOption = None,
    gender: GenderOption = None,
    exclude: ExcludeOption = None,
    price_min: LowOption = None,
    price_max: HighOption = None,
    in_stock: StockOption = False,
    pictures: PicturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which item hurts an outfit, and what to swap it for."""
    filters = _filters(category, group, brand, colour, season, gender, exclude, price_min, price_max, in_stock)
    stylist = _stylist(index)
    found = stylist.improve(items, locked=lock or (), filters=filters, k=k)
    if not found and not as_json:
        typer.echo("no swap of one item makes the outfit better")
    _tell(stylist, found, as_json, pictures, "swaps")


@app.command()
def similar(
    index: IndexArgument,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Item id.")],
    k: Annotated[int, typer.Option("--k", "-k", help="How many.")] = 10,
    category: CategoryOption = None,
    group: GroupOption = None,
    brand: BrandOption = None,
    colour: ColourOption = None,
    season: SeasonOption = None,
    gender: GenderOption = None,
    exclude: ExcludeOption = None,
    price_min: LowOption = None,
    price_max: HighOption = None,
    in_stock: StockOption = False,
    pictures: PicturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Substitutes for an item: of its category, nearest to what the model sees in it."""
    filters = _filters(category, group, brand, colour, season, gender, exclude, price_min, price_max, in_stock)
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
    from goeswith.why import explain as explain_outfit
    from goeswith.why import tables

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
    from goeswith.dataset import Dataset
    from goeswith.studio.feedback import write_outfits

    counts = write_outfits(file, out, None if dataset is None else Dataset(dataset).catalogue.ids)
    left_out = "".join(f"; left out {number}: {why}" for why, number in counts.items() if why != "outfits")
    typer.echo(f"{counts['outfits']:,} outfits in {out}{left_out}")


def _stylist(path: Path) -> Stylist:
    """Over an index; that the catalogue has changed since is said on standard error."""
    from goeswith.index import Index
    from goeswith.look import Stylist

    opened = Index(path)
    if opened.stale:
        typer.echo(f"goeswith: {opened.stale}", err=True)
    return Stylist(opened)


def _filters(
    category: list[str] | None,
    group: list[str] | None,
    brand: list[str] | None,
    colour: list[str] | None,
    season: list[str] | None,
    gender: list[str] | None,
    exclude: list[str] | None,
    price_min: float | None,
    price_max: float | None,
    in_stock: bool,
) -> Any:
    from goeswith.filters import Filters

    return Filters(
        categories=tuple(category or ()),
        groups=tuple(group or ()),
        brands=tuple(brand or ()),
        colours=tuple(colour or ()),
        seasons=tuple(season or ()),
        genders=tuple(gender or ()),
        exclude=tuple(exclude or ()),
        price_min=price_min,
        price_max=price_max,
        in_stock=in_stock,
    )


def _tell(stylist: Stylist, found: Sequence[Any], as_json: bool, pictures: bool | None, how: str) -> None:
    """What was found, as JSON or as the printer's table called `how`."""
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    from goeswith.terminal import Printer

    getattr(Printer(stylist.index, pictures), how)(found)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; silent where that is no terminal."""
    from goeswith.options import bar

    with bar(title) as progress:
        yield progress
