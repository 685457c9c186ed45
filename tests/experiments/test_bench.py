"""Bench: the tiny recipe for real, resumed, refused, and honest about a model that cannot run."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from pools import Here, here
from typer.testing import CliRunner
from worlds import styles_dataset, write_made

from goeswith.cli.main import app
from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.errors import DataError, ModelError
from goeswith.evaluate.retrieval_report import FITTED
from goeswith.experiments import bench as module
from goeswith.experiments.bench import bench, question_files, reserved
from goeswith.experiments.plots import over_attributes
from goeswith.experiments.recipes import Experiment, Pairing, Recipe, read_recipe
from goeswith.experiments.results import Outcome, Row, Scoreboard
from goeswith.experiments.scoreboard import as_latex, as_markdown
from goeswith.experiments.search import Best
from goeswith.experiments.trainings import EXHAUSTIVE, Training, answers_file, trainings

ROOT = Path(__file__).resolve().parents[2]
TINY = ("hidden=8", "attributes=2", "epochs=1", "batch_size=64", "negatives=category")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return styles_dataset(tmp_path_factory.mktemp("bench")).path


def recipe(world: Path, *models: Experiment, **more: object) -> Recipe:
    fields: dict = {"questions": ("test-fitb-category",), "designers": str(world), "seeds": (0,)} | more
    return Recipe(name="r", dataset=str(world), models=models, **fields)


def test_one_teacher_serves_all_that_ask_for_the_same(world: Path, tmp_path: Path):
    needed = recipe(
        world,
        Experiment("a", "add-gnn", teacher="designers", settings=("hidden=8", "teacher.epochs=3")),
        Experiment("b", "add-gnn", teacher="designers", settings=("hidden=8", "steps=0", "teacher.epochs=3")),
        Experiment("c", "add-gnn", teacher="designers", settings=("hidden=4", "teacher.epochs=3")),
        Experiment("d", "add-gnn", teacher="untrained", settings=("hidden=8", "untrained=true", "teacher.epochs=3")),
        Experiment("e", "add-gnn", teacher="shuffled", settings=("hidden=8", "teacher.shuffled=true")),
        Experiment("f", "add-gnn"),
        Experiment("g", "add-gnn", teacher="designers", settings=("hidden=8", "teacher.epochs=3"), encoder="other"),
        encoder="made",
        seeds=(0, 1),
    )
    planned = {
        (experiment.name, seed): training for (experiment, seed), training in trainings(needed, tmp_path).items()
    }
    teachers = {key: training.lesson and training.lesson.out for key, training in planned.items()}
    assert teachers["a", 0] == teachers["b", 0]
    assert len({teachers[key] for key in (("a", 0), ("a", 1), ("c", 0), ("e", 0), ("g", 0))}) == 5
    encoders = [part.encoder for name in ("a", "g") if (part := planned[name, 0].lesson)]
    assert encoders == ["made", "other"]  # a teacher reads what its student reads
    student, lesson = planned["a", 1], planned["a", 1].lesson
    assert lesson is not None
    assert student.teacher == str(lesson.out)
    assert student.settings == ("hidden=8", "seed=1")
    assert {"seed=1", "rank=8", "epochs=3"} <= set(lesson.settings)
    assert planned["d", 0].teacher == str(world)
    assert "teacher.epochs=3" in planned["d", 0].settings
    assert planned["f", 0].lesson is None
    assert "shuffled" in teachers["e", 0].name


def test_questions_are_frozen_where_they_are_missing_and_published_ones_are_asked_for(world: Path):
    dataset = Dataset(f"{world}#users")
    [file], absent = question_files(recipe(world), dataset)
    assert (file.name, absent) == ("users-test-fitb-category.parquet", [])
    before = file.stat().st_mtime_ns
    question_files(recipe(world), dataset)
    assert file.stat().st_mtime_ns == before
    with pytest.raises(DataError, match=r"no questions 'official-test-fitb' \(there are: none\)"):
        question_files(recipe(world, questions=("official-test-fitb",)), dataset)


def test_questions_of_added_negatives_may_have_a_hyphen(world: Path, monkeypatch: pytest.MonkeyPatch):
    plans: list[object] = []
    monkeypatch.setattr("goeswith.experiments.bench.freeze", lambda *arguments, plan, **named: plans.append(plan))
    with pytest.raises(DataError, match="cannot provide any of the questions test-fitb-same-brand"):
        question_files(recipe(world, questions=("test-fitb-same-brand",)), Dataset(world))
    assert plans == [[("fitb", "same-brand")]]


def test_a_folder_is_held_by_one_bench_of_one_recipe(world: Path, tmp_path: Path):
    own, out = recipe(world), tmp_path / "out"
    with (
        reserved(out, own),
        pytest.raises(ModelError, match="another bench is running"),
        reserved(out, own),
    ):
        pass
    with reserved(out, own):
        pass
    other = Recipe(name="other", dataset="", questions=(), models=())
    with pytest.raises(ModelError, match="holds the bench of the recipe 'r', not of 'other'"), reserved(out, other):
        pass
    (tmp_path / "photo.jpg").touch()
    with (
        pytest.raises(ModelError, match=r"not a bench folder, it holds (out|photo.jpg); choose"),
        reserved(tmp_path, own),
    ):
        pass


@pytest.fixture(scope="module")
def done(world: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Path, Scoreboard, list[str]]:
    """A bench in which a model cannot run, in processes of its own."""
    out, messages = tmp_path_factory.mktemp("out") / "bench", []
    own = recipe(
        world,
        Experiment("K = 2", "add-gnn", settings=TINY),
        Experiment("K = 1_%", "add-gnn", settings=(*TINY, "attributes=1")),
        Experiment("hopeless", "add-gnn", settings=(*TINY, "weight_norm=1e12")),
        questions=("test-fitb-category", "test-compat-category"),
        seeds=(0, 1),
        pairings=(Pairing("K = 2", "K = 1_%", "more is more"), Pairing("K = 2", "hopeless")),
    )
    return own, out, bench(own, out, jobs=2, say=messages.append), messages


@pytest.mark.slow
def test_a_model_that_cannot_run_says_why_and_the_rest_goes_on(done: tuple[Recipe, Path, Scoreboard, list[str]]):
    _, out, board, messages = done
    assert set(board.failures) == {"hopeless"}
    assert "seed 0: training diverged" in board.failures["hopeless"]
    assert any(line.startswith("hopeless, seed 1: cannot run") for line in messages)
    needed = re.fullmatch(r"peak memory (\d+\.\d) GB per process, 2 in parallel", messages[-1])
    assert needed
    assert float(needed[1]) >= 0.2  # torch alone takes that
    info = json.loads((out / "results.json").read_text())
    assert {line["scorer"] for line in info["lines"]} >= {"chance", "K = 2", "K = 1_%"}
    assert all(line["signature"].startswith("styles:") and line["seeds"] for line in info["lines"])
    assert [line["against"] for line in info["compared"]] == ["K = 1_%"] * 10  # 3 of the files, 7 of retrieval
    shown = [line["shows"] for line in info["compared"] if "shows" in line]
    assert len(shown) == len(board.columns) == 5
    assert {line["scorer"] for line in info["corrected"]} == {f"K = {k} {c}" for k in ("2", "1_%") for c in FITTED}
    for page in ("results.md", "results.html"):
        text = (out / page).read_text()
        assert "recall@10 from the rest" in text
        assert "K = 2 + shortlist (α = " in text
    assert "| hopeless | could not run: seed 0: training diverged" in (out / "results.md").read_text()
    latex = (out / "results.tex").read_text()
    assert r"K = 1\_\%" in latex
    assert latex.count(r"\\") == len(board.rows) + 1
    written = (out / "results.html").read_text()
    assert "hopeless could not run" in written
    assert "interval over outfits and, of models, over seeds" in written
    assert {row.name: row.note for row in board.rows if row.outcomes} == {
        "K = 2": "attributes=2",
        "K = 1_%": "attributes=1",
    }
    for name in ("accuracy", "costs", "learning", "differences", "k"):
        assert (out / f"{name}.svg").read_text().count("<path") > 5


@pytest.mark.slow
def test_the_same_bench_again_trains_and_answers_nothing(
    done: tuple[Recipe, Path, Scoreboard, list[str]], monkeypatch: pytest.MonkeyPatch
):
    own, out, board, _ = done
    files = [*out.rglob("weights.safetensors"), *out.rglob("answers/*.parquet")]
    before = {file: file.stat().st_mtime_ns for file in files}
    assert len(before) == 4 + 4 * (2 + 1 + len(FITTED))
    text = (out / "results.md").read_text()
    monkeypatch.setattr(module, "processes", here)
    again = bench(own, out, say=lambda line: None)
    assert before == {file: file.stat().st_mtime_ns for file in files}
    assert (out / "results.md").read_text() == text
    assert again.conclusion == board.conclusion


@pytest.mark.slow
def test_exhaustive_auc_alone_is_that_of_the_whole_survey(
    done: tuple[Recipe, Path, Scoreboard, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    own, out, board, _ = done
    monkeypatch.setattr(module, "processes", here)
    shutil.copytree(out, tmp_path / "out")
    alone = replace(own.only(["K = 2"]), retrieval=False, exhaustive=True)
    files, _ = question_files(alone, Dataset(alone.dataset))
    assert not any(answers_file(t, EXHAUSTIVE, False).exists() for t in trainings(alone, tmp_path / "out").values())
    again = bench(alone, tmp_path / "out", say=lambda line: None)
    column = next(column for column in board.columns if column[0] == "exhaustive")
    assert len(again.columns) == len(files) + 1
    for row in again.rows:
        before = next(other for other in board.rows if other.name == row.name)
        values = [each.measured[column].score for each in (row, before) if column in each.measured]
        assert len(values) in (0, 2)
        assert len(set(values)) == len(values) / 2
    assert {row.name for row in again.rows if column in row.measured} == {row.name for row in again.rows}
    assert not next(row for row in again.rows if row.name == "K = 2").corrected


@pytest.mark.slow
def test_marks_name_who_is_above_the_floor_and_below_the_best(done: tuple[Recipe, Path, Scoreboard, list[str]]):
    board = done[2]
    for (name, column), marks in board.marks.items():
        row = next(row for row in board.rows if row.name == name)
        floor, best = board.best(column, "floor"), board.best(column, "model", "control")
        assert floor is not None
        assert best is not None
        assert ("*" not in marks) or row.measured[column].score.value > floor.measured[column].score.value
        assert ("†" not in marks) or row.measured[column].score.value < floor.measured[column].score.value
        assert ("↓" not in marks) or row.measured[column].score.value < best.measured[column].score.value
    assert board.headline is not None
    leader = board.best(board.headline, "model", "control")
    assert leader is not None
    marks = board.marks.get((leader.name, board.headline), "")
    assert (", above the" in board.conclusion, ", below the" in board.conclusion) == ("*" in marks, "†" in marks)
    assert len(re.findall(r"\*\*0\.\d{3}", as_markdown(board, {}))) == len(board.columns)
    assert as_latex(board).count(r"\textbf") == len(board.columns)
    assert {size for size, _ in over_attributes(board.rows, board.columns)} == {1, 2}


@pytest.mark.slow
def test_the_tiny_recipe_of_the_project_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "data").mkdir()
    styles_dataset(tmp_path / "data", name="sample")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "processes", here)
    board = bench(read_recipe(ROOT / "recipes" / "sample-tiny.toml"), "out", say=lambda line: None)
    assert not board.failures
    assert {row.name for row in board.rows if row.outcomes} == {c.name for c in board.recipe.models}
    assert len(board.comparisons) == 2
    assert (tmp_path / "out" / "results.html").is_file()


def test_a_teacher_that_cannot_be_trained_is_why_its_student_cannot(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def work(job: Training) -> Outcome | str:
        return "no tops" if job.model == "teacher" else Outcome(1, None, 1.0, 1, 0.5, [{"valid_auc": 0.5}])

    monkeypatch.setattr(module, "work", work)
    own = recipe(world, Experiment("taught", "add-gnn", teacher="designers"), Experiment("alone", "add-gnn"))
    messages: list[str] = []
    outcomes = module._train(trainings(own, tmp_path), Here(), messages.append)
    assert outcomes[own.models[0], 0] == "its teacher: no tops"
    assert isinstance(outcomes[own.models[1], 0], Outcome)
    assert "taught, seed 0: cannot run: its teacher: no tops" in messages


def test_the_command_passes_what_it_is_given_and_tells_who_could_not_run(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    calls: list[dict] = []
    row = Row("hopeless", "model", {}, failure="no tops")

    def run(read: Recipe, out: Path, **more: object) -> Scoreboard:
        calls.append({"models": [c.name for c in read.models], "out": out} | more)
        return Scoreboard(read, Dataset(world), [row])

    monkeypatch.setattr(module, "bench", run)
    path = str(ROOT / "recipes" / "sample-tiny.toml")
    result = CliRunner().invoke(app, ["bench", path, "--only", "K = 1", "--jobs", "3", "--search", "2"])
    assert result.exit_code == 0, result.output
    assert "hopeless could not run: no tops" in result.output
    assert calls[0]["models"] == ["K = 1"]
    assert (calls[0]["out"], calls[0]["jobs"], calls[0]["search"]) == (Path("runs/bench/sample-tiny"), 3, 2)


@pytest.mark.slow
def test_models_whose_encoders_miss_other_items_are_asked_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "processes", here)
    dataset = styles_dataset(tmp_path)
    values = load_features(dataset).values
    write_made(dataset, dataset.catalogue.ids[:-3], values[:-3], "fewer")
    own = recipe(
        dataset.path,
        Experiment("all", "add-gnn", settings=TINY),
        Experiment("some", "add-gnn", settings=TINY, encoder="fewer"),
        encoder="made",
        retrieval=False,
        exhaustive=True,
        pairings=(Pairing("all", "some"),),
    )
    board = bench(own, tmp_path / "bench", jobs=1)
    asked = [{mean.score.signature for mean in row.measured.values()} for row in board.rows if row.experiment]
    assert len(asked) == 2
    assert asked[0] == asked[1]


def test_a_taught_model_costs_its_teacher_too(world: Path, tmp_path: Path):
    own = recipe(world, Experiment("taught", "add-gnn", teacher="designers", settings=("hidden=8", "teacher.epochs=1")))
    [training] = trainings(own, tmp_path).values()
    alone = Outcome(1, None, 2.0, 1, 0.5, [{"valid_auc": 0.5}])
    assert module._with_lesson(alone, training.lesson) == alone, "which was trained elsewhere"
    lesson = training.lesson.run()
    together = module._with_lesson(alone, training.lesson)
    assert together.seconds == 2.0 + lesson.config["result"]["seconds"] > 2.0
    assert module._with_lesson("no tops", training.lesson) == "no tops"


@pytest.mark.slow
def test_where_no_model_can_be_measured_the_tables_stay(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "processes", here)
    own = recipe(world, Experiment("K = 2", "add-gnn", settings=TINY), questions=("test-fitb-category",))
    bench(own, tmp_path / "bench", jobs=1)
    before = (tmp_path / "bench" / "results.md").read_bytes()
    other = replace(own, models=(Experiment("K = 2", "add-gnn", settings=(*TINY, "dropout=.5")),))
    with pytest.raises(
        ModelError,
        match=r"no model of the recipe 'r' could be measured, so .* keeps its earlier results; K = 2, seed 0: ",
    ):
        bench(other, tmp_path / "bench", jobs=1)
    assert (tmp_path / "bench" / "results.md").read_bytes() == before

    begun = replace(own, seeds=(0, 1), models=(*own.models, Experiment("never begun", "add-gnn")))
    board = bench(begun, tmp_path / "bench", jobs=1, collect=True)
    rows = {row.name: row for row in board.rows if row.experiment}
    assert [*rows] == ["K = 2"]
    assert len(rows["K = 2"].outcomes) == 1
    assert not (tmp_path / "bench" / "runs" / "k-2-seed1").exists()
    with pytest.raises(ModelError, match="holds another run"):
        bench(other, tmp_path / "bench", jobs=1, collect=True)
    before = (tmp_path / "bench" / "results.md").read_bytes()
    with pytest.raises(
        ModelError, match=r"'r' has answered everything after a search of 20 trials, so .* or with the --s"
    ):
        bench(own, tmp_path / "bench", jobs=1, search=20, collect=True)
    assert (tmp_path / "bench" / "results.md").read_bytes() == before


def test_settings_that_are_not_searched_are_kept(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    a = Experiment("a", "add-gnn", settings=("hidden=8",))
    own = recipe(
        world,
        a,
        Experiment("a as it is", "add-gnn", settings=("hidden=4",), like=a, search=False),
        Experiment("ablation", "add-gnn", settings=("steps=0",), like=a),
        Experiment("b", "csa-net"),
    )
    found = {"a": Best(("hidden=32",), "found"), "b": None}
    monkeypatch.setattr(module, "finished", lambda out, trials: found[out.name])
    settled = module._search_results(own, tmp_path, 20)
    assert {experiment.name: experiment.settings for experiment in settled.models} == {
        "a": ("hidden=8", "hidden=32"),
        "a as it is": ("hidden=4",),
        "ablation": ("steps=0", "hidden=32"),
    }
