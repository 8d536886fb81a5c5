"""Does all that the page about the chat types work, and does it name every command?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.unit.cli.chat.talking import talking
from toolrun.cli.chat.commands.registry import COMMANDS, command_of, obey

if TYPE_CHECKING:
    import pytest

    from tests.rig.mock import MockServer

PAGE: Final = Path(__file__).parents[4] / "docs" / "how-to" / "chat.md"
PROMPT: Final = "\u276f "


def typed() -> list[str]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix(PROMPT) for line in lines if line.startswith(PROMPT)]


def made_in(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def removed(address: str) -> None:
    Path(address.removeprefix("file://")).unlink()


def test_it_names_every_command() -> None:
    named = {line.split()[0] for line in typed() if line.startswith("/")}
    assert named == set(COMMANDS)


async def test_what_it_types_works(
    mock: MockServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("toolrun.cli.trace_view.open_page", removed)
    tools = tmp_path / "mail_tools.py"
    tools.write_text(
        "from toolrun import tool\n\n@tool(trusted=True, approve=True)\n"
        'async def send_mail(to: str) -> str:\n    """Send a mail."""\n    return to\n'
    )
    async with talking(mock, tmp_path, kept=True, tools=(str(tools),)) as say:
        for line in typed():
            say.face.picks, say.face.answers = [0], ["yes"]
            say.face.edits = [lambda text: f"{text} Always."]
            if command_of(line) is None:
                await say(line)
            else:  # what does not fit is raised here
                assert await obey(say.talk, line) is (line != "/exit")
    assert not {"talk.md", "messages.json", "talk.jsonl", "talk-2.jsonl"} - made_in(tmp_path)
