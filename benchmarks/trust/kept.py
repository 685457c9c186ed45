"""Kept: what came of the last runs of each part, in docs/reliability.json."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goeswith import __version__
from trust.kills import Kills
from trust.mutations import Tried
from trust.service import Answered, Soaked

FILE = Path(__file__).resolve().parents[2] / "docs" / "reliability.json"
KINDS: dict[str, Any] = {"kills": Kills, "mutations": Tried, "http": Answered, "soak": Soaked}


@dataclass(frozen=True)
class Part:
    """What came of a part: its counts, the seeds of its runs, how long they took, and of which version."""

    counts: Any
    seeds: list[int]
    seconds: float
    version: str


def keep(part: str, counts: Any, seed: int, seconds: float, add: bool) -> None:
    """Write what came of a part; the others stay. add: to what came of it before."""
    file, seeds, fields = _read(), [seed], vars(counts)
    if add and part in file:
        before = file[part]
        seeds, seconds = [*before["seeds"], seed], seconds + before["seconds"]
        fields = {name: _sum(before["counts"][name], value) for name, value in fields.items()}
    file[part] = {"seeds": seeds, "seconds": round(seconds), "version": __version__, "counts": fields}
    FILE.write_text(json.dumps(file, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def read() -> dict[str, Part]:
    """The parts that were run."""
    return {
        part: Part(_counts(KINDS[part], record["counts"]), record["seeds"], record["seconds"], record["version"])
        for part, record in _read().items()
    }


def _sum(before: Any, now: Any) -> Any:
    return Counter(before) + now if isinstance(now, Counter) else before + now


def _counts(kind: Any, fields: dict[str, Any]) -> Any:
    return kind(**{name: Counter(value) if isinstance(value, dict) else value for name, value in fields.items()})


def _read() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
