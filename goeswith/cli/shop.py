"""Commands for a shop's catalogue: index it, complete looks, fill gaps, improve outfits, find substitutes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from goeswith.cli.options import JsonOption, bar, with_filters

if TYPE_CHECKING:
    from goeswith.shop.stylist import Stylist

app = typer.Typer()

IndexArgument = Annotated[Path, typer.Argument(metavar="INDEX", help="Folder written by goeswith index.")]
ItemsArgument = Annotated[list[str], typer.Argument(metavar="ITEM...", help="Item ids.")]
PicturesOption = Annotated[
    bool | None, typer.Option("--pictures/--no-pictures", help="Show small pictures. Default: if the terminal can.")
]
DiversityOption = Annotated[float, typer.Option(help="0: best scores only; up to 1: more varied results.")]


@app.command()
def index(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Data set folder with the catalogue.")],
    out: Annotated[Path, typer.Option(help="Folder of the index; an existing index is updated.")],
    as_json: JsonOption = False,
) -> None:
    """Build or update the index of a catalogue, which the search commands read.

    Computes what the model needs of each item, once. Resumes if interrupted.

    \b
    Examples:
      goeswith index runs/add-gnn data/mango --out indices/mango
      goeswith index runs/add-gnn data/mango --out indices/mango --json
    """
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
    slot: Annotated[list[str], typer.Option(help="Group or category to add to the look; repeatable.")],
    budget: Annotated[float | None, typer.Option(help="Highest total price of a look.")] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="Number of looks.")] = 5,
    beam: Annotated[int, typer.Option(help="Beam width: partial looks kept at each slot.")] = 16,
    diversity: DiversityOption = 0.0,
    filters: Any = None,
    pictures: PicturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Complete a look around some items: the best items for each slot, best looks first.

    \b
    Examples:
      goeswith complete indices/mango top-17 --slot bottom --slot shoes
      goeswith complete indices/mango top-17 --slot shoes --slot bag --budget 120 -k 3
    """
    stylist = _stylist(index)
    found = stylist.complete(items, slots=slot, filters=filters, budget=budget, k=k, beam=beam, diversity=diversity)
    _tell(stylist, found, as_json, pictures, "looks")


@app.command()
@with_filters
def fill(
    index: IndexArgument,
    items: ItemsArgument,
    slot: Annotated[str, typer.Option(help="Group or category to fill, e.g. shoes.")],
    k: Annotated[int, typer.Option("--k", "-k", help="Number of results.")] = 10,
    diversity: DiversityOption = 0.0,
    filters: Any = None,
    pictures: PicturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the best items for one missing slot of an outfit.

    \b
    Examples:
      goeswith fill indices/mango top-17 bottom-4 --slot shoes
      goeswith fill indices/mango top-17 --slot bag -k 3 --price-max 50 --in-stock
    """
    stylist = _stylist(index)
    found = stylist.fill(items, slot, filters=filters, k=k, diversity=diversity)
    _tell(stylist, found, as_json, pictures, "choices")


@app.command()
@with_filters
def improve(
    index: IndexArgument,
    items: ItemsArgument,
    lock: Annotated[list[str] | None, typer.Option(metavar="ITEM", help="Keep this item; repeatable.")] = None,
    k: Annotated[int, typer.Option("--k", "-k", help="Number of swaps.")] = 5,
    filters: Any = None,
    pictures: PicturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find swaps of one item that improve an outfit.

    \b
    Examples:
      goeswith improve indices/mango top-17 bottom-4 shoes-9
      goeswith improve indices/mango top-17 bottom-4 shoes-9 --lock top-17 -k 3
    """
    stylist = _stylist(index)
    found = stylist.improve(items, locked=lock or (), filters=filters, k=k)
    if not found and not as_json:
        typer.echo("no swap of one item makes the outfit better")
    _tell(stylist, found, as_json, pictures, "swaps")


@app.command()
@with_filters
def similar(
    index: IndexArgument,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Item id.")],
    k: Annotated[int, typer.Option("--k", "-k", help="Number of results.")] = 10,
    filters: Any = None,
    pictures: PicturesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find substitutes: items of the same category that the model sees as most alike.

    \b
    Examples:
      goeswith similar indices/mango shoes-9
      goeswith similar indices/mango shoes-9 -k 5 --colour black
    """
    stylist = _stylist(index)
    found = stylist.similar(item, filters=filters, k=k)
    if not found and not as_json:
        typer.echo("no other item of its category passes the filters")
    _tell(stylist, found, as_json, pictures, "similar")


@app.command()
def explain(
    index: IndexArgument,
    items: ItemsArgument,
    swap: Annotated[bool, typer.Option("--swap/--no-swap", help="Also search for the best swap.")] = True,
    as_json: JsonOption = False,
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

    found = explain_outfit(_stylist(index), items, swap=swap)
    typer.echo(json.dumps(found.to_dict(), indent=2) if as_json else "\n\n".join([found.sentence, *tables(found)]))


@app.command()
def serve(
    index: IndexArgument,
    host: Annotated[str, typer.Option(help="Address to listen on; any but the local one needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free port.")] = 8000,
    token: Annotated[
        str | None, typer.Option(envvar="GOESWITH_TOKEN", help="Token that every request must send.", show_envvar=True)
    ] = None,
    feedback: Annotated[
        Path | None, typer.Option(help="File for saved outfits. Default: feedback.jsonl beside INDEX.")
    ] = None,
) -> None:
    """Serve an index over HTTP: the studio at / and an API at /v1, until Ctrl-C.

    The API is documented at /docs.

    \b
    Examples:
      goeswith serve indices/mango
      GOESWITH_TOKEN=a-long-secret goeswith serve indices/mango --host 0.0.0.0 --port 80
    """
    from goeswith.studio import run

    run(index, host=host, port=port, token=token, feedback=feedback, say=typer.echo)


@app.command()
def feedback(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File with saved outfits: feedback.jsonl.")],
    out: Annotated[Path, typer.Option(help="Outfit table to write: a new CSV file.")],
    dataset: Annotated[
        str | None, typer.Option(metavar="DATASET", help="Skip outfits with items that this data set lacks.")
    ] = None,
) -> None:
    """Write the outfits saved in the studio as a table that can be imported.

    \b
    Examples:
      goeswith feedback indices/feedback.jsonl --out saved.csv
      goeswith feedback indices/feedback.jsonl --out saved.csv --dataset data/mango
    """
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
