"""Shared items: two data sets that were collected on one site may hold the same items under other ids.

A teacher that learned from outfits with items of the student's test outfits knows more than it should.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goeswith.data.catalogue import Catalogue
from goeswith.data.dataset import Dataset, link_features, with_outfits
from goeswith.errors import DataError

TELLING = 3
"""Words of a title that names one item."""
SMALL = frozenset({"the", "and", "of", "in", "with", "for", "by", "to", "on", "at", "from", "an"})
"""Words that say nothing of an item."""


@dataclass(frozen=True)
class SharedItems:
    """What a teacher's data set shares with the outfits that a student is evaluated on.

    items: (U,) bool, the teacher's items with a title of the student's, see `named_alike`. outfits: (N,) bool, the
    teacher's outfits that wear one.
    """

    teacher: Dataset
    student: Dataset
    items: np.ndarray
    outfits: np.ndarray

    @classmethod
    def of(cls, teacher: Dataset, student: Dataset) -> SharedItems:
        """Compare all of the teacher's items with those of the student's validation and test outfits, by title."""
        worn = np.unique(np.concatenate([student.outfits.split(split).items for split in ("valid", "test")]))
        items = named_alike(teacher.catalogue, student.catalogue, worn)
        owner = np.repeat(np.arange(len(teacher.outfits)), teacher.outfits.lengths)
        outfits = np.bincount(owner, items[teacher.outfits.items], len(teacher.outfits)) > 0
        return cls(teacher, student, items, outfits)

    def __str__(self) -> str:
        return (
            f"{int(self.outfits.sum()):,} of {len(self.outfits):,} outfits of {self.teacher.path} wear an item whose "
            f"title begins with that of an item of the validation or test outfits of {self.student.path}"
        )

    def left_out(self, folder: Path) -> Dataset:
        """The teacher's data set without these outfits, in a folder below `folder` that is written once.

        Raises:
            DataError: none of its outfits is left.
        """
        if self.outfits.all():
            raise DataError(
                f"all outfits of {self.teacher.path} wear an item that outfits of {self.student.path} wear, too"
            )
        dest = folder / f"designers-{self.teacher.fingerprint}-{self.student.fingerprint}"  # another where one is new
        if not dest.is_dir():
            return with_outfits(self.teacher, ~self.outfits, dest)
        link_features(self.teacher, dest)  # those that were encoded since
        return Dataset(dest)


def named_alike(catalogue: Catalogue, others: Catalogue, worn: np.ndarray) -> np.ndarray:
    """(U,) bool: which items have a title that begins with the title of one of the items `worn` (K,) of `others`.

    Words are compared in lower case, without what is no letter or digit, single letters and `SMALL` ones. A title of
    fewer than `TELLING` words names a kind of item rather than one item, and is not compared.
    """
    titles = {tuple(words) for words in _words(others, worn) if len(words) >= TELLING}
    every = _words(catalogue, np.arange(len(catalogue)))
    return np.array([any(tuple(words[:end]) in titles for end in range(TELLING, len(words) + 1)) for words in every])


def _words(catalogue: Catalogue, rows: np.ndarray) -> list[list[str]]:
    titles = catalogue.items["title"].fill_null("").gather(rows).to_list()
    return [
        [word for word in re.findall(r"[a-z0-9]+", title.lower()) if len(word) > 1 and word not in SMALL]
        for title in titles
    ]
