"""Settings changed from the command line."""

import re
from dataclasses import dataclass, fields
from typing import Literal, get_type_hints

import pytest

from goeswith.config import override, restore
from goeswith.errors import ConfigError
from goeswith.models import MODELS, model_classes
from goeswith.models.add_gnn import AddGnnConfig
from goeswith.train.designers import DesignersConfig
from goeswith.train.rule_teacher import RulesConfig
from goeswith.train.settings import TrainConfig


@dataclass(frozen=True)
class Thing:
    size: int = 3
    rate: float = 0.5
    kind: Literal["a", "b"] = "a"
    loud: bool = False


@dataclass(frozen=True)
class Other:
    size: int = 9
    name: str = "x"


def test_values_take_the_type_of_their_field_and_the_first_owner_wins() -> None:
    changed = override({"thing": Thing(), "other": Other()}, ["size=5", "rate=1e-3", "kind=b", "loud=true", "name=a=b"])
    assert changed["thing"] == Thing(5, 1e-3, "b", True)
    assert changed["other"] == Other(9, "a=b")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sise=5", "there is no setting 'sise'; did you mean 'size'"),
        ("zzz=5", "the settings are: kind, loud, name, rate, size"),
        ("size", "has no '='"),
        ("size=five", "size='five' is not a whole number"),
        ("rate=fast", "rate='fast' is not a number"),
        ("rate=nan", "rate='nan' is not a finite number"),
        ("rate=-inf", "rate='-inf' is not a finite number"),
        ("kind=c", "kind='c' is not one of: a, b"),
        ("loud=maybe", "loud='maybe' is not true or false"),
    ],
)
def test_bad_settings_say_what_and_how(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        override({"thing": Thing(), "other": Other()}, [text])


def test_restore_refuses_what_it_does_not_know_and_fills_what_is_missing() -> None:
    assert restore(Thing, {"size": 4}, "here") == Thing(4)
    with pytest.raises(ConfigError, match="here has the setting 'weight'"):
        restore(Thing, {"weight": 4}, "here")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"size": "4"}, "here has size='4', which is not a whole number; restore the file"),
        ({"size": 4.5}, "here has size=4.5, which is not a whole number"),
        ({"size": True}, "here has size=True, which is not a whole number"),
        ({"size": None}, "here has size=None, which is not a whole number"),
        ({"rate": "fast"}, "here has rate='fast', which is not a number"),
        ({"rate": float("nan")}, "here has rate=nan, which is not a number"),
        ({"kind": "c"}, "here has kind='c', which is not one of a, b"),
        ({"kind": ["a"]}, "here has kind=['a'], which is not one of a, b"),
        ({"loud": 1}, "here has loud=1, which is not true or false"),
        ([4], "here has a list where settings are expected"),
    ],
)
def test_restore_refuses_values_of_another_kind(values: dict, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        restore(Thing, values, "here")
    assert restore(Thing, {"rate": 1}, "here").rate == 1  # a whole number is a number


def test_restore_says_where_a_size_is_wrong() -> None:
    with pytest.raises(ConfigError, match="here: hidden is 0; it must be 1 or more"):
        restore(AddGnnConfig, {"hidden": 0}, "here")


CONFIGS = [*(model_classes(name)[1] for name in MODELS), TrainConfig, DesignersConfig, RulesConfig]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("wrong", ["-2", "-0.5"])  # -1 may stand for "as another setting says"
def test_no_setting_may_be_less_than_nothing(config: type, wrong: str) -> None:
    kinds = {name: kind for name, kind in get_type_hints(config).items() if kind in (int, float)}
    for name, kind in kinds.items():
        if kind is float or wrong == "-2":
            with pytest.raises(ConfigError, match=f"{name}.*must"):
                override({"any": config()}, [f"{name}={wrong}"])
    assert kinds


@pytest.mark.parametrize("name", MODELS)
def test_no_setting_of_a_model_is_hidden_by_one_of_training_or_teaching(name: str):
    own = {field.name for field in fields(model_classes(name)[1])}
    others = [{field.name for field in fields(config)} for config in (TrainConfig, DesignersConfig, RulesConfig)]
    assert not [names & own for names in others if names & own]
