"""Demo: what the numbers say is said; the whole of it runs, twice, and its command lines are the truth."""

import json
import shlex
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner
from worlds import styles_dataset

from goeswith.cli.main import app
from goeswith.errors import DataError
from goeswith.experiments import clock, demo_data, demo_experiments
from goeswith.experiments.clock import Clock
from goeswith.experiments.demo import demo
from goeswith.experiments.demo_experiments import ALONE, NO_GRAPH, WAYS, controls, demo_recipe, verdict
from goeswith.experiments.trainings import trainings
from goeswith.shop.index import Index

WAY = WAYS[0]


def lines(
    taught: float, control: float = 0.0, graph: float = 0.0, learned: float = 0.0
) -> dict[tuple[str, str], dict[str, object]]:
    """Differences ± .02 of each of the comparisons that a verdict needs."""
    found = {(WAY.name, ALONE.name): taught} | {(WAY.name, c.name): control for c in controls(WAY)}
    found |= {(ALONE.name, NO_GRAPH.name): graph, (WAY.name, "category colour"): learned}
    return {
        (first, second): {
            "task": "fitb", "negatives": "matched", "metric": "accuracy", "n": 282, "scorer": first, "against": second,
            "difference": at, "low": at - 0.02, "high": at + 0.02, "p": 0.01,
        }
        for (first, second), at in found.items()
    }  # fmt: skip


def test_a_verdict_follows_the_intervals():
    assert verdict(WAY.name, lines(0.01, learned=0.1)) == (
        "On 282 matched fill-in-the-blank questions, with one training seed, designers' knowledge by masks makes no "
        "difference that they can show (+0.010 [−0.010, +0.030]); the graph makes no difference that they can show "
        "(+0.000 [−0.020, +0.020]); and the taught student beats the strongest floor, category colour "
        "(+0.100 [+0.080, +0.120])."
    )
    assert "knowledge by masks helps (+0.050" in verdict(WAY.name, lines(0.05))
    assert "knowledge by masks hurts (−0.050" in verdict(WAY.name, lines(-0.05))
    assert "the graph helps" in verdict(WAY.name, lines(0, graph=0.03))
    assert "the graph hurts" in verdict(WAY.name, lines(0, graph=-0.03))
    assert "loses to the strongest floor" in verdict(WAY.name, lines(0, learned=-0.1))
    assert "does not clearly beat the strongest floor" in verdict(WAY.name, lines(0))


def test_knowledge_that_a_control_equals_is_not_praised():
    names = " or ".join(control.name for control in controls(WAY))
    assert f"), but not clearly more than {names}; the graph" in verdict(WAY.name, lines(0.05, control=0.01))
    assert "), and more than every control; the graph" in verdict(WAY.name, lines(0.05, control=0.03))
    assert "control" not in verdict(WAY.name, lines(0.01, control=0.03))


def test_controls_are_taught_in_the_same_way_by_teachers_that_know_nothing():
    for way in WAYS:
        for control in controls(way):
            assert control.kind == "control"
            assert control.settings == way.settings
            assert control.teacher != way.teacher
    recipe = demo_recipe(Path("sample"), 3, (ALONE, *controls(WAY)))
    planned = list(trainings(recipe, Path("out")).values())
    assert "untrained=true" in planned[1].settings
    assert len({training.out for training in planned}) == 4
    assert [training.lesson and training.lesson.dataset for training in planned] == [
        None, None, "sample#designers", "sample#users",
    ]  # fmt: skip


def test_a_command_line_asks_for_the_run_that_is_trained():
    recipe = demo_recipe(Path("my sample"), 3, (WAY,))
    [training] = trainings(recipe, Path("out")).values()
    words = shlex.split(training.command)
    assert words[:4] == ["goeswith", "train", "add-gnn", "my sample#users"]
    options = list(zip(words[4::2], words[5::2], strict=True))
    assert tuple(value for flag, value in options if flag == "--set") == training.settings
    assert dict(options)["--teacher"] == training.teacher == str(training.lesson and training.lesson.out)
    assert dict(options)["--out"] == str(training.out)


def test_progress_has_the_time_and_is_not_chatty(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: now[0])
    said: list[str] = []
    spoken = Clock(said.append, 8)
    spoken.stage("draw")
    told = spoken.progress("items")
    for done in range(120):
        now[0] = float(done)
        told(done, 1200)
    spoken.note("done")
    assert said[:2] == ["0:00  1/8  draw", "0:06       6 of 1,200 items"]
    assert said[-1] == "1:59       done"
    assert len(said) < 25


def test_a_folder_of_another_demo_is_left_alone(tmp_path: Path):
    (tmp_path / "sample").mkdir()
    (tmp_path / ".hidden").touch()
    with pytest.raises(DataError, match=r"is not a demo folder, it holds sample; choose a new folder for --out"):
        demo(tmp_path, outfits=100, seed=0, say=lambda line: None)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "sample"]
    (tmp_path / "demo.json").write_text(json.dumps({"outfits": 100, "seed": 1}))
    with pytest.raises(DataError, match="'seed': 1}, not of"):
        demo(tmp_path, outfits=100, seed=0, say=lambda line: None)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot write .*file.*another place"):
        demo(tmp_path / "file", outfits=100, seed=0, say=lambda line: None)


@pytest.mark.slow
def test_the_whole_demo_in_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        demo_experiments,
        "SETTINGS",
        {"teacher": ("epochs=2",), "add-gnn": ("hidden=8", "negatives=category", "epochs=2")},
    )
    said: list[str] = []
    out = demo(Path("here"), outfits=200, seed=1, say=said.append)
    text = out.read_text()
    assert 100_000 < len(text) < 6_000_000
    assert text.count("<img ") > 40
    results = json.loads(Path("here/results.json").read_text())
    assert {"chance", "oracle", "without knowledge", "untrained teacher"} <= {x["scorer"] for x in results["lines"]}
    assert all(line["signature"].startswith("sample:") for line in results["lines"])
    assert results["verdict"] in "\n".join(said)

    weights = {path: path.stat().st_mtime_ns for path in Path("here").rglob("weights.safetensors")}
    again: list[str] = []
    demo(Path("here"), outfits=200, seed=1, say=again.append)
    assert weights == {path: path.stat().st_mtime_ns for path in weights}  # nothing is trained twice
    assert out.read_text() == text
    assert "here/sample is there already" in again[1]

    # A command that asked for anything else than the finished run would be refused.
    commands = [line for line in text.split("<pre")[1].split("</pre>")[0].splitlines() if "goeswith train" in line]
    assert len(commands) == 11
    for command in commands:
        words = shlex.split(command.replace("&#39;", "'").removesuffix("</code>"))
        before = Path(words[-1], "weights.safetensors").stat().st_mtime_ns
        told = CliRunner().invoke(app, words[1:])
        assert told.exit_code == 0, told.output
        assert Path(words[-1], "weights.safetensors").stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_demo_over_data_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(demo_data, "SETTINGS", {"add-gnn": ("hidden=8", "negatives=category", "epochs=2")})
    dataset = styles_dataset(tmp_path)
    said: list[str] = []
    out = demo_data.demo(f"{dataset.path}#users", tmp_path / "out", seed=1, say=said.append)
    assert "Compatibility AUC" in out.read_text()
    index = Index(tmp_path / "out" / "index")
    assert len(index.catalogue) == len(dataset.catalogue)
    assert index.info["dataset"]["source"] == "users"
    assert "6/6" in said[-3] or "6/6" in "".join(said)
    weights = tmp_path / "out" / "run" / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    demo_data.demo(f"{dataset.path}#users", tmp_path / "out", seed=1, say=said.append)
    assert weights.stat().st_mtime_ns == before  # nothing is trained twice


def test_a_demo_over_data_without_outfits_says_so_before_it_begins(tmp_path: Path):
    dataset = styles_dataset(tmp_path)
    table = pl.read_parquet(dataset.path / "outfits.parquet")
    table.filter(pl.col("split") != "test").write_parquet(dataset.path / "outfits.parquet")
    with pytest.raises(DataError, match="no outfit is in split 'test'"):
        demo_data.demo(str(dataset.path), tmp_path / "out", seed=0, say=lambda line: None)
    assert not (tmp_path / "out").exists()


def test_the_demo_ends_in_the_studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    told: list[object] = []
    monkeypatch.setattr(demo_data, "demo", lambda *given, **named: told.append((given, named)))
    monkeypatch.setattr("goeswith.studio.run", lambda *given, **named: told.append((given, named["port"])))
    answer = CliRunner().invoke(app, ["demo", "--data", "here", "--out", str(tmp_path), "--serve", "--port", "0"])
    assert answer.exit_code == 0, answer.output
    assert told[0][0] == ("here", tmp_path)  # type: ignore[index]
    assert told[1] == ((tmp_path / "index",), 0)
