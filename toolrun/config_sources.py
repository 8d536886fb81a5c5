"""What does one source of settings say: a file, the environment, arguments?

Each gives a table as `toolrun.toml` would have it, checked. `OPENAI_API_KEY` and `OPENAI_BASE_URL`
are never read: a key meant for one server must not reach another.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.config_check import NESTED, TRACE, check, known, nearest, refuse_unknown, schema_of
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE: Final = "toolrun.toml"
PREFIX: Final = "TOOLRUN_"
_PATHS: Final = ("workspace", "trace")
_SQLITE: Final = "sqlite:///"
_BUILTIN: Final = re.compile(r"(?:builtin:)?\w+")
"""A tool that ships, by its name; all others are files."""


def from_file(path: Path | None) -> dict[str, Any]:
    """What a file says; nothing where none was named and none lies here.

    Raises:
        ConfigError: it cannot be read, or does not fit.
    """
    file = path or Path(FILE)
    if path is None:
        if not file.exists():
            return {}
        _refuse_strangers(file)
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: not TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    refuse_unknown(table, str(file))
    check(table, lambda key: f"{file}: {key}")
    return _from_folder(table, file.parent)


def from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    """What the variables say.

    Raises:
        ConfigError: one does not fit, or is nearly one that exists.
    """
    variables = {f"{PREFIX}{key.replace('.', '_').upper()}": key for key in known()}
    table: dict[str, Any] = {}
    for variable, text in env.items():
        if not variable.startswith(PREFIX) or not text:
            continue
        if (key := variables.get(variable)) is not None:
            _put(table, key, _typed(text, schema_of(key)))
        elif near := nearest(variable.removeprefix(PREFIX), [v[len(PREFIX) :] for v in variables]):
            # Only a near miss is refused: others, such as those that Kubernetes sets for a
            # service of that name, are none of ours.
            raise ConfigError(f"unknown variable {variable}; did you mean {PREFIX}{near}?")
    check(table, lambda key: f"{PREFIX}{key.replace('.', '_').upper()}")
    return table


def from_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What arguments say; None stands for not given.

    Raises:
        ConfigError: one does not exist, or does not fit.
    """
    names = {key.replace(".", "_"): key for key in known()}
    table: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in names:
            near = nearest(name, list(names))
            hint = f"; did you mean {near!r}?" if near else ""
            raise ConfigError(f"unknown setting {name!r}{hint}")
        if value is not None:
            _put(table, names[name], _plain(value))
    check(table, lambda key: key.replace(".", "_"))
    if "tools" in table:
        table["tools"] = one_by_one(table["tools"])
    return table


def one_by_one(tools: list[str]) -> list[str]:
    """The tools of a list in which a text may name several, separated by commas."""
    parts = (each.split(",") if not Path(each).exists() else [each] for each in tools)
    return [part.strip() for each in parts for part in each if part.strip()]


def _refuse_strangers(file: Path) -> None:
    """Refuse a file that somebody else has laid into a folder that is not theirs, such as /tmp.

    Nobody named it, and it says which code is imported and which server gets the key.

    Raises:
        ConfigError: its owner is neither this user, nor root, nor whom the folder belongs to.
    """
    try:
        owner, folders = file.stat().st_uid, file.parent.stat().st_uid
    except OSError:
        return  # reading it tells why
    if owner not in (os.geteuid(), 0, folders):
        raise ConfigError(
            f"{file}: belongs to another user (uid {owner}), in a folder that is not theirs, and "
            f"could make tools of this session run anything; where you trust it: --config {file}"
        )


def _from_folder(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The table with its paths made to start at the folder of its file."""
    placed = dict(table)
    for key in _PATHS:
        if isinstance(placed.get(key), str):
            placed[key] = _placed(placed[key], folder)
    if isinstance(trace := placed.get(TRACE), dict) and "path" in trace:
        placed[TRACE] = {**trace, "path": _placed(trace["path"], folder)}
    if isinstance(store := placed.get("store"), str) and store.startswith(_SQLITE):
        placed["store"] = f"{_SQLITE}{_placed(store.removeprefix(_SQLITE), folder)}"
    if "tools" in placed:
        placed["tools"] = [
            each if _BUILTIN.fullmatch(each) else _placed(each, folder)
            for each in one_by_one(placed["tools"])
        ]
    if "profile" in placed:
        placed["profile"] = _profile_placed(placed["profile"], folder)
    return placed


def _profile_placed(profile: Any, folder: Path) -> Any:
    """A profile whose file, or that which its table extends, starts at the folder."""
    if isinstance(profile, dict):
        extended = profile.get("extends", "pure")
        return {**profile, "extends": _profile_placed(extended, folder)}
    is_path = isinstance(profile, str) and (profile.endswith(".toml") or "/" in profile)
    return _placed(profile, folder) if is_path else profile


def _placed(path: str, folder: Path) -> str:
    return str(folder / Path(path).expanduser())


def _typed(text: str, schema: dict[str, Any]) -> object:
    """The value that a variable's text stands for; the text itself where it is none."""
    try:
        match schema.get("type"):
            case "integer":
                return int(text)
            case "number":
                return float(text)
            case "array" | ["string", "array"] as kind if kind == "array" or "," in text:
                return [part.strip() for part in text.split(",") if part.strip()]
            case "object":
                return msgspec.json.decode(text)
            case [*kinds] if "object" in kinds and text.startswith("{"):
                return msgspec.json.decode(text)
    except ValueError:  # msgspec's errors are among them
        pass
    return text


def _plain(value: object) -> object:
    """An argument as the JSON value that the schema checks."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value


def _put(table: dict[str, Any], key: str, value: object) -> None:
    if key.startswith(f"{NESTED}."):
        table.setdefault(NESTED, {})[key.removeprefix(f"{NESTED}.")] = value
    else:
        table[key] = value
