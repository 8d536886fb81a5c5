"""How does sandlock become a box? `Sandlock` describes it; a guard starts it and ends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.errors import SandboxUnavailable

if TYPE_CHECKING:
    import contextlib

    from toolrun.sandbox.backend import Start
    from toolrun.sandbox.order import Order
    from toolrun.sandbox.profile import Guarantee


class Sandlock:
    """Boxes of Landlock and seccomp: see `Backend`."""

    name = "sandlock"
    guarantees: frozenset[Guarantee] = frozenset()

    def identity(self) -> str:
        """The version of the package."""
        raise SandboxUnavailable(
            "sandbox: sandlock is not installed: pip install toolrun[sandlock]"
        )

    def remedy(self, said: str) -> str:
        """What would fix what sandlock said."""
        return said

    def close(self) -> None:
        """Nothing is prepared."""

    async def start(self, order: Order, give: contextlib.ExitStack) -> Start:  # noqa: ARG002
        """See `Backend.start`."""
        raise SandboxUnavailable(self.identity())
