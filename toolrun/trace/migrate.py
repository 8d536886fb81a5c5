"""How does a trace of an older format become one of the newest?"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from toolrun.errors import TraceError
from toolrun.events import SessionOpened
from toolrun.trace.encoder import LineEncoder
from toolrun.trace.header import FORMAT, TraceHeader, where
from toolrun.trace.reader import TraceReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from toolrun.events import Event


def migrate_trace(source: str | Path, target: str | Path) -> int:
    """Write a trace again in the newest format; it replays to the same events.

    Half a line at the end of the source is left out. The target appears whole or not at all, and
    only its owner may read it (0600).

    Args:
        source: of an older format; it stays as it is.
        target: a file that is not there yet, in a folder that is.

    Returns:
        How many events it has.

    Raises:
        TraceError: the source is no trace, or of the newest format already; the target is there,
            or cannot be written.
    """
    target = Path(target)
    with TraceReader(source) as reader:
        if reader.header.format == FORMAT:
            raise TraceError(f"{source} has format {FORMAT}, the newest: nothing to migrate")
        try:
            with _appearing(target) as file:
                return _write(reader, file)
        except FileExistsError as error:
            raise TraceError(
                f"{target} is there already, and is not overwritten; give another path"
            ) from error
        except OSError as error:
            raise TraceError(f"{target}: cannot be written: {error.strerror or error}") from error


def _write(reader: TraceReader, file: BinaryIO) -> int:
    """Write step by step, in memory that does not grow with the file."""
    encoder, count = LineEncoder(None), 0
    waiting: list[Event] = []
    for event in reader:
        if not count:
            file.write(_header(reader.header, event))
        count += 1
        waiting.append(event)
        if event.durable:
            file.write(encoder.lines(waiting))
            waiting.clear()
    if not count:
        file.write(_header(reader.header, None))
    file.write(encoder.lines(waiting))
    return count


def _header(old: TraceHeader, first: Event | None) -> bytes:
    """A header that says who recorded the trace, and when, as the old one does."""
    model, urls = where(first if isinstance(first, SessionOpened) else None)
    header = msgspec.structs.replace(old, format=FORMAT, model=model, base_url=urls)
    return msgspec.json.encode(header) + b"\n"


@contextlib.contextmanager
def _appearing(path: Path) -> Iterator[BinaryIO]:
    """A file that is at its path once it is whole.

    Raises:
        FileExistsError: there is one by then.
    """
    if path.exists():
        raise FileExistsError(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        # A link, other than a renaming, does not replace what has come to be there meanwhile.
        path.hardlink_to(part)
    finally:
        part.unlink(missing_ok=True)
