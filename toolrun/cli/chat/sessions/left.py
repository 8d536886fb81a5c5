"""How was a session left, and what of its last turn is still to be done?"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from toolrun.cli.chat.face import Choice, Question
from toolrun.cli.render import call_text, shortened
from toolrun.cli.screen import WARNING
from toolrun.events import AssistantMessage
from toolrun.trace.shown import counted

if TYPE_CHECKING:
    from toolrun.cli.chat.conversation import Conversation
    from toolrun.state import State
    from toolrun.values import ToolCall

_ENDED: Final = {
    "parked": "waits for your decision",
    "limited": "stopped at a limit",
    "cancelled": "was stopped",
    "failed": "failed",
}
_CUT_OFF: Final = {
    "rerun": "it runs again",
    "key": "it runs again, with the same key",
    "ask": "you are asked whether it runs again",
    "never": "it does not run again, and the model is told",
}
_GO_ON: Final = (
    Choice("y", "yes", "go on where it stopped"),
    Choice("n", "no", "leave it: your next message ends it"),
)
_ARGUMENTS: Final = 200


def left_of(state: State) -> list[str]:
    """What a turn that has no answer left behind, a line each; none where there is nothing."""
    last = state.transcript[-1] if state.transcript else None
    if state.running and isinstance(last, AssistantMessage) and not last.tool_calls:
        return []  # the answer is there, such as of messages that were loaded
    if state.running:
        where = "while its calls ran" if state.open_calls else "while the model was answering"
        head = f"the last turn was cut off: its process ended {where}"
    elif state.finished is not None and (how := _ENDED.get(state.finished.status)):
        why = state.finished.error or state.finished.reason
        if state.limit is not None:
            why = f"{state.limit.limit} = {state.limit.value:g}"
        head = f"the last turn {how}{f': {why}' if why else ''}"
    else:
        return []
    calls = [f"  {_left(call, state)}" for call in state.open_calls]
    done = len(state.calls) - len(calls)
    if done:
        calls.append(f"  {counted(done, 'call')} of the same step finished, and will not run again")
    return [head, *calls]


def _left(call: ToolCall, state: State) -> str:
    """What became of a call without an outcome."""
    if (waits := state.pending.get(call.id)) is not None:
        return f"{call_text(call.name, waits.arguments)} waits for approval"
    if (began := state.started.get(call.id)) is not None:
        then = _CUT_OFF.get(state.on_crash.get(call.name, "ask"), _CUT_OFF["ask"])
        return f"{call_text(call.name, began.arguments)} began; its outcome is unknown: {then}"
    return f"{call.name} {shortened(call.arguments, _ARGUMENTS)} has not begun"


def is_asked(talk: Conversation) -> bool:
    """Whether a person is there: the next line of a pipe is a message, not an answer."""
    return talk.face.asks and sys.stdin.isatty()


async def chosen(talk: Conversation, question: Question) -> str | None:
    """The word of a choice, asked until one is typed; None: nothing was decided."""
    words = [each.word for each in question.choices]
    while True:
        said = await talk.face.ask(question)
        if said is None or said in words:
            return said
        talk.face.say(f"type one of: {', '.join(words)}")


async def offer(talk: Conversation) -> None:
    """Say how the open session was left, and go on with its turn where that is wanted."""
    state = talk.session.state
    lines = left_of(state)
    if not lines:
        return
    for line in lines:
        talk.face.say(line, WARNING)
    if not is_asked(talk):
        talk.face.say("your next message ends that turn; `toolrun run --resume` goes on with it")
    elif state.pending and not state.running:
        await _decide(talk)
    else:
        said = await talk.face.ask(Question("go on with it?", _GO_ON))
        if said == "yes":
            await talk.turn(talk.session.stream_on())
            return
        talk.face.say("left as it is; your next message ends it")
        if said not in (None, "no"):  # it was that message
            talk.face.prefill(said)


async def _decide(talk: Conversation) -> None:
    from toolrun.cli.chat.approving import decides

    if await decides(talk, tuple(talk.session.state.pending.values())):
        await talk.turn(talk.session.stream_on())
    else:
        talk.face.say("left undecided; your next message goes on without it")
