"""Which traces does a person mean by these files and folders?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PART: Final = re.compile(r"(.+)\.\d+(\.jsonl(?:\.gz)?)")
_SUFFIXES: Final = (".jsonl", ".jsonl.gz")


def traces(paths: Sequence[Path]) -> list[Path]:
    """The files, and all traces in the folders, sorted, each once.

    The later parts of a trace that was written in several are read with the first.

    Raises:
        ConfigError: a path is not there, or no trace is in a folder.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if _is_first(each))
            if not inside:
                raise ConfigError(f"there is no trace (*.jsonl) in {path}")
            found |= dict.fromkeys(inside)
        else:
            found[a_trace(path)] = None
    return list(found)


def a_trace(path: Path) -> Path:
    """The path of a file.

    Raises:
        ConfigError: it is not there, or is a folder.
    """
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: name one trace in it")
    if not path.exists():
        raise ConfigError(f"there is no trace {path}")
    return path


def _is_first(path: Path) -> bool:
    if not path.name.endswith(_SUFFIXES) or not path.is_file():
        return False
    part = _PART.fullmatch(path.name)
    return part is None or not any(
        path.with_name(part[1] + suffix).exists() for suffix in _SUFFIXES
    )
