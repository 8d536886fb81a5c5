"""How does a person decide on a call that waits?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from toolrun.cli import screen as s
from toolrun.cli.exits import Interrupted
from toolrun.decisions import Approve, Deny, Edit
from toolrun.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolrun.cli.keyboard import Reader
    from toolrun.cli.screen import Screen
    from toolrun.decisions import Decision
    from toolrun.events import ApprovalRequested
    from toolrun.session import Session

CHOICES: Final = (
    "y: run it; a: run it, and that tool from now on; e: change the arguments; n or a reason: deny"
)


async def decide(
    session: Session,
    pending: Sequence[ApprovalRequested],
    reader: Reader,
    screen: Screen,
    where: Mapping[str, str],
) -> bool:
    """Ask about each call that waits; False where one is left undecided (Ctrl-D).

    Args:
        session: is told the decisions.
        pending: what waits; their arguments have been shown in full.
        reader: gives the person's words.
        screen: shows the questions.
        where: where each tool runs, by its name.

    Raises:
        Interrupted: Ctrl-C.
    """
    for request in pending:
        place = where.get(request.name, "nowhere known")
        screen.line(s.QUESTION, f"{request.name} would run: {place}. {CHOICES}")
        try:
            if not await _decide(session, request, reader, screen):
                return False
        except KeyboardInterrupt:
            raise Interrupted from None
    return True


async def _decide(
    session: Session, request: ApprovalRequested, reader: Reader, screen: Screen
) -> bool:
    """Ask until the session takes what was decided; False where nothing was."""
    while True:
        said = await reader.read("run it? ", remember=False)
        if said is None:
            return False
        try:
            if said.strip():  # a slip of the Enter key decides nothing
                await session.decide(request.call_id, await _decision(said, request, reader))
                return True
        except ConfigError as error:
            screen.line(s.WARNING, str(error))


async def _decision(said: str, request: ApprovalRequested, reader: Reader) -> Decision:
    match said.strip().lower():
        case "y" | "yes":
            return Approve()
        case "a" | "always":
            return Approve("session")
        case "n" | "no":
            return Deny()
        case "e" | "edit":
            return await _edit(request, reader)
        case _:
            return Deny(said.strip())


async def _edit(request: ApprovalRequested, reader: Reader) -> Decision:
    """The decision to run the call with arguments that the person writes.

    Raises:
        ConfigError: they are no JSON object, or nothing came.
    """
    before = msgspec.json.encode(request.arguments).decode()
    text = await reader.read("arguments: ", remember=False, text=before)
    try:
        return Edit(msgspec.json.decode(text or "", type=dict[str, Any]))
    except msgspec.MsgspecError as error:
        raise ConfigError(f"the arguments are no JSON object: {error}") from error
