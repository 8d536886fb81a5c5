"""Does a worker of docs/examples/service do what it says, for a real client?

Two workers, databases, crashes: `test_service_workers.py`. The page: `test_service_page.py`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import pytest
from agent_service.__main__ import main
from agent_service.settings import load_settings
from agent_service.tenants import Tenants, read_keys
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.integration.serviced import (
    KEYS,
    Client,
    Worker,
    kinds,
    said,
    text_of,
    told,
    up_to,
)
from tests.rig import leaks
from tests.rig.mock import Call, Step
from toolrun import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.mock import MockServer

REFUND = Call("refund", '{"order":"7","amount":40}')
WORDS = " ".join(f"word{number}" for number in range(60))


@pytest.fixture(scope="module")
def worker(mock_server: MockServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    folder = tmp_path_factory.mktemp("service")
    env = {
        "SERVICE_TENANT_SESSIONS": "25",
        "SERVICE_BODY_BYTES": "20000",
        "SERVICE_TEXT_CHARS": "5000",
    }
    with Worker(folder, f"sqlite:///{folder}/agents.db", mock_server.url, **env) as worker:
        leaks.KNOWN.add(worker.process.pid, worker.fds)
        yield worker.ready()


@pytest.fixture
def client(worker: Worker) -> Iterator[Client]:
    with worker.client() as client:
        yield client


def approval(mock: MockServer) -> str:
    return mock.script(
        Step("That needs a colleague.", "I ask.", (REFUND,)),
        Step("Paid.", "You have your money back."),
        name="refund",
    )


def slow(mock: MockServer, **step: Any) -> str:
    paced = {"chunk_delay_s": 0.02, "chunks_per_write": 1, **step}
    return mock.script(Step("Slowly.", WORDS, **paced), name="slow")


def test_a_turn_is_streamed_and_its_session_read(client: Client, mock: MockServer) -> None:
    session = client.new()
    answer = client.http.post(
        f"/v1/sessions/{session}/ask",
        json={"text": "How warm is Paris? [[script:tool]]"},
        headers={"accept": "text/event-stream"},
    )
    events = list(said(answer))

    assert kinds(events) == [
        "UserMessage",
        "ReasoningDelta",
        "AssistantMessage",
        "ToolCallStarted",
        "ToolCallFinished",
        "ReasoningDelta",
        "TextDelta",
        "AssistantMessage",
        "TurnFinished",
    ]
    assert answer.headers["cache-control"] == "no-store"
    assert text_of(events) == "It is 20 degrees in Paris."
    found = client.get(f"/v1/sessions/{session}")
    assert found["status"] == "finished"
    assert [each["role"] for each in found["messages"]] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert found["messages"][1]["reasoning"] == "Need the weather tool."
    assert found["event"] == events[-1][0]
    [listed] = [each for each in client.get("/v1/sessions")["sessions"] if each["id"] == session]
    assert (listed["title"], listed["driven"]) == ("How warm is Paris? [[script:tool]]", False)


@pytest.mark.parametrize("way", ["sse", "socket"])
def test_a_client_that_is_cut_off_again_and_again_misses_nothing(
    client: Client, mock: MockServer, way: str
) -> None:
    session = client.new()
    after = client.ask(session, f"Go on. {slow(mock)}")
    heard: list[Any] = []

    while not heard or heard[-1][1]["type"] != "TurnFinished":
        place = heard[-1][0] if heard else after
        if way == "sse":
            with client.events(session, place) as events:
                some(heard, events)
        else:
            with client.socket(session, place) as socket:
                some(heard, told(socket))

    assert len({place for place, _ in heard}) == len(heard)
    assert text_of(heard) == WORDS
    assert kinds(heard)[-2:] == ["AssistantMessage", "TurnFinished"]
    assert heard[-2][1]["content"] == WORDS


def some(heard: list[Any], events: Iterator[Any]) -> None:
    for _ in range(12):
        heard.append(next(events))
        if heard[-1][1]["type"] == "TurnFinished":
            return


def test_who_comes_late_gets_the_words_so_far_in_one_piece(
    client: Client, mock: MockServer
) -> None:
    session = client.new()
    after = client.ask(session, f"Go on. {slow(mock, chunk_delay_s=0.05)}")
    with client.events(session, after) as events:
        for _ in range(5):
            next(events)

    with client.events(session, f"{int(after) + 1}.3.00000000") as events:
        place, first = next(events)
        rest = [(place, first), *up_to(events, "TurnFinished")]

    assert first["type"] == "StepSoFar"
    assert first["text"]
    assert first["text"] + text_of(rest) == WORDS


def test_a_conversation_over_one_socket(client: Client, mock: MockServer) -> None:
    session = client.new()
    with client.socket(session) as socket:
        socket.send(msgspec.json.encode({"type": "ask", "text": approval(mock)}).decode())
        first = up_to(told(socket), "TurnFinished")
        [asked] = [event for _, event in first if event["type"] == "ApprovalRequested"]
        decision = {"type": "decide", "call_id": asked["call_id"], "decision": "approve"}
        socket.send(msgspec.json.encode(decision).decode())
        second = up_to(told(socket), "TurnFinished")
        socket.send("nonsense")
        assert msgspec.json.decode(socket.recv())["error"]["code"] == "bad_message"
        answer = {"type": "done", "of": "cancel", "cancelled": True}
        for _ in range(50):  # the turn's last event is heard before its task is over
            socket.send('{"type":"cancel"}')
            answer = msgspec.json.decode(socket.recv())
            if not answer["cancelled"]:
                break
            time.sleep(0.05)
        assert answer == {"type": "done", "of": "cancel", "cancelled": False}

    assert first[-1][1]["status"] == "parked"
    assert asked["arguments"] == {"order": "7", "amount": 40}
    assert kinds(second)[:3] == ["ApprovalDecided", "ToolCallStarted", "ToolCallFinished"]
    assert second[-1][1]["status"] == "finished"


def test_decisions(client: Client, mock: MockServer) -> None:
    marker, results = approval(mock), []
    decisions: list[dict[str, Any]] = [
        {"decision": "deny", "reason": "No receipt."},
        {"decision": "edit", "arguments": {"order": "7", "amount": 30}},
    ]
    for decision in decisions:
        session = client.new()
        client.until(session, "TurnFinished", client.ask(session, marker))
        [waits] = client.get(f"/v1/sessions/{session}/approvals")["approvals"]
        assert waits["call_id"] in [
            each["call_id"] for each in client.get("/v1/approvals")["approvals"]
        ]
        bad = client.http.post(
            f"/v1/sessions/{session}/approvals/{waits['call_id']}",
            json={"decision": "edit", "arguments": {"amount": "much"}},
        )
        assert (bad.status_code, code(bad)) == (422, "bad_arguments")
        place = client.get(f"/v1/sessions/{session}")["event"]
        assert client.decide(session, waits["call_id"], **decision) == {"goes_on": True}
        events = client.until(session, "TurnFinished", place)
        assert events[-1][1]["status"] == "finished"
        results.append(client.get(f"/v1/sessions/{session}")["messages"][2]["content"])
        again = client.http.post(
            f"/v1/sessions/{session}/approvals/{waits['call_id']}", json=decision
        )
        assert (again.status_code, code(again)) == (409, "not_waiting")

    assert "No receipt." in results[0]
    assert results[1].startswith("paid 30.00 back for order 7")


def test_a_turn_goes_on_without_its_client_and_is_cancelled_on_demand(
    client: Client, mock: MockServer
) -> None:
    session = client.new()
    ask = f"/v1/sessions/{session}/ask"
    stream, text = {"accept": "text/event-stream"}, slow(mock, chunk_delay_s=0.2)
    with client.http.stream("POST", ask, json={"text": text}, headers=stream) as answer:
        next(said(answer))

    busy = client.http.post(ask, json={"text": "And?"})
    assert (busy.status_code, code(busy), busy.headers["retry-after"]) == (409, "busy", "1")
    assert client.post(f"/v1/sessions/{session}/cancel") == {"cancelled": True}
    events = client.until(session, "TurnFinished")

    assert events[-1][1]["status"] == "cancelled"
    assert client.post(f"/v1/sessions/{session}/cancel") == {"cancelled": False}
    client.ask(session, "And now? [[script:final]]")
    assert client.until(session, "TurnFinished", events[-1][0])[-1][1]["status"] == "finished"


def code(answer: httpx2.Response) -> str:
    error: dict[str, str] = answer.json()["error"]
    assert error["request_id"] == answer.headers["x-request-id"]
    return error["code"]


def test_a_tenant_cannot_tell_anothers_session_from_none(
    worker: Worker, client: Client, mock: MockServer
) -> None:
    session = client.new()
    client.until(session, "TurnFinished", client.ask(session, approval(mock)))
    [waits] = client.get(f"/v1/sessions/{session}/approvals")["approvals"]
    before = client.get(f"/v1/sessions/{session}")
    none = "0" * 32

    def asked(other: Client, name: str) -> list[Any]:
        base = f"/v1/sessions/{name}"
        approve = {"decision": "approve"}
        answers = [
            other.http.get(base),
            other.http.get(f"{base}/events"),
            other.http.get(f"{base}/events", headers={"last-event-id": "1"}),
            other.http.get(f"{base}/approvals"),
            other.http.post(f"{base}/ask", json={"text": "Tell me all."}),
            other.http.post(f"{base}/cancel"),
            other.http.post(f"{base}/approvals/{waits['call_id']}", json=approve),
            other.http.delete(base),
        ]
        with pytest.raises(ConnectionClosed) as closed, other.socket(name) as socket:
            socket.recv()
        assert closed.value.rcvd is not None
        bodies = []
        for each in answers:
            body = each.json()
            body["error"].pop("request_id")
            bodies.append((each.status_code, body))
        return [*bodies, closed.value.rcvd.code, closed.value.rcvd.reason]

    with worker.client("globex") as other:
        assert asked(other, session) == asked(other, none)
        assert other.get("/v1/sessions")["sessions"] == []
        assert other.get("/v1/approvals")["approvals"] == []
    assert asked(client, none)[0][0] == 404
    assert client.get(f"/v1/sessions/{session}") == before


def test_who_has_no_key_learns_nothing(worker: Worker, client: Client) -> None:
    session = client.new()
    for header in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {client.key}"}):
        with httpx2.Client(base_url=worker.url, headers=header, trust_env=False) as stranger:
            for path in ("/v1/sessions", f"/v1/sessions/{session}", "/v1/approvals"):
                answer = stranger.get(path)
                assert (answer.status_code, code(answer)) == (401, "bad_key")
                assert answer.headers["www-authenticate"] == "Bearer"
    url = f"{worker.url.replace('http', 'ws', 1)}/v1/sessions/{session}/ws"
    for hello in ('{"type":"hello","key":"wrong"}', '{"type":"cancel"}', "[", b"\x00"):
        with connect(url, proxy=None) as socket:
            socket.send(hello)
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code in (4400, 4401)


def test_what_does_not_fit_is_refused_in_one_form(client: Client) -> None:
    session = client.new()
    ask = f"/v1/sessions/{session}/ask"
    events = f"/v1/sessions/{session}/events"

    def streamed() -> Iterator[bytes]:
        for _ in range(30):
            yield b"x" * 1000

    refused = [
        (client.http.post(ask, json={"text": ""}), 422, "invalid"),
        (client.http.post(ask, json={"text": "a", "b": 1}), 422, "invalid"),
        (client.http.post(ask, content=b"{"), 422, "invalid"),
        (client.http.post(ask, json={"text": "a" * 6000}), 413, "too_large"),
        (client.http.post(ask, json={"text": "a" * 30_000}), 413, "too_large"),
        (client.http.post(ask, content=streamed()), 413, "too_large"),
        (client.http.get(events, params={"after": "9.9"}), 400, "bad_event_id"),
        (client.http.get(events, params={"after": "99"}), 400, "bad_event_id"),
        (client.http.get("/v2"), 404, "not_found"),
        (client.http.put("/v1/sessions"), 405, "method_not_allowed"),
        (client.http.post("/v1/sessions", json={"effort": "heroic"}), 422, "invalid"),
    ]

    assert [(each.status_code, code(each)) for each, *_ in refused] == [
        (status, word) for _, status, word in refused
    ]
    assert client.get(f"/v1/sessions/{session}")["status"] == "new"


def test_a_tenant_has_only_so_many_sessions(worker: Worker, mock: MockServer) -> None:
    with worker.client("globex") as client:
        made = [client.new() for _ in range(25)]
        answer = client.http.post("/v1/sessions", json={})
        assert (answer.status_code, code(answer)) == (429, "too_many_sessions")
        assert client.http.delete(f"/v1/sessions/{made[0]}").status_code == 204
        made.append(client.new())
        for session in made[1:]:
            client.http.delete(f"/v1/sessions/{session}")


def test_a_turn_that_fails_says_so_without_the_servers_words(
    client: Client, mock: MockServer
) -> None:
    session = client.new()
    after = client.ask(session, mock.script(Step(fault="http_400"), name="bad"))
    events = client.until(session, "TurnFinished", after)

    assert events[-1][1]["status"] == "failed"
    assert events[-1][1]["error"] == "ServerStatus"
    assert "127.0.0.1" not in str(events)


def test_it_says_how_it_is(worker: Worker, client: Client, mock: MockServer) -> None:
    client.until(session := client.new(), "TurnFinished", client.ask(session, "Hello."))

    assert client.get("/health/live") == {"status": "ok"}
    assert client.get("/health/ready") == {"status": "ok", "store": "ok", "model": "ok"}
    text = client.http.get("/metrics").text
    assert "\nservice_turns 0.0\n" in text
    assert 'toolrun_events_total{event="TurnFinished.finished"}' in text
    assert 'service_requests_total{route="/v1/sessions/{session_id}/ask",status="202"}' in text
    assert session not in text


def test_the_page_comes_with_a_policy(client: Client) -> None:
    answer = client.http.get("/")

    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    for bad in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "http://",
        "https://",
    ):
        assert bad not in answer.text


def test_keys() -> None:
    tenants = Tenants(KEYS)

    assert [tenants.of(key) for key in (*KEYS.values(), "")] == ["acme", "globex", None]
    assert tenants.of_header(f"bearer {KEYS['acme']}") == "acme"
    assert tenants.of_header(None) is None
    for bad in ({}, {"a": "short"}, {"a": "x" * 16, "b": "x" * 16}):
        with pytest.raises(ConfigError):
            Tenants(bad)


def test_keys_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# those who may\nacme  key-one\n\n")

    assert read_keys("globex key-two", file) == {"globex": "key-two", "acme": "key-one"}
    for text in ("acme key-two", "one", "a b c"):
        with pytest.raises(ConfigError):
            read_keys(text, file)


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({}, "no store"),
        ({"SERVICE_PROT": "1"}, "SERVICE_PROT"),
        ({"SERVICE_PORT": "many"}, "int"),
        ({"TOOLRUN_STORE": "mysql://x"}, "TOOLRUN_STORE"),
    ],
)
def test_settings_that_do_not_fit_are_named(env: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_settings(env)


def test_a_worker_without_keys_does_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOOLRUN_STORE", f"sqlite:///{tmp_path}/a.db")
    monkeypatch.setattr("structlog.configure", lambda **_: None)

    assert main() == 2
    assert "SERVICE_KEYS" in capsys.readouterr().err
