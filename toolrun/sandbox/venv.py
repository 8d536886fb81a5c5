"""Which packages of its own does a tool bring? Those of a virtual environment, shown read-only."""

# Paths are a box's arguments here: strings, resolved once.
# ruff: noqa: PTH100, PTH112, PTH114, PTH115, PTH118, PTH120
from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final

import msgspec

from toolrun.errors import ConfigError

OWN_VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
_LINKS: Final = 16
_VERSION: Final = re.compile(r"^version(?:_info)?\s*=\s*(\d+\.\d+)", re.MULTILINE)


class Venv(msgspec.Struct, frozen=True):
    """A virtual environment.

    Attributes:
        folder: where it is.
        site: its site-packages.
        version: of its Python, as "3.12".
        base: what its interpreter, a link, leads to and needs: folders and files.
    """

    folder: str
    site: str
    version: str
    base: tuple[str, ...]


def venv(path: str) -> Venv:
    """The environment at a path: its folder, or its `bin/python`.

    Raises:
        ConfigError: there is none, or its interpreter lies where a box must not look; the message
            says what was looked for.
    """
    given = os.path.abspath(path)
    folder = given if os.path.isdir(given) else os.path.dirname(os.path.dirname(given))
    try:
        described = Path(folder, "pyvenv.cfg").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"python {path!r}: no virtual environment: {folder}/pyvenv.cfg: "
            f"{getattr(error, 'strerror', error)}. Give the folder that python -m venv makes"
        ) from error
    found = _VERSION.search(described)
    version = found[1] if found is not None else OWN_VERSION
    site = f"{folder}/lib/python{version}/site-packages"
    if not os.path.isdir(site):
        raise ConfigError(f"python {path!r}: its packages are not there: {site}. Make it anew")
    return Venv(os.path.realpath(folder), os.path.realpath(site), version, _base(folder))


def of_a_function(path: str, qualname: str) -> Venv:
    """The environment of a function, which runs under the interpreter that this process has.

    Raises:
        ConfigError: there is none, or its packages are another version's.
    """
    found = venv(path)
    if found.version != OWN_VERSION:
        raise ConfigError(
            f"tool {qualname}: python {path!r} is Python {found.version}, and functions run under "
            f"toolrun's own, {OWN_VERSION}. Make it with python{OWN_VERSION} -m venv, or offer a "
            f"program: a manifest whose command begins with {found.folder}/bin/python"
        )
    return found


def _base(folder: str) -> tuple[str, ...]:
    """Each link on the way from the environment's interpreter to the program, and its prefix."""
    place = f"{folder}/bin/python"
    shown: list[str] = []
    for _ in range(_LINKS):
        if not os.path.islink(place):
            break
        place = os.path.normpath(os.path.join(os.path.dirname(place), os.readlink(place)))
        if not place.startswith(f"{folder}/"):
            shown.append(place)
    program = os.path.realpath(place)
    prefix = os.path.dirname(os.path.dirname(program))
    if prefix == "/usr/local":  # the official container images: libpython is there
        return (*shown, f"{prefix}/lib")
    if prefix in {"/usr", "/"}:
        return tuple(shown)
    home = Path(os.path.realpath(Path.home()))
    if Path(prefix) in (home, *home.parents) or not os.path.isdir(f"{prefix}/lib"):
        raise ConfigError(
            f"python {folder!r}: its interpreter is {program}, and a box would see all of {prefix} "
            "with it. Make the environment with a Python that has a folder of its own"
        )
    return (*shown, prefix)
