"""Settings: frozen dataclasses, changed by ``field=value`` from the command line or a recipe."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from goeswith.errors import ConfigError

LARGEST = 2**63 - 1
"""Whole number that every library takes, also as a seed."""


def override(configs: Mapping[str, Any], assignments: Iterable[str]) -> dict[str, Any]:
    """Apply ``field=value`` to the dataclass instances in `configs`; the first that has the field takes it.

    Raises:
        ConfigError: no such field (the nearest name is given), or a value of the wrong kind.
    """
    changes: dict[str, dict[str, Any]] = {name: {} for name in configs}
    for assignment in assignments:
        field, equals, text = (piece.strip() for piece in assignment.partition("="))
        if not equals:
            raise ConfigError(f"--set {assignment!r} has no '='; write field=value, e.g. --set epochs=20")
        owner = _owner(configs, field)
        kind = typing.get_type_hints(type(configs[owner]))[field]
        changes[owner][field] = _parse(text, kind, field)
    return {name: dataclasses.replace(config, **changes[name]) for name, config in configs.items()}


def at_least(config: Any, least: float, *names: str) -> None:
    """Let the settings of those names be finite and no less than `least`.

    Raises:
        ConfigError: one is not.
    """
    _each(config, names, lambda value: least <= value < math.inf, f"{least} or more")


def above_zero(config: Any, *names: str) -> None:
    """Let the settings of those names be finite and greater than 0.

    Raises:
        ConfigError: one is not.
    """
    _each(config, names, lambda value: 0 < value < math.inf, "greater than 0")


def below_one(config: Any, *names: str) -> None:
    """Let the settings of those names lie in [0, 1).

    Raises:
        ConfigError: one does not.
    """
    _each(config, names, lambda value: 0 <= value < 1, "in [0, 1)")


def at_most(config: Any, most: float, *names: str) -> None:
    """Let the settings of those names be no more than `most`.

    Raises:
        ConfigError: one is.
    """
    _each(config, names, lambda value: value <= most, f"{most} or less")


def _each(config: Any, names: Iterable[str], good: Callable[[float], bool], requirement: str) -> None:
    for name in names:
        if not good(getattr(config, name)):
            raise ConfigError(f"{name} is {getattr(config, name)}; it must be {requirement}")


def restore(kind: type, values: Mapping[str, Any], where: str) -> Any:
    """A config of class `kind` from its saved fields; fields that a newer version added take their default.

    Raises:
        ConfigError: a field that this version does not know, or a value of another kind or size than it may have.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where} has a {type(values).__name__} where settings are expected; restore the file")
    settings = {field.name for field in dataclasses.fields(kind)}
    extra = sorted(set(values) - settings)
    if extra:
        raise ConfigError(f"{where} has the setting {extra[0]!r}, unknown to this version; use a newer goeswith")
    for name, expected in typing.get_type_hints(kind).items():
        if name in values and not _fits(values[name], expected):
            raise ConfigError(
                f"{where} has {name}={values[name]!r}, which is not {_called(expected)}; restore the file"
            )
    try:
        return kind(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value from JSON is one that a field of this kind may hold."""
    if typing.get_origin(kind) is typing.Literal:
        return isinstance(value, str) and value in typing.get_args(kind)
    if isinstance(kind, types.UnionType):
        return any(_fits(value, member) for member in typing.get_args(kind))
    if kind is float:
        return type(value) in (int, float) and math.isfinite(value)
    if kind is int and isinstance(value, int) and abs(value) > LARGEST:
        return False
    return type(value) is kind  # True is not an integer


def _called(kind: Any) -> str:
    """A kind of value, as a person calls it."""
    if typing.get_origin(kind) is typing.Literal:
        return f"one of {', '.join(typing.get_args(kind))}"
    if isinstance(kind, types.UnionType):
        return " or ".join(_called(member) for member in typing.get_args(kind))
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(kind, "null")


def _owner(configs: Mapping[str, Any], field: str) -> str:
    choices = {f.name: name for name in reversed(list(configs)) for f in dataclasses.fields(configs[name])}
    if field in choices:
        return choices[field]
    near = difflib.get_close_matches(field, choices, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the settings are: {', '.join(sorted(choices))}"
    raise ConfigError(f"there is no setting {field!r}; {hint}")


def _parse(text: str, kind: Any, name: str) -> Any:
    if typing.get_origin(kind) is typing.Literal:
        choices = typing.get_args(kind)
        if text not in choices:
            raise ConfigError(f"{name}={text!r} is not one of: {', '.join(choices)}")
        return text
    if isinstance(kind, types.UnionType):
        if text.lower() == "none" and type(None) in typing.get_args(kind):
            return None
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    if kind is bool:
        if text.lower() not in ("true", "false", "1", "0"):
            raise ConfigError(f"{name}={text!r} is not true or false")
        return text.lower() in ("true", "1")
    try:
        value = kind(text)
    except ValueError:
        raise ConfigError(f"{name}={text!r} is not {'a whole number' if kind is int else 'a number'}") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name}={text!r} is not a finite number")
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ConfigError(f"{name}={text!r} is too large; whole numbers end at {LARGEST}")
    return value
