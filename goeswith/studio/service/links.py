"""Links: public URLs of single looks, open to anybody who knows them, until somebody closes them."""

from __future__ import annotations

import secrets
from pathlib import Path

from goeswith.studio.service.look_schema import opened
from goeswith.studio.service.looks import now_text
from goeswith.studio.service.refusals import Refused

PATH = "/l/"
"""Where public links begin."""
TOKEN_BYTES = 18
"""Of chance in an address: nobody guesses it."""


class Links:
    """The public links in a file of looks, one a look. Every method raises DataError where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self, look_id: str, who: str) -> str:
        """The token of a look's link: that which is open, or a new one.

        Raises:
            Refused: there is no such look.
        """
        with opened(self.path, write=True) as file:
            if file.execute("SELECT 1 FROM looks WHERE look_id = ?", (look_id,)).fetchone() is None:
                raise Refused(404, "unknown_look", f"there is no look {look_id!r}; it may have been deleted")
            row = file.execute("SELECT token FROM links WHERE look_id = ?", (look_id,)).fetchone()
            if row is not None:
                return str(row["token"])
            token = secrets.token_urlsafe(TOKEN_BYTES)
            file.execute("INSERT INTO links VALUES (?, ?, ?, ?)", (token, look_id, who, now_text()))
            return token

    def of(self, look_id: str) -> str:
        """The token of a look's link; empty where none is open."""
        return self._value("SELECT token FROM links WHERE look_id = ?", look_id)

    def look_of(self, token: str) -> str:
        """The look that a link leads to.

        Raises:
            Refused: no such link is open.
        """
        if not (look_id := self._value("SELECT look_id FROM links JOIN looks USING (look_id) WHERE token = ?", token)):
            raise Refused(404, "unknown_link", "this link does not lead to a look any more; ask for a new one")
        return look_id

    def close(self, look_id: str) -> bool:
        """Close a look's link for good; False where none was open."""
        if not self.path.exists():
            return False
        with opened(self.path, write=True) as file:
            return file.execute("DELETE FROM links WHERE look_id = ?", (look_id,)).rowcount > 0

    def _value(self, question: str, value: str) -> str:
        if not self.path.exists():
            return ""
        with opened(self.path) as file:
            row = file.execute(question, (value,)).fetchone()
        return "" if row is None else str(row[0])
