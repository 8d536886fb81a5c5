"""Does the model's python run in a box of its own, and what is left between two calls?"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.unit.tools.builtin.asking import results
from toolrun import Boxes, Limits, Repaired, Runtime, Session, ToolDefinitionError
from toolrun.errors import ConfigError
from toolrun.testing import ScriptedModel, call, calls, replay_trace
from toolrun.tools.builtin import python

if TYPE_CHECKING:
    from pathlib import Path

    from toolrun import ToolResult
    from toolrun.events import AssistantMessage

NEW = "[This is a new interpreter"
GONE = "What earlier calls defined is gone."


def run(code: str) -> AssistantMessage:
    return call("python", {"code": code})


def said(found: list[ToolResult]) -> list[tuple[str, str]]:
    return [(result.outcome, result.content) for result in found]


async def test_what_it_prints_is_the_result_and_nothing_is_left_for_the_next_call() -> None:
    found = await results(
        run("x = 41\nprint(x)\nopen('left', 'w').write('x')"),
        run("import os\nprint('x' in globals(), os.listdir('.').count('left'))\nx"),
        run("5"),
        run("import sys\nprint('out'); print('err', file=sys.stderr)"),
        run("raise SystemExit(3)"),
        tools=[python()],
    )

    assert found[0].content == "41"
    assert found[1].outcome == "error"
    assert found[1].content.startswith("False 0\nTraceback (most recent call last):")
    assert found[1].content.endswith("NameError: name 'x' is not defined")
    assert said(found[2:]) == [
        ("ok", "The code ran and printed nothing. Print what you want to see."),
        ("ok", "out\nerr"),
        ("error", "The code ended with status 3 and printed nothing."),
    ]


async def test_it_is_bounded_and_reaches_nothing() -> None:
    reach = "import socket\nprint('tried')\nsocket.create_connection(('127.0.0.1', 9), 1)"
    (endless,) = await results(run("while True: pass"), tools=[python(timeout=0.3)])
    found = await results(
        run("print('x' * 100_000)"),
        run(reach),
        run("import os\nprint(sorted(os.environ), os.path.exists('/root/.ssh'))"),
        tools=[python(max_output=1_000)],
    )

    assert endless.outcome == "timeout"
    assert endless.content.startswith("python gave no result: did not finish within 0.3 s")
    assert found[0].outcome == "ok"
    assert "bytes left out" in found[0].content
    assert len(found[0].content) < 1_100
    assert found[1].content.startswith("tried\nTraceback")
    assert "Connection refused" in found[1].content or "unreachable" in found[1].content
    assert "SSH" not in found[2].content
    assert found[2].content.endswith("False")


async def test_code_without_its_json_is_understood(tmp_path: Path) -> None:
    model = ScriptedModel(
        call("python", "print('{}'.format(6 * 7))"), call("python", '"print(2)"'), "Done."
    )
    async with (
        Session(model=model, tools=[python()]) as session,
        session.stream("Go.") as events,
    ):
        seen = [event async for event in events]
        first, second = session.transcript[2], session.transcript[4]

    assert [event.what for event in seen if isinstance(event, Repaired)] == ["arguments"] * 2
    assert (first.content, second.content) == ("42", "2")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("print(1)", "print(1)"),
        ("{'a': 1}['a']", "{'a': 1}['a']"),
        ("{}['a']", "{}['a']"),
        ("7", "7"),
        ('{"code": "print(', None),
        ('{"co', None),
        ('```json\n{"code": "x"', None),
        ('{"code": "1"}', None),
        ("", None),
        ("  ", None),
    ],
)
def test_code_is_told_from_arguments_that_were_cut_off(text: str, code: str | None) -> None:
    from toolrun.tools.repair import mend_bare
    from toolrun.tools.validation import parse

    mended = mend_bare(text, "code")

    assert (None if mended is None else parse("python", mended)) == (
        None if code is None else {"code": code}
    )


async def test_variables_live_on_and_the_last_value_is_shown() -> None:
    found = await results(
        run("import math\nx = 6\ndef f(n): return n * x"),
        run("f(7)"),
        run("print(x); open('kept', 'w').write('k'); None"),
        run("class A: pass\nopen('kept').read(), __name__, _"),
        run("1 / 0"),
        run("import sys; sys.exit('bye')"),
        run("def g():\n    raise ValueError('<|end|>')\ng()"),
        run("x +"),
        run("x"),
        tools=[python(stateful=True)],
    )

    assert said(found[:4]) == [
        ("ok", "The code ran and printed nothing."),
        ("ok", "42"),
        ("ok", "6"),
        ("ok", "('k', '__main__', 42)"),
    ]
    assert found[4].outcome == "error"
    assert "ZeroDivisionError" in found[4].content
    assert "SystemExit: bye" in found[5].content
    assert "raise ValueError('<|end|>')" in found[6].content  # a traceback with its lines
    assert "notebook" not in found[6].content
    assert "SyntaxError" in found[7].content
    assert found[8].content == "6"


@pytest.mark.parametrize(
    ("code", "outcome", "why"),
    [
        ("while True: pass", "timeout", "it did not finish within 2 s and was stopped"),
        ("import os; print('so far', flush=True); os._exit(7)", "crash", "ended with status 7"),
        ("import os; os.kill(os.getpid(), 9)", "crash", "its process ended"),
        ("print('x' * 3_000_000)", "crash", "printed more than 1048576 bytes"),
    ],
)
async def test_what_ends_the_interpreter_is_said_and_the_next_one_says_that_it_is_new(
    code: str, outcome: str, why: str
) -> None:
    # The time of a call is also that of its box's start.
    tool = python(stateful=True, timeout=2 if outcome == "timeout" else 20, max_output=2_000)
    found = await results(run("x = 1"), run(code), run("x"), tools=[tool])

    assert found[1].outcome == outcome
    assert why in found[1].content
    assert found[1].content.endswith(GONE)
    assert found[2].content.startswith(NEW)
    assert "NameError" in found[2].content
    if "so far" in code:
        assert found[1].content.startswith("so far\n")


async def test_no_session_sees_what_another_defined_also_of_one_tenant() -> None:
    tool = python(stateful=True)  # one object for all
    secret = run("secret = 'hunter2'\nimport os\nopen('/tmp/s', 'w').write(secret)\nprint('kept')")
    look = run("import os\nprint('looked', 'secret' in globals(), os.path.exists('/tmp/s'))")
    async with (
        Runtime(tools=[tool], tenant="acme") as runtime,
        runtime.session("1", model=ScriptedModel(secret, look, "Done.")) as one,
    ):
        assert (await one.ask("Go.")).tool_calls[1].result.content == "looked True True"  # type: ignore[union-attr]
        # The same id, the same tenant: still another session.
        async with runtime.session("1", model=ScriptedModel(look, "Done.")) as other:
            seen = (await other.ask("Go.")).tool_calls[0].result
    assert seen is not None
    assert seen.content == "looked False False"


async def test_it_ends_with_its_session() -> None:
    model = ScriptedModel(run("import os, time\nprint(os.getpid())"), "Done.")
    async with Runtime(tools=[python(stateful=True)]) as runtime:
        async with runtime.session(model=model) as session:
            await session.ask("Go.")
            assert _boxes() == 1
        assert _boxes() == 0


def _boxes() -> int:
    """The interpreters below this process that run the notebook."""
    import os
    from pathlib import Path

    found, waiting = 0, [os.getpid()]
    while waiting:
        for child in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            for pid in child.read_text().split():
                waiting.append(int(pid))
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                found += b"notebook does" in command and b"bwrap" not in command
    return found


async def test_a_cancelled_turn_ends_it_and_another_begins() -> None:
    model = ScriptedModel(
        run("x = 1\nwhile True: pass"), "Cut.", run("print('x' in globals())"), "Done."
    )
    tool = python(stateful=True)
    async with Session(model=model, tools=[tool], limits=Limits(seconds=0.6)) as session:
        assert (await session.ask("Go.")).status == "limited"
    model = ScriptedModel(run("x = 1"), run("x"), "Done.")
    async with Session(model=model, tools=[tool]) as session:
        answer = await session.ask("Go.")
    assert [c.result.content for c in answer.tool_calls if c.result][1] == "1"


async def test_what_was_undone_is_not_there_and_a_fork_has_an_interpreter_of_its_own() -> None:
    look = run("print('x' in globals())")
    model = ScriptedModel(run("x = 1"), "Set.", look, "Looked.")
    async with Session(model=model, tools=[python(stateful=True)]) as session:
        await session.ask("Set it.")
        async with session.fork(model=ScriptedModel(*["-"] * 2, look, "Done.")) as fork:
            forked = (await fork.ask("Look.")).tool_calls[0].result
        await session.undo()
        undone = (await session.ask("Look.")).tool_calls[0].result
    assert forked is not None
    assert undone is not None
    assert forked.content.startswith(NEW)
    assert forked.content.endswith("False")
    assert undone.content.startswith(NEW)
    assert undone.content.endswith("False")


async def test_sessions_that_wait_give_way_to_those_that_work() -> None:
    tool = python(stateful=True)
    script = (run("x = 1"), "Set.", run("print('x' in globals())"), "Done.")
    async with (
        Runtime(tools=[tool], boxes=Boxes(running=4)) as runtime,  # one may stay
        runtime.session(model=ScriptedModel(*script)) as one,
        runtime.session(model=ScriptedModel(*script)) as two,
    ):
        await one.ask("Go.")
        await two.ask("Go.")
        assert _boxes() == 1
        first = (await one.ask("Again.")).tool_calls[0].result
    assert first is not None
    assert first.content.startswith(NEW)
    assert first.content.endswith("False")


async def test_calls_of_one_message_come_one_after_another() -> None:
    wait = "import time; n = globals().get('n', 0); time.sleep(0.01); n += 1; print(n)"
    wrong = call("python", {"cod": "x"})
    found = await results(
        calls(run(wait), wrong, run(wait), run(wait)), tools=[python(stateful=True)]
    )

    assert [result.content for result in found if result.outcome == "ok"] == ["1", "2", "3"]


async def test_it_is_built_in_and_a_replay_knows(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    model = ScriptedModel(run("print(1)"), "Done.")
    async with Session(model=model, tools=[python()], trace=trace) as session:
        await session.ask("Go.")
        settings = session.state.settings

    assert settings["builtins"] == ("python",)
    assert [request.builtins for request in model.requests] == [("python",)] * 2
    assert model.requests[0].tools[0]["function"]["name"] == "python"
    report = await replay_trace(trace)
    assert report.turns == 1


def test_options_that_cannot_be_are_refused() -> None:
    with pytest.raises(ToolDefinitionError, match="timeout must be"):
        python(timeout=0)
    with pytest.raises(ToolDefinitionError, match="stateful needs a profile"):
        python(stateful=True, profile="workspace")
    with pytest.raises(ConfigError):
        python(stateful=True, profile="nowhere")


def test_without_a_loop() -> None:
    with Session.sync(
        model=ScriptedModel(run("x = 2"), run("x"), "Done."), tools=[python(stateful=True)]
    ) as session:
        answer = session.ask("Go.")

    assert [c.result.content for c in answer.tool_calls if c.result][1] == "2"


async def test_a_session_that_nobody_closed_leaves_no_process(anyio_backend: str) -> None:
    session = Session(model=ScriptedModel(run("x = 1"), "Done."), tools=[python(stateful=True)])
    held = [session]
    await session.__aenter__()
    await session.ask("Go.")
    assert _boxes() == 1
    del session
    with pytest.warns(ResourceWarning, match="never closed"):
        _drop(held)
    with anyio.fail_after(5):
        while _boxes():  # noqa: ASYNC110 - it ends by itself, and nobody is told
            await anyio.sleep(0.01)


def _drop(held: list[Session]) -> None:
    held.clear()
    gc.collect()
