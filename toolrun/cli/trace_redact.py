"""`toolrun trace redact`: a trace without a secret that nobody thought of when it was recorded."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from msgspec import json

from toolrun.cli import screen as s
from toolrun.cli.trace_files import a_trace
from toolrun.cli.view import json_line
from toolrun.errors import ConfigError
from toolrun.trace import layout
from toolrun.trace.blobs import clear
from toolrun.trace.redacting import Redacted, redact_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def redact(
    source: Path,
    target: Path,
    /,
    *,
    secret_env: Annotated[
        list[str] | None,
        Parameter(help="The name of a variable whose value is a secret. May be repeated."),
    ] = None,
    secret_file: Annotated[
        Path | None, Parameter(help="A file with secrets, one a line; - is stdin.")
    ] = None,
    pattern: Annotated[
        list[str] | None,
        Parameter(
            help="A regular expression: its match, or group 1, is a secret. May be repeated."
        ),
    ] = None,
    force: Annotated[bool, Parameter(help="Overwrite the target.")] = False,
    as_json: Annotated[bool, Parameter(name="--json", help="For programs.")] = False,
) -> int:
    """Write a trace again without secrets; it replays as before.

    Secrets are named, never typed: others can read a command line. Keys of well-known forms are
    taken out in any case. The source stays as it is.

    Args:
        source: A trace.
        target: A file that is not there yet.
        secret_env: Names of variables.
        secret_file: A file.
        pattern: Regular expressions.
        force: Overwrite.
        as_json: For programs.
    """
    a_trace(source)
    secrets = [*_of_variables(secret_env or []), *_of_file(secret_file)]
    if target.exists() and not target.is_file():
        raise ConfigError(f"{target} is no file; name one that the trace can be written to")
    if not force and (layout.found(layout.plain(target), 1) is not None or target.exists()):
        raise ConfigError(f"{target} is there already; --force overwrites it")

    def write(path: Path) -> Redacted:
        return redact_trace(source, path, secrets=secrets, patterns=pattern or ())

    done = _overwritten(target, write) if force else write(target)
    if as_json:
        report: dict[str, Any] = {"source": str(source), "target": str(target), "redacted": done}
        print(json_line(json.format(json.encode(report))))
        return 0
    style = s.GOOD if done.changed else s.WARNING
    places = f"redacted in {done.changed:,} of {done.events:,} events"
    said = places if done.changed else f"nothing to redact was found in {done.events:,} events"
    s.Screen.of(sys.stdout).line(style, f"{target}: {said}")
    return 0


def _of_variables(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = os.environ.get(name)
        if not value:
            raise ConfigError(
                f"--secret-env takes the name of a variable; {_name(name)} is not set, or empty"
            )
        yield value


def _name(name: str) -> str:
    """A name, unless it may be the secret itself that somebody typed."""
    return name if name.isidentifier() and name.isupper() else "the one that was given"


def _of_file(file: Path | None) -> list[str]:
    if file is None:
        return []
    from toolrun.cli.options import STDIN

    try:
        text = sys.stdin.read() if str(file) == STDIN else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--secret-file {file}: cannot be read: {error}") from error
    found = [line for line in text.splitlines() if line.strip()]
    if not found:
        raise ConfigError(f"--secret-file {file}: there is no secret in it")
    return found


def _overwritten(target: Path, write: Callable[[Path], Redacted]) -> Redacted:
    """Write a trace in the place of another, whole or not at all."""
    first = layout.plain(target)
    folder = Path(tempfile.mkdtemp(prefix=f".{first.name}.", dir=target.parent))
    try:
        new = folder / first.name
        done = write(new)
        _remove(first)
        if layout.blobs_of(new).is_dir():
            layout.blobs_of(new).rename(layout.blobs_of(first))
        new.replace(first)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return done


def _remove(first: Path) -> None:
    """Take a trace away: its parts, and its long texts; not another that is named alike."""
    head = layout.head_at(found) if (found := layout.found(first, 1)) is not None else None
    part = 1
    while (file := layout.found(first, part)) is not None:
        here = layout.head_at(file)
        if part > 1 and (here is None or head is None or here.session != head.session):
            break
        for each in (layout.part_of(first, part), layout.packed(layout.part_of(first, part))):
            each.unlink(missing_ok=True)
        part += 1
    clear(layout.blobs_of(first))
