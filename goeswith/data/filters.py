"""Filters: which items of a catalogue may be offered. They are strict: an unknown value passes no filter.

A filter is a field of `Filters`, here and nowhere else: options of the command line, parameters of the API and the
forms of the studio are made of its fields.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from goeswith.errors import CatalogueError

if TYPE_CHECKING:
    import numpy as np

    from goeswith.data.catalogue import Catalogue
    from goeswith.data.shelf import Shelf

BAD = "bad_filters"
"""Reason of errors about filters."""


def _values_of(column: str, example: str = "") -> Any:
    """A field: the allowed values of a column. example: one of them, for the help."""
    return field(default=(), metadata={"column": column, "example": example})


@dataclass(frozen=True)
class Filters:
    """What may be offered; an empty tuple, None or False asks for nothing.

    categories, groups, brands, colours, seasons, genders: allowed values; case and surrounding blanks do not matter.
    exclude: items that must not be offered, by id, SKU or product. price_min, price_max: inclusive, in the catalogue's
    currency. in_stock: only items whose column ``stock`` says so.

    Raises:
        CatalogueError: a text stands where a list of values should, a price is below 0 or not finite, or price_min is
            above price_max.
    """

    categories: tuple[str, ...] = _values_of("category")
    groups: tuple[str, ...] = _values_of("group", "shoes")
    brands: tuple[str, ...] = _values_of("brand")
    colours: tuple[str, ...] = _values_of("colour")
    seasons: tuple[str, ...] = _values_of("season")
    genders: tuple[str, ...] = _values_of("gender")
    exclude: tuple[str, ...] = ()
    price_min: float | None = None
    price_max: float | None = None
    in_stock: bool = False

    def __post_init__(self) -> None:
        for name in (*COLUMN_OF, "exclude"):
            value = getattr(self, name)
            if isinstance(value, str):
                raise CatalogueError(f"the filter {name} is the text {value!r}; give a list of values", reason=BAD)
            object.__setattr__(self, name, tuple(value))  # a list would make the filters unhashable
        for name in ("price_min", "price_max"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise CatalogueError(f"the filter {name} is {value}; it must be a number of 0 or more", reason=BAD)
        if self.price_min is not None and self.price_max is not None and self.price_min > self.price_max:
            raise CatalogueError(
                f"the filters contradict each other: price_min {self.price_min:g} is above price_max "
                f"{self.price_max:g}; swap them",
                reason=BAD,
            )

    def rows(self, catalogue: Catalogue) -> np.ndarray:
        """Which items pass: (U,) bool, read-only.

        Raises:
            CatalogueError: a value is unknown to the catalogue, a column that is asked for says nothing, or the
                categories and the groups have no item in common.
        """
        from goeswith.data.shelf import shelf

        return self.among(shelf(catalogue))

    def among(self, shelf: Shelf) -> np.ndarray:
        """As `rows`, of the catalogue of a shelf, which remembers the answer."""
        with shelf.lock:
            passed = shelf.answers.get(self)
        if passed is None:
            passed = self._pass(shelf)
            passed.setflags(write=False)
            with shelf.lock:
                shelf.answers[self] = passed
        return passed

    def _pass(self, shelf: Shelf) -> np.ndarray:
        import numpy as np

        passed = np.ones(len(shelf.items), bool)
        for name, column in COLUMN_OF.items():
            values = getattr(self, name)
            if values:
                passed &= shelf.having(column, values)
            if name == "groups" and self.categories and values and not passed.any():
                raise CatalogueError(
                    f"the filters contradict each other: no item of category {' or '.join(self.categories)} "
                    f"is in group {' or '.join(values)}; leave one of them out",
                    reason=BAD,
                )
        if self.price_min is not None or self.price_max is not None:
            shelf.need_prices("a price filter", BAD)
            low = 0.0 if self.price_min is None else self.price_min
            high = math.inf if self.price_max is None else self.price_max
            with np.errstate(invalid="ignore"):  # NaN, no price, is in no range
                passed &= (shelf.prices >= low) & (shelf.prices <= high)
        if self.in_stock:
            if shelf.stock is None:
                raise CatalogueError(
                    "the filter in_stock needs a column 'stock', which the item table does not have; "
                    "import the catalogue with one or leave the filter out",
                    reason=BAD,
                )
            passed &= shelf.stock
        passed[[row for name in self.exclude for row in shelf.named(name, "the filter exclude")]] = False
        return passed

    def spelled(self, shelf: Shelf) -> Filters:
        """The same with every value as the catalogue writes it, in all ways that it does."""
        written: dict[str, Any] = {
            name: tuple(form for value in getattr(self, name) for form in shelf.written(column, value) or [value])
            for name, column in COLUMN_OF.items()
            if getattr(self, name)
        }
        return replace(self, **written) if written else self

    def parts(self) -> dict[str, str]:
        """What is asked for, in words, by the name of the filter: ``{"price_max": "price up to 20"}``."""
        parts = {
            name: f"{column} {' or '.join(getattr(self, name))}"
            for name, column in COLUMN_OF.items()
            if getattr(self, name)
        }
        for name, words in (("price_min", "price from"), ("price_max", "price up to")):
            if (value := getattr(self, name)) is not None:
                parts[name] = f"{words} {value:g}"
        if self.exclude:
            parts["exclude"] = f"{len(self.exclude)} excluded item{'s' * (len(self.exclude) > 1)}"
        return parts | ({"in_stock": "in stock"} if self.in_stock else {})

    def without(self, name: str) -> Filters:
        """The same without one of them."""
        return replace(self, **{name: getattr(Filters, name)})

    def __str__(self) -> str:
        parts = [f"{name}={'|'.join(getattr(self, name))}" for name in COLUMN_OF if getattr(self, name)]
        parts += [
            f"{name}={value:g}" for name in ("price_min", "price_max") if (value := getattr(self, name)) is not None
        ]
        parts += [f"exclude={len(self.exclude)} item{'s' * (len(self.exclude) > 1)}"] if self.exclude else []
        return ", ".join(parts + ["in_stock"] * self.in_stock) or "none"


COLUMN_OF = {each.name: str(each.metadata["column"]) for each in fields(Filters) if each.metadata}
"""Filter → the column that it reads."""
