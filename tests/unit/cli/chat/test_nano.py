"""Does a conversation come to the embedded model, and back to a server?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.cli.chat.scripted import Person, talking, there
from toolrun.cli.chat.sessions.start import Start
from toolrun.embedded import EMBEDDED, NANO, WHAT
from toolrun.errors import ServerUnreachable
from toolrun.resuming import settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.mock import MockServer

NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/kept.db"


async def test_it_is_offered_where_no_server_answers(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there(monkeypatch)
    person = Person("Hello!", answers=["yes"])
    talk = talking(person, NOWHERE, store=url)
    assert await talk.hold() == 0
    assert [each.text for each in person.asked] == [
        "talk to toolrun-nano instead, the toy that comes with toolrun?"
    ]
    assert person.told[0].startswith("no server answers. Tried:\n")
    assert person.told[1].startswith(f"{WHAT}: ")
    assert settings_of(talk.session.state).base_url == EMBEDDED
    assert len(person.conversation) == 2


@pytest.mark.parametrize("answers", [["no"], [None]])
async def test_who_does_not_want_it_gets_the_error(
    url: str, monkeypatch: pytest.MonkeyPatch, answers: list[str | None]
) -> None:
    there(monkeypatch)
    person = Person("Hello!", answers=answers)
    with pytest.raises(ServerUnreachable, match=r"no server answers[\s\S]*--model nano"):
        await talking(person, NOWHERE, store=url).hold()
    assert len(person.asked) == 1


async def test_nobody_gets_it_unasked(url: str) -> None:
    person = Person("Hello!")
    with pytest.raises(ServerUnreachable):
        await talking(person, NOWHERE, store=url).hold()
    assert person.asked == []


@pytest.mark.load
async def test_a_conversation_goes_to_it_and_back_and_is_taken_up_there(
    mock: MockServer, url: str
) -> None:
    person = Person("One", "/model nano", "/model", "Hello!", "/new", "Two")
    talk = talking(person, mock.url, start=Start(new="s"), store=url)
    await talk.hold()
    assert f"the model is nano from now on, {WHAT}, what was said goes with it" in person.text
    assert f"{NANO}: {WHAT}; it needs no server, this one" in person.text
    asked = [body["messages"][-1]["content"] for body in mock.bodies()]
    assert asked == ["One", "Two"]

    person = Person(f"/model {mock.model}", "Three")
    talk = talking(person, mock.url, start=Start(resume="s"), store=url)
    await talk.hold()
    assert person.text.count(f"{WHAT}: it runs in this process") == 1
    assert settings_of(talk.session.state).base_url == mock.url
    assert mock.bodies()[-1]["messages"][-1]["content"] == "Three"
