"""Does the model that ships call tools, copy, read and answer, through a session?"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from toolrun import Session, tool
from toolrun.models.nano.weights import FILE
from toolrun.testing import assert_called, nano

CARD = Path(__file__).parents[4] / "toolrun/models/nano/CARD.md"
MOST_BYTES = 12_000_000


@tool(trusted=True)
def get_weather(city: str) -> dict[str, Any]:
    """The weather in a city."""
    return {"temperature": len(city), "sky": "clear"}


@tool(trusted=True)
def word_count(path: str) -> int:
    """Count the words of a text file."""
    if path == "missing.txt":
        raise FileNotFoundError("no such file")
    return 1842


@pytest.fixture(scope="module")
def model() -> Any:
    return nano()


def test_the_file_is_the_one_of_the_card_and_small() -> None:
    found = hashlib.sha256(FILE.read_bytes()).hexdigest()
    assert found in re.findall(r"[0-9a-f]{64}", CARD.read_text())
    assert FILE.stat().st_size <= MOST_BYTES


async def test_it_calls_a_tool_and_answers_with_its_result(model: Any) -> None:
    async with Session(model=model, tools=[word_count]) as session:
        answer = await session.ask("How many words does docs/report.md have?")
    assert_called(answer, "word_count", {"path": "docs/report.md"})
    assert answer.text == "docs/report.md has 1842 words."


@pytest.mark.load
@pytest.mark.parametrize("city", ["Paris", "Reykjavik", "Ouagadougou", "Vuzotakim"])
async def test_a_word_is_copied_whether_it_was_ever_seen(model: Any, city: str) -> None:
    async with Session(model=model, tools=[get_weather, word_count]) as session:
        answer = await session.ask(f"What's the weather in {city}?")
    assert_called(answer, "get_weather", {"city": city})
    assert "clear" in answer.text


@pytest.mark.load
async def test_a_turn_is_understood_from_the_one_before(model: Any) -> None:
    async with Session(model=model, tools=[get_weather]) as session:
        await session.ask("What's the weather in Oslo?")
        answer = await session.ask("And in Rome?")
    assert_called(answer, "get_weather", {"city": "Rome"})


@pytest.mark.load
async def test_two_things_are_asked_of_one_tool(model: Any) -> None:
    async with Session(model=model, tools=[get_weather, word_count]) as session:
        answer = await session.ask("What's the weather in Paris and Rome?")
    assert [call.arguments for call in answer.tool_calls] == [
        '{"city": "Paris"}',
        '{"city": "Rome"}',
    ]


@pytest.mark.load
async def test_what_goes_wrong_is_said(model: Any) -> None:
    async with Session(model=model, tools=[word_count]) as session:
        answer = await session.ask("How many words does missing.txt have?")
    assert "no such file" in answer.text


@pytest.mark.load
async def test_a_greeting_calls_nothing_and_it_says_what_it_is(model: Any) -> None:
    async with Session(model=model, tools=[get_weather]) as session:
        greeting = await session.ask("Hello!")
        who = await session.ask("who are you?")
    assert greeting.tool_calls == who.tool_calls == ()
    assert "tiny model" in who.text


@pytest.mark.load
async def test_what_no_tool_can_do_is_said(model: Any) -> None:
    async with Session(model=model, tools=[get_weather]) as session:
        answer = await session.ask("Write a poem about owls")
    assert answer.text == "I have no tool for that."


@pytest.mark.load
async def test_the_same_is_said_each_time(model: Any) -> None:
    said = []
    for _ in range(2):
        async with Session(model=model, tools=[word_count]) as session:
            said.append((await session.ask("Count the words of docs/report.md")).text)
    assert said == ["docs/report.md has 1842 words."] * 2
