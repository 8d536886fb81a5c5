"""Is a sandbox easy to use on its own, with an event loop and without?"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import anyio
import pytest

from toolrun.errors import ConfigError
from toolrun.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.anyio
async def test_a_command_code_and_a_function() -> None:
    async with Sandbox("python") as box:
        command = await box.run(["tr", "a-z", "A-Z"], input=b"loud")
        code = await box.run("import sys; print(sys.stdin.read() * 2); sys.exit(3)", input=b"ab")
        mean = await box.call("statistics:mean", {"data": [1, 2, 6]})
        wrong = await box.call("statistics:mean", {"data": []})

    assert (command.exit, command.stdout) == (0, b"LOUD")
    assert (code.exit, code.stdout) == (3, b"abab\n")
    assert mean.returned == 3
    assert wrong.status == "exception"
    with pytest.raises(ValueError, match="at least one data point"):
        _ = wrong.returned


@pytest.mark.anyio
async def test_code_that_fails_ends_as_the_interpreter_would() -> None:
    async with Sandbox("python") as box:
        raised = await box.run("def f():\n    raise LookupError('no')\nf()")
        syntax = await box.run("def f(:\n")
        said = await box.run("raise SystemExit('enough')")
        main = await box.run("print(__name__)\nclass A: ...\nprint(A.__module__)")

    assert raised.exit == syntax.exit == said.exit == 1
    assert raised.stderr.decode().splitlines()[-1] == "LookupError: no"
    assert b'"<code>", line 3' in raised.stderr
    assert b"SyntaxError" in syntax.stderr
    assert said.stderr == b"enough\n"
    assert main.stdout == b"__main__\n__main__\n"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("statistics", "name a function as"),
        ("no_such_module:f", "there is no module"),
        ("no.such:f", "No module named 'no'"),
        ("sys:exit", "that has a file"),
    ],
)
async def test_a_function_that_cannot_be_found_is_a_clear_error(name: str, why: str) -> None:
    async with Sandbox("pure") as box:
        with pytest.raises(ConfigError, match=why):
            await box.call(name)
        with pytest.raises(ConfigError, match="no JSON"):
            await box.call("statistics:mean", {"data": object()})


def test_without_an_event_loop(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("three short words")
    before = threading.active_count()
    with Sandbox.sync("workspace-ro", workspace=tmp_path) as box:
        assert box.run(["wc", "-w", "notes.md"]).stdout == b"3 notes.md\n"
        assert box.call("statistics:mean", {"data": [1, 3]}).returned == 2
        with box.start(["sh", "-c", "read line; echo got $line; echo bad >&2; exit 7"]) as process:
            process.send(b"it\n")
            process.close_input()
            assert process.receive() == b"got it\n"
            assert process.receive_error() == b"bad\n"
            assert process.wait() == 7
            assert process.receive() == b""
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="enter the sandbox first"):
        box.run(["true"])


@pytest.mark.anyio
async def test_a_running_loop_is_not_blocked(anyio_backend: str) -> None:
    why = f"Sandbox.sync would block the running {anyio_backend} loop"
    with pytest.raises(ConfigError, match=why), Sandbox.sync("pure"):
        raise AssertionError


@pytest.mark.anyio
async def test_cancelling_kills_the_tree_at_once() -> None:
    async with Sandbox("pure") as box:
        seen = anyio.Event()

        async def forever() -> None:
            await box.run(["sh", "-c", "echo on; sleep 600 & sleep 600"], on_output=on)

        def on(stream: str, text: str) -> None:
            seen.set()

        async with anyio.create_task_group() as group:
            group.start_soon(forever)
            await seen.wait()
            began = anyio.current_time()
            group.cancel_scope.cancel()
        assert anyio.current_time() - began < 10  # 50 ms is measured by the benchmark
