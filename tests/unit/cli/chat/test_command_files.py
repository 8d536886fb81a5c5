"""Does a conversation become a file and a file one, and is nothing overwritten unasked?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.rig.mock import Step
from tests.unit.cli.chat.talking import talking
from toolrun.events import AssistantMessage, TurnFinished, UserMessage
from toolrun.state import fold
from toolrun.trace.check import check_trace
from toolrun.trace.reader import read_trace

if TYPE_CHECKING:
    import pytest

    from tests.rig.mock import MockServer


async def test_a_conversation_is_saved_in_three_forms_and_two_of_them_load(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path, instructions="Be brief.") as say:
        assert "nothing was said yet" in await say(f"/save {tmp_path}/talk.md")
        await say("First.")
        for suffix in ("md", "json", "jsonl"):
            path = tmp_path / f"talk.{suffix}"
            assert f"saved to {path}: 2 messages" in await say(f"/save {path}")
            assert path.stat().st_mode & 0o077 == 0
        assert "> First." in (tmp_path / "talk.md").read_text()
        messages = json.loads((tmp_path / "talk.json").read_text())
        assert [each["role"] for each in messages] == ["developer", "user", "assistant"]
        assert messages[2]["reasoning"] == "The user greets me."
        assert check_trace(tmp_path / "talk.jsonl").turns == 1
        assert say.talk.session.trace_path is None

        before = say.talk.session.id
        for suffix in ("json", "jsonl"):
            seen = await say(f"/load {tmp_path}/talk.{suffix}")
            assert "begins with 2 messages of" in seen
            assert "goes back" in seen
            assert [type(each) for each in say.face.events] == [UserMessage, AssistantMessage]
            await say("/effort low")  # it can be gone on with like any other
            await say("Second.")
            assert say.said == ["First.", "Hello there, friend!"] * 1 + say.said[2:]
            assert say.said[2] == "Second."
            assert mock.bodies()[-1]["messages"][0]["content"] == "Be brief."
        await say(f"/resume {before}")
        assert say.said == ["First.", "Hello there, friend!"]


async def test_a_file_that_is_there_is_written_over_only_where_that_was_said(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path) as say:
        await say("First.")
        for suffix in ("md", "json", "jsonl"):
            path = tmp_path / f"mine.{suffix}"
            path.write_text("mine")
            for answer in (None, "no"):
                say.face.answers = [answer]
                assert "is as it was" in await say(f"/save {path}")
                assert path.read_text() == "mine"
            say.face.answers = ["yes"]
            path.chmod(0o644)
            linked = tmp_path / f"link.{suffix}"
            linked.symlink_to(path)
            assert "saved to" in await say(f"/save '{linked}'")
            assert path.read_text() == "mine"
            assert not linked.is_symlink()
            say.face.answers = ["yes"]
            assert "saved to" in await say(f"/save '{path}'")
            assert path.read_text() != "mine"
            assert path.stat().st_mode & 0o777 == 0o600
        trace = tmp_path / "trace.jsonl"
        trace.write_text("mine")
        assert "is as it was" in await say(f"/trace on {trace}")
        assert trace.read_text() == "mine"


async def test_nothing_is_written_over_and_no_profile_widened_where_nobody_can_be_asked(
    mock: MockServer, tmp_path: Path
) -> None:
    path = tmp_path / "talk.md"
    path.write_text("mine")
    async with talking(mock, tmp_path, asked=False) as say:
        say.face.answers = ["yes", "yes"]
        await say("First.")
        assert "and nobody to ask" in await say(f"/save {path}")
        assert "nobody is there to allow it" in await say("/profile workspace")
        assert say.talk.config.profile == "pure"
        assert say.face.questions == []
    assert path.stat().st_size == 4


UNFIT = [
    ("/save", "which file? /save FILE.md, FILE.json or FILE.jsonl"),
    ("/save talk.txt", "the name says what is written"),
    ("/save nowhere/talk.md", "there is no folder nowhere"),
    ("/load none.json", "none.json is not there"),
    ("/load broken.json", "is no JSON"),
    ("/load numbers.json", "holds no messages"),
    ("/load roles.json", "role"),
    ("/load broken.jsonl", "broken.jsonl, line 1"),
    ("/replay broken.jsonl", "broken.jsonl, line 1"),
    ("/replay", "which file? /replay FILE.jsonl"),
    ("/trace of", "what follows /trace is on, off or view, not 'of'; did you mean off?"),
    ("/trace on talk.txt", "a trace is called FILE.jsonl"),
]


async def test_what_does_not_fit_is_said_and_the_conversation_goes_on(
    mock: MockServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "broken.jsonl").write_text("{\n")
    (tmp_path / "numbers.json").write_text("[1]")
    (tmp_path / "roles.json").write_text('[{"role": "nobody", "content": "x"}]')
    async with talking(mock, tmp_path) as say:
        await say("First.")
        session = say.talk.session.id
        for typed, seen in UNFIT:
            assert seen in await say(typed)
            assert say.talk.session.id == session
            assert say.said == ["First.", "Hello there, friend!"]
        await say("Second.")
        assert say.said[2] == "Second."


def taken(address: str) -> str:
    """The page at an address, removed."""
    page = Path(address.removeprefix("file://"))
    text = page.read_text()
    page.unlink()
    return text


async def test_a_trace_begins_with_what_was_said_and_ends_where_one_says_so(
    mock: MockServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("toolrun.cli.trace_view.open_page", opened.append)
    path = tmp_path / "talk.jsonl"
    async with talking(mock, tmp_path) as say:
        assert "nothing is recorded" in await say("/trace")
        await say("First.")
        assert f"recorded to {path} from now on" in await say(f"/trace on {path}")
        assert f"recorded to {path} already" in await say(f"/trace on {path}")
        await say("Second.")
        await say("/effort high")  # it goes on through a change of the settings
        await say("Third.")
        assert f"recorded to {path}" in await say("/trace")
        await say("/trace view")
        assert f"{path} stays as it is" in await say("/trace off")
        await say("Fourth.")
        texts = [each.content for each in fold(read_trace(path, check=True).events).transcript]
        assert texts[::2] == ["First.", "Second.", "Third."]
        seen = await say("/trace view")
        assert seen.startswith("the conversation as a page: ")
        assert say.talk.session.trace_path is None
        assert len(opened) == 2
        assert all("First." in taken(each) for each in opened)


async def test_a_copy_and_a_new_session_leave_the_trace_of_the_one_before_alone(
    mock: MockServer, tmp_path: Path
) -> None:
    path = tmp_path / "talk.jsonl"
    async with talking(mock, tmp_path) as say:
        await say("First.")
        await say(f"/trace on {path}")
        await say("/fork")
        before = path.read_bytes()
        await say("Second.")
        await say("/effort low")
        await say("Third.")
        beside = say.talk.session.trace_path
        assert beside is not None
        assert beside != path
        assert b"Third." in beside.read_bytes()
        await say("/new")
        await say("Fourth.")
        assert path.read_bytes() == before
        assert b"Fourth." not in beside.read_bytes()


async def test_a_replay_is_shown_and_nothing_is_asked(mock: MockServer, tmp_path: Path) -> None:
    mock.script(Step("I think.", "An answer."))
    path = tmp_path / "talk.jsonl"
    async with talking(mock, tmp_path) as say:
        await say(f"/trace on {path}")
        await say("First.")
        await say("/trace off")
        await say("/new")
        seen = await say(f"/replay {path}")
        kinds = [type(each) for each in say.face.events if each.durable]
        assert kinds[-3:] == [UserMessage, AssistantMessage, TurnFinished]
        assert f"this is session {say.talk.session.id} again" in seen
        assert say.said == []
        assert len(mock.bodies()) == 1


async def test_a_replay_that_ends_within_a_turn_leaves_nothing_running(
    mock: MockServer, tmp_path: Path
) -> None:
    path = tmp_path / "talk.jsonl"
    async with talking(mock, tmp_path) as say:
        await say("First.")
        await say(f"/save {path}")
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:-1]))  # without TurnFinished
        await say(f"/replay {path}")
        last = say.face.events[-1]
        assert isinstance(last, TurnFinished)
        assert (last.status, last.reason) == ("cancelled", "the replay ends here")
        say.face.turns = say.face.stop
        seen = await say(f"/replay {path}")
        assert "the replay was stopped" in seen
        assert len(say.face.events) <= 2
