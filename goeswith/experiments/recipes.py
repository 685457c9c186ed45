"""Recipes: TOML files that list a data set, models, their settings, questions and comparisons."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from goeswith import plugins
from goeswith.config import override
from goeswith.data.freeze import CHOICES
from goeswith.data.negatives import STRATEGIES
from goeswith.errors import ConfigError
from goeswith.models import MODELS, is_model, model_classes
from goeswith.models.teacher import TeacherConfig
from goeswith.train.designers import DesignersConfig
from goeswith.train.rule_teacher import RulesConfig
from goeswith.train.settings import TrainConfig
from goeswith.train.source import source_class, source_paths

TEACHERS = {"designers": (), "own": (), "shuffled": ("teacher.shuffled=true",), "untrained": ("untrained=true",)}
"""Who may teach → the settings that make it so. ``own`` learns from the student's outfits, the others from the
designers'."""
KINDS = ("model", "control")
GIVEN = ("official-", "own-")
"""How the names of question files begin that a bench takes as they are: published ones, and your own."""
FLOORS = (
    "popularity", "rarity", "category", "category colour", "item pairs", "words", "season", "cosine", "standardised",
    "records", "records and ids",
)  # fmt: skip
"""Floors that a model may be compared with, by what tables call them."""
WITH_RULES = ", with rules at test time"
"""What the name of a model that rules taught is followed by where it may look at them while it answers."""

TINY = (
    "epochs=1", "hidden=16", "size=16", "rank=4", "layers=1", "heads=2", "feedforward=32", "negatives_per_positive=1",
    "teacher.epochs=1",
)  # fmt: skip
"""Settings that make a recipe quick, of the models that have them."""

_TOP = {
    "name": "text", "dataset": "text", "questions": "list of texts", "model": "list of tables",
    "designers": "text", "encoder": "text", "seeds": "list of whole numbers", "set": "list of texts",
    "compare": "list of tables", "retrieval": "truth value", "exhaustive": "truth value",
}  # fmt: skip
_MODEL = {
    "name": "text", "model": "text", "kind": "text", "teacher": "text", "rules": "text", "set": "list of texts",
    "knowledge": "list of texts", "note": "text", "like": "text", "search": "truth value",
    "encoder": "text",
}  # fmt: skip
_INHERITED = ("model", "teacher", "rules", "knowledge", "set", "encoder")
"""Fields that a [[model]] takes from the one that it is like, unless it has its own."""
_COMPARE = {"first": "text", "second": "text", "note": "text"}
_SPLIT = re.compile(r"\b(train|valid|test)-")
_TESTS = {"text": str, "whole number": int, "table": dict, "truth value": bool}


@dataclass(frozen=True)
class Experiment:
    """One model of a recipe: a row of its tables.

    name: what reports call it. model: one of `goeswith.models.MODELS`. kind: one of `KINDS`.
    teacher: one of `TEACHERS`, or empty. rules: a rule file, or empty. note: a few words for the reports.
    knowledge: other sources as ``NAME=PATH``, see `goeswith.train.source.SOURCES`.
    settings: all of them but the seed: the recipe's own that the model has, then the experiment's.
    like: the experiment whose settings it takes where settings are searched, so that the two differ in one thing.
    encoder: whose features it reads, where those are not the recipe's.
    search: whether settings are searched; else it keeps its own, and shows what the search of others was worth.
    """

    name: str
    model: str
    kind: str = "model"
    teacher: str = ""
    rules: str = ""
    settings: tuple[str, ...] = ()
    note: str = ""
    like: Experiment | None = None
    knowledge: tuple[str, ...] = ()
    search: bool = True
    encoder: str = ""

    @property
    def slug(self) -> str:
        """The name in letters that every file system takes."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    def configs(self, more: Iterable[str] = ()) -> dict[str, Any]:
        """The configs of the model and of what teaches it, by its settings and `more` (the teacher's own apart).

        Raises:
            ConfigError: a setting is unknown, wrong, or does not go with the others.
        """
        configs = _defaults(self)
        teaching = {"teacher": configs.pop("teacher"), "teaching": configs.pop("teaching")} if self.teacher else {}
        own = [s for s in (*self.settings, *more) if not s.startswith("teacher.")]
        changed = override(configs, own)
        override(teaching, self.teacher_settings)
        if self.teacher:
            changed["designers"].check(self.model)
        return changed

    def sources(self) -> dict[str, str]:
        """Name of each further source of knowledge → what it is given.

        Raises:
            ConfigError: it is not ``NAME=PATH``, or there is no source of that name.
        """
        paths = source_paths(self.knowledge)
        for name in paths:
            source_class(name)
        return paths

    @property
    def teacher_settings(self) -> list[str]:
        """The settings that are the teacher's."""
        return [s.removeprefix("teacher.") for s in self.settings if s.startswith("teacher.")]


@dataclass(frozen=True)
class Pairing:
    """Two names of a recipe whose paired difference answers a question; note: the question."""

    first: str
    second: str
    note: str = ""


@dataclass(frozen=True)
class Recipe:
    """What a bench trains, asks and compares. Paths are relative to the folder that the command runs in.

    name: of the bench. dataset: folder of the students' outfits, or ``folder#source``. designers: the teachers', where
    a model has one. encoder: whose features, the only one there is by default. seeds: each model is trained once for
    each. questions: names of question files of the data set, without the source. models, pairings: the rows.
    retrieval: also ask about the whole catalogue, which takes long for models that score outfit by outfit.
    exhaustive: where there is no retrieval, still measure exhaustive AUC, which asks far less.
    """

    name: str
    dataset: str
    questions: tuple[str, ...]
    models: tuple[Experiment, ...]
    designers: str = ""
    encoder: str | None = None
    seeds: tuple[int, ...] = (0, 1, 2)
    pairings: tuple[Pairing, ...] = ()
    retrieval: bool = True
    exhaustive: bool = False

    def tiny(self) -> Recipe:
        """The recipe's twin that is over in a minute or two: every model, one seed, one epoch, the smallest sizes.

        It shows that all of it runs; its numbers mean nothing.
        """
        models = tuple(_tiny(experiment) for experiment in self.models)
        return replace(self, name=f"{self.name}-tiny", seeds=self.seeds[:1], models=models)

    def only(self, names: Sequence[str]) -> Recipe:
        """The recipe with these models alone, and the pairings of those; all of it where no name is given.

        Raises:
            ConfigError: it has no model of that name.
        """
        known_names = [experiment.name for experiment in self.models]
        for name in names:
            if name not in known_names:
                raise ConfigError(f"recipe {self.name!r} has no model {name!r}; {_near(name, known_names)}")
        chosen = tuple(c for c in self.models if c.name in names or not names)
        left = set(_names(chosen))
        return replace(
            self, models=chosen, pairings=tuple(p for p in self.pairings if {p.first, p.second} <= left | {*FLOORS})
        )


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe and check all that can be checked without its data.

    Raises:
        ConfigError: there is no such file, it is not TOML, or a field or setting is missing, unknown or wrong; the
            message names file, line and field, and the nearest valid name.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        tables = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", "") or error
        raise ConfigError(f"cannot read the recipe {path} ({why}); correct it") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML ({error}); fix the line") from None
    return _Page(path, text.splitlines()).recipe(tables)


@dataclass(frozen=True)
class _Page:
    """A recipe's file, which knows on what line a field stands."""

    path: Path
    lines: list[str]

    def recipe(self, tables: dict[str, Any]) -> Recipe:
        self.check(tables, _TOP, ("name", "dataset", "questions", "model"))
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", tables["name"]):
            raise self.fault("name must be letters, digits, '-', '_' and '.', because it names a folder", "name")
        tables = tables | {"model": self.inherited(tables["model"])}
        models = [self.experiment(table, number, tables) for number, table in enumerate(tables["model"])]
        models = self.settled(models, tables)
        seeds = tuple(tables.get("seeds", (0, 1, 2)))
        if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
            raise self.fault("seeds must be different whole numbers from 0 up, at least one", "seeds")
        pairings = [self.pairing(table, number, models) for number, table in enumerate(tables.get("compare", []))]
        return Recipe(
            name=tables["name"],
            dataset=tables["dataset"],
            questions=self.questions(tables["questions"]),
            models=tuple(models),
            designers=tables.get("designers", ""),
            encoder=tables.get("encoder"),
            seeds=seeds,
            pairings=tuple(pairings),
            retrieval=tables.get("retrieval", True),
            exhaustive=tables.get("exhaustive", False),
        )

    def inherited(self, tables: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each [[model]] with what it takes from the one that it is like; `like` then names the first of a chain."""
        full: list[dict[str, Any]] = []
        for number, table in enumerate(tables):
            self.check(table, _MODEL, ("name",) if "like" in table else ("name", "model"), ("model", number))
            if "like" in table:
                other = self.alike(table, number, full)
                values = {field: other[field] for field in _INHERITED if field in other}
                table = values | table | {"like": other.get("like", other["name"])}
            full.append(table)
        return full

    def experiment(self, table: dict[str, Any], number: int, tables: dict[str, Any]) -> Experiment:
        """A [[model]] as it stands, without the recipe's own settings."""
        section = ("model", number)
        for field, choices in (("model", MODELS), ("teacher", TEACHERS), ("kind", KINDS)):
            value = table.get(field)
            if value is None or (field == "teacher" and not value):
                continue
            if value not in choices and not (field == "model" and is_model(value)):
                raise self.fault(f"there is no {field} {value!r}; {_near(value, choices)}", field, section)
        plain = {name: value for name, value in table.items() if name not in ("set", "like", "knowledge")}
        settings, knowledge = (tuple(table.get(name, ())) for name in ("set", "knowledge"))
        experiment = Experiment(**plain, settings=settings, knowledge=knowledge)
        try:
            experiment.sources()
        except ConfigError as error:
            raise self.fault(str(error), "knowledge", section) from None
        if not experiment.slug:
            raise self.fault("name has no letter or digit; give the model one", "name", section)
        if experiment.teacher not in ("", "own") and not tables.get("designers"):
            raise self.fault(f"teacher {experiment.teacher!r} needs the recipe's field designers", "teacher", section)
        return experiment

    def settled(self, models: list[Experiment], tables: dict[str, Any]) -> list[Experiment]:
        """The experiments with all their settings: the recipe's own go to those that have them."""
        settable = [_setting_names(experiment) for experiment in models]
        for setting in tables.get("set", []):
            field = setting.partition("=")[0].strip()
            if not any(field in names for names in settable):
                near = _near(field, set().union(*settable))
                raise self.fault(f"no model here has the setting {field!r}; {near}", field)
        done: list[Experiment] = []
        for number, (experiment, names) in enumerate(zip(models, settable, strict=True)):
            common = [s for s in tables.get("set", []) if s.partition("=")[0].strip() in names]
            settings = (*common, *experiment.settings, *TEACHERS.get(experiment.teacher, ()))
            like = next((other for other in done if other.name == tables["model"][number].get("like")), None)
            full = replace(experiment, settings=settings, like=like)
            for setting in experiment.settings:
                field = setting.partition("=")[0].strip()
                if field not in names or field == "seed":
                    why = "the recipe's seeds say it" if field == "seed" else _near(field, names)
                    raise self.fault(f"{experiment.name} has no setting {field!r}; {why}", setting, ("model", number))
            try:
                full.configs()
            except ConfigError as error:
                raise self.fault(f"{experiment.name}: {error}", "set", ("model", number)) from None
            if full.slug in (other.slug for other in done):
                raise self.fault(
                    f"the name {full.name!r} is used twice; give each model its own", "name", ("model", number)
                )
            done.append(full)
        return done

    def alike(self, table: dict[str, Any], number: int, before: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The [[model]] that another says it is like, one of those before it."""
        name, model = table["like"], table.get("model")
        alike = {other["name"]: other for other in before if model in (None, other["model"])}
        if name not in alike:
            if not alike:
                raise self.fault(f"no model {model or name!r} comes before it to be like", "like", ("model", number))
            raise self.fault(f"it cannot be like {name!r}; {_near(name, alike)}", "like", ("model", number))
        return alike[name]

    def questions(self, names: Sequence[str]) -> tuple[str, ...]:
        """The question files, whose names say what they ask."""
        if not names:
            raise self.fault("questions is empty; name at least one, e.g. test-fitb-matched", "questions")
        usual = [
            f"{s}-{t}-{n}"
            for s in ("test", "valid", "train")
            for t in CHOICES
            for n in (*STRATEGIES, *plugins.offered("negatives"))
        ]
        for number, name in enumerate(names):
            if not name.startswith(GIVEN) and name not in usual:
                raise self.fault(f"there is no question file {name!r}; {_near(name, usual)}", name)
            alike = [other for other in names[:number] if _SPLIT.sub("", other) == _SPLIT.sub("", name)]
            if alike:
                raise self.fault(f"{alike[0]} and {name} would share a column; choose one of them", name)
        return tuple(names)

    def pairing(self, table: dict[str, Any], number: int, models: list[Experiment]) -> Pairing:
        section = ("compare", number)
        words = str(table.get("second")).replace("_", " ")
        table |= {"second": words} if words in FLOORS else {}  # item_pairs is item pairs
        self.check(table, _COMPARE, ("first", "second"), section)
        names = {"first": _names(models), "second": [*_names(models), *FLOORS]}
        for field, allowed in names.items():
            if table[field] not in allowed:
                raise self.fault(f"there is no model {table[field]!r}; {_near(table[field], allowed)}", field, section)
        return Pairing(**table)

    def check(
        self,
        table: dict[str, Any],
        kinds: Mapping[str, str],
        needed: Sequence[str],
        section: tuple[str, int] | None = None,
    ) -> None:
        """Make sure that a table has the fields that it needs, no other, and each of its kind."""
        for field, value in table.items():
            if field not in kinds:
                raise self.fault(f"there is no field {field!r}; {_near(field, kinds)}", field, section)
            if not _is(value, kinds[field]):
                raise self.fault(f"{field} is {value!r}, which is not a {kinds[field]}", field, section)
        for field in needed:
            if table.get(field) in (None, "") or (field == "model" and not table[field]):
                example = "write [[model]]" if kinds[field] == "list of tables" else f"write {field} = ..."
                raise self.fault(f"the field {field} is missing; {example}", "", section)

    def fault(self, sentence: str, word: str, section: tuple[str, int] | None = None) -> ConfigError:
        """An error that names the line of `word` in a section, or of the section's head."""
        heads = [at for at, line in enumerate(self.lines) if re.match(r"\s*\[\[?\s*\w+\s*\]?\]", line)]
        start = 0
        if section:
            own = [at for at in heads if re.match(rf"\s*\[\[\s*{section[0]}\s*\]\]", self.lines[at])]
            start = own[section[1]] if section[1] < len(own) else 0
        end = next((at for at in heads if at > start), len(self.lines))
        body = range(start + bool(section), end) if word else ()
        key, anywhere = re.compile(rf"\s*{re.escape(word)}\s*="), re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])")
        matching = [at for at in body if key.match(self.lines[at])]
        at = next(iter(matching or [at for at in body if anywhere.search(self.lines[at].split("#")[0])]), start)
        return ConfigError(f"{self.path}, line {at + 1}: {sentence}")


def _is(value: Any, kind: str) -> bool:
    """Whether a TOML value is a ``text``, or a ``list of whole numbers``, ..."""
    many = kind.removeprefix("list of ")
    if many != kind:
        return isinstance(value, list) and all(_is(each, many.removesuffix("s")) for each in value)
    return isinstance(value, _TESTS[kind]) and isinstance(value, bool) == (kind == "truth value")


def _names(models: Iterable[Experiment]) -> list[str]:
    """The names of all rows that models give: those taught by rules answer twice."""
    return [name for c in models for name in ((c.name, c.name + WITH_RULES) if c.rules else (c.name,))]


def _defaults(experiment: Experiment) -> dict[str, Any]:
    """The configs that the settings of an experiment change, and under teacher and teaching those of its teacher."""
    configs: dict[str, Any] = {"model": model_classes(experiment.model)[1](), "train": TrainConfig.of(experiment.model)}
    if experiment.teacher:
        configs |= {"designers": DesignersConfig(), "teacher": TeacherConfig(), "teaching": TrainConfig.of("teacher")}
    if experiment.rules:
        configs["rules"] = RulesConfig()
    return configs | {name: source_class(name).config() for name in experiment.sources()}


def _tiny(experiment: Experiment) -> Experiment:
    """The experiment in the smallest sizes, like the same of the one that it is like."""
    settable = _setting_names(experiment)
    small = tuple(setting for setting in TINY if setting.partition("=")[0] in settable)
    like = _tiny(experiment.like) if experiment.like else None  # which may not be among the models that were chosen
    return replace(experiment, settings=(*experiment.settings, *small), like=like)


def _setting_names(experiment: Experiment) -> set[str]:
    """The names of all settings that an experiment has."""
    configs = _defaults(experiment)
    teaching = [configs.pop(name) for name in ("teacher", "teaching") if name in configs]
    own = {field.name for config in configs.values() for field in fields(config)}
    return own | {f"teacher.{field.name}" for config in teaching for field in fields(config)}


def _near(name: str, choices: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(choices), n=1)
    return f"did you mean {near[0]!r}?" if near else f"choose one of: {', '.join(sorted(choices))}"
