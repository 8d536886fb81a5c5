"""What is left of a connection, or of one that waits, when its call or body is at its end?"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from toolrun.sandbox.egress import way as ways
from toolrun.sandbox.egress.head import Plain
from toolrun.sandbox.egress.hosts import Target
from toolrun.sandbox.egress.passing import send_body
from toolrun.sandbox.egress.stream import Ended, Stream
from toolrun.sandbox.egress.way import Way

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def pair() -> Iterator[tuple[Stream, socket.socket]]:
    """A connection of loopback: our stream, and the other side."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as there,
        Stream(server.accept()[0]) as here,
    ):
        yield here, there


async def test_what_comes_after_the_end_is_dropped_and_what_was_written_arrives(
    pair: tuple[Stream, socket.socket],
) -> None:
    here, there = pair
    there.sendall(b"too late" * 1_000)
    there.shutdown(socket.SHUT_WR)
    await here.send(b"the answer")
    await here.linger()

    assert await here.read() == b""
    assert there.recv(100) == b"the answer"
    assert there.recv(100) == b""


async def test_a_body_that_ends_early_is_no_body(pair: tuple[Stream, socket.socket]) -> None:
    here, there = pair
    there.sendall(b"half")
    there.shutdown(socket.SHUT_WR)
    request = Plain(target=Target("api.example.org", 80), method="PUT", head=b"", body=8)

    with pytest.raises(Ended, match="the body ended early"):
        await send_body(here, here, request, lambda: None)
    assert there.recv(100) == b"half"


async def test_who_goes_on_connecting_when_a_call_is_over_reaches_nothing_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ways, "_WAITING", 2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        way = Way()
        way.open(listener.detach())
    for connected, reaches in ((1, True), (2, False)):
        made = [socket.create_connection(address) for _ in range(connected)]
        way._drain()
        assert [each.recv(1) for each in made] == [b""] * connected
        for each in made:
            each.close()
        assert (way._listener is not None) is reaches
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
