"""Does `Session.sync` work in a notebook, whose cells run inside a loop? In a real kernel."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_client.manager import KernelManager

import toolrun

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_client.blocking.client import BlockingKernelClient

ROOT = str(Path(toolrun.__file__).parent.parent)
SECONDS = 30.0
SET_UP = """
import asyncio, os, signal, threading
from toolrun import ConfigError, Session, tool
from toolrun.testing import ScriptedModel, call

@tool(trusted=True)
def add(a: int, b: int) -> int:
    "Add two numbers, in a cell."
    return a + b

def scripted(*steps, **more):
    return Session.sync(model=ScriptedModel(*steps), tools=[add], **more)

asyncio.get_running_loop()  # raises where a cell runs in none
"""


class Notebook:
    """Runs cells in a kernel."""

    def __init__(self, client: BlockingKernelClient) -> None:
        self._client = client

    def run(self, cell: str) -> str:
        """What a cell prints; where it raises, what it raised."""
        printed = []

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                printed.append(content["text"])

        reply = self._client.execute_interactive(cell, output_hook=hear, timeout=SECONDS)
        if reply["content"]["status"] != "ok":
            return f"{reply['content']['ename']}: {reply['content']['evalue']}"
        return "".join(printed)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    home = str(tmp_path_factory.mktemp("home"))
    manager = KernelManager()
    assert manager.kernel_spec is not None
    words = ("-m", "ipykernel_launcher", "-f", "{connection_file}")
    manager.kernel_spec.argv = [sys.executable, *words]
    manager.connection_file = f"{home}/kernel.json"
    env = {"HOME": home, "IPYTHONDIR": home, "PYTHONPATH": ROOT, "JUPYTER_PLATFORM_DIRS": "1"}
    manager.start_kernel(env={**os.environ, **env}, cwd=home)
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        book = Notebook(client)
        assert book.run(SET_UP) == ""
        yield book
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.context.destroy()


def test_a_cell_asks_and_waits_for_the_answer(notebook: Notebook) -> None:
    cell = """
with scripted(call("add", {"a": 1, "b": 2}), "It is 3.") as session:
    answer = session.ask("1 + 2?")
    print(answer.text, answer.tool_calls[0].result.content)
"""
    assert notebook.run(cell) == "It is 3. 3\n"


def test_a_session_lives_over_several_cells(notebook: Notebook) -> None:
    portals = 'print(sum("portal" in each.name for each in threading.enumerate()))'
    assert notebook.run('kept = scripted("one", "two").__enter__()') == ""
    assert notebook.run(portals) == "1\n"
    assert notebook.run('print(kept.ask("a").text)') == "one\n"
    cell = """
with kept.stream("b") as events:
    print([type(event).__name__ for event in events][-1])
kept.__exit__(None, None, None)
print(len(kept.transcript))
"""
    assert notebook.run(cell) == "TurnFinished\n4\n"
    assert notebook.run(portals) == "0\n"


def test_interrupting_the_cell_cancels_the_turn(notebook: Notebook) -> None:
    cell = """
async def hang(request):
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(60)

with scripted(hang, "Hello again.") as session:
    try:
        session.ask("Go.")
    except KeyboardInterrupt:
        print("interrupted", session.ask("Still there?").text)
"""
    assert notebook.run(cell) == "interrupted Hello again.\n"


def test_cells_that_await_have_the_other_session(notebook: Notebook) -> None:
    cell = """
async with Session(model=ScriptedModel("Hi.")) as session:
    print((await session.ask("Hello.")).text)
"""
    assert notebook.run(cell) == "Hi.\n"


def test_a_sandboxed_tool_of_a_cell_is_refused_with_a_reason(notebook: Notebook) -> None:
    cell = """
@tool
def local(a: int) -> int:
    "In a cell."
    return a

Session.sync(model=ScriptedModel(), tools=[local])
"""
    said = notebook.run(cell)
    assert said.startswith("ToolDefinitionError: tool local: ")
    assert "trusted=True" in said
