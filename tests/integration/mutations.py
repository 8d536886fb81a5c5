"""Which regressions must a strict replay catch, and what does it say of each?

A mutation changes what toolrun does (functions of its own are replaced), or what the program around
it does: its options, its tools. `Took` counts how often it really took place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import Struct, structs

from tests.integration.recorded import INSTRUCTIONS, TOOLS, options, page, send, slow, word_count
from toolrun import Deny, Limits, Sampling, ServerError, state, step, tool, turn
from toolrun.events import AssistantMessage, TextDelta, ToolCallFinished, TurnUndone
from toolrun.journal import Journal
from toolrun.models import chat_body
from toolrun.models.given import message_of
from toolrun.tools import definition
from toolrun.tools.toolbox import Toolbox
from toolrun.tools.validation import parse
from toolrun.transcript import ToolMessage
from toolrun.values import Usage

if TYPE_CHECKING:
    import pytest

    from toolrun import Decision, ToolCall
    from toolrun.events import Durable, Event

Options: TypeAlias = dict[str, Any]


class Took:
    """How often a mutation took place."""

    def __init__(self) -> None:
        self.times = 0

    def place(self, value: Any = None) -> Any:
        """Count, and hand on."""
        self.times += 1
        return value


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


# ---- toolrun's own doing ----


def drop_reasoning(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = chat_body._message

    def bare(*args: Any) -> tuple[bytes, bytes]:
        without, full = real(*args)
        if full != without:
            took.place()
        return without, without

    patch.setattr(chat_body, "_message", bare)


def keep_reasoning(patch: pytest.MonkeyPatch, took: Took) -> None:
    patch.setattr(step, "reasoning_kept_from", lambda _: took.place(0))


def reorder_messages(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = step.Sampler._attempt

    async def swapped(self: Any, journal: Any, request: Any, attempt: int) -> Any:
        messages = list(request.messages)
        if len(messages) > 3:
            messages[-1], messages[-2] = took.place((messages[-2], messages[-1]))
        return await real(self, journal, structs.replace(request, messages=messages), attempt)

    patch.setattr(step.Sampler, "_attempt", swapped)


def change_argument(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = Toolbox._arguments

    def other(self: Any, tool: Any, call: Any, decided: Any) -> Any:
        arguments = real(self, tool, call, decided)
        return took.place({"path": "b.txt"}) if "path" in arguments else arguments

    patch.setattr(Toolbox, "_arguments", other)


def loosen_schemas(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = definition.Tool.to_openai

    def loose(self: Any) -> Any:
        schema = real(self)
        parameters = {**schema["function"]["parameters"], "additionalProperties": True}
        took.place()
        return {**schema, "function": {**schema["function"], "parameters": parameters}}

    patch.setattr(definition.Tool, "to_openai", loose)


def lose_chunk(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = Journal.observe

    def lossy(self: Any, event: Event) -> None:
        if isinstance(event, TextDelta) and event.text == " moment":
            took.place()
            return
        real(self, event)

    patch.setattr(Journal, "observe", lossy)


def swap_chunks(patch: pytest.MonkeyPatch, took: Took) -> None:
    real, other = Journal.observe, {"One": " moment", " moment": "One"}

    def swapping(self: Any, event: Event) -> None:
        if isinstance(event, TextDelta) and event.text in other:
            event = took.place(structs.replace(event, text=other[event.text]))
        real(self, event)

    patch.setattr(Journal, "observe", swapping)


def cut_results(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = state.State._outcome

    def outcome(self: Any, event: ToolCallFinished) -> None:
        before = len(self.transcript)
        real(self, event)
        for index, message in enumerate(self.transcript[before:], before):
            if len(message.content) > 1000:
                shorter = structs.replace(message, content=took.place(message.content[:1000]))
                self.transcript[index] = shorter

    patch.setattr(state.State, "_outcome", outcome)


def results_as_they_come(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = state.State._outcome

    def outcome(self: Any, event: ToolCallFinished) -> None:
        before = len(self.transcript)
        real(self, event)
        new = self.transcript[before:]
        if len(new) > 1:
            ended = list(self.results)
            self.transcript[before:] = took.place(sorted(new, key=lambda m: ended.index(m.call_id)))

    patch.setattr(state.State, "_outcome", outcome)


def _in_head(patch: pytest.MonkeyPatch, took: Took, **changes: Any) -> None:
    real = chat_body._new_head
    patch.setattr(
        chat_body,
        "_new_head",
        lambda request: real(took.place(structs.replace(request, **changes))),
    )


def drop_effort(patch: pytest.MonkeyPatch, took: Took) -> None:
    _in_head(patch, took, effort=None)


def drop_temperature(patch: pytest.MonkeyPatch, took: Took) -> None:
    _in_head(patch, took, sampling=Sampling())


def drop_instructions(patch: pytest.MonkeyPatch, took: Took) -> None:
    _in_head(patch, took, instructions=None)


def _in_message(
    patch: pytest.MonkeyPatch, change: Callable[[AssistantMessage], AssistantMessage]
) -> None:
    patch.setattr(step, "message_of", lambda said, model: change(message_of(said, model)))


def new_call_ids(patch: pytest.MonkeyPatch, took: Took) -> None:
    def renamed(message: AssistantMessage) -> AssistantMessage:
        calls = tuple(
            structs.replace(call, id=took.place(f"call_{number}"))
            for number, call in enumerate(message.tool_calls)
        )
        return structs.replace(message, tool_calls=calls)

    _in_message(patch, renamed)


def lose_usage(patch: pytest.MonkeyPatch, took: Took) -> None:
    _in_message(patch, lambda message: structs.replace(message, usage=took.place(Usage())))


def run_calls_twice(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = turn.run_call

    async def twice(current: Any, call: Any, checked: Any) -> None:
        await real(current, call, checked)
        if call.name == "word_count" and call.id in current.journal.state.started:
            took.place()
            await real(current, call, checked)

    patch.setattr(turn, "run_call", twice)


def validate_nothing(patch: pytest.MonkeyPatch, took: Took) -> None:
    patch.setattr(
        Toolbox,
        "_arguments",
        lambda _self, tool, call, _decided: took.place(parse(tool.name, call.arguments)),
    )


def ask_nobody(patch: pytest.MonkeyPatch, took: Took) -> None:
    patch.setattr("toolrun.tools.toolbox._asks", lambda *_: bool(took.place(0)))


def skip_retries(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = step.Sampler._attempt

    async def once(self: Any, journal: Any, request: Any, attempt: int) -> Any:
        try:
            return await real(self, journal, request, attempt)
        except ServerError as error:
            raise RuntimeError(took.place("the first failure ends the turn")) from error

    patch.setattr(step.Sampler, "_attempt", once)


def lose_note(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = turn._note
    patch.setattr(turn, "_note", lambda *args: took.place("") if real(*args) else "")


def end_otherwise(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = turn.end_turn

    async def parked(journal: Any, status: Any, error: Any = None) -> None:
        await real(journal, took.place("limited") if status == "finished" else status, error)

    patch.setattr(turn, "end_turn", parked)


def lose_undo(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = Journal.record

    async def record(self: Any, event: Durable) -> None:
        before = self.state.transcript
        await real(self, event)
        if isinstance(event, TurnUndone):
            self.state.transcript = took.place(before)

    patch.setattr(Journal, "record", record)


def own_clock(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = Journal._place

    def later(self: Any, event: Any, *place: int) -> Any:
        placed = real(self, event, *place)
        return structs.replace(placed, time=took.place(placed.time + 3600))

    patch.setattr(Journal, "_place", later)


def own_id(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = Journal._place

    def renamed(self: Any, event: Any, *place: int) -> Any:
        return structs.replace(real(self, event, *place), session=took.place("another"))

    patch.setattr(Journal, "_place", renamed)


def keep_last_result(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = step.Sampler._attempt

    async def without_last(self: Any, journal: Any, request: Any, attempt: int) -> Any:
        messages = list(request.messages)
        if isinstance(messages[-1], ToolMessage):
            took.place(messages.pop())
        return await real(self, journal, structs.replace(request, messages=messages), attempt)

    patch.setattr(step.Sampler, "_attempt", without_last)


# ---- the program around it ----


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
    Mutation("reasoning is dropped", "toolrun", drop_reasoning, "reasoning", 2, "message 2"),
    Mutation("reasoning is kept too long", "toolrun", keep_reasoning, "reasoning", 4, "message 2"),
    Mutation("messages are reordered", "toolrun", reorder_messages, "tool_call_id", 2, "'c3'"),
    Mutation("a result is not sent", "toolrun", keep_last_result, "messages", 2, "missing"),
    Mutation("an argument is changed", "toolrun", change_argument, "arguments.path", 1, "b.txt"),
    Mutation(
        "schemas are loosened",
        "toolrun",
        loosen_schemas,
        "tools[0].function.parameters.additionalProperties",
        0,
        "seen true",
    ),
    Mutation("a chunk is lost", "toolrun", lose_chunk, "", 0, "TextDelta.* does not tell of it"),
    Mutation("two chunks are swapped", "toolrun", swap_chunks, "text", 2, "'One', seen ' moment'"),
    Mutation("a result is cut shorter", "toolrun", cut_results, "content", 3, "message"),
    Mutation(
        "results stand as they came", "toolrun", results_as_they_come, "tool_call_id", 2, "c1"
    ),
    Mutation("the effort is dropped", "toolrun", drop_effort, "reasoning_effort", 1, "'high'"),
    Mutation("the temperature is dropped", "toolrun", drop_temperature, "temperature", 1, "0.5"),
    Mutation(
        "the instructions are dropped", "toolrun", drop_instructions, "role", 1, "instructions"
    ),
    Mutation("ids of calls are new", "toolrun", new_call_ids, "tool_calls[0].id", 1, "call_0"),
    Mutation("the usage is lost", "toolrun", lose_usage, "usage.prompt_tokens", 1, "nothing"),
    Mutation("a call runs twice", "toolrun", run_calls_twice, "type", 1, "'ToolCallStarted'"),
    Mutation("arguments are not validated", "toolrun", validate_nothing, "type", 1, "CallStarted"),
    Mutation("nobody is asked", "toolrun", ask_nobody, "type", 2, "ApprovalRequested"),
    Mutation("nothing is sampled again", "toolrun", skip_retries, "type", 7, "Retried"),
    Mutation("a note is lost", "toolrun", lose_note, "note", 6, "note"),
    Mutation("a turn ends otherwise", "toolrun", end_otherwise, "status", 3, "'limited'"),
    Mutation(
        "what is undone stays",
        "toolrun",
        lose_undo,
        "content",
        10,
        "message 18 .*Thank you.*Never mind",
    ),
    Mutation("the clock is the machine's", "toolrun", own_clock, "time", 0, "time"),
    Mutation("the id is drawn anew", "toolrun", own_id, "session", 0, "'another'"),
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
