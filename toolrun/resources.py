"""Where are the files that ship with toolrun? One answer for wheel and editable installs."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

from toolrun.errors import ConfigError

Kind = Literal["schemas", "sandboxes"]
_SUFFIX = {"schemas": ".schema.json", "sandboxes": ".toml"}


@cache
def folder(kind: Kind) -> Path:
    """The folder of `schemas` or `sandboxes`: inside the wheel, else beside the package."""
    package = Path(__file__).resolve().parent
    for candidate in (package / "_shipped" / kind, package.parent / kind):
        if candidate.is_dir():
            return candidate
    raise ConfigError(f"the installation is incomplete: no folder {kind!r}; reinstall toolrun")


def names(kind: Kind) -> list[str]:
    """The names of all shipped files of a kind, sorted, without their suffix."""
    suffix = _SUFFIX[kind]
    return sorted(path.name.removesuffix(suffix) for path in folder(kind).glob(f"*{suffix}"))


@cache
def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file format, such as "trace" or "config".

    Raises:
        ConfigError: no schema of that name ships with toolrun.
    """
    loaded: dict[str, Any] = json.loads(_read("schemas", name))
    return loaded


def sandbox_profile(name: str) -> str:
    """The TOML text of a shipped sandbox profile, such as "pure".

    Raises:
        ConfigError: no profile of that name ships with toolrun.
    """
    return _read("sandboxes", name)


def container_seccomp() -> str:
    """The seccomp profile (JSON, for docker and podman) of a container that toolrun runs in."""
    return (folder("sandboxes") / "container-seccomp.json").read_text(encoding="utf-8")


def _read(kind: Kind, name: str) -> str:
    path = folder(kind) / f"{name}{_SUFFIX[kind]}"
    if name not in names(kind):
        raise ConfigError(f"no {name!r} among the shipped {kind}: {', '.join(names(kind))}")
    return path.read_text(encoding="utf-8")
