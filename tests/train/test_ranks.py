"""Several processes that train one model: the numbers of one process, whichever part each of them does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from worlds import styles_dataset

from goeswith.data.dataset import Dataset
from goeswith.errors import ConfigError
from goeswith.train.loop import Loop
from goeswith.train.mixture import train_mixture
from goeswith.train.ranks import Ranks
from goeswith.train.training import train

# 280 = 9 · 31 + 1 training outfits: the last batch leaves a process without any.
COMMON = ["epochs=2", "patience=9", "batch_size=31", "precision=fp32", "optimiser=adamw"]
TRAININGS = {
    "two-tower": ["hidden=16", "dropout=0", "forget=0", "learning_rate=0.01"],
    "add-gnn": ["attributes=2", "hidden=8", "learning_rate=0.01", "negatives_per_positive=2", "precision=bf16"],
    "type-aware": ["size=8", "learning_rate=0.01"],
}
SCRIPT = """
import atexit, json, os, sys
from pathlib import Path
from goeswith.data.dataset import Dataset
from goeswith.train.loop import Loop
from goeswith.train.training import train

data, out, trainings = sys.argv[1:]

def threads():
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    Path(out, f"threads-{os.environ['RANK']}.json").write_text(json.dumps(names))

atexit.register(threads)  # after whatever is registered later
step, order = Loop.step, []

def noted(self, indices):
    order.append(indices.tolist())
    return step(self, indices)

Loop.step = noted
for name, settings in json.loads(trainings).items():
    train(name, Dataset(data), Path(out) / name, settings=settings)
Path(out, f"order-{os.environ['RANK']}.json").write_text(json.dumps(order))
"""


def together(dataset: Dataset, out: Path, trainings: dict[str, list[str]], processes: int = 2) -> list[list[int]]:
    """Train in several processes; the outfits of every step, of which each process notes the same."""
    script = out / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += [str(script), str(dataset.path), str(out), json.dumps(trainings)]
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "GOESWITH_DEVICE": "cpu"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    orders = [json.loads((out / f"order-{rank}.json").read_text()) for rank in range(processes)]
    assert all(order == orders[0] for order in orders)
    threads = [name for rank in range(processes) for name in json.loads((out / f"threads-{rank}.json").read_text())]
    assert not [name for name in threads if "gloo" in name]  # they would abort a process that is about to end
    return orders[0]


def history(out: Path) -> list[dict[str, float]]:
    return json.loads((out / "config.json").read_text())["result"]["history"]


@pytest.mark.slow
def test_two_processes_learn_what_one_does_and_go_on_where_one_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = styles_dataset(tmp_path)
    trainings = {name: [*COMMON, *own] for name, own in TRAININGS.items()}
    alone, both = tmp_path / "alone", tmp_path / "both"
    both.mkdir()
    order: list[list[int]] = []
    step = Loop.step

    def noted(self: Loop, indices):
        order.append(indices.tolist())
        return step(self, indices)

    monkeypatch.setattr(Loop, "step", noted)
    for name, settings in trainings.items():
        train(name, dataset, alone / name, settings=settings)
    whole = list(order)

    def stop(stage: str):
        def after(epoch: int, epochs: int, measured: dict[str, float]) -> None:
            raise ZeroDivisionError

        return after

    with pytest.raises(ZeroDivisionError):  # this one is stopped after an epoch, and two processes go on with it
        train("type-aware", dataset, both / "type-aware", settings=trainings["type-aware"], say=stop)
    monkeypatch.undo()
    resumed = together(dataset, both, trainings)
    per_epoch = -(-280 // 31)
    assert resumed == whole[: 4 * per_epoch] + whole[5 * per_epoch :]
    for name in trainings:
        config = json.loads((both / name / "config.json").read_text())
        assert config["computed_on"]["processes"] == 2
        for row_alone, row_together in zip(history(alone / name), history(both / name), strict=True):
            rounding = 1e-2 if config["computed_on"]["precision"] == "bf16" else 1e-4
            assert row_alone["loss"] == pytest.approx(row_together["loss"], rel=rounding), name
            assert row_alone["valid_auc"] == pytest.approx(row_together["valid_auc"], abs=0.02), name


def test_shares_are_all_rows_once_and_nearly_even() -> None:
    for total in (0, 1, 2, 7, 100):
        for count in (1, 2, 3, 8):
            shares = [Ranks(rank, count).share(total) for rank in range(count)]
            rows = [row for share in shares for row in range(total)[share]]
            assert rows == list(range(total))
            sizes = [share.stop - share.start for share in shares]
            assert max(sizes) - min(sizes) <= 1


def test_one_process_alone_shares_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    ranks, some = Ranks.join(torch.device("cpu")), torch.ones(3, requires_grad=True)
    assert ranks == Ranks()
    assert ranks.first
    assert ranks.gather(some, 3) is some
    assert ranks.total(3, torch.device("cpu")) == 3
    assert ranks.from_first(lambda: 5) == 5


def test_a_mixture_is_made_by_one_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match="a mixture is made by one process; train two-tower on each data set"):
        train_mixture(styles_dataset(tmp_path), tmp_path / "run", teachers=["a"])
