"""Floors that another table measured: the same floor has the same number wherever the same questions are asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goeswith.evaluate.audit import LEAK
from goeswith.experiments.results import ABOVE, BELOW

Kept = Mapping[str, Any]


def shared_floors(by_recipe: Mapping[str, Kept]) -> dict[str, Kept]:
    """Recipe → its results, with what its floors answered elsewhere to its own questions, as their signature tells.

    Where a stronger floor comes in, marks of the column that say who is above or below the strongest go: they were
    tested against another one. ``unmarked`` names these columns.
    """
    every = [line for results in by_recipe.values() for line in results["lines"] if line["kind"] == "floor"]
    measured = {(line["scorer"], line["metric"], line["signature"]): line for line in every}
    return {name: _with(results, measured) for name, results in by_recipe.items()}


def _with(results: Kept, measured: Mapping[tuple[str, str, str], Mapping[str, Any]]) -> Kept:
    floors = [line for line in results["lines"] if line["kind"] == "floor"]
    asked = {(line["metric"], line["signature"]): _column(line) for line in results["lines"]}
    there = {(line["scorer"], *_column(line)) for line in floors}
    new = [
        measured[name, *question]
        for name in dict.fromkeys(line["scorer"] for line in floors)
        for question, column in asked.items()
        if (name, *column) not in there and (name, *question) in measured
    ]
    strongest: dict[tuple[str, str, str], float] = {}
    for line in floors:
        if line["value"] < LEAK:
            strongest[_column(line)] = max(line["value"], strongest.get(_column(line), 0.0))
    passed = {_column(line) for line in new if strongest.get(_column(line), 0.0) < line["value"] < LEAK}
    marks = [
        {**mark, "marks": mark["marks"].replace(ABOVE, "").replace(BELOW, "")}
        if tuple(mark["column"]) in passed
        else mark
        for mark in results["marks"]
    ]
    return {**results, "lines": [*results["lines"], *new], "marks": marks, "unmarked": sorted(passed)}


def _column(line: Mapping[str, Any]) -> tuple[str, str, str]:
    return line["task"], line["negatives"], line["metric"]
