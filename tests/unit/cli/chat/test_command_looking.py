"""Is everything that can be typed there to see, and does a wrong word get the nearest right one?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.rig.mock import Step
from tests.unit.cli.chat.talking import talking
from toolrun.cli.chat.commands.registry import COMMANDS, command_of, completions
from toolrun.cli.chat.commands.words import options, split
from toolrun.errors import ConfigError
from toolrun.limits import Prices

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.mock import MockServer

WANTED = """
/help /stop /tools /model /system /effort /usage /trace /replay /fork /undo /retry /edit /save /load
/new /resume /compact /profile /approve /doctor /exit /fold /show /title
"""


def test_every_command_says_what_it_does_and_gives_an_example() -> None:
    assert set(COMMANDS) == set(WANTED.split())
    for name, each in COMMANDS.items():
        assert each.name == name
        assert len(each.summary) <= 64
        assert not each.summary.endswith(".")
        assert each.examples
        assert all(example.split()[0] == name for example in each.examples)


async def test_help_is_a_table_by_topic_and_says_more_of_each(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path) as say:
        await say("/help")
        titles = [each.title for each in say.face.blocks]
        assert titles == ["Conversation", "Model", "Tools", "Sessions and files", "Looking"]
        listed = [row[0] for each in say.face.blocks for row in each.rows]
        assert sorted(listed) == sorted(COMMANDS)
        for name, each in COMMANDS.items():
            seen = await say(f"/help {name.removeprefix('/')}")
            assert f"{name} {each.usage}".rstrip() in seen
            assert each.examples[0] in seen
        assert await say("/help /undo") == await say("/help undo")
        assert "no command /udno; did you mean /undo?" in await say("/help udno")


WRONG = [
    ("/udno", "no command /udno; did you mean /undo?"),
    ("/qqq", "no command /qqq; /help lists them"),
    ("/etc/hosts, what is it?", "a message that begins with a slash is typed with two"),
    ("/usage all", "'all' is one word too many; /usage is all there is to type"),
    ("/show", "/show takes the number that stands at a folded block, such as /show 3"),
    ("/show three", "/show takes the number"),
    ("/tools sned", "no tool 'sned'; did you mean send?; there are send, count"),
]


async def test_what_is_typed_wrongly_gets_what_would_fit(mock: MockServer, tmp_path: Path) -> None:
    async with talking(mock, tmp_path) as say:
        for typed, seen in WRONG:
            assert seen in await say(typed)
        assert mock.bodies() == []


async def test_a_message_that_begins_with_a_slash_is_typed_with_two(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path) as say:
        await say("//etc/hosts: what is it?")
        assert say.said[0] == "/etc/hosts: what is it?"
        assert command_of("//undo") is None


async def test_what_goes_wrong_in_a_command_is_said_and_the_conversation_goes_on(
    mock: MockServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with talking(mock, tmp_path) as say:
        await say("First.")
        for error in (OSError(28, "No space left on device"), KeyError("oops")):

            async def fails(error: Exception = error) -> str:
                raise error

            monkeypatch.setattr(say.talk.session, "undo", fails)
            seen = await say("/undo")
            assert str(error) in seen
            assert ("this is a bug" in seen) == isinstance(error, KeyError)
        assert "KeyError: 'oops'; this is a bug in toolrun" in say.face.text
        assert "lone surrogate" in await say("a\udc80b")
        await say("Second.")
        assert say.said[2] == "Second."


async def test_tools_are_listed_with_where_they_run_and_one_in_whole(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path) as say:
        await say("/tools")
        rows = say.face.blocks[0].rows
        assert rows[0] == (
            "send",
            "TRUSTED, in this process, asks for approval",
            "Send a mail to somebody.",
        )
        assert rows[1][:2] == ("count", "sandbox pure")
        seen = await say("/tools send")
        assert "to (string)" in seen
        assert "copies (integer, optional)" in seen
    async with talking(mock, tmp_path, tools=()) as say:
        assert "the model has no tools" in await say("/tools")


async def test_usage_says_what_was_taken_and_how_full_the_context_is(
    mock: MockServer, tmp_path: Path
) -> None:
    usage = {
        "prompt_tokens": 900,
        "completion_tokens": 100,
        "total_tokens": 1000,
        "prompt_tokens_details": {"cached_tokens": 450},
    }
    mock.script(Step("Hm.", "Hello.", usage=usage))
    prices = {mock.model: Prices(prompt=1.0, completion=10.0, cached=0.0)}
    async with talking(mock, tmp_path, prices=prices) as say:
        await say("/usage")
        assert "0 turns, 0 steps, 0 tool calls" in say.face.text
        await say("First.")
        await say("Second.")
        await say("/usage")
        rows = {row[0]: row[1] for row in say.face.blocks[0].rows}
        assert rows["conversation"] == "2 turns, 2 steps, 0 tool calls"
        assert rows["prompt tokens"] == "1,800, 50% of them cached"
        assert rows["completion tokens"].startswith("200")
        assert rows["context"].startswith("1,000 tokens of 131,072 (1%)")
        assert rows["cost"].startswith("0.0029")
        await say("/undo")
        await say("/usage")
        assert "1,800, 50% of them cached" in say.face.text  # it stays used
    async with talking(mock, tmp_path) as say:
        assert f'no prices are set: [prices."{mock.model}"]' in await say("/usage")


async def test_blocks_are_folded_by_their_number_and_the_reasoning_as_a_whole(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path) as say:
        await say("/fold")
        await say("/show 3")
        assert say.face.folds == [None, 3]


async def test_doctor_tells_of_each_check_as_it_ends(mock: MockServer, tmp_path: Path) -> None:
    async with talking(mock, tmp_path) as say:
        seen = await say("/doctor")
        assert f"checking {mock.url}; Ctrl-C stops it" in seen
        assert "1 of " in seen
        assert "vLLM" in say.face.said[-1]
        assert mock.url in say.face.said[-1]
        assert say.said == []


async def test_what_may_follow_is_completed(mock: MockServer, tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("[]")
    (tmp_path / "more").mkdir()
    async with talking(mock, tmp_path) as say:

        def complete(typed: str) -> list[str]:
            return [each for each, _ in completions(say.talk, typed)]

        assert complete("/un") == ["/undo"]
        assert complete("/effort h") == ["high"]
        assert complete("/effort high ") == []
        assert complete("/help und") == ["undo"]
        assert complete("/profile work") == ["workspace", "workspace-ro"]
        assert complete("/approve ") == ["remove", "send"]
        assert complete("/retry --effort l") == ["low"]
        assert complete("/retry --t") == ["--temperature"]
        assert complete("/trace o") == ["on", "off"]
        assert complete(f"/load {tmp_path}/n") == [f"{tmp_path}/notes.json"]
        assert complete(f"/trace on {tmp_path}/m") == [f"{tmp_path}/more/"]
        assert complete("/none x") == []
    assert command_of("/undo") is COMMANDS["/undo"]
    assert command_of("undo") is None


def test_words_are_split_as_a_shell_has_them() -> None:
    assert split("send to='a b'") == ["send", "to=a b"]
    with pytest.raises(ConfigError, match="no closing quotation"):
        split("'")
    assert options("--seed 3", {"--seed": int}, "/x") == {"seed": 3}
