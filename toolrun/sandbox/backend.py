"""What must something be that makes boxes? The contract of every backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    import contextlib

    from toolrun.sandbox.order import Order
    from toolrun.sandbox.profile import Guarantee


class Start(msgspec.Struct, frozen=True):
    """What a box is started with.

    Attributes:
        command: the whole command line.
        inherit: descriptors that the process inherits beside 0, 1 and 2.
        stdin: descriptor of its standard input.
        info: read end of the pipe where bubblewrap says which process is the box's first.
        result: read end of the pipe of the result's frames; None for a plain command.
    """

    command: tuple[str, ...]
    inherit: tuple[int, ...]
    stdin: int
    info: int
    result: int | None


class Backend(Protocol):
    """Makes boxes.

    Attributes:
        name: "bubblewrap", ...
        guarantees: what its boxes hold; a profile that needs another one is refused.
    """

    name: str
    guarantees: frozenset[Guarantee]

    def identity(self) -> str:
        """What a probe holds for: the program that makes the boxes.

        Raises:
            SandboxUnavailable: it is not there.
        """
        ...

    async def start(
        self, order: Order, stack: contextlib.ExitStack
    ) -> tuple[Start, contextlib.ExitStack]:
        """Prepare a box: what to start it with, and the descriptors to close once it runs.

        Args:
            order: what it is to be.
            stack: holds the descriptors that stay open on this side.

        Raises:
            SandboxUnavailable: it cannot be made.
        """
        ...

    def remedy(self, said: str) -> str:
        """What would fix what the backend said when it failed."""
        ...

    def close(self) -> None:
        """Give back what was prepared."""
        ...
