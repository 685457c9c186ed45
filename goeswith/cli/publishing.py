"""Commands that publish looks: as files for any web server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goeswith.cli.options import bar
from goeswith.cli.shop import IndexArgument

app = typer.Typer()


@app.command()
def publish(
    index: IndexArgument,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write; updated if it exists.")],
    made: Annotated[
        int,
        typer.Option(
            min=0, max=8, help="Let the model add looks, up to this many per item. Default: approved looks only."
        ),
    ] = 0,
    looks: Annotated[
        Path | None, typer.Option(help="File with saved looks. Default: looks.sqlite beside INDEX.")
    ] = None,
) -> None:
    """Write looks as JSON, pages and pictures for a web server.

    Any web server or CDN can serve them. Writes only what has changed. Product pages show the looks with the script
    looks.js in the folder.

    \b
    Examples:
      goeswith publish shops/mine public/looks
      goeswith publish shops/mine public/looks --made 3
    """
    from goeswith.studio import publish as publish_looks

    with bar("looks") as progress:
        done = publish_looks(index, out, looks=looks, made=made, progress=progress)
    typer.echo(
        f"{out}: {done.looks:,} looks of {done.items:,} items, {done.approved:,} of them approved; "
        f"{done.written:,} files written, {done.unchanged:,} unchanged, {done.removed:,} removed"
    )
    if done.skipped:
        typer.echo(f"left out {len(done.skipped):,} items with ids too long for a file, such as {done.skipped[0]}")
