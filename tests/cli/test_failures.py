"""Failures: whatever goes wrong is one sentence, an exit code, and no traceback unless it is asked for."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from shell import Shell
from worlds import styles_dataset

from goeswith.cli import failures
from goeswith.cli import main as cli
from goeswith.data.dataset import Dataset
from goeswith.errors import DataError, GoeswithError
from goeswith.files import fresh_file, fresh_folder
from goeswith.shop.grammar import Grammar
from goeswith.train.run import Run


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


@pytest.fixture(scope="module")
def styles(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return styles_dataset(tmp_path_factory.mktemp("styles"))


class Panic(BaseException):
    """As libraries in Rust raise it: no Exception."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (DataError("a sentence"), "a sentence"),
        (OSError(errno.ENOSPC, "No space left on device", "x.csv"), "the disk is full (x.csv); free some space"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "permission denied (x)"),
        (RuntimeError("Error while serializing: No space left on device"), "the disk is full"),
        (MemoryError(), "not enough memory"),
        (RecursionError("maximum recursion depth exceeded"), "nested too deeply"),
        (UnicodeEncodeError("ascii", "▀", 0, 1, "no"), "cannot show '\\u2580'"),
        (KeyError("rows"), "internal error: KeyError: 'rows'; this is a bug"),
        (Panic("a\nb"), "internal error: Panic: a b; this is a bug"),
    ],
)
def test_any_error_is_one_sentence(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, error: BaseException, words: str
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    monkeypatch.delenv(failures.DEBUG, raising=False)
    code, out, err = shell()
    assert (code, out) == (1, "")
    assert err.startswith("goeswith: ")
    assert words in err
    assert err.count("\n") == 1

    monkeypatch.setenv(failures.DEBUG, "1")
    code, _, err = shell()
    assert code == 1
    assert "Traceback (most recent call last)" in err
    assert err.splitlines()[-1].startswith("goeswith: ")


def test_debug_is_a_flag_before_the_command(shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(failures.DEBUG, "0")
    code, _, err = shell("--debug", "questions", tmp_path / "nothing")
    assert code == 1
    assert "Traceback" in err


@pytest.mark.parametrize(("number", "message"), [(errno.EPIPE, ""), (errno.ENOSPC, "goeswith: the disk is full")])
def test_output_that_cannot_be_written_ends_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, message: str
) -> None:
    class Full(io.StringIO):
        def flush(self) -> None:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(cli, "app", lambda: None)
    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith(message)


@pytest.mark.slow
def test_a_closed_pipe_and_a_full_device_bring_no_traceback() -> None:
    command = f"{sys.executable} -m goeswith complete --help"
    for line in (f"{command} | head -1 >/dev/null", f"{command} > /dev/full", f"{command} >&-"):
        err = subprocess.run(["bash", "-c", line], capture_output=True, text=True).stderr
        assert "Traceback" not in err
        assert "Exception" not in err
        assert err.count("\n") <= 1


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), RuntimeError("I/O error: No space left on device")])
def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, error: Exception) -> None:
    for fresh in (fresh_file, fresh_folder):
        full = pytest.raises(DataError, match=r"cannot write .*/new \(No space left on device\); free some space")
        with full, fresh(tmp_path / "new") as partial:
            (partial / "x" if partial.is_dir() else partial).write_text("half")
            raise error
        assert list(tmp_path.iterdir()) == []


def test_the_second_of_two_writers_of_a_folder_is_reported(tmp_path: Path) -> None:
    second = pytest.raises(DataError, match=r"another process has written .*/new meanwhile")
    with second, fresh_folder(tmp_path / "new") as late, fresh_folder(tmp_path / "new.other") as early:
        (late / "mine").touch()
        (early / "theirs").touch()
        early.rename(tmp_path / "new")
        early.mkdir()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["theirs"]


def test_a_file_has_the_mode_of_any_new_file_whoever_wrote_it(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with fresh_file(tmp_path / "made") as partial:
        partial.unlink()
        partial.touch(mode=0o600)  # as safetensors does
    assert (tmp_path / "made").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"items": "12"}, "broken at 'items'"),
        ({"columns": ["a"]}, "broken at 'columns'"),
        ({"notes": None}, "broken at 'notes'"),
        ({"seed": 1 << 70}, "broken at 'seed'"),
        ({"name": {"a": 1}}, "broken at 'name'"),
    ],
)
def test_a_wrong_value_in_dataset_json_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    path = styles_dataset(tmp_path).path / "dataset.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=words):
        Dataset(path.parent)


def test_json_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    path = styles_dataset(tmp_path).path / "dataset.json"
    path.write_text("[" * 100_000)
    with pytest.raises(DataError, match=r"nested too deeply|not valid JSON"):
        Dataset(path.parent)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"categories": None}, "'categories'"),
        ({"dim": 0}, "'dim'"),
        ({"dim": 1 << 23}, "is needed"),
        ({"settings": {"hidden": 1 << 40, "attributes": 2}}, "that no memory can hold"),
        ({"settings": {"hidden": 1 << 20, "attributes": 2}}, "is needed"),
        ({"settings": {"steps": 10**9}}, "steps is 1000000000; it must be 100 or less"),
        ({"model": "nothing"}, "there is no model 'nothing'"),
        ({"rules": {"rules": [{"attribute": 1}]}}, "rules.rules.0"),
        ({"groups": ["top"]}, "more categories than groups"),
    ],
)
def test_a_run_whose_numbers_are_absurd_is_refused_at_once(
    styles: Dataset, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    from goeswith.train.training import train

    small = ["epochs=1", "hidden=8", "attributes=2"]
    train("add-gnn", styles, tmp_path / "run", settings=small)
    path = tmp_path / "run" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(GoeswithError) as raised:
        _ = Run(tmp_path / "run").model
    assert words in str(raised.value)


def test_a_grammar_of_a_billion_shoes_is_refused() -> None:
    grammar = json.loads(Grammar.default().to_json())
    grammar["whole"]["separates"]["shoes"] = 10**9
    with pytest.raises(DataError, match=r"whole.separates.shoes"):
        Grammar.from_json(json.dumps(grammar))


@pytest.mark.parametrize("rate", ["1e30", "1e12"])
def test_diverged_training_says_so_and_what_to_lower(shell: Shell, styles: Dataset, tmp_path: Path, rate: str) -> None:
    small = ["--set", "epochs=2", "--set", "hidden=16", "--set", f"learning_rate={rate}"]
    code, _, err = shell("train", "add-gnn", styles.path, "--out", tmp_path / "run", *small)
    assert code == 1
    assert "training diverged in epoch 1" in err
    assert "lower the learning rate" in err


def test_a_seed_that_no_library_takes_is_refused(shell: Shell, styles: Dataset, tmp_path: Path) -> None:
    command = ["train", styles.path, "--out", tmp_path / "run", "--set", f"seed={10**20}"]
    assert "is too large" in shell(*command)[2]
    assert shell("questions", styles.path, "--seed", 10**20)[0] == 2
