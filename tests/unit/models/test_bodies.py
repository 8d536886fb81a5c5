"""Do bodies come through as they were meant, packed or not, and none without bounds?"""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.unit.models.raw_server import Received, opened, posted, server, whole
from toolrun import MalformedOutput, ServerStatus
from toolrun.models import door as door_module

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


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
