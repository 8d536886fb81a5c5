"""What does a recorded session look like as a test? A file for pytest that passes at once."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from toolrun import errors
from toolrun.decisions import Approve, Edit
from toolrun.errors import TraceError
from toolrun.events import ApprovalDecided, ForkedFrom
from toolrun.limits import Budget, Limits, Prices
from toolrun.retries import Retries
from toolrun.state import fold
from toolrun.trace.acts import Act, Compact, Decide, Turn, Undo, decision_of
from toolrun.trace.behaviour import behaviour_of
from toolrun.trace.literals import WIDTH, Code, Made, string, written
from toolrun.trace.plan import Plan
from toolrun.transcript import to_openai
from toolrun.values import Rule, Sampling

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from toolrun.decisions import Decision
    from toolrun.trace.reader import Trace
    from toolrun.trace.turns import Call
    from toolrun.trace.turns import Turn as Done

_PLAIN: Final = (
    *("model", "instructions", "effort", "tool_choice", "profile", "verify_reasoning"),
    *("tenant", "extra_body"),
)
_STRUCTS: Final[dict[str, type[Any]]] = {
    "sampling": Sampling,
    "limits": Limits,
    "budget": Budget,
    "retries": Retries,
}
_DEFAULTS: Final[dict[str, Any]] = {"profile": "pure", "verify_reasoning": 0.0, "extra_body": {}}
_ANSWER: Final = "answer = list(events)[-1].answer"
_OF_TOOLRUN: Final = {
    *("Approve", "Budget", "Deny", "Edit", "Limits", "Prices", "Retries", "Rule", "Sampling")
}
_OF_TESTING: Final = {"assert_called", "assert_not_called", "assert_order", "stand_ins"}


class Tools(Struct, frozen=True):
    """The tools of the test: an expression, and what it needs imported.

    Attributes:
        imports: by module, the names.
        expression: what stands behind `tools=`; None for stand-ins.
    """

    imports: dict[str, list[str]] = {}
    expression: str | None = None


def to_test(trace: Trace, file: str, tools: Tools) -> str:
    """The text of a test of a trace, which lies beside the test.

    Args:
        trace: of the session.
        file: the name of its file.
        tools: of the test.

    Raises:
        TraceError: the session cannot be replayed, or not from its begin to its end.
    """
    return _Written(trace, file, tools).text()


class _Written:
    """A test that is being written."""

    def __init__(self, trace: Trace, file: str, tools: Tools) -> None:
        self._plan = plan = Plan.from_trace(trace)
        if plan.unfinished or not plan.acts:
            raise TraceError("the trace ends in the middle of a turn: no test can see its end")
        if any(isinstance(event, ForkedFrom) for event in plan.history):
            raise TraceError("the session is a fork: make a test of the one that it comes from")
        self._events = trace.events
        turns = behaviour_of(trace.events).turns
        self._turns = [turn for turn in turns if turn.status is not None]
        self._file = file
        self._tools = tools
        self._body: list[str] = []

    def text(self) -> str:
        """The whole file."""
        self._body += self._session()
        turn = -1
        for number, act in enumerate(self._plan.acts):
            if isinstance(act, Turn) and act.text is not None:
                turn += 1
                self._body += [""] if number else []
            self._body += list(self._act(act))
            if isinstance(act, Turn) and self._is_last_of_turn(number):
                self._body += list(_asserted(self._turns[turn], act))
        head = self._head("\n".join(self._body))
        return "\n".join([*head, *self._body]) + "\n"

    def _is_last_of_turn(self, number: int) -> bool:
        """Whether the turn of an act is over with it."""
        later = [act for act in self._plan.acts[number + 1 :] if isinstance(act, Turn)]
        return not later or later[0].text is not None

    def _head(self, body: str) -> list[str]:
        approver = self._approver()
        shown = "\n".join(approver)
        # What a text quotes is no name, and so the code is asked, not its letters.
        used = {
            node.id
            for node in ast.walk(ast.parse(f"{shown}\ndef test() -> None:\n{body}"))
            if isinstance(node, ast.Name)
        }
        imports = {
            "toolrun": used & _OF_TOOLRUN,
            "toolrun.decisions": used & {"Decision"},
            "toolrun.errors": used
            & {_error(act) for act in self._plan.acts if isinstance(act, Turn)},
            "toolrun.integrations.pytest.fixtures": {"OpenSession"},
            "toolrun.testing": used & _OF_TESTING,
            "toolrun.values": used & {"ToolCall"},
        }
        imports = {name: found for name, found in imports.items() if found}
        imports |= {name: set(found) for name, found in self._tools.imports.items()}
        name = re.sub(r"\W+", "_", self._file.removesuffix(".gz").removesuffix(".jsonl"))
        return [
            f'"""{_inert(self._file)} as a test. Made by toolrun trace to-test."""',
            "",
            "from pathlib import Path",
            "",
            "import pytest",
            *(_import(module, sorted(names)) for module, names in sorted(imports.items())),
            "",
            f"TRACE = Path(__file__).with_name({string(self._file)})",
            *approver,
            "",
            "",
            "@pytest.mark.trace(TRACE)",
            f"def test_{name.strip('_').lower()}(toolrun_session: OpenSession) -> None:",
        ]

    def _session(self) -> list[str]:
        settings = self._plan.opened.settings
        options: list[tuple[str, Any]] = []
        for name in _PLAIN:
            value = settings.get(name)
            if value is not None and value != _DEFAULTS.get(name):
                options.append((name, value))
        for name, kind in _STRUCTS.items():
            if (made := _made(kind, settings.get(name) or {})) is not None:
                options.append((name, made))
        if self._plan.opened.tools:
            options.append(("tools", Code(self._tools.expression or "stand_ins(TRACE)")))
        if self._plan.approves:
            options.append(("approve", Code("approve")))
        if self._plan.history:
            said = to_openai(fold(self._plan.history).transcript)
            options.append(("messages", said))
        opened = Made("toolrun_session.sync", options)
        return written(opened, "with ", " as session:", 1).split("\n")

    def _approver(self) -> list[str]:
        """What decides as it was decided while turns ran."""
        if not self._plan.approves:
            return []
        acts = {act.call_id for act in self._plan.acts if isinstance(act, Decide)}
        decisions = {
            event.call_id: _decision(decision_of(event))
            for event in self._events
            if isinstance(event, ApprovalDecided) and event.call_id not in acts
        }
        return [
            *written(decisions, "DECISIONS: dict[str, Decision] = ").split("\n"),
            "",
            "",
            "async def approve(call: ToolCall) -> Decision:",
            '    """Decide as it was decided."""',
            "    return DECISIONS[call.id]",
        ]

    def _act(self, act: Act) -> Iterator[str]:
        if isinstance(act, Undo):
            yield "        session.undo()"
            return
        if isinstance(act, Compact):
            yield "        session.compact()"
            return
        if isinstance(act, Decide):
            made = Made("session.decide", [("", act.call_id), ("", _decision(act.decision))])
            yield written(made, depth=2)
            return
        arguments: list[tuple[str, Any]] = [] if act.text is None else [("", act.text)]
        if act.output is not None:
            arguments.append(("output", act.output))
        raises = f"pytest.raises({_error(act)})" if act.status == "failed" else ""
        method = "session.ask" if act.text is not None else "session.go_on"
        if act.stream:
            method = "session.stream" if act.text is not None else "session.stream_on"
            before = f"with {raises}, " if raises else "with "
            yield written(Made(method, arguments), before, " as events:", 2)
            yield f"            {'list(events)' if raises else _ANSWER}"
        elif raises:
            yield f"        with {raises}:"
            yield written(Made(method, arguments), depth=3)
        else:
            yield written(Made(method, arguments), "answer = ", depth=2)


def _import(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])


def _asserted(turn: Done, act: Turn) -> Iterator[str]:
    """What is seen of a turn, where it has an answer to look at."""
    if act.status == "failed":
        return
    ran = [call for call in turn.calls if call.ran is not None]
    for name, wrote, times in _counted(ran):
        arguments: list[tuple[str, Any]] = [("", Code("answer")), ("", name)]
        arguments += [("", wrote)] if wrote else []
        arguments += [("times", times)] if times > 1 else []
        yield written(Made("assert_called", arguments), depth=2)
    for name in dict.fromkeys(call.name for call in turn.calls):
        if name and name not in {call.name for call in ran}:
            yield written(Made("assert_not_called", [("", Code("answer")), ("", name)]), depth=2)
    if len({call.name for call in ran}) > 1:
        names: list[tuple[str, Any]] = [("", call.name) for call in ran]
        yield written(Made("assert_order", [("", Code("answer")), *names]), depth=2)
    if act.status == "finished":
        yield written(turn.answer, "assert answer.text == ", "", 2)
        return
    yield f"        assert answer.status == {string(str(act.status))}"


def _counted(calls: Sequence[Call]) -> Iterator[tuple[str, dict[str, Any] | None, int]]:
    """The different calls as the model wrote them, in order, each with how often it was made."""
    left = [(call.name, call.parsed) for call in calls]
    while left:
        first = left[0]
        yield *first, left.count(first)
        left = [each for each in left if each != first]


def _decision(decision: Decision) -> Made:
    match decision:
        case Approve(scope=Rule() as rule):
            scope: Any = Made("Rule", [("", rule.tool)])
            if rule.arguments:
                scope = Made("Rule", [("", rule.tool), ("", rule.arguments)])
            return Made("Approve", [("", scope)])
        case Approve():
            return Made("Approve", [])
        case Edit(arguments):
            return Made("Edit", [("", arguments)])
        case _:
            return Made("Deny", [("", decision.reason)] if decision.reason else [])


def _error(turn: Turn) -> str:
    """The name of what a failed turn raises."""
    name = (turn.stop.error if turn.stop is not None else "").partition(":")[0]
    return name if hasattr(errors, name) else "Exception"


def _made(kind: type[Any], recorded: dict[str, Any]) -> Made | None:
    """A struct of settings with the fields that are not its defaults; None where none is."""
    default = msgspec.to_builtins(kind())
    named = _named(kind, recorded)
    fields = {name: value for name, value in named.items() if value != default.get(name)}
    if isinstance(prices := fields.get("prices"), dict):
        fields["prices"] = Made("Prices", list(_named(Prices, prices).items()))
    return Made(kind.__name__, list(fields.items())) if fields else None


def _named(kind: type[Any], recorded: Any) -> dict[str, Any]:
    """What a trace says of a struct of settings.

    Raises:
        TraceError: that is none. Its names stand in the test as they are, and a trace may be
            anybody's: one that is no field would be code.
    """
    fields = kind.__struct_fields__
    if not isinstance(recorded, dict) or any(name not in fields for name in recorded):
        raise TraceError(f"line 2: the settings can't be used: they hold no {kind.__name__}", 2)
    return recorded


def _inert(text: str) -> str:
    """A text that can stand in a docstring and does not end it."""
    return "".join(
        f"\\{each}" if each in '"\\' else each if each.isprintable() else repr(each)[1:-1]
        for each in text
    )
