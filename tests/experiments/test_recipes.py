"""Recipes: what is read is what was written; every fault is one sentence with its line and the nearest valid name."""

import re
from pathlib import Path

import pytest

from goeswith.errors import ConfigError
from goeswith.experiments.recipes import WITH_RULES, Recipe, read_recipe
from goeswith.experiments.trainings import trainings

ROOT = Path(__file__).resolve().parents[2]
GOOD = """\
name = "small"
dataset = "data/users"
designers = "data/designers"
seeds = [0, 3]
questions = ["test-compat-matched", "official-test-fitb"]
set = ["hidden=64", "size=32", "teacher.epochs=2"]

[[model]]
name = "ADD-GNN"
model = "add-gnn"
teacher = "shuffled"
set = ["hidden=32"]

[[model]]
name = "CSA-Net"
model = "csa-net"

[[model]]
name = "untaught"
model = "add-gnn"
rules = "rules.toml"
set = ["imitation=0.5"]

[[compare]]
first = "ADD-GNN"
second = "untaught, with rules at test time"

[[compare]]
first = "CSA-Net"
second = "records"
"""


def read(tmp_path: Path, text: str) -> Recipe:
    path = tmp_path / "r.toml"
    path.write_text(text)
    return read_recipe(path)


def test_common_settings_go_to_the_models_that_have_them_and_own_ones_come_last(tmp_path: Path):
    recipe = read(tmp_path, GOOD)
    taught, csa, ruled = recipe.models
    assert taught.settings == ("hidden=64", "teacher.epochs=2", "hidden=32", "teacher.shuffled=true")
    assert taught.configs()["model"].hidden == 32
    assert csa.settings == ("size=32",)
    assert ruled.settings == ("hidden=64", "imitation=0.5")
    assert (recipe.seeds, recipe.encoder, recipe.designers) == ((0, 3), None, "data/designers")
    assert recipe.pairings[0].second == "untaught" + WITH_RULES
    assert recipe.only(["CSA-Net"]).pairings == recipe.pairings[1:]  # floors are always there
    earlier = read(tmp_path, GOOD.replace('"records"', '"records_and_ids"'))  # as they were once spelt
    assert earlier.pairings[1].second == "records and ids"


def test_a_model_reads_the_encoder_of_its_own_or_else_the_recipes(tmp_path: Path):
    text = GOOD.replace('designers = "data/designers"', 'designers = "data/designers"\nencoder = "minilm"')
    recipe = read(tmp_path, text.replace('model = "csa-net"', 'model = "csa-net"\nencoder = "words+minilm"'))
    encoders = {of.name: training.encoder for (of, _), training in trainings(recipe, tmp_path).items()}
    assert encoders == {"ADD-GNN": "minilm", "CSA-Net": "words+minilm", "untaught": "minilm"}


def test_an_editor_may_mark_the_file_as_utf_8(tmp_path: Path):
    assert read(tmp_path, f"\ufeff{GOOD}") == read(tmp_path, GOOD)


def test_like_takes_the_searched_settings_of_an_earlier_model(tmp_path: Path):
    alike = GOOD.replace('rules = "rules.toml"', 'rules = "rules.toml"\nlike = "ADD-GNN"')
    taught, csa, ruled = read(tmp_path, alike).models
    assert (taught.like, csa.like, ruled.like) == (None, None, taught)


SHORT = """\
name = "short"
dataset = "data/users"
designers = "data/designers"
questions = ["test-compat-matched"]

[[model]]
name = "alone"
model = "add-gnn"

[[model]]
name = "taught"
like = "alone"
teacher = "designers"
rules = "rules.toml"
note = "first"
set = ["carry=masks"]

[[model]]
name = "control"
kind = "control"
like = "taught"
teacher = "shuffled"

[[model]]
name = "no graph"
like = "taught"
teacher = ""
set = ["steps=0"]
"""


def test_a_model_takes_what_it_does_not_say_from_the_one_that_it_is_like(tmp_path: Path):
    long = SHORT.replace('like = "alone"', 'like = "alone"\nmodel = "add-gnn"')
    same = 'like = "alone"\nmodel = "add-gnn"\nrules = "rules.toml"'
    long = long.replace('like = "taught"\nteacher = "shuffled"', f'{same}\nteacher = "shuffled"\nset = ["carry=masks"]')
    long = long.replace('like = "taught"\nteacher = ""', same)
    recipe = read(tmp_path, SHORT)
    assert recipe == read(tmp_path, long)
    alone, _, control, graph = recipe.models
    assert (control.teacher, control.rules, control.note) == ("shuffled", "rules.toml", "")
    assert control.settings == ("carry=masks", "teacher.shuffled=true")
    assert (graph.teacher, graph.settings, graph.kind) == ("", ("steps=0",), "model")
    assert [model.like for model in recipe.models] == [None, alone, alone, alone]
    with pytest.raises(ConfigError, match=r"line 8: no model 'taught' comes before it to be like"):
        read(tmp_path, SHORT.replace('model = "add-gnn"', 'like = "taught"'))


def test_a_model_can_be_tiny_without_the_one_that_it_is_like(tmp_path: Path):
    recipe = read(tmp_path, SHORT)
    tiny = recipe.tiny()
    [graph] = recipe.only(["no graph"]).tiny().models
    assert graph == tiny.models[-1]
    assert graph.like == tiny.models[0] != recipe.models[0]


def test_questions_of_ones_own_are_taken_by_their_name(tmp_path: Path):
    recipe = read(tmp_path, GOOD.replace("official-test-fitb", "own-party"))
    assert recipe.questions == ("test-compat-matched", "own-party")


def test_only_keeps_some_models_and_their_pairings(tmp_path: Path):
    recipe = read(tmp_path, GOOD)
    assert recipe.only([]) == recipe
    assert [c.name for c in recipe.only(["untaught", "ADD-GNN"]).models] == ["ADD-GNN", "untaught"]
    assert recipe.only(["untaught", "ADD-GNN"]).pairings == recipe.pairings[:1]
    assert recipe.only(["untaught"]).pairings == ()
    with pytest.raises(ConfigError, match="recipe 'small' has no model 'ADD GNN'; did you mean 'ADD-GNN'"):
        recipe.only(["ADD GNN"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('seeds = [0, 3]', 'seed = [0, 3]', "line 4: there is no field 'seed'; did you mean 'seeds'?"),
        ('seeds = [0, 3]', 'seeds = [0, "3"]', "line 4: seeds is [0, '3'], which is not a list of whole numbers"),
        ('seeds = [0, 3]', 'seeds = [0, 3]\nretrieval = "no"', "line 5: retrieval is 'no', which is not a truth value"),
        ('seeds = [0, 3]', 'seeds = [0, 3]\nexhaustive = 1', "line 5: exhaustive is 1, which is not a truth value"),
        ('seeds = [0, 3]', 'seeds = [0, true]', "line 4: seeds is [0, True], which is not a list of whole numbers"),
        ('seeds = [0, 3]', 'seeds = [1, 1]', "line 4: seeds must be different whole numbers from 0 up"),
        ('dataset = "data/users"\n', '', "line 1: the field dataset is missing; write dataset = ..."),
        ('name = "small"', 'name = "a/b"', "line 1: name must be letters, digits"),
        ('"test-compat-matched"', '"test-compat-matchd"', "line 5: there is no question file 'test-compat-matchd'"),
        ('"official-test-fitb"', '"valid-compat-matched"', "valid-compat-matched would share a column"),
        ('"size=32"', '"sise=32"', "line 6: no model here has the setting 'sise'; did you mean 'size'?"),
        ('"hidden=32"', '"hiden=32"', "line 12: ADD-GNN has no setting 'hiden'; did you mean 'hidden'?"),
        ('"hidden=32"', '"seed=32"', "line 12: ADD-GNN has no setting 'seed'; the recipe's seeds say it"),
        ('"hidden=32"', '"hidden=many"', "line 12: ADD-GNN: hidden='many' is not a whole number"),
        ('"imitation=0.5"', '"carry=masks"', "line 22: untaught has no setting 'carry'"),
        ('model = "csa-net"', 'model = "csanet"', "line 16: there is no model 'csanet'; did you mean 'csa-net'?"),
        ('teacher = "shuffled"', 'teacher = "shuffeld"', "line 11: there is no teacher 'shuffeld'; did you mean"),
        ('designers = "data/designers"\n', '', "line 10: teacher 'shuffled' needs the recipe's field designers"),
        ('name = "CSA-Net"', 'name = "add gnn"', "line 15: the name 'add gnn' is used twice"),
        ('first = "ADD-GNN"', 'first = "ADDGNN"', "line 25: there is no model 'ADDGNN'; did you mean 'ADD-GNN'?"),
        ('first = "ADD-GNN"\n', '', "line 24: the field first is missing; write first = ..."),
        ('model = "csa-net"', 'model = "csa-net"\nteacher = "own"', "line 14: CSA-Net: carry=masks: masks and"),
        ('name = "small"', 'name = "small', "is not TOML ("),
        ('model = "csa-net"', 'model = "csa-net"\nlike = "x"', "line 17: no model 'csa-net' comes before it"),
        ('rules = "rules.toml"', 'like = "ADDGNN"', "line 21: it cannot be like 'ADDGNN'; did you mean 'ADD-GNN'?"),
    ],
)  # fmt: skip
def test_a_fault_is_one_sentence_that_names_its_line(tmp_path: Path, old: str, new: str, message: str):
    assert GOOD.count(old) >= 1
    with pytest.raises(ConfigError) as error:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert message in str(error.value)
    assert str(error.value).startswith(str(tmp_path / "r.toml"))
    assert "\n" not in str(error.value)


def test_no_model_no_question_and_no_file_are_reported(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"the field model is missing; write \[\[model\]\]"):
        read(tmp_path, GOOD.split("[[model]]")[0])
    with pytest.raises(ConfigError, match="questions is empty; name at least one"):
        read(tmp_path, GOOD.replace('["test-compat-matched", "official-test-fitb"]', "[]"))
    with pytest.raises(ConfigError, match=r"cannot read the recipe .*none.toml \(No such file or directory\)"):
        read_recipe(tmp_path / "none.toml")


def test_a_recipe_says_how_to_make_each_of_its_features():
    paths = [*(ROOT / "recipes").glob("*.toml"), *(ROOT / "recipes" / "curves").glob("*.toml")]
    for path in paths:
        text = path.read_text()
        head = "".join(line for line in text.splitlines() if line.startswith("#"))
        if "goeswith encode" not in head:  # or which other recipe says so
            assert re.search(r"encode \S+( and \S+)? as \S+toml says", head) or "encoder" not in text, path
            continue
        usual = ["efficientnet-lite0", "minilm"] if re.search(r"encode data/[\w-]+(#|\s{2}|$)", head) else []
        needed = {name for names in re.findall(r'^encoder = "(.+)"', text, re.M) for name in names.split("+")}
        lacking = [name for name in needed if name not in head and name not in usual]
        assert not lacking, f"{path} does not say that {lacking} must be encoded"


@pytest.mark.slow
def test_every_recipe_of_the_project_can_be_read_and_its_rules_are_there():
    paths = sorted((ROOT / "recipes").glob("*.toml"))
    assert len(paths) >= 6
    for path in paths:
        recipe = read_recipe(path)
        assert recipe.name == path.stem
        assert all((ROOT / experiment.rules).is_file() for experiment in recipe.models if experiment.rules)
