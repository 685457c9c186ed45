"""The real commands: a training killed dead and resumed, and from published files to numbers."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner
from worlds import styles_dataset

from goeswith.cli.main import app

DIES = """
import os, signal
from goeswith.cli.main import main
from goeswith.train.loop import Loop
step, left = Loop.step, iter(range(9))
def last(loop, indices):
    if loop.epoch == 5 and next(left, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(loop, indices)
Loop.step = last
main()
"""
"""The command line, killed in the middle of the sixth epoch."""


def goeswith(*args: object) -> str:
    result = CliRunner().invoke(app, [*map(str, args)])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.slow
def test_a_killed_training_resumes_to_bit_identical_weights(tmp_path: Path) -> None:
    world = styles_dataset(tmp_path).path
    small = ["hidden=6", "attributes=2", "epochs=12", "patience=12", "batch_size=16", "negatives=category"]
    args = ["train", "add-gnn", str(world), "--teacher", str(world), *(f"--set={s}" for s in small)]
    args += ["--set=teacher.epochs=3"]
    goeswith(*args, "--out", tmp_path / "straight")
    killed = tmp_path / "killed"
    died = subprocess.run([sys.executable, "-c", DIES, *args, "--out", killed], capture_output=True, text=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert (killed / "state.safetensors").exists()
    assert not (killed / "weights.safetensors").exists()
    assert len((killed / "log.jsonl").read_text().splitlines()) == 5
    goeswith(*args, "--out", killed)
    ended = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("straight", "killed")]
    assert ended[0] == ended[1]
    assert not (killed / "state.safetensors").exists()


@pytest.mark.slow
@pytest.mark.real
def test_from_published_street_looks_to_numbers(real: Path, tmp_path: Path) -> None:
    data, run = tmp_path / "ccp", tmp_path / "run"
    assert "863 outfits" in goeswith("import", "ccp", real / "ccp", tmp_path / "whole")
    part = tmp_path / "published"  # a fifth of it: a network looks at every picture
    part.mkdir()
    (part / "crops").symlink_to(real / "ccp" / "crops")
    pieces = [piece for piece in json.loads((real / "ccp" / "items.json").read_text()) if piece["outfit"] < "0200"]
    (part / "items.json").write_text(json.dumps(pieces))
    goeswith("import", "ccp", part, data)
    assert f"{len(pieces)} items encoded, 0 left out" in goeswith("encode", data)
    goeswith("questions", data)
    verdicts = goeswith("audit", data)
    assert "test-fitb-category.parquet: rarity alone" in verdicts  # items are worn once: the seen one is wrong
    small = ("--set=hidden=16", "--set=epochs=4", "--set=negatives=matched", "--set=batch_size=64")
    goeswith("train", "add-gnn", data, "--out", run, *small)
    info = json.loads(goeswith("evaluate", run, data, "--json"))["summary"]
    values = {
        (line["scorer"], line["task"]): line["value"]
        for line in info
        if line["negatives"] == "matched" and line["metric"] in ("auc", "accuracy")
    }
    assert values["chance", "compat"] == 0.5
    assert values["chance", "fitb"] == 0.25
    assert 0.4 < values["run", "compat"] < 0.7  # so few outfits teach little; more would be a leak
    assert 0.15 < values["run", "fitb"] < 0.5
    assert all(line["signature"].startswith("ccp:") for line in info)
