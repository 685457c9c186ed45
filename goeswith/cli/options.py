"""Options: arguments and flags that several commands share, and their progress bar."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, Any

import typer

DatasetArgument = Annotated[
    str, typer.Argument(metavar="DATASET", help="Data set folder; FOLDER#SOURCE for one source of it.")
]
EncoderOption = Annotated[
    str | None, typer.Option(help="Encoder of the features to use. Default: all that were computed.")
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change a setting; repeatable.")
]
LARGEST_SEED = 2**63 - 1
"""That every library takes."""
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


CategoryOption = Annotated[list[str] | None, typer.Option(help="Only this category; repeatable.")]
GroupOption = Annotated[list[str] | None, typer.Option(help="Only this group, e.g. shoes; repeatable.")]
BrandOption = Annotated[list[str] | None, typer.Option(help="Only this brand; repeatable.")]
ColourOption = Annotated[list[str] | None, typer.Option(help="Only this colour; repeatable.")]
SeasonOption = Annotated[list[str] | None, typer.Option(help="Only this season; repeatable.")]
GenderOption = Annotated[list[str] | None, typer.Option(help="Only this gender; repeatable.")]
ExcludeOption = Annotated[list[str] | None, typer.Option(metavar="ITEM", help="Never this item; repeatable.")]
LowOption = Annotated[float | None, typer.Option(help="Lowest price of an item.")]
HighOption = Annotated[float | None, typer.Option(help="Highest price of an item.")]
StockOption = Annotated[bool, typer.Option("--in-stock", help="Only items in stock (column stock).")]


def filters(
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
) -> Any:
    """The `goeswith.Filters` of the flags that are its parameters."""
    from goeswith.data.filters import Filters

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


def with_filters(command: Callable[..., None]) -> Callable[..., None]:
    """A command that has the flags of `filters` where it names a parameter ``filters``, and gets the filters there.

    Typer makes flags of the parameters of a signature and has no way to share some: here they are put into it.
    """
    own, flags = (inspect.signature(each, eval_str=True).parameters for each in (command, filters))

    @wraps(command)
    def called(**arguments: Any) -> None:
        chosen = filters(**{name: arguments.pop(name) for name in flags})
        command(**arguments, filters=chosen)

    shown = [parameter for name in own for parameter in (flags.values() if name == "filters" else [own[name]])]
    called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return called


def features_if_any(dataset: Any, encoder: str | None) -> Any:
    """Features for the cosine floor; none where nothing is encoded yet and none were asked for."""
    from goeswith.data.features import load_features

    if encoder is None and len(list((dataset.path / "features").glob("*.safetensors"))) != 1:
        return None
    return load_features(dataset, encoder)


@contextmanager
def bars() -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """Makes a progress bar on standard error for each title it is called with; silent where that is not a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:

        def begin(title: str) -> Callable[[int, int], None]:
            task = shown.add_task(title, total=None)
            return lambda done, total: shown.update(task, completed=done, total=total, visible=done < total)

        yield begin


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """One progress bar, see `bars`."""
    with bars() as begin:
        yield begin(title)
