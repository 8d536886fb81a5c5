"""What must something be that makes boxes? The contract of every backend."""

from __future__ import annotations

import signal
from socket import socket
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    import contextlib

    from toolrun.sandbox.layer.layer import Layer
    from toolrun.sandbox.order import Order
    from toolrun.sandbox.profile import Guarantee, Profile
    from toolrun.sandbox.view import View


class Start(msgspec.Struct, frozen=True):
    """What a box is started with.

    Attributes:
        command: the whole command line.
        inherit: descriptors that the process inherits beside 0, 1 and 2.
        control: this side of the socket (AF_UNIX, SOCK_SEQPACKET) that jobs are sent by.
        info: read end of the pipe where bubblewrap says which process is the box's first; None
            where the process that is started is that itself.
        is_parent: whether all of the box is below the process that is started: a control group of
            that one is then the box's.
        ends_by: the signal that ends the first process, and with it all the others; SIGKILL where
            that process is the first of a namespace.
    """

    command: tuple[str, ...]
    inherit: tuple[int, ...]
    control: socket
    info: int | None
    is_parent: bool = True
    ends_by: signal.Signals = signal.SIGKILL


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

    async def start(self, order: Order, give: contextlib.ExitStack) -> Start:
        """Prepare a box: what to start it with.

        The descriptors of `Start` that stay open on this side are the caller's from then on.

        Args:
            order: what it is to be.
            give: holds the descriptors that are the box's own, to close once it runs.

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


@runtime_checkable
class Layering(Protocol):
    """A backend that can show a workspace writable, as a layer that lies over it."""

    async def layer(
        self, view: View, folder: str, profile: Profile, stack: contextlib.ExitStack
    ) -> Layer:
        """A fresh layer over a folder, for one box: give it as `Order.layer`.

        Args:
            view: of the box.
            folder: the workspace, one of the view's folders.
            profile: `disk_bytes` and `inodes` are its size.
            stack: the layer is gone when it is closed.

        Raises:
            SandboxUnavailable: none can be made.
        """
        ...
