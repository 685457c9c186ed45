"""Study: a TOML file that asks how much designers' knowledge helps a student with few or many own outfits."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from goeswith.errors import ConfigError


class Arm(NamedTuple):
    """One curve of a study.

    sources: what it is made of, see `goeswith.experiments.study_sources`. fitted: whether its sources are mixed by
    trust (see `goeswith.train.trust`) or it is one source as it is. note: in words.
    """

    sources: tuple[str, ...]
    fitted: bool
    note: str


OWN = ("likeness", "own", "own words")
TOWERS = ("designers", "designers words")
DESIGNERS = (*TOWERS, "designers learned words")
"""Words are counted where titles are hashed (``title-words``), and learned where they are numbered (``word-ids``)."""
FLOORS = ("records", "records and ids")
"""They look at no garment (see `goeswith.evaluate.shortcuts`) and are never mixed with other sources."""
ARMS = {
    "cosine": Arm(("likeness",), False, "cosine of standardised features, nothing learned"),
    "words": Arm(("own words",), False, "word lifts of the own outfits alone"),
    "records": Arm(("records",), False, "floor: columns, picture files and counts of the own outfits, no garment"),
    "records and ids": Arm(("records and ids",), False, "floor: the same and the ids"),
    "own": Arm(("own",), False, "two towers of the own outfits alone"),
    "none": Arm(OWN, True, "all of these mixed by trust: no knowledge of others"),
    "designers": Arm((*OWN, *DESIGNERS), True, "the same and designers, by trust"),
    "designers without learned words": Arm((*OWN, *TOWERS), True, "the same and designers, but for words they teach"),
    "shuffled": Arm(
        (*OWN, "shuffled", "shuffled words", "shuffled learned words"), True, "control: the same and shuffled designers"
    ),
    "untrained": Arm((*OWN, "untrained"), True, "control: the same and an untrained teacher"),
    "another": Arm(
        (*OWN, "another", "own learned words"),
        True,
        "control: the same and further own models, as many as a teacher has towers",
    ),
    "another and designers": Arm(
        (*OWN, "another", "own learned words", *DESIGNERS),
        True,
        "the same, further own models and designers, by trust",
    ),
    "rules": Arm((*OWN, "rules"), True, "own outfits and mined rules, by trust"),
    "both": Arm((*OWN, *DESIGNERS, "rules"), True, "own outfits, designers and rules, by trust"),
    "start": Arm(("start",), False, "two towers that start as the designers' ones"),
    "shuffled start": Arm(("shuffled start",), False, "control: two towers that start as shuffled designers' ones"),
    "add-gnn": Arm(("add-gnn",), False, "ADD-GNN of the own outfits"),
    "masks": Arm(("masks",), False, "ADD-GNN, designers' masks as printed"),
    "shuffled masks": Arm(("shuffled masks",), False, "control: masks of shuffled designers"),
    "responses": Arm(("responses",), False, "ADD-GNN, by the designers' rankings"),
    "shuffled responses": Arm(("shuffled responses",), False, "control: by rankings of shuffled designers"),
    "scorer": Arm(("scorer",), False, "ADD-GNN, started as the designers' scorer"),
    "shuffled scorer": Arm(("shuffled scorer",), False, "control: started as a shuffled designers' scorer"),
}
"""Name → what it is. Without own outfits (N = 0) the own sources are left out."""
COMPARISONS = (
    ("designers", "none"), ("designers", "shuffled"), ("designers", "untrained"), ("designers", "another"),
    ("designers", "own"), ("designers", "words"), ("designers", "cosine"), ("designers", "records"),
    ("designers", "records and ids"), ("shuffled", "none"), ("another", "none"),
    ("another and designers", "another"), ("designers", "designers without learned words"), ("rules", "none"),
    ("both", "designers"),
    ("start", "own"), ("start", "shuffled start"), ("masks", "add-gnn"), ("masks", "shuffled masks"),
    ("responses", "add-gnn"), ("responses", "shuffled responses"), ("scorer", "add-gnn"), ("scorer", "shuffled scorer"),
)  # fmt: skip
"""Who is compared with whom, at every N where both were measured."""
PRIMARY = COMPARISONS[:2]
"""What a study is planned for: what designers add to no knowledge, and to shuffled designers. All else is secondary."""
ALL = "all"
FEW = 1000


@dataclass(frozen=True)
class Study:
    """What is measured. Paths are relative to the folder that the command runs in.

    dataset: of the student. designers: of the teachers. encoder: of both. outfits: how many own ones, ascending; 0 =
    none, ``all`` = all (written −1 here). seeds: of training, and of which outfits are drawn. arms: of `ARMS`.
    rules: a rule file, where an arm needs one. set: settings as of `goeswith.train.mixture.train_mixture`, those of
    ADD-GNN as ``add-gnn.field=value``, of its teacher as ``add-gnn.teacher.field=value``, of learned words as
    ``group-towers.field=value``. few: further settings of models that learn from own outfits, where there are at most
    `FEW`, which need more epochs of smaller batches. candidates: of each test place at most. title: for people.
    drop_shared_items: designers' outfits are left out if they wear an item that the student's validation or test
    outfits wear, as titles tell (`goeswith.data.shared_items`): some sites gave outfits to several data sets.
    """

    name: str
    dataset: str
    designers: str
    encoder: str
    outfits: tuple[int, ...]
    seeds: tuple[int, ...]
    arms: tuple[str, ...]
    title: str = ""
    rules: str = ""
    set: tuple[str, ...] = ()
    few: tuple[str, ...] = ()
    candidates: int = 16
    drop_shared_items: bool = False

    def tiny(self) -> Study:
        """The twin that is over soon: one seed, one epoch, small sizes; its numbers mean nothing."""
        towers = ("epochs=1", "hidden=8", "teacher.epochs=1", "teacher.hidden=8", "folds=2", "questions=2")
        small = (*towers, "add-gnn.epochs=1", "add-gnn.hidden=8", "add-gnn.teacher.epochs=1")
        return replace(self, name=f"{self.name}-tiny", seeds=self.seeds[:1], set=(*self.set, *small), few=())


def read_study(path: str | Path) -> Study:
    """Read a study.

    Raises:
        ConfigError: there is no such file, or a field is missing, unknown or wrong.
    """
    path = Path(path)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", "") or error
        raise ConfigError(f"cannot read the study {path} ({why}); correct it") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML ({error}); fix the line") from None
    names = {field.name for field in fields(Study)}
    for name in table:
        if name not in names:
            raise ConfigError(
                f"{path} has a field {name!r}, which no study has; choose one of: {', '.join(sorted(names))}"
            )
    if missing := sorted({"name", "dataset", "designers", "encoder", "outfits", "seeds", "arms"} - set(table)):
        raise ConfigError(f"{path} has no field {missing[0]!r}; add it")
    return Study(**{name: _value(path, name, value) for name, value in table.items()})


def _value(path: Path, name: str, value: Any) -> Any:
    """A field as `Study` has it.

    Raises:
        ConfigError: it is of another kind, or not one of the choices.
    """
    if name in ("outfits", "seeds"):
        return _numbers(path, name, value)
    if name == "candidates":
        if not _whole(value) or value < 1:
            raise ConfigError(f"{path}: candidates must be one whole number from 1 up")
        return value
    if name == "drop_shared_items":
        if not isinstance(value, bool):
            raise ConfigError(f"{path}: drop_shared_items must be true or false")
        return value
    if name not in ("arms", "set", "few"):
        if not isinstance(value, str):
            raise ConfigError(f"{path}: {name} must be one text, in quotes")
        if name == "name" and not re.fullmatch(r"[A-Za-z0-9][\w.-]*", value):
            raise ConfigError(f"{path}: name must be letters, digits, '-', '_' and '.', because it names a folder")
        return value
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ConfigError(f"{path}: {name} must be a list of texts")
    if name == "arms" and (unknown_arms := [arm for arm in value if arm not in ARMS]):
        raise ConfigError(f"{path}: there is no arm {unknown_arms[0]!r}; the arms are: {', '.join(ARMS)}")
    return tuple(value)


def _numbers(path: Path, name: str, value: Any) -> tuple[int, ...]:
    """Numbers of outfits, −1 for all, or seeds."""
    numbers = value if isinstance(value, list) else []
    whole = [each for each in numbers if (_whole(each) and each >= 0) or (name == "outfits" and each == ALL)]
    if not numbers or len(whole) < len(numbers):
        raise ConfigError(f"{path}: {name} must be whole numbers from 0 up{', or all' if name == 'outfits' else ''}")
    if len(set(whole)) < len(whole):
        raise ConfigError(f"{path}: {name} must name each number once, because what is drawn twice is no second result")
    return tuple(-1 if each == ALL else each for each in whole)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
