"""Which profile does a name, a file or a table mean, and what of it comes from where?"""

from __future__ import annotations

import difflib
import math
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from toolrun import resources
from toolrun.errors import ConfigError
from toolrun.sandbox.narrow import in_order, is_within, narrow
from toolrun.sandbox.profile import Chosen, Profile

_DEFAULT: Final = "default"
_SETS: Final = ("guarantees", "hosts", "private_hosts", "methods")


class Widened(Struct, frozen=True):
    """A key of which a profile gives more than the one that it extends, because it says so."""

    key: str
    source: str
    before: Any
    after: Any


class Resolved(Struct, frozen=True):
    """A profile, and how it came about.

    Attributes:
        chain: where it and what it extends stand, the outermost first.
        origins: of each key, and of each variable ("env.NAME"), where its value stands.
        widened: what gives more than the extended profile, those of the whole chain.
    """

    profile: Profile
    chain: tuple[str, ...]
    origins: dict[str, str]
    widened: tuple[Widened, ...] = ()


def load_profile(chosen: Chosen) -> Profile:
    """The profile that is meant; see `resolve`.

    Args:
        chosen: the name of one that ships, a path of a TOML file, or a table that `extends` one.
    """
    return resolve(chosen).profile


def resolve(chosen: Chosen, *, source: str = "given as a table") -> Resolved:
    """Put a profile together.

    Args:
        chosen: the name of one that ships ("pure"), the path of a TOML file ("./mine.toml"), or a
            table: `extends` one of these, or a table again, and changes keys of it.
        source: where a table stands, for messages.

    Raises:
        ConfigError: there is no such profile, it does not fit the schema, extends itself, or gives
            more than what it extends without saying so; the message names the file and the key.
    """
    return _resolve(chosen, source, "", ())


def over(base: Chosen, chosen: Chosen | None) -> Chosen:
    """What a choice means over another, the session's: a table that extends nothing narrows that.

    Args:
        base: what holds where nothing is chosen.
        chosen: a name, a path or a table; None: nothing.
    """
    if chosen is None:
        return base
    if isinstance(chosen, str) or "extends" in chosen:
        return chosen
    return {"extends": base, **chosen}


def plain(chosen: Chosen, source: str) -> str | dict[str, Any]:
    """A copy of a choice as JSON values, which journals keep.

    Raises:
        ConfigError: a table that holds something else.
    """
    if isinstance(chosen, str):
        return chosen
    try:
        copied: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(chosen))
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"sandbox profile {source}: not plain values: {error}") from error
    return copied


def label(chosen: Chosen) -> str:
    """What a profile is called where there is one word for it: "pure", "pure, narrowed".

    Of a table what it widens is said: "pure, widened: memory_bytes".
    """
    if isinstance(chosen, str):
        return chosen
    keys: dict[str, None] = {}
    while isinstance(chosen, Mapping):
        keys |= dict.fromkeys(chosen.get("widen", ()))
        chosen = chosen.get("extends", "table")
    return f"{chosen}, widened: {', '.join(sorted(keys))}" if keys else f"{chosen}, narrowed"


def _resolve(chosen: Chosen, source: str, folder: str, below: tuple[str, ...]) -> Resolved:
    """Resolve what is chosen in a folder by the last of those that extend each other."""
    if isinstance(chosen, Mapping):
        table = plain(chosen, source)
        assert isinstance(table, dict)
        return _built(table, source, label(table), folder, below)
    if chosen.endswith(".toml") or "/" in chosen:
        path = os.path.normpath(Path(folder, chosen).expanduser())
        table, name = _parsed(_read(path), path), Path(path).stem
        return _built(table, path, name, str(Path(path).parent), _above(below, path))
    shipped = resources.names("sandboxes")
    if chosen not in shipped:
        raise ConfigError(
            f"no sandbox profile {chosen!r}{_nearest(chosen, shipped)}; "
            f"shipped are {', '.join(shipped)}; a file of your own is given by its path (*.toml)"
        )
    source = f"sandboxes/{chosen}.toml"
    table = _parsed(resources.sandbox_profile(chosen), source)
    return _built(table, source, chosen, folder, (*below, source))


def _above(below: tuple[str, ...], path: str) -> tuple[str, ...]:
    """The chain with one more file.

    Raises:
        ConfigError: it is in it already.
    """
    real = os.path.realpath(path)
    if any(os.path.realpath(each) == real for each in below):
        raise ConfigError(
            f"sandbox profile {path}: extends itself, by way of {' -> '.join((*below, path))}"
        )
    return (*below, path)


def _built(
    table: dict[str, Any], source: str, name: str, folder: str, below: tuple[str, ...]
) -> Resolved:
    _check(table, source)
    changes = {
        key: _whole(key, value) for key, value in table.items() if key not in {"extends", "widen"}
    }
    said = _origins(changes, source)
    if "extends" not in table:
        profile = msgspec.convert({**changes, "name": name}, Profile)
        profile = msgspec.structs.replace(
            profile, **{key: in_order(key, getattr(profile, key)) for key in _SETS}
        )
        every = [key for key in Profile.__struct_fields__ if key not in {"name", "env"}]
        return Resolved(profile, (source,), {**dict.fromkeys(every, _DEFAULT), **said})
    widen = table.get("widen", [])
    if idle := [key for key in widen if key not in changes]:
        raise ConfigError(
            f"sandbox profile {source}: widen names {idle[0]!r}, which is not set there; "
            "set it, or take it out of widen"
        )
    extended = table["extends"]
    above = f"{source}: extends" if isinstance(extended, Mapping) else source
    base = _resolve(extended, above, folder, below)
    changed = narrow(base.profile, changes, source=source, widen=widen)
    own = tuple(
        Widened(key, source, before, after)
        for key in widen
        if not is_within(key, after := getattr(changed, key), before := getattr(base.profile, key))
    )
    return Resolved(
        msgspec.structs.replace(changed, name=name),
        (source, *base.chain),
        {**base.origins, **said},
        (*base.widened, *own),
    )


def _origins(changes: Mapping[str, Any], source: str) -> dict[str, str]:
    variables = [f"env.{name}" for name in changes.get("env", ())]
    return dict.fromkeys([*(key for key in changes if key != "env"), *variables], source)


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"sandbox profile {path}: cannot be read: {error}") from error


def _parsed(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"sandbox profile {source}: not TOML: {error}") from error


def _check(table: dict[str, Any], source: str) -> None:
    # Late: jsonschema takes longer to import than a box takes to start.
    import jsonschema

    schema = resources.schema("sandbox-profile")
    known = list(schema["properties"])
    unknown = [key for key in table if key not in known]
    if unknown:
        raise ConfigError(
            f"sandbox profile {source}: unknown key {unknown[0]!r}{_nearest(unknown[0], known)}; "
            f"known are {', '.join(known)}"
        )
    errors = jsonschema.Draft202012Validator(schema).iter_errors(table)
    error = jsonschema.exceptions.best_match(errors)
    if error is None:
        if math.isnan(table.get("wall_seconds", 1)):  # no bound holds against it
            raise ConfigError(f"sandbox profile {source}: key 'wall_seconds': nan is no number")
        return
    key = ".".join(str(part) for part in error.absolute_path)
    where = f"key {key!r}: " if key else ""
    hint = ""
    if error.validator == "enum" and isinstance(error.instance, str):
        hint = _nearest(error.instance, [str(value) for value in error.validator_value])
    elif error.validator == "required":
        hint = '; or take it from another: extends = "pure"'
    raise ConfigError(f"sandbox profile {source}: {where}{error.message}{hint}")


def _whole(key: str, value: Any) -> Any:
    """A value as the number that it is: to JSON Schema 2.0 is a whole one."""
    integer = resources.schema("sandbox-profile")["properties"][key].get("type") == "integer"
    return int(value) if integer else value


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
