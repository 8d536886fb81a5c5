"""How far do a trace and the store of its session say the same?

A trace hears of each event before the store does: a process that dies in between leaves a trace
with events that never were. A session that goes on writes the trace on from where the store ends.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from toolrun.trace import layout
from toolrun.trace.opening import reopen

if TYPE_CHECKING:
    from pathlib import Path


class _Place(Struct):
    seq: int = 0


_place = msgspec.json.Decoder(_Place)


def rewind(path: Path, session: str, seq: int) -> int:
    """Cut off what a trace says of events that the store of its session does not have.

    Args:
        path: of its first part.
        session: the id.
        seq: the number of the last event in the store.

    Returns:
        The number of the last event that the trace has then, 0 where there is no trace of the
        session.
    """
    first = layout.found(path, 1)
    head = None if first is None else layout.head_at(first)
    if first is None or head is None or head.session != session:
        return 0
    last, part = first, 1
    while (file := layout.found(path, part + 1)) is not None:
        last, part = file, part + 1
    if last.name.endswith(layout.PACKED):  # it was finished in order, and so all that it has was
        return seq
    try:
        return _cut(last, seq) or (seq if part > 1 else 0)
    except OSError:  # the sink that writes on says so
        return seq


def _cut(file: Path, seq: int) -> int:
    """Cut a file; the number of the last event that is left, 0 where there is none."""
    opened = reopen(file)
    try:
        text = os.pread(opened, os.fstat(opened).st_size, 0)
        end = len(text)
        while end:
            begin = text.rfind(b"\n", 0, end - 1) + 1
            number = _number(text[begin:end])
            if 0 < number <= seq:
                return number
            if number > seq:
                os.ftruncate(opened, begin)
            end = begin
        return 0
    finally:
        os.close(opened)


def _number(line: bytes) -> int:
    """The `seq` of a line; 0 where it has none: pieces that follow the line before, a header."""
    try:
        return _place.decode(line).seq
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return 0
