"""What do many sessions share? A `Runtime` owns connections, sandboxes and compiled tools."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, cast, runtime_checkable

import anyio
import msgspec

from toolrun.clock import SystemClock
from toolrun.connections import Connections
from toolrun.elsewhere import Elsewhere
from toolrun.errors import ConfigError
from toolrun.journal import Journal
from toolrun.opening import check_name, id_of
from toolrun.options import Options, RuntimeOptions, check_options
from toolrun.parts import Parts
from toolrun.sandbox.pool import Boxes
from toolrun.sandbox.resolve import over, plain
from toolrun.settling import settled
from toolrun.spending import Teller
from toolrun.storing import Stores
from toolrun.tools.definition import define
from toolrun.tools.gates import Gates
from toolrun.tools.manifest import define_all
from toolrun.tools.runners import TrustedRunner
from toolrun.tools.sandboxed import SandboxRunner
from toolrun.tools.sandboxes import Sandboxes
from toolrun.tools.secrets import Secrets
from toolrun.tools.threads import abandoned_threads
from toolrun.tools.toolbox import Toolbox
from toolrun.trace.recording import Recording
from toolrun.trace.sink import known_of, secrets_of
from toolrun.tracing import Traces
from toolrun.transcript import from_openai
from toolrun.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType
    from typing import Unpack

    from toolrun.known import Known
    from toolrun.models.fleet import Fleet
    from toolrun.resuming import Resuming
    from toolrun.session import Session
    from toolrun.sinks import Sink
    from toolrun.store.contract import Store
    from toolrun.tools.definition import Tool, Toolset
    from toolrun.trace.writer import TraceSink


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
        most = options.get("max_in_flight")
        self._gate = None if most is None else anyio.Semaphore(most)
        self.turns: Turns = Turns()
        """Internal: what its sessions run."""
        self._held = 0
        self._private = False
        self._traces = Traces()
        self._models = Connections(self.counts)
        self._sandboxes = Sandboxes(options.get("boxes") or Boxes(spare=1))
        self._gates = Gates()
        self._stores = Stores(options.get("durability") or "process")
        # Compiled once for all sessions that have them; bounded, since a service may make a tool
        # for each session.
        self._defined = lru_cache(maxsize=1024)(define)
        self._toolbox = lru_cache(maxsize=256)(self._new_toolbox)

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

        model, _ = self._models.of(self._chosen({}))
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
        wanted = self._chosen(options or {}).get("store")
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
        chosen = self._chosen(options)
        said, history = from_openai(chosen.get("messages") or ())
        session_id = id_of(session_id)
        if (tenant := chosen.get("tenant")) is not None:
            check_name(tenant, "tenant")
        model, name = self._models.of(chosen)
        parts = [part for part in (chosen.get("instructions"), said) if part]
        workspace = chosen.get("workspace")
        root = str(Path(workspace).resolve()) if workspace is not None else None
        profile = self._profile(options)
        tools, backend = tuple(chosen.get("tools") or ()), chosen.get("backend")
        toolbox = self._toolbox(tools, msgspec.json.encode(profile, order="sorted"), root, backend)
        settings = settled(
            chosen,
            model=name,
            instructions="\n\n".join(parts) or None,
            profile=profile,
            workspace=root,
            toolbox=toolbox,
        )
        values = Secrets(chosen.get("secrets"))
        journal = Journal(session_id, clock=self._clock.time, counts=self.counts)
        secrets = secrets_of(values, toolbox.tools, profile, chosen.get("headers") or {})
        known = [values.given, *known_of(model)]
        trace = self._trace_of(chosen, journal, secrets, known, is_own="trace" in options)
        stored = self._stores.sink(chosen.get("store"), session_id, tenant)
        if trace is not None and stored is not None:
            trace.lead()
        self._tell(journal, (trace, stored, *(chosen.get("sinks") or ())))
        now = dt.datetime.fromtimestamp(self._clock.time(), dt.UTC)
        account = chosen.get("account")
        return Parts(
            journal,
            model,
            toolbox,
            settings,
            chosen.get("approve"),
            history,
            trace,
            now.date().isoformat(),
            self._clock,
            self._gate,
            chosen.get("context"),
            values,
            stored=stored,
            teller=None if account is None else Teller(account, settings.tenant, name),
        )

    def _trace_of(
        self,
        chosen: Options,
        journal: Journal,
        secrets: Iterable[str],
        known: Sequence[Known],
        *,
        is_own: bool,
    ) -> TraceSink | None:
        """What writes the trace of a session, without its secrets; None where there is none."""
        if isinstance(key := chosen.get("api_key"), str):
            secrets = chain(secrets, [key])
        return self._traces.sink(
            Recording.of(chosen.get("trace")),
            journal,
            is_own=is_own,
            secrets=secrets,
            known=[*self._models.secrets(key), *known],
        )

    def _tell(self, journal: Journal, sinks: Iterable[Sink | None]) -> None:
        """Have sinks hear of a journal, and look at this runtime where they want to."""
        for sink in sinks:
            if sink is not None:
                journal.add(sink)
                if isinstance(sink, Watching):
                    sink.watch(self)

    def _chosen(self, options: Options) -> Options:
        """The options of a session: its own before the runtime's."""
        together = RuntimeOptions.__annotations__.keys() - Options.__annotations__.keys()
        mine = {name: value for name, value in self._options.items() if name not in together}
        return cast("Options", {**mine, **options})

    def _profile(self, options: Options) -> str | dict[str, Any]:
        """The sandbox profile of a session: its own over the runtime's."""
        mine = over("pure", self._options.get("profile") or None)
        return plain(over(mine, options.get("profile") or None), "of the session")

    def _new_toolbox(
        self,
        tools: tuple[Callable[..., Any] | Tool | Toolset | str | Path, ...],
        profile: bytes,
        workspace: str | None,
        backend: str | None,
    ) -> Toolbox:
        return Toolbox(
            define_all(tools, self._defined),
            trusted=TrustedRunner(),
            sandboxed=SandboxRunner(
                self._sandboxes,
                msgspec.json.decode(profile),
                Path(workspace) if workspace is not None else None,
                backend,
            ),
            gates=self._gates,
        )
