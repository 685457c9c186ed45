"""benchmarks/growth.py: what is calculated follows from what was measured."""

import argparse
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from growth import CURVES, exponent, needs

ASKED = {
    "items": 1e6, "outfits": 3.6e6, "requests": 100.0, "length": 5, "hidden": 256, "epochs": 10, "categories": 10,
    "slots": 2, "cores": 4, "hours": 0.5,
}  # fmt: skip
MEASURED = {
    "pictures": 100.0,
    "curves": {
        name: [1e-3 * point / points[-1] * scale for point in points]
        for (name, (_, _, points)), scale in zip(
            CURVES.items(), [2048, 1, 1, 16_000, 200, 50, 1], strict=True
        )  # 1 ms an outfit, 1 ms an item, 1 µs a key, 50 ms a search in the table
    },
}


def calculated(**changes: float) -> dict[str, str]:
    return {name: value for name, value, _ in needs(MEASURED, argparse.Namespace(**ASKED | changes))}


def test_known_sizes_need_what_is_calculated_by_hand() -> None:
    needed = calculated()
    assert needed["encode pictures, hours on one machine"] == "0.69"  # 1e6 / 100 / 4 / 3600
    assert needed["states of items, hours on one machine"] == "0.069"  # 1e6 ms / 4
    assert needed["train, hours on one machine"] == "2.5"  # 3.6e6 * 10 ms / 4
    assert needed["machines to train in 0.5 hours"] == "5"
    assert needed["keys in memory for exact search, GB"] == "1.0"
    assert needed["one search exact, ms"] == "100.0"  # 1e5 keys
    assert needed["machines, searches exact"] == "5"  # 100 requests/s * 2 searches * .1 s / 4
    assert needed["one search in the table, ms"] == "70.7"  # 50 ms * √(1e5 / 5e4)


def test_larger_sizes_need_more() -> None:
    assert calculated(outfits=7.2e6)["train, hours on one machine"] == "5.0"
    assert calculated(hidden=512)["one search exact, ms"] == "200.0"
    assert calculated(requests=1.0)["machines, searches exact"] == "1"


def test_the_exponent_of_a_power_is_found() -> None:
    assert exponent([1, 2, 4, 8], [3.0, 12.0, 48.0, 192.0]) == pytest.approx(2)
