"""The real commands, in processes of their own: killed and resumed, and from published files to numbers."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from worlds import styles_dataset

COMMAND = [sys.executable, "-m", "goeswith"]


def goeswith(*args: object) -> str:
    result = subprocess.run([*COMMAND, *map(str, args)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
def test_a_killed_training_resumes_to_bit_identical_weights(tmp_path: Path) -> None:
    world = styles_dataset(tmp_path).path
    small = ["hidden=6", "attributes=2", "epochs=60", "patience=60", "batch_size=16", "negatives=category"]
    args = ["train", "add-gnn", str(world), "--teacher", str(world), *(f"--set={s}" for s in small)]
    args += ["--set=teacher.epochs=3"]
    goeswith(*args, "--out", tmp_path / "straight")
    killed = tmp_path / "killed"
    process = subprocess.Popen([*COMMAND, *args, "--out", str(killed)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        log = killed / "log.jsonl"
        if log.exists() and len(log.read_text().splitlines()) >= 5:
            break
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert (killed / "state.safetensors").exists(), "the run was over before it could be killed"
    assert not (killed / "weights.safetensors").exists()
    goeswith(*args, "--out", killed)
    ended = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("straight", "killed")]
    assert ended[0] == ended[1]
    assert not (killed / "state.safetensors").exists()


@pytest.mark.slow
@pytest.mark.real
def test_from_published_street_looks_to_numbers(real: Path, tmp_path: Path) -> None:
    data, run = tmp_path / "ccp", tmp_path / "run"
    assert "863 outfits" in goeswith("import", "ccp", real / "ccp", tmp_path / "whole")
    part = tmp_path / "published"  # a third of it: a network looks at every picture
    part.mkdir()
    (part / "crops").symlink_to(real / "ccp" / "crops")
    pieces = [piece for piece in json.loads((real / "ccp" / "items.json").read_text()) if piece["outfit"] < "0350"]
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
