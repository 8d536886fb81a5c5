"""Is what a real vLLM streams redacted, parted and compressed, and does it replay then?"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Literal

import pytest

from toolrun import AssistantMessage, Recording, Session, tool
from toolrun.testing import replay_trace
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.server import VllmServer


@tool(trusted=True)
def get_weather(city: str, unit: Literal["C", "F"] = "C") -> str:
    """How warm it is."""
    return f"20 degrees in {city} ({unit})" + " and sunny" * 1000


@pytest.mark.vllm
async def test_a_real_stream_is_redacted_parted_and_replays(
    vllm: VllmServer, tmp_path: Path
) -> None:
    recording = Recording(
        path=tmp_path / "t.jsonl",
        max_bytes=4096,
        compress=True,
        blob_bytes=4096,
        patterns=(r"\d+ degrees in (\w+)",),
        find=lambda text: ["How warm"] if "How warm" in text else [],
    )
    session = Session(model=vllm.model, base_url=vllm.url, tools=[get_weather], trace=recording)
    async with session:
        for prompt in ("How warm is it? [[script:one-call]]", "Again. [[script:one-call]]"):
            async with session.stream(prompt) as events:
                async for _ in events:
                    pass
    files = sorted(each for each in tmp_path.rglob("*") if each.is_file())  # noqa: ASYNC240
    data = b"".join(
        gzip.decompress(each.read_bytes()) if each.suffix == ".gz" else each.read_bytes()
        for each in files
    )
    assert b"degrees in Paris" not in data
    assert b"How warm" not in data
    assert {"t.jsonl.gz", "t.2.jsonl.gz"} <= {each.name for each in files}
    assert [each for each in files if each.parent.name == "t.blobs"]
    trace = read_trace(tmp_path / "t.jsonl", check=True)
    said = [each.content for each in trace.events if isinstance(each, AssistantMessage)]
    assert "It is 20 degrees in [redacted]." in said
    assert (await replay_trace(tmp_path / "t.jsonl")).turns == 2
