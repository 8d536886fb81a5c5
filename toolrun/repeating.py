"""How often has a turn made the same call, and what is said about it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.events import Warned

if TYPE_CHECKING:
    from toolrun.journal import Journal
    from toolrun.state import State
    from toolrun.tools.toolbox import Toolbox
    from toolrun.values import ToolCall

WARN_FROM = 3
"""The same call is remarked upon from this time on."""


def repeats(call: ToolCall, toolbox: Toolbox, state: State) -> int:
    """How often the turn has made this call; 0 where its tool may be called again and again."""
    return 0 if toolbox.repeatable(call) else state.repeats(call.id)


def repeated(journal: Journal, toolbox: Toolbox, most: int) -> bool:
    """Whether an open call has been made too often; warn of those that are on the way there."""
    state, highest = journal.state, 0
    for call in state.open_calls:
        count = repeats(call, toolbox, state)
        if count >= WARN_FROM:
            journal.report(
                Warned("repeated-call", f"{call.name}: the same call for the {_nth(count)} time")
            )
        highest = max(highest, count)
    return highest >= most


def refusal(name: str, most: int) -> str:
    """What the model is told instead of a result, the last time."""
    return f"{name} was not run: this is the same call for the {_nth(most)} time."


def note(count: int, most: int) -> str:
    """What the model is told beside the result of a call that it makes again and again."""
    if count < WARN_FROM:
        return ""
    return (
        f"[This is the {_nth(count)} time that you make the same call. Its result above is all "
        f"that it gives: go on with it, or do something else; the turn ends with the {_nth(most)}.]"
    )


def _nth(count: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(0 if count // 10 % 10 == 1 else count % 10, "th")
    return f"{count}{ending}"
