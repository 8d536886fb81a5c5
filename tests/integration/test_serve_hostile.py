"""What can a client do to `toolrun serve`, or to another client of it?"""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.integration.serving import WEATHER, Served
from tests.integration.test_serve import HI, LOOKING, ask, result, without_reasoning
from tests.rig import leaks
from tests.rig.mock import Step
from tests.unit.cli.work import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.mock import MockServer

ALICE, BOB = "alice-key-0123456789", "bob-key-0123456789abc"
MOST = 20_000


@pytest.fixture(scope="module")
def served(mock_server: MockServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("serve")
    (folder / ".env-keys").write_text(f"# of the tests\nalice {ALICE}\n\n{BOB}\n")
    words = ("--api-key-file", ".env-keys", "--max-body", str(MOST), "--in-flight", "2")
    with Served(folder, mock_server.url, "--tools", "my_tools.py", *words) as served:
        leaks.KNOWN.add(served.process.pid, served.fds)
        yield served


def client_of(served: Served, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=served.url, api_key=key, max_retries=0, timeout=30)


def raw(served: Served, data: bytes) -> tuple[int, str, dict[str, Any]]:
    """The status, the headers and the error of the answer to these bytes."""
    host, port = served.root.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(data)
        read = b""
        while part := line.recv(65536):
            read += part
    head, _, body = read.partition(b"\r\n\r\n")
    answered = json.loads(body) if body.startswith(b"{") else {"body": body.decode()}
    return int(head.split()[1]), head.decode(), answered.get("error", answered)


def request(
    body: bytes, path: str = "/v1/chat/completions", key: str = ALICE, more: str = ""
) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    )
    return head.encode("latin-1") + body


@pytest.mark.parametrize("path", ["/v1/models", "/v1/chat/completions", "/metrics", "/nope"])
@pytest.mark.parametrize(
    "authorization", ["", "Bearer ", "Bearer alice", f"Basic {ALICE}", f"Bearer {ALICE}x", "\xff"]
)
def test_nobody_gets_in_without_a_key(served: Served, path: str, authorization: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    said = f"Authorization: {authorization}\r\n" if authorization else ""
    status, headers, error = raw(served, f"{head}{said}\r\n".encode("latin-1"))
    assert (status, error["code"]) == (401, "invalid_api_key")
    assert "www-authenticate: bearer" in headers.lower()


def test_health_needs_no_key_and_says_nothing_else(served: Served) -> None:
    head = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    status, headers, _ = raw(served, head)
    assert status == 200
    assert "server:" not in headers.lower()
    assert "access-control" not in headers.lower()


def test_one_keys_reasoning_never_reaches_another(served: Served, mock: MockServer) -> None:
    mock.script(LOOKING)
    call = {"model": mock.model, "tools": [WEATHER]}
    with client_of(served, ALICE) as alice, client_of(served, BOB) as bob:
        message, _, _ = ask(alice, streamed=False, messages=HI, **call)
        history = [*HI, without_reasoning(message), result(message)]
        flat = [
            *HI,
            {"role": "assistant", "content": f"Calling tools:\n{message.tool_calls[0].id}"},
            {"role": "user", "content": "Observation:\n20"},
        ]
        for messages in (history, flat):
            ask(bob, streamed=False, messages=messages, **call)
            assert "I need the weather" not in json.dumps(mock.bodies()[-1])
            ask(alice, streamed=False, messages=messages, **call)
            assert "I need the weather" in json.dumps(mock.bodies()[-1])


def test_the_same_id_from_the_server_behind_is_two_ids_of_ours(
    served: Served, mock: MockServer
) -> None:
    fixed = LOOKING.tool_calls[0].__class__("get_weather", "{}", id="call_1")
    mock.script(Step("Of somebody.", tool_calls=(fixed,)))
    with client_of(served, ALICE) as alice:
        ids = set()
        for _ in range(3):
            message, _, _ = ask(
                alice, streamed=False, model=mock.model, messages=HI, tools=[WEATHER]
            )
            ids.add(message.tool_calls[0].id)
    assert len(ids) == 3
    assert "call_1" not in ids


BODIES: dict[str, tuple[bytes, int]] = {
    "empty": (b"", 400),
    "not JSON": (b"{", 400),
    "not UTF-8": (b'{"a":"\xff"}', 400),
    "an array": (b"[]", 400),
    "deep": (b'{"messages":' + b"[" * 9000 + b"]" * 9000 + b"}", 400),
    "deeper than a tool's schema": (b'{"a":' * 150 + b"1" + b"}" * 150, 400),
    "a huge number": (b'{"messages":[],"seed":' + b"9" * 5000 + b"}", 400),
    "NaN": (b'{"temperature":NaN}', 400),
    "a lone surrogate": (rb'{"messages":[{"role":"user","content":"\ud800"}]}', 400),
    "messages that are none": (b'{"messages":{"a":1}}', 400),
    "a message that is none": (b'{"messages":[null]}', 400),
    "too long": (b'{"a":"' + b"x" * MOST + b'"}', 413),
    "odd tools": (b'{"messages":[{"role":"tool","tool_calls":[1],"content":[1]}],"tools":7}', 200),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_no_body_gets_more_than_an_error(
    served: Served, mock: MockServer, name: str, path: str
) -> None:
    body, wanted = BODIES[name]
    status, headers, error = raw(served, request(body, path))
    assert status == (400 if path.endswith("responses") and wanted == 200 else wanted)
    assert "content-type: application/json" in headers.lower()
    if status != 200:
        assert set(error) == {"message", "type", "param", "code"}
    assert "Traceback" not in served.err


def test_a_body_in_chunks_without_an_end_is_cut_off_at_the_bound(served: Served) -> None:
    head = request(b"").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    status, _, error = raw(served, head + (b"400\r\n" + b"x" * 1024 + b"\r\n") * 40)
    assert (status, error["code"]) == (413, "body_too_large")


def test_what_a_browser_sends_without_asking_is_refused(served: Served) -> None:
    body = json.dumps({"messages": HI}).encode()
    plain = request(body).replace(b"application/json", b"text/plain")
    assert raw(served, plain)[0] == 415
    options = request(b"").replace(b"POST", b"OPTIONS", 1)
    status, headers, _ = raw(served, options)
    assert status == 405
    assert "access-control" not in headers.lower()


@pytest.mark.parametrize("said", ["a b", "x" * 65, "é", '"', "a\tb"])
def test_the_id_that_a_client_gives_stands_in_no_header_unless_it_can(
    served: Served, said: str
) -> None:
    _, headers, _ = raw(served, request(b"{", more=f"X-Request-Id: {said}\r\n"))
    assert f"x-request-id: {said}".lower() not in headers.lower()
    assert "x-request-id: req_" in headers
    assert "x-request-id: mine-1" in raw(served, request(b"{", more="X-Request-Id: mine-1\r\n"))[1]


def test_a_path_makes_no_header_and_no_line_of_the_log(served: Served, mock: MockServer) -> None:
    path = "/nope%0d%0aSet-Cookie:%20a=b%0a%7B%22event%22:%22forged%22%7D"
    status, headers, error = raw(served, request(b"{}", path))
    assert status == 404
    assert "set-cookie" not in headers.lower()
    assert error["code"] == "unknown_url"
    until(lambda: "forged" in served.err)
    assert [json.loads(line)["event"] for line in served.err.splitlines() if "forged" in line] == [
        "request"
    ]


def test_no_key_is_in_the_log(served: Served) -> None:
    raw(served, request(b"{", key="wrong-key-9876543210"))
    raw(served, request(b"{"))
    raw(served, request(b"{", path=f"/v1/models/x?key={ALICE}"))
    until(lambda: '"status": 401' in served.err)
    for key in (ALICE, BOB, "wrong-key-9876543210"):
        assert key not in served.err
    assert '"caller": "alice"' in served.err


def test_a_key_has_so_many_requests_in_flight_and_others_have_theirs(
    served: Served, mock: MockServer
) -> None:
    mock.script(Step("Slow. " * 300, "x", chunk_delay_s=0.1, chunks_per_write=1))
    call: dict[str, Any] = {"model": mock.model, "messages": HI, "tools": [WEATHER], "stream": True}
    with client_of(served, ALICE) as alice, client_of(served, BOB) as bob:
        streams: list[Any] = [alice.chat.completions.create(**call) for _ in range(2)]
        with pytest.raises(openai.RateLimitError, match="2 requests in flight") as busy:
            alice.chat.completions.create(**call)
        assert int(busy.value.response.headers["retry-after"]) >= 1
        streams.append(bob.chat.completions.create(**call))
        for stream in streams:
            stream.close()
        until(lambda: mock.running() == 0)
        mock.script(Step("Quick.", "Hello."))
        answers = []

        def asks() -> None:
            answers.append(alice.chat.completions.create(model=mock.model, messages=HI))

        until(lambda: _succeeds(asks))
        assert answers[0].choices[0].message.content == "Hello."


def _succeeds(work: Any) -> bool:
    try:
        work()
    except openai.RateLimitError:
        return False
    return True


def test_clients_that_send_nothing_hold_nobody_up(served: Served, mock: MockServer) -> None:
    host, port = served.root.removeprefix("http://").split(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(50)]
    half = [socket.create_connection((host, int(port))) for _ in range(50)]
    try:
        for line in half:
            line.sendall(request(b"{}", key="nobody")[:-20])
        with client_of(served, ALICE) as alice:
            assert alice.models.list().data
    finally:
        for line in idle + half:
            line.close()


def test_many_wrong_keys_make_no_series_and_no_memory(served: Served) -> None:
    threads = [
        threading.Thread(target=raw, args=(served, request(b"{}", key=f"{number:032}")))
        for number in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    head = (
        f"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {BOB}\r\n"
    )
    text = raw(served, f"{head}\r\n".encode())[2]["body"]
    names = {part.split('"')[0] for part in text.split('key="')[1:]}
    assert {"alice", "anyone"} <= names
    assert len(names) <= 3


def test_without_keys_only_this_machines_own_name_is_answered_to(
    mock: MockServer, tmp_path: Any
) -> None:
    """A web page whose name is made to lead here (DNS rebinding) sends its own name."""
    with Served(tmp_path, mock.url) as open_one:
        body = json.dumps({"messages": HI}).encode()
        evil = request(body).replace(b"Host: x", b"Host: evil.example:80")
        assert raw(open_one, evil)[0] == 403
        assert raw(open_one, request(body).replace(b"Host: x", b"Host: localhost:80"))[0] == 200
    assert len(mock.bodies()) == 1


def test_where_the_server_behind_is_gone_it_says_so(served: Served, tmp_path: Any) -> None:
    with (
        Served(tmp_path, "http://127.0.0.1:9/v1") as alone,
        client_of(alone, "any") as client,
    ):
        with pytest.raises(openai.InternalServerError, match="cannot be reached") as gone:
            client.chat.completions.create(model="m", messages=HI)
        assert gone.value.status_code == 503
        assert "127.0.0.1" not in str(gone.value)
        http: Any = client._client
        assert http.get(f"{alone.root}/health").status_code == 503
        assert http.get(f"{alone.root}/health/live").status_code == 200
