"""Does a session go to the same server each time, and to another one where that cannot serve it?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import anyio
import pytest

from toolrun import (
    AssistantMessage,
    ConfigError,
    MalformedOutput,
    ModelNotFound,
    Request,
    ServerError,
    ServerStatus,
    ServerTimeout,
    ServerUnreachable,
    StepFinished,
)
from toolrun.models.door import START
from toolrun.models.fleet import Fleet
from toolrun.models.fleet_breaker import OPEN_S
from toolrun.models.fleet_replica import BUSY_S, LACKS_S, Replica
from toolrun.models.proof import Proof
from toolrun.models.ways import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun import Event
    from toolrun.models.model import Observe

URLS = [f"http://host-{letter}/v1" for letter in "abcd"]


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


class Fake:
    """The model of one server: fails with `error` while there is one."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        self.proved = 0
        self.error: ServerError | None = None
        self.hold: anyio.Event | None = None
        self.closed = False
        self.ids: tuple[int, ...] | None = (1, 2)

    async def sample(self, request: Request, observe: Observe | None = None) -> AssistantMessage:
        self.asked.append(request.session)
        if self.hold is not None:
            await self.hold.wait()
        if self.error is not None:
            raise self.error
        if observe is not None:
            observe(StepFinished(0.1))
        return AssistantMessage(
            content=self.url, response_id=f"id-{self.url}", prompt_token_ids=self.ids
        )

    async def prove(self, name: str, step: object, later: object) -> Proof:
        self.proved += 1
        return Proof(
            found=True, position=0, tokens=1, prompt_tokens=2, excerpt="", how="by this test"
        )

    async def aclose(self) -> None:
        self.closed = True


class Yard:
    """A fleet of fakes, which nothing looks at, and what it counted."""

    def __init__(self, urls: Sequence[str] = URLS) -> None:
        self.now = Hand()
        self.counts: Counter[str] = Counter()
        self.fakes: dict[str, Fake] = {}
        self.fleet = Fleet(
            [Server(url) for url in urls], counts=self.counts, opened=self._open, now=self.now
        )

    def _open(self, server: Server) -> Fake:
        return self.fakes.setdefault(server.base_url, Fake(server.base_url))

    async def step(self, session: str, avoid: tuple[str, ...] = ()) -> str:
        """The server that sampled a step; the one that failed is raised of."""
        message = await self.fleet.sample(Request("m", (), session=session, avoid=avoid))
        assert message.content is not None
        return message.content

    async def homes(self, sessions: Sequence[str]) -> dict[str, str]:
        return {session: await self.step(session) for session in sessions}

    async def fails(self, session: str, avoid: tuple[str, ...] = ()) -> ServerError:
        with pytest.raises(ServerError) as caught:
            await self.step(session, avoid)
        return caught.value


@pytest.fixture(autouse=True)
def _unlooked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def look(_: Replica) -> bool:
        return False

    monkeypatch.setattr(Replica, "look", look)


@pytest.fixture
def yard() -> Yard:
    return Yard()


SESSIONS = [f"s{number}" for number in range(2000)]


async def test_a_session_stays_and_each_server_has_its_share(yard: Yard) -> None:
    homes = await yard.homes(SESSIONS)

    assert await yard.homes(SESSIONS) == homes
    assert await Yard(URLS[::-1]).homes(SESSIONS) == homes, "whatever their order"
    for count in Counter(homes.values()).values():
        assert 420 <= count <= 580, "500 are expected; 4 standard deviations are 77"


async def test_the_places_are_the_same_in_every_process(yard: Yard) -> None:
    # From another process: `hash()` would differ from one to the next.
    assert [url[12] for url in (await yard.homes(SESSIONS[:12])).values()] == list("bcabacadbbad")


async def test_one_more_moves_only_the_sessions_that_it_takes(yard: Yard) -> None:
    before = await yard.homes(SESSIONS)
    yard.fleet.add("http://host-e/v1")
    after = await yard.homes(SESSIONS)

    moved = [session for session in SESSIONS if before[session] != after[session]]
    assert {after[session] for session in moved} == {"http://host-e/v1"}
    assert 320 <= len(moved) <= 480, "a fifth, 400, is expected; 4 standard deviations are 72"


async def test_one_less_moves_only_the_sessions_that_it_had(yard: Yard) -> None:
    before = await yard.homes(SESSIONS)
    await yard.fleet.drain(URLS[0])
    after = await yard.homes(SESSIONS)

    assert {before[s] for s in SESSIONS if before[s] != after[s]} == {URLS[0]}
    shares = Counter(after[s] for s in SESSIONS if before[s] == URLS[0])
    assert min(shares.values()) > 100, "to all the others, not to one neighbour"


DOWN = [
    ServerUnreachable("gone", answered=True),
    ServerTimeout("silent", "first token"),
    ServerStatus("no key", 401),
    MalformedOutput("no parser", "no-tool-parser"),
]
FAILING = [ServerStatus("oops", 500), MalformedOutput("cut", "broken-stream")]
BUSY = [ServerStatus("too many", 429), ServerStatus("too many", 503)]
MODEL = [
    MalformedOutput("", "analysis-only"),
    ServerStatus("bad", 400),
    ServerTimeout("", "step"),
]


def name(error: ServerError) -> str:
    return error.code


@pytest.mark.parametrize("error", [*DOWN, *FAILING, *BUSY], ids=name)
async def test_what_another_can_serve_is_said_to_be(yard: Yard, error: ServerError) -> None:
    home = await yard.step("s")
    yard.fakes[home].error = error
    failed = await yard.fails("s")

    assert (failed.server, failed.elsewhere) == (home, True)
    assert yard.counts["FailedOver"] == 1
    other = await yard.step("s", avoid=(home,))
    assert other != home
    assert len(yard.fakes[home].asked) == 2


@pytest.mark.parametrize("error", MODEL, ids=name)
async def test_what_the_model_did_stays(yard: Yard, error: ServerError) -> None:
    home = await yard.step("s")
    yard.fakes[home].error = error
    for _ in range(2):
        failed = await yard.fails("s")
        assert not failed.elsewhere
    assert (failed.server, failed.args) == (home, error.args)
    yard.fakes[home].error = None
    assert await yard.step("s") == home
    assert yard.counts == {}


@pytest.mark.parametrize("error", DOWN, ids=name)
async def test_what_is_down_is_asked_no_more(yard: Yard, error: ServerError) -> None:
    home = await yard.step("s")
    yard.fakes[home].error = error
    await yard.fails("s")
    yard.fakes[home].error = None

    for _ in range(3):
        assert await yard.step("s") != home
    yard.now.time += 10 * OPEN_S
    assert await yard.step("s") != home, "nothing has seen it answer"
    assert yard.counts == {"FailedOver": 1, "BreakerOpened": 1}
    assert {each.url: each.state for each in yard.fleet.status()}[home] == "open"


@pytest.mark.parametrize("error", BUSY, ids=name)
async def test_a_busy_one_is_spared_for_as_long_as_it_asks(yard: Yard, error: ServerError) -> None:
    home = await yard.step("s")
    error.retry_after = 5.0
    yard.fakes[home].error = error
    await yard.fails("s")
    yard.fakes[home].error = error.retry_after = None

    for seconds in (0, 4.9):
        yard.now.time = seconds
        assert await yard.step("s") != home
    assert yard.counts["SpilledOver"] == 2
    yard.now.time = 5.1
    assert await yard.step("s") == home


async def test_each_is_tried_once_and_the_last_error_names_all(yard: Yard) -> None:
    for url, fake in yard.fakes.items():
        fake.error = ServerUnreachable(f"no server at {url}: refused. Start one with\n    vllm")
    avoid: tuple[str, ...] = ()
    for _ in range(3):
        failed = await yard.fails("s", avoid)
        assert failed.elsewhere
        avoid = (*avoid, failed.server)
    last = await yard.fails("s", avoid)

    assert not last.elsewhere
    assert len(set(avoid) | {last.server}) == 4
    assert isinstance(last, ServerUnreachable)
    assert not last.answered, "nobody ever has: there is nothing to wait for"
    whys = "; ".join(f"no server at {url}: refused" for url in URLS)
    assert str(last) == (
        f"none of 4 servers can sample the step: {whys}. Start them with\n"
        f"    {START}\nor give the base URLs of some that run"
    )


async def test_where_all_are_open_all_are_asked_all_the_same(yard: Yard) -> None:
    home = await yard.step("s")
    for fake in yard.fakes.values():
        fake.error = ServerUnreachable("gone")
    avoid: tuple[str, ...] = ()
    while (failed := await yard.fails("s", avoid)).elsewhere:
        avoid = (*avoid, failed.server)
    assert isinstance(failed, ServerUnreachable)
    assert failed.answered, "one has, before: it may come back"
    assert yard.counts["BreakerOpened"] == 4
    for fake in yard.fakes.values():
        fake.error = None

    assert await yard.step("s") == home
    assert yard.counts["BreakerClosed"] == 1
    assert await yard.step("t") == home, "the only one that is known to be well"


async def test_a_model_that_only_some_have(yard: Yard) -> None:
    home = await yard.step("s")
    yard.fakes[home].error = ModelNotFound("no such model")
    failed = await yard.fails("s")
    yard.fakes[home].error = None

    assert failed.elsewhere
    assert await yard.step("s") != home
    other = await yard.fleet.sample(Request("another", (), session="s"))
    assert other.content == home, "it is this model that it has not"
    assert {each.state for each in yard.fleet.status()} == {"closed"}
    yard.now.time += LACKS_S + 1
    assert await yard.step("s") == home


async def test_a_model_that_nobody_has_is_an_error_that_names_all(yard: Yard) -> None:
    for url, fake in yard.fakes.items():
        fake.error = ModelNotFound(f"{url} has none")
    avoid: tuple[str, ...] = ()
    while (failed := await yard.fails("s", avoid)).elsewhere:
        avoid = (*avoid, failed.server)

    assert isinstance(failed, ModelNotFound)
    assert all(url in str(failed) for url in URLS)


async def test_503_again_and_again_opens(yard: Yard) -> None:
    home = await yard.step("s")
    yard.fakes[home].error = ServerStatus("no upstream", 503)
    for _ in range(3):
        await yard.fails("s")
        yard.now.time += BUSY_S

    assert yard.counts["BreakerOpened"] == 1
    assert await yard.step("s") != home


async def test_the_step_that_shows_whether_it_is_well_may_be_cancelled(yard: Yard) -> None:
    home = await yard.step("s")
    yard.fakes[home].error = ServerUnreachable("gone")
    await yard.fails("s")
    yard.fakes[home].error = None
    breaker = next(each for each in yard.fleet._members if each.url == home).breaker
    breaker.answers()
    yard.fakes[home].hold = anyio.Event()
    with anyio.move_on_after(0.01):
        await yard.step("s")
    yard.fakes[home].hold = None

    assert await yard.step("s") == home
    assert breaker.state == "closed"
    assert [each.in_flight for each in yard.fleet.status()] == [0, 0, 0, 0]


async def test_a_drained_one_finishes_its_steps_and_gets_no_more(yard: Yard) -> None:
    home = await yard.step("s")
    fake = yard.fakes[home]
    fake.hold = anyio.Event()
    got: list[str] = []

    async def running() -> None:
        got.append(await yard.step("s"))

    async with anyio.create_task_group() as group:
        group.start_soon(running)
        await anyio.wait_all_tasks_blocked()
        group.start_soon(yard.fleet.drain, home + "/")
        await anyio.wait_all_tasks_blocked()
        assert await yard.step("s") != home
        last = yard.fleet.status()[-1]
        assert (last.url, last.state, last.in_flight) == (home, "draining", 1)
        assert not fake.closed
        fake.hold.set()
    assert got == [home]
    assert fake.closed
    assert home not in [each.url for each in yard.fleet.status()]

    fake.hold = None
    yard.fleet.add(home)
    assert await yard.step("s") == home


async def test_what_cannot_be_taken_out_or_in(yard: Yard) -> None:
    with pytest.raises(ConfigError, match=r"no replica 'http://x/v1' is in use; there are http:"):
        await yard.fleet.drain("http://x/v1")
    with pytest.raises(ConfigError, match=r"http://host-a/v1 stands there twice"):
        yard.fleet.add("http://host-a/v1/")
    with pytest.raises(ConfigError, match=r"must begin with http"):
        yard.fleet.add("host-a/v1")
    for url in URLS[1:]:
        await yard.fleet.drain(url)
    with pytest.raises(ConfigError, match=r"is the only replica; add another"):
        await yard.fleet.drain(URLS[0])


@pytest.mark.parametrize(
    ("urls", "message"),
    [
        ([], "at least one URL"),
        (["http://a/v1", "http://a/v1/"], "http://a/v1 stands there twice"),
        (["http://a/v1", "b"], "must begin with http"),
        (["http://a/v1", "http://user:pw@b/v1"], "must not hold a user or a password"),
    ],
)
def test_urls_that_make_no_fleet(urls: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Fleet([Server(url) for url in urls])


async def test_a_proof_is_asked_of_the_server_that_sampled(yard: Yard) -> None:
    for session in SESSIONS[:8]:
        message = await yard.fleet.sample(Request("m", (), session=session))
        before = {url: fake.proved for url, fake in yard.fakes.items()}
        await yard.fleet.prove("m", message, message)
        after = {url: fake.proved for url, fake in yard.fakes.items()}
        assert [url for url in URLS if after[url] > before[url]] == [message.content]
    unknown = AssistantMessage(content="of another process")
    assert (await yard.fleet.prove("m", unknown, unknown)).found


async def test_the_end_of_a_step_says_where_it_was(yard: Yard) -> None:
    seen: list[Event] = []
    message = await yard.fleet.sample(Request("m", (), session="s"), seen.append)

    assert seen == [StepFinished(0.1, server=message.content or "")]


async def test_requests_of_no_session_go_where_least_runs(yard: Yard) -> None:
    for fake in yard.fakes.values():
        fake.hold = anyio.Event()
    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(yard.step, "")
        await anyio.wait_all_tasks_blocked()
        assert [each.in_flight for each in yard.fleet.status()] == [2, 2, 2, 2]
        for fake in yard.fakes.values():
            assert fake.hold is not None
            fake.hold.set()


async def test_a_drain_that_is_cancelled_can_be_waited_for_again(yard: Yard) -> None:
    home = await yard.step("s")
    fake = yard.fakes[home]
    fake.hold = anyio.Event()

    async with anyio.create_task_group() as group:
        group.start_soon(yard.step, "s")
        await anyio.wait_all_tasks_blocked()
        with anyio.move_on_after(0):
            await yard.fleet.drain(home)
        assert yard.fleet.status()[-1].state == "draining"
        assert not fake.closed
        group.start_soon(yard.fleet.drain, home)
        await anyio.wait_all_tasks_blocked()
        fake.hold.set()
    assert fake.closed
    assert home not in [each.url for each in yard.fleet.status()]


async def test_a_proof_without_ids_is_asked_of_the_server_that_sampled_too(yard: Yard) -> None:
    """Over Responses the prompt is remembered by the model that sent it, and by no other."""
    for session in SESSIONS[:8]:
        asked = Request("m", (), session=session, extra={"return_token_ids": True})
        for fake in yard.fakes.values():
            fake.ids = None
        message = await yard.fleet.sample(asked)
        before = {url: fake.proved for url, fake in yard.fakes.items()}
        await yard.fleet.prove("m", message, message)
        after = {url: fake.proved for url, fake in yard.fakes.items()}
        assert [url for url in URLS if after[url] > before[url]] == [message.content]


async def test_of_the_steps_long_ago_any_server_is_asked_for_a_proof(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolrun.models.fleet._PROVED", 2)
    said = []
    for url in URLS[:3]:
        avoid = tuple(other for other in URLS if other != url)
        request = Request("m", (), session="s", avoid=avoid)
        said.append(await yard.fleet.sample(request))
    assert [message.content for message in said] == list(URLS[:3])
    assert list(yard.fleet._sampled_by) == [message.response_id for message in said[1:]]
    for message in said:
        assert (await yard.fleet.prove("m", message, message)).found


async def test_a_way_that_gives_no_proof_says_so(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Fake, "prove")
    message = await yard.fleet.sample(Request("m", (), session="s"))
    with pytest.raises(ServerError, match="gives no proof"):
        await yard.fleet.prove("m", message, message)


async def test_an_error_of_the_only_server_is_its_own() -> None:
    yard = Yard(["http://a/v1"])
    yard.fakes["http://a/v1"].error = ServerStatus("it broke", 500)
    failed = await yard.fails("s")
    assert (failed.elsewhere, str(failed)) == (False, "it broke")


async def test_names_that_somebody_makes_up_fill_no_memory(yard: Yard) -> None:
    home = await yard.step("s")
    replica = next(each for each in yard.fleet._members if each.url == home)
    yard.fakes[home].error = ModelNotFound("no such model")
    for number in range(200):
        with pytest.raises(ModelNotFound):
            await yard.fleet.sample(Request(f"model-{number}", (), session="s"))
    assert 0 < len(replica._lacks) <= 65
    assert (await yard.fails("s")).elsewhere
    assert await yard.step("s") != home, "the last one is still known to be lacking"


async def test_what_was_left_open_is_closed_with_its_server(yard: Yard) -> None:
    home = await yard.step("s")
    replica = next(each for each in yard.fleet._members if each.url == home)
    left = Fake("left")
    replica._left.append(left)
    await replica.aclose()
    assert left.closed
    assert yard.fakes[home].closed
