"""`goeswith rules`: what it prints, what it writes, and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ruled_world import world
from shell import Shell

from goeswith.rules.rules import read_rules


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys, ("rules",))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world(tmp_path_factory.mktemp("rules")).path


def test_mined_rules_can_be_read_edited_and_checked(shell: Shell, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "rules.toml"
    code, output, _ = shell("mine", dataset, "--out", out, "--max", 3, "--attribute", "category")
    assert code == 0
    assert output.splitlines()[2].startswith("category: coat + dress ")
    assert output.endswith(f"{out}: 3 rules\n")
    text, rules = out.read_text(), read_rules(out)
    assert f"goeswith rules mine {dataset} --out {out} --max 3 --seed 0 --attribute category" in text
    assert str(rules[0]) == "category: coat + dress"
    assert text.count(" training pairs where chance would give ") == 3
    support = output.splitlines()[2].removeprefix("category: coat + dress").split()[0]
    assert f"\n# {support} training pairs where chance would give " in text

    code, output, err = shell("check", out, dataset)
    assert (code, err) == (0, "")
    head, _, first, *_ = output.splitlines()
    assert " ".join(head.split()) == "rule tops bottoms train coverage train right on valid coverage valid right on"
    assert first.split()[:6] == ["category:", "coat", "+", "dress", "30", "30"]
    assert "test" not in output
    assert "test coverage" in shell("check", out, dataset, "--test")[1]
    assert shell("mine", dataset, "--out", out) == (
        1,
        "",
        f"goeswith: {out} already exists and may have been edited by hand; choose another name or remove it\n",
    )


def test_a_contradiction_is_loud_but_no_error(shell: Shell, dataset: Path, tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    rule = '[[rule]]\nattribute = "category"\ntop = "coat"\nbottom = "dress"\nsign = "{}"\n'
    file.write_text(rule.format("+") + rule.format("-") + rule.replace("coat", "kimono").format("+"))
    code, output, err = shell("check", file, dataset, "--examples", 2)
    assert code == 0
    assert f"goeswith: {file}: 'category: coat + dress' contradicts 'category: no coat + dress'\n" in err
    assert "'category: kimono + dress' never fires: no top has the category 'kimono'" in err
    lines = output.splitlines()
    assert lines[4].split() == ["category:", "kimono", "+", "dress", "0", "30", "0.0", "%", "–", "0.0", "%", "–"]
    assert sum(line.startswith("  right: i") for line in lines) == 4
    assert sum(line.startswith("  wrong: i") for line in lines) == 4
    code, output, err = shell("check", file, dataset, "--json")
    rows = json.loads(output)
    assert [row["never_fires"] for row in rows] == [False, False, True]
    assert rows[0]["contradicts"] == ["category: no coat + dress"]
    assert rows[0]["right"] == []
    assert "contradicts" in err


def test_what_cannot_be_done_is_one_sentence(shell: Shell, dataset: Path, tmp_path: Path) -> None:
    for name, text, fault in (
        ("empty", "", "has no rule"),
        ("broken", "[[rule]]\ntop = ", "is not valid TOML"),
        ("colour", '[[rule]]\nattribute = "color"\ntop = "a"\nbottom = "b"\nsign = "+"', "did you mean 'colour'?"),
    ):
        file = tmp_path / f"{name}.toml"
        file.write_text(text)
        code, out, err = shell("check", file, dataset)
        assert (code, out) == (1, "")
        assert fault in err
        assert err.count("\n") == 1
    few = world(tmp_path, outfits=20).path
    code, _, err = shell("mine", few)
    assert code == 1
    assert "give no rule that is strong and significant; import more outfits" in err


def test_help_is_quick_because_heavy_imports_are_lazy() -> None:
    code = "import sys, goeswith.cli.main; print({'torch', 'polars', 'numpy', 'scipy'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
