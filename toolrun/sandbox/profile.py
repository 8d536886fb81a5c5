"""What may a sandboxed tool touch, and how much? Profiles: TOML, checked by their schema."""

from __future__ import annotations

import difflib
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from toolrun import resources
from toolrun.errors import ConfigError

Guarantee = Literal[
    "files",
    "network",
    "environment",
    "processes",
    "privileges",
    "proc",
    "terminal",
    "limits",
    "resident-memory",
    "disk",
    "tree-kill",
    "syscalls",
]
Workspace = Literal["none", "read-only", "writable", "scratch"]
Network = Literal["none", "allow-list"]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandboxed tool may touch, and how much; every field is described in the schema."""

    name: str
    description: str
    workspace: Workspace
    network: Network
    wall_seconds: float
    cpu_seconds: int
    memory_bytes: int
    address_space_bytes: int
    processes: int
    open_files: int
    disk_bytes: int
    inodes: int
    output_bytes: int
    guarantees: tuple[Guarantee, ...]
    hosts: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("GET", "HEAD")
    env: dict[str, str] = {}

    def __hash__(self) -> int:
        """One profile, one pool of boxes: by every field, the environment's dict included."""
        fields = msgspec.structs.astuple(self)
        return hash((*fields[:-1], frozenset(self.env.items())))


def load_profile(name_or_path: str) -> Profile:
    """Load a profile: one that ships, by name ("pure"), or a TOML file of the user's, by path.

    Raises:
        ConfigError: there is no such profile, or it does not fit the schema; the message names
            the file, the key and what would fit.
    """
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        path = Path(name_or_path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"sandbox profile {name_or_path}: cannot be read: {error}") from error
        return _parse(text, name=path.stem, source=str(path))
    shipped = resources.names("sandboxes")
    if name_or_path not in shipped:
        raise ConfigError(
            f"no sandbox profile {name_or_path!r}{_nearest(name_or_path, shipped)}; "
            f"shipped are {', '.join(shipped)}; a file of your own is given by its path (*.toml)"
        )
    text = resources.sandbox_profile(name_or_path)
    return _parse(text, name=name_or_path, source=f"sandboxes/{name_or_path}.toml")


@cache
def _parse(text: str, *, name: str, source: str) -> Profile:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"sandbox profile {source}: not TOML: {error}") from error
    _check(table, source)
    return msgspec.convert({**table, "name": name}, Profile)


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
        return
    key = ".".join(str(part) for part in error.absolute_path)
    where = f"key {key!r}: " if key else ""
    hint = ""
    if error.validator == "enum" and isinstance(error.instance, str):
        hint = _nearest(error.instance, [str(value) for value in error.validator_value])
    raise ConfigError(f"sandbox profile {source}: {where}{error.message}{hint}")


def _nearest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
