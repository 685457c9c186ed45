"""Studio: an index behind HTTP, for programs (``/v1``) and for people (the pages)."""

from __future__ import annotations

from typing import Any

from goeswith.errors import ConfigError


def configured(*given: Any) -> Any:
    """The settings of a file, of the environment and of the command line; see `goeswith.studio.settings.configured`."""
    from goeswith.studio.settings import configured

    return configured(*given)


def run(index: Any, **options: Any) -> None:
    """Serve an index until the process is told to stop; see `goeswith.studio.server.serve`.

    Raises:
        ConfigError: the extra is not installed. And as `serve`.
    """
    try:
        from goeswith.studio.server import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("goeswith"):
            raise
        raise ConfigError(f"serving needs {error.name}; run: pip install 'goeswith[serve]'") from None
    serve(index, **options)
