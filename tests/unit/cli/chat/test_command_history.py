"""Can what was said be taken back, asked again, changed, copied and shortened?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.mock import Call, Step
from tests.unit.cli.chat.talking import talking
from toolrun.cli.chat.conversation import Conversation
from toolrun.events import TurnFinished

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.mock import MockServer


async def test_undo_takes_the_last_turn_back_and_gives_what_was_asked(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path) as say:
        assert "there is no turn to take back" in await say("/undo")
        await say("First.")
        await say("Second,\nin two lines.")
        assert await say("/undo") == "taken back: Second,..."
        assert say.face.typed == "Second,\nin two lines."
        assert say.said == ["First.", "Hello there, friend!"]
        assert "is one word too many" in await say("/undo 2")
        assert say.said == ["First.", "Hello there, friend!"]


async def test_undo_takes_files_back_and_says_which(mock: MockServer, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "kept.txt").write_text("before")
    (work / "mine.txt").write_text("before")
    write = "import pathlib\nfor n in ('kept', 'mine'): pathlib.Path(n + '.txt').write_text('x')"
    (tmp_path / "writing.py").write_text(
        "from toolrun import tool\n\n@tool\ndef write() -> str:\n"
        '    """Write files."""\n    ' + write.replace("\n", "\n    ") + '\n    return "done"\n'
    )
    mock.script(Step("Hm.", tool_calls=(Call("write"),)), Step("Done.", "Written."))
    tools = (str(tmp_path / "writing.py"),)
    async with talking(mock, tmp_path, tools=tools, profile="workspace", workspace=work) as say:
        await say("Write.")
        assert (work / "kept.txt").read_text() == "x"
        (work / "mine.txt").write_text("mine")
        seen = await say("/undo")
        assert "as before that turn: kept.txt\n" in seen
        assert "left as it is: mine.txt: " in seen
        assert (work / "kept.txt").read_text() == "before"
        assert (work / "mine.txt").read_text() == "mine"


async def test_retry_asks_the_same_with_what_holds_for_this_turn_alone(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path, effort="low") as say:
        assert "nothing was asked yet" in await say("/retry")
        await say("First.")
        await say("/retry")
        await say("/retry --effort high --temperature=0.25")
        assert say.said == ["First.", "Hello there, friend!"]
        await say("Second.")
        bodies = mock.bodies()
        asked = [each["messages"][-1]["content"] for each in bodies]
        assert asked == ["First."] * 3 + ["Second."]
        assert [each["reasoning_effort"] for each in bodies] == ["low", "low", "high", "low"]
        assert [each.get("temperature") for each in bodies] == [None, None, 0.25, None]


async def test_a_retry_that_does_not_fit_takes_nothing_back(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path) as say:
        await say("First.")
        assert "effort is low, medium or high, not 'hihg'; did you mean high?" in await say(
            "/retry --effort hihg"
        )
        assert "'--efort' is no option here; did you mean --effort?" in await say(
            "/retry --efort x"
        )
        assert "--effort needs a value; type /retry [--effort" in await say("/retry --effort")
        assert "--temperature warm: that is no float" in await say("/retry --temperature warm")
        assert say.said == ["First.", "Hello there, friend!"]
        assert len(mock.bodies()) == 1


async def test_edit_changes_the_last_message_and_asks_again(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path) as say:
        assert "nothing was asked yet" in await say("/edit")
        await say("In Fahrenheit?")
        say.face.edits = [lambda text: text.replace("Fahrenheit", "Celsius"), lambda _: None]
        await say("/edit")
        assert say.said == ["In Celsius?", "Hello there, friend!"]
        assert "left as it was" in await say("/edit")
        await say("/edit In Kelvin?")
        assert say.said == ["In Kelvin?", "Hello there, friend!"]


async def test_a_message_that_is_edited_may_name_files(mock: MockServer, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Milk.")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    async with talking(mock, tmp_path, workspace=tmp_path) as say:
        await say("What is missing?")
        assert "nothing was sent" in await say("/edit What is on @picture.png?")
        assert say.said == ["What is missing?", "Hello there, friend!"]
        await say("/edit What of @notes.txt?")
        assert [each and each.partition("\n")[0] for each in say.said] == [
            "What of @notes.txt?",
            "Hello there, friend!",
        ]
        assert "Milk." in (say.said[0] or "")


async def test_an_error_of_a_turn_is_told_once(mock: MockServer, tmp_path: Path) -> None:
    async with talking(mock, tmp_path) as say:
        mock.script(Step(None, "x", fault="http_400"))
        await say("Fail.")
        ended = [each for each in say.face.events if isinstance(each, TurnFinished)]
        assert [(each.status, each.error) for each in ended] == [("failed", None)]
        assert len(say.face.said) == 1


async def test_fork_goes_on_in_a_copy_and_says_how_to_get_back(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path, kept=True) as say:
        await say("First.")
        before = say.talk.session.id
        assert f"/resume {before} goes back" in await say("/fork other")
        assert say.talk.session.id == "other"
        await say("Second.")
        await say(f"/resume {before}")
        assert say.said == ["First.", "Hello there, friend!"]
        assert "there is a session 'other' already" in await say("/fork other")
        assert "there is a session 'other' already" in await say("/new other")
        assert say.talk.session.id == before
        await say("/new")
        assert say.said == []
        assert f"still session {say.talk.session.id}" in await say(f"/resume {say.talk.session.id}")
        say.face.picks = [None]
        assert "still session" in await say("/resume")
        await say(f"/resume {before[:6]}")
        await say("Third.")
        assert say.said[2] == "Third."


async def test_compact_summarises_now_and_says_what_it_came_to(
    mock: MockServer, tmp_path: Path
) -> None:
    long = "word " * 2999 + "word"
    mock.script(Step("Hm.", "They said words."))
    async with talking(mock, tmp_path) as say:
        assert "nothing was summarised" in await say("/compact")
        await say(long)
        assert "nothing was summarised" in await say("/compact")
        assert "such as /compact 0, not all" in await say("/compact all")
        assert "2 messages summarised, 0 stay as they are" in await say("/compact 0")
        assert say.said[0] == long
        await say("Next.")
        sent = mock.bodies()[-1]["messages"]
        assert "They said words." in sent[0]["content"]
        assert "word word" not in str(sent)


async def test_stop_ends_the_turn_that_runs_and_keeps_what_there_is(
    mock: MockServer, tmp_path: Path
) -> None:
    mock.script(Step("Hm.", "One two three four five six.", chunk_delay_s=0.2, chunks_per_write=1))
    async with talking(mock, tmp_path) as say:
        assert await say("/stop") == "nothing runs"
        say.face.turns = lambda: say.talk.stop("enough")
        await say("Count.")
        say.face.turns = None
        finished = say.talk.session.state.finished
        assert finished is not None
        assert (finished.status, finished.reason) == ("cancelled", "enough")
        assert await say.talk.at_once("/stop")
        closed = Conversation(say.face, say.talk.config, say.talk.mask)
        assert not await closed.at_once("/usage")  # it waits until there is a session
        assert not await say.talk.at_once("/undo")


async def test_exit_leaves(mock: MockServer, tmp_path: Path) -> None:
    async with talking(mock, tmp_path) as say:
        assert not await say.talk._take("/exit")
