"""How does one call get its box, and what goes on around it while it runs?"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final

import anyio
import msgspec

from toolrun.errors import ConfigError, SandboxUnavailable
from toolrun.sandbox.backend import Backend
from toolrun.sandbox.box import Box
from toolrun.sandbox.code import boot
from toolrun.sandbox.hidden import Hider, Mask
from toolrun.sandbox.layer.copy_out import copy_out, opened
from toolrun.sandbox.layer.layer import Layer
from toolrun.sandbox.order import Order, working_folder
from toolrun.sandbox.outcomes import ended_by_itself, lacking
from toolrun.sandbox.process import Process
from toolrun.sandbox.profile import Profile
from toolrun.sandbox.run import Run
from toolrun.sandbox.view import View

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence

    from toolrun.sandbox.egress.addresses import Resolve
    from toolrun.sandbox.egress.proxy import Proxy, Tell
    from toolrun.sandbox.job import Hears
    from toolrun.sandbox.pool import Pool

_ATTEMPTS: Final = 3


class Calls:
    """What the calls of one sandbox have in common.

    Attributes:
        backend: makes the boxes.
        may_run: whether it was seen to hold, or is being attacked to see that.
        active: how many calls are under way.
    """

    def __init__(
        self,
        profile: Profile,
        workspace: str | None,
        pool: Pool,
        backend: Backend,
        resolve: Resolve | None,
    ) -> None:
        self.profile = profile
        self.workspace = workspace
        self.pool = pool
        self.backend = backend
        self.may_run = False
        self.active: int = 0
        self._hider = Hider()
        self._proxy = None if profile.network == "none" else _proxy(profile, resolve)

    def kind(self, view: View, env: Iterable[str]) -> Kind:
        """What makes a box fit for a call.

        Args:
            view: what it sees.
            env: the names of the variables that the call brings.

        Raises:
            SandboxUnavailable: the backend was not seen to hold.
        """
        if not self.may_run:
            raise SandboxUnavailable(
                "sandbox: it was not opened, so it was not seen to hold, and nothing was run. Use "
                "it as a context manager (async with Sandbox(...)), or await open() first"
            )
        masks = tuple(tuple(self._hider.masks(folder)) for folder in view.folders)
        # What a module reads of the environment when it is imported has to be there by then.
        preload = bool(view.file) and all(name.startswith(_OURS) for name in env)
        return Kind(self.backend, self.profile, view, masks, self.workspace, preload)

    async def run(
        self,
        view: View,
        content: dict[str, Any],
        stdin: bytes | int,
        seconds: float,
        env: Mapping[str, str],
        tenant: str | None,
        hears: Hears,
    ) -> tuple[Run, float]:
        """Run a job in a box that fits, and nothing of it is left; also its seconds.

        Raises:
            SandboxUnavailable: the box did not start; nothing ran.
        """
        content["env"] = env
        with self.in_use():
            if self.profile.workspace == "writable":
                return await self._run_layered(view, content, stdin, seconds, hears)
            return await self._run(view, content, stdin, seconds, tenant, hears)

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """Count a call while inside: what is used is not closed."""
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1

    async def _run(
        self,
        view: View,
        content: dict[str, Any],
        stdin: bytes | int,
        seconds: float,
        tenant: str | None,
        hears: Hears,
    ) -> tuple[Run, float]:
        for attempt in range(_ATTEMPTS):
            kind = self.kind(view, content["env"])
            # No name is not one that many could share.
            whose = tenant or None
            async with self.pool.lease(kind, whose, kind.start, fresh=attempt > 0) as box:
                started = time.monotonic()
                run = Run(box, self.profile, hears.on_output)
                async with self.egress(box, hears.on_egress):
                    await run.run(content, stdin, seconds)
            elapsed = time.monotonic() - started
            if run.reply.started or run.ended is not None:
                break
            if not box.started:
                self._again(attempt, kind, box, content["env"])
            # Its worker has ended before it took the job: a file of the tool's has changed, or the
            # box was killed while it waited. Nothing has run; a new one takes it.
        return run, elapsed

    async def _run_layered(
        self,
        view: View,
        content: dict[str, Any],
        stdin: bytes | int,
        seconds: float,
        hears: Hears,
    ) -> tuple[Run, float]:
        """Run a job in a box of its own, and copy out what it wrote once that is gone."""
        folder = self.workspace
        assert folder is not None
        for attempt in range(_ATTEMPTS):
            kind = self.kind(view, content["env"])
            layer: Layer | None = None

            async def start(kind: Kind = kind) -> Box:
                nonlocal layer
                layer = await opened(self.backend, view, folder, self.profile, stack)
                return await msgspec.structs.replace(kind, layer=layer).start()

            with contextlib.ExitStack() as stack:
                async with self.pool.lease(start, None, start, fresh=True, once=True) as box:
                    started = time.monotonic()
                    run = Run(box, self.profile, hears.on_output)
                    async with self.egress(box, hears.on_egress):
                        await run.run(content, stdin, seconds)
                    elapsed = time.monotonic() - started
                    await box.wait()
                if run.reply.started or run.ended is not None or box.started:
                    whole = ended_by_itself(run, command="argv" in content)
                    assert layer is not None
                    run.kept = await copy_out(layer, self.profile, hears.changing, whole=whole)
                    break
                self._again(attempt, kind, box, content["env"])
        return run, elapsed

    def _again(self, attempt: int, kind: Kind, box: Box, env: Iterable[str]) -> None:
        """Let another box be tried where what is hidden came or went while one started.

        Editors and coverage write files beside a tool's and delete them at once.

        Raises:
            SandboxUnavailable: nothing of that kind has changed, or it was tried often enough.
        """
        if attempt + 1 == _ATTEMPTS or self.kind(kind.view, env) == kind:
            raise self.did_not_start(box)

    @contextlib.asynccontextmanager
    async def start(
        self,
        view: View,
        argv: Sequence[str],
        env: Mapping[str, str],
        seconds: float,
        tell: Tell | None,
    ) -> AsyncIterator[Process]:
        """Run a program for as long as the context is open; see `Sandbox.start`."""
        if self.profile.workspace == "writable":
            raise ConfigError(
                f"sandbox profile {self.profile.name!r}: its workspace is writable, and what is "
                "written is kept when a call is over; start a program under another profile"
            )
        kind = self.kind(view, env)
        with self.in_use():
            async with self.pool.lease(kind, None, kind.start) as box:
                process = Process(box, self.profile)

                async def serve() -> None:
                    async with self.egress(box, tell):
                        await process.serve(argv, env, seconds)
                    if not box.started and process.ended is None:
                        raise self.did_not_start(box)

                try:
                    async with anyio.create_task_group() as group:
                        group.start_soon(serve)
                        yield process
                        group.cancel_scope.cancel()
                except BaseExceptionGroup as errors:
                    raise errors.exceptions[0] from None

    def egress(self, box: Box, tell: Tell | None) -> contextlib.AbstractAsyncContextManager[None]:
        """What answers the box's requests to hosts while a call runs in it, and not longer."""
        if self._proxy is None:
            return contextlib.nullcontext()
        return box.way.served(self._proxy, tell or (lambda _: None))

    def did_not_start(self, box: Box) -> SandboxUnavailable:
        """The error for a box that ended before its worker was up."""
        said = box.said.decode(errors="replace").strip() or f"exit status {box.exit}"
        remedy = self.backend.remedy(said)
        return SandboxUnavailable(f"sandbox: the box did not start: {said}. {remedy}")


_OURS: Final = "TOOLRUN_"
"""Begins the names of variables that a module has no reason to read when it is imported."""


class Kind(msgspec.Struct, frozen=True):
    """What makes two boxes alike: all but the job is the same."""

    backend: Backend
    profile: Profile
    view: View
    masks: tuple[tuple[Mask, ...], ...]
    workspace: str | None
    preload: bool
    layer: Layer | None = None

    async def start(self) -> Box:
        """Start a box of this kind.

        Raises:
            SandboxUnavailable: it cannot be made.
        """
        order = Order(
            profile=self.profile,
            view=self.view,
            masks=self.masks,
            boot=boot(self.profile, self.view, preload=self.preload),
            cwd=working_folder(self.profile, self.workspace),
            layer=self.layer,
        )
        try:
            with contextlib.ExitStack() as give:
                box = Box(await self.backend.start(order, give))
        except OSError as error:
            raise lacking(error) from error
        box.bound(self.profile.memory_bytes)
        return box


def _proxy(profile: Profile, resolve: Resolve | None) -> Proxy:
    from toolrun.sandbox.egress.proxy import Proxy  # late: most profiles reach nothing

    return Proxy(profile, resolve)
