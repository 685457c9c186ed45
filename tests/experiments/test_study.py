"""A study: curves with and without knowledge, resumable, with intervals and comparisons."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from made_scores import made_difference
from test_bench_killed import alive, children, wait
from typer.testing import CliRunner
from worlds import styles_dataset, write_made

from goeswith import __version__
from goeswith.cli.main import app
from goeswith.data.dataset import Dataset
from goeswith.data.features import load_features
from goeswith.data.text import LENGTH
from goeswith.errors import ConfigError, DataError
from goeswith.evaluate.exhaustive import exhaustive_auc
from goeswith.evaluate.shortcuts import Shortcuts
from goeswith.experiments.study import ARMS, read_study
from goeswith.experiments.study_page import LOOKS, draw, lacking, section, verdict
from goeswith.experiments.study_results import compared, measure, parts, read_results, summarise
from goeswith.experiments.study_sources import CARRIED, Bench, designers_of, knowledge_of, outfit_aucs
from goeswith.models.mixture import Mixture
from goeswith.train.run import Run
from goeswith.train.settings import TrainConfig
from goeswith.train.training import train, training_data
from goeswith.train.trust_questions import differences

STUDY = """
name = "small"
title = "Small"
dataset = "{folder}/styles#users"
designers = "{folder}/styles#designers"
encoder = "made"
outfits = [0, 20]
seeds = [0, 1]
arms = ["cosine", "own", "none", "designers", "shuffled", "start"]
candidates = 4
set = ["hidden=8", "epochs=2", "memory=false", "teacher.hidden=8", "teacher.epochs=2", "folds=2"]
few = ["batch_size=16"]
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("study")
    styles_dataset(folder)
    (folder / "study.toml").write_text(STUDY.format(folder=folder))
    arguments = ["curves", str(folder / "study.toml"), "--out", str(folder / "out"), "--jobs", "1"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    lines = [line.partition(" s  ")[2] for line in result.stderr.splitlines() if "small: " in line]
    assert sorted(lines) == sorted({*lines})
    assert {"small: cosine, 0 own outfits, seed 0", "small: start, 20 own outfits, seed 1"} <= {*lines}
    assert len(lines) == len([*(folder / "out" / "answers").glob("*.parquet")]) == 20
    assert "| `designers`" in result.stdout
    return folder, folder / "out"


def trained(out: Path, name: str) -> Run:
    """The only training of a study that has this name."""
    (path,) = (out / "runs" / name).iterdir()
    return Run(path)


@pytest.mark.slow
def test_every_arm_has_a_value_an_interval_and_comparisons(done: tuple[Path, Path]) -> None:
    _, out = done
    results = read_results(out / "results.json")
    points = {(point["arm"], point["outfits"]): point for point in results["points"]}
    assert set(points) == {
        (arm, size)
        for arm in ("cosine", "own", "none", "designers", "shuffled", "start")
        for size in (0, 20)
        if size or arm not in ("own", "start")
    }
    for point in points.values():
        assert point["low"] <= point["value"] <= point["high"]
        assert point["value"] == pytest.approx(np.mean(point["seeds"]))
    assert points["cosine", 0]["value"] == points["cosine", 20]["value"]
    assert points["own", 20]["value"] > 0.6  # styles can be learned
    assert points["none", 0]["weights"] == {"likeness": 1.0}
    compared = [(line["scorer"], line["against"], line["outfits"]) for line in results["comparisons"]]
    assert ("designers", "shuffled", 0) in compared
    assert ("start", "own", 20) in compared
    assert all(line["p_holm"] >= line["p"] for line in results["comparisons"])
    signed = results["signature"].rpartition("|q")[0].split("|")  # as of every other number, see docs/evaluate.md
    assert signed[0].startswith("styles:")
    assert signed[1:] == ["test", "exhaustive", "matched", "c4", "seed0", f"goeswith{__version__}"]
    assert (out / "curves.svg").read_text().startswith("<?xml")


@pytest.mark.slow
def test_what_is_kept_is_the_exhaustive_auc_of_the_run(done: tuple[Path, Path]) -> None:
    folder, out = done
    study = read_study(folder / "study.toml")
    bench = Bench(study, 1, out)
    run = trained(out, "seed1-20-own")
    assert run.config["train"]["outfits"] == 20
    assert run.config["train"]["batch_size"] == 16
    auc, weight, _ = exhaustive_auc(run.scorer(Dataset(study.dataset)), bench.test)
    answers = pl.read_parquet(out / "answers" / "own-20-seed1.parquet")
    weighted = weight > 0
    np.testing.assert_allclose(answers["auc"].to_numpy()[weighted], auc[weighted], atol=1e-3)
    np.testing.assert_allclose(answers["weight"].to_numpy()[weighted], (weight / weight.sum())[weighted], rtol=1e-9)


@pytest.mark.slow
def test_a_study_goes_on_where_it_stopped(done: tuple[Path, Path], tmp_path: Path) -> None:
    folder, out = done
    study, before = read_study(folder / "study.toml"), read_results(out / "results.json")
    messages: list[str] = []
    assert measure(study, out, messages.append) == before
    assert messages == []
    (out / "answers" / "designers-20-seed0.parquet").unlink()
    fewer = summarise(study, out)
    assert ("designers", 20) not in {(point["arm"], point["outfits"]) for point in fewer["points"]}
    collected = measure(study, out, messages.append, collect=True)
    assert collected["points"] == json.loads(json.dumps(fewer["points"]))
    assert messages == []
    more = json.loads(json.dumps(before))
    more["study"] |= {"arms": [*study.arms, "rules"], "outfits": [*study.outfits, 1000]}
    assert lacking(before) == []
    assert lacking(collected) == ["- Not measured, for lack of time: `designers` with 20."]
    assert lacking(more) == ["- Not measured, for lack of time: the arms `rules`; 1,000 own outfits."]
    more["points"] = [point for point in more["points"] if (point["arm"], point["outfits"]) != ("own", 20)]
    more["points"].append({"arm": "own", "outfits": 1000})
    assert lacking(more)[0].startswith(
        "- Not measured, for lack of time: the arms `rules`; `cosine` with 1,000; `own` with 20;"
    )
    with pytest.raises(DataError, match="no arm of small that was measured with all seeds; run it without --collect"):
        measure(study, tmp_path, messages.append, collect=True)
    assert measure(study, out, messages.append) == before  # in this process, where two had measured it
    assert messages == ["small: designers, 20 own outfits, seed 0"]


@pytest.mark.slow
def test_a_killed_study_leaves_no_process_and_goes_on(done: tuple[Path, Path], tmp_path: Path) -> None:
    folder, out = done
    command = [sys.executable, "-m", "goeswith", "curves", str(folder / "study.toml"), "--out", str(tmp_path / "out")]
    process = subprocess.Popen([*command, "--jobs", "2"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    answers = tmp_path / "out" / "answers"
    wait(lambda: len([*answers.glob("*.parquet")]) > 2, process)
    started = children(process.pid)
    process.kill()
    process.communicate()  # closes its pipes
    assert started
    wait(lambda: not any(map(alive, started)))
    there = len([*answers.glob("*.parquet")])
    messages: list[str] = []
    assert measure(read_study(folder / "study.toml"), tmp_path / "out", messages.append) == read_results(
        out / "results.json"
    )
    assert len(messages) == 20 - there


@pytest.mark.slow
def test_other_ways_of_teaching_have_a_panel_of_their_own(tmp_path: Path) -> None:
    def drawn(*arms: str) -> str:
        points = [{"arm": arm, "outfits": 20, "value": 0.6, "low": 0.5, "high": 0.7} for arm in arms]
        study = {"title": "Users, taught by designers", "outfits": [20]}
        return draw({"study": study, "points": points}, tmp_path / "curves.svg").read_text(encoding="utf-8")

    mixed, other = LOOKS
    assert mixed in drawn("own", "none")
    assert other not in drawn("own", "none")
    both = drawn("own", "none", "masks", "shuffled masks")
    assert both.count(">shuffled masks<") == 1
    assert both.count(">own<") == 2
    assert mixed in both
    assert other in both
    alone = drawn("cosine", "add-gnn", "masks")
    assert mixed not in alone  # a panel of what the other one shows, too, would be a panel for nothing
    assert alone.count(">cosine<") == 1
    assert mixed in drawn("cosine", "own")


def test_what_is_measured_side_by_side_shares_no_training(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY.format(folder=tmp_path))
    study = replace(read_study(tmp_path / "study.toml"), arms=("masks", "cosine", "add-gnn", "start"))
    assert [part.arms for part in parts(study)] == [("cosine", "start"), ("masks", "add-gnn")]
    assert [part.arms for part in parts(replace(study, arms=("scorer",)))] == [("scorer",)]
    sources = [
        {source for arm in part.arms for source in ARMS[arm].sources}
        for part in parts(replace(study, arms=tuple(ARMS)))
    ]
    assert not set.intersection(*sources)
    assert sources[1] == {"add-gnn", *CARRIED, *(f"shuffled {name}" for name in CARRIED)}


def test_every_arm_but_the_untrained_control_is_drawn() -> None:
    assert set(ARMS) - {arm for looks in LOOKS.values() for arm in looks} == {"untrained"}


@pytest.mark.slow
def test_answers_of_other_settings_or_other_questions_are_not_mixed(done: tuple[Path, Path], tmp_path: Path) -> None:
    folder, out = done
    study = read_study(folder / "study.toml")
    for other in (replace(study, few=()), replace(study, set=(*study.set, "seed=0")), replace(study, candidates=5)):
        with pytest.raises(
            DataError, match=r"\.parquet was answered with other settings, designers or rules than small has now"
        ):
            measure(other, out, print, collect=True)
    ruled = replace(study, rules="rules.toml", arms=(*study.arms, "rules"))  # which no arm that is there depends on
    copied = shutil.copytree(out, tmp_path / "out")
    assert measure(ruled, copied, print, collect=True)["points"] == read_results(out / "results.json")["points"]
    file = copied / "answers" / "cosine-20-seed1.parquet"
    meta = pl.read_parquet_metadata(file) | {"signature": "another"}
    pl.read_parquet(file).write_parquet(
        file, metadata={name: meta[name] for name in ("trust", "signature", "settings")}
    )
    with pytest.raises(DataError, match="has answers to other questions"):
        measure(study, copied, print, collect=True)
    with pytest.raises(DataError, match=r"cosine-20-seed1\.parquet was answered with other settings, designers or"):
        measure(study, copied, print)


@pytest.mark.slow
def test_rules_that_cannot_be_used_are_named_before_any_training(done: tuple[Path, Path], tmp_path: Path) -> None:
    folder, _ = done
    ruled = replace(read_study(folder / "study.toml"), arms=("cosine", "rules"), rules=str(tmp_path / "rules.toml"))
    messages: list[str] = []
    for jobs in (0, 1):
        with pytest.raises(ConfigError, match="rules are found in hashed words"):
            measure(ruled, tmp_path / "out", messages.append, jobs=jobs)
    assert messages == []
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_studies_share_the_trainings_that_are_the_same(done: tuple[Path, Path], tmp_path: Path) -> None:
    folder, out = done
    runs = tmp_path / "runs"
    shutil.copytree(out / "runs", runs)
    there = {path: path.stat().st_mtime_ns for path in runs.rglob("*") if path.is_file()}
    study = replace(read_study(folder / "study.toml"), seeds=(1,), arms=("none", "start", "designers"))
    longer = replace(study, set=tuple(s.replace("teacher.epochs=2", "teacher.epochs=3") for s in study.set))
    measure(longer, tmp_path / "longer", lambda _: None, runs=runs)
    assert {path: path.stat().st_mtime_ns for path in there} == there
    assert [len([*(runs / f"seed1-{name}").iterdir()]) for name in ("20-own", "20-start", "designers")] == [1, 2, 2]
    assert not (tmp_path / "longer" / "runs").exists()
    own = pl.read_parquet(tmp_path / "longer" / "answers" / "none-20-seed1.parquet")
    assert own.equals(pl.read_parquet(out / "answers" / "none-20-seed1.parquet"))


@pytest.mark.slow
def test_teachers_of_several_seeds_are_asked_together(done: tuple[Path, Path]) -> None:
    folder, out = done
    study = read_study(folder / "study.toml")
    bench = Bench(replace(study, set=(*study.set, "teacher_seeds=2")), 1, out)
    alone = Bench(study, 1, out).answers("shuffled", 0)
    both = bench.answers("shuffled", 0)
    second = trained(out, "seed1-shuffled-2")
    assert (second.config["train"]["seed"], second.config["train"]["shuffled_items"]) == (1001, True)
    other = differences(
        Mixture.of([bench.maker.tower_of(second)], bench.features.values.shape[1], bench.maker.vocabulary),
        bench.maker.data,
        bench.valid,
    )[:, 0]
    np.testing.assert_allclose(both.valid, (alone.valid + other) / 2, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_further_own_models_learn_from_the_same_outfits_and_are_asked_together(done: tuple[Path, Path]) -> None:
    folder, out = done
    study = read_study(folder / "study.toml")
    bench = Bench(replace(study, set=(*study.set, "teacher_seeds=2")), 1, out)
    answers = bench.answers("another", 20)
    first, second = (trained(out, f"seed1-20-{name}") for name in ("another", "another-2"))
    assert [run.config["train"]["seed"] for run in (first, second)] == [1001, 2001]
    assert [run.config["train"]["epochs"] for run in (first, second)] == [2, 2]
    outfits = {
        tuple(
            training_data(bench.dataset, bench.features, None, TrainConfig(**run.config["train"]))[0].train.outfit_ids
        )
        for run in (first, second, trained(out, "seed1-20-own"))
    }
    assert len(outfits) == 1
    towers = [bench.maker.tower_of(run) for run in (first, second)]
    each = [
        differences(
            Mixture.of([tower], bench.features.values.shape[1], bench.maker.vocabulary), bench.maker.data, bench.valid
        )[:, 0]
        for tower in towers
    ]
    np.testing.assert_allclose(answers.valid, (each[0] + each[1]) / 2, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_students_of_add_gnn_share_a_teacher_and_are_those_whose_teacher_is_their_own(done: tuple[Path, Path]) -> None:
    folder, out = done
    gnn = ("hidden=8", "epochs=2", "teacher.epochs=1", "teacher.dropout=0.3")
    study = read_study(folder / "study.toml")
    study = replace(study, set=(*study.set, *(f"add-gnn.{s}" for s in gnn)), few=(*study.few, "add-gnn.batch_size=8"))
    bench = Bench(study, 1, out)
    for arm, own in {
        "masks": ["carry=masks"],
        "shuffled scorer": ["carry=masks+initialisation", "teacher.shuffled_items=true"],
        "shuffled responses": ["carry=responses", "teacher.shuffled_items=true"],
    }.items():
        answers = bench.answers(arm, 20)
        alone = train(
            "add-gnn", bench.dataset, out / "alone" / arm.replace(" ", "-"), teacher=study.designers, encoder="made",
            settings=[*gnn, *own, "batch_size=8", "seed=1", "outfits=20"],
        )  # fmt: skip
        shared = trained(out, f"seed1-20-{arm.replace(' ', '-')}")
        assert shared.config["train"] == alone.config["train"]
        for name, value in alone.model.state_dict().items():
            torch.testing.assert_close(shared.model.state_dict()[name], value, rtol=0, atol=0)
        auc, _, _ = exhaustive_auc(alone.scorer(bench.dataset), bench.test)
        kept, _ = outfit_aucs(answers.test[:, 0], bench.test)
        np.testing.assert_allclose(kept, auc, atol=1e-12)
    assert {path.name for path in (out / "runs").glob("*-add-gnn-*")} == {
        "seed1-add-gnn-designers",
        "seed1-add-gnn-shuffled",
    }


@pytest.mark.slow
def test_floors_are_weighed_by_the_own_outfits_or_by_validation_outfits(done: tuple[Path, Path]) -> None:
    bench = Bench(read_study(done[0] / "study.toml"), 1, done[1])
    few = training_data(bench.dataset, bench.features, None, TrainConfig(outfits=10, seed=1))[0].train
    assert len(few) == 10
    means = {}
    valid = bench.dataset.outfits.split("valid")
    assert 10 < len(valid) < len(bench.dataset.outfits.split("train"))
    by_valid = Shortcuts(bench.dataset, few, valid)
    for outfits, shortcuts in {-1: Shortcuts(bench.dataset), 10: by_valid}.items():
        for name, floor in shortcuts.floors.items():
            auc, _, _ = exhaustive_auc(floor, bench.test)
            kept, weight = outfit_aucs(bench.answers(name, outfits).test[:, 0], bench.test)
            np.testing.assert_allclose(kept, auc, atol=1e-12)
            means[name, outfits] = np.average(kept[weight > 0], weights=weight[weight > 0])
    assert means["records and ids", -1] > means["records", -1]
    assert means["records and ids", -1] > 0.6  # ids of one style are neighbours


@pytest.mark.slow
def test_designers_who_wear_what_the_student_is_asked_about_are_left_out(tmp_path: Path) -> None:
    dataset = styles_dataset(tmp_path)
    asked = dataset.outfits.split("test").items[0]
    titles = [f"Plain item no {row} of wool" for row in range(len(dataset.catalogue))]
    titles[asked] = "The red, velvet skirt"
    items = dataset.catalogue.items.with_columns(title=pl.Series(titles))
    items.write_parquet(dataset.path / "items.parquet")
    other = styles_dataset(tmp_path, "experts", seed=1)
    titles = ["some item or other"] * len(other.catalogue)
    copied = int(other.outfits.split("train").items[0])
    titles[copied] = "red velvet skirt women fashion skirts"
    other.catalogue.items.with_columns(title=pl.Series(titles)).write_parquet(other.path / "items.parquet")
    for one in (dataset, other):
        write_made(Dataset(one.path), one.catalogue.ids, load_features(one, "made").values)
    text = STUDY.replace("styles#users", "styles").replace("styles#designers", "experts")
    (tmp_path / "study.toml").write_text(text.format(folder=tmp_path) + "drop_shared_items = true\n")
    study = read_study(tmp_path / "study.toml")
    designers = designers_of(study, tmp_path / "out")
    without = [outfit for outfit in range(len(other.outfits)) if copied not in other.outfits[outfit]]
    assert len(without) < len(other.outfits)
    assert designers.outfits.outfit_ids.tolist() == other.outfits.outfit_ids[without].tolist()
    assert load_features(designers, "made").values.shape == (len(other.catalogue), 16)
    assert designers_of(study, tmp_path / "out").fingerprint == designers.fingerprint
    whole = designers_of(replace(study, drop_shared_items=False), tmp_path / "out")
    assert whole.fingerprint == Dataset(other.path).fingerprint != designers.fingerprint
    assert knowledge_of(study, "designers", whole) != knowledge_of(study, "designers", designers)


@pytest.mark.slow
def test_the_twin_that_is_over_soon_trains_one_epoch_of_everything(done: tuple[Path, Path]) -> None:
    study = replace(read_study(done[0] / "study.toml"), few=("epochs=9",), set=("add-gnn.teacher.dropout=0.3",)).tiny()
    towers, gnn = Bench(study, 0, done[1])._settings(20)
    assert towers[:2] == ["epochs=1", "hidden=8"]
    assert gnn == ["teacher.dropout=0.3", "epochs=1", "hidden=8", "teacher.epochs=1", "outfits=20", "seed=0"]


@pytest.mark.slow
def test_likeness_is_one_source_for_each_encoder(done: tuple[Path, Path]) -> None:
    folder, out = done
    study = read_study(folder / "study.toml")
    bench = Bench(study, 0, out)
    dataset = Dataset(folder / "styles")
    other = np.random.default_rng(0).normal(size=(len(dataset.catalogue), 6))
    write_made(dataset, dataset.catalogue.ids, other, encoder="other")
    both = Bench(replace(study, encoder="made+other"), 0, out)
    assert bench.sources(ARMS["none"], 20) == ["likeness", "own"]
    assert both.sources(ARMS["none"], 20) == ["likeness", "likeness other", "own"]
    assert both.sources(ARMS["cosine"], 0) == ["likeness", "likeness other"]
    np.testing.assert_array_equal(both.answers("likeness", 0).valid, bench.answers("likeness", 0).valid)
    alone = Bench(replace(study, encoder="other"), 0, out).answers("likeness", 0)
    np.testing.assert_array_equal(both.answers("likeness other", 0).test, alone.test)


@pytest.mark.slow
def test_words_are_learned_where_they_are_numbered(done: tuple[Path, Path], tmp_path: Path) -> None:
    folder, out = done
    dataset = Dataset(folder / "styles")
    rows = np.arange(len(dataset.catalogue))
    ids = np.zeros((len(rows), LENGTH))
    ids[:, 0], ids[:, 1] = 1 + rows // 12 % 4, 10 + rows % 3
    write_made(dataset, dataset.catalogue.ids, ids, encoder="word-ids")
    study = read_study(folder / "study.toml")
    learning = ["hidden=8", "size=4", "epochs=3", "drawn_negatives=16", "learning_rate=0.02"]
    numbered = replace(study, set=(*study.set, *(f"group-towers.{s}" for s in learning)), encoder="made+word-ids")
    bench = Bench(numbered, 1, tmp_path / "out")
    plain = ["likeness", "own", "designers"]
    assert bench.sources(ARMS["designers"], 20) == [*plain, "designers learned words"]
    assert bench.sources(ARMS["shuffled"], 0) == ["likeness", "shuffled", "shuffled learned words"]
    assert bench.sources(ARMS["another"], 20) == ["likeness", "own", "another", "own learned words"]
    assert bench.sources(ARMS["designers without learned words"], 20) == plain
    assert Bench(study, 1, out).sources(ARMS["designers"], 20) == plain
    answers = {who: bench.answers(f"{who} learned words", 20) for who in ("designers", "shuffled", "own")}
    own = trained(tmp_path / "out", "seed1-20-own-learned-words").config["train"]
    assert (own["outfits"], own["seed"], own["epochs"]) == (20, 1, 3)
    shuffled = trained(tmp_path / "out", "seed1-shuffled-learned-words").config["train"]
    assert (shuffled["outfits"], shuffled["shuffled_items"]) == (0, True)
    assert bench.valid_mass @ (answers["designers"].valid[:, 0] > 0) > 0.8
    assert not np.allclose(answers["designers"].test, answers["shuffled"].test)


def test_further_own_models_and_floors_are_named_beside_what_designers_add() -> None:
    lines = [("designers", "none", 0.004), ("another", "none", 0.003), ("another and designers", "another", 0.0015)]
    lines += [("designers", "records", -0.002), ("designers", "records and ids", 0.01)]
    results = {
        "study": {"outfits": [0, -1]},
        "points": [{"arm": "designers", "outfits": -1}],
        "comparisons": [
            {"scorer": scorer, "against": against, "outfits": -1, "difference": value, "shows": "not shown"}
            for scorer, against, value in lines
        ],
    }
    assert verdict(results) == [
        "- all own outfits: designers add +0.0040 to no knowledge (not shown).",
        "- all own outfits: the student with designers minus floors that look at no garment: −0.0020 for `records` "
        "(not shown), +0.0100 for `records and ids` (not shown).",
        "- all own outfits: as many further own models as a teacher has towers add +0.0030 to no knowledge "
        "(not shown), and designers +0.0015 to those (not shown).",
    ]


def test_primary_comparisons_are_corrected_among_themselves_and_all_others_for_all_lines() -> None:
    gain = {"low": 0.01, "high": 0.03, "task": "exhaustive", "metric": "auc", "scorer": "designers"}
    lines = [
        (0, made_difference(0.02, p=0.02, against="none", **gain)),
        (0, made_difference(0.02, p=0.01, against="shuffled", **gain)),
        (0, made_difference(0.02, p=0.02, against="own", **gain)),
        (-1, made_difference(0.02, p=0.6, against="own", **gain)),
    ]
    kept = compared(lines)
    assert [line["outfits"] for line in kept] == [0, 0, 0, -1]
    assert [line["shows"] for line in kept] == ["higher", "higher", "not shown", "not shown"]
    assert [line["p_holm"] for line in kept] == pytest.approx([0.02, 0.02, 0.06, 0.6])
    assert [line.get("p_holm_all") for line in kept[:2]] == pytest.approx([0.06, 0.04])
    assert not any("p_holm_all" in line for line in kept[2:])
    study: dict[str, object] = {
        "title": "",
        "name": "s",
        "dataset": "d",
        "designers": "e",
        "encoder": "m",
        "seeds": [0, 1],
        "set": [],
    }
    study |= {"candidates": 4, "arms": [], "outfits": [0, -1]}
    results = {"study": study, "points": [], "test_outfits": 5, "signature": "x", "comparisons": kept}
    primary, others = section(results, "f.svg").split("Primary comparisons")[1].split("Other comparisons")
    assert "for these 2, which decides what a line shows, and for all 4 lines" in primary
    assert "| `designers` − `none` | 0 | +0.0200 | [+0.0100, +0.0300] | 0.0200 | 0.0200 | 0.0600 | higher |" in primary
    assert "`designers` − `own`" not in primary
    assert "| `designers` − `own` | all | +0.0200 | [+0.0100, +0.0300] | 0.6000 | 0.6000 |" in others
    assert "`none`" not in others


def test_a_study_that_is_wrong_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    for change, words in {
        ("seeds = [0, 1]", "seed = [0, 1]"): "has a field 'seed'",
        ('"cosine"', '"magic"'): "no arm 'magic'",
        ("candidates = 4", "candidates = [4]"): "candidates must be one whole number",
        ("candidates = 4", 'candidates = "many"'): "candidates must be one whole number",
        ("candidates = 4", "candidates = 0"): "candidates must be one whole number from 1 up",
        ('name = "small"', "name = 5"): "name must be one text",
        ('"cosine"', '["cosine"]'): "arms must be a list of texts",
        ('"folds=2"', "2"): "set must be a list of texts",
        ("seeds = [0, 1]", "seeds = [0, -1]"): "seeds must be whole numbers from 0 up",
        ("seeds = [0, 1]", "seeds = [0, 0]"): "seeds must name each number once",
        ("outfits = [0,", "outfits = [true,"): "outfits must be whole numbers from 0 up, or all",
        ("outfits = [0,", "outfits = 0 # ["): "outfits must be whole numbers",
        ('encoder = "made"\n', ""): "no field 'encoder'",
        ("outfits = [0,", "outfits = [-5,"): "must be whole numbers",
    }.items():
        path.write_text(STUDY.format(folder=tmp_path).replace(*change))
        with pytest.raises(ConfigError, match=words):
            read_study(path)
    with pytest.raises(ConfigError, match="cannot read the study"):
        read_study(tmp_path / "none.toml")
