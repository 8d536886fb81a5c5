"""How does bubblewrap start a box? `Bubblewrap` opens its descriptors and says its command."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import msgspec

from toolrun.sandbox.backend import Start
from toolrun.sandbox.bubblewrap import arguments
from toolrun.sandbox.bubblewrap.privilege import Passage, open_passage
from toolrun.sandbox.bubblewrap.remedies import remedy
from toolrun.sandbox.code import python
from toolrun.sandbox.hidden import Hider
from toolrun.sandbox.view import runtime, within

if TYPE_CHECKING:
    from toolrun.sandbox.order import Order
    from toolrun.sandbox.view import View


class Bubblewrap:
    """Boxes of namespaces: see `Backend`."""

    name = "bubblewrap"
    guarantees = arguments.GUARANTEES

    def __init__(self) -> None:
        self._hider = Hider()
        self._passages: dict[frozenset[str], Passage] = {}

    def identity(self) -> str:
        """The path of the program."""
        return arguments.program()

    def remedy(self, said: str) -> str:
        """What would fix what bubblewrap said."""
        return remedy(said)

    def close(self) -> None:
        """Give back the mount namespaces."""
        while self._passages:
            self._passages.popitem()[1].close()

    async def start(
        self, order: Order, stack: contextlib.ExitStack
    ) -> tuple[Start, contextlib.ExitStack]:
        """See `Backend.start`."""
        passage = await self._passage(order.view)
        give = stack.enter_context(contextlib.ExitStack())
        info, info_end = _pipe(stack, give)
        result, result_end = _pipe(stack, give)
        job = _memory(give, order.content)
        descriptors = arguments.Descriptors(
            passwd=_memory(give, arguments.PASSWD),
            group=_memory(give, arguments.GROUP),
            info=info_end,
        )
        folders = [(folder, self._hider.masks(folder)) for folder in order.view.folders]
        described = arguments.arguments(order, runtime(), folders, descriptors)
        # By a descriptor: a command line can be read by everybody, in the box and outside.
        args = _memory(give, "\0".join(described).encode())
        program = (arguments.program(), "--args", str(args), "--")
        return Start(
            command=(*passage.prefix, *program, *python(job, result_end)),
            inherit=(args, job, result_end, *msgspec.structs.astuple(descriptors)),
            stdin=_memory(give, order.stdin),
            info=info,
            result=result,
        ), give

    async def _passage(self, view: View) -> Passage:
        shown = runtime()
        needed = {folder.path for folder in view.folders} | set(shown.folders)
        if not within(arguments.program(), needed):
            needed.add(arguments.program())
        key = frozenset(needed)
        if key not in self._passages:
            passage = await open_passage(needed, shown.interpreter)
            if key in self._passages:  # two first calls at once
                passage.close()
            else:
                self._passages[key] = passage
        return self._passages[key]


def _pipe(stack: contextlib.ExitStack, give: contextlib.ExitStack) -> tuple[int, int]:
    read, write = os.pipe2(os.O_CLOEXEC)
    stack.callback(os.close, read)
    give.callback(os.close, write)
    return read, write


def _memory(give: contextlib.ExitStack, content: bytes) -> int:
    """A descriptor to read bytes from: unlike a pipe it takes any number without waiting."""
    descriptor = os.memfd_create("toolrun", os.MFD_CLOEXEC)
    give.callback(os.close, descriptor)
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
