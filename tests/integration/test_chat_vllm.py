"""Is a conversation at a terminal the same before a real vLLM, whose model is scripted?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.integration.chats import chats
from tests.rig.scripts import analysis, call, final
from tests.unit.cli.work import until

if TYPE_CHECKING:
    from tests.integration.chats import Chats
    from tests.rig.server import VllmServer

__all__ = ["chats"]

LONG = " ".join(f"{number} words and no end in sight." for number in range(1, 400))


def before(vllm: VllmServer, *says: str) -> dict[str, str]:
    """The variables of a chat whose server is this one, and says this."""
    body = {"vllm_xargs": {"harmony": list(says)}}
    return {
        "TOOLRUN_BASE_URL": vllm.url,
        "TOOLRUN_MODEL": vllm.model,
        "TOOLRUN_EXTRA_BODY": json.dumps(body),
    }


def test_a_turn_with_a_tool_is_asked_about_and_answered(chats: Chats, vllm: VllmServer) -> None:
    says = (
        analysis("I should send it.") + call("send", '{"text":"hello"}'),
        analysis("It was sent.")
        + final("It is **sent**.\n\n| to | what |\n|---|---|\n| all | hello |"),
    )
    pane = chats("--tools", "my_tools.py:send", env=before(vllm, *says))
    pane.say("Send hello.")
    pane.shows("run send?", 60)
    pane.say("y")
    pane.shows("2 steps", 60)
    shown = pane.rests()
    assert "sent hello" in shown
    assert "It is sent." in shown
    assert "|---|" not in shown
    assert f"vLLM {vllm.version}" in shown


def test_ctrl_c_stops_what_is_sampled_and_the_conversation_goes_on(
    chats: Chats, vllm32: VllmServer
) -> None:
    pane = chats(env=before(vllm32, analysis("Long.") + final(LONG)))
    pane.say("Tell me all.")
    pane.shows("5 words and no end", 60)
    pane.press("C-c")
    pane.shows("cancelled")
    until(lambda: vllm32.metrics()["vllm:num_requests_running"] == 0)
    pane.say("/usage")
    pane.shows("limits of a turn")
