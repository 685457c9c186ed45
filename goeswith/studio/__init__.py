"""Studio: an index behind HTTP, for programs (``/v1``) and for people (the pages)."""

from __future__ import annotations

from typing import Any

from goeswith.errors import ConfigError


def configured(*arguments: Any) -> Any:
    """The settings of a file, of the environment and of the command line; see `goeswith.studio.settings.configured`."""
    from goeswith.studio.settings import configured

    return configured(*arguments)


def run(index: Any, **options: Any) -> None:
    """Serve an index until the process is asked to stop; see `goeswith.studio.server.serve`.

    Raises:
        ConfigError: the extra is not installed. And as `serve`.
    """
    try:
        from goeswith.studio.server import serve
    except ModuleNotFoundError as error:
        raise _missing(error, "serving") from None
    serve(index, **options)


def publish(index: Any, out: Any, **options: Any) -> Any:
    """Write looks as files; see `goeswith.studio.storefront.publish.publish`.

    Raises:
        ConfigError: the extra is not installed. And as `publish`.
    """
    try:
        from goeswith.studio.storefront.publish import publish
    except ModuleNotFoundError as error:
        raise _missing(error, "publishing") from None
    return publish(index, out, **options)


def _missing(error: ModuleNotFoundError, feature: str) -> Exception:
    """What to raise instead: a command to run, unless the module is one of ours."""
    if (error.name or "").startswith("goeswith"):
        return error
    return ConfigError(f"{feature} needs {error.name}; run: pip install 'goeswith[serve]'")
