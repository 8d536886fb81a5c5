"""Which lives can a session have? Asked, crashed, resumed, cancelled, decided, forked, undone.

A machine of hypothesis: its rules are what may happen to a session, in any order, and its
invariants hold after each of them. A crash is one of the store: from some write on nothing gets
there any more, and the session is dropped with what it believes.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Final

import anyio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.chaos.checks import check_events, shape
from tests.rig.heard import Heard
from toolrun import (
    Approve,
    AssistantMessage,
    Deny,
    Edit,
    Limits,
    Retries,
    Runtime,
    StoreError,
    tool,
)
from toolrun.errors import ServerError
from toolrun.store.opening import open_store
from toolrun.values import ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anyio.from_thread import BlockingPortal

    from toolrun import Answer, Session
    from toolrun.decisions import Decision
    from toolrun.events import Durable
    from toolrun.models.model import Observe, Request
    from toolrun.store.contract import Lease, Store

TOOLS: Final = ("again", "keyed", "asks", "once", "send", "boom", "unknown")
HANGS_S: Final = 30.0
STEPS = st.lists(
    st.one_of(st.lists(st.sampled_from(TOOLS), min_size=1, max_size=3), st.just("fail")), max_size=3
)
"""What the model does before its answer: the tools that it calls at once, or a failure."""
DECISIONS = st.sampled_from(["approve", "always", "deny", "edit"])


class Puppet:
    """A model that does what it is told, then answers; ids and arguments are never the same."""

    def __init__(self) -> None:
        self.steps: deque[Any] = deque()
        self._made = 0

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        """See `Model.sample`."""
        await anyio.lowlevel.checkpoint()
        step = self.steps.popleft() if self.steps else None
        if step == "fail":
            raise ServerError("the server fails")
        if step is None:
            return AssistantMessage("done", "I thought.", finish_reason="stop")
        return AssistantMessage(None, "I think.", tuple(map(self._call, step)), "tool_calls")

    async def aclose(self) -> None:
        """See `Model.aclose`."""

    def _call(self, name: str) -> ToolCall:
        self._made += 1
        return ToolCall(f"call_{self._made}", name, f'{{"number":{self._made}}}')


class Dying:
    """A store that takes so many writes more, and then none: its process is dead."""

    def __init__(self, store: Store) -> None:
        self.left: int | None = None
        self.after = False
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, lease: Lease, events: Sequence[Durable]) -> None:
        if self.left is None:
            await self._store.append(lease, events)
            return
        self.left -= 1
        if self.left >= 0 or (self.left == -1 and self.after):
            await self._store.append(lease, events)
        if self.left < 0:
            raise StoreError("the process is dead")


class Life:
    """A session in one process: its runtime, its store, and what was heard of it."""

    def __init__(self, url: str, puppet: Puppet, reached: Callable[[], None]) -> None:
        self.store = Dying(open_store(url))
        self.heard = Heard()
        self.runtime = Runtime(
            model=puppet,
            store=self.store,
            sinks=[self.heard],
            tools=tools(reached),
            retries=Retries(attempts=1),
            limits=Limits(seconds=HANGS_S),
        )
        self.session: Session | None = None

    async def end(self) -> None:
        """Let go of all."""
        if self.session is not None:
            await self.session.aclose()
        await self.runtime.aclose()
        await self.store.aclose()


def tools(reached: Callable[[], None]) -> list[Callable[..., Any]]:
    """A tool for each policy, one that asks, one that fails, one that waits for its end."""

    @tool(trusted=True, on_crash="rerun")
    async def again(number: int) -> int:
        return number

    @tool(trusted=True, on_crash="key")
    async def keyed(number: int) -> int:
        return number

    @tool(trusted=True, on_crash="ask")
    async def asks(number: int) -> int:
        return number

    @tool(trusted=True, on_crash="never")
    async def once(number: int) -> int:
        return number

    @tool(trusted=True, approve=True)
    async def send(number: int) -> int:
        return number

    @tool(trusted=True)
    async def boom(number: int) -> int:
        raise ValueError(number)

    @tool(trusted=True)
    async def waits(number: int) -> int:
        reached()
        await anyio.sleep_forever()
        return number

    return [again, keyed, asks, once, send, boom, waits]


class AnyLife(RuleBasedStateMachine):
    """What may happen to a session. The test gives `portal`, `url`, and a `reader` of its own."""

    portal: ClassVar[BlockingPortal]
    url: ClassVar[str]
    reader: ClassVar[Store]
    lives: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.puppet = Puppet()
        self.life: Life | None = None
        self.name = ""

    def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run something on the loop; whatever hangs fails."""

        async def within() -> Any:
            with anyio.fail_after(HANGS_S):
                return await function(*args)

        return self.portal.call(within)

    @property
    def session(self) -> Session:
        assert self.life is not None
        assert self.life.session is not None
        return self.life.session

    @property
    def lives_on(self) -> bool:
        """Whether a process drives the session."""
        return self.life is not None

    # --- what may happen

    @initialize()
    def open(self) -> None:
        AnyLife.lives += 1
        self.name = f"life-{AnyLife.lives}"
        self.run(self._open)

    async def _open(self) -> None:
        life = self._new_life()
        life.session = await life.runtime.session(self.name).__aenter__()
        self.life = life

    @precondition(lambda self: self.lives_on)
    @rule(steps=STEPS)
    def ask(self, steps: list[Any]) -> None:
        self.puppet.steps = deque(steps)
        self.run(self._turn, self._ask)

    @precondition(lambda self: self.lives_on and self.can_go_on)
    @rule(steps=STEPS)
    def go_on(self, steps: list[Any]) -> None:
        self.puppet.steps = deque(steps)
        self.run(self._turn, self._go_on)

    @precondition(lambda self: self.lives_on and self.session.state.pending)
    @rule(data=st.data(), how=DECISIONS)
    def decide(self, data: st.DataObject, how: str) -> None:
        call = data.draw(st.sampled_from(sorted(self.session.state.pending)))
        decision: dict[str, Decision] = {
            "approve": Approve(),
            "always": Approve("session"),
            "deny": Deny("no"),
            "edit": Edit({"number": 7}),
        }
        self.run(self.session.decide, call, decision[how])

    @precondition(lambda self: self.lives_on)
    @rule(beside=st.lists(st.sampled_from(TOOLS), max_size=2))
    def cancel(self, beside: list[str]) -> None:
        self.puppet.steps = deque([[*beside, "waits"]])
        self.run(self._cancel)

    async def _cancel(self) -> None:
        self.event = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(self._turn, self._ask)
            await self.event.wait()
            self.session.cancel("enough")
        assert self.session.state.finished is not None
        assert self.session.state.finished.status == "cancelled"

    @precondition(lambda self: self.lives_on and self.session.state.turns_from)
    @rule()
    def undo(self) -> None:
        before = len(self.session.state.turns_from)
        self.run(self.session.undo)
        assert len(self.session.state.turns_from) == before - 1
        assert not self.session.state.running

    @precondition(lambda self: self.lives_on)
    @rule()
    def fork(self) -> None:
        """Go on with the fork; the session itself is left as it stands."""
        AnyLife.lives += 1
        self.run(self._fork, f"life-{AnyLife.lives}")

    async def _fork(self, name: str) -> None:
        life, said = self.life, self.session.messages()
        assert life is not None
        fork = await self.session.fork(name).__aenter__()
        assert fork.messages() == said
        await self.session.aclose()
        life.session, self.name = fork, name
        life.heard.events = [each for each in life.heard.events if each.session == name]

    @precondition(lambda self: self.lives_on)
    @rule(steps=STEPS, writes=st.integers(0, 12), after=st.booleans())
    def crash(self, steps: list[Any], writes: int, after: bool) -> None:  # noqa: FBT001 - drawn
        """The process dies within a turn, after so many writes, or after the turn."""
        self.puppet.steps = deque(steps)
        self.run(self._crash, writes, after)

    async def _crash(self, writes: int, after: bool) -> None:  # noqa: FBT001 - as above
        life = self.life
        assert life is not None
        life.store.left, life.store.after = writes, after
        with suppress(StoreError):
            await self._turn(self._go_on if self.can_go_on else self._ask)
        life.store.left = min(life.store.left or 0, 0)
        life.store.after = False
        heard = life.heard.events
        await life.end()
        self.life = None
        stored = await self._read()
        for each in heard:
            assert stored[each.seq - 1] == each, "somebody heard of what is not stored"

    @precondition(lambda self: not self.lives_on)
    @rule()
    def resume(self) -> None:
        self.run(self._resume)

    async def _resume(self) -> None:
        life = self._new_life()
        life.session = await life.runtime.resume(self.name)
        self.life = life

    @precondition(lambda self: self.lives_on)
    @rule()
    def close_and_resume(self) -> None:
        assert self.life is not None
        self.run(self.life.end)
        self.life = None
        self.run(self._resume)

    # --- what holds after each

    @invariant()
    def every_call_has_one_result_and_one_outcome(self) -> None:
        if not self.name:
            return
        events = self.run(self._read)
        state = check_events(events)
        if self.life is not None:
            assert shape(self.session.state) == shape(state), "live is another than what is stored"
            heard = self.life.heard.events
            assert heard == events[len(events) - len(heard) :], "heard is another than stored"

    def teardown(self) -> None:
        if self.life is not None:
            self.run(self.life.end)

    # ---

    @property
    def can_go_on(self) -> bool:
        state = self.session.state
        if state.finished is None:
            return state.running
        return state.finished.status != "finished"

    def _new_life(self) -> Life:
        return Life(self.url, self.puppet, self._reached)

    def _reached(self) -> None:
        self.event.set()

    async def _ask(self) -> Answer:
        return await self.session.ask("Do it.")

    async def _go_on(self) -> Answer:
        return await self.session.go_on()

    async def _turn(self, turn: Callable[[], Any]) -> None:
        with suppress(ServerError):
            await turn()

    async def _read(self) -> list[Durable]:
        return await self.reader.read(self.name)
