"""Encoders compared: features that show the styles come before noise; nothing is trained, timed or encoded twice."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner
from worlds import styles_dataset, write_made

from goeswith.cli.main import app
from goeswith.data.encoders.networks import Network
from goeswith.experiments import encoders
from goeswith.experiments.encoders import compare

QUICK = ("hidden=16", "epochs=4", "batch_size=32")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The networks that were opened to be timed, made up: each reads titles and has 2.5 MB."""
    names: list[str] = []

    def open_network(name: str) -> Network:
        names.append(name)
        return Network(name, lambda texts: np.zeros((len(texts), 2)), None, "0", lambda c: c.ids, megabytes=2.5)

    monkeypatch.setattr(encoders, "open_network", open_network)
    return names


@pytest.mark.slow
def test_features_that_show_the_styles_come_before_noise(tmp_path: Path, opened: list[str]) -> None:
    dataset = styles_dataset(tmp_path)
    noise = np.random.default_rng(0).random((len(dataset.catalogue), 8), np.float32)
    write_made(dataset, dataset.catalogue.ids, noise, "noise")
    messages: list[str] = []
    rows = compare(dataset, tmp_path / "out", settings=QUICK, say=messages.append)
    ranked = [row.encoder for row in rows]
    assert set(ranked) == {"made", "noise", "made+noise"}
    assert ranked[-1] == "noise"
    by_name = {row.encoder: row for row in rows}
    assert by_name["made"].valid_auc > by_name["noise"].valid_auc + 0.1
    assert by_name["made"].recall > by_name["noise"].recall
    assert [by_name[name].megabytes for name in ("made", "noise", "made+noise")] == [2.5, 2.5, 5.0]
    assert by_name["made+noise"].seconds == by_name["made"].seconds + by_name["noise"].seconds
    assert len(messages) == 3

    weights = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("weights.safetensors")}
    assert len(weights) == 3
    assert compare(dataset, tmp_path / "out", settings=QUICK) == rows
    assert weights == {path: path.stat().st_mtime_ns for path in weights}
    assert sorted(opened) == ["made", "noise"]  # timed once


@pytest.mark.slow
def test_the_command_prints_what_is_compared(tmp_path: Path, opened: list[str]) -> None:
    dataset = styles_dataset(tmp_path)
    words = ["encoders", str(dataset.path), "--single", "--encoder", "words", "--out", str(tmp_path / "out")]
    words += [word for setting in QUICK for word in ("--set", setting)]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    assert "s per 1,000 items" in answer.stdout
    rows = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)
    assert {row["encoder"] for row in rows} == {"made", "words"}
