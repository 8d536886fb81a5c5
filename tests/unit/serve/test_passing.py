"""What may a client have passed on, and how far may a reply run ahead of it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from toolrun.models.dialects import GENERIC, Dialect
from toolrun.serve.failures import Failure
from toolrun.serve.handing import Handing
from toolrun.serve.memory import Recent
from toolrun.serve.passing import MAX_AHEAD, Passing
from toolrun.serve.sending import ClientGone

if TYPE_CHECKING:
    from collections.abc import Callable

    from toolrun.models.chat import ChatModel

PIECE = b'data: {"choices":[{"index":0,"delta":{"content":"' + b"x" * 65_536 + b'"}}]}\n\n'
LAST = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


class Fast:
    """A server that says more than a client takes, as fast as it is asked to.

    Attributes:
        said: how many bytes it came to say.
    """

    base_url = "http://127.0.0.1:1/v1"

    def __init__(self, pieces: int) -> None:
        self.door = self
        self.said = 0
        self._pieces = pieces

    async def dialect(self) -> Dialect:
        return GENERIC

    async def post(self, path: str, body: bytes) -> bytes:
        raise AssertionError(path, body)

    async def stream(self, path: str, body: bytes, on_read: Callable[[bytes], bool]) -> bool:
        del path, body
        for _ in range(self._pieces):
            for _ in range(20):  # no faster than a client that does read
                await anyio.lowlevel.checkpoint()
            self.said += len(PIECE)
            on_read(PIECE)
        return on_read(LAST)


ASKED: dict[str, Any] = {"messages": [{"role": "user", "content": "Go."}], "stream": True}


async def passed(server: Fast, write: Callable[[bytes | None], Any]) -> None:
    passing = Passing([cast("ChatModel", server)], "m", Recent())
    with anyio.fail_after(20):
        await passing.stream(ASKED, Handing(ASKED), "", write)


async def test_a_client_that_takes_nothing_does_not_fill_the_memory() -> None:
    async def stuck(_: bytes | None) -> None:
        await anyio.sleep_forever()

    server = Fast(10_000)
    with pytest.raises(ClientGone):
        await passed(server, stuck)
    assert server.said < 2 * MAX_AHEAD


async def test_one_that_reads_gets_all_of_a_reply_of_any_length() -> None:
    got: list[int] = []

    async def write(piece: bytes | None) -> None:
        await anyio.lowlevel.checkpoint()
        got.append(len(piece or b""))

    await passed(Fast(600), write)
    assert len(got) == 601
    assert sum(got) > 2 * MAX_AHEAD


@pytest.mark.parametrize(
    "field",
    [
        {"kv_transfer_params": {"do_remote_prefill": True, "remote_host": "169.254.169.254"}},
        {"ec_transfer_params": {"peer_host": "10.0.0.1"}},
        {"priority": -1},
    ],
)
async def test_no_client_steers_the_server(field: dict[str, Any]) -> None:
    server = Fast(0)
    passing = Passing([cast("ChatModel", server)], "m", Recent())
    asked = {**ASKED, **field}

    async def write(_: bytes | None) -> None:
        pytest.fail("something was told")

    with pytest.raises(Failure) as streamed:
        await passing.stream(asked, Handing(asked), "", write)
    with pytest.raises(Failure) as whole:
        await passing.whole(asked, Handing(asked), "")
    assert {(each.value.status, each.value.param) for each in (streamed, whole)} == {(400, *field)}


async def test_what_is_set_to_what_it_is_anyway_is_passed_on() -> None:
    asked = {**ASKED, "priority": 0, "kv_transfer_params": None}
    passing = Passing([cast("ChatModel", Fast(1))], "m", Recent())
    got: list[bytes | None] = []

    async def write(piece: bytes | None) -> None:
        await anyio.lowlevel.checkpoint()
        got.append(piece)

    await passing.stream(asked, Handing(asked), "", write)
    assert len(got) == 2
