"""Click tables: the click report as tables with headings, for the command line and the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from goeswith.errors import DataError
from goeswith.evaluate.clicks import Gap, Rate
from goeswith.shop.index import index_folder
from goeswith.studio.storefront.click_report import Report, Row

NAME = "clicks.sqlite"
RATES = ["shown", "click-through", "95 %", "basket", "95 %"]


@dataclass(frozen=True)
class Table:
    """A table with a title and a sentence about it; numbers are in all columns but the first."""

    title: str
    words: str
    head: list[str]
    rows: list[list[str]]


def file_in(shop: Path) -> Path:
    """The file of clicks of a folder that was served.

    Raises:
        DataError: there is none.
    """
    if shop.is_file():
        return shop
    if not shop.exists():
        raise DataError(f"there is no folder or file {shop}; give the folder that was served, or its {NAME}")
    path = index_folder(shop).absolute().parent / NAME
    if not path.is_file():
        raise DataError(f"there is no file {path}; product pages write it while goeswith serve runs")
    return path


def tables(
    report: Report, look_name: Callable[[Row], str] = lambda row: f"{row.name} on {row.item}"
) -> Iterator[Table]:
    """Those that say something. look_name: what a look on the page of an item is called."""
    many = f"{report.shown:,} looks shown in {report.sessions:,} sessions"
    unseen = f"; {report.unseen:,} without an impression are left out" if report.unseen else ""
    words = f"{many}{unseen}. A look counts once in a session on a product page; intervals are Wilson's."
    yield Table("By model", words, ["looks of", *RATES], [_rates(row, row.name) for row in report.sources])
    if report.beside:
        rows = [[each.name, _signed(each.click), _range(each.click), _signed(each.basket), _range(each.basket)]
                for each in report.beside]  # fmt: skip
        yield Table(
            "Compared with random looks",
            f"Percentage points more than random coherent looks, over {report.beside[0].click.sessions:,} sessions; "
            "intervals are bootstrapped over sessions. An interval that contains 0 shows no difference.",
            ["looks of", "click-through", "95 %", "basket", "95 %"], rows,
        )  # fmt: skip
    if report.contest is not None:
        each = report.contest
        share = f"{100 * each.wins.low:.0f} to {100 * each.wins.high:.0f}"
        yield Table(
            "Side by side",
            "Looks of both models were mixed into one list. A session is won by the model whose looks were clicked "
            f"more; {each.wins.ties:,} have no winner. An interval that holds 50 shows no difference "
            f"(p = {each.wins.p:.3g}).",
            [each.first, each.second, "% won by the first", "95 %"],
            [[f"{each.wins.first:,}", f"{each.wins.second:,}", f"{100 * each.wins.share:.1f}", share]],
        )  # fmt: skip
    if report.looks:
        yield Table(
            "By look", "The ones shown most often.", ["look", *RATES],
            [_rates(row, look_name(row)) for row in report.looks],
        )  # fmt: skip


def _rates(row: Row, name: str) -> list[str]:
    return [name, f"{row.click.shown:,}", *_percent(row.click), *_percent(row.basket)]


def _percent(rate: Rate) -> Sequence[str]:
    return f"{100 * rate.rate:.1f} %", f"{100 * rate.low:.1f} to {100 * rate.high:.1f}"


def _signed(gap: Gap) -> str:
    return f"{100 * gap.difference:+.1f}".replace("-", "−")


def _range(gap: Gap) -> str:
    return f"{100 * gap.low:+.1f} to {100 * gap.high:+.1f}".replace("-", "−")
