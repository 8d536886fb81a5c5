"""Does a real server of another version behave as the recorded one, and is one told that does not?

The traces are of vLLM 0.32.0. Scripts say what the model thinks; all else is the server's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.scripts import analysis, call, final
from toolrun.testing import replay_trace
from toolrun.testing.against import ask_again
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from tests.rig.server import VllmServer

TRACES = Path(__file__).parents[1] / "traces" / "format-1"
SAME = (
    "three-turns-with-calls-streamed",
    "preamble-harmony-streamed",
    "one-call-responses-streamed",
    "denied",
    "failing-tool",
    "imported",
    "limited-then-on-streamed",
    "wrong-arguments",
)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Only asyncio: sessions are tested on trio elsewhere, and a model's time is dear."""
    return "asyncio"


@pytest.mark.parametrize("name", SAME)
async def test_what_was_recorded_happens_again(vllm: VllmServer, name: str, tmp_path: Path) -> None:
    new = tmp_path / "new.jsonl"

    found = await ask_again(TRACES / f"{name}.jsonl", f"{vllm.root}/v1", record=new)

    assert (found.differences, found.unrecorded) == ([], [])
    assert not found.fails("answer")
    assert found.recorded == found.live
    assert (await replay_trace(new)).events == len(read_trace(new).events)


async def test_a_model_that_calls_otherwise_is_told_in_all_that_differs(
    vllm: VllmServer,
) -> None:
    said = [
        analysis("Rather Oslo.") + call("get_weather", '{"city":"Oslo","unit":"C"}'),
        final("I cannot say."),
    ]

    found = await ask_again(
        TRACES / "one-call-streamed.jsonl",
        f"{vllm.root}/v1",
        extra_body={"vllm_xargs": {"harmony": said}},
    )

    assert (found.calls, found.ends, found.answers) == (False, True, False)
    assert found.fails("calls")
    assert [(each.what, each.field, each.before, each.after) for each in found.differences] == [
        ("argument", "city", "Paris", "Oslo"),
        ("outcome", "", "ok", "error"),
        ("text", "", "It is 20 degrees in Paris.", "I cannot say."),
    ]
    (unrecorded,) = found.unrecorded
    assert (unrecorded.turn, unrecorded.step, unrecorded.arguments["city"]) == (1, 1, "Oslo")
