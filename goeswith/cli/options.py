"""Options: arguments and flags that several commands share, and their progress bar."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from goeswith.data.filters import COLUMN_OF, Filters

DatasetArgument = Annotated[
    str, typer.Argument(metavar="DATASET", help="Data set folder; FOLDER#SOURCE for one source of it.")
]
EncoderOption = Annotated[
    str | None, typer.Option(help="Encoder of the features to use. Default: all that were computed.")
]
EngineOption = Annotated[
    str,
    typer.Option(help="Where the work is done: local (this process), or ray (Ray Data's workers, see docs/scale.md)."),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Change a setting; repeatable.")
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        metavar="auto|cpu|cuda|mps",
        envvar="GOESWITH_DEVICE",
        show_envvar=True,
        help="Device to compute on. Default: auto, a GPU if there is one.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
DownloadOption = Annotated[bool, typer.Option(help="Download pictures given by web address.")]
AllowPrivateOption = Annotated[bool, typer.Option("--allow-private", help="Download from private networks as well.")]
PopularityOption = Annotated[
    float | None,
    typer.Option(help="0: taste only; 1: bestsellers. Default: fitted on validation outfits."),
]
CoherentOption = Annotated[
    bool, typer.Option("--coherent/--incoherent", help="Add only items of the same season and gender.")
]


@dataclass(frozen=True)
class Output:
    """How results are shown."""

    pictures: Annotated[
        bool | None,
        typer.Option("--pictures/--no-pictures", help="Show small pictures. Default: if the terminal can."),
    ] = None
    as_json: JsonOption = False


@dataclass(frozen=True)
class Preferences:
    """What counts beside the score."""

    diversity: Annotated[float, typer.Option(help="0: best scores only; up to 1: more varied results.")] = 0.0
    popularity: PopularityOption = None
    coherent: CoherentOption = True


@dataclass(frozen=True)
class Reading:
    """How a source is read where its layout leaves it open."""

    option: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the layout; repeatable.")] = (
        None
    )
    column: Annotated[
        list[str] | None, typer.Option(metavar="OURS=YOURS", help="For tables and exports: map a column; repeatable.")
    ] = None
    groups: Annotated[
        Path | None, typer.Option(help="For tables and exports: file of lines such as Kleider=dress.")
    ] = None


def _flag(kind: Any, option: typer.models.OptionInfo, default: Any) -> inspect.Parameter:
    return inspect.Parameter("_", inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option])


def _filter_flags() -> dict[str, inspect.Parameter]:
    """Name of a flag → the parameter that Typer makes it of, for each field of `goeswith.Filters`."""
    values, price = list[str] | None, float | None
    flags = {}
    for each in fields(Filters):
        if each.metadata:
            name, example = each.metadata["column"], each.metadata["example"]
            shown = f"Only this {name}{f', e.g. {example}' if example else ''}; repeatable."
            flags[name] = _flag(values, typer.Option(help=shown), None)
    return flags | {
        "exclude": _flag(values, typer.Option(metavar="ITEM", help="Never this item; repeatable."), None),
        "price_min": _flag(price, typer.Option(help="Lowest price of an item."), None),
        "price_max": _flag(price, typer.Option(help="Highest price of an item."), None),
        "in_stock": _flag(bool, typer.Option("--in-stock", help="Only items in stock (column stock)."), False),
    }


def _filters(flags: dict[str, Any]) -> Filters:
    """The filters that the flags ask for."""
    values: dict[str, Any] = {name: tuple(flags[column] or ()) for name, column in COLUMN_OF.items()}
    others: dict[str, Any] = {name: flags[name] for name in ("price_min", "price_max", "in_stock")}
    return Filters(**values, exclude=tuple(flags["exclude"] or ()), **others)


def _flags_of(group: type) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(group, eval_str=True).parameters)


GROUPS: dict[type, tuple[dict[str, inspect.Parameter], Callable[[dict[str, Any]], Any]]] = {
    Filters: (_filter_flags(), _filters),
    Output: (_flags_of(Output), lambda flags: Output(**flags)),
    Preferences: (_flags_of(Preferences), lambda flags: Preferences(**flags)),
    Reading: (_flags_of(Reading), lambda flags: Reading(**flags)),
}
"""Class of a parameter → the flags that it stands for, and what makes it of their values."""


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """A command that has the flags of a group of `GROUPS` for each parameter of its class.

    Typer makes flags of the parameters of a signature and has no way to share some: here they are put into it.
    """
    own = inspect.signature(command, eval_str=True).parameters
    grouped = {name: GROUPS[parameter.annotation] for name, parameter in own.items() if parameter.annotation in GROUPS}

    @wraps(command)
    def called(**arguments: Any) -> None:
        for name, (flags, made) in grouped.items():
            arguments[name] = made({flag: arguments.pop(flag) for flag in flags})
        command(**arguments)

    shown = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, name=name)
        for own_name in own
        for name, parameter in (grouped[own_name][0] if own_name in grouped else {own_name: own[own_name]}).items()
    ]
    called.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    called.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return called


MINUTES = 1.0
"""Between two lines of progress where standard error is no terminal."""


@contextmanager
def bars() -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """Makes a progress bar on standard error for each title it is called with.

    Where that is no terminal, a line now and then, see `MINUTES`.
    """
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines
        return
    with Progress(console=console, transient=True) as shown:

        def begin(title: str) -> Callable[[int, int], None]:
            task = shown.add_task(title, total=None)
            return lambda done, total: shown.update(task, completed=done, total=total, visible=done < total)

        yield begin


def _lines(title: str) -> Callable[[int, int], None]:
    """Progress for a log: a line on standard error every `MINUTES`, so that short work says nothing."""
    last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= MINUTES * 60 and done < total:
            last = time.monotonic()
            typer.echo(f"{title}: {done:,} of {total:,}", err=True)

    return progress


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """One progress bar, see `bars`."""
    with bars() as begin:
        yield begin(title)
