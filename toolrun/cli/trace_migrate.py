"""`toolrun trace migrate`: traces of an older format in the newest."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from toolrun.cli import screen as s
from toolrun.cli.bar import Bar
from toolrun.cli.trace_files import traces
from toolrun.errors import ConfigError, TraceError
from toolrun.trace import layout
from toolrun.trace.check import check_trace
from toolrun.trace.header import FORMAT
from toolrun.trace.migrate import migrate_trace
from toolrun.trace.reader import TraceReader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def migrate(
    *files: Path,
    output: Annotated[Path | None, Parameter(help="The folder that the new files go to.")] = None,
    in_place: Annotated[bool, Parameter(help="Put the new file in the place of the old.")] = False,
) -> int:
    """Write traces of an older format again in the newest; they replay to the same events.

    Older formats are read for ever, so nobody has to. Traces of the newest format are passed over.
    No file is overwritten, but with --in-place the old one itself, once the new one is whole and
    was checked. Ends with 0 where all went well, else with 1.

    Args:
        files: Traces, and folders with traces.
        output: A folder.
        in_place: Replace the old files.
    """
    if not files:
        raise ConfigError("name a trace or a folder: toolrun trace migrate FILE --output FOLDER")
    if (output is None) is not in_place:
        raise ConfigError("say where the new files go: --output FOLDER, or --in-place")
    found = traces(files)
    folders = [file for file in files if file.is_dir()]
    screen = s.Screen.of(sys.stdout)
    failed = False
    with Bar(len(found), sys.stderr) as bar:
        for file in found:
            bar.at(str(file))
            style, text = _migrated(file, output and output / _inside(file, folders))
            failed |= style is s.BAD
            with bar.aside():
                screen.line(style, text)
    return 1 if failed else 0


def _inside(file: Path, folders: Sequence[Path]) -> Path:
    """Where a trace lies in the folder that was named, or its name alone."""
    for folder in folders:
        if file.is_relative_to(folder):
            return layout.plain(file.relative_to(folder))
    return Path(layout.plain(file).name)


def _migrated(file: Path, target: Path | None) -> tuple[s.Style, str]:
    """Migrate one trace, to a target or in its place; what is said of it."""
    try:
        with TraceReader(file) as reader:
            if reader.header.format == FORMAT:
                return s.NOTE, f"{file}: has format {FORMAT}, the newest, and stays"
        if target is None:
            events = _replace(file, lambda new: migrate_trace(file, new))
            return s.GOOD, f"{file}: {events:,} events, format {FORMAT} now"
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        events = migrate_trace(file, target)
    except TraceError as error:
        return s.BAD, str(error)
    return s.GOOD, f"{file} -> {target}: {events:,} events, format {FORMAT}"


def _replace(file: Path, write: Callable[[Path], int]) -> int:
    """Put a new file in the place of an old one, whole or not at all.

    Raises:
        TraceError: the new one is not right, or cannot be put there; the old one stays.
    """
    if file.name.endswith(layout.PACKED):
        raise TraceError(f"{file} is compressed; --output FOLDER writes a new file")
    new = file.with_name(f".{file.stem}.{secrets.token_hex(8)}{file.suffix}")
    try:
        events = write(new)
        if check_trace(new).events != events:
            raise TraceError(f"{file}: the new file does not hold the same events; it stays")
        new.replace(file)
    except OSError as error:
        raise TraceError(f"{file}: cannot be replaced: {error.strerror or error}") from error
    finally:
        new.unlink(missing_ok=True)
    return events
