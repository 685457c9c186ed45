"""Errors: the exceptions that goeswith raises on purpose. The message says what, where, and what to do.

GoeswithError
├── DataError         a file, folder or table is not what it should be
│   └── CatalogueError    an item, category or feature matrix does not fit the catalogue
├── ConfigError       an option, recipe or model setting is wrong
└── ModelError        a run, weights or training went wrong
"""

import errno
from collections.abc import Sequence

TOO_FEW_OUTFITS = "too_few_outfits"
"""The reason of errors of a training that would go well with more outfits."""
_MESSAGES = {"No space left": errno.ENOSPC, "File too large": errno.EFBIG, "quota exceeded": errno.EDQUOT}
"""What libraries say that raise errors of their own for those of the system."""


class GoeswithError(Exception):
    """Base of all errors meant for the user; the command line prints the message and exits with 1.

    Args:
        message: one sentence for people.
        reason: one word for programs, such as ``unknown_item``; empty where nobody needs to tell it from others.
        item_ids: the items that the message speaks of.
        choices: the items of which one may be meant, where a name means none or several.
    """

    def __init__(
        self, message: str = "", *, reason: str = "", item_ids: Sequence[str] = (), choices: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.reason, self.item_ids, self.choices = reason, tuple(item_ids), tuple(choices)


class DataError(GoeswithError):
    """A file, folder or table is not what it should be."""


class CatalogueError(DataError):
    """An item, category or feature matrix does not fit the catalogue."""


class ConfigError(GoeswithError):
    """An option, recipe or model setting is wrong."""


class ModelError(GoeswithError):
    """A run folder, weights or training went wrong."""


def system_error(error: BaseException) -> int | None:
    """The number (`errno`) of the system's error that is behind another, None where none is."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    return next((number for text, number in _MESSAGES.items() if text in str(error)), None)
