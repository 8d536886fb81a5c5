"""Does each conversation with a real vLLM happen again without one, and without a network?

The conversations are those that `test_every_way.py` has, recorded there: this costs no server.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.conversations import BY_NAME
from tests.integration.replaying import reached, without_network
from tests.integration.said import WAYS

if TYPE_CHECKING:
    from tests.integration.said import Said
    from tests.rig.inside import Inside
    from tests.rig.server import VllmServer

RUNS: Final = {"chat": 20, "chat-streamed": 20}
"""How often each trace is replayed, half of it on asyncio, half on trio; else 4 times."""
AS_ROOT: Final = os.geteuid() == 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", WAYS)
def test_all_that_a_server_said_happens_again_without_a_network(
    vllm: VllmServer, said: Said, way: str
) -> None:
    via, streamed = WAYS[way]
    had = said.by(vllm, via, streamed=streamed)

    check(vllm, said, had, via, streamed=streamed, runs=RUNS.get(way, 4))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_all_that_a_vllm_in_this_process_said_does(
    vllm: VllmServer, inside: Inside, said: Said, *, streamed: bool
) -> None:
    had = said.inside(inside, streamed=streamed)

    check(vllm, said, had, "in-process", streamed=streamed, runs=4)


def check(
    vllm: VllmServer, said: Said, had: dict[str, list[Any]], via: str, *, streamed: bool, runs: int
) -> None:
    folder = said.traces(vllm.version, via, streamed=streamed)
    address = vllm.url.partition("//")[2].partition("/")[0]
    assert reached(address) == "connected"  # from here: so what follows is the network's lack

    report = without_network(folder, runs, address, as_root=AS_ROOT)

    assert report.network == "OSError 101"  # ENETUNREACH
    assert report.traces.keys() == {f"{name}.jsonl" for name in BY_NAME}
    for name, (transcript, _) in had.items():
        replayed = report.traces[f"{name}.jsonl"]
        assert replayed.transcript == [each for each in transcript if isinstance(each, dict)], name
        assert replayed.events == [replayed.events[0]] * (runs + 1), name
        assert replayed.again == [replayed.written] * runs, name
