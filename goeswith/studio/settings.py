"""Settings: how the service runs: from a TOML file, the environment and the command line, later ones win."""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from goeswith.errors import ConfigError

PREFIX = "GOESWITH_"
"""How the name of an environment variable begins: ``GOESWITH_PORT`` sets ``port``."""
SECRET = frozenset({"token"})
"""Settings that are never printed."""
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")


def _split(value: Any) -> Any:
    """A list as the environment has it: separated by commas."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_split)]


class Settings(BaseModel):
    """How the service runs; every field is a key of the file, and in capitals after `PREFIX` of the environment."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    index: Path | None = Field(None, description="Folder of the index.")
    host: str = Field("127.0.0.1", description="Address to listen on; any but the local one needs a token.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0: any free port.")
    root_path: str = Field("", description="Path that a proxy serves it under, such as /style.")
    trusted_proxies: Texts = Field(
        ("127.0.0.1", "::1"), description="Addresses or networks whose X-Forwarded-* headers are believed."
    )
    token: str | None = Field(None, description="Token that every request must send.")
    token_file: Path | None = Field(None, description="File with the token, instead of the token itself.")
    public_key: str | None = Field(None, description="Key with which product pages read looks.")
    allow_origins: Texts = Field((), description="Pages that may use the public key, such as https://shop.example.")
    workers: int = Field(1, ge=1, le=64, description="Number of processes that answer.")
    watch: bool = Field(False, description="Open a new index when one is put into the folder; always with workers.")
    looks: Path | None = Field(None, description="File for saved looks. Default: looks.sqlite beside the index.")
    clicks: Path | None = Field(
        None, description="File for what product pages post. Default: clicks.sqlite beside the index."
    )
    control: float = Field(0.0, ge=0, le=0.5, description="Share of sessions on product pages that see random looks.")
    compare: Path | None = Field(None, description="Another index, whose looks are interleaved with those of this one.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="What computes; auto: a GPU if any.")
    access_log: str = Field("", description="File for one line of JSON per request; -: standard output.")

    @field_validator("root_path")
    @classmethod
    def _mountable(cls, value: str) -> str:
        value = value.rstrip("/")
        segments = value.split("/")[1:]
        if value and (not value.startswith("/") or not all(map(_SEGMENT.fullmatch, segments)) or "." in value[1:2]):
            raise ValueError("it must look like /style")
        return value

    @field_validator("compare")
    @classmethod
    def _one_trial(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("control"):
            raise ValueError("random looks and another model cannot be tried at once; leave out control or compare")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError:
                raise ValueError(f"{network!r} is not an address or network, such as 10.0.0.0/8") from None
        return value


PATHS = {"access_log", *(name for name, field in Settings.model_fields.items() if "Path" in str(field.annotation))}
"""Settings that name a file or folder."""


@dataclass(frozen=True)
class Configured:
    """Settings with where each comes from. origins: name of a setting → a phrase; the defaults have none."""

    settings: Settings
    origins: Mapping[str, str]

    def shown(self) -> str:
        """All settings as a TOML file, each with its origin; secrets are masked and commented, as what is not set."""
        lines = []
        for name, value in self.settings.model_dump(mode="json").items():
            hidden = name in SECRET and value is not None
            text = f"{name} = {json.dumps('********' if hidden else value, ensure_ascii=False)}"
            bare = f"# {name} is not set" if value is None else f"# {text}" if hidden else text
            lines.append(f"{bare}  # {self.origins.get(name, 'default')}")
        return "\n".join(lines)


def configured(path: Path | None, environ: Mapping[str, str], options: Mapping[str, Any]) -> Configured:
    """The settings of a file, of the environment, and as they were given on the command line.

    Paths in the file are relative to its folder. What `token_file` names is read.

    Args:
        options: by name; None where nothing was given.

    Raises:
        ConfigError: the file cannot be read or is not TOML; a setting is unknown, or its value cannot be used.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if path is not None:
        values, origins = _of_file(path)
    for name in Settings.model_fields:
        variable = f"{PREFIX}{name.upper()}"
        if environ.get(variable):
            values[name], origins[name] = environ[variable], f"environment, {variable}"
        if options.get(name) is not None:
            values[name], origins[name] = options[name], "command line"
    settings = settings_of(values, origins)
    if settings.token is None and settings.token_file is not None:
        settings = settings.model_copy(update={"token": _secret(settings.token_file)})
        origins["token"] = origins["token_file"]
    return Configured(settings, origins)


def settings_of(values: Mapping[str, Any], origins: Mapping[str, str] | None = None) -> Settings:
    """Settings from values by name.

    Raises:
        ConfigError: a value cannot be used, or there is no such setting.
    """
    try:
        return Settings.model_validate(dict(values))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            raise ConfigError(_unknown(name)) from None
        where = f"{origins[name]}: " if origins and name in origins else ""
        value = "" if name in SECRET else f" = {str(values[name])[:80]!r}"
        why = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        raise ConfigError(f"{where}{name}{value} cannot be used; it must be: {why}" if "Input" in first["msg"]
                          else f"{where}{name}{value} cannot be used: {why}") from None  # fmt: skip


def changed(settings: Settings | None, options: Mapping[str, Any]) -> Settings:
    """Settings, the defaults where there are none, with some fields changed.

    Raises:
        ConfigError: see `settings_of`.
    """
    set_fields = {} if settings is None else settings.model_dump(exclude_unset=True)
    return settings_of(set_fields | dict(options))


def _of_file(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError(f"cannot read the settings {path} ({why}); check the path") from None
    except tomllib.TOMLDecodeError as error:
        why, _, at = str(error).removesuffix(")").partition(" (at ")
        raise ConfigError(f"{path}, {at.partition(',')[0] or 'line 1'}: this is not TOML ({why}); correct it") from None
    origins = {name: f"{path}, line {_line(text, name)}" for name in values}
    for name in values:
        if name not in Settings.model_fields:
            raise ConfigError(f"{origins[name]}: {_unknown(name)}")
        if isinstance(values[name], str) and name in PATHS and values[name] not in ("", "-"):
            values[name] = str(path.absolute().parent / Path(values[name]).expanduser())
    return values, origins


def _line(text: str, name: str) -> int:
    """The line of a file that a setting is on, from 1."""
    begins = re.compile(rf"\s*(\[+\s*)?[\"']?{re.escape(name)}[\"']?\s*[=.\]]")
    return next((number for number, line in enumerate(text.splitlines(), 1) if begins.match(line)), 1)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, Settings.model_fields, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"the settings are: {', '.join(Settings.model_fields)}"
    return f"there is no setting {name!r}; {hint}"


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(f"cannot read the token in {path} ({why}); check token_file") from None
