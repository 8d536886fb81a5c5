"""Is a conversation taken up again where it was left, whatever stands in the way?"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.rig.mock import Call, Step
from tests.unit.cli.chat.scripted import Person, talking, there
from tests.unit.cli.work import fill
from toolrun import Runtime, Session
from toolrun.cli.chat.sessions.start import PICK, ChatOptions, Start
from toolrun.errors import ConfigError, SessionBusy
from toolrun.events import SettingsChanged
from toolrun.store.opening import open_store
from toolrun.testing import ScriptedModel
from toolrun.tools.builtin import files, python

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.rig.mock import MockServer
    from toolrun.cli.chat.conversation import Conversation
    from toolrun.events import Durable
    from toolrun.store.contract import SessionInfo


@pytest.fixture(scope="module", params=["asyncio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """The command line runs on asyncio alone: its loop takes the signals."""
    return str(request.param)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sessions.db"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    there(monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("my_tools", None)


async def held(
    person: Person, mock: MockServer, url: str | None, start: Start | None = None, **config: Any
) -> Conversation:
    """A conversation, from its first word to its last."""
    talk = talking(person, mock.url, start=start, store=url, **config)
    assert await talk.hold() == 0
    return talk


def model(*answers: str, name: str = "openai/gpt-oss-20b") -> ScriptedModel:
    made = ScriptedModel(*answers)
    made.name = name  # type: ignore[attr-defined]
    return made


async def before(url: str, id: str, *said: str, **options: Any) -> None:  # noqa: A002 - as everywhere
    """A session that another process has left."""
    answers = [f"Answer to {each}" for each in said]
    async with (
        Runtime(**{"model": model(*answers), "store": url, **options}) as runtime,
        runtime.session(id) as session,
    ):
        for each in said:
            await session.ask(each)


async def stored(url: str) -> list[SessionInfo]:
    store = open_store(url)
    await store.open()
    try:
        return await store.sessions()
    finally:
        await store.aclose()


async def events_of(url: str, id: str) -> list[Durable]:  # noqa: A002 - as everywhere
    store = open_store(url)
    await store.open()
    try:
        return await store.read(id)
    finally:
        await store.aclose()


# --- at the start


async def test_a_conversation_is_stored_as_it_goes(mock: MockServer, url: str) -> None:
    async def look() -> None:
        found.extend(await stored(url))

    found: list[SessionInfo] = []
    await held(Person("Hello there", look, "/exit"), mock, url, Start(new="s"))
    (info,) = found
    assert (info.id, info.title, info.turns) == ("s", "Hello there", 1)
    assert info.holder is not None


async def test_nothing_said_leaves_nothing(mock: MockServer, url: str, tmp_path: Path) -> None:
    await held(Person("/help", "/exit"), mock, url)
    assert await stored(url) == []
    await held(Person("/exit"), mock, None, Start(keep=False))
    assert not (tmp_path / "state" / "toolrun" / "sessions.db").exists()


async def test_no_store_keeps_nothing(mock: MockServer, tmp_path: Path) -> None:
    person = Person("Hello", "/exit")
    talk = await held(person, mock, None, Start(keep=False))
    assert not (tmp_path / "state" / "toolrun" / "sessions.db").exists()
    assert talk.keeping.url == "memory"


async def test_resume_shows_the_conversation_again_and_goes_on(mock: MockServer, url: str) -> None:
    await before(url, "old", "One", "Two")
    person = Person("Three", "/exit")
    await held(person, mock, url, Start(resume="old"))
    shown = person.conversation
    assert shown[:5] == ["One", "Answer to One", "Two", "Answer to Two", "Three"]
    sent = mock.bodies()[-1]["messages"]
    assert [each["content"] for each in sent if each["role"] == "user"] == ["One", "Two", "Three"]
    (info,) = await stored(url)
    assert (info.id, info.turns, info.holder) == ("old", 3, None)


async def test_a_session_has_its_built_in_tools_again_without_naming_them(
    mock: MockServer, url: str, tmp_path: Path
) -> None:
    await before(url, "old", "One", tools=[files(), python()], workspace=tmp_path)
    await before(url, "bare", "One")
    person = Person("Two", "/resume bare", "Three", "/resume old", "Four", "/exit")
    talk = await held(person, mock, url, Start(resume="ol"))
    sent = [[each["function"]["name"] for each in body.get("tools", ())] for body in mock.bodies()]
    assert {"read_file", "apply_patch", "python"} <= set(sent[0])
    assert "shell" not in sent[0]
    assert sent[-2:] == [[], sent[0]]
    assert {each.name for each in talk.tools} == set(sent[0])


async def test_a_new_session_after_one_with_its_own_tools_has_their_workspace(
    mock: MockServer, url: str, tmp_path: Path
) -> None:
    await before(url, "old", "One", tools=[files()], workspace=tmp_path)
    person = Person("/new", "Two", "/exit")
    talk = await held(person, mock, url, Start(resume="old"))
    assert talk.config.workspace == tmp_path
    assert mock.bodies()[-1]["tools"]


async def test_the_tools_that_are_named_are_those_that_hold(
    mock: MockServer, url: str, tmp_path: Path
) -> None:
    await before(url, "old", "One", tools=[files(), python()], workspace=tmp_path)
    person = Person(answers=["no"])
    await held(person, mock, url, Start(resume="old"), tools=("python",))
    assert any("read_file is gone" in line for line in person.told)


async def test_the_beginning_of_an_id_is_enough(mock: MockServer, url: str) -> None:
    await held(Person("One"), mock, url, Start(new="4b75a"))
    await held(Person("Two"), mock, url, Start(new="4b9"))
    person = Person()
    await held(person, mock, url, Start(resume="4b7"))
    assert person.conversation[0] == "One"
    with pytest.raises(ConfigError, match="2 sessions begin with 4b: 4b9, 4b75a"):
        await held(Person(), mock, url, Start(resume="4b"))
    with pytest.raises(ConfigError, match="there is no session 'x'"):
        await held(Person(), mock, url, Start(resume="x"))


async def test_continue_takes_the_last_of_this_folder_else_of_all(
    mock: MockServer, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="there is no session in"):
        await held(Person(), mock, url, Start(last=True))
    await held(Person("Here"), mock, url, Start(new="here"))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    person = Person()
    await held(person, mock, url, Start(last=True))
    assert person.conversation[0] == "Here"
    assert f"no session of this folder yet: this is the last one, of {tmp_path}" in person.text
    await held(Person("There"), mock, url, Start(new="there"))
    monkeypatch.chdir(tmp_path)
    person = Person()
    await held(person, mock, url, Start(last=True))
    assert person.conversation[0] == "Here"
    assert "no session of this folder" not in person.text


async def test_one_is_picked_by_title_date_and_what_became_of_it(
    mock: MockServer, url: str, tmp_path: Path
) -> None:
    await held(Person("An older one"), mock, url, Start(new="a1"))
    await held(Person("A newer one", "And more"), mock, url, Start(new="b2"))
    async with Runtime(model=model(), store=url) as runtime, runtime.session("opened"):
        pass  # nothing was said in it
    person = Person(picks=[1])
    await held(person, mock, url, Start(resume=PICK))
    first, second = person.offered
    assert (first.title, second.title) == ("A newer one", "An older one")
    assert first.when > second.when
    assert "2 turns" in first.detail
    assert "tokens" in first.detail
    assert tmp_path.name in first.detail
    assert first.detail.endswith("b2")
    assert person.conversation[0] == "An older one"
    person = Person("Never said", picks=[None])
    await held(person, mock, url, Start(resume=PICK))
    assert person.told == []


async def test_an_id_that_is_taken_is_refused_before_a_word(mock: MockServer, url: str) -> None:
    await held(Person("One"), mock, url, Start(new="a"))
    with pytest.raises(ConfigError, match="--resume a"):
        await held(Person("Two"), mock, url, Start(new="a"))


async def test_a_home_that_cannot_be_written_to_is_said(
    mock: MockServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc")
    person = Person("Hello", "/exit")
    await held(person, mock, None)
    assert person.conversation[0] == "Hello"
    assert any(each.startswith("nothing is kept: ") and "/proc" in each for each in person.told)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (ChatOptions(last=True, resume="a"), "--continue goes on with the last session"),
        (ChatOptions(last=True, id="a"), "--id names a new session"),
        (ChatOptions(no_store=True, last=True), "--no-store stores nothing"),
        (ChatOptions(no_store=True, store="sqlite:///a.db"), "--no-store stores nothing"),
    ],
)
def test_what_cannot_be_meant_together_is_refused(options: ChatOptions, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        options.start({})


# --- while it goes on


async def test_a_title_is_given_and_found(mock: MockServer, url: str) -> None:
    async def name() -> None:
        await talk.reopen(title="The Invoices")

    person = Person(name, "Hello", name, "More")
    talk = talking(person, mock.url, start=Start(new="s"), store=url)
    await talk.hold()
    (info,) = await stored(url)
    assert (info.title, info.turns) == ("The Invoices", 2)
    assert len(mock.bodies()[-1]["messages"]) == 3


async def test_what_fails_to_be_changed_leaves_the_session_as_it_was(
    mock: MockServer, url: str
) -> None:
    async def spoil() -> None:
        with pytest.raises(ConfigError, match="effort is low"):
            await talk.reopen(effort="some")
        with pytest.raises(ConfigError, match="there is no session 'nothing'"):
            await talk.reopen("nothing")
        with pytest.raises(ConfigError, match="effort is low"):
            await talk.begin(effort="some")

    person = Person("One", spoil, "Two")
    talk = talking(person, mock.url, start=Start(new="s"), store=url)
    await talk.hold()
    (info,) = await stored(url)
    assert (info.id, info.turns, info.holder) == ("s", 2, None)
    assert not [e for e in await events_of(url, "s") if isinstance(e, SettingsChanged)]


async def test_settings_hold_and_those_of_another_session_are_its_own(
    mock: MockServer, url: str
) -> None:
    models: list[object] = []

    async def change() -> None:
        await talk.reopen(effort="high")
        models.append(talk.config.effort)

    async def other() -> None:
        await talk.begin("other")
        await talk.reopen("s")
        models.append(talk.config.effort)

    talk = talking(Person("One", change, "Two", other), mock.url, start=Start(new="s"), store=url)
    await talk.hold()
    assert models == ["high", "high"]
    assert mock.bodies()[-1]["reasoning_effort"] == "high"
    assert [info.id for info in await stored(url)] == ["s"]


# --- what stands in the way


@asynccontextmanager
async def busy(url: str) -> AsyncIterator[Session]:
    """Another terminal, that has the session "s"."""
    async with (
        Runtime(model=model("Theirs."), store=url) as runtime,
        runtime.session("s") as session,
    ):
        await session.ask("Mine")
        yield session


async def test_a_session_that_is_open_elsewhere_is_forked(mock: MockServer, url: str) -> None:
    person = Person("And mine", answers=["fork"])
    async with busy(url):
        await held(person, mock, url, Start(resume="s"))
    assert "is held by process" in person.text
    assert [each.word for each in person.asked[0].choices] == ["fork", "wait", "no"]
    assert person.conversation[:3] == ["Mine", "Theirs.", "And mine"]
    turns = {info.id: info.turns for info in await stored(url)}
    assert (len(turns), turns.pop("s"), *turns.values()) == (2, 1, 2)


async def test_one_waits_until_it_is_free(mock: MockServer, url: str) -> None:
    person = Person("Then mine", answers=["wait"])
    async with busy(url) as theirs, anyio.create_task_group() as group:

        async def leave() -> None:
            await person.waits.wait()
            assert "waiting for session s; Ctrl-C ends that" in person.told
            await theirs.aclose()

        group.start_soon(leave)
        await held(person, mock, url, Start(resume="s"))
    assert [(info.id, info.turns) for info in await stored(url)] == [("s", 2)]


async def test_waiting_can_be_ended(mock: MockServer, url: str) -> None:
    person = Person("Never said", answers=["wait", "no"])
    async with busy(url), anyio.create_task_group() as group:

        async def stop() -> None:
            await person.waits.wait()
            assert person.stop is not None
            assert person.stop()

        group.start_soon(stop)
        await held(person, mock, url, Start(resume="s"))
    assert len(person.asked) == 2
    assert person.conversation == []


async def test_nobody_is_asked_where_nobody_is_there(
    mock: MockServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    async with busy(url):
        with pytest.raises(SessionBusy, match="is held by process"):
            await held(Person(), mock, url, Start(resume="s"))
        with pytest.raises(ConfigError, match="--resume ID names one"):
            await held(Person(), mock, url, Start(resume=PICK))


async def test_other_tools_are_listed_and_adopted(
    mock: MockServer, url: str, tmp_path: Path
) -> None:
    fill(tmp_path)
    await held(Person("Hello"), mock, url, Start(new="s"), tools=("my_tools.py:send",))
    person = Person("Never said", answers=["no"])
    await held(person, mock, url, Start(resume="s"))
    assert "  send is gone" in person.told
    assert person.conversation == []
    person = Person("More", answers=["adopt"])
    await held(person, mock, url, Start(resume="s"))
    assert "tools" not in mock.bodies()[-1]
    assert person.conversation[-2] == "More"


async def test_of_a_damaged_session_what_is_whole_goes_on(mock: MockServer, url: str) -> None:
    await held(Person("One", "Two"), mock, url, Start(new="s"))
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE events SET body = '{}' WHERE seq = 6")
    database.close()
    person = Person("Three", answers=["fork", "no"])
    await held(person, mock, url, Start(resume="s"))
    assert "its event 6 is not what was written" in person.text
    assert "what came before it is whole: 5 events" in person.told
    assert person.conversation[0] == "One"
    said = [e["content"] for e in mock.bodies()[-1]["messages"] if e["role"] == "user"]
    assert said == ["One", "Two", "Three"]
    assert len(await stored(url)) == 2


async def test_a_model_that_is_gone_is_replaced(mock: MockServer, url: str) -> None:
    await before(url, "s", "One", model=model("Answer.", name="gone"))
    person = Person("Two", picks=[0])
    await held(person, mock, url, Start(resume="s"))
    assert any("is not served" in each for each in person.told)
    assert person.offered[0].title == "openai/gpt-oss-20b"
    assert mock.bodies()[-1]["model"] == "openai/gpt-oss-20b"


# --- how it was left


async def test_a_turn_that_failed_is_gone_on_with(mock: MockServer, url: str) -> None:
    mock.script(Step(None, "x", fault="http_400"), name="bad")
    await held(Person("[[script:bad]] One"), mock, url, Start(new="s"))
    mock.script(Step(None, "It went on."), name="bad")
    person = Person(answers=["yes"])
    await held(person, mock, url, Start(resume="s"))
    assert any(each.startswith("the last turn failed: ") for each in person.told)
    assert person.conversation[-1] == "It went on."
    (info,) = await stored(url)
    assert (info.status, info.turns) == ("finished", 1)


async def test_a_call_that_waits_is_decided_and_goes_on(
    mock: MockServer, url: str, tmp_path: Path
) -> None:
    fill(tmp_path)
    send = Call("send", '{"text":"hi"}', "call_1")
    mock.script(Step("Hm.", tool_calls=(send,)), Step(None, "Sent."), name="send")
    tools = ("my_tools.py:send",)
    await held(Person("[[script:send]]", answers=[None]), mock, url, Start(new="s"), tools=tools)
    person = Person(answers=["yes"])
    await held(person, mock, url, Start(resume="s"), tools=tools)
    assert "the last turn waits for your decision" in person.told
    assert '  send(text="hi") waits for approval' in person.told
    assert person.conversation[-1] == "Sent."


async def test_a_session_that_another_terminal_has_taken_goes_on_as_a_fork(
    mock: MockServer, url: str
) -> None:
    async with AsyncExitStack() as stack:

        async def stand_still() -> None:
            """As by Ctrl-Z: nobody has renewed the lease, and another terminal has taken it."""
            with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
                database.execute("UPDATE leases SET until = 0")
            database.close()
            runtime = await stack.enter_async_context(Runtime(model=model("Theirs."), store=url))
            session = await stack.enter_async_context(runtime.resume("s"))
            await session.ask("Mine now")

        person = Person("One", stand_still, "Two", "Two again", answers=["fork"])
        await held(person, mock, url, Start(new="s"))
    assert any("drives session s now" in each or "no longer" in each for each in person.told)
    assert "your last message was not taken: say it again" in person.told
    turns = {info.id: info.turns for info in await stored(url)}
    assert (len(turns), turns.pop("s"), *turns.values()) == (2, 2, 3)
    said = [e["content"] for e in mock.bodies()[-1]["messages"] if e["role"] == "user"]
    assert said == ["One", "Mine now", "Two again"]


async def test_a_server_that_is_gone_leaves_the_conversation_to_be_read(
    mock: MockServer, url: str
) -> None:
    await held(Person("One"), mock, url, Start(new="s"))
    person = Person("Two")
    talk = talking(person, "http://127.0.0.1:9/v1", start=Start(resume="s"), store=url)
    await talk.hold()
    assert person.conversation[0] == "One"
    assert person.told[0].startswith("no server answers. Tried:\n")
    assert person.told[-1].startswith("no server at http://127.0.0.1:9/v1: ")


async def test_what_was_shown_before_is_not_counted_again(mock: MockServer, url: str) -> None:
    await held(Person("One"), mock, url, Start(new="s"))
    talk = await held(Person(), mock, url, Start(resume="s"))
    assert talk.session.state.turn == 1
    assert talk.meter.status().used == talk.session.state.usage.total_tokens


async def test_a_message_in_place_of_an_answer_is_the_next_message(
    mock: MockServer, url: str
) -> None:
    mock.script(Step(None, "x", fault="http_400"), name="bad")
    await held(Person("[[script:bad]] One"), mock, url, Start(new="s"))
    person = Person("Never asked", answers=["Something else"])
    await held(person, mock, url, Start(resume="s"))
    assert len(person.asked) == 1
    said = [e["content"] for e in mock.bodies()[-2]["messages"] if e["role"] == "user"]
    assert said == ["[[script:bad]] One", "Something else"]


async def test_a_question_is_asked_until_it_is_answered(mock: MockServer, url: str) -> None:
    person = Person(answers=["perhaps", "fork"])
    async with busy(url):
        await held(person, mock, url, Start(resume="s"))
    assert "type one of: fork, wait, no" in person.told
    assert person.conversation[0] == "Mine"
