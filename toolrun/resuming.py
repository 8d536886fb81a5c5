"""How does a session go on in another process? What was pinned holds, the rest is the deployment's.

Pinned is what makes the conversation: its model, instructions, sampling, limits, tools. Where the
server is, what a key is, who decides and who listens is a matter of where the session runs now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import anyio
import msgspec
from msgspec import structs

from toolrun.embedded import is_embedded
from toolrun.errors import ConfigError, SessionBusy, StoreError, ToolsChanged
from toolrun.models.sent import taken_as_sent
from toolrun.opening import check_name, open_again
from toolrun.options import Options, Settings, check_options
from toolrun.session import Session
from toolrun.state import fold
from toolrun.store.sink import StoreSink
from toolrun.trace.recording import GoingOn, Recording
from toolrun.tracing import catch_up, going_on

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from types import TracebackType

    from toolrun.events import Durable
    from toolrun.parts import Parts
    from toolrun.runtime import Runtime
    from toolrun.state import State
    from toolrun.store.contract import Lease, Store

PINNED: Final = (
    *("instructions", "effort", "sampling", "tool_choice", "limits", "budget", "approvals"),
    *("compaction", "extra_body", "profile", "workspace", "tenant"),
    *("title", "folder"),
)
"""The options that a session keeps wherever it goes on, beside the name of its model."""
_ASK_AGAIN: Final = 0.2
"""Seconds between two looks at whether a session that is held is free."""


class Resuming:
    """A session on its way back: enter it with `async with`, or await it.

    `session = await runtime.resume("42")` gives an open session, which is to be closed
    (`async with session: ...`, `session.aclose()`).
    """

    def __init__(
        self,
        runtime: Runtime,
        id: str,  # noqa: A002 - what users call it
        options: Options,
        *,
        adopt: bool,
        wait: float | None,
    ) -> None:
        """Internal: `Runtime.resume` makes one."""
        check_name(id, "id")
        check_options(options)
        if "messages" in options:
            raise ConfigError("messages: a session that is resumed has its own; leave them out")
        self._runtime = runtime
        self._id = id
        self._tenant = options.get("tenant")
        if self._tenant is None:  # None takes no session from its tenant
            options = cast("Options", {k: v for k, v in options.items() if k != "tenant"})
            self._tenant = runtime.option("tenant")
        self._options = options
        self._adopt = adopt
        self._wait = wait
        self._session: Session | None = None

    def __await__(self) -> Generator[Any, Any, Session]:
        """Open the session.

        Raises:
            ConfigError: there is no such session, of that tenant; no store; an option does not fit.
            SessionBusy: another process drives it.
            ToolsChanged: it was opened with other tools.
            StoreError: the store can't be used, or what is stored is damaged.
            SandboxUnavailable: no sandbox holds; nothing has run.
        """
        return self._opened().__await__()

    async def __aenter__(self) -> Session:
        self._session = await self._opened()
        return self._session

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.aclose()

    async def _opened(self) -> Session:
        runtime, id, tenant = self._runtime, self._id, self._tenant  # noqa: A001 - as above
        runtime.turns.check()
        store = await runtime.store(self._options)
        held = StoreSink(store, id, tenant)
        held.lease = await acquired(store, id, tenant, self._wait)
        session: Session | None = None
        try:
            events = await store.read(id, tenant)
            session = self._made(held, events)
            await session.__aenter__()
        except BaseException:
            with anyio.CancelScope(shield=True):
                if session is not None:
                    await session.aclose()
                await held.release()
            raise
        return session

    def _made(self, held: StoreSink, events: Sequence[Durable]) -> Session:
        """The session as it was left, not yet open."""
        if not events:  # its process died before it was open: nothing was ever said in it
            return self._session_of(
                held, cast("Options", {**self._options, "tenant": self._tenant})
            )
        state = fold(events)
        assert state.opened is not None
        options = self._whole(state)
        own = "trace" in options
        trace = Recording.of(options["trace"] if own else self._runtime.option("trace"))
        if trace is not None:
            options["trace"] = trace = going_on(trace, self._id, events, is_own=own)
        session = self._session_of(held, options)
        parts = session._parts = structs.replace(session._parts, date=state.opened.date)  # noqa: SLF001 - its maker
        parts.journal.take_up(state, events[-1].seq)
        told = trace.told if isinstance(trace, GoingOn) else len(events)
        if told:
            taken_as_sent(parts.cache, parts.journal.state)

        async def open_left(parts: Parts) -> None:
            await catch_up(parts.trace, told, events)
            await open_again(parts, self._changed)

        session._opening = open_left  # noqa: SLF001 - its maker
        return session

    def _session_of(self, held: StoreSink, options: Options) -> Session:
        whole: Options = {**options, "store": held.store}
        session = Session(self._runtime, self._id, **whole)
        stored = session._parts.stored  # noqa: SLF001 - its maker
        if stored is None:
            raise ConfigError(f"session {self._id} plays a trace here: it can't be resumed")
        stored.lease, held.lease = held.lease, None
        return session

    def _changed(self, parts: Parts) -> dict[str, Any]:
        """The settings that are others than they were, as JSON values.

        Raises:
            ToolsChanged: so are the tools, and nobody said that this is fine.
        """
        return changes(parts) | self._tools_changed(parts)

    def _whole(self, state: State) -> Options:
        """The options of the session: what is pinned, and what was said here."""
        kept = pinned(self._runtime, state)
        if self._options.get("model") is not None:
            kept.pop("base_url", None)
        return cast("Options", {**kept, **self._options})

    def _tools_changed(self, parts: Parts) -> dict[str, Any]:
        """What differs in the tools, where that was said to be fine.

        Raises:
            ToolsChanged: something does, and was not.
        """
        state, toolbox = parts.journal.state, parts.toolbox
        now = msgspec.to_builtins(toolbox.schemas), dict(toolbox.on_crash)
        found = differences((state.tools, state.on_crash), now)
        if not found:
            return {}
        if not self._adopt:
            raise ToolsChanged(
                f"session {self._id} was opened with other tools: {'; '.join(found)}. Give it those"
                " that it had, or resume it with adopt=True: the model then sees the new ones"
            )
        return {"tools": now[0], "on_crash": now[1]}


async def acquired(store: Store, id: str, tenant: str | None, wait: float | None) -> Lease:  # noqa: A002 - what users call it
    """The lease of a session, which others may hold for a while yet.

    Args:
        store: where it lies.
        id: of the session.
        tenant: whose it must be, where given.
        wait: seconds to wait for it; None for not at all.

    Raises:
        ConfigError: there is no such session of that tenant.
        SessionBusy: others hold it still.
    """
    until = anyio.current_time() + (wait or 0)
    while True:
        try:
            return await store.acquire(id, tenant)
        except SessionBusy:
            left = until - anyio.current_time()
            if left <= 0:
                raise
            await anyio.sleep(min(_ASK_AGAIN, left))


def pinned(runtime: Runtime, state: State) -> dict[str, Any]:
    """The options that a session keeps, wherever it goes on.

    Raises:
        StoreError: its settings are none that this toolrun knows.
    """
    settings = settings_of(state)
    kept: dict[str, Any] = {name: getattr(settings, name) for name in PINNED}
    model = runtime.option("model")
    if model is None or isinstance(model, str):
        kept["model"] = settings.model
        if is_embedded(settings.base_url):  # no server anywhere has it
            kept["base_url"] = settings.base_url
    return kept


def settings_of(state: State) -> Settings:
    """The settings of a session, from its state.

    Raises:
        StoreError: they are none that this toolrun knows.
    """
    try:
        return msgspec.convert(state.settings, Settings)
    except msgspec.ValidationError as error:
        raise StoreError(f"the settings of the session can't be used: {error}") from error


def changes(parts: Parts) -> dict[str, Any]:
    """The settings of a session that are others than its journal has them, as JSON values."""
    before = settings_of(parts.journal.state)
    return {
        name: msgspec.to_builtins(getattr(parts.settings, name))
        for name in Settings.__struct_fields__
        if getattr(parts.settings, name) != getattr(before, name)
    }


Tools = tuple["Sequence[Mapping[str, Any]]", "Mapping[str, Any]"]


def differences(before: Tools, after: Tools) -> list[str]:
    """What differs between two tool sets, each difference in a few words.

    Args:
        before: the tools as the model saw them, and what became of their calls.
        after: the same as they are now.
    """
    old, new = ({_name(tool): tool for tool in tools} for tools, _ in (before, after))
    found = [f"{name} is gone" for name in old if name not in new]
    found += [f"{name} is new" for name in new if name not in old]
    for name in old:
        if name not in new:
            continue
        parts = [
            part
            for part in ("description", "parameters")
            if old[name]["function"].get(part) != new[name]["function"].get(part)
        ]
        if parts:
            found.append(f"{name} has another {' and other '.join(parts)}")
        was, now = before[1].get(name), after[1].get(name)
        if was is not None and was != now:
            found.append(f"on_crash of {name} was {was!r} and is {now!r}")
    if not found and list(old) != list(new):
        found.append(f"their order was {', '.join(old)} and is {', '.join(new)}")
    return found


def _name(tool: Mapping[str, Any]) -> str:
    name: str = tool["function"]["name"]
    return name
