"""Commands for the service: run it, with one file of settings, and report what shoppers clicked."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from goeswith.cli.options import JsonOption
from goeswith.errors import ConfigError

app = typer.Typer()


@app.command()
def serve(
    index: Annotated[
        Path | None,
        typer.Argument(metavar="[INDEX]", help="Folder written by goeswith index or goeswith build."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(envvar="GOESWITH_CONFIG", show_envvar=True, help="TOML file of settings.")
    ] = None,
    show_config: Annotated[
        bool, typer.Option("--show-config", help="Print all settings and where each comes from, and stop.")
    ] = False,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; any but the local one needs a token. Default: 127.0.0.1.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0: any free port. Default: 8000.")] = None,
    token: Annotated[
        str | None, typer.Option(help="Token that every request must send; better set as GOESWITH_TOKEN.")
    ] = None,
    looks: Annotated[
        Path | None, typer.Option(help="File for saved looks. Default: looks.sqlite beside INDEX.")
    ] = None,
    public_key: Annotated[str | None, typer.Option(help="Public key with which product pages read looks.")] = None,
    allow_origins: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-origin", metavar="ORIGIN", help="Pages that may use that key: https://shop.example; repeatable."
        ),
    ] = None,
    root_path: Annotated[
        str | None, typer.Option(metavar="/PATH", help="Path under which a proxy serves it, such as /style.")
    ] = None,
    trusted_proxies: Annotated[
        list[str] | None,
        typer.Option("--trusted-proxy", metavar="ADDRESS", help="Believe X-Forwarded-* of this address; repeatable."),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Number of processes. Default: 1.")] = None,
    watch: Annotated[
        bool | None, typer.Option("--watch/--no-watch", help="Open a new index when one is put into the folder.")
    ] = None,
    clicks: Annotated[
        Path | None, typer.Option(help="File for what product pages post. Default: clicks.sqlite beside INDEX.")
    ] = None,
    control: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Share of sessions on product pages that see random looks.")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="INDEX", help="Interleave looks from this other index on product pages.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="auto|cpu|cuda|mps", help="Device to compute on. Default: auto, a GPU if any.")
    ] = None,
    access_log: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write one line of JSON per request; - for standard output.")
    ] = None,
) -> None:
    """Serve an index over HTTP: the studio and an API.

    The studio is at /, the API at /v1 and documented at /docs; Ctrl-C ends the service.

    Every option is also a key of the file, and an environment variable such as GOESWITH_PORT; the command line wins
    over the environment, which wins over the file.

    \b
    Examples:
      goeswith serve indices/mango
      goeswith serve shops/mine --public-key key-of-my-product-pages --allow-origin https://shop.example
    """
    from goeswith.studio import configured, run

    options: dict[str, Any] = {
        "index": index, "host": host, "port": port, "token": token, "looks": looks, "root_path": root_path,
        "public_key": public_key, "allow_origins": allow_origins or None,
        "trusted_proxies": trusted_proxies or None, "workers": workers, "watch": watch, "access_log": access_log,
        "clicks": clicks, "control": control, "compare": compare, "device": device,
    }  # fmt: skip
    configuration = configured(config, os.environ, options)
    if show_config:
        typer.echo(configuration.shown())
        return
    if configuration.settings.index is None:
        raise ConfigError("give the folder of an index: goeswith serve INDEX, or index = ... in the file of --config")
    run(configuration.settings.index, say=typer.echo, settings=configuration.settings)


@app.command()
def clicks(
    shop: Annotated[
        Path, typer.Argument(metavar="SHOP", help="Folder that was served, or its file of clicks: clicks.sqlite.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Report clicks and baskets on product pages, by model and look.

    Compares the model with random looks (serve --control) and with another model (serve --compare), if they were shown.

    \b
    Examples:
      goeswith clicks shops/mine
      goeswith clicks shops/mine/clicks.sqlite --json
    """
    from goeswith.studio.storefront.click_report import report
    from goeswith.studio.storefront.click_tables import file_in, tables
    from goeswith.studio.storefront.events import Events
    from goeswith.tables import plain

    shown = report(Events(file_in(shop)).shown())
    if as_json:
        typer.echo(json.dumps(shown.to_dict(), indent=2))
        return
    typer.echo("\n\n".join(f"{table.title}. {table.words}\n{plain(table.head, table.rows)}" for table in tables(shown)))
