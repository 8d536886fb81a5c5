"""What is a session put together from?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

import anyio
from msgspec import Struct, field

from toolrun._version import __version__
from toolrun.clock import Clock, SystemClock
from toolrun.context.compactor import Compactor, Fitting
from toolrun.decisions import Approver
from toolrun.events import Durable
from toolrun.journal import Journal
from toolrun.models.model import Model, Request
from toolrun.options import Settings
from toolrun.parking import Parking
from toolrun.running import Running
from toolrun.spending import Teller
from toolrun.step import Sampler
from toolrun.store.sink import StoreSink
from toolrun.tools.context import whose
from toolrun.tools.kept import Kept
from toolrun.tools.secrets import Secrets
from toolrun.tools.toolbox import Toolbox
from toolrun.trace.writer import TraceSink
from toolrun.turn import Turn
from toolrun.values import FileChange, OnCrash

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun.limits import Meter
    from toolrun.output import Output

Restore = Callable[[Sequence[FileChange]], Awaitable[tuple[str, ...]]]


class Parts(Struct, frozen=True, eq=False):
    """What a runtime gives a session."""

    journal: Journal
    model: Model
    toolbox: Toolbox
    settings: Settings
    approve: Approver | None
    history: Sequence[Durable]
    trace: TraceSink | None
    date: str
    clock: Clock = SystemClock()
    gate: anyio.Semaphore | None = None
    context: Any = None
    secrets: Secrets = Secrets()
    version: str = __version__
    on_crash: dict[str, OnCrash] | None = None
    """Stands for what the toolbox says, where a trace knows better."""
    stored: StoreSink | None = None
    """What stores the events, where something does; it is among the sinks of the journal."""
    cache: dict[str, Any] = field(default_factory=dict)
    kept: Kept = field(default_factory=Kept)
    restore: Restore | None = None
    """Stands in for the taking back of files, where nothing of the disk may be touched."""
    stops: Callable[[Running], None] | None = None
    """Is given what stops the session's turns, where a trace says when they were stopped."""
    fitting: Fitting | None = None
    """Makes requests fit as a trace says that it was done."""
    teller: Teller | None = None
    """Tells the account that the session is charged to, where there is one."""

    async def restored(self, changes: Sequence[FileChange]) -> tuple[str, ...]:
        """Take back what calls did to the workspace; what could not be, each with the reason."""
        if self.restore is not None:
            return await self.restore(changes)
        if not changes or self.settings.workspace is None:
            return ()
        from toolrun.sandbox.layer.restore import restore

        left = await restore(self.settings.workspace, changes)
        return tuple(f"{each.path}: {each.why}" for each in left)

    @property
    def trace_path(self) -> Path | None:
        """Where the trace is written."""
        return self.trace.path if self.trace is not None else None

    def warm(self, name: str) -> None:
        """Have a box start for a tool whose call is still being written."""
        self.toolbox.warm(name, whose(self.settings.tenant, self.journal.session))

    def request(self, *, stream: bool) -> Request:
        """What stays the same from step to step."""
        settings = self.settings
        return Request(
            model=settings.model,
            messages=(),
            instructions=settings.instructions,
            tools=self.toolbox.schemas,
            tool_choice=settings.tool_choice,
            effort=settings.effort,
            sampling=settings.sampling,
            extra=settings.extra_body,
            stream=stream,
            cache=self.cache,
            on_call=self.warm,
            session=self.journal.session,
            date=self.date,
            builtins=self.toolbox.builtins,
        )

    def turn(
        self,
        meter: Meter,
        output: Output | None,
        *,
        stream: bool,
        parking: Parking | None = None,
    ) -> Turn:
        """What a turn of the session works with."""
        settings = self.settings
        return Turn(
            self.journal,
            Sampler(
                self.model,
                self.toolbox,
                settings.retries,
                self.clock,
                self.gate,
                settings.verify_reasoning,
                self.fitting or self._compactor(),
            ),
            self.toolbox,
            meter,
            self.request(stream=stream),
            self.approve,
            settings.budget,
            output,
            settings.tenant,
            self.context,
            self.secrets,
            self.kept,
            parking or Parking(),
            settings.approvals,
            self.teller,
        )

    def _compactor(self) -> Compactor:
        settings = self.settings
        return Compactor(
            settings.compaction,
            self.model,
            settings.context_length,
            settings.retries,
            self.clock,
            self.gate,
        )

    def close(self) -> None:
        """Finish the trace."""
        if self.trace is not None:
            self.trace.close()

    async def aclose(self) -> None:
        """Finish the trace, let others hold the session, and return when all is as it stays."""
        self.close()
        if self.stored is not None:
            await self.stored.release()
        if self.trace is not None:
            await self.trace.wait()
