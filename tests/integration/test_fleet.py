"""Does a turn come to its answer where one of several servers fails, hangs, or is full?"""

from __future__ import annotations

import json
import socket
import time
from typing import TYPE_CHECKING, Any

import anyio
import msgspec
import pytest

from tests.rig import leaks
from tests.rig.mock import Call, MockServer, Step
from toolrun import (
    ConfigError,
    ModelNotFound,
    ReasoningDelta,
    RequestSent,
    Retried,
    Retries,
    Runtime,
    ServerUnreachable,
    StepFinished,
    TextDelta,
    Timeouts,
    tool,
)
from toolrun.models import fleet as fleets
from toolrun.models import fleet_replica
from toolrun.models.fleet import score
from toolrun.models.fleet_breaker import OPEN_S
from toolrun.testing import Events, FakeClock
from toolrun.testing.replay import replay_trace
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.mock_steps import Fault
    from toolrun import Answer

ran: list[str] = []


@tool(trusted=True)
async def get_weather(city: str) -> str:
    """Say how warm it is."""
    ran.append(city)
    return f"20 degrees in {city}"


CALLED = Step("Need the weather.", "I look.", tool_calls=(Call("get_weather", '{"city":"Paris"}'),))
ANSWERED = Step("Got it.", "It is 20 degrees in Paris.")
EVERY_LOOK = 0.0


@pytest.fixture(scope="module")
def second_server() -> Iterator[MockServer]:
    with MockServer() as server:
        leaks.KNOWN.add(server.process.pid, server.fds)
        yield server


class Pair:
    """A runtime with two servers: the home of its sessions, and the other."""

    def __init__(self, one: MockServer, two: MockServer) -> None:
        self.servers = one, two
        self.events = Events()
        self.home, self.other = one, two
        self.options: dict[str, Any] = {
            "model": one.model,
            "base_url": [one.url, two.url],
            "tools": [get_weather],
            "sinks": [self.events],
            "clock": FakeClock(),
        }
        for server in self.servers:
            server.reset()
            server.script(CALLED, ANSWERED)
        ran.clear()

    def spoil(self, fault: Fault, **more: Any) -> None:
        self.home.script(CALLED, msgspec.structs.replace(ANSWERED, fault=fault, **more))

    @property
    def session(self) -> str:
        """A session whose home is the first server."""
        names = (f"s{number}" for number in range(1000))
        home, other = self.home.url, self.other.url
        return next(name for name in names if score(home, name) < score(other, name))

    def asked(self) -> tuple[int, int]:
        return len(self.home.requests()), len(self.other.requests())

    def runtime(self, **options: Any) -> Runtime:
        return Runtime(**{**self.options, **options})

    async def ask(self, *, streamed: bool = False, **options: Any) -> Answer:
        async with self.runtime(**options) as runtime:
            return await ask(runtime, self.session, streamed=streamed)


async def ask(runtime: Runtime, name: str, *, streamed: bool = False) -> Answer:
    async with runtime.session(name) as session:
        if not streamed:
            return await session.ask("How warm is Paris?")
        async with session.stream("How warm is Paris?") as events:
            async for _ in events:
                pass
        assert events.answer is not None
        return events.answer


@pytest.fixture
def pair(mock: MockServer, second_server: MockServer) -> Pair:
    return Pair(mock, second_server)


@pytest.mark.parametrize("streamed", [False, True])
async def test_all_steps_of_a_session_are_sampled_by_one(pair: Pair, *, streamed: bool) -> None:
    answer = await pair.ask(streamed=streamed)

    assert answer.text == ANSWERED.content
    assert pair.asked() == (2, 0)
    assert [e.server for e in pair.events.of(StepFinished)] == [pair.home.url] * 2


FAULTS: list[Fault] = ["http_500", "http_429", "http_503", "closed_early", "closed_midway", "html"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_step_that_one_cannot_sample_is_the_others(
    pair: Pair, fault: Fault, *, streamed: bool
) -> None:
    pair.spoil(fault)
    answer = await pair.ask(streamed=streamed, retries=Retries(attempts=0))

    assert answer.text == ANSWERED.content
    assert ran == ["Paris"]
    assert pair.asked() == (2, 1)
    [retried] = pair.events.of(Retried)
    assert (retried.attempt, retried.wait) == (1, 0.0)
    assert (retried.server, retried.elsewhere) == (pair.home.url, True)
    assert [e.server for e in pair.events.of(StepFinished)] == [pair.home.url, pair.other.url]


async def test_deltas_before_a_failover_are_void(pair: Pair) -> None:
    pair.spoil("closed_midway")
    await pair.ask(streamed=True)

    kinds = [type(e) for e in pair.events if isinstance(e, ReasoningDelta | TextDelta | Retried)]
    void, said = kinds[: kinds.index(Retried)], kinds[kinds.index(Retried) + 1 :]
    assert ReasoningDelta in void[void.index(TextDelta) :], "of the second step, after the first"
    texts = list(pair.events)
    texts = texts[texts.index(pair.events.of(Retried)[0]) :]
    assert said
    assert "".join(e.text for e in texts if isinstance(e, TextDelta)) == ANSWERED.content


async def test_a_silent_one_is_left_after_the_first_token_time(pair: Pair) -> None:
    pair.spoil("hang_early")
    answer = await pair.ask(streamed=True, timeouts=Timeouts(first_token=0.3))

    assert answer.text == ANSWERED.content
    assert [e.code for e in pair.events.of(Retried)] == ["timeout-first-token"]


async def test_the_budget_of_retries_is_for_all_servers_together(pair: Pair) -> None:
    for server in pair.servers:
        server.script(Step(fault="http_500"))
    async with pair.runtime(retries=Retries(attempts=2)) as runtime:
        with pytest.raises(Exception, match="none of 2 servers can sample the step: ") as caught:
            await ask(runtime, pair.session)

    assert all(server.url in str(caught.value) for server in pair.servers)
    assert sum(pair.asked()) == 6, "three attempts, each of them at both"
    seen = [(e.attempt, e.elsewhere, bool(e.wait)) for e in pair.events.of(Retried)]
    assert seen == [(n, n % 2 == 1, n % 2 == 0) for n in range(1, 6)]


async def test_what_the_model_did_wrong_is_sampled_again_where_it_was(pair: Pair) -> None:
    pair.spoil("analysis_only", fault_times=1)
    answer = await pair.ask()

    assert answer.text == ANSWERED.content
    assert pair.asked() == (3, 0)


async def test_nobody_there(pair: Pair, tmp_path: Path) -> None:
    with socket.socket() as one, socket.socket() as two:  # bound, and nobody listens
        urls = []
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
            urls.append(f"http://127.0.0.1:{each.getsockname()[1]}/v1")
        with pytest.raises(ServerUnreachable) as caught:
            await pair.ask(base_url=urls)

    assert all(f"no server at {url}: " in str(caught.value) for url in urls)
    assert "Start them with\n" in str(caught.value)


async def test_a_model_that_only_the_other_has(pair: Pair) -> None:
    pair.home.settings(model="another")
    answer = await pair.ask()
    assert answer.text == ANSWERED.content
    assert pair.asked() == (1, 2), "asked once, then known not to have it"

    pair.other.settings(model="another")
    with pytest.raises(ModelNotFound, match="none of 2 servers"):
        await pair.ask()


async def test_each_is_spoken_to_in_its_own_dialect(pair: Pair) -> None:
    pair.home.settings(version="0.15.0")
    pair.other.settings(version=None)
    pair.spoil("http_500")
    await pair.ask()

    dialects = [event.dialect for event in pair.events.of(RequestSent)]
    assert dialects[:2] == ["vLLM 0.15.0"] * 2
    assert "vLLM" not in dialects[2]
    sent = [m for m in pair.other.bodies()[0]["messages"] if m["role"] == "assistant"]
    assert [set(message) & {"reasoning", "reasoning_content"} for message in sent] == [
        {"reasoning"}
    ]
    assert all(
        event.adds == [] or index < 2 for index, event in enumerate(pair.events.of(RequestSent))
    ), "no message is added twice to a trace"


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_trace_with_a_failover_replays(
    pair: Pair, tmp_path: Path, *, streamed: bool
) -> None:
    pair.spoil("closed_midway")
    path = tmp_path / "trace.jsonl"
    async with (
        pair.runtime() as runtime,
        runtime.session(pair.session, trace=path) as session,
    ):
        if streamed:
            async with session.stream("How warm is Paris?") as events:
                async for _ in events:
                    pass
        else:
            await session.ask("How warm is Paris?")
    before = path.read_bytes()
    await replay_trace(path)  # raises at the first difference

    assert path.read_bytes() == before
    trace = read_trace(path)
    assert [e.elsewhere for e in trace.events if isinstance(e, Retried)] == [True]
    lines = [json.loads(line) for line in before.splitlines()]
    opened = next(line for line in lines if line.get("type") == "SessionOpened")
    assert opened["settings"]["base_url"] == [pair.home.url, pair.other.url]


# What follows looks at health and load.


@pytest.fixture
def _looked_at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleets, "LOOK_S", EVERY_LOOK)
    monkeypatch.setattr(fleets, "GRACE_S", 5.0)


looks = pytest.mark.usefixtures("_looked_at_each_step")


@looks
async def test_a_longer_queue_sends_sessions_to_a_shorter_one(pair: Pair) -> None:
    pair.home.settings(waiting=fleets.QUEUE + 20)
    pair.other.settings(waiting=3)
    async with pair.runtime() as runtime:
        await ask(runtime, pair.session)
        assert pair.asked() == (1, 1), "the first step did not know of the queue"
        assert runtime.counts["SpilledOver"] == 1
        told = {each.url: each.waiting for each in runtime.fleet.status()}
        assert told == {pair.home.url: fleets.QUEUE + 20, pair.other.url: 3}

        pair.other.settings(waiting=30)
        await ask(runtime, pair.session)
        await ask(runtime, pair.session)
        assert pair.asked() == (4, 2), "a queue at the other as well: back home after one step"


@looks
async def test_a_queue_that_nobody_else_can_shorten_is_stood_in(pair: Pair) -> None:
    pair.home.settings(waiting=1000)
    pair.other.settings(version=None)  # says nothing of its queue
    await pair.ask()

    assert pair.asked() == (2, 0)


@looks
async def test_a_broken_one_is_seen_to_be_well_again(pair: Pair) -> None:
    home = pair.home
    home.settings(health=503)
    async with pair.runtime() as runtime:

        def state() -> str:
            return {each.url: each.state for each in runtime.fleet.status()}[home.url]

        await ask(runtime, pair.session)
        assert state() == "open", "its engine is dead, as /health says"
        assert runtime.counts["BreakerOpened"] == 1
        before = pair.asked()[0]
        await ask(runtime, pair.session)
        assert pair.asked()[0] == before

        home.settings(health=200)
        with anyio.fail_after(10 * OPEN_S):
            while state() != "closed":
                await ask(runtime, pair.session)
                await anyio.sleep(0.1)  # it is open for a second of real time
        assert runtime.counts["BreakerClosed"] == 1
        there, elsewhere = pair.asked()
        await ask(runtime, pair.session)
        assert pair.asked() == (there + 2, elsewhere), "home again"


@looks
async def test_a_server_that_comes_up_again_may_be_another_version(pair: Pair) -> None:
    with MockServer() as first:
        port = int(first.root.rpartition(":")[2])
        pair.home = first
        pair.options["base_url"] = [first.url, pair.other.url]
        first.script(CALLED, ANSWERED)
        async with pair.runtime() as runtime:
            await ask(runtime, pair.session)
            first.process.kill()
            first.process.wait()
            await ask(runtime, pair.session)
            assert runtime.counts["BreakerOpened"] == 1
            with MockServer(port=port, version="0.15.0") as again:
                again.script(CALLED, ANSWERED)
                with anyio.fail_after(10 * OPEN_S):
                    while not again.requests():
                        await ask(runtime, pair.session)
                        await anyio.sleep(0.1)  # it is open for a second of real time
    assert pair.events.of(RequestSent)[-1].dialect == "vLLM 0.15.0"
    assert {e.dialect for e in pair.events.of(RequestSent)} == {"vLLM 0.32.0", "vLLM 0.15.0"}


async def test_a_look_at_a_silent_server_holds_no_step_up(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_replica, "LOOK_TIMEOUT", 60.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and no requests
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        names = (f"s{number}" for number in range(1000))
        mine = next(name for name in names if score(pair.home.url, name) < score(url, name))
        async with pair.runtime(base_url=[pair.home.url, url]) as runtime:
            await ask(runtime, mine)
            runtime.fleet._look_at = 0.0
            began = time.monotonic()
            await ask(runtime, mine)
            assert time.monotonic() - began < 20, "a look would have waited for it"


async def test_draining_while_a_turn_runs(pair: Pair) -> None:
    pair.home.script(msgspec.structs.replace(CALLED, delay_s=0.2), ANSWERED)
    async with pair.runtime() as runtime:
        answers: list[Answer] = []

        async def talk() -> None:
            answers.append(await ask(runtime, pair.session))

        async with anyio.create_task_group() as group:
            group.start_soon(talk)
            await anyio.wait_all_tasks_blocked()
            assert sum(each.in_flight for each in runtime.fleet.status()) == 1
            await runtime.fleet.drain(pair.home.url)
        assert answers[0].text == ANSWERED.content
        assert pair.asked() == (1, 1)
        assert [each.url for each in runtime.fleet.status()] == [pair.other.url]
        runtime.fleet.add(pair.home.url)
        await ask(runtime, pair.session)
        assert pair.asked() == (3, 1)
    json.dumps(msgspec.to_builtins(runtime.counts))


async def test_a_list_of_one_is_a_fleet_and_a_url_is_none(pair: Pair) -> None:
    async with pair.runtime(base_url=[pair.home.url]) as runtime:
        await ask(runtime, "s")
        assert json.loads(msgspec.json.encode(runtime.fleet.status()))[0]["steps"] == 2
    assert [r.path for r in pair.home.requests("/metrics")] == [], "there is nowhere else to go"
    async with pair.runtime(base_url=pair.home.url) as runtime:
        with pytest.raises(ConfigError, match=r"there is one server; a fleet has base_url=\["):
            _ = runtime.fleet
