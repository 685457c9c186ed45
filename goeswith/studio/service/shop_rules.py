"""Shop rules: rules that are switched on for suggestions, and rules that users wrote; a file beside the looks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from goeswith.errors import DataError, GoeswithError
from goeswith.files import fresh_file, read_json
from goeswith.rules.rules import Rule

FILE = "rules.json"


@dataclass(frozen=True)
class Switches:
    """Rules as texts, see `text_of`: those that are on, and those written here."""

    on: tuple[str, ...] = ()
    written: tuple[str, ...] = ()


class ShopRules:
    """The switches in a file, which is made where it is missing."""

    def __init__(self, path: Path) -> None:
        self.path, self._seen = path, 0

    @property
    def changed(self) -> bool:
        """Whether the file is another than at the last `read` or `write`: several processes may share it."""
        return self._stamp() != self._seen

    def _stamp(self) -> int:
        try:
            return self.path.stat().st_mtime_ns
        except OSError:
            return 0

    def read(self) -> Switches:
        """What is kept; nothing is on where that cannot be read."""
        self._seen = self._stamp()
        try:
            values = read_json(self.path, dict)
        except GoeswithError:
            return Switches()
        lists = [values.get(name) for name in ("on", "written")]
        return Switches(*(tuple(map(str, some)) if isinstance(some, list) else () for some in lists))

    def write(self, on: Sequence[str], written: Sequence[str]) -> None:
        """Keep other switches.

        Raises:
            DataError: the file cannot be written.
        """
        with fresh_file(self.path) as partial:
            text = json.dumps(asdict(Switches(tuple(on), tuple(written))), ensure_ascii=False)
            partial.write_text(text + "\n", encoding="utf-8")
        self._seen = self._stamp()


def parse(text: str) -> Rule:
    """A rule from its text: attribute, top, bottom and sign as a JSON list.

    Raises:
        DataError: it is none.
    """
    try:
        attribute, top, bottom, sign = json.loads(text)
        return Rule(str(attribute), str(top).strip(), str(bottom).strip(), sign)
    except (ValueError, TypeError, RecursionError):
        raise DataError("a rule cannot be read; write it again below") from None


def text_of(rule: Rule) -> str:
    """What `parse` reads."""
    return json.dumps([rule.attribute, rule.top, rule.bottom, rule.sign], ensure_ascii=False)
