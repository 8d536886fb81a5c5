"""Does a session whose process was killed in the middle of its calls go on, and do what once?"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.integration.resuming import POLICIES, Tools
from tests.rig.mock import Call, MockServer, Step
from toolrun import Approve, Runtime

if TYPE_CHECKING:
    from pathlib import Path


def killed(*arguments: str) -> None:
    """Run the process that is killed, to its end."""
    command = [sys.executable, "-m", "tests.integration.resuming", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_each_call_that_a_kill_cut_off_follows_its_policy(
    mock: MockServer, tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    store = f"sqlite:///{tmp_path}/s.db"
    if database == "postgres":
        store = request.getfixturevalue("postgres_url")
    ledger = tmp_path / "ledger"
    names = ("done", *POLICIES)
    mock.script(
        Step("All at once.", tool_calls=tuple(Call(name, "{}", name) for name in names)),
        Step("There.", content="All done."),
    )
    killed(store, mock.url, mock.model, str(ledger), "s", "Go.")
    first = mock.bodies()

    tools = Tools(ledger).all()
    async with Runtime(model=mock.model, base_url=mock.url, tools=tools, store=store) as runtime:
        async with runtime.resume("s") as chat:
            answer = await chat.go_on()
            assert answer.status == "parked"
            assert [each.call_id for each in answer.pending] == ["ask"]
        async with runtime.resume("s") as chat:
            await chat.decide("ask", Approve())
            answer = await chat.go_on()

    assert (answer.text, answer.status) == ("All done.", "finished")
    assert Counter(ledger.read_text().split()) == {
        "s.1.1.done": 1,
        "s.1.1.rerun": 2,
        "s.1.1.key": 2,
        "s.1.1.ask": 2,
        "s.1.1.never": 1,
    }
    outcomes = {each.name: each.result and each.result.outcome for each in answer.tool_calls}
    assert outcomes == {**dict.fromkeys(names, "ok"), "never": "unknown"}
    asked, second = mock.bodies()
    assert [asked] == first
    assert [each["tool_call_id"] for each in second["messages"][2:]] == list(names)
    assert second["messages"][1]["reasoning"] == "All at once."
