"""Do several processes behind a balancer remember for each other what a client forgets?"""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, Any

import openai
import pytest

from tests.integration.serving import WEATHER, Served
from tests.rig import leaks
from tests.rig.mock import Call, MockServer, Step

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOOKING = Step("I have to look.", tool_calls=(Call("get_weather", '{"city":"Paris"}'),))
AGAIN = Step("Rome, too.", tool_calls=(Call("get_weather", '{"city":"Rome"}'),))
ANSWER = Step("Now I know.", "It is 20 degrees in both.")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.load)])
def two(
    request: pytest.FixtureRequest, mock: MockServer, tmp_path: Path
) -> Iterator[tuple[Served, Served]]:
    """Two servers with one store, one key and another's."""
    if request.param == "sqlite":
        store = f"sqlite:///{tmp_path}/front.db"
    else:
        store = request.getfixturevalue("postgres_url")
    keys = {"TOOLRUN_SERVE_KEYS": "the-key-of-somebody,the-key-of-another"}
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    with (
        Served(folders[0], mock.url, "--store", store, **keys) as a,
        Served(folders[1], mock.url, "--store", store, **keys) as b,
    ):
        for each in (a, b):
            leaks.KNOWN.add(each.process.pid, each.fds)
        yield a, b


def client(served: Served, key: str = "the-key-of-somebody") -> openai.OpenAI:
    return openai.OpenAI(base_url=served.url, api_key=key, max_retries=0)


def counted(*served: Served) -> dict[str, int]:
    """What all of them together did with steps, by outcome."""
    total: dict[str, int] = {}
    for each in served:
        request = urllib.request.Request(
            f"{each.root}/metrics", headers={"Authorization": "Bearer the-key-of-somebody"}
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            text = reply.read().decode()
        assert "toolrun_reasoning_kept" not in text, "it is not one process's to count"
        for line in text.splitlines():
            if line.startswith("toolrun_reasoning_steps_total{"):
                name, value = line.rsplit(" ", 1)
                outcome = name.partition('outcome="')[2].partition('"')[0]
                total[outcome] = total.get(outcome, 0) + int(value)
    return {outcome: count for outcome, count in total.items() if count}


def ask(
    served: Served, messages: list[Any], model: str, *, stream: bool = False, **asking: str
) -> dict[str, Any]:
    """One request of a client that drops reasoning; the assistant's message as it keeps it."""
    request: dict[str, Any] = {"model": model, "messages": messages, "tools": [WEATHER]}
    final: Any
    with client(served, **asking) as opened:
        if stream:
            with opened.chat.completions.stream(**request) as events:
                final = events.get_final_completion()
        else:
            final = opened.chat.completions.create(**request)
    message = final.choices[0].message
    calls = []
    for call in message.tool_calls or ():
        function = {"name": call.function.name, "arguments": call.function.arguments}
        calls.append({"id": call.id, "type": "function", "function": function})
    return {"role": "assistant", "content": message.content, "tool_calls": calls}


@pytest.mark.parametrize("stream", [False, pytest.param(True, marks=pytest.mark.load)])
def test_any_process_finds_what_another_has_sampled(
    two: tuple[Served, Served], mock: MockServer, *, stream: bool
) -> None:
    mock.script(LOOKING, AGAIN, ANSWER)
    messages: list[Any] = [{"role": "user", "content": "How warm is it in Paris and Rome?"}]
    for turn in range(2):
        message = ask(two[turn % 2], messages, mock.model, stream=stream)
        (call,) = message["tool_calls"]
        messages += [message, {"role": "tool", "tool_call_id": call["id"], "content": "20"}]
    last = ask(two[0], messages, mock.model, stream=stream)

    assert last["content"] == "It is 20 degrees in both."
    said = [each.get("reasoning") for each in mock.bodies()[-1]["messages"]]
    assert said == [None, "I have to look.", None, "Rome, too.", None]
    assert counted(*two) == {"remembered": 2, "back": 3}


@pytest.mark.load
def test_no_key_is_told_another_s_reasoning(two: tuple[Served, Served], mock: MockServer) -> None:
    mock.script(LOOKING, ANSWER)
    messages: list[Any] = [{"role": "user", "content": "How warm is it in Paris?"}]
    message = ask(two[0], messages, mock.model)
    (call,) = message["tool_calls"]
    messages += [message, {"role": "tool", "tool_call_id": call["id"], "content": "20"}]
    ask(two[1], messages, mock.model, key="the-key-of-another")

    assert not any(each.get("reasoning") for each in mock.bodies()[-1]["messages"])
    assert counted(*two) == {"remembered": 1, "missing": 1}
