"""Folders to give away: whole, opened with equal scores, described truthfully; the hub is asked through its client."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from made_scores import made_score
from worlds import styles_dataset

import goeswith
from goeswith.cli import main as cli
from goeswith.data.dataset import Dataset
from goeswith.data.freeze import freeze
from goeswith.errors import DataError, ModelError
from goeswith.rules.rules import Rule, write_rules
from goeswith.scores import Score
from goeswith.train.export import read_report
from goeswith.train.run import Run
from goeswith.train.training import train

SMALL = (
    "hidden=6",
    "attributes=2",
    "epochs=1",
    "batch_size=64",
    "negatives=category",
    "precision=fp32",
    "probability=softmax",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    made = styles_dataset(tmp_path_factory.mktemp("world"))
    plan = [("fitb", "category")]
    freeze(made.catalogue, made.outfits, made.path / "questions", dataset=made.name, prefix="", plan=plan)
    return made


@pytest.fixture(scope="module")
def run(world: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Run:
    path = tmp_path_factory.mktemp("rules") / "rules.toml"
    write_rules([Rule("category", "shirt", "skirt", "+")], path)
    out = tmp_path_factory.mktemp("runs") / "taught"
    return train("add-gnn", world, out, rules=path, teacher=f"{world.path}#designers", settings=SMALL)


def line(scorer: str, metric: str = "accuracy", value: float = 0.5, signed: str = "w|test", **more: Any) -> Score:
    fields = {"negatives": "category", "metric": metric, "low": 0.4, "high": 0.6, "n": 80, "unanswered": 3}
    return made_score(scorer, value, signature=signed, **fields | more)


REPORT = [line("chance", value=0.25, floor="chance"), line("other"), line("taught", value=0.625)]


def test_a_folder_is_opened_with_equal_scores_and_rules(run: Run, world: Dataset, tmp_path: Path) -> None:
    folder = run.save_pretrained(tmp_path / "deep" / "given")
    names = {"README.md", "config.json", "model.safetensors", "rules.safetensors", "rules.toml"}
    assert {path.name for path in folder.iterdir()} == names
    shutil.move(folder, tmp_path / "elsewhere")
    opened = goeswith.from_pretrained(tmp_path / "elsewhere")
    assert isinstance(opened, Run)
    assert opened.config == run.config
    items, mask = world.outfits.split("test").padded()
    own, exported = run.scorer(world), opened.scorer(world)
    assert exported.name == "elsewhere"
    assert np.array_equal(exported.score(items, mask), own.score(items, mask))
    question = items[:, :1], mask[:, :1], items[:, 1:2]
    taught, again = run.taught(own, world.catalogue), opened.taught(exported, world.catalogue)
    assert taught is not None
    assert again is not None
    assert np.array_equal(again.choose(*question), taught.choose(*question))
    given_on = opened.save_pretrained(tmp_path / "again")  # what was given can be given on
    assert (given_on / "model.safetensors").read_bytes() == run.weights.read_bytes()


def test_the_card_tells_what_is_known_and_what_is_not(run: Run, world: Dataset, tmp_path: Path) -> None:
    bare = (run.save_pretrained(tmp_path / "bare") / "README.md").read_text()
    assert bare.startswith('---\nlibrary_name: "goeswith"\n')
    assert "license" not in bare.split("---")[1]
    assert bare.count("| not known to the run | not known to the run |") == 2
    assert "No results were given." in bare
    assert "Not stated." in bare
    result = run.config["result"]
    assert f"**{result['valid_auc']:.4f}** at epoch {result['best_epoch']} of {result['epochs']}" in bare
    assert "`hidden=6`" in bare
    assert "Matching rules used in training: 1. They are in" in bare
    assert "made` (16 numbers" in bare
    folder = run.save_pretrained(tmp_path / "full", report=REPORT, datasets=[world], licence="apache-2.0")
    full = (folder / "README.md").read_text()
    assert 'license: "apache-2.0"' in full.split("---")[1]
    assert f"| the model | styles | {world.fingerprint} | made for a test | none |" in full
    assert f"| its teacher | styles#designers | {Dataset(f'{world.path}#designers').fingerprint} | not known" in full
    rows = [row for row in full.splitlines() if row.startswith(("| chance", "| taught", "| other"))]
    assert rows == ["| chance | 0.250 [0.400, 0.600] |", "| taught | 0.625 [0.400, 0.600] |"]
    assert "80 questions, 3 of them not answered by this model (they count as wrong).\n`w|test`" in full
    for text in (bare, full):
        assert "\n\n\n" not in text
        assert str(run.path) not in text


def test_numbers_of_two_signatures_stand_in_two_tables(run: Run, tmp_path: Path) -> None:
    more = [line("chance", signed="v|test", floor="chance"), line("taught with rules", value=0.75, signed="v|test")]
    folder = run.save_pretrained(tmp_path / "given", report=REPORT + more, licence="as agreed: with the owner")
    text = (folder / "README.md").read_text()
    assert text.index("0.625") < text.index("`w|test`") < text.index("taught with rules") < text.index("`v|test`")
    assert 'license: "other"\nlicense_name: "as agreed: with the owner"\n' in text


def test_what_cannot_be_given_is_refused_and_leaves_nothing(run: Run, world: Dataset, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(ModelError, match="there already exists; choose another folder"):
        run.save_pretrained(tmp_path / "there")
    folder = tmp_path / "given"
    with pytest.raises(
        DataError, match=r"no numbers of 'taught' \(it has chance, other\); make it with: goeswith eval"
    ):
        run.save_pretrained(folder, report=REPORT[:2])
    with pytest.raises(DataError, match=r"the report has no floors \(it has other, taught\)"):
        run.save_pretrained(folder, report=REPORT[1:])
    other = styles_dataset(tmp_path, "other", seed=5)
    with pytest.raises(DataError, match=rf"other \({other.fingerprint}\) is not what .*taught was trained on"):
        run.save_pretrained(folder, datasets=[other])
    for gone, sentence in (
        ("rules.toml", "was trained with rules but lacks rules.toml; train the run again"),
        ("weights.safetensors", "has not finished; run the same train command"),
    ):
        copy = tmp_path / f"without-{gone}"
        shutil.copytree(run.path, copy)
        (copy / gone).unlink()
        with pytest.raises(ModelError, match=sentence):
            Run(copy).save_pretrained(folder)
    (copy / "config.json").write_text(json.dumps({k: v for k, v in run.config.items() if k != "result"}))
    with pytest.raises(ModelError, match="has not finished"):
        Run(copy).save_pretrained(folder)
    assert not folder.exists()
    assert not list(tmp_path.glob(".*partial"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[]", "holds a list where a dict is expected"),
        ('{"summary": []}', "has no 'summary'; make it with: goeswith evaluate RUN DATASET --json > "),
        ('{"summary": [{"scorer": "a"}]}', "a measured number is without 'task'; make it with: goeswith evaluate"),
    ],
)
def test_a_report_of_another_form_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(DataError, match=r"report\.json") as refused:
        read_report(tmp_path / "report.json")
    assert sentence in str(refused.value)


def test_a_report_that_is_not_there_is_to_be_made(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path / "none" / "report.json"):
        with pytest.raises(DataError, match=r"there is no file .*; make it with: goeswith evaluate RUN DATASET --json"):
            read_report(path)
    with pytest.raises(DataError, match=r"cannot read .*; check the path"):
        read_report(tmp_path)
    (tmp_path / "report.json").write_text("{")
    with pytest.raises(DataError, match=r"is not valid JSON .*; make it with: goeswith evaluate"):
        read_report(tmp_path / "report.json")


class FakeHub:
    """The client of a hub that is a folder here; a name that is not in it is an error of the client's own kind."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked = folder, {}

    def HfApi(self) -> Any:
        return SimpleNamespace(create_repo=self.create_repo, upload_folder=self.upload_folder)

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> str:
        if repo_id.startswith("others/"):
            raise OSError("403 Forbidden: not yours.\nmore")
        self.asked = {"private": private, "exist_ok": exist_ok}
        return f"https://hub/{repo_id}"

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> None:
        shutil.copytree(folder_path, self.folder / repo_id, dirs_exist_ok=True)

    def snapshot_download(self, repo_id: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        if not (self.folder / repo_id).is_dir():
            raise RuntimeError("cannot reach the hub")
        return str(shutil.copytree(self.folder / repo_id, self.folder / f"snapshots/{revision}"))


def test_to_the_hub_and_back(run: Run, world: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = FakeHub(tmp_path)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    assert run.push_to_hub("me/looks", private=True, report=REPORT, licence="mit") == "https://hub/me/looks"
    assert hub.asked == {"private": True, "exist_ok": True}
    assert "0.625" in (tmp_path / "me" / "looks" / "README.md").read_text()
    opened = goeswith.from_pretrained("me/looks", revision="a1b2c3")
    assert opened.path.name == "a1b2c3"
    assert opened.scorer(world).name == "looks"
    with pytest.raises(
        ModelError, match=r"cannot be uploaded to the hub as others/looks \(OSError: 403 .* not yours\);"
    ):
        run.push_to_hub("others/looks")
    with pytest.raises(ModelError, match=r"no folder me/none here, and .* \(RuntimeError: cannot reach the hub\); che"):
        goeswith.from_pretrained("me/none")
    for name in ("looks", "a/b/c", "../me/looks", "/me/looks"):
        with pytest.raises(ModelError, match="named owner/name; check the name" if "me/" in name else "owner/name"):
            goeswith.from_pretrained(name)
    with pytest.raises(ModelError, match="'looks' is not a name on the hub; write owner/name"):
        run.push_to_hub("looks")
    with pytest.raises(ModelError, match="is a local folder and has no revision 'main'"):
        goeswith.from_pretrained(run.path, revision="main")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelError, match=r"pip install 'goeswith\[hub\]'"):
        goeswith.from_pretrained("me/looks")


@pytest.mark.slow
def test_the_hubs_client_takes_what_it_is_given() -> None:
    """The names of the arguments, as the client that is installed has them."""
    import inspect

    client = pytest.importorskip("huggingface_hub")
    api = client.HfApi()
    for call, arguments in (
        (client.snapshot_download, {"revision": None, "allow_patterns": []}),
        (api.create_repo, {"private": True, "exist_ok": True}),
        (api.upload_folder, {"repo_id": "a/b", "folder_path": Path(), "commit_message": ""}),
    ):
        positional = () if "repo_id" in arguments else ("a/b",)
        inspect.signature(call).bind(*positional, **arguments)


@pytest.mark.slow
def test_the_command_line_exports_and_reads_what_it_wrote(
    run: Run, world: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def shell(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["goeswith", *map(str, args)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        heard = capsys.readouterr()
        return int(ended.value.code or 0), heard.out, heard.err

    code, out, _ = shell("evaluate", run.path, world.path, "--json")
    assert code == 0
    (tmp_path / "report.json").write_text(out)
    options = ("--report", tmp_path / "report.json", "--dataset", world.path, "--licence", "mit")
    code, out, err = shell("export", run.path, tmp_path / "given", *options)
    assert (code, err) == (0, "")
    assert out.endswith("given: README.md, config.json, model.safetensors, rules.safetensors, rules.toml\n")
    text = (tmp_path / "given" / "README.md").read_text()
    mine = [x for x in json.loads((tmp_path / "report.json").read_text())["summary"] if x["scorer"] == "taught"]
    assert f"| taught | {mine[0]['value']:.3f} [" in text
    assert all(f"| {floor} | " in text for floor in ("chance", "popularity", "category", "cosine"))
    assert f"`{mine[0]['signature']}`" in text
    code, out, _ = shell("evaluate", tmp_path / "given", world.path)  # stands where a run does
    assert code == 0
    assert "\ngiven " in out
    code, _, err = shell("export", run.path, tmp_path / "given")
    assert (code, err.count("\n")) == (1, 1)
    assert err.startswith("goeswith: ")
