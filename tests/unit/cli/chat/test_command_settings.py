"""Do commands change the model, its effort, its text, what tools may touch and which calls run?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.rig.mock import Call, Step
from tests.unit.cli.chat.talking import talking
from toolrun.cli.chat.commands.profile import added_by
from toolrun.cli.screen import WARNING
from toolrun.errors import ConfigError
from toolrun.sandbox import load_profile
from toolrun.values import Rule

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.rig.mock import MockServer


async def test_model_lists_what_is_served_and_goes_on_with_another(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path) as say:
        await say("First.")
        assert f"{mock.model}  this one" in await say("/model")
        assert f"no model 'openai/gpt-oss-02b' is served; did you mean {mock.model}?" in await say(
            "/model openai/gpt-oss-02b"
        )
        assert f"the model is {mock.model} already" in await say(f"/model {mock.model}")
        assert say.talk.config.model == mock.model


async def test_a_switch_that_fails_leaves_the_conversation_as_it_was(
    mock: MockServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def served(*which: object) -> list[str]:
        del which
        return [mock.model, "another"]

    monkeypatch.setattr("toolrun.cli.chat.commands.changing._served", served)
    async with talking(mock, tmp_path, kept=True) as say:
        await say("First.")
        session = say.talk.session.id
        connections = say.talk.runtime._models
        real = connections.of

        def of(options: Any) -> Any:
            if options.get("model") == "another":
                raise ConfigError("this one cannot be had")
            return real(options)

        monkeypatch.setattr(connections, "of", of)
        assert await say("/model another") == "this one cannot be had"
        assert await say("/retry --model another") == "this one cannot be had"
        assert "no model 'other' is served" in await say("/retry --model other")
        assert say.talk.session.id == session
        assert say.talk.config.model == mock.model
        await say("Second.")
        assert say.said[::2] == ["First.", "Second."]


async def test_effort_holds_from_the_next_message_on(mock: MockServer, tmp_path: Path) -> None:
    async with talking(mock, tmp_path) as say:
        assert "the server's default" in await say("/effort")
        assert "from the next message on" in await say("/effort high")
        await say("First.")
        assert "effort: high" in await say("/effort")
        assert "did you mean medium?" in await say("/effort meduim")
        await say("/effort default")
        await say("Second.")
    efforts = [each.get("reasoning_effort") for each in mock.bodies()]
    assert efforts == ["high", None]


async def test_the_system_text_is_shown_set_edited_and_cleared(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path) as say:
        assert "there is no system text" in await say("/system")
        await say("/system Answer in French.\nAlways.")
        assert await say("/system") == "system text\nAnswer in French.\nAlways."
        await say("First.")
        say.face.edits = [lambda text: text.replace("French", "German"), lambda _: None]
        await say("/system edit")
        await say("Second.")
        assert "as it was" in await say("/system edit")
        await say("/system clear")
        await say("Third.")
        assert say.said[::2] == ["First.", "Second.", "Third."]
    told = [each["messages"][0] for each in mock.bodies()]
    assert told[0]["content"] == "Answer in French.\nAlways."
    assert told[1]["content"] == "Answer in German.\nAlways."
    assert told[2]["role"] == "user"


async def test_a_narrower_profile_is_taken_a_wider_one_is_asked_for(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path, profile="workspace-ro", workspace=tmp_path) as say:
        await say("First.")
        seen = await say("/profile")
        assert "workspace-ro: " in seen
        assert "send (TRUSTED, in this process)" in seen
        assert "workspace-ro (this one)" in await say("/profile list")
        assert "no sandbox profile 'prue' (did you mean 'pure'?)" in await say("/profile prue")

        assert "from now on, which adds nothing" in await say("/profile pure")
        assert say.face.questions == []
        assert say.talk.config.profile == "pure"

        say.face.answers = [None, "no", "yes"]
        for _ in range(2):
            seen = await say("/profile workspace")
            assert 'workspace adds workspace = "writable", instead of "none"' in seen
            assert say.face.styles[0] == WARNING
            assert "the profile is pure, as it was" in seen
            assert say.talk.config.profile == "pure"
        assert "the profile is workspace from now on" in await say("/profile workspace")
        assert say.talk.config.profile == "workspace"
        assert [each.profile for each in say.talk.tools] == [None, "workspace"]
        assert say.said[0] == "First."


def test_what_a_profile_adds_is_all_that_it_gives_more() -> None:
    pure = load_profile("pure")
    assert list(added_by(pure, pure)) == []
    table = {"extends": "pure", "wall_seconds": 1, "env": {"TOKEN": "x"}}
    assert list(added_by(pure, load_profile(table))) == ["environment variables: TOKEN"]
    more = {
        "extends": "pure",
        "widen": ["memory_bytes", "network", "hosts"],
        "memory_bytes": 8 << 30,
        "network": "allow-list",
        "hosts": ["*.example.com:443"],
    }
    assert list(added_by(pure, load_profile(more))) == [
        'network = "allow-list", instead of "none"',
        "memory_bytes = 8 GiB, instead of 512 MiB",
        'hosts = ["*.example.com:443"], instead of []',
    ]


async def test_what_was_approved_is_asked_about_again_where_it_can_do_more(
    mock: MockServer, tmp_path: Path
) -> None:
    async with talking(mock, tmp_path, profile="workspace-ro", workspace=tmp_path) as say:
        rules = [Rule("send", {"to": "a"}), Rule("count"), Rule("c*", {"path": "a"})]
        await say.talk.session.allow(*rules)
        await say("/profile pure")
        assert say.talk.session.allowed == rules  # it gives less

        say.face.answers = ["no", "yes"]
        await say("/profile workspace")
        assert say.talk.session.allowed == rules
        seen = await say("/profile workspace")
        assert "asked about again: count\nasked about again: c* path=a" in seen
        assert say.talk.session.allowed == rules[:1]  # in no sandbox, before and after


async def test_calls_are_allowed_by_a_pattern_and_asked_about_again(
    mock: MockServer, tmp_path: Path
) -> None:
    mock.script(
        Step("Hm.", tool_calls=(Call("send", '{"to":"a@acme.com"}'),)), Step("Done.", "Sent.")
    )
    async with talking(mock, tmp_path) as say:
        assert "these ask: send" in await say("/approve")
        assert "no tool 'sned'; did you mean send?" in await say("/approve sned")
        assert "send has no argument 'too'; did you mean to?" in await say("/approve send too=x")
        assert "'acme' is no ARGUMENT=PATTERN" in await say("/approve send acme")
        assert say.talk.session.allowed == []

        seen = await say("/approve send to=*@acme.com")
        assert "runs without a question from now on: send to=*@acme.com" in seen
        assert "in no sandbox: send" in seen
        await say("/approve send copies=2")
        assert say.talk.session.allowed == [
            Rule("send", {"to": "*@acme.com"}),
            Rule("send", {"copies": 2}),
        ]
        await say("Send it.")
        assert say.face.questions == []
        assert say.said[-1] == "Sent."

        await say("/effort low")  # it outlives a change of the settings
        assert "1  send to=*@acme.com\n2  send copies=2" in await say("/approve")
        assert "a number from 1 to 2, or all" in await say("/approve remove 3")
        assert "asked about again: send to=*@acme.com" in await say("/approve remove 1")
        assert say.talk.session.allowed == [Rule("send", {"copies": 2})]
        await say("/approve remove all")
        assert say.talk.session.allowed == []
