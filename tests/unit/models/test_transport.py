"""Do requests arrive as they should, whichever client carries them, and are replies bounded?"""

from __future__ import annotations

import contextlib
import gzip
import ssl
import subprocess
import sys
import zlib
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest
import sniffio
from anyio.streams.tls import TLSListener

from toolrun import MalformedOutput, ServerStatus, ServerUnreachable, Timeouts
from toolrun.models import door as door_module
from toolrun.models.door import Door
from toolrun.models.transport import is_direct

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from pathlib import Path

    from anyio.abc import ByteStream

TIMES = Timeouts(connect=2, first_token=5, between_tokens=5, step=10)
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Received:
    """A request, as a server of one's own reads it."""

    def __init__(self, head: bytes, body: bytes) -> None:
        first, *lines = head.decode().split("\r\n")
        self.method, self.target, _ = first.split(" ")
        pairs = [line.split(": ", 1) for line in lines]
        self.headers = {name.lower(): value for name, value in pairs}
        self.body = body


async def received(connection: ByteStream) -> Received:
    read = b""
    while b"\r\n\r\n" not in read:
        read += await connection.receive()
    head, _, body = read.partition(b"\r\n\r\n")
    request = Received(head, body)
    while len(request.body) < int(request.headers.get("content-length", 0)):
        request.body += await connection.receive()
    return request


@contextlib.asynccontextmanager
async def server(
    answer: Callable[[Received], bytes | AsyncGenerator[bytes, None]],
    *,
    tls: ssl.SSLContext | None = None,
    seen: list[Received] | None = None,
) -> AsyncIterator[int]:
    """A server on loopback, by its port."""

    async def serve(connection: ByteStream) -> None:
        gone = (anyio.BrokenResourceError, anyio.EndOfStream, ssl.SSLError)
        with contextlib.suppress(*gone):
            async with connection:
                while True:
                    request = await received(connection)
                    if seen is not None:
                        seen.append(request)
                    said = answer(request)
                    if isinstance(said, bytes):
                        await connection.send(said)
                        continue
                    async with contextlib.aclosing(said):
                        async for part in said:
                            await connection.send(part)
                    return

    listener: Any = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    port: int = listener.extra(anyio.abc.SocketAttribute.local_port)
    if tls is not None:
        listener = Listener(listener, tls)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield port
        group.cancel_scope.cancel()


class Listener(TLSListener):
    """One that says nothing of a client that does not trust it."""

    @staticmethod
    async def handle_handshake_error(exc: BaseException, stream: anyio.abc.AnyByteStream) -> None:
        await anyio.aclose_forcefully(stream)


def whole(body: bytes, *, status: str = "200 OK", headers: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n"
    return head.encode() + body


@contextlib.asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Door]:
    door = Door(url, timeouts=TIMES, **options)
    try:
        with anyio.fail_after(20):
            yield door
    finally:
        await door.aclose()


async def posted(url: str, body: bytes = b"{}", **options: Any) -> bytes:
    async with opened(url, **options) as door:
        return await door.post("/x", body)


async def test_what_is_sent_of_a_request() -> None:
    seen: list[Received] = []
    async with server(lambda _: whole(b"ok"), seen=seen) as port:
        assert await posted(f"http://127.0.0.1:{port}/v1/", b'{"a":1}') == b"ok"
    (request,) = seen

    assert (request.method, request.target, request.body) == ("POST", "/v1/x", b'{"a":1}')
    assert request.headers["authorization"] == "Bearer EMPTY"
    assert request.headers["content-type"] == request.headers["accept"] == "application/json"
    assert request.headers["user-agent"].startswith("toolrun/")
    assert "gzip" in request.headers["accept-encoding"]


async def test_headers_of_the_users_replace_those_of_the_door() -> None:
    async def key() -> str:
        raise AssertionError("nobody needs it")

    seen: list[Received] = []
    headers = {"authorization": "Basic abc", "USER-AGENT": "mine", "X-Team": "red"}
    async with server(lambda _: whole(b"ok"), seen=seen) as port:
        for api_key in (None, "other", key):
            await posted(f"http://127.0.0.1:{port}/v1", headers=headers, api_key=api_key)

    for request in seen:
        assert request.headers["authorization"] == "Basic abc"
        assert request.headers["user-agent"] == "mine"
        assert request.headers["x-team"] == "red"


async def test_a_key_is_asked_for_at_each_request() -> None:
    keys = iter(["one", "two", "three"])

    async def key() -> str:
        await anyio.lowlevel.checkpoint()
        return next(keys)

    seen: list[Received] = []
    async with (
        server(lambda _: whole(b"ok"), seen=seen) as port,
        opened(f"http://127.0.0.1:{port}/v1", api_key=key) as door,
    ):
        await door.post("/x", b"{}")
        await door.stream("/x", b"{}", lambda _: True)
        await door.get("/x")
    sent = [request.headers["authorization"] for request in seen]
    assert sent == ["Bearer one", "Bearer two", "Bearer three"]


async def test_a_large_body_arrives_whole() -> None:
    body, seen = bytes(range(256)) * 20_000, list[Received]()
    async with server(lambda _: whole(b"ok"), seen=seen) as port:
        await posted(f"http://127.0.0.1:{port}/v1", body)

    assert seen[0].body == body


@pytest.mark.parametrize("status", ["307 X", "308 X"])
async def test_a_redirect_is_followed_with_body_and_key(status: str) -> None:
    seen: list[Received] = []

    def answer(request: Received) -> bytes:
        if request.target.startswith("/v1/"):
            return whole(b"", status=status, headers="location: /moved\r\n")
        return whole(b"ok")

    async with (
        server(answer, seen=seen) as port,
        opened(f"http://127.0.0.1:{port}/v1", api_key="secret") as door,
    ):
        async with anyio.create_task_group() as group:
            for _ in range(3):  # at once: each may be the first that is redirected
                group.start_soon(door.post, "/x", b'{"a":1}')
        assert await door.post("/x", b'{"a":1}') == b"ok"
    arrived = [request for request in seen if request.target == "/moved"]

    assert [(request.method, request.body) for request in arrived] == [("POST", b'{"a":1}')] * 4
    assert {request.headers["authorization"] for request in arrived} == {"Bearer secret"}


async def test_a_redirect_to_another_server_takes_no_key_along() -> None:
    seen: list[Received] = []
    async with server(lambda _: whole(b"ok"), seen=seen) as other:
        moved = f"location: http://127.0.0.1:{other}/y\r\n"
        async with server(lambda _: whole(b"", status="307 X", headers=moved)) as port:
            url = f"http://127.0.0.1:{port}/v1"
            assert await posted(url, api_key="secret") == b"ok"

    assert "authorization" not in seen[0].headers


async def test_redirects_without_an_end_are_an_error() -> None:
    moved = whole(b"", status="307 X", headers="location: /x\r\n")
    async with server(lambda _: moved) as port:
        with pytest.raises(MalformedOutput, match="Check base_url"):
            await posted(f"http://127.0.0.1:{port}/v1")


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Received] = []
    async with server(lambda _: whole(b"by proxy"), seen=seen) as port:
        monkeypatch.setenv("http_proxy", f"http://bob:sesame@127.0.0.1:{port}")
        assert await posted("http://models.invalid/v1") == b"by proxy"

        async with server(lambda _: whole(b"direct")) as other:
            monkeypatch.setenv("no_proxy", "localhost,127.0.0.0/8")
            assert await posted(f"http://127.0.0.1:{other}/v1") == b"direct"
            assert await posted(f"http://localhost:{other}/v1") == b"direct"
    (request,) = seen

    assert request.target == "http://models.invalid/v1/x"
    assert request.headers["proxy-authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("environment", "url", "direct"),
    [
        ({}, "http://a/v1", True),
        ({"no_proxy": "a"}, "http://b/v1", True),
        ({"https_proxy": "http://p"}, "http://a/v1", True),
        ({"http_proxy": "http://p"}, "http://a/v1", False),
        ({"http_proxy": "http://p", "no_proxy": "a,b"}, "http://a:1/v1", True),
        ({"http_proxy": "http://p", "no_proxy": ".a"}, "http://b.a/v1", True),
        ({"http_proxy": "http://p", "no_proxy": "*"}, "http://b.a/v1", True),
        ({"all_proxy": "http://p"}, "https://a/v1", False),
        ({"https_proxy": "http://p", "no_proxy": "a"}, "https://ba/v1", False),
    ],
)
def test_where_the_way_is_direct(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, *, direct: bool
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert is_direct(url) is direct
    httpx2 = pytest.importorskip("httpx2")
    client = httpx2.AsyncClient()
    if direct:  # and never where httpx2 would take a proxy
        assert client._transport_for_url(httpx2.URL(url)) is client._transport


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    folder = tmp_path_factory.mktemp("tls")
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    where: list[str | Path] = ["-keyout", folder / "key.pem", "-out", folder / "certificate.pem"]
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*line.split(), *where, *names], check=True, capture_output=True)
    path = folder / "both.pem"
    path.write_bytes((folder / "key.pem").read_bytes() + (folder / "certificate.pem").read_bytes())
    return path


async def test_tls_trusts_what_the_environment_names_and_nothing_unknown(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with server(lambda _: whole(b"ok"), tls=context) as port:
        url = f"https://127.0.0.1:{port}/v1"
        with pytest.raises(ServerUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
            await posted(url)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert await posted(url) == b"ok"


async def test_a_body_is_unpacked() -> None:
    packed = gzip.compress(b'{"a":1}')
    async with (
        server(lambda _: whole(packed, headers="content-encoding: gzip\r\n")) as port,
        opened(f"http://127.0.0.1:{port}/v1") as door,
    ):
        assert await door.post("/x", b"{}") == b'{"a":1}'


async def test_a_packed_stream_comes_as_it_is_sent() -> None:
    going_on = anyio.Event()

    async def events(_: Received) -> AsyncGenerator[bytes, None]:
        packer = zlib.compressobj(wbits=31)
        yield b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n"
        yield packer.compress(b"data: 1\n\n") + packer.flush(zlib.Z_SYNC_FLUSH)
        await going_on.wait()  # the client has the first event before there is a second
        yield packer.compress(b"data: 2\n\n") + packer.flush()

    reads: list[bytes] = []

    def on_read(read: bytes) -> bool:
        reads.append(read)
        going_on.set()
        return False

    async with (
        server(events) as port,
        opened(f"http://127.0.0.1:{port}/v1") as door,
    ):
        await door.stream("/x", b"{}", on_read)

    assert b"".join(reads) == b"data: 1\n\ndata: 2\n\n"
    assert reads[0] == b"data: 1\n\n"


async def endless(_: Received) -> AsyncGenerator[bytes, None]:
    yield b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"
    while True:
        yield b" " * 65536


async def packed_endless(_: Received) -> AsyncGenerator[bytes, None]:
    packer = zlib.compressobj(wbits=31)
    yield b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n"
    while True:
        yield packer.compress(b" " * 4_000_000)


def bomb(_: Received) -> bytes:
    return whole(gzip.compress(b" " * 30_000_000), headers="content-encoding: gzip\r\n")


def failing(_: Received) -> bytes:
    return whole(b" " * 3_000_000, status="500 X")


@pytest.mark.parametrize("answer", [endless, packed_endless, bomb, failing])
async def test_a_body_without_bounds_is_malformed(
    monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setattr(door_module, "MAX_BODY", 1_000_000)
    async with (
        server(answer) as port,
        opened(f"http://127.0.0.1:{port}/v1") as door,
    ):
        for send in (door.post("/x", b"{}"), door.get("/x")):
            with pytest.raises(MalformedOutput, match="has more than 1000000 bytes"):
                await send


async def test_a_body_at_the_bound_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "MAX_BODY", 1000)
    async with server(lambda _: whole(b"x" * 1000)) as port:
        assert len(await posted(f"http://127.0.0.1:{port}/v1")) == 1000


async def test_a_failure_of_the_listener_is_not_the_servers() -> None:
    async with (
        server(lambda _: whole(b"data: 1\n\n")) as port,
        opened(f"http://127.0.0.1:{port}/v1") as door,
    ):

        def on_read(_: bytes) -> bool:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await door.stream("/x", b"{}", on_read)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified", "300 X", "299 X"])
async def test_a_status_is_success_or_an_error(status: str) -> None:
    async with server(lambda _: whole(b"", status=status)) as port:
        url = f"http://127.0.0.1:{port}/v1"
        if status.startswith("2"):
            assert await posted(url) == b""
            return
        with pytest.raises(ServerStatus) as caught:
            await posted(url)
    assert caught.value.status == int(status[:3])


async def test_cookies_come_back() -> None:
    seen: list[Received] = []
    async with (
        server(lambda _: whole(b"ok", headers="set-cookie: route=1\r\n"), seen=seen) as port,
        opened(f"http://127.0.0.1:{port}/v1") as door,
    ):
        await door.post("/x", b"{}")
        await door.post("/x", b"{}")

    assert "cookie" not in seen[0].headers
    assert seen[1].headers["cookie"] == "route=1"


async def test_the_client_is_that_of_the_event_loop() -> None:
    async with (
        server(lambda _: whole(b"ok")) as port,
        opened(f"http://127.0.0.1:{port}/v1") as door,
    ):
        await door.post("/x", b"{}")
        name = type(door._transport).__name__

    on_asyncio = sniffio.current_async_library() == "asyncio"
    assert name == ("AiohttpTransport" if on_asyncio else "HttpxTransport")


ASK = """
import sys
import anyio
from tests.rig.mock import MockServer, Step
from toolrun import Session

async def main(server):
    async with Session(model=server.model, base_url=server.url) as session:
        return (await session.ask("Hello")).text

with MockServer() as server:
    server.script(Step(content="Hi"))
    assert anyio.run(main, server) == "Hi"
print([name for name in ("openai", "httpx2", "pydantic", "jsonschema") if name in sys.modules])
"""


def test_a_session_needs_no_package_that_takes_long_to_import() -> None:
    said = subprocess.run(
        [sys.executable, "-c", ASK], check=True, capture_output=True, text=True, timeout=60
    )
    assert said.stdout == "[]\n"
