"""Commands for the service: run it, from the command line, the environment and one file of settings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

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
        str | None, typer.Option(help="Token that every request must send; better by GOESWITH_TOKEN.")
    ] = None,
    looks: Annotated[
        Path | None, typer.Option(help="File for saved looks. Default: looks.sqlite beside INDEX.")
    ] = None,
    public_key: Annotated[str | None, typer.Option(help="Key with which product pages read looks.")] = None,
    allow_origins: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-origin", metavar="ORIGIN", help="Pages that may use it: https://shop.example; repeatable."
        ),
    ] = None,
    root_path: Annotated[
        str | None, typer.Option(metavar="/PATH", help="Path that a proxy serves it under, such as /style.")
    ] = None,
    trusted_proxies: Annotated[
        list[str] | None,
        typer.Option("--trusted-proxy", metavar="ADDRESS", help="Believe X-Forwarded-* of this address; repeatable."),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Number of processes that answer. Default: 1.")] = None,
    watch: Annotated[
        bool | None, typer.Option("--watch/--no-watch", help="Open a new index when one is put into the folder.")
    ] = None,
    access_log: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a line of JSON per request; -: to standard output.")
    ] = None,
) -> None:
    """Serve an index over HTTP: the studio at / and an API at /v1, until Ctrl-C.

    The API is documented at /docs. Every option is also a key of the file, and an environment variable such as
    GOESWITH_PORT; the command line wins over the environment, which wins over the file.

    \b
    Examples:
      goeswith serve indices/mango
      goeswith serve --config shop.toml --show-config
      goeswith serve shops/mine --public-key key-of-my-product-pages --allow-origin https://shop.example
      GOESWITH_TOKEN=a-long-secret goeswith serve indices/mango --host 0.0.0.0 --port 80
    """
    from goeswith.studio import configured, run

    given: dict[str, Any] = {
        "index": index, "host": host, "port": port, "token": token, "looks": looks, "root_path": root_path,
        "public_key": public_key, "allow_origins": allow_origins or None,
        "trusted_proxies": trusted_proxies or None, "workers": workers, "watch": watch, "access_log": access_log,
    }  # fmt: skip
    told = configured(config, os.environ, given)
    if show_config:
        typer.echo(told.shown())
        return
    if told.settings.index is None:
        raise ConfigError("give the folder of an index: goeswith serve INDEX, or index = ... in the file of --config")
    run(told.settings.index, say=typer.echo, settings=told.settings)
