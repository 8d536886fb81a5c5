"""Does the reasoning survive a LiteLLM proxy between toolrun and vLLM? Both are real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.agent_tools import get_weather
from tests.integration.test_doctor import OBEDIENT
from tests.integration.test_session import ask, streamed
from tests.rig import leaks, server_page
from tests.rig.clients import LiteLlmProxy
from tests.rig.recorder import recording
from tests.rig.versions import RIG
from toolrun import Session
from toolrun.models.doctor import examine
from toolrun.models.proof import find_analysis
from toolrun.models.ways import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.rig.clients import Clients
    from tests.rig.oracle import Oracle
    from tests.rig.recorder import Recorder
    from tests.rig.server import VllmServer

__all__ = ["streamed"]
pytestmark = pytest.mark.timeout(300, func_only=True)

REASONING = "I need the weather in Paris: get_weather knows."


@pytest.fixture(scope="module")
def behind(vllm32: VllmServer) -> Iterator[Recorder]:
    before = leaks.snapshot()
    with recording(vllm32.root) as recorder:
        new = leaks.snapshot().descriptors.keys() - before.descriptors.keys()
        leaks.KNOWN.add_descriptors(new)
        yield recorder


@pytest.fixture(scope="module", params=["hosted_vllm", "openai"])
def proxy(
    request: pytest.FixtureRequest, clients: Clients, vllm32: VllmServer, behind: Recorder
) -> Iterator[LiteLlmProxy]:
    with LiteLlmProxy(clients, behind.url, vllm32.model, request.param) as proxy:
        leaks.KNOWN.add(proxy.pid, proxy.fds)
        yield proxy


async def test_a_session_behind_the_proxy_keeps_its_reasoning(
    proxy: LiteLlmProxy, vllm32: VllmServer, oracle32: Oracle, behind: Recorder, *, streamed: bool
) -> None:
    behind.steps.clear()
    options: dict[str, Any] = {"base_url": proxy.url, "api_key": proxy.key}
    async with Session(model=vllm32.model, tools=[get_weather], **options) as session:
        answer = await ask(session, vllm32.script("one-call"), streamed=streamed)

    assert (answer.status, answer.text) == ("finished", "It is 20 degrees in Paris.")
    assert answer.steps[0].reasoning == REASONING
    _, second = behind.steps
    assert find_analysis(second.prompt, oracle32.encode(REASONING)) > 0


@pytest.mark.parametrize("proxy", ["hosted_vllm"], indirect=True)
async def test_the_doctor_finds_what_the_table_of_servers_says(
    proxy: LiteLlmProxy, vllm32: VllmServer
) -> None:
    report = await examine(Server(proxy.url, proxy.key), vllm32.model, extra_body=OBEDIENT)

    assert report.server == "LiteLLM"
    taken_back = report.check("reasoning taken back")
    assert taken_back is not None
    assert taken_back.verdict == "green"
    cells = server_page.cells(report, ran=True)
    if server_page.WRITES:
        server_page.write({server_page.PROXY: cells})
    assert server_page.read()[server_page.PROXY] == cells


def test_the_row_names_the_version_that_is_pinned() -> None:
    pins = (RIG / "clients.txt").read_text().splitlines()

    (version,) = (pin.partition("==")[2] for pin in pins if pin.startswith("litellm=="))
    assert f"LiteLLM {version}*" in server_page.PROXY
