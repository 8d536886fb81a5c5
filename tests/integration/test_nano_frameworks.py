"""Do other people's agents get an answer from the embedded model, by a server of its own?

They are asked nothing that the model could get wrong: what is tested is the wire.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.rig import leaks
from toolrun.testing import NanoServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.clients import Clients

PLAIN: Final = "How warm is it in Paris?"
UNIT: Final = "How warm is it in Paris in celsius?"
FRAMEWORKS: Final[dict[str, tuple[str, ...]]] = {
    "LangChain, streamed": ("langchain_agent.py", UNIT, "stream"),
    "Agents SDK, Responses": ("agents_plain.py", PLAIN, "responses"),
    "Agents SDK, LiteLLM": ("agents_plain.py", PLAIN, "litellm"),
    "Strands, streamed": ("strands_agent.py", UNIT),
}


@pytest.fixture(scope="module")
def server() -> Iterator[NanoServer]:
    with NanoServer() as server:
        leaks.KNOWN.add(server.pid, server.fds)
        yield server


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.timeout(300, func_only=True)
def test_a_framework_runs_its_tool_and_gets_an_answer(
    clients: Clients, server: NanoServer, framework: str
) -> None:
    script, question, *how = FRAMEWORKS[framework]
    said = clients.run(script, server.url, question, *how, env={"MODEL": "nano"})
    assert "20 degrees" in said["answer"]
    assert "Paris" in said["answer"]
