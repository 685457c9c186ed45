"""Demo: what the numbers say is said; the whole of it runs, twice, and its command lines are the truth."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from made_scores import made_difference, made_score
from typer.testing import CliRunner
from worlds import styles_dataset

from goeswith.cli.main import app
from goeswith.errors import DataError
from goeswith.experiments import demo_data, demo_experiments, progress_log
from goeswith.experiments.demo import demo
from goeswith.experiments.demo_experiments import ALONE, CONTROL, TAUGHT, TOWERS, conclusion, demo_recipe
from goeswith.experiments.progress_log import ProgressLog
from goeswith.experiments.trainings import trainings
from goeswith.scores import Difference, Score
from goeswith.shop.index import Index

FLOOR = "category colour"


def headline() -> dict[str, Score]:
    """Shares of right answers, as a board has them."""
    values = {"chance": 0.25, FLOOR: 0.4, TOWERS.name: 0.55, "ceiling": 0.61}
    return {name: made_score(name, value) for name, value in values.items()}


def differences(learned: float = 0.1, taught: float = 0.0, control: float = 0.0) -> dict[tuple[str, str], Difference]:
    """Differences ± .02 of the comparisons that a verdict needs."""
    values = {(TOWERS.name, FLOOR): learned, (TAUGHT.name, ALONE.name): taught, (TAUGHT.name, CONTROL.name): control}
    return {
        pair: made_difference(at, at - 0.02, at + 0.02, 0.01, scorer=pair[0], against=pair[1])
        for pair, at in values.items()
    }


def conclusion_of(**values: float) -> str:
    return conclusion(TOWERS.name, headline(), FLOOR, differences(**values))


def test_a_verdict_follows_the_intervals():
    assert conclusion_of() == (
        "Two-tower, the best model on validation, finds the missing garment among four in 55 % "
        "on 282 matched questions: chance has 25 %, the "
        "strongest floor (category colour) 40 %, and the taste that made the outfits 61 %. It beats that floor "
        "(+0.100 [+0.080, +0.120]). Designers' knowledge makes no difference that can be shown to ADD-GNN "
        "(+0.000 [−0.020, +0.020]); one training seed."
    )
    assert "It loses to that floor (−0.100" in conclusion_of(learned=-0.1)
    not_shown = {pair: replace(line, shows="not shown") for pair, line in differences(learned=0.1, taught=0.05).items()}
    text = conclusion(TOWERS.name, headline(), FLOOR, not_shown)
    assert "It does not clearly beat that floor (+0.100 [+0.080, +0.120]; not shown when all comparisons" in text
    assert "makes no difference that can be shown to ADD-GNN (+0.050 [+0.030, +0.070]; not shown when" in text
    assert "It does not clearly beat that floor" in conclusion_of(learned=0.0)
    assert "knowledge helps ADD-GNN (+0.050" in conclusion_of(taught=0.05)
    assert "knowledge hurts ADD-GNN (−0.050" in conclusion_of(taught=-0.05)


def test_knowledge_that_a_control_equals_is_not_praised():
    assert "), but not clearly more than a teacher of shuffled pairs does; one" in conclusion_of(
        taught=0.05, control=0.01
    )
    assert "), more than a teacher of shuffled pairs; one" in conclusion_of(taught=0.05, control=0.03)
    assert "shuffled" not in conclusion_of(taught=0.01, control=0.03)


def test_the_control_is_taught_in_the_same_way_by_a_teacher_that_knows_nothing():
    assert CONTROL.kind == "control"
    assert CONTROL.settings == TAUGHT.settings
    planned = list(trainings(demo_recipe(Path("sample"), 3), Path("out")).values())
    assert len({training.out for training in planned}) == 4
    lessons = [training.lesson for training in planned]
    assert lessons[:2] == [None, None]
    assert [lesson.dataset for lesson in lessons[2:] if lesson] == ["sample#designers"] * 2
    assert lessons[2] != lessons[3]


def test_a_command_line_asks_for_the_run_that_is_trained():
    training = list(trainings(demo_recipe(Path("my sample"), 3), Path("out")).values())[2]
    words = shlex.split(training.command)
    assert words[:4] == ["goeswith", "train", "add-gnn", "my sample#users"]
    options = list(zip(words[4::2], words[5::2], strict=True))
    assert tuple(value for flag, value in options if flag == "--set") == training.settings
    assert dict(options)["--teacher"] == training.teacher == str(training.lesson and training.lesson.out)
    assert dict(options)["--out"] == str(training.out)
    assert dict(options)["--encoder"] == "words"


def test_progress_has_the_time_and_is_not_chatty(monkeypatch: pytest.MonkeyPatch):
    now = [0.0]
    monkeypatch.setattr(progress_log.time, "monotonic", lambda: now[0])
    messages: list[str] = []
    spoken = ProgressLog(messages.append, 8)
    spoken.stage("draw")
    progress = spoken.progress("items")
    for done in range(120):
        now[0] = float(done)
        progress(done, 1200)
    spoken.note("done")
    assert messages[:2] == ["0:00  1/8  draw", "0:06       6 of 1,200 items"]
    assert messages[-1] == "1:59       done"
    assert len(messages) < 25


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
        {
            "two-tower": ("hidden=8", "epochs=2"),
            "teacher": ("epochs=2",),
            "add-gnn": ("hidden=8", "negatives=category", "epochs=2"),
        },
    )
    messages: list[str] = []
    out = demo(Path("here"), outfits=200, seed=1, say=messages.append)
    text = out.read_text()
    assert 100_000 < len(text) < 6_000_000
    assert text.count("<img ") > 40
    results = json.loads(Path("here/results.json").read_text())
    assert {"chance", "ceiling", TOWERS.name, ALONE.name, CONTROL.name} <= {x["scorer"] for x in results["lines"]}
    assert all(line["signature"].startswith("sample:") for line in results["lines"])
    assert results["verdict"] in messages[-1]
    assert [line.partition(":")[0] for line in messages[-2].strip().splitlines()] == [
        f"Look {at}" for at in range(1, 7)
    ]
    assert text.index('id="ladder"') < text.index('id="looks"') < text.index('id="results"')
    assert text.split('class="wall"')[1].split("</ol>")[0].count("<li>") == 6
    assert Index("here/index").info["dataset"]["source"] == "users"

    weights = {path: path.stat().st_mtime_ns for path in Path("here").rglob("weights.safetensors")}
    again: list[str] = []
    assert demo(Path("here"), outfits=200, seed=1, say=again.append) == out
    assert [line.startswith("here holds this demo already") for line in again] == [True]
    out.unlink()
    again.clear()
    demo(Path("here"), outfits=200, seed=1, say=again.append)
    assert weights == {path: path.stat().st_mtime_ns for path in weights}  # nothing is trained twice
    assert out.read_text() == text
    assert "here/sample is there already" in again[1]

    # A command that asked for anything else than the finished run would be refused.
    commands = [line for line in text.split("<pre")[1].split("</pre>")[0].splitlines() if "goeswith train" in line]
    assert len(commands) == 6
    for command in commands:
        words = shlex.split(command.replace("&#39;", "'").removesuffix("</code>"))
        before = Path(words[-1], "weights.safetensors").stat().st_mtime_ns
        answered = CliRunner().invoke(app, words[1:])
        assert answered.exit_code == 0, answered.output
        assert Path(words[-1], "weights.safetensors").stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_demo_over_data_of_ones_own(tmp_path: Path):
    dataset = styles_dataset(tmp_path)
    messages: list[str] = []
    out = demo_data.demo(f"{dataset.path}#users", tmp_path / "out", seed=1, say=messages.append)
    assert "Compatibility AUC" in out.read_text()
    index = Index(tmp_path / "out" / "index")
    assert len(index.catalogue) == len(dataset.catalogue)
    assert index.info["dataset"]["source"] == "users"
    assert "6/6" in "".join(messages)
    weights = tmp_path / "out" / "run" / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    messages.clear()
    assert demo_data.demo(f"{dataset.path}#users", tmp_path / "out", seed=1, say=messages.append) == out
    assert len(messages) == 1
    assert "holds this demo already" in messages[0]
    out.unlink()
    demo_data.demo(f"{dataset.path}#users", tmp_path / "out", seed=1, say=messages.append)
    assert weights.stat().st_mtime_ns == before  # nothing is trained twice


def test_a_demo_over_data_without_outfits_says_so_before_it_begins(tmp_path: Path):
    dataset = styles_dataset(tmp_path)
    table = pl.read_parquet(dataset.path / "outfits.parquet")
    table.filter(pl.col("split") != "test").write_parquet(dataset.path / "outfits.parquet")
    with pytest.raises(DataError, match="no outfit is in split 'test'"):
        demo_data.demo(str(dataset.path), tmp_path / "out", seed=0, say=lambda line: None)
    assert not (tmp_path / "out").exists()


def test_the_demo_ends_in_the_studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    calls: list[object] = []
    monkeypatch.setattr(demo_data, "demo", lambda *arguments, **named: calls.append((arguments, named)))
    monkeypatch.setattr("goeswith.studio.run", lambda *arguments, **named: calls.append((arguments, named["port"])))
    answer = CliRunner().invoke(app, ["demo", "--data", "here", "--out", str(tmp_path), "--serve", "--port", "0"])
    assert answer.exit_code == 0, answer.output
    assert calls[0][0] == ("here", tmp_path)  # type: ignore[index]
    assert calls[1] == ((tmp_path / "index",), 0)
