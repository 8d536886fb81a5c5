"""What do many sessions share? A `Runtime` owns connections, sandboxes and compiled tools."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import anyio

from toolrun.assembling import Assembly
from toolrun.clock import SystemClock
from toolrun.connections import Connections
from toolrun.elsewhere import Elsewhere
from toolrun.errors import ConfigError
from toolrun.options import Options, RuntimeOptions, check_options
from toolrun.sandbox.pool import Boxes
from toolrun.storing import Stores
from toolrun.tools.sandboxes import Sandboxes
from toolrun.tools.threads import abandoned_threads
from toolrun.turns import Turns

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Unpack

    from toolrun.models.fleet import Fleet
    from toolrun.parts import Parts
    from toolrun.resuming import Resuming
    from toolrun.session import Session
    from toolrun.store.contract import Store


@runtime_checkable
class Watching(Protocol):
    """A sink that also wants to know what the runtime counts and holds."""

    def watch(self, runtime: Runtime) -> None:
        """Look at one; may be told again."""


class Runtime(Elsewhere):
    """The shared half of any number of sessions; an asynchronous context manager.

    Args:
        **options: defaults for its sessions, and what holds for all of them together; see
            `RuntimeOptions`.

    Attributes:
        counts: how often each kind of event happened in all its sessions: "TurnFinished.failed",
            "ToolCallFinished.timeout", "Retried.http-503", "Warned.reasoning-dropped", ..., and of
            a fleet: "FailedOver", "SpilledOver", "BreakerOpened", "BreakerClosed"; and of trusted
            functions "ThreadLeftBehind": stopped, and still running in a thread, which nothing can
            stop (`abandoned_threads()` says how many do now). For metrics; never reset.

    Raises:
        ConfigError, ToolDefinitionError: an option or a tool does not fit.
    """

    def __init__(self, **options: Unpack[RuntimeOptions]) -> None:
        check_options(options, RuntimeOptions)
        self._options = options
        self.counts: Counter[str] = Counter()
        self._clock = options.get("clock") or SystemClock()
        self.turns: Turns = Turns()
        """Internal: what its sessions run."""
        self._held = 0
        self._private = False
        self._models = Connections(self.counts)
        self._sandboxes = Sandboxes(options.get("boxes") or Boxes(spare=1))
        self._stores = Stores(options.get("durability") or "process")
        self._assembly = Assembly(
            options, self._models, self._sandboxes, self._stores, self.counts, self._clock
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close connections and sandboxes; sessions that still run fail."""
        with anyio.CancelScope(shield=True):
            await self._models.aclose()
            await self._sandboxes.aclose()
            await self._stores.aclose()

    @property
    def fleet(self) -> Fleet:
        """The servers that its sessions share, where `base_url` is a list.

        Sessions with a `base_url`, `api_key`, `headers`, `timeouts` or `via` of their own have
        another.

        Raises:
            ConfigError: it is none, or one of its URLs is none.
        """
        from toolrun.models.fleet import Fleet

        model, _ = self._models.of(self._assembly.chosen({}))
        if not isinstance(model, Fleet):
            raise ConfigError('there is one server; a fleet has base_url=["http://...", ...]')
        return model

    def gauges(self) -> dict[str, int]:
        """What it holds at this moment, for metrics; from any thread.

        Returns:
            "sessions" that are open, "turns" that run, "boxes_running" and "boxes_idle", the calls
            that wait for a box ("calls_waiting"), and the threads of trusted tools that could not
            be stopped, of the whole process ("threads_left").
        """
        pool = self._sandboxes.pool
        return {
            "sessions": self._held,
            "turns": len(self.turns.running),
            "boxes_running": pool.running,
            "boxes_idle": pool.idle,
            "calls_waiting": pool.waiting,
            "threads_left": abandoned_threads(),
        }

    def hold(self) -> Self:
        """Internal: count one more session that uses it."""
        self._held += 1
        return self

    async def release(self, *, last: bool) -> None:
        """Internal: count one session less.

        Args:
            last: close with the last one: the runtime is nobody's but its sessions'.
        """
        if self._is_free(last=last):
            await self.aclose()

    def forget(self, *, last: bool) -> None:
        """Internal: the same for a session that nobody closed, where nothing can be waited on."""
        if self._is_free(last=last):
            self._sandboxes.close()
            self._stores.close()

    def _is_free(self, *, last: bool) -> bool:
        self._held -= 1
        self._private = self._private or last
        return self._private and self._held == 0

    def session(self, id: str | None = None, **options: Unpack[Options]) -> Session:  # noqa: A002 - what users call it
        """A new session; enter it as an asynchronous context manager.

        Args:
            id: its name in journals and logs; a random one where None.
            **options: as the runtime's, for this session alone.

        Raises:
            ConfigError, ToolDefinitionError: an option or a tool does not fit.
        """
        from toolrun.session import Session

        check_options(options)
        return Session(self, id, **options)

    def resume(
        self,
        id: str,  # noqa: A002 - as above
        *,
        adopt: bool = False,
        wait: float | None = None,
        **options: Unpack[Options],
    ) -> Resuming:
        """A session that this process, or another, has left; `async with` it, or await it.

        What makes the conversation is as it was: model, instructions, sampling, tools, limits,
        profile, workspace, date. Where the server is, keys, time-outs, retries, sinks, trace,
        secrets, approver and context come from the runtime and from here. What is given here and
        differs from what was pinned is recorded as SettingsChanged. A turn that had not ended goes
        on with `go_on`; calls that have an outcome do not run again, and those that were cut off
        follow their tool's `on_crash`.

        Args:
            id: of the session.
            adopt: take the tools as they are now, where they are others than it was opened with.
                What was approved of a tool that has changed is asked for again.
            wait: seconds to wait where another process drives it.
            **options: as for `session`, but for `messages`; where there is a `tenant`, another's
                session is as unknown as none.

        Raises:
            ConfigError: there is no store; an option does not fit. Where it is entered, what
                `Resuming.__await__` says.
        """
        from toolrun.resuming import Resuming

        return Resuming(self, id, options, adopt=adopt, wait=wait)

    async def store(self, options: Options | None = None) -> Store:
        """The store of its sessions, open.

        Args:
            options: of a session that may have another.

        Raises:
            ConfigError: there is none.
            StoreError: it can't be used.
        """
        wanted = self._assembly.chosen(options or {}).get("store")
        if wanted is None:
            raise ConfigError(
                'there is no store: give one, such as Runtime(store="sqlite:///sessions.db")'
            )
        store = self._stores.of(wanted)
        await store.open()
        return store

    def time(self) -> float:
        """Internal: seconds since the epoch, by its clock."""
        return self._clock.time()

    def option(self, name: str) -> Any:
        """Internal: what its sessions have where they say nothing else; None for nothing."""
        return self._options.get(name)

    def assemble(self, session_id: str | None, options: Options) -> Parts:
        """Internal: put a session together; a test has its traces do this instead."""
        return self.parts(session_id, options)

    def parts(self, session_id: str | None, options: Options) -> Parts:
        """Internal: what a session, or a loop that is none, is made of, by both their options."""
        parts = self._assembly.parts(session_id, options)
        for sink in parts.journal.sinks:
            if isinstance(sink, Watching):
                sink.watch(self)
        return parts
