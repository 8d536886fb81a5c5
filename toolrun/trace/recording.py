"""How shall a session be recorded? `Recording`: where to, in how many files, without what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from toolrun.errors import ConfigError
from toolrun.events import SessionOpened

BLOB_BYTES: Final = 65_536
SMALLEST: Final = 4_096
"""Bytes of a part, and of a text that lies beside: less makes more files than it is worth."""

Find = Callable[[str], Iterable[str]]
"""Gives the secrets that stand in a text."""


class Recording(Struct, frozen=True, kw_only=True):
    """What `trace=` takes where the path of a file does not say enough.

    Attributes:
        path: of the file; True: one below the user's state folder.
        max_bytes: what one file may hold: the next part is `x.2.jsonl`, then `x.3.jsonl`. A single
            step that is longer makes a longer file. No end by default.
        compress: finished files become `x.jsonl.gz`.
        patterns: regular expressions; what they match, or their first group where they have one, is
            replaced by "[redacted]" before anything is written. Keys of well-known forms always
            are.
        find: a function from a text to the secrets in it, for what no pattern describes. It is
            asked for every text that is written; where it raises, the trace stops and the session
            goes on.
        blob_bytes: longer texts lie beside the file, in `x.blobs`, each once; None: all stand in
            the file.

    Raises:
        ConfigError: a value does not fit; the message names it and what would fit.
    """

    path: str | Path | Literal[True] = True
    max_bytes: int | None = None
    compress: bool = False
    patterns: tuple[str, ...] = ()
    find: Find | None = None
    blob_bytes: int | None = BLOB_BYTES

    def __post_init__(self) -> None:
        """Check what would be found out in the middle of a session."""
        _check_path(self.path)
        for name in ("max_bytes", "blob_bytes"):
            _check_bytes(name, getattr(self, name))
        if not isinstance(self.compress, bool):
            raise ConfigError(f"trace: compress is True or False, not {self.compress!r}")
        if self.find is not None and not callable(self.find):
            raise ConfigError(
                "trace: find must be a function from a text to the secrets in it, not "
                f"{type(self.find).__name__}"
            )
        msgspec.structs.force_setattr(self, "patterns", _checked(self.patterns))

    @classmethod
    def of(cls, wanted: str | Path | bool | Recording | None) -> Recording | None:  # noqa: FBT001 - as users give it
        """Internal: what an option `trace` means; None: nothing is recorded.

        Raises:
            ConfigError: it is none that fits.
        """
        if wanted is None or wanted is False or wanted == "":
            return None
        return wanted if isinstance(wanted, cls) else cls(path=wanted)  # type: ignore[arg-type]  # a path, by now


class GoingOn(Recording, frozen=True, kw_only=True):
    """The recording of a session that another process has left.

    Attributes:
        told: the number of the last event that the trace has; 0: it is a new one.
        opened: what the session began with.
    """

    told: int = 0
    opened: SessionOpened | None = None


def _check_path(path: Any) -> None:
    if path is True:
        return
    if not isinstance(path, str | Path) or not str(path):
        raise ConfigError(
            "trace must be a path, True for one below the state folder, or a "
            f"Recording(path=..., max_bytes=..., ...), not {path!r}"
        )
    if "\0" in str(path):
        raise ConfigError(f"trace: {str(path)!r} is no path that a file can have")
    if str(path).endswith(".gz"):
        plain = str(path).removesuffix(".gz")
        raise ConfigError(
            f"trace: {str(path)!r} would be plain text; give Recording(path={plain!r}, "
            "compress=True), which compresses the file once it is finished"
        )


def _check_bytes(name: str, value: Any) -> None:
    if value is None:
        return
    if type(value) is not int or value < SMALLEST:
        raise ConfigError(f"trace: {name} is a number of bytes from {SMALLEST}, not {value!r}")


def _checked(patterns: Any) -> tuple[str, ...]:
    if isinstance(patterns, str) or not isinstance(patterns, Iterable):
        raise ConfigError(f"trace: patterns is a list of regular expressions, not {patterns!r}")
    kept = tuple(patterns)
    for pattern in kept:
        if not isinstance(pattern, str):
            raise ConfigError(f"trace: a pattern is a text, not {pattern!r}")
        expression(pattern, "trace: the pattern")
    return kept


def expression(pattern: str, what: str) -> re.Pattern[str]:
    """A regular expression for what stands in texts.

    Args:
        pattern: as the user wrote it.
        what: how an error calls it.

    Raises:
        ConfigError: it does not compile, or matches nothing at all, too.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(f"{what} {pattern!r} does not compile: {error}") from None
    if compiled.match(""):
        raise ConfigError(
            f"{what} {pattern!r} matches nothing at all, too, and so stands everywhere; write it "
            "so that it needs a character (+ for *)"
        )
    return compiled
