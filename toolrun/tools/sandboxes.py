"""Which sandboxes does a runtime have? One for each profile and workspace, all with one pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import anyio
import msgspec
import structlog

from toolrun.sandbox import Boxes, Sandbox
from toolrun.sandbox.pool import Pool
from toolrun.sandbox.resolve import plain, resolve
from toolrun.tools.living import Living

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.sandbox.profile import Chosen, Profile


MOST: Final = 64
"""Sandboxes that stay open: some hold descriptors, and a process where a workspace is writable."""


class Sandboxes:
    """The sandboxes of a runtime, one for each profile and workspace, opened when first needed."""

    def __init__(self, boxes: Boxes | None = None) -> None:
        self.pool: Pool = Pool(boxes)
        self.living: Living = Living(max(1, self.pool.bounds.running // 4))
        """What holds a box between calls."""
        self._open: dict[tuple[Profile, Path | None, str | None], Sandbox] = {}
        self._profiles: dict[bytes, Profile] = {}
        self._lock: anyio.Lock | None = None

    async def opened(
        self,
        chosen: Chosen,
        workspace: Path | None,
        source: str = "given as a table",
        backend: str | None = None,
    ) -> Sandbox:
        """The sandbox for a profile, probed.

        Args:
            chosen: the profile.
            workspace: the folder that it may show.
            source: where a table stands, for messages.
            backend: what makes the boxes; the first that holds where None.

        Raises:
            SandboxUnavailable: it does not hold; nothing may run.
            ConfigError: no such profile, or no such workspace.
        """
        profile = self._profile(chosen, source)
        key = (profile, workspace, backend)
        if (ready := self._open.pop(key, None)) is not None:
            self._open[key] = ready  # the last to be closed
            return ready
        self._lock = self._lock or anyio.Lock()
        async with self._lock:
            if key not in self._open:
                sandbox = Sandbox(profile, workspace=workspace, pool=self.pool, backend=backend)
                await sandbox.open()
                self._open[key] = sandbox
                await self._close_unused(sandbox)
        return self._open[key]

    async def _close_unused(self, but: Sandbox) -> None:
        """Close those that nobody has used for longest: a service may have one for each session."""
        for key, sandbox in list(self._open.items()):
            if len(self._open) <= MOST:
                return
            if sandbox is not but and not sandbox.is_used:
                del self._open[key]
                await sandbox.aclose()

    def _profile(self, chosen: Chosen, source: str) -> Profile:
        """The profile that is meant, put together once; what it widens is logged."""
        key = msgspec.json.encode(plain(chosen, source), order="sorted")
        if (ready := self._profiles.get(key)) is not None:
            return ready
        found = resolve(chosen, source=source)
        for each in found.widened:
            structlog.get_logger("toolrun").info(
                "sandbox profile widened",
                profile=found.profile.name,
                key=each.key,
                before=each.before,
                after=each.after,
                source=each.source,
            )
        self._profiles[key] = found.profile
        return found.profile

    async def aclose(self) -> None:
        """Close all of them, and see all their boxes gone."""
        await self.living.aclose()
        await self.pool.aclose()
        self.close()

    def close(self) -> None:
        """The same where no event loop runs any more."""
        self.living.close()
        self.pool.close()
        while self._open:
            self._open.popitem()[1].close()
