"""How does a person decide on a call that waits?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from toolrun.cli import screen as s
from toolrun.decisions import Approve, Deny

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from toolrun.cli.keyboard import Reader
    from toolrun.cli.screen import Screen
    from toolrun.decisions import Decision
    from toolrun.events import ApprovalRequested
    from toolrun.session import Session

CHOICES: Final = "y: run it; a: run it, and that tool from now on; n or a reason: deny"


async def decide(
    session: Session,
    pending: Sequence[ApprovalRequested],
    reader: Reader,
    screen: Screen,
    where: Mapping[str, str],
) -> bool:
    """Ask about each call that waits; False where one is left undecided (Ctrl-C, Ctrl-D).

    Args:
        session: is told the decisions.
        pending: what waits; their arguments have been shown in full.
        reader: gives the person's words.
        screen: shows the questions.
        where: where each tool runs, by its name.
    """
    for request in pending:
        place = where.get(request.name, "nowhere known")
        screen.line(s.QUESTION, f"{request.name} would run: {place}. {CHOICES}")
        decision = await _decision(reader)
        if decision is None:
            screen.line(s.NOTE, "left undecided; your next message goes on without it")
            return False
        await session.decide(request.call_id, decision)
    return True


async def _decision(reader: Reader) -> Decision | None:
    while True:
        try:
            said = await reader.read("run it? ", remember=False)
        except KeyboardInterrupt:
            return None
        if said is None:
            return None
        match said.strip().lower():
            case "":
                continue  # a slip of the Enter key decides nothing
            case "y" | "yes":
                return Approve()
            case "a" | "always":
                return Approve("session")
            case "n" | "no":
                return Deny()
            case _:
                return Deny(said.strip())
