"""Can a caller talk to a program that goes on running in a box?"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

from toolrun.errors import ConfigError
from toolrun.sandbox import Sandbox, load_profile

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.anyio
async def test_a_stateful_interpreter(tmp_path: Path) -> None:
    program = (
        "import sys\nnames = {}\n"
        "for line in sys.stdin:\n    exec(line, names)\n    print(names['x'], flush=True)\n"
    )
    async with (
        Sandbox(load_profile("python")) as sandbox,
        sandbox.start(["python3", "-c", program]) as process,
    ):
        lines = BufferedByteReceiveStream(process.stdout)
        seen = []
        for line in (b"x = 20\n", b"x += 1\n", b"x *= 2\n"):
            await process.stdin.send(line)
            seen.append(await lines.receive_until(b"\n", 100))
        await process.stdin.aclose()
        assert await process.wait() == 0
        with pytest.raises(anyio.EndOfStream):
            await process.stdout.receive()

    assert seen == [b"20", b"21", b"42"]


@pytest.mark.anyio
async def test_leaving_kills_it_and_all_that_it_started() -> None:
    async with (
        Sandbox(load_profile("pure")) as sandbox,
        sandbox.start(["sh", "-c", "sleep 600 & echo on; sleep 600"]) as process,
    ):
        assert await process.stdout.receive() == b"on\n"
        box = process._box
    assert box.gone


@pytest.mark.anyio
async def test_output_that_nobody_takes_makes_it_wait() -> None:
    async with (
        Sandbox(load_profile("pure")) as sandbox,
        sandbox.start(["sh", "-c", "head -c 5000000 /dev/zero; echo done >&2"]) as process,
    ):
        await anyio.sleep(0.5)
        assert len(process.stdout._held) < 2_000_000
        taken = 0
        with contextlib.suppress(anyio.EndOfStream):
            while True:
                taken += len(await process.stdout.receive())
        assert await process.stderr.receive() == b"done\n"
        assert await process.wait() == 0

    assert taken == 5_000_000


@pytest.mark.anyio
async def test_a_program_that_is_killed_by_a_limit_says_which() -> None:
    async with (
        Sandbox(load_profile("pure")) as sandbox,
        sandbox.start(["sleep", "600"], timeout=0.3) as process,
    ):
        assert await process.wait() is None
        assert process.ended is not None
        assert process.ended[0] == "timeout"


@pytest.mark.anyio
async def test_writing_to_a_program_that_has_ended_is_an_error() -> None:
    async with (
        Sandbox(load_profile("pure")) as sandbox,
        sandbox.start(["sh", "-c", "exit 3"]) as process,
    ):
        assert await process.wait() == 3
        with pytest.raises((anyio.BrokenResourceError, anyio.ClosedResourceError)):
            await process.stdin.send(b"x" * 100_000)


@pytest.mark.anyio
async def test_an_error_of_the_caller_comes_out_as_it_is() -> None:
    async with Sandbox(load_profile("pure")) as sandbox:
        with pytest.raises(LookupError, match="mine"):
            async with sandbox.start(["sleep", "600"]):
                raise LookupError("mine")


@pytest.mark.anyio
async def test_a_writable_workspace_is_refused(tmp_path: Path) -> None:
    async with Sandbox(load_profile("workspace"), workspace=tmp_path) as sandbox:
        with pytest.raises(ConfigError, match="writable"):
            async with sandbox.start(["true"]):
                raise AssertionError


@pytest.mark.anyio
async def test_what_a_program_prints_for_nobody_is_dropped() -> None:
    async with (
        Sandbox(load_profile("pure")) as sandbox,
        sandbox.start(["sh", "-c", "read line; echo printed; exit 3"]) as process,
    ):
        await process.stdout.aclose()
        await process.stdin.send(b"go\n")
        assert await process.wait() == 3
        with pytest.raises(anyio.EndOfStream):
            await process.stdout.receive()
