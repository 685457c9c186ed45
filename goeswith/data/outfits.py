"""Outfits: ragged lists of catalogue rows, and the padded batches that models read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from goeswith.data.catalogue import Catalogue
from goeswith.data.cells import ids
from goeswith.data.columns import nearest_header
from goeswith.errors import TOO_FEW_OUTFITS, ConfigError, DataError
from goeswith.sheets import Sheet, read_sheet

if TYPE_CHECKING:
    import torch

SPLITS = ("train", "valid", "test")
OWN_COLUMNS = ("outfit_id", "item_id", "item_ids")
"""Columns of a person's own list of outfits."""


@dataclass(frozen=True)
class OutfitBatch:
    """Outfits padded to one length. Padding never changes a score.

    items: (B, n) int64, rows of the states that come with the batch, or of the catalogue where there are none; any
    valid row where padded.
    mask: (B, n) bool, True = a real item.
    """

    items: torch.Tensor
    mask: torch.Tensor

    @classmethod
    def of(cls, items: np.ndarray, mask: np.ndarray) -> OutfitBatch:
        """The same from arrays, as scorers get them."""
        import torch

        return cls(*(torch.from_numpy(np.require(part, requirements=["C", "W"])) for part in (items, mask)))

    def __len__(self) -> int:
        return len(self.items)

    def to(self, device: torch.device) -> OutfitBatch:
        """The same on a device."""
        return OutfitBatch(self.items.to(device), self.mask.to(device))

    def take(self, chosen: torch.Tensor | slice) -> OutfitBatch:
        """Some of the outfits, by index, by (B,) bool or by a slice."""
        return OutfitBatch(self.items[chosen], self.mask[chosen])

    def distinct(self) -> tuple[torch.Tensor, OutfitBatch]:
        """The distinct items (U,), ascending, and the outfits as rows of those: what states are needed of."""
        rows, inverse = self.items.unique(return_inverse=True)
        return rows, OutfitBatch(inverse, self.mask)


def pad(flat: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ragged rows as a table: values (N, n) and mask (N, n) bool, n the longest row.

    Row i is ``flat[offsets[i]:offsets[i + 1]]``; its padding repeats its first value, or is any value in an empty row.
    """
    lengths = np.diff(offsets)
    column = np.arange(int(lengths.max(initial=0)))
    mask = column < lengths[:, None]
    at = offsets[:-1, None] + np.where(mask, column, 0)
    return flat[np.minimum(at, len(flat) - 1)], mask


def beside(context: np.ndarray, mask: np.ndarray, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each candidate (B, m) beside its context (B, n): items and mask (B · m, n + 1), the candidate last."""
    count = candidates.shape[1]
    items = np.concatenate([np.repeat(context, count, axis=0), candidates.reshape(-1, 1)], axis=1)
    return items, np.pad(np.repeat(mask, count, axis=0), ((0, 0), (0, 1)), constant_values=True)


@dataclass(frozen=True)
class Outfits:
    """Outfits over one catalogue.

    items: (total,) int64 catalogue rows, outfit after outfit.
    offsets: (N + 1,) int64: outfit i is ``items[offsets[i]:offsets[i + 1]]``.
    outfit_ids: (N,) object array of str. splits, sources: (N,) object arrays of str.
    weights: (N,) float64 above 0, by which outfits count in training; None: all alike.
    """

    items: np.ndarray
    offsets: np.ndarray
    outfit_ids: np.ndarray
    splits: np.ndarray
    sources: np.ndarray
    weights: np.ndarray | None = None

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, catalogue: Catalogue, where: str = "the outfit table") -> Outfits:
        """Read a table with ``outfit_id`` and ``item_ids`` (lists of str); ``split``, ``source``, ``weight`` if any.

        An outfit without a weight, beside others that have one, has 1.

        Raises:
            DataError: a column is missing, an outfit id is duplicated, an outfit has fewer than two items or a weight
                that is not a number above 0.
            CatalogueError: an outfit names an item that the catalogue does not have.
        """
        for needed in ("outfit_id", "item_ids"):
            if needed not in frame.columns:
                raise DataError(f"{where} has no column {needed!r} (it has {', '.join(frame.columns)})")
        ids = frame["outfit_id"].cast(pl.String)
        if ids.n_unique() != len(ids):
            raise DataError(f"{where} lists outfit {ids.filter(ids.is_duplicated())[0]!r} more than once")
        lengths = frame["item_ids"].list.len().to_numpy().astype(np.int64)
        if (lengths < 2).any():
            row = int(np.argmax(lengths < 2))
            count = "1 item" if lengths[row] else "no items"
            raise DataError(f"{where}, row {row + 1}: outfit {ids[row]!r} has {count}; an outfit needs two or more")
        flat = frame["item_ids"].explode() if len(frame) else pl.Series([], dtype=pl.String)

        def column(name: str) -> np.ndarray:
            if name in frame.columns:
                return frame[name].cast(pl.String).fill_null("").to_numpy().astype(object)
            return np.full(len(frame), "", dtype=object)

        return cls(
            items=catalogue.rows(flat, where),
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            outfit_ids=ids.to_numpy().astype(object),
            splits=column("split"),
            sources=column("source"),
            weights=_weights(frame, ids, where) if "weight" in frame.columns else None,
        )

    def to_frame(self, catalogue: Catalogue) -> pl.DataFrame:
        """The table that `from_frame` reads: outfit_id, split, source, item_ids, and weight unless all are alike."""
        owner = np.repeat(np.arange(len(self)), self.lengths)
        flat = pl.DataFrame({"owner": owner, "item_ids": catalogue.items["item_id"].gather(self.items)})
        lists = flat.group_by("owner", maintain_order=True).agg("item_ids")["item_ids"]
        weights = {} if self.weights is None else {"weight": self.weights}
        return pl.DataFrame(
            {
                "outfit_id": pl.Series(self.outfit_ids.tolist(), dtype=pl.String),
                "split": pl.Series(self.splits.tolist(), dtype=pl.String),
                "source": pl.Series(self.sources.tolist(), dtype=pl.String),
                "item_ids": lists if len(self) else pl.Series([], dtype=pl.List(pl.String)),
                **weights,
            }
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        """Catalogue rows (n,) of one outfit."""
        return self.items[self.offsets[index] : self.offsets[index + 1]]

    @cached_property
    def lengths(self) -> np.ndarray:
        """(N,) int64 items per outfit."""
        return np.diff(self.offsets)

    @cached_property
    def fingerprint(self) -> str:
        """12 hex digits over the item lists and splits, and the weights if there are any."""
        hasher = hashlib.sha256()
        parts = (self.items, self.offsets, "\x1f".join(self.outfit_ids), "\x1f".join(self.splits))
        for part in parts if self.weights is None else (*parts, self.weights):
            hasher.update(part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes())
        return hasher.hexdigest()[:12]

    def take(self, indices: np.ndarray | Sequence[int]) -> Outfits:
        """The outfits at `indices` (int or bool array), in that order."""
        indices = np.asarray(indices)
        indices = np.flatnonzero(indices) if indices.dtype == bool else indices.astype(np.int64)
        lengths = self.lengths[indices]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Outfits(
            items=self.items[np.repeat(self.offsets[:-1][indices], lengths) + within],
            offsets=offsets,
            outfit_ids=self.outfit_ids[indices],
            splits=self.splits[indices],
            sources=self.sources[indices],
            weights=None if self.weights is None else self.weights[indices],
        )

    def keep(self, usable: np.ndarray) -> tuple[Outfits, dict[str, int]]:
        """The outfits without the items that are not `usable` (U,) bool, and how much that left out.

        An outfit left with fewer than two items goes as a whole.
        """
        good = usable[self.items]
        owner = np.repeat(np.arange(len(self)), self.lengths)
        left = np.bincount(owner[good], minlength=len(self))
        whole = left >= 2
        good &= whole[owner]
        usable_outfits = Outfits(
            items=self.items[good],
            offsets=np.concatenate([[0], np.cumsum(left[whole])]).astype(np.int64),
            outfit_ids=self.outfit_ids[whole],
            splits=self.splits[whole],
            sources=self.sources[whole],
            weights=None if self.weights is None else self.weights[whole],
        )
        shortened = int((whole & (left < self.lengths)).sum())
        return usable_outfits, {"outfits dropped": int((~whole).sum()), "outfits shortened": shortened}

    def split(self, name: str) -> Outfits:
        """The outfits of one split.

        Raises:
            DataError: no outfit is in that split.
        """
        chosen = self.splits == name
        if not len(self):
            raise DataError(
                "the data set has no outfits; import it with outfits, or with orders, wish lists or sets beside it",
                reason=TOO_FEW_OUTFITS,
            )
        if not chosen.any():
            have = ", ".join(sorted(set(self.splits) - {""})) or "none"
            raise DataError(
                f"no outfit is in split {name!r}; the splits here are: {have}; "
                "import more outfits, or name their splits in the outfit table",
                reason=TOO_FEW_OUTFITS,
            )
        return self.take(chosen)

    def padded(self) -> tuple[np.ndarray, np.ndarray]:
        """Items (N, n) int64 and mask (N, n) bool, n the longest outfit; padding repeats the first item."""
        return pad(self.items, self.offsets)

    def batch(self) -> OutfitBatch:
        """The same as tensors, of catalogue rows."""
        return OutfitBatch.of(*self.padded())


def _weights(frame: pl.DataFrame, ids: pl.Series, where: str) -> np.ndarray | None:
    """The weights (N,) of a table of outfits; None where all are alike.

    Raises:
        DataError: one is not a number above 0.
    """
    weights = frame["weight"].cast(pl.Float64, strict=False).fill_null(1.0).to_numpy()
    wrong = ~(np.isfinite(weights) & (weights > 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(f"{where}, row {row + 1}: outfit {ids[row]!r} has weight {weights[row]}; give it one above 0")
    return weights if len(np.unique(weights)) > 1 else None


def read_outfits(path: Path | str, catalogue: Catalogue, columns: Mapping[str, str] | None = None) -> Outfits:
    """Read a person's own list of outfits over a catalogue, from CSV or Parquet.

    Columns ``outfit_id`` and ``item_id`` (one row per item, the rows of an outfit anywhere), or ``outfit_id`` and
    ``item_ids`` (one row per outfit; ids between ``;``, or between spaces where there is no ``;``). Items are named by
    their ids, or as in `goeswith.data.shelf.Shelf.row`.

    Args:
        columns: our name of a column → its name in the file, where that is another.

    Raises:
        ConfigError: a column of `columns` is not one of these three, or is not in the file.
        DataError: the file is missing, broken or empty or lacks a column; a row has no id, a name of no item or of
            several, or an item or outfit for the second time; an outfit has fewer than two items.
    """
    path = Path(path)
    sheet = _renamed(path, read_sheet(path), columns or {})
    table = sheet.table
    kinds = [name for name in ("item_id", "item_ids") if name in table.columns]
    if "outfit_id" not in table.columns or len(kinds) != 1:
        raise DataError(
            f"{path} has the columns {', '.join(table.columns)}; it needs outfit_id and item_id (one row per item), "
            "or outfit_id and item_ids (one row per outfit, ids separated by ';' or spaces)"
        )
    if table.is_empty():
        raise DataError(f"{path} lists no outfits; add at least one row below the header")
    outfit, item = pl.col("outfit_id"), pl.col("item_id")
    rows = sheet.numbered.with_columns(ids(table["outfit_id"]).fill_null("").alias("outfit_id"))
    _refuse(path, rows, outfit == "", "has no outfit_id; give it one")
    if kinds == ["item_ids"]:
        _refuse(path, rows, ~outfit.is_first_distinct(), "lists outfit {outfit_id!r} again; give it a unique id")
        rows = rows.with_columns(item_id=_split(rows["item_ids"]))
        _refuse(path, rows, item.list.len().fill_null(0) == 0, "outfit {outfit_id!r} has no items; name them")
        rows = rows.explode("item_id")
    rows = _named(path, rows.with_columns(name=item.cast(pl.String).str.strip_chars()), catalogue)
    again, name = ~pl.struct(outfit, item).is_first_distinct(), pl.col("name")
    _refuse(path, rows, again & (item == name), "outfit {outfit_id!r} names item {item_id!r} a second time; remove it")
    _refuse(path, rows, again, "outfit {outfit_id!r} names {name!r}, but has its item {item_id!r} already; remove it")
    alone = pl.len().over("outfit_id") < 2
    _refuse(path, rows, alone, "outfit {outfit_id!r} has 1 item; an outfit needs two or more")
    frame = rows.group_by("outfit_id", maintain_order=True).agg(item_ids="item_id")
    return Outfits.from_frame(frame, catalogue, str(path))


def _named(path: Path, rows: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """The rows of a list with ``item_id``: the id of the item that ``name`` means.

    Raises:
        DataError: a name is missing, or means no item or several.
    """
    from goeswith.data.shelf import shelf  # SciPy comes with it

    arrays, name = shelf(catalogue), pl.col("name")
    known = [each for each in rows["name"].drop_nulls().unique() if arrays.meant(each)]
    plain = ids(rows["name"]).fill_null("")  # names that passed through floats, unless they are so
    rows = rows.with_columns(name=pl.when(name.is_in(known)).then(name).otherwise(plain))
    _refuse(path, rows, name == "", "outfit {outfit_id!r} has an empty item id; name an item or remove the row")

    def where(index: int) -> str:
        row, outfit = rows.select("row", "outfit_id").row(index)
        return f"{path}, row {row}: outfit {outfit!r}"

    return rows.with_columns(item_id=name.replace(arrays.other_names(rows["name"], where)))


def _renamed(path: Path, sheet: Sheet, columns: Mapping[str, str]) -> Sheet:
    """The sheet under our names; what has one of these already and is not meant is left out.

    Raises:
        ConfigError: a column is not one of ours, or is not in the file.
    """
    have = sheet.table.columns
    for column, header in columns.items():
        if column not in OWN_COLUMNS:
            raise ConfigError(f"a list of outfits has no column {column!r}; its columns are {', '.join(OWN_COLUMNS)}")
        if header not in have:
            near = nearest_header(header, have)
            hint = f"did you mean {near!r}?" if near else f"it has {', '.join(have)}"
            raise ConfigError(f"{path} has no column {header!r} to map to {column}; {hint}")
    unmapped = [name for name in have if name not in (*columns, *columns.values())]
    mapped = {column: pl.col(header) for column, header in columns.items()}
    return replace(sheet, table=sheet.table.select(*unmapped, **mapped))


def _split(cells: pl.Series) -> pl.Series:
    """Lists of item ids, from lists or from text with the ids between ``;`` or spaces."""
    if isinstance(cells.dtype, pl.List):
        return cells
    text = cells.cast(pl.String).to_frame("cell")
    parted = pl.when(pl.col("cell").str.contains(";", literal=True)).then(pl.col("cell").str.split(";"))
    parts = parted.otherwise(pl.col("cell").str.extract_all(r"\S+"))
    return text.select(parts.list.eval(pl.element().filter(pl.element().str.strip_chars() != ""))).to_series()


def _refuse(path: Path, rows: pl.DataFrame, test: pl.Expr, fault: str) -> None:
    """Raise DataError that names the first row for which `test` holds."""
    faulty = rows.filter(test)
    if len(faulty):
        first = faulty.row(0, named=True)
        raise DataError(f"{path}, row {first['row']}: {fault.format(**first)}")
