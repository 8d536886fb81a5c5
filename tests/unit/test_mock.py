"""Does the mock vLLM speak as the real one, choose its steps as told, and fail as told?"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.rig.mock import Call, MockServer, Step

WEATHER = Call("get_weather", '{"city":"Paris"}')
HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hello"}]


class Reply:
    """A reply as it came over the wire; `broken` says how it ended early."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes, broken: str) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.broken = broken

    @property
    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.body)["choices"][0]["message"]
        return message

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = json.loads(self.body)["error"]
        return error

    @property
    def events(self) -> list[str]:
        return [event.removeprefix("data: ") for event in self.body.decode().split("\n\n")[:-1]]

    @property
    def chunks(self) -> list[dict[str, Any]]:
        return [json.loads(event) for event in self.events if event != "[DONE]"]

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [chunk["choices"][0]["delta"] for chunk in self.chunks if chunk["choices"]]


def ask(
    mock: MockServer, messages: list[dict[str, Any]] = HELLO, *, timeout: float = 20, **more: Any
) -> Reply:
    body = {"model": mock.model, "messages": messages} | more
    return post(mock, json.dumps(body).encode(), timeout=timeout)


def post(
    mock: MockServer, body: bytes, headers: dict[str, str] | None = None, *, timeout: float = 20
) -> Reply:
    connection = http.client.HTTPConnection(urlsplit(mock.root).netloc, timeout=timeout)
    kind = {"Content-Type": "application/json"}
    try:
        connection.request("POST", "/v1/chat/completions", body, kind | (headers or {}))
        try:
            response = connection.getresponse()
        except (http.client.RemoteDisconnected, TimeoutError) as error:
            return Reply(0, {}, b"", type(error).__name__)
        read, broken = b"", ""
        try:
            while piece := response.read1():
                read += piece
            if response.length:
                broken = "IncompleteRead"
        except (http.client.IncompleteRead, ConnectionError, TimeoutError) as error:
            broken = type(error).__name__
        names = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, names, read, broken)
    finally:
        connection.close()


def get(mock: MockServer, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(mock.root).netloc, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def after(call_id: str, *, calls: int = 1) -> list[dict[str, Any]]:
    """The messages of a first step's calls and their results."""
    made = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": call_id, "content": "20"}
    return [{"role": "assistant", "tool_calls": [made] * calls}, *([result] * calls)]


# ---- what it says ----


def test_a_script_is_chosen_by_a_marker_and_its_step_by_the_results(mock: MockServer) -> None:
    asked = [{"role": "user", "content": "How warm is it? [[script:tool]]"}]
    first = ask(mock, asked).message
    assert first["reasoning"] == "Need the weather tool."
    assert first["content"] is None
    assert first["tool_calls"][0]["function"]["name"] == "get_weather"
    second = ask(mock, asked + after(first["tool_calls"][0]["id"])).message
    assert second["content"] == "It is 20 degrees in Paris."
    assert "tool_calls" not in second


def test_a_script_is_chosen_by_vllm_xargs(mock: MockServer) -> None:
    reply = ask(mock, vllm_xargs={"script": "tool"})
    assert reply.message["tool_calls"][0]["function"]["name"] == "get_weather"


def test_a_script_that_there_is_not_is_an_error(mock: MockServer) -> None:
    assert ask(mock, vllm_xargs={"script": "nosuch"}).status == 400


def test_scripts_are_told_and_forgotten(mock: MockServer) -> None:
    marker = mock.script(Step(content="Mine."), name="mine")
    mock.script(Step(content="Everybody's."))
    assert ask(mock, [{"role": "user", "content": marker}]).message["content"] == "Mine."
    assert ask(mock).message["content"] == "Everybody's."
    mock.reset()
    assert ask(mock).message["content"] == "Hello there, friend!"


def test_the_results_of_one_message_are_one_step(mock: MockServer) -> None:
    mock.script(Step(content="0"), Step(content="1"), Step(content="2"))
    round_of_two = after("a", calls=2)
    assert ask(mock, HELLO + round_of_two).message["content"] == "1"
    assert ask(mock, HELLO + round_of_two + after("b")).message["content"] == "2"
    assert ask(mock, HELLO + round_of_two + HELLO).message["content"] == "0"


def test_ids_are_new_in_each_reply(mock: MockServer) -> None:
    mock.script(Step(tool_calls=(WEATHER, WEATHER)))
    bodies = [json.loads(ask(mock).body) for _ in range(3)]
    ids = [body["id"] for body in bodies]
    ids += [call["id"] for body in bodies for call in body["choices"][0]["message"]["tool_calls"]]
    assert len(set(ids)) == 9
    assert all(each.startswith("chatcmpl-") for each in ids)


def test_a_stream_says_what_the_whole_reply_says(mock: MockServer) -> None:
    step = Step(" Let me\nthink… ", "Zürich 🌍 is  warm", (WEATHER, Call("f", '{"a": "ü"}')))
    mock.script(step)
    whole, stream = ask(mock), ask(mock, stream=True, stream_options={"include_usage": True})
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert stream.events[-1] == "[DONE]"
    assert stream.deltas[0] == {"role": "assistant", "content": ""}
    for name in ("reasoning", "content"):
        joined = "".join(delta.get(name, "") for delta in stream.deltas)
        assert joined == getattr(step, name) == whole.message[name]
    parts = [part for delta in stream.deltas for part in delta.get("tool_calls", ())]
    for at, call in enumerate(step.tool_calls):
        mine = [part["function"] for part in parts if part["index"] == at]
        assert mine[0] == {"name": call.name, "arguments": ""}
        assert "".join(part["arguments"] for part in mine) == call.arguments
    assert [c["choices"][0]["finish_reason"] for c in stream.chunks if c["choices"]][-2:] == [
        None,
        "tool_calls",
    ]
    usage = json.loads(whole.body)["usage"]
    assert stream.chunks[-1]["choices"] == []
    assert stream.chunks[-1]["usage"]["completion_tokens"] == usage["completion_tokens"]


def test_header_tokens_are_empty_deltas_where_token_ids_are_asked_for(mock: MockServer) -> None:
    assert {} not in ask(mock, stream=True).deltas[:-1]
    assert {} in ask(mock, stream=True, return_token_ids=True).deltas[:-1]


def test_usage_and_finish_reason_are_as_told(mock: MockServer) -> None:
    mock.script(Step(content="x", finish_reason="length", usage={"completion_tokens": 7}))
    body = json.loads(ask(mock).body)
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 7


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("0.10.2", {"reasoning_content"}),
        ("0.12.0", {"reasoning", "reasoning_content"}),
        ("0.16.0", {"reasoning"}),
    ],
)
def test_reasoning_has_the_name_of_the_version(
    mock: MockServer, version: str, names: set[str]
) -> None:
    mock.settings(version=version)
    assert json.loads(get(mock, "/version")[1]) == {"version": version}
    assert {name for name in ask(mock).message if name.startswith("reasoning")} == names
    deltas = ask(mock, stream=True).deltas
    assert {name for d in deltas for name in d if name.startswith("reasoning")} == names


def test_reasoning_can_have_another_name_for_one_step(mock: MockServer) -> None:
    mock.script(Step("why", "x", reasoning_fields="reasoning_content"))
    assert ask(mock).message["reasoning_content"] == "why"


# ---- what else it serves ----


def test_the_other_pages(mock: MockServer) -> None:
    assert json.loads(get(mock, "/v1/models")[1])["data"][0]["id"] == mock.model
    assert get(mock, "/health") == (200, "")
    assert get(mock, "/nosuch")[0] == 404
    assert mock.running() == 0
    mock.settings(version=None)
    assert get(mock, "/version")[0] == 404


def test_requests_are_kept_as_they_came(mock: MockServer) -> None:
    body = json.dumps({"model": mock.model, "messages": HELLO}).encode()
    post(mock, body, {"X-Mine": "yes"})
    (request,) = mock.requests()
    assert request.body == body.decode()
    assert request.headers["x-mine"] == "yes"
    assert mock.bodies() == [json.loads(body)]


def test_errors_of_requests(mock: MockServer) -> None:
    assert ask(mock, model="nosuch").error["type"] == "NotFoundError"
    assert ask(mock, reasoning_effort="immense").status == 400
    assert post(mock, b"{").status == 400
    assert post(mock, b"{}").status == 400
    assert post(mock, b"{}", {"Content-Type": "text/plain"}).status == 400


def test_a_key_is_asked_for(mock: MockServer) -> None:
    mock.settings(api_key="s3cret")
    body = json.dumps({"model": mock.model, "messages": HELLO}).encode()
    assert post(mock, body).status == 401
    assert post(mock, body, {"Authorization": "Bearer wrong"}).status == 401
    assert post(mock, body, {"Authorization": "Bearer s3cret"}).status == 200
    assert get(mock, "/health")[0] == 200


def test_connections_are_kept_and_requests_may_come_in_pieces(mock: MockServer) -> None:
    body = json.dumps({"model": mock.model, "messages": HELLO}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-type: application/json\r\n"
    request = head + b"content-length: %d\r\n\r\n" % len(body) + body
    host, port = urlsplit(mock.root).netloc.split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        for piece in (request[:10], request[10:90], request[90:] + request):  # two requests
            connection.sendall(piece)
            time.sleep(0.02)
        read = b""
        while read.count(b"HTTP/1.1 200 OK") < 2 or read.count(b"metrics") < 2:
            piece = connection.recv(65536)
            assert piece
            read += piece


# ---- how it fails ----


def faulty(mock: MockServer, fault: Any, *, stream: bool, **more: Any) -> Reply:
    mock.script(Step("Think of it.", "The answer is here.", (WEATHER,), fault=fault, **more))
    # Nothing comes, or nothing more; all else comes, however busy the machine is.
    patience = {"hang_early": 0.3, "hang_midway": 2.0}.get(str(fault), 20.0)
    return ask(mock, stream=stream, timeout=patience)


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_fault_http(mock: MockServer, status: int, *, stream: bool) -> None:
    reply = faulty(mock, f"http_{status}", stream=stream, retry_after="2")
    assert reply.status == status
    assert reply.headers["retry-after"] == "2"
    assert reply.error["code"] == status


def test_fault_of_a_header(mock: MockServer, *, stream: bool) -> None:
    reply = faulty(mock, "header_500", stream=stream)
    assert (reply.status, reply.error["code"]) == (500, 500)
    assert "message header" in reply.error["message"]


@pytest.mark.parametrize(
    ("fault", "kind", "begins"),
    [
        ("html", "text/html", b"<!DOCTYPE"),
        ("gzip_garbage", "application/json", b"\x1f\x8b"),
        ("empty_body", "application/json", b""),
    ],
)
def test_fault_of_a_page(
    mock: MockServer, fault: str, kind: str, begins: bytes, *, stream: bool
) -> None:
    reply = faulty(mock, fault, stream=stream)
    assert reply.status == 200
    assert reply.headers["content-type"] == kind
    assert reply.body.startswith(begins)
    assert bool(reply.body) is bool(begins)


def test_fault_truncated_json(mock: MockServer, *, stream: bool) -> None:
    reply = faulty(mock, "truncated_json", stream=stream)
    assert reply.broken == ""
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply.events[-1] if stream else reply.body)


def test_fault_sse_error(mock: MockServer) -> None:
    reply = faulty(mock, "sse_error", stream=True)
    assert reply.status == 200
    assert "reasoning" in reply.chunks[1]["choices"][0]["delta"]
    assert json.loads(reply.events[-2])["error"]["code"] == 500
    assert reply.events[-1] == "[DONE]"
    assert faulty(mock, "sse_error", stream=False).status == 500


def test_fault_cut(mock: MockServer) -> None:
    reply = faulty(mock, "cut", stream=True)
    assert reply.broken == ""
    assert "[DONE]" not in reply.events
    assert all(chunk["choices"][0]["finish_reason"] is None for chunk in reply.chunks)


def test_fault_closed(mock: MockServer, *, stream: bool) -> None:
    assert faulty(mock, "closed_early", stream=stream).broken == "RemoteDisconnected"
    midway = faulty(mock, "closed_midway", stream=stream)
    assert midway.status in {0, 200}  # a reset may outrun what was written before it
    assert midway.broken != ""


def test_fault_hang(mock: MockServer, *, stream: bool) -> None:
    early = faulty(mock, "hang_early", stream=stream)
    assert (early.status, early.broken) == (0, "TimeoutError")
    midway = faulty(mock, "hang_midway", stream=stream)
    assert (midway.status, midway.broken) == (200, "TimeoutError")
    assert midway.body


def test_a_client_that_leaves_is_noticed(mock: MockServer) -> None:
    faulty(mock, "hang_midway", stream=True)
    until = time.monotonic() + 20
    while mock.running() and time.monotonic() < until:
        time.sleep(0.01)
    assert mock.running() == 0


def test_a_request_that_is_answered_counts_as_running(mock: MockServer) -> None:
    mock.script(Step(content="x", delay_s=5))
    host, port = urlsplit(mock.root).netloc.split(":")
    body = json.dumps({"model": mock.model, "messages": HELLO}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-type: application/json\r\n"
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head + b"content-length: %d\r\n\r\n" % len(body) + body)
        until = time.monotonic() + 20
        while not mock.running() and time.monotonic() < until:
            time.sleep(0.01)
        assert mock.running() == 1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("null_content", {"content": None, "reasoning": "Think of it."}),
        ("analysis_only", {"content": None, "reasoning": "Think of it."}),
        ("markup_in_content", {"content": "<|channel|>final<|message|>The answer is here."}),
    ],
)
def test_fault_of_a_message(mock: MockServer, fault: str, expected: dict[str, Any]) -> None:
    message = faulty(mock, fault, stream=False).message
    assert expected.items() <= message.items()
    assert "tool_calls" not in message
    deltas = faulty(mock, fault, stream=True).deltas
    assert "".join(d.get("content", "") for d in deltas) == (expected["content"] or "")
    assert not any("tool_calls" in delta for delta in deltas)


@pytest.mark.parametrize(
    ("fault", "name", "arguments"),
    [
        ("name_with_channel", "get_weather<|channel|>commentary", WEATHER.arguments),
        ("name_with_namespace", "functions.get_weather", WEATHER.arguments),
        ("hidden_truncation", "get_weather", '{"city":'),
    ],
)
def test_fault_of_a_call(mock: MockServer, fault: str, name: str, arguments: str) -> None:
    reply = faulty(mock, fault, stream=False)
    assert reply.message["tool_calls"][0]["function"] == {"name": name, "arguments": arguments}
    assert json.loads(reply.body)["choices"][0]["finish_reason"] == "tool_calls"
    parts = [
        part["function"]
        for delta in faulty(mock, fault, stream=True).deltas
        for part in delta.get("tool_calls", ())
    ]
    assert parts[0]["name"] == name
    assert "".join(part["arguments"] for part in parts) == arguments


def test_fault_garbled_calls(mock: MockServer) -> None:
    deltas = faulty(mock, "garbled_calls", stream=True).deltas
    parts = [part for delta in deltas for part in delta.get("tool_calls", ())]
    assert parts
    assert not any("id" in part or "name" in part["function"] for part in parts)
    whole = faulty(mock, "garbled_calls", stream=False).message
    assert whole["tool_calls"][0]["function"]["name"] == "get_weather"


def test_fault_duplicate_ids(mock: MockServer) -> None:
    calls = faulty(mock, "duplicate_ids", stream=False).message["tool_calls"]
    assert len(calls) == 2
    assert len({call["id"] for call in calls}) == 1


def test_a_fault_can_pass(mock: MockServer) -> None:
    mock.script(Step(content="At last.", fault="http_503", fault_times=2))
    assert [ask(mock).status for _ in range(3)] == [503, 503, 200]
    other = [{"role": "user", "content": "Another one"}]
    assert [ask(mock, other).status for _ in range(3)] == [503, 503, 200]


# ---- its process ----


def test_it_dies_with_its_parent() -> None:
    code = (
        "import time; from tests.rig.mock import MockServer; server = MockServer();"
        "print(server.process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    until = time.monotonic() + 5
    while _runs(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _runs(pid)


def test_it_can_be_pinned_to_a_core() -> None:
    core = min(os.sched_getaffinity(0))
    with MockServer(core=core) as server:
        assert os.sched_getaffinity(server.process.pid) == {core}


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
