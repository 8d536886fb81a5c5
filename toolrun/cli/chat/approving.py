"""How does a person decide on the calls that wait?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.cli.chat.face import Choice, Question
from toolrun.cli.screen import WARNING
from toolrun.decisions import Approve, Deny, Edit
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.cli.chat.conversation import Conversation
    from toolrun.decisions import Decision
    from toolrun.events import ApprovalRequested

_CHOICES: Final = (
    Choice("y", "yes", "run it"),
    Choice("a", "always", "run it, and that tool from now on"),
    Choice("e", "edit", "change the arguments"),
    Choice("n", "no", "deny"),
)


async def decides(talk: Conversation, pending: Sequence[ApprovalRequested]) -> bool:
    """Ask about each call that waits; False where one is left undecided."""
    where = {each.name: each.where for each in talk.tools}
    for request in pending:
        place = where.get(request.name, "nowhere known")
        question = Question(f"{request.name} would run: {place}.", _CHOICES)
        decided = False
        while not decided:
            said = await talk.face.ask(question)
            if said is None:
                return False
            if not said.strip():  # a slip of the Enter key decides nothing
                continue
            try:
                await talk.session.decide(request.call_id, await _decision(talk, said, request))
                decided = True
            except ConfigError as error:
                talk.face.say(str(error), WARNING)
    return True


async def _decision(talk: Conversation, said: str, request: ApprovalRequested) -> Decision:
    match said.strip():
        case "yes":
            return Approve()
        case "always":
            return Approve("session")
        case "no":
            return Deny()
        case "edit":
            before = msgspec.json.encode(request.arguments).decode()
            text = await talk.face.ask(Question("arguments:", default=before))
            try:
                return Edit(msgspec.json.decode(text or "", type=dict[str, Any]))
            except msgspec.MsgspecError as error:
                raise ConfigError(f"the arguments are no JSON object: {error}") from error
        case _:
            return Deny(said.strip())
