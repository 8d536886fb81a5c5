"""Do the commands of a conversation do on a real vLLM what they say?"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from tests.unit.cli.chat.talking import talking
from toolrun.trace.check import check_trace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.rig.server import VllmServer

HELLO = "Hello there, friend!"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """On asyncio alone: the command line runs on it, whose loop takes the signals."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_tools_stay_imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    sys.modules.pop("asking_tools", None)


@pytest.mark.vllm
async def test_a_conversation_is_changed_counted_shortened_and_kept(
    vllm: VllmServer, tmp_path: Path
) -> None:
    async with talking(vllm, tmp_path, kept=True, max_tokens=200) as say:
        assert f"{vllm.model}  this one" in await say("/model")
        assert "no model 'gpt-oss' is served" in await say("/model gpt-oss")
        await say("[[script:final]] Say hello.")
        await say("/usage")
        rows = {row[0]: row[1] for row in say.face.blocks[0].rows}
        tokens = say.talk.session.state.usage.total_tokens
        length = await say.talk.session.context_length()
        assert rows["context"].startswith(f"{tokens:,} tokens of {length:,} (")

        await say("/system Answer in French.")
        await say("/retry --effort high")
        assert say.said == ["[[script:final]] Say hello.", HELLO]
        assert say.talk.config.effort is None
        await say("/undo")
        assert say.face.typed == "[[script:final]] Say hello."
        assert say.said == []

        long = "[[script:final]] " + "more words of it " * 300
        await say(long)
        await say("[[script:final]] And now?")
        before = say.talk.session.id
        assert "4 messages summarised, 0 stay as they are" in await say("/compact 0")
        await say("[[script:final]] Go on.")
        prompts = [
            each.usage.prompt_tokens
            for each in say.talk.session.transcript
            if hasattr(each, "usage")
        ]
        assert prompts[2] < prompts[1]

        for name in ("talk.json", "talk.jsonl", "talk.md"):
            assert "saved to" in await say(f"/save {tmp_path / name}")
        said = json.loads((tmp_path / "talk.json").read_text())
        assert [each["role"] for each in said[:3]] == ["developer", "user", "assistant"]
        assert check_trace(tmp_path / "talk.jsonl").turns == 5  # two of them taken back
        await say(f"/load {tmp_path / 'talk.json'}")
        await say("[[script:final]] Once more.")
        assert len(say.said) == 8
        await say("/fork")
        await say("[[script:final]] In a copy.")
        await say(f"/resume {before[:8]}")
        assert len(say.said) == 6
