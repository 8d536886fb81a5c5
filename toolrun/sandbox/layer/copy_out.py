"""What becomes of what a call wrote? Held against the workspace, recorded, and copied out.

In this order, so that a crash between two of them can be taken back: what is recorded is what would
be restored, and a file that was not reached yet is as it was before.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import anyio

from toolrun.errors import SandboxUnavailable
from toolrun.sandbox.backend import Layering
from toolrun.sandbox.layer.found import Found
from toolrun.sandbox.layer.keep import keep
from toolrun.sandbox.layer.layer import Kept, Refused
from toolrun.sandbox.layer.lock import lock, unlock
from toolrun.sandbox.layer.places import FOLDER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from toolrun.sandbox.backend import Backend
    from toolrun.sandbox.layer.layer import Layer
    from toolrun.sandbox.profile import Profile
    from toolrun.sandbox.view import View
    from toolrun.values import FileChange

    Changing = Callable[[Sequence[FileChange]], Awaitable[None]]


async def opened(
    backend: Backend, view: View, folder: str, profile: Profile, stack: contextlib.ExitStack
) -> Layer:
    """A fresh layer over a workspace, for one box; gone when the stack is closed.

    Raises:
        SandboxUnavailable: the backend can make none.
    """
    if isinstance(backend, Layering):
        return await backend.layer(view, folder, profile, stack)
    raise SandboxUnavailable(
        f"sandbox profile {profile.name!r} needs a writable workspace, which {backend.name} does "
        'not give; use one with workspace = "read-only" or "scratch"'
    )


async def copy_out(
    layer: Layer, profile: Profile, changing: Changing | None, *, whole: bool
) -> Kept:
    """Bring what a call wrote into the workspace; its box must be gone.

    Args:
        layer: of the call.
        profile: bounds how much that may be.
        changing: is awaited before the workspace is touched; what it raises leaves it as it is.
        whole: whether the call came to an end of its own; else nothing is kept.
    """
    if layer.kind == "overlay" and not os.listdir(layer.root):  # noqa: PTH208 - a descriptor
        return Kept()
    if not whole:
        return Kept(dropped=True)
    # A cancelled call is done by now: half of its files would be worse than all or none.
    with anyio.CancelScope(shield=True), contextlib.ExitStack() as stack:
        try:
            workspace = os.open(layer.folder, FOLDER)
            stack.callback(os.close, workspace)
            await lock(workspace)
            stack.callback(unlock, workspace)
            found = await anyio.to_thread.run_sync(
                Found, layer.root, workspace, layer.marks, profile
            )
        except OSError as error:
            return Kept(refused=(Refused(".", error.strerror or str(error)),))
        if found.changes and changing is not None:
            await changing(found.changes)
        failed = await anyio.to_thread.run_sync(
            keep, found.changes, found.stamps, layer.root, workspace
        )
    return Kept(tuple(found.changes), (*found.refused, *failed))
