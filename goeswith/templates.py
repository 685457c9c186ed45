"""Templates: rendering of pages and cards; a value missing from the context is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(package: str, *, html: bool = True) -> Environment:
    """The templates in the folder ``templates`` of a package, such as ``goeswith.studio``.

    html: escape whatever is shown; switched off for Markdown.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package),
        autoescape=html,  # noqa: S701 (Markdown is not HTML)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=not html,
    )
