"""Settings: frozen dataclasses, changed by ``field=value`` from the command line or a recipe."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from goeswith.errors import ConfigError


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


def restore(kind: type, values: Mapping[str, Any], where: str) -> Any:
    """A config of class `kind` from its saved fields; fields that a newer version added take their default.

    Raises:
        ConfigError: a field that this version does not know.
    """
    known = {field.name for field in dataclasses.fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigError(f"{where} has the setting {unknown[0]!r}, unknown to this version; use a newer goeswith")
    return kind(**values)


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
    return value
