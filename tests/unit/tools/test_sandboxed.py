"""Is a call handed to a box with all that belongs to it, and its end told in the right words?"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from structlog.testing import capture_logs

from toolrun import ConfigError, SandboxUnavailable, ToolCall, ToolResult
from toolrun.sandbox.job import Completed, Outcome
from toolrun.sandbox.layer.layer import Kept
from toolrun.tools.command import Command, parse_words
from toolrun.tools.context import CallContext
from toolrun.tools.decorator import Options
from toolrun.tools.definition import Tool, define
from toolrun.tools.listener import Listener
from toolrun.tools.sandboxed import SandboxRunner
from toolrun.tools.work import Need
from toolrun.values import FileChange

CALL = ToolCall("a", "f", "{}")
SECRET = "sk-0123456789"
CONTEXT = CallContext("s", "acme", "a", "s.1.1.a", 7.5, object(), {"KEY": SECRET})
CHANGED = Kept(changes=(FileChange(path=f"of-{SECRET}", change="created"),))


def f(x: int) -> int:
    """Runs in a box."""
    return x


def with_context(x: int, context: CallContext) -> int:
    """Runs in a box, and knows its call."""
    return x


class Box:
    """A sandbox that keeps what it is given, and ends calls as it is told to."""

    def __init__(self, ends: Any = None, fallback: str | None = None) -> None:
        self.fallback = fallback
        self.given: list[Any] = []
        self.says: list[tuple[str, str]] = []
        self._ends = ends

    async def _ended(self, *given: Any, **named: Any) -> Any:
        self.given.append((given, named))
        for stream, text in self.says:
            named["on_output"](stream, text)
        if isinstance(self._ends, Exception):
            raise self._ends
        return self._ends

    call = run = warm = _ended


class Boxes:
    """Opens the sandboxes of a runtime."""

    def __init__(self, *boxes: Box) -> None:
        self.living = object()
        self.opened_with: list[Any] = []
        self._boxes = list(boxes)

    async def opened(self, *given: Any) -> Box:
        self.opened_with.append(given)
        return self._boxes.pop(0) if len(self._boxes) > 1 else self._boxes[0]


def runner(boxes: Boxes, profile: str = "pure", workspace: Path | None = None) -> SandboxRunner:
    return SandboxRunner(cast("Any", boxes), profile, workspace, "bubblewrap")


def boxed(function: Any = f, **options: Any) -> Tool:
    return define(function, Options(**options))


def printing(**options: Any) -> Tool:
    command = Command(parse_words(["p", "{x}"]), parse_words(["<{x}>"])[0], frozenset(), {})  # type: ignore[arg-type]
    return msgspec.structs.replace(boxed(**options), command=command)


async def run(
    tool: Tool, box: Box, listener: Listener | None = None, **arguments: Any
) -> ToolResult:
    given = arguments or {"x": 1}
    return await runner(Boxes(box)).run(tool, CALL, given, CONTEXT, listener or Listener())


# ---- functions ----


async def test_a_box_gets_the_function_its_arguments_and_whose_it_is() -> None:
    box = Box(Outcome(status="ok", value=msgspec.Raw(b"1")))
    boxes = Boxes(box)
    tool = boxed(timeout=5, python="/venv")
    await runner(boxes, workspace=Path("/w")).run(tool, CALL, {"x": 1}, CONTEXT, Listener())

    assert boxes.opened_with == [("pure", Path("/w"), "of the session", "bubblewrap")]
    [((job,), named)] = box.given
    assert (job.file, job.module, job.qualname) == (__file__, __name__, "f")
    assert (job.arguments, job.objects, job.python) == (b'{"x":1}', {}, "/venv")
    assert named["timeout"] == 5
    assert named["env"] == {"TOOLRUN_IDEMPOTENCY_KEY": "s.1.1.a", "KEY": SECRET}
    assert named["tenant"] == "tenant acme"


async def test_a_profile_of_the_tools_own_is_told_as_the_tools() -> None:
    boxes = Boxes(Box(Outcome(status="ok", value=msgspec.Raw(b"1"))))
    await runner(boxes).run(boxed(profile="python"), CALL, {"x": 1}, CONTEXT, Listener())

    assert boxes.opened_with == [("python", None, "of tool f", "bubblewrap")]
    assert runner(boxes).profile_of(boxed(profile="python")) == "python"
    assert runner(boxes).profile_of(boxed()) == "pure"
    assert runner(boxes).living is boxes.living


async def test_a_box_gets_what_the_function_may_know_of_its_call() -> None:
    box = Box(Outcome(status="ok", value=msgspec.Raw(b"1")))
    await run(boxed(with_context), box)

    [((job,), _)] = box.given
    [(name, made)] = job.objects.items()
    module, kind, given = msgspec.structs.astuple(made)
    assert (name, module, kind) == ("context", "toolrun.tools.context", "CallContext")
    assert given == {
        "session": "s",
        "tenant": "acme",
        "call_id": "a",
        "idempotency_key": "s.1.1.a",
        "deadline": 7.5,
        "secrets": {"KEY": SECRET},
    }
    assert type(given["secrets"]) is dict


async def test_what_a_function_returns_is_masked_and_cut() -> None:
    value = msgspec.Raw(msgspec.json.encode(f"{SECRET} " + "x" * 500))
    outcome = Outcome(status="ok", value=value, seconds=1.23456789, kept=CHANGED)
    result = await run(boxed(max_output=200), Box(outcome))

    assert (result.outcome, result.seconds) == ("ok", 1.234568)
    assert result.content.startswith("[secret KEY] xxx")
    assert len(result.content) < 300
    assert SECRET not in result.note
    assert result.note == CHANGED.note.replace(SECRET, "[secret KEY]")


async def test_nothing_returned_is_null() -> None:
    assert (await run(boxed(), Box(Outcome(status="ok")))).content == "null"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("exception", "error"),
        ("timeout", "timeout"),
        ("crash", "crash"),
        ("output_limit", "crash"),
        ("memory_limit", "crash"),
    ],
)
async def test_how_a_call_ended_is_a_result(status: Any, outcome: str) -> None:
    ended = Outcome(status=status, error=f"E: {SECRET}", seconds=0.5, kept=CHANGED)
    result = await run(boxed(), Box(ended))
    bare = await run(boxed(), Box(Outcome(status=status)))

    assert (result.outcome, result.seconds) == (outcome, 0.5)
    assert "E: [secret KEY]" in result.content
    assert result.content.startswith("f ")
    assert "[secret KEY]" in result.note
    assert status in bare.content


async def test_what_a_function_raised_is_logged_without_secrets() -> None:
    ended = Outcome(status="exception", error="E", traceback=f"line 1: {SECRET}")
    with capture_logs() as logs:
        await run(boxed(), Box(ended))
        await run(boxed(), Box(Outcome(status="timeout", error="E")))

    assert logs == [
        {
            "event": "tool raised",
            "log_level": "warning",
            "tool": "f",
            "call": "a",
            "traceback": "line 1: [secret KEY]",
        }
    ]


async def test_what_a_box_prints_is_told_without_secrets_and_values_are_cut() -> None:
    told: list[tuple[str, str]] = []
    box = Box(Outcome(status="ok", value=msgspec.Raw(b"1")))
    box.says = [("stdout", "x" * 300), ("progress", "y" * 300), ("stderr", f"{SECRET}!")]
    listener = Listener(lambda stream, text: told.append((stream, text)))
    await run(boxed(max_output=200), box, listener)

    assert told[0] == ("stdout", "x" * 300)
    assert told[1][0] == "progress"
    assert 0 < len(told[1][1]) < 300
    assert told[2:] == [("stderr", "[secret KEY]!")]


# ---- commands ----


def completed(status: Any = "ok", exit_status: int | None = 0, **more: Any) -> Completed:
    streams = {"stdout": b"", "stderr": b"", **more}
    return Completed(status=status, exit=exit_status, seconds=1.23456789, kept=CHANGED, **streams)


async def test_a_box_gets_the_command_line() -> None:
    box = Box(completed(stdout=f"{SECRET} \xff".encode("latin-1")))
    result = await run(printing(timeout=5, python="/venv"), box)

    [((argv,), named)] = box.given
    assert argv == ["p", "1"]
    assert named["input"] == b"<1>"
    assert (named["timeout"], named["python"]) == (5, "/venv")
    assert named["env"] == {"TOOLRUN_IDEMPOTENCY_KEY": "s.1.1.a", "KEY": SECRET}
    assert named["tenant"] == "tenant acme"
    assert (result.content, result.outcome) == ("[secret KEY] \ufffd", "ok")
    assert result.seconds == 1.234568
    assert result.note == CHANGED.note.replace(SECRET, "[secret KEY]")


async def test_a_command_that_arguments_do_not_fit_is_not_run() -> None:
    box = Box()
    result = await run(printing(), box, x="-r")

    assert box.given == []
    assert result.outcome == "invalid"
    assert result.content.startswith("f was not run: x must not begin with '-'")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"stderr": f"no {SECRET}\n".encode(), "stdout": b"out"}, "status 3: no [secret KEY]"),
        ({"stdout": b" out \xff\n"}, "status 3: out \ufffd"),
        ({}, "status 3"),
        ({"stderr": b"a" + b"b" * 4000}, "status 3: " + "b" * 4000),
    ],
)
async def test_an_exit_status_is_an_error(more: Any, said: str) -> None:
    result = await run(printing(), Box(completed(exit_status=3, **more)))

    assert (result.outcome, result.seconds) == ("error", 1.234568)
    assert f"p ended with {said}" in result.content
    assert "bbbbab" not in result.content
    assert "[secret KEY]" in result.note


@pytest.mark.parametrize(("status", "outcome"), [("timeout", "timeout"), ("memory_limit", "crash")])
async def test_a_command_that_a_limit_ended(status: Any, outcome: str) -> None:
    result = await run(printing(), Box(completed(status, None, error="it was too much")))
    bare = await run(printing(), Box(completed(status, None)))

    assert (result.outcome, result.seconds) == (outcome, 1.234568)
    assert "it was too much" in result.content
    assert status in bare.content


async def test_what_a_command_prints_is_cut() -> None:
    for exit_status in (0, 3):
        box = Box(completed(exit_status=exit_status, stdout=b"x" * 5000))
        assert len((await run(printing(max_output=200), box)).content) < 300


# ---- what is opened, and when ----


def working(*needs: Need) -> Tool:
    return msgspec.structs.replace(boxed(), work=cast("Any", SimpleNamespace(needs=needs)))


async def test_a_tool_is_prepared_by_opening_what_it_needs() -> None:
    assert await runner(Boxes(Box(fallback="why"))).prepare(boxed()) == "why"
    boxes = Boxes(Box(), Box(fallback="first"), Box(fallback="second"))
    needs = Need("pure"), Need("python", Path("/n")), Need("net")
    told = await runner(boxes, workspace=Path("/w")).prepare(working(*needs))

    assert told == "first"
    assert boxes.opened_with == [
        ("pure", Path("/w"), "of tool f", "bubblewrap"),
        ("python", Path("/n"), "of tool f", "bubblewrap"),
        ("net", Path("/w"), "of tool f", "bubblewrap"),
    ]
    assert await runner(Boxes(Box())).prepare(working(Need("pure"))) is None


async def test_a_tool_that_works_on_a_folder_needs_one() -> None:
    boxes, shows = Boxes(Box()), Need("workspace-ro")
    with pytest.raises(ConfigError) as raised:
        await runner(boxes).sandbox(boxed(), shows)

    assert str(raised.value) == (
        "tool f works on a folder, and the session has none: name one (--workspace . on the "
        "command line, Session(workspace=...))"
    )
    await runner(boxes).sandbox(boxed(), Need("workspace-ro", Path("/n")))
    await runner(boxes, workspace=Path("/w")).sandbox(boxed(), shows)
    await runner(boxes).sandbox(boxed(), Need("pure"))
    assert [each[:2] for each in boxes.opened_with] == [
        ("workspace-ro", Path("/n")),
        ("workspace-ro", Path("/w")),
        ("pure", None),
    ]


async def test_a_box_is_warmed_for_a_function_and_not_for_a_built_in_tool() -> None:
    box = Box()
    await runner(Boxes(box)).warm(boxed(secrets=["KEY"], python="/venv"), "tenant acme")
    await runner(Boxes(box)).warm(working(Need("pure")), "tenant acme")
    without = msgspec.structs.replace(printing(), source=None)
    await runner(Boxes(box)).warm(without, None)

    [((job,), named), ((nothing,), more)] = box.given
    assert (job.qualname, job.python) == ("f", "/venv")
    assert named == {"tenant": "tenant acme", "env": ("KEY",)}
    assert (nothing, more["tenant"]) == (None, None)


@pytest.mark.parametrize("error", [SandboxUnavailable("no"), ConfigError("no"), OSError("no")])
async def test_what_fails_while_a_box_is_warmed_is_the_calls_own_to_tell(error: Exception) -> None:
    await runner(Boxes(Box(error))).warm(boxed(), None)


async def test_a_bug_while_a_box_is_warmed_is_not_hidden() -> None:
    with pytest.raises(KeyError):
        await runner(Boxes(Box(KeyError("x")))).warm(boxed(), None)
