"""Do two workers of docs/examples/service on one database work as one?

Real processes on SQLite and on PostgreSQL: sessions that change workers, decisions and
cancellations from the other side, a worker that is killed, one that drains.
"""

from __future__ import annotations

import concurrent.futures
import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.serviced import (
    Client,
    Worker,
    kinds,
    said,
    text_of,
    up_to,
)
from tests.rig import leaks
from tests.rig.mock import Call, Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.mock import MockServer
    from tests.rig.postgres import Postgres

pytestmark = [pytest.mark.load, pytest.mark.timeout(240)]
WORDS: Final = " ".join(f"word{number}" for number in range(80))
SECONDS: Final = 60
"""What a take-over may take: it takes less than one, on a quiet machine."""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "postgres":
        postgres: Postgres = request.getfixturevalue("postgres")
        return postgres.database()
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/agents.db"


@pytest.fixture(scope="module")
def pair(
    store: str, mock_server: MockServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Worker, Worker]]:
    """Two workers for the tests that leave them alive."""
    folder = tmp_path_factory.mktemp("pair")
    with (
        Worker(folder, store, mock_server.url) as one,
        Worker(folder, store, mock_server.url) as two,
    ):
        for worker in (one, two):
            leaks.KNOWN.add(worker.process.pid, worker.fds)
            worker.ready()
        yield one, two


@pytest.fixture
def clients(pair: tuple[Worker, Worker]) -> Iterator[tuple[Client, Client]]:
    with pair[0].client() as one, pair[1].client() as two:
        yield one, two


def slow(mock: MockServer) -> str:
    return mock.script(Step("Slowly.", WORDS, chunk_delay_s=0.15, chunks_per_write=1), name="slow")


def refund(mock: MockServer) -> str:
    return mock.script(
        Step("I ask.", tool_calls=(Call("refund", '{"order":"7","amount":40}'),)),
        Step("Paid.", "You have your money back."),
        name="refund",
    )


def test_a_session_begun_on_one_goes_on_on_the_other(
    clients: tuple[Client, Client], mock: MockServer
) -> None:
    one, two = clients
    session = one.new()
    with two.events(session) as listening:
        one.ask(session, "Hello. [[script:final]]")
        heard = up_to(listening, "TurnFinished")
        two.ask(session, "And again. [[script:final]]")
        heard += up_to(listening, "TurnFinished")

    with one.events(session) as events:
        assert [place for place, _ in up_to(events, "TurnFinished")] == ["2", "3", "4"]
    assert [int(place) for place, _ in heard if "." not in place] == [2, 3, 4, 5, 6, 7]
    assert text_of(heard).startswith("Hello there")
    last = mock.bodies()[-1]["messages"]
    assert [each["role"] for each in last if each["role"] != "system"][-3:] == [
        "user",
        "assistant",
        "user",
    ]


def test_of_two_who_ask_at_once_one_is_told_to_wait(
    clients: tuple[Client, Client], mock: MockServer
) -> None:
    session = clients[0].new()
    marker = slow(mock)
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        answers = [*threads.map(lambda client: asked(client, session, marker), clients)]

    assert sorted(answers) == [202, 409]
    assert clients[0].post(f"/v1/sessions/{session}/cancel")["cancelled"]
    clients[1].until(session, "TurnFinished")
    assert len(clients[0].get(f"/v1/sessions/{session}")["messages"]) <= 2


def asked(client: Client, session: str, text: str) -> int:
    status: int = client.http.post(f"/v1/sessions/{session}/ask", json={"text": text}).status_code
    return status


def test_the_other_worker_decides(clients: tuple[Client, Client], mock: MockServer) -> None:
    one, two = clients
    session = one.new()
    with one.events(session) as listening:
        one.ask(session, refund(mock))
        up_to(listening, "TurnFinished")
        [waits] = [
            each for each in two.get("/v1/approvals")["approvals"] if each["session"] == session
        ]
        assert two.decide(session, waits["call_id"], decision="approve") == {"goes_on": True}
        heard = up_to(listening, "TurnFinished")

    assert [kind for kind in kinds(heard) if not kind.endswith("Delta")] == [
        "ApprovalDecided",
        "ToolCallStarted",
        "ToolCallFinished",
        "AssistantMessage",
        "TurnFinished",
    ]
    assert heard[-1][1]["status"] == "finished"


def test_the_other_worker_cancels(clients: tuple[Client, Client], mock: MockServer) -> None:
    one, two = clients
    session = one.new()
    one.ask(session, slow(mock))

    assert two.post(f"/v1/sessions/{session}/cancel") == {"cancelled": True}
    assert one.until(session, "TurnFinished")[-1][1]["status"] == "cancelled"
    assert two.http.delete(f"/v1/sessions/{session}").status_code == 204
    assert one.http.get(f"/v1/sessions/{session}").status_code == 404


class Reader:
    """What a client has heard, over all its connections: pieces that became void are gone."""

    def __init__(self) -> None:
        self.place = ""
        self.durable: list[dict[str, Any]] = []
        self.partial = ""

    def take(self, place: str, event: dict[str, Any]) -> None:
        if event["type"] == "TextDelta":
            self.partial += event["text"]
        elif event["type"] == "StepSoFar":
            self.partial = event["text"]
        elif "." not in place and event["type"] != "Interrupted":
            assert int(place) > int(self.place.partition(".")[0] or 0), "an event came twice"
            self.durable.append(event)
            self.partial = ""
        self.place = place

    @property
    def kinds(self) -> list[str]:
        return [event["type"] for event in self.durable]


@pytest.fixture
def doomed(
    store: str, mock_server: MockServer, pair: tuple[Worker, Worker], tmp_path: Path
) -> Iterator[Worker]:
    """A third worker, for a test that ends it."""
    with Worker(tmp_path, store, mock_server.url, SERVICE_DRAIN_SECONDS="40") as worker:
        yield worker.ready()


def taken_over(clients: tuple[Client, Client]) -> float:
    """How many turns the two have taken over."""
    name = "service_turns_taken_over_total "
    lines = [line for each in clients for line in each.http.get("/metrics").text.splitlines()]
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def test_a_worker_is_killed_in_mid_sentence(
    doomed: Worker, clients: tuple[Client, Client], mock: MockServer
) -> None:
    before = taken_over(clients)
    reader = Reader()
    with doomed.client() as client:
        session = client.new()
        after = client.ask(session, slow(mock))
        with client.events(session, after) as events:
            for place, event in events:
                reader.take(place, event)
                if len(reader.partial) > 60:
                    break
            mock.script(Step("Once more.", "A new beginning."), name="slow")
            doomed.kill()
    with clients[0].events(session, reader.place) as events:
        for place, event in events:
            reader.take(place, event)
            if event["type"] == "TurnFinished":
                break

    assert reader.kinds == ["UserMessage", "AssistantMessage", "TurnFinished"]
    assert reader.durable[1]["content"] == "A new beginning."
    heard = clients[1].until(session, "TurnFinished")
    assert [event["type"] for _, event in heard] == reader.kinds
    assert taken_over(clients) == before + 1


def test_a_worker_that_drains_parks_and_another_goes_on(
    doomed: Worker, clients: tuple[Client, Client], mock: MockServer
) -> None:
    marker = mock.script(
        Step(
            "First the weather.",
            tool_calls=(Call("get_weather", '{"city":"Paris"}'),),
            chunk_delay_s=0.3,
            chunks_per_write=1,
        ),
        Step("Now I know.", "It is 20 degrees in Paris."),
        name="drained",
    )
    reader = Reader()
    with doomed.client() as client:
        session = client.new()
        after = client.ask(session, marker)
        with client.events(session, after) as events:
            reader.take(*next(events))
            doomed.process.terminate()
            refused(client)
            for place, event in events:
                reader.take(place, event)
    assert doomed.process.wait(SECONDS) == 0
    with clients[0].events(session, reader.place) as events:
        for place, event in events:
            reader.take(place, event)
            if event["type"] == "TurnFinished" and event["status"] != "parked":
                break

    assert reader.kinds == [
        "UserMessage",
        "AssistantMessage",
        "ToolCallStarted",
        "ToolCallFinished",
        "TurnFinished",
        "AssistantMessage",
        "TurnFinished",
    ]
    ends = [each["status"] for each in reader.durable if each["type"] == "TurnFinished"]
    assert ends == ["parked", "finished"]


def refused(client: Client) -> None:
    """A worker that drains says that it is not ready, and takes nothing new."""
    end = time.monotonic() + SECONDS
    while client.http.get("/health/ready").status_code != 503:
        assert time.monotonic() < end, "it does not drain"
        time.sleep(0.02)  # the signal is on its way
    answer = client.http.post("/v1/sessions", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "draining")
    assert client.http.get("/health/live").status_code == 200


def test_a_client_that_goes_away_ends_its_turn_where_that_is_the_policy(
    mock: MockServer, tmp_path: Path
) -> None:
    store = f"sqlite:///{tmp_path}/agents.db"
    with (
        Worker(tmp_path, store, mock.url, SERVICE_ON_DISCONNECT="cancel") as worker,
        worker.ready().client() as client,
    ):
        for way in ("sse", "socket"):
            session = client.new()
            if way == "sse":
                ask = f"/v1/sessions/{session}/ask"
                headers = {"accept": "text/event-stream"}
                body = {"text": slow(mock)}
                with client.http.stream("POST", ask, json=body, headers=headers) as answer:
                    next(said(answer))
            else:
                with client.socket(session) as socket:
                    socket.send(f'{{"type":"ask","text":"{slow(mock)}"}}')
                    socket.recv()
                    socket.recv()
            assert client.until(session, "TurnFinished")[-1][1]["status"] == "cancelled"
