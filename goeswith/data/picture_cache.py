"""Picture cache: downloaded pictures by the hash of their bytes, and what each address last answered.

ab/ab12...jpg  the pictures    answers.sqlite  address → picture, ETag, Last-Modified
failures.csv   what could not be downloaded
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

import polars as pl

from goeswith.errors import DataError
from goeswith.files import fresh_file

TABLE = "CREATE TABLE IF NOT EXISTS answers (address TEXT PRIMARY KEY, file TEXT, etag TEXT, modified TEXT)"


class Answer(NamedTuple):
    """A picture that an address has answered with, inside the cache; the validators that came with it, or "" each."""

    file: str
    etag: str
    modified: str


class PictureCache:
    """The cache in a folder, which is made where it is missing. What was kept before a kill is there after it.

    Raises:
        DataError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._answers = sqlite3.connect(
                folder / "answers.sqlite",
                isolation_level=None,
                check_same_thread=False,  # used by one at a time
            )
            self._answers.execute(TABLE)
        except (OSError, sqlite3.Error) as error:
            raise DataError(f"cannot keep pictures in {folder} ({error}); make room or remove that folder") from None

    def close(self) -> None:
        """Let go of the folder."""
        self._answers.close()

    def get(self, address: str) -> Answer | None:
        """What is kept for an address, if its picture is still there."""
        row = self._answers.execute("SELECT file, etag, modified FROM answers WHERE address = ?", (address,)).fetchone()
        return Answer(*row) if row and (self.folder / row[0]).is_file() else None

    def put(self, address: str, data: bytes, ending: str, etag: str, modified: str) -> Answer:
        """Keep a picture; equal ones are kept once."""
        digest = hashlib.sha256(data).hexdigest()
        answer = Answer(f"{digest[:2]}/{digest}{ending}", etag, modified)
        path = self.folder / answer.file
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            partial = path.with_name(f".{digest}.{os.getpid()}.partial")
            partial.write_bytes(data)
            os.replace(partial, path)
        self._answers.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", (address, *answer))
        return answer

    def path(self, answer: Answer) -> Path:
        """Where a picture lies."""
        return self.folder / answer.file

    def write_failures(self, failures: list[tuple[str, str, str]]) -> Path | None:
        """Write item_id, address, reason of what could not be downloaded; no file if there is nothing to write."""
        path = self.folder / "failures.csv"
        if not failures:
            path.unlink(missing_ok=True)
            return None
        with fresh_file(path) as partial:
            pl.DataFrame(failures, schema=["item_id", "address", "reason"], orient="row").write_csv(partial)
        return path
