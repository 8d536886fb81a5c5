"""What could toolrun come to do wrong? Functions of its own are replaced, as a bug would be there.

Each takes a `Took`, which counts how often the change really took place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import structs

from toolrun import Sampling, ServerError, ending, repeating, state, step, turn
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
    from collections.abc import Callable

    import pytest

    from toolrun.events import Durable, Event


class Took:
    """How often a mutation took place."""

    def __init__(self) -> None:
        self.times = 0

    def place(self, value: Any = None) -> Any:
        """Count, and hand on."""
        self.times += 1
        return value


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
    real = repeating.note
    patch.setattr("toolrun.turn.note", lambda *args: took.place("") if real(*args) else "")


def end_otherwise(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = ending.end_turn

    async def parked(journal: Any, status: Any, error: Any = None) -> None:
        await real(journal, took.place("limited") if status == "finished" else status, error)

    patch.setattr("toolrun.turn.end_turn", parked)


def lose_undo(patch: pytest.MonkeyPatch, took: Took) -> None:
    real = Journal.record

    async def record(self: Any, event: Durable) -> None:
        before = self.state.transcript
        await real(self, event)
        if isinstance(event, TurnUndone):
            self.state.transcript = self.state.sent = took.place(before)

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
