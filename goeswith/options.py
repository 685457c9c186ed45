"""Options: arguments and flags that several commands have in common, and the progress bar that they show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

DatasetArgument = Annotated[str, typer.Argument(metavar="DATASET", help="Data set folder, or FOLDER#SOURCE.")]
EncoderOption = Annotated[str | None, typer.Option(help="Whose features to use; the only ones there by default.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change a setting.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def features_if_any(dataset: Any, encoder: str | None) -> Any:
    """Features for the cosine floor; none where nothing is encoded yet and none were asked for."""
    from goeswith.features import load_features

    if encoder is None and len(list((dataset.path / "features").glob("*.safetensors"))) != 1:
        return None
    return load_features(dataset, encoder)


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error; silent where that is no terminal."""
    from rich.console import Console
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
