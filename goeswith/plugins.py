"""Plug-ins: models, sources of knowledge, negatives and measures of other packages.

A package offers one by an entry point in the group ``goeswith.models``, ``goeswith.knowledge``, ``goeswith.negatives``
or ``goeswith.measures``; without one, ``module:Name`` finds it wherever Python does.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from goeswith.errors import ConfigError

Kind = Literal["models", "knowledge", "negatives", "measures"]


def offered(kind: Kind) -> dict[str, EntryPoint]:
    """Name → entry point of what the installed packages offer."""
    return _offered(f"goeswith.{kind}", tuple(sys.path))


@lru_cache(maxsize=16)
def _offered(group: str, path: tuple[str, ...]) -> dict[str, EntryPoint]:
    """The same, looked up once for each `path` on which Python finds packages."""
    return {point.name: point for point in entry_points(group=group)}


def load(kind: Kind, name: str) -> Any | None:
    """What another package offers under a name, or what ``module:Name`` is; None where there is no such thing.

    Raises:
        ConfigError: a module or an object in it cannot be imported.
    """
    if ":" not in name:
        point = offered(kind).get(name)
        return None if point is None else _loaded(point.value)
    return _loaded(name)


def _loaded(path: str) -> Any:
    module, _, attribute = path.partition(":")
    try:
        value: Any = import_module(module)
        for part in attribute.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"cannot import {path!r} ({error}); write module:Name, and install its package") from None
    return value


def names(kind: Kind, own: Any) -> str:
    """What can be chosen of a kind, for a message: the project's own and what packages offer."""
    return ", ".join([*own, *sorted(set(offered(kind)) - set(own))])
