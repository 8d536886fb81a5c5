"""Which regressions must a strict replay catch, and what does it say of each?

A mutation changes what toolrun does (`regressions.py`), or what the program around it does: its
options, its tools.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import Struct

from tests.integration import regressions
from tests.integration.recorded import INSTRUCTIONS, TOOLS, options, page, send, slow, word_count
from tests.integration.regressions import Took
from toolrun import Deny, Limits, tool

if TYPE_CHECKING:
    import pytest

    from toolrun import Decision, ToolCall

Options: TypeAlias = dict[str, Any]
Mutate: TypeAlias = Callable[["pytest.MonkeyPatch", Took], Options | None]


class Mutation(Struct, frozen=True):
    """A regression.

    Attributes:
        name: in the table of the docs.
        where: whether it is toolrun that changed, or the program that uses it.
        mutate: makes it; options that it gives take the place of the program's.
        field: what `ReplayMismatch.field` says.
        request: which request it is found in; 0 where it is in none.
        says: a regular expression for the message.
        tools: where the results come from.
    """

    name: str
    where: Literal["toolrun", "program"]
    mutate: Mutate
    field: str
    request: int
    says: str
    tools: Literal["trace", "live"] = "trace"


@tool(trusted=True, name="word_count")
async def count_lines(path: str, lines: bool = False) -> int:  # noqa: FBT001, FBT002
    """Count the words of a text file."""
    raise AssertionError((path, lines))


@tool(trusted=True, name="word_count")
async def described(path: str) -> int:
    """Count the words of any file."""
    raise AssertionError(path)


@tool(trusted=True, name="word_count")
async def miscount(path: str) -> int:
    """Count the words of a text file."""
    return len(path) + 1


@tool(trusted=True)
async def new_tool() -> str:
    """Be new."""
    raise AssertionError


async def deny(_: ToolCall) -> Decision:
    return Deny("not today")


def _program(**changes: Any) -> Mutate:
    def mutate(_: pytest.MonkeyPatch, took: Took) -> Options:
        before = options()
        assert all(before.get(name) != changes[name] for name in changes)
        return took.place(changes)  # type: ignore[no-any-return]

    return mutate


MUTATIONS: Final = (
    Mutation(
        "reasoning is dropped", "toolrun", regressions.drop_reasoning, "reasoning", 2, "message 2"
    ),
    Mutation(
        "reasoning is kept too long",
        "toolrun",
        regressions.keep_reasoning,
        "reasoning",
        4,
        "message 2",
    ),
    Mutation(
        "messages are reordered", "toolrun", regressions.reorder_messages, "tool_call_id", 2, "'c3'"
    ),
    Mutation(
        "a result is not sent", "toolrun", regressions.keep_last_result, "messages", 2, "missing"
    ),
    Mutation(
        "an argument is changed",
        "toolrun",
        regressions.change_argument,
        "arguments.path",
        1,
        "b.txt",
    ),
    Mutation(
        "schemas are loosened",
        "toolrun",
        regressions.loosen_schemas,
        "tools[0].function.parameters.additionalProperties",
        0,
        "seen true",
    ),
    Mutation(
        "a chunk is lost",
        "toolrun",
        regressions.lose_chunk,
        "",
        0,
        "TextDelta.* does not tell of it",
    ),
    Mutation(
        "two chunks are swapped",
        "toolrun",
        regressions.swap_chunks,
        "text",
        2,
        "'One', seen ' moment'",
    ),
    Mutation(
        "a result is cut shorter", "toolrun", regressions.cut_results, "content", 3, "message"
    ),
    Mutation(
        "results stand as they came",
        "toolrun",
        regressions.results_as_they_come,
        "tool_call_id",
        2,
        "c1",
    ),
    Mutation(
        "the effort is dropped", "toolrun", regressions.drop_effort, "reasoning_effort", 1, "'high'"
    ),
    Mutation(
        "the temperature is dropped",
        "toolrun",
        regressions.drop_temperature,
        "temperature",
        1,
        "0.5",
    ),
    Mutation(
        "the instructions are dropped",
        "toolrun",
        regressions.drop_instructions,
        "role",
        1,
        "instructions",
    ),
    Mutation(
        "ids of calls are new", "toolrun", regressions.new_call_ids, "tool_calls[0].id", 1, "call_0"
    ),
    Mutation(
        "the usage is lost", "toolrun", regressions.lose_usage, "usage.prompt_tokens", 1, "nothing"
    ),
    Mutation(
        "a call runs twice",
        "toolrun",
        regressions.run_calls_twice,
        "type",
        1,
        "seen ToolCallStarted of ",
    ),
    Mutation(
        "arguments are not validated",
        "toolrun",
        regressions.validate_nothing,
        "type",
        1,
        "CallStarted",
    ),
    Mutation("nobody is asked", "toolrun", regressions.ask_nobody, "type", 2, "ApprovalRequested"),
    Mutation("nothing is sampled again", "toolrun", regressions.skip_retries, "type", 7, "Retried"),
    Mutation("a note is lost", "toolrun", regressions.lose_note, "note", 6, "note"),
    Mutation(
        "a turn ends otherwise", "toolrun", regressions.end_otherwise, "status", 3, "'limited'"
    ),
    Mutation(
        "what is undone stays",
        "toolrun",
        regressions.lose_undo,
        "content",
        10,
        "message 18 .*Thank you.*Never mind",
    ),
    Mutation("the clock is the machine's", "toolrun", regressions.own_clock, "time", 0, "time"),
    Mutation("the id is drawn anew", "toolrun", regressions.own_id, "session", 0, "'another'"),
    Mutation(
        "another tool schema",
        "program",
        _program(tools=[count_lines, slow, send, page]),
        "tools[0].function.parameters.properties.lines",
        0,
        "boolean",
    ),
    Mutation(
        "another description",
        "program",
        _program(tools=[described, slow, send, page]),
        "tools[0].function.description",
        0,
        "of any file",
    ),
    Mutation("one more tool", "program", _program(tools=[*TOOLS, new_tool]), "tools[4]", 0, "new_"),
    Mutation(
        "tools in another order",
        "program",
        _program(tools=[slow, word_count, send, page]),
        "tools[0].function.name",
        0,
        "'slow'",
    ),
    Mutation("another model", "program", _program(model="other"), "settings.model", 0, "other"),
    Mutation(
        "other instructions",
        "program",
        _program(instructions=INSTRUCTIONS + " Be kind."),
        "settings.instructions",
        0,
        "Be kind",
    ),
    Mutation(
        "another limit",
        "program",
        _program(limits=Limits(steps=7)),
        "settings.limits.steps",
        0,
        "expected 20, seen 7",
    ),
    Mutation(
        "another result",
        "program",
        _program(tools=[miscount, slow, send, page]),
        "content",
        1,
        "expected '5', seen '6'",
        "live",
    ),
    Mutation("another decision", "program", _program(approve=deny), "decision", 2, "'deny'"),
)
