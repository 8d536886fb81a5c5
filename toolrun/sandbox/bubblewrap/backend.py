"""How does bubblewrap start a box? `Bubblewrap` opens its descriptors and says its command."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from toolrun.sandbox.backend import Start
from toolrun.sandbox.bubblewrap import arguments, seccomp
from toolrun.sandbox.bubblewrap.privilege import Passage, Passages
from toolrun.sandbox.bubblewrap.remedies import remedy
from toolrun.sandbox.code import python
from toolrun.sandbox.descriptors import memory, pipe
from toolrun.sandbox.layer.holder import Holder
from toolrun.sandbox.view import runtime, within

if TYPE_CHECKING:
    from toolrun.sandbox.layer.layer import Layer
    from toolrun.sandbox.order import Order
    from toolrun.sandbox.profile import Guarantee, Profile
    from toolrun.sandbox.view import View


class Bubblewrap:
    """Boxes of namespaces: see `Backend`."""

    name = "bubblewrap"
    guarantees: frozenset[Guarantee] = arguments.guarantees()

    def __init__(self) -> None:
        self._passages = Passages()
        self._holders: dict[Passage, Holder] = {}

    def identity(self) -> str:
        """The path of the program."""
        return arguments.program()

    def remedy(self, said: str) -> str:
        """What would fix what bubblewrap said."""
        return remedy(said)

    def close(self) -> None:
        """Give back the mount namespaces, and prepare no more: nobody would give them back."""
        while self._holders:
            self._holders.popitem()[1].close()
        self._passages.close()

    async def start(self, order: Order, give: contextlib.ExitStack) -> Start:
        """See `Backend.start`."""
        passage = await self._passage(order.view)
        prefix = passage.prefix if order.layer is None else order.layer.prefix
        program = arguments.program()
        with contextlib.ExitStack() as keep:
            info, info_end = pipe(keep, give)
            control, control_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            keep.callback(control.close)
            give.callback(control_end.close)
            boot = memory(give, order.boot)
            machine = seccomp.machine()
            descriptors = arguments.Descriptors(
                passwd=memory(give, arguments.PASSWD),
                group=memory(give, arguments.GROUP),
                info=info_end,
                seccomp=None if machine is None else memory(give, seccomp.program(machine)),
            )
            described = arguments.arguments(order, runtime(), descriptors)
            # By a descriptor: a command line can be read by everybody, in the box and outside.
            args = memory(give, "\0".join(described).encode())
            there = control_end.fileno()
            start = Start(
                command=(*prefix, program, "--args", str(args), "--", *python(boot, there)),
                inherit=(args, boot, there, *arguments.given(descriptors)),
                control=control,
                info=info,
            )
            # From here on they are the caller's.
            keep.pop_all()
            return start

    async def layer(
        self, view: View, folder: str, profile: Profile, stack: contextlib.ExitStack
    ) -> Layer:
        """See `Layering.layer`."""
        passage = await self._passage(view)
        holder = self._holders.get(passage)
        if holder is None:
            holder = self._holders[passage] = Holder(runtime().interpreter, passage)
        return await holder.open(folder, profile, stack)

    async def _passage(self, view: View) -> Passage:
        shown = runtime()
        needed = {folder.path for folder in view.folders} | set(shown.folders)
        if not within(arguments.program(), needed):
            needed.add(arguments.program())
        return await self._passages.get(needed, shown.interpreter)
