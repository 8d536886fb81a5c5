"""What becomes of an open store in a process that was forked? It is closed there, without a word.

Its thread is not in the child, and its connections are the parent's: closing one would end it for
the parent, too. So the child keeps them, and never touches them.
"""

from __future__ import annotations

import atexit
import os
import weakref
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from toolrun.store.store import SqlStore
    from toolrun.store.writer import Writer

EXIT_SECONDS: Final = 5.0
"""How long the end of the process waits for what is being written."""

_stores: weakref.WeakSet[SqlStore] = weakref.WeakSet()
_writers: weakref.WeakSet[Writer] = weakref.WeakSet()
_parents: Final[list[Any]] = []


def opened(store: SqlStore, writer: Writer) -> None:
    """A store was opened: look after it when the process is forked, or ends."""
    _stores.add(store)
    _writers.add(writer)


def _in_child() -> None:
    for store in list(_stores):
        _parents.append(store.leave())
    _parents.extend(_writers)
    _writers.clear()


def _at_exit() -> None:
    writers = list(_writers)
    for writer in writers:
        writer.stop()
    for writer in writers:
        writer.join(EXIT_SECONDS)


os.register_at_fork(after_in_child=_in_child)
atexit.register(_at_exit)
