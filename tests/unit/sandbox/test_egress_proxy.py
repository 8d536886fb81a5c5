"""Does the egress proxy pass on what the profile lists, nothing else, and leave nothing open?"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from toolrun.sandbox import load_profile
from toolrun.sandbox.egress.proxy import Bounds, Decision, Proxy
from toolrun.sandbox.egress.way import Way

PEM = Path(__file__).parents[2] / "security" / "example.pem"


class Answer(BaseHTTPRequestHandler):
    """Says what it was asked; remembers it."""

    protocol_version = "HTTP/1.1"
    asked: list[str]

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        if self.headers["Transfer-Encoding"] == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(body)

    do_DELETE = do_GET  # noqa: N815 - the standard library's names

    def _answer(self, body: bytes) -> None:
        self.asked.append(f"{self.command} {self.headers['Host']}{self.path}")
        said = f"{self.command} {self.path} ".encode() + body
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    block_on_close = True
    daemon_threads = False
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextlib.contextmanager
def serving(*, tls: bool) -> Iterator[tuple[int, list[str]]]:
    asked: list[str] = []
    handler = type("Handler", (Answer,), {"asked": asked, "timeout": 20})
    with Server(("127.0.0.1", 0), handler) as server:
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(PEM)
            server.socket = context.wrap_socket(
                server.socket, server_side=True, do_handshake_on_connect=False
            )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1], asked
        server.shutdown()
        thread.join()


@pytest.fixture
def web() -> Iterator[tuple[int, list[str]]]:
    """A server of plain HTTP: its port, and what it was asked."""
    with serving(tls=False) as server:
        yield server


@pytest.fixture
def secure_web() -> Iterator[tuple[int, list[str]]]:
    """The same with TLS, for api.example.org."""
    with serving(tls=True) as server:
        yield server


async def local(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


Opened = Callable[..., contextlib.AbstractAsyncContextManager[tuple[int, list[Decision]]]]


@contextlib.asynccontextmanager
async def proxied(
    *private: str, resolve: Any = local, bounds: Bounds | None = None, **change: Any
) -> AsyncIterator[tuple[int, list[Decision]]]:
    """A proxy at a port of this machine's loopback, as a box has it at its own."""
    profile = msgspec.structs.replace(load_profile("pure"), private_hosts=private, **change)
    told: list[Decision] = []
    way = Way()
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    port = listener.getsockname()[1]
    try:
        async with way.served(Proxy(profile, resolve, bounds), told.append):
            way.open(listener.detach())
            yield port, told
    finally:
        way.close()


async def say(port: int, data: bytes, *, end: bool = False) -> bytes:
    """Send bytes to the proxy, and read all that it answers."""
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(data)
        if end:
            await stream.send_eof()
        answer = b""
        with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            while True:
                answer += await stream.receive()
        return answer


def get(url: str, host: str, method: str = "GET", *more: str, body: str = "") -> bytes:
    lines = [f"{method} {url} HTTP/1.1", f"Host: {host}", *more, "", body]
    return "\r\n".join(lines).encode()


def connecting(target: str) -> bytes:
    return f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()


async def tunnelled(port: int, target: str, name: str | None, ask: bytes) -> bytes:
    """Ask through a tunnel, with a TLS greeting for a name."""
    context = ssl.create_default_context(cafile=str(PEM))
    async with await anyio.connect_tcp("127.0.0.1", port) as stream:
        await stream.send(connecting(target))
        if not (answer := await stream.receive()).startswith(b"HTTP/1.1 200 "):
            return answer
        tls = await anyio.streams.tls.TLSStream.wrap(
            stream, hostname=name, ssl_context=context, standard_compatible=False
        )
        await tls.send(ask)
        return await tls.receive()


async def test_plain_http_is_passed_on(web: tuple[int, list[str]]) -> None:
    server, asked = web
    host = f"api.example.org:{server}"
    async with proxied(host) as (port, told):
        answer = await say(port, get(f"http://{host}/a?b", host))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\nGET /a?b ")
    assert asked == [f"GET {host}/a?b"]
    assert told == [Decision("api.example.org", server, "GET", allowed=True)]


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_body_is_passed_on(web: tuple[int, list[str]], framing: str) -> None:
    host = f"api.example.org:{web[0]}"
    if framing == "length":
        request = get(f"http://{host}/", host, "POST", "Content-Length: 5", body="12345")
    else:
        chunks = "3\r\n123\r\n2\r\n45\r\n0\r\n\r\n"
        request = get(f"http://{host}/", host, "POST", "Transfer-Encoding: chunked", body=chunks)
    async with proxied(host, methods=("POST",)) as (port, _):
        assert (await say(port, request)).endswith(b"POST / 12345")


async def test_a_second_request_is_not_smuggled_in(web: tuple[int, list[str]]) -> None:
    server, asked = web
    host = f"api.example.org:{server}"
    evil = get("/evil", host, "DELETE")
    async with proxied(host, methods=("GET", "POST")) as (port, _):
        await say(port, get(f"http://{host}/1", host) + evil)
        await say(port, get(f"http://{host}/2", host, "POST", "Content-Length: 0") + evil)
        chunks = get(f"http://{host}/3", host, "POST", "Transfer-Encoding: chunked")
        await say(port, chunks + b"0\r\n\r\n" + evil)
        for bad in (b"0\r\nX: 1\r\n\r\n", b"0;a=b\r\n\r\n", b" 0\r\n\r\n", b"0x0\r\n\r\n", b"\r\n"):
            assert b" 200 " not in await say(port, chunks + bad + evil, end=True)

    assert asked == [f"GET {host}/1", f"POST {host}/2", f"POST {host}/3"]


@contextlib.asynccontextmanager
async def raw_server(answer: Callable[[Any], Any]) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that takes all bytes as they come, and answers as it is told."""
    got: list[bytes] = []
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")

    async def serve(stream: Any) -> None:
        async with stream:
            got.append(await stream.receive())
            await answer(stream)
            with contextlib.suppress(
                anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError
            ):
                while True:
                    got.append(await stream.receive())

    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield listener.extra(anyio.abc.SocketAttribute.local_port), got
        group.cancel_scope.cancel()


async def test_not_a_byte_goes_on_after_a_body() -> None:
    async def answer(stream: Any) -> None:
        await anyio.sleep(0.05)
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with raw_server(answer) as (server, got):
        host = f"api.example.org:{server}"
        async with proxied(host, methods=("GET", "POST")) as (port, _):
            for more, body in (
                ("Content-Length: 5", "12345"),
                ("Transfer-Encoding: chunked", "5\r\n12345\r\n0\r\n\r\n"),
            ):
                got.clear()
                request = get(f"http://{host}/", host, "POST", more, body=body)
                with anyio.move_on_after(0.3):
                    await say(port, request + b"DELETE /evil HTTP/1.1\r\nHost: a\r\n\r\n")

                received = b"".join(got)
                assert received.endswith(body.encode())
                assert b"evil" not in received


async def test_what_moves_slowly_is_not_ended() -> None:
    async def answer(stream: Any) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
        for _ in range(8):
            await anyio.sleep(0.1)
            await stream.send(b"x")
        await stream.aclose()

    async with raw_server(answer) as (server, _):
        host = f"api.example.org:{server}"
        async with proxied(host, bounds=Bounds(idle_seconds=0.5)) as (port, _):
            answered = await say(port, get(f"http://{host}/", host))

    assert answered.endswith(b"xxxxxxxx")


async def test_what_is_not_listed_is_refused_and_the_tool_reads_why(
    web: tuple[int, list[str]],
) -> None:
    server, asked = web
    host = f"api.example.org:{server}"
    async with proxied(host) as (port, told):
        other = await say(port, get(f"http://evil.test:{server}/", f"evil.test:{server}"))
        tunnel = await say(port, connecting("evil.test:443"))
        method = await say(port, get(f"http://{host}/", host, "DELETE"))
        nonsense = await say(port, b"nonsense\r\n\r\n")

    reason = f"evil.test:{server} is not among the hosts of sandbox profile 'pure'"
    assert other.startswith(f"HTTP/1.1 403 {reason}\r\n".encode())
    assert other.endswith(f"toolrun: {reason}. The profile lists: {host}.\n".encode())
    assert tunnel.startswith(b"HTTP/1.1 403 evil.test:443 is not among")
    assert method.startswith(b"HTTP/1.1 405 DELETE is not among the methods")
    assert nonsense.startswith(b"HTTP/1.1 400 ")
    assert asked == []
    assert told[0] == Decision("evil.test", server, "GET", allowed=False, reason=reason)
    assert [(each.host, each.method, each.allowed) for each in told[1:]] == [
        ("evil.test", "CONNECT", False),
        ("api.example.org", "DELETE", False),
        ("", "", False),
    ]


async def test_a_private_address_is_refused_unless_the_profile_says_so(
    web: tuple[int, list[str]],
) -> None:
    server, asked = web
    host = f"api.example.org:{server}"
    async with proxied(hosts=(host,)) as (port, told):
        answer = await say(port, get(f"http://{host}/", host))

    assert answer.startswith(b"HTTP/1.1 403 api.example.org may not be reached: it is at 127.0.0.1")
    assert asked == []
    assert [each.allowed for each in told] == [False]


async def test_a_name_that_changes_its_address_is_looked_up_once(
    web: tuple[int, list[str]],
) -> None:
    server, asked = web
    lookups: list[str] = []

    async def rebinding(host: str, port: int) -> list[str]:
        lookups.append(host)
        return ["192.88.99.1"] if len(lookups) == 1 else ["127.0.0.1"]

    host = f"api.example.org:{server}"
    bounds = Bounds(connect_seconds=0.2)
    async with proxied(hosts=(host,), resolve=rebinding, bounds=bounds) as (port, _):
        first = await say(port, get(f"http://{host}/", host))
        second = await say(port, get(f"http://{host}/", host))

    assert first.startswith((b"HTTP/1.1 502 ", b"HTTP/1.1 403 "))
    assert second.startswith(b"HTTP/1.1 403 ")
    assert lookups == ["api.example.org"] * 2
    assert asked == []


async def test_a_name_without_an_address_is_said_to_have_none() -> None:
    async def resolve(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with proxied("api.example.org:443", resolve=resolve) as (port, told):
        answer = await say(port, connecting("api.example.org:443"))

    assert answer.startswith(b"HTTP/1.1 502 api.example.org has no address\r\n")
    assert [each.allowed for each in told] == [False]


async def test_tls_goes_through_a_tunnel(secure_web: tuple[int, list[str]]) -> None:
    server, asked = secure_web
    target = f"api.example.org:{server}"
    async with proxied(target) as (port, told):
        answer = await tunnelled(port, target, "api.example.org", get("/x", target))

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert asked == [f"GET {target}/x"]
    assert told == [Decision("api.example.org", server, "CONNECT", allowed=True)]


async def test_a_tunnel_carries_no_other_name(secure_web: tuple[int, list[str]]) -> None:
    server, asked = secure_web
    target = f"api.example.org:{server}"
    async with proxied(target) as (port, told):
        with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
            await tunnelled(port, target, "www.example.org", get("/", target))

    assert asked == []
    assert told[1].allowed is False
    assert told[1].reason.endswith("its TLS greeting is for www.example.org")


@pytest.mark.parametrize("first", [b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n", b"SSH-2.0-x\r\n", b""])
async def test_a_tunnel_carries_nothing_but_tls(web: tuple[int, list[str]], first: bytes) -> None:
    server, asked = web
    target = f"api.example.org:{server}"
    async with proxied(target) as (port, told):
        answer = await say(port, connecting(target) + first, end=True)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"GET /evil" not in answer
    assert asked == []
    assert [each.allowed for each in told] == [True, False]


async def test_who_is_slow_to_ask_is_hung_up_on() -> None:
    async with proxied("a.test:80", bounds=Bounds(head_seconds=0.1)) as (port, _):
        assert await say(port, b"GET http://a.test/ HTTP/1.1\r\n") == b""


async def test_a_head_without_end_is_refused() -> None:
    async with proxied("a.test:80") as (port, _):
        answer = await say(port, b"GET http://a.test/ HTTP/1.1\r\nX: " + b"a" * 20_000)

    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_what_does_not_move_is_ended(web: tuple[int, list[str]]) -> None:
    target = f"api.example.org:{web[0]}"
    bounds = Bounds(idle_seconds=0.1)
    request = get(f"http://{target}/", target, "POST", "Content-Length: 5")
    async with proxied(target, bounds=bounds, methods=("POST",)) as (port, _):
        with anyio.fail_after(10):
            assert await say(port, request) == b""


@pytest.mark.parametrize("way", ["up_bytes", "down_bytes"])
async def test_a_call_has_so_many_bytes(web: tuple[int, list[str]], way: str) -> None:
    host = f"api.example.org:{web[0]}"
    body = "x" * 200_000
    request = get(f"http://{host}/", host, "POST", f"Content-Length: {len(body)}", body=body)
    bounds = Bounds(**{way: 100_000})
    async with proxied(host, methods=("POST",), bounds=bounds) as (port, told):
        answer = await say(port, request)
        again = await say(port, get(f"http://{host}/", host, "POST", "Content-Length: 0"))

    assert len(answer) < 200_000
    assert again.startswith(b"HTTP/1.1 429 the call has ")
    assert "than 100000 bytes" in told[-1].reason
    assert sum(not each.allowed for each in told) == 1


async def test_a_call_has_so_many_requests_and_a_flood_is_said_once() -> None:
    async with proxied("a.test:80", bounds=Bounds(requests=3)) as (port, told):
        for _ in range(20):
            answer = await say(port, b"nonsense\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 429 the call has made 3 requests")
    assert len(told) == 4


async def test_more_connections_wait_for_their_turn(web: tuple[int, list[str]]) -> None:
    server, asked = web
    host = f"api.example.org:{server}"

    async def one() -> None:
        assert b" 200 " in await say(port, get(f"http://{host}/", host))

    async with proxied(host, bounds=Bounds(connections=2)) as (port, told):
        holding = [await anyio.connect_tcp("127.0.0.1", port) for _ in range(2)]
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(one)
            await anyio.sleep(0.1)
            assert told == []
            for stream in holding:
                await stream.aclose()

    assert len(asked) == 20


async def test_the_end_of_a_call_closes_everything(secure_web: tuple[int, list[str]]) -> None:
    target = f"api.example.org:{secure_web[0]}"
    streams = []
    async with proxied(target) as (port, _):
        for _ in range(10):
            stream = await anyio.connect_tcp("127.0.0.1", port)
            streams.append(stream)
            await stream.send(connecting(target))
            assert (await stream.receive()).startswith(b"HTTP/1.1 200 ")
    for stream in streams:
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await stream.receive()
        await stream.aclose()


async def test_what_a_job_leaves_waiting_is_not_answered_for_the_next() -> None:
    profile = msgspec.structs.replace(load_profile("pure"), hosts=("a.test:80",))
    told: list[Decision] = []
    way = Way()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    way.open(listener.detach())
    with socket.create_connection(("127.0.0.1", port)) as left:
        left.sendall(b"GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n")
        async with way.served(Proxy(profile), told.append):
            await say(port, connecting("other.test:443"))
    way.close()

    assert [each.host for each in told] == ["other.test"]


async def readable(waited_for: socket.socket) -> None:
    await anyio.wait_readable(waited_for)


async def test_a_box_that_is_closed_during_its_call_takes_no_descriptor_of_others() -> None:
    profile = msgspec.structs.replace(load_profile("pure"), hosts=("a.test:80",))
    way = Way()
    listener = socket.create_server(("127.0.0.1", 0))
    number = listener.fileno()
    ours, theirs = socket.socketpair()
    with ours, theirs, anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            async with way.served(Proxy(profile), lambda _: None):
                way.open(listener.detach())
                await anyio.sleep(0.01)
                way.close()
                other = socket.socket(fileno=os.dup2(ours.fileno(), number))
                group.start_soon(readable, other)
                await anyio.sleep(0.01)
            theirs.send(b"x")  # whoever waits for the same number now must hear of it
        other.close()


async def test_only_a_listening_socket_is_taken_over() -> None:
    ours, theirs = socket.socketpair()
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    with ours:
        for wrong in (theirs, bound):
            with pytest.raises(ValueError, match="no listening socket"):
                Way().open(wrong.detach())


@pytest.mark.load
async def test_thousands_of_connections_leave_nothing(web: tuple[int, list[str]]) -> None:
    server, asked = web
    host = f"api.example.org:{server}"
    async with proxied(host) as (port, _), anyio.create_task_group() as group:

        async def many() -> None:
            for _ in range(40):
                assert b" 200 " in await say(port, get(f"http://{host}/", host))

        for _ in range(50):
            group.start_soon(many)

    assert len(asked) == 2000
