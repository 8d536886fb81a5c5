"""How do bytes go by, once a request was judged? As they come, and not one that nobody judged."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio

from toolrun.sandbox.egress.hello import NoHello, name_of
from toolrun.sandbox.egress.hosts import is_address, normal
from toolrun.sandbox.egress.stream import Ended

if TYPE_CHECKING:
    from toolrun.sandbox.egress.head import Plain
    from toolrun.sandbox.egress.hosts import Target
    from toolrun.sandbox.egress.stream import Stream

_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
Move = Callable[[Callable[[], None]], Awaitable[None]]
"""Moves bytes until there are no more, and says each time that it did."""


async def both(out: Move, back: Move, idle: float, *, wait: bool) -> None:
    """Move bytes both ways until `back` ends (and `out` too, where `wait`), or nothing moves.

    Args:
        out: moves what the box sends.
        back: moves what it gets.
        idle: seconds without a byte after which it is over all the same.
        wait: whether `out` may go on once `back` has ended.
    """
    failed: list[Exception] = []
    with anyio.move_on_after(idle) as scope:

        def alive() -> None:
            scope.deadline = anyio.current_time() + idle

        async def one(move: Move, *, ends: bool) -> None:
            try:
                await move(alive)
            except Exception as error:  # noqa: BLE001 - raised below, alone
                failed.append(error)
                ends = True
            if ends:
                group.cancel_scope.cancel()

        async with anyio.create_task_group() as group:
            group.start_soon(partial(one, out, ends=False))
            group.start_soon(partial(one, back, ends=not wait))
    if failed:
        raise failed[0]


def moving(source: Stream, sink: Stream) -> Move:
    """Moves what comes from one side to the other, and its end, too."""

    async def move(alive: Callable[[], None]) -> None:
        while chunk := await source.read():
            alive()
            await sink.send(chunk)
        sink.end()

    return move


async def hello_for(target: Target, client: Stream) -> bytes:
    """The bytes of a ClientHello that asks for the target, and what came with them.

    Raises:
        NoHello: it is none, or asks for another host.
    """
    data = b""
    while (name := name_of(data)) is None:
        if not (chunk := await client.read()):
            raise NoHello("no TLS greeting came")
        data += chunk
    # RFC 6066: an address is no name, and stands in no greeting.
    fits = normal(name) == target.host if name else is_address(target.host)
    if not fits:
        raise NoHello(f"its TLS greeting is for {_shown(name) if name else 'no host'}")
    return data


def _shown(name: str) -> str:
    return normal(name) or "something that is no host"


async def send_body(
    client: Stream, upstream: Stream, request: Plain, alive: Callable[[], None]
) -> None:
    """Pass on the body and not a byte more.

    Raises:
        ValueError: its chunks are no chunks.
    """
    if request.body != "chunked":
        await _send_bytes(client, upstream, request.body, alive)
        return
    size, line = 1, b""
    while size:
        line = await _line(client, 10)
        if (found := _CHUNK_SIZE.fullmatch(line)) is None:
            raise ValueError("its body is no chunks")
        size = int(found[1], 16)
        if size:
            await upstream.send(line)
            await _send_bytes(client, upstream, size, alive)
            await upstream.send(await _line(client, 2))
    # The end is said when it has come: no trailer follows that nobody has read.
    await upstream.send(line + await _line(client, 2))


async def _line(client: Stream, most: int) -> bytes:
    try:
        return await client.read_through(b"\r\n", most)
    except OverflowError:
        raise ValueError("its body is no chunks") from None


async def _send_bytes(
    client: Stream, upstream: Stream, size: int, alive: Callable[[], None]
) -> None:
    while size:
        if not (chunk := await client.read(size)):
            raise Ended("the body ended early")
        alive()
        size -= len(chunk)
        await upstream.send(chunk)
